"""Parallel coordinates: where lines cross the axes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ganstudy.analysis.figures.parallel import parallel

TRIALS = pd.DataFrame(
    {
        "k": [1, 2, 5, 1, 2, 5, 1, 2],
        "lr_d": np.logspace(-4, -2, 8),
        "remedies": ["none", "feature_matching"] * 4,
        "fid": [10.0, 20, 40, 80, 100, 200, 400, np.nan],
    }
)
SETTINGS = ["k", "lr_d", "remedies"]


def lines(figure, name: str) -> list[list[float | None]]:
    (trace,) = (trace for trace in figure.data if trace.name == name)
    assert list(trace.x) == [0, 1, 2, 3, None] * (len(trace.x) // 5)
    return [list(trace.y[i : i + 4]) for i in range(0, len(trace.y), 5)]


def test_a_line_goes_through_its_settings_to_its_score() -> None:
    figure = parallel(TRIALS, SETTINGS, "fid")
    assert list(figure.layout.xaxis.ticktext) == ["k", "lr_d", "remedies", "FID"]
    best = lines(figure, "best quarter")
    assert len(best) == 1, "the first of seven scores; two each in the other quarters"
    k, rate, remedies, score = best[0]
    assert abs(k) < 0.03 and rate == 0 and score == 0, "the smallest of each"
    # Texts in their order: feature matching, then none.
    assert abs(remedies - 1) < 0.03
    second = lines(figure, "second quarter")
    assert len(second) == 2
    # On log axes: 20 lies a log(2) / log(40) of the way from 10 to 400.
    assert np.isclose(second[0][3], np.log(2) / np.log(40)) and np.isclose(second[0][1], 1 / 7)


def test_a_trial_without_a_score_is_named_and_ends_before_it() -> None:
    (gone,) = lines(parallel(TRIALS, SETTINGS, "fid"), "no score")
    assert gone[3] is None and gone[1] == 1


def test_where_larger_is_better_the_best_are_the_largest() -> None:
    table = TRIALS.assign(recall=np.linspace(0.1, 0.8, 8))
    best = lines(parallel(table, SETTINGS, "recall"), "best quarter")
    assert np.allclose([line[3] for line in best], [np.log(7) / np.log(8), 1])
