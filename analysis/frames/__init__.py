"""The only door in: MLflow's runs and histories as pandas frames."""
