"""Losses that become infinite, for real: plain gradient descent on least squares with steps ever too long."""

from __future__ import annotations

import pytest

from ganstudy.analysis.frames.load import load_study

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
STUDY = """
name = "steps"
[data]
name = "ring"
[model]
latent_dim = 8
width = 32
[train]
loss = "least_squares"
optimiser = "sgd"
batch_size = 32
seeds = [0, 1, 2]
budget = { generator_steps = 100 }
evaluations = 3
[measures]
samples = 200
game_steps = 0
[search]
sampler = "grid"
trials = 3
[search.space]
lr_d = [0.3, 0.75, 3.0]
lr_g = 0.75
[schedule]
name = "fifo"
"""


def test_diverged_seeds_are_rows_and_no_winner_and_the_others_finish(operator) -> None:
    operator.write(STUDY)
    code, output = operator.run()
    assert code == 0 and "Traceback" not in output, output
    rows = {row["params"]["lr_d"]: row for row in operator.rows("steps").values()}
    assert {row["state"] for row in rows.values()} == {"complete"}
    diverged = {lr: row["verdicts"].get("diverged", 0) for lr, row in rows.items()}
    assert diverged[0.3] == 0 and 0 < diverged[0.75] < 3 and diverged[3.0] == 3, diverged
    assert rows[0.3]["feasible"] is (not {"collapsed", "cycling"} & set(rows[0.3]["verdicts"]))
    assert not rows[0.75]["feasible"] and not rows[3.0]["feasible"], "a constraint for the search"
    assert rows[3.0]["objective"] is None, "no number is made up"
    study = load_study("steps", operator.home.tracking_uri(None))
    numbers = {lr: row["number"] for lr, row in rows.items()}
    partly = study.evaluations[study.evaluations["number"] == numbers[0.75]]
    per_seed = partly.groupby("seed")["finite"].agg(["all", "size"])
    assert (per_seed["size"] == 3).all() and per_seed["all"].sum() == 3 - diverged[0.75]
    assert "diverged" in output
    assert operator.home.study("steps").report.exists()
