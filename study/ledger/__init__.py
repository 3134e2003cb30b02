"""The ledger: which trials exist, in an Optuna storage."""
