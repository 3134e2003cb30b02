"""What a budget buys, against brute force and by simulation; the Pareto front against its definition."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from ganstudy.analysis.report.blocks import Results
from ganstudy.analysis.report.sections import budget as budget_section
from ganstudy.analysis.tables.configurations.budget import (
    best_of,
    expected_best,
    expected_best_of_studies,
    running_best,
)
from ganstudy.analysis.tables.configurations.pareto import front, pareto_front

# Array functions


def test_the_expected_best_is_that_of_all_subsets():
    """Every subset of 9 scores by hand, ties among them."""
    scores = np.array([5.0, 3.0, 9.0, 3.0, 7.5, 1.0, 20.0, 6.0, 6.0])
    sizes = np.arange(1, 10)
    brute = [
        np.mean([min(subset) for subset in itertools.combinations(scores, int(b))]) for b in sizes
    ]
    np.testing.assert_allclose(best_of(scores, sizes) @ np.sort(scores), brute, rtol=1e-12)


def test_weights_are_probabilities_and_known_at_the_ends():
    weights = best_of(np.zeros(30), [1, 2, 30])
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    np.testing.assert_allclose(weights[0], 1 / 30)
    assert weights[1, 0] == pytest.approx(2 / 30) and weights[1, -1] == 0.0
    np.testing.assert_allclose(weights[2], [1.0] + [0.0] * 29, atol=1e-9)


def test_ten_thousand_trials_keep_their_precision():
    scores = np.arange(1.0, 10001)
    budgets = np.array([1, 10, 100, 5000, 10000])
    np.testing.assert_allclose(best_of(scores, budgets) @ scores, 10001 / (budgets + 1), rtol=1e-6)


def made(study_over_time, finals, seeds=3, **settings):
    scores = np.broadcast_to(
        np.asarray(finals, dtype=float)[:, None, None], (len(finals), seeds, 2)
    )
    return study_over_time(scores, **settings)


# Expected best


def test_table_agrees_with_brute_force_over_all_subsets(study_over_time):
    """Of 7 trials one diverged, one failed and one breaks the constraints: no score, the worst counts for them."""
    finals = np.array([30.0, 20.0, 50.0, 40.0, np.nan, 5.0, 1.0])
    states = ["complete"] * 5 + ["failed", "complete"]
    study = made(study_over_time, finals, states=states)
    study.trials.loc[6, "feasible"] = False
    table = expected_best(study).set_index("trials")
    assert table.index.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert (table["configurations"] == 7).all() and (table["with_score"] == 4).all()
    scores = np.array([30.0, 20.0, 50.0, 40.0, np.inf, np.inf, np.inf])
    counted = np.where(np.isfinite(scores), scores, 50.0)
    for b in table.index:
        subsets = list(itertools.combinations(range(7), b))
        minima = np.array([scores[list(subset)].min() for subset in subsets])
        assert table.loc[b, "found"] == pytest.approx(np.isfinite(minima).mean())
        assert table.loc[b, "expected"] == pytest.approx(
            np.mean([counted[list(s)].min() for s in subsets])
        )
        assert table.loc[b, "median"] == np.quantile(minima, 0.5, method="inverted_cdf")
    assert table.loc[2, "seconds"] == pytest.approx(2 * study.trials["seconds"].mean())


def test_failed_trials_count_and_running_and_confirming_ones_do_not(study_over_time):
    study = made(
        study_over_time,
        [30.0, 20.0, 10.0, 5.0],
        states=["complete", "failed", "running", "complete"],
    )
    study.trials["stage"] = ["search", "search", "search", "confirm"]
    study.trials.loc[1, "objective"] = np.nan
    table = expected_best(study)
    assert table["configurations"].unique().tolist() == [2] and table[
        "with_score"
    ].unique().tolist() == [1]
    assert running_best(study)["number"].tolist() == [0, 1]


def test_adaptive_samplers_have_a_trace_and_no_interval(study_over_time):
    finals = np.linspace(100, 10, 40)
    random, tpe = (made(study_over_time, finals, sampler=name) for name in ("random", "tpe"))
    assert (
        expected_best(random)["expected_low"].notna().any()
        and expected_best(random)["exchangeable"].all()
    )
    table = expected_best(tpe)
    assert not table["exchangeable"].any()
    assert (
        table[["median_low", "median_high", "expected_low", "expected_high"]].isna().all(axis=None)
    )
    both = expected_best_of_studies([random, tpe])
    assert both.groupby("sampler")["study"].size().to_dict() == {
        "random": len(table),
        "tpe": len(table),
    }


@pytest.mark.parametrize("seen", [True, False])
def test_trials_that_are_stopped_early_are_no_smaller_searches(study_over_time, seen):
    """Whether pruned trials are there, or the study file alone says that there may be."""
    pruned = [2, *([1] * 39)] if seen else None
    study = made(study_over_time, np.linspace(100, 10, 40), reached=pruned)
    if not seen:
        study.spec["schedule"] = {"name": "asha"}
    for table in (expected_best(study), expected_best_of_studies([study])):
        assert table["stops_early"].all() and not table["exchangeable"].any()
        ends = ["median_low", "median_high", "expected_low", "expected_high", "found"]
        assert table[ends].isna().all(axis=None)
    (told,) = budget_section.conclusions(Results(study))
    assert "inconclusive" in told.claim and told.basis.count("stopped early") == 1
    fifo = made(study_over_time, np.linspace(100, 10, 40))
    fifo.spec["schedule"] = {"name": "fifo"}
    assert expected_best(fifo)["exchangeable"].all()


def test_running_best_keeps_the_order_and_passes_over_what_yields_no_score(study_over_time):
    study = made(study_over_time, [30.0, np.nan, 40.0, 20.0], k=[1, 1, 2, 2])
    trace = running_best(study)
    assert trace["score"].isna().tolist() == [False, True, False, False]
    assert trace["best"].tolist() == [30.0, 30.0, 30.0, 20.0]
    assert trace["seconds"].tolist() == pytest.approx(np.cumsum(study.trials["seconds"]))
    by_k = running_best(study, "k")
    assert by_k.loc[by_k["k"] == 2, "best"].tolist() == [40.0, 20.0]


def test_the_largest_is_the_best_where_the_objective_is_maximised(study_over_time):
    study = made(study_over_time, np.linspace(0.1, 0.9, 30), objective={"maximize": "recall"})
    table = expected_best(study).set_index("trials")
    assert table.loc[30, "median"] == 0.9 and table["expected"].is_monotonic_increasing
    given = table.dropna(subset=["expected_low"])
    assert len(given) and (given["expected_low"] <= given["expected"]).all()
    assert (given["expected"] <= given["expected_high"]).all()
    known = table.dropna(subset=["median_low", "median_high"])
    assert len(known) and (known["median_low"] <= known["median"]).all()
    assert running_best(study)["best"].is_monotonic_increasing


def coverage(rng, study_over_time, trials, repetitions):
    """{b: share of repetitions in which (median, expected) lie in their intervals}, of exponential scores.

    The least of b exponential scores has mean 1 / b and median log 2 / b. Missing ends count as holding the truth."""
    hits, given = {}, {}
    for _ in range(repetitions):
        table = expected_best(made(study_over_time, rng.exponential(size=trials), seeds=1))
        for row in table[table["trials"] <= trials // 4].itertuples():
            middle, mean = math.log(2) / row.trials, 1 / row.trials
            inside = (
                not (row.median_low > middle or row.median_high < middle),
                row.expected_low <= mean <= row.expected_high,
            )
            hits[row.trials] = hits.get(row.trials, np.zeros(2)) + inside
            given[row.trials] = given.get(row.trials, 0) + 1
    return {int(b): hits[b] / given[b] for b in hits}


def test_intervals_of_the_best_cover(study_over_time, monkeypatch):
    """At a true 95%, 99.9% of 40 repetitions cover in 82.5% or more; the mean's bootstrap is known to fall short."""
    monkeypatch.setattr("ganstudy.analysis.tables.configurations.budget.MEAN_RESAMPLES", 100)
    shares = coverage(np.random.default_rng(4), study_over_time, 40, 40)
    assert set(shares) >= {1, 2, 5, 10}
    assert all(share[0] >= 0.825 and share[1] >= 0.75 for share in shares.values())


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_the_intervals_of_the_best_promise(study_over_time, monkeypatch, capsys):
    """Coverage by number of trials and budget; for docs/statistics-over-time.md."""
    monkeypatch.setattr("ganstudy.analysis.tables.configurations.budget.MEAN_RESAMPLES", 300)
    with capsys.disabled():
        print("\n| trials | b | median of the best | mean of the best |\n|---|---|---|---|")
        shares = coverage(np.random.default_rng(5), study_over_time, 24, 150)
        for b, (middle, mean) in shares.items():
            print(f"| 24 | {b} | {middle:.1%} | {mean:.1%} |")
            assert middle >= 0.9 and mean >= 0.78


