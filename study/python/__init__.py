"""Studies from Python: run one, load one, and look at it in a notebook."""
