"""How the configurations of a study are drawn: a file per sampler."""
