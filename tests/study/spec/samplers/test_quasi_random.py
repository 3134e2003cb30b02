"""Quasi-random search draws the same trials for the same seed, and each half of a range as often."""

from __future__ import annotations

from ganstudy.study.ledger.samplers import preview
from ganstudy.study.spec.reader import parse_study

TEXT = """
name = "s"
data = { name = "ring" }
train = { budget = { updates = 10 } }
[search]
sampler = "quasi_random"
trials = 16
[search.space]
lr_d = { low = 1e-4, high = 1e-2, log = true }
"""


def test_a_range_is_filled_evenly() -> None:
    drawn = [list(preview(parse_study(TEXT, "s.toml"), 16)) for _ in range(2)]
    assert drawn[0] == drawn[1]
    low = sum(float(params["lr_d"]) < 1e-3 for params in drawn[0])
    assert 6 <= low <= 10
