"""Many trials: the study file, the search, the schedule, and the way of the results to MLflow."""
