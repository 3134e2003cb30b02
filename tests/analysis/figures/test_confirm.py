"""The figure of fresh scores: that no seed is missing from it, whatever became of it."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from ganstudy.analysis.figures.confirm import fresh_scores

NAN = float("nan")


def drawn(measure: str, scores: list[float], verdicts: list[str]) -> dict[str, list[float]]:
    """Positions of the seeds by the name of their trace."""
    table = pd.DataFrame(
        {
            "name": ["a"],
            "score": [2.0],
            "score_low": [1.0],
            "score_high": [math.inf],
            "search_score": [1.5],
            "num_seeds": [len(scores)],
            "failed": [1],
        }
    )
    seeds = pd.DataFrame({"name": "a", "seed": range(len(scores)), "score": scores})
    figure = fresh_scores(table, seeds.assign(verdict=verdicts), measure, None)
    return {trace.name: list(trace.x) for trace in figure.data if "seeds" in trace.name}


def test_every_seed_is_there_and_failed_ones_are_told_apart() -> None:
    verdicts = ["converged", "collapsed", "diverged", "cycling", "unknown"]
    found = drawn("fid", [1.0, 5.0, NAN, 3.0, 2.0], verdicts)
    assert found["single fresh seeds"] == [1.0, 2.0]
    assert found["seeds that collapsed"] == [5.0] and found["seeds that cycled"] == [3.0]
    (beyond,) = found["seeds that diverged"]
    assert beyond > 5, "without a score, beyond the worst"


def test_seeds_without_a_score_stand_on_the_bad_side() -> None:
    (beyond,) = drawn("recall", [0.5, 0.6, NAN], ["unsettled"] * 3)["seeds that diverged"]
    assert beyond < 0.5, "larger is better"
    (alone,) = drawn("fid", [NAN], ["diverged"])["seeds that diverged"]
    assert math.isfinite(alone)


@pytest.mark.parametrize("worst", [-0.5, 0.0])
def test_scores_below_zero(worst: float) -> None:
    """KID may be negative: beyond is still beyond."""
    found = drawn("kid", [worst - 1, worst, NAN], ["unsettled"] * 3)
    assert found["seeds that diverged"][0] > worst
