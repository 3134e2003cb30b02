"""The order of runs: diverged worst, then collapsed, then cycling, then by score."""

from __future__ import annotations

import numpy as np
import pytest

from ganstudy.analysis.stats.run_order import run_places
from ganstudy.trials.results.records import Verdict


def test_failure_comes_before_score() -> None:
    verdicts = ["diverged", "collapsed", "cycling", "unsettled", "converged", "unsettled"]
    assert run_places([1.0, 2.0, 3.0, 9.0, 8.0, 8.0], verdicts).tolist() == [6, 5, 4, 3, 1.5, 1.5]


def test_failed_ones_are_ordered_by_score_among_themselves() -> None:
    assert run_places([5.0, 4.0, 4.0], ["collapsed"] * 3).tolist() == [3, 1.5, 1.5]


def test_a_run_without_a_score_is_worst_whatever_its_verdict() -> None:
    places = run_places([np.inf, 3.0, np.inf], ["unknown", "collapsed", "diverged"])
    assert places.tolist() == [2.5, 1.0, 2.5]


def test_any_other_verdict_is_judged_by_its_score() -> None:
    """Also one that is not known here."""
    names = ["not trained yet", "unknown", "unsettled", "converged"]
    assert run_places([4.0, 3.0, 2.0, 1.0], names).tolist() == [4, 3, 2, 1]


def test_the_tiers_follow_the_table_of_verdicts() -> None:
    failures = [verdict for verdict in Verdict if verdict.is_failure]
    places = run_places([1.0] * len(failures), [verdict.value for verdict in failures])
    assert places.tolist() == sorted(places.tolist()) and len(set(places)) == len(failures)
    enums = run_places([1.0] * len(failures), failures)
    assert enums.tolist() == places.tolist(), "members of the enumeration, or their names"


def test_arrays_of_any_shape_and_what_was_not_trained() -> None:
    scores = np.array([[[3.0, 1.0], [np.nan, 2.0]], [[0.5, 4.0], [5.0, np.inf]]])
    places = run_places(scores)
    assert places.tolist()[0][0] == [4, 2] and np.isnan(places[0, 1, 0]) and places[0, 1, 1] == 3
    assert places[1].tolist() == [[1, 5], [6, 7]]
    assert run_places(np.empty((2, 0))).shape == (2, 0)


def test_ten_thousand_trials_take_no_time() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 50, (10_000, 10)).astype(float)
    verdicts = rng.choice(["unsettled", "collapsed", "diverged"], scores.shape)
    places = run_places(scores, verdicts)
    assert places.sum() == pytest.approx(places.size * (places.size + 1) / 2)
    assert places[verdicts == "unsettled"].max() < places[verdicts == "collapsed"].min()
