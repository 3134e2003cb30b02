"""Where histories come from: tables, event files, MLflow; each as a row per trial, seed and step."""
