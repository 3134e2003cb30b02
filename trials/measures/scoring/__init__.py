"""From samples to scores: the evaluator of a study's trials and that of `ganstudy score`."""
