"""Performance profiles against counting run by run."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ganstudy.analysis.stats.proportions import clustered_proportion
from ganstudy.analysis.tables.configurations.performance_profiles import performance_profiles


@pytest.fixture
def study(study_over_time):
    """16 configurations of 4 seeds; with k = 5 a seed of every second one collapses, and one diverges."""
    rng = np.random.default_rng(4)
    k = np.repeat([1, 5], 8)
    scores = np.exp(rng.normal(3, 0.4, (16, 4)))[:, :, None] * np.array([2.0, 1.5, 1.0])
    verdicts = np.full((16, 4, 3), "unsettled", dtype=object)
    verdicts[8::2, 0, 2] = "collapsed"
    # The best score of all, which does not help a seed that collapsed.
    scores[8, 0, 2] = 0.01
    scores[9, 1, 2] = np.nan
    return study_over_time(scores, verdicts, k=k)


def test_each_share_is_that_of_runs_and_failed_ones_stay_in_the_denominator(study) -> None:
    table = performance_profiles(study, "k")
    last = study.evaluations[study.evaluations["evaluation"] == 3]
    runs = last.merge(study.trials[["number", "k"]], on="number")
    good = ~runs["verdict"].isin(["collapsed", "diverged", "cycling"])
    for row in table.itertuples():
        own = runs["k"] == row.k
        reached = own & good & (runs["fid"] <= row.score)
        assert row.share == pytest.approx(reached.sum() / own.sum()), "of 32 runs each"
        assert (row.configurations, row.num_seeds) == (8, 32)
        shares = reached[own].groupby(runs.loc[own, "number"]).mean().to_numpy()
        expected = clustered_proportion(shares, 32)
        assert (row.share_low, row.share_high) == pytest.approx((expected.low, expected.high))
    ends = table.groupby("k")["share"].max()
    # Four collapsed and one diverged of 32; without failures the curve ends at 1.
    assert ends.to_dict() == pytest.approx({1: 1.0, 5: 27 / 32})
    assert table["score"].min() > 1, "the collapsed seed's score is none"


def test_a_curve_never_falls_and_few_configurations_have_no_band(study) -> None:
    table = performance_profiles(study, "k")
    for _, curve in table.groupby("k"):
        assert (curve.sort_values("score")["share"].diff().dropna() >= 0).all()
    few = study.only(study.trials["number"].isin([0, 1, 8, 9, 10]))
    assert performance_profiles(few, "k")["share_low"].map(math.isnan).all()
    assert performance_profiles(study, "remedies").empty


def test_where_larger_is_better_good_runs_have_larger_scores(study_over_time) -> None:
    recall = np.repeat(np.linspace(0.1, 0.9, 8)[:, None, None], 2, axis=1)
    study = study_over_time(
        np.repeat(recall, 3, axis=2), objective={"maximize": "recall"}, k=[1] * 8
    )
    table = performance_profiles(study, "k").set_index("score")["share"]
    assert table.loc[0.9] == pytest.approx(1 / 8) and table.loc[0.1] == 1
