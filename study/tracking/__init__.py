"""The only door out: results on their way to MLflow."""