# Pareto front


def brute(values):
    kept = []
    for row in values:
        dominated = (values <= row).all(axis=1) & (values < row).any(axis=1)
        kept.append(not dominated.any())
    return np.array(kept)


@pytest.mark.parametrize("levels", [3, 6, 1000])
def test_front_is_what_nothing_dominates(levels):
    rng = np.random.default_rng(levels)
    for n in (1, 2, 7, 60):
        values = rng.integers(levels, size=(n, 3)).astype(float)
        np.testing.assert_array_equal(front(values), brute(values))


def test_front_of_a_study(study_over_time):
    """0 has the best score, 1 the best recall, 2 is the cheapest; 3 is worse than 0 in everything, 4 is infeasible."""
    finals, recall = np.array([10.0, 20.0, 15.0, 11.0, 1.0]), np.array([0.5, 0.9, 0.4, 0.5, 1.0])
    study = made(
        study_over_time,
        finals,
        more={"recall": np.broadcast_to(recall[:, None, None], (5, 3, 2))},
        k=[1] * 5,
    )
    study.trials["seconds"] = [50.0, 60.0, 5.0, 55.0, 1.0]
    study.trials.loc[4, "feasible"] = False
    table = pareto_front(study).set_index("number")
    assert table["on_front"].to_dict() == {0: True, 2: True, 1: True, 3: False}
    assert table["on_front_share"].to_dict() == {0: 1.0, 2: 1.0, 1: 1.0, 3: 0.0}
    assert table.columns.tolist()[:4] == ["k", "fid", "recall", "seconds"]


