"""The best score of each trial at any evaluation, against a plain loop over its seeds."""

from __future__ import annotations

import math
import statistics
from types import SimpleNamespace

import numpy as np
import pytest

from ganstudy.analysis.report.blocks import Results, Table, flatten
from ganstudy.analysis.report.sections import all_trials, convergence
from ganstudy.analysis.tables.configurations.best_on_the_way import best_on_the_way


@pytest.mark.parametrize("goal", [{"minimize": "fid"}, {"maximize": "recall"}])
def test_the_best_is_the_best_median_over_seeds(study_over_time, goal) -> None:
    rng = np.random.default_rng(5)
    scores = rng.uniform(1, 9, (6, 3, 8))
    scores[rng.random(scores.shape) < 0.3] = np.nan
    scores[4] = np.nan  # never a score: no row
    reached = [8, 8, 5, 8, 8, 1]
    found = best_on_the_way(study_over_time(scores, objective=goal, reached=reached))
    better, worst = (min, math.inf) if "minimize" in goal else (max, -math.inf)
    expected = {}
    for number, seeds in enumerate(scores):
        medians = [
            statistics.median(worst if math.isnan(value) else value for value in seeds[:, at])
            for at in range(reached[number])
        ]
        best = better(medians)
        if math.isfinite(best):
            last = medians[-1] if math.isfinite(medians[-1]) else None
            expected[number] = (best, 100.0 * (medians.index(best) + 1), last)
    rows = found.astype({"last": object}).where(found.notna(), None).to_dict("records")
    assert {row["number"]: (row["best"], row["best_at"], row["last"]) for row in rows} == expected
    assert 4 not in expected and len(expected) >= 4
    assert found["last_at"].tolist() == [100.0 * reached[number] for number in expected]


def test_what_fell_far_is_told(study_over_time) -> None:
    """The published run that fell from 66.7 to 330.9, beside one that stayed and one that diverged."""
    scores = [
        [[300.0, 66.7, 330.9]],
        [[200.0, 100.0, 120.0]],
        [[250.0, 90.0, math.nan]],
        [[80.0, 60.0, 59.0]],
    ]
    study = study_over_time(scores, lr_g=[1, 2, 3, 4])
    found = best_on_the_way(study)
    assert found["fell_far"].tolist() == [True, False, True, False]
    told = "\n".join(map(str, convergence.conclusions(Results(study))))
    assert (
        "2 of 4 trials ended far from the best score on the way (2 times it and more, or none): "
        "trial 0 had FID 66.7 at 200 generator steps, and at the end 331." in told
    )
    study._client = SimpleNamespace(list_artifacts=lambda *asked: [])
    tables = {
        block.name: block
        for part in (convergence, all_trials)
        for block in flatten(part.blocks(Results(study)))
        if isinstance(block, Table)
    }
    assert tables["best_on_the_way"].frame["best"].tolist() == [66.7, 100.0, 90.0, 59.0]
    trials = tables["trials"].frame.set_index("number")
    assert trials["best_on_the_way"].to_dict() == {0: 66.7, 1: 100.0, 2: 90.0, 3: 59.0}
    assert trials["best_on_the_way_at"].to_dict() == {0: 200, 1: 200, 2: 200, 3: 300}
    assert {"best_on_the_way", "best_on_the_way_at"} <= set(tables["trials"].columns)


def test_nothing_is_told_where_nothing_fell(study_over_time) -> None:
    scores = np.linspace(100, 10, 8) * np.ones((5, 2, 1))
    study = study_over_time(scores)
    assert not best_on_the_way(study)["fell_far"].any()
    assert "on the way" not in "\n".join(map(str, convergence.conclusions(Results(study))))
    empty = study_over_time(np.full((2, 1, 3), np.nan))
    assert best_on_the_way(empty).empty and convergence.conclusions(Results(empty)) is not None


def test_scores_that_are_no_ratios_fall_by_their_range(study_over_time) -> None:
    recall = [[[0.1, 0.9, 0.4]], [[0.1, 0.8, 0.6]]]
    study = study_over_time(recall, objective={"maximize": "recall"})
    assert best_on_the_way(study)["fell_far"].tolist() == [True, False], "0.4 is half of 0.8"