def test_a_place_on_the_front_that_hangs_on_a_seed_is_unsure(study_over_time):
    """Equal cost and recall; the second configuration beats the first in one seed of three, and in 7 of 27 resamples
    at least two of the three draws are that seed."""
    scores = np.array([[[10.0], [10.0], [10.0]], [[11.0], [11.0], [5.0]]])
    study = study_over_time(scores, more={"recall": 0.5})
    study.trials["seconds"] = 1.0
    table = pareto_front(study).set_index("number")
    assert table["on_front"].to_dict() == {0: True, 1: False}
    assert table.loc[1, "on_front_share"] == pytest.approx(7 / 27, abs=0.06)
    assert table["on_front_share"].sum() == pytest.approx(1.0)


def test_one_seed_says_nothing_about_how_sure_the_front_is(study_over_time):
    table = pareto_front(made(study_over_time, [3.0, 2.0], seeds=1))
    assert table["on_front_share"].isna().all() and table["on_front"].any()


@pytest.mark.parametrize("lack", ["nothing", "no cost", "no score"])
def test_studies_that_lack_things(study_over_time, lack):
    study = made(study_over_time, [30.0, 20.0, 25.0], k=[1, 1, 2])
    if lack == "nothing":
        study.trials, study.evaluations = study.trials.head(0), study.evaluations.head(0)
    elif lack == "no cost":
        study.trials = study.trials.drop(columns=["seconds", "device_seconds", "generator_steps"])
    else:
        study.trials["objective"] = np.nan
    for table in (
        expected_best(study),
        expected_best(study, "k"),
        running_best(study),
        pareto_front(study),
    ):
        assert len(table) == 0 or lack != "nothing"
    if lack == "no cost":
        assert expected_best(study)["seconds"].isna().all() and pareto_front(study)[
            "number"
        ].tolist() == [1, 2, 0]
    if lack == "no score":
        assert (expected_best(study)["found"] == 0).all() and pareto_front(study).empty
