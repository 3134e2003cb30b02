"""Plans: what they predict is what it takes, by simulation with the report's own test."""

from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pytest
from scipy.stats import norm, ttest_1samp

from ganstudy.analysis.stats import bootstrap
from ganstudy.analysis.stats.bootstrap import difference_of_medians
from ganstudy.analysis.stats.power import _paired_seeds, median_error, sample_size, seeds_needed
from ganstudy.analysis.tables.sample_size import needed_sample_sizes


@pytest.fixture
def rng():
    return np.random.default_rng(20240809)


# Arrays


def test_plan_is_the_textbook_one():
    """Two groups of n with unit spread compared by means: n = 2 (z_0.975 + z_0.8)^2 / effect^2 (Cohen 1988: 63)."""
    n = 20
    made = sample_size(0.5, math.sqrt(2 / n), n)
    assert math.ceil(made.needed) == 63
    assert made.detectable == pytest.approx((1.959964 + 0.841621) * math.sqrt(2 / n), rel=1e-5)
    assert (
        made.needed_least
        < made.needed
        < sample_size(0.5, math.sqrt(2 / n), n, comparisons=4).needed
    )
    assert sample_size(0.0, 1.0, n).needed == math.inf
    assert all(math.isnan(value) for value in astuple(sample_size(math.inf, 1.0, n)))


def test_error_of_a_median_is_that_of_simulated_medians(rng):
    for n in (12, 40, 200):
        medians = np.median(rng.normal(size=(4000, n)), axis=1)
        errors = [median_error(rng.normal(size=n)) for _ in range(1000)]
        assert 0.95 < np.mean(errors) / medians.std() < 1.18
    # The fewest values have the widest pair only, which errs on the safe side.
    six = np.mean([median_error(rng.normal(size=6)) for _ in range(1000)])
    assert 1 < six / np.median(rng.normal(size=(4000, 6)), axis=1).std() < 1.35
    assert math.isnan(median_error(range(5)))
    assert median_error([1.0, 2, 3, np.inf, np.inf, np.inf]) == math.inf


def test_seeds_needed_are_those_of_the_paired_t_test(rng):
    """An effect of one standard deviation takes 10 pairs (Cohen 1988), and 10 of them do tell it in 80%."""
    d = np.array([0.0, 1.0, 2.0])  # mean 1, standard deviation 1
    seeds, least = seeds_needed(d)
    assert seeds == 10 and least < 10
    found = [ttest_1samp(rng.normal(1, 1, int(seeds)), 0).pvalue <= 0.05 for _ in range(800)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.045)
    assert all(math.isnan(value) for value in seeds_needed([1.0, 2.0]))


def test_a_large_effect_never_takes_more_seeds_than_a_small_one():
    counts = [_paired_seeds(d) for d in (0.2, 0.5, 1.0, 2.0, 3.9, 10.0, 50.0)]
    assert counts == sorted(counts, reverse=True) and counts[0] == 199 and counts[-2] <= 4


# Tables


def logs(rng, centres, seeds=3, between=0.5, within=0.25):
    """[C, S, 2]: log-normal scores around exp(centres)."""
    middle = np.asarray(centres)[:, None] + between * rng.normal(size=(len(centres), 1))
    final = np.exp(middle + within * rng.normal(size=(len(centres), seeds)))
    return np.stack([2 * final, final], axis=2)


def test_open_questions_get_a_plan_and_answered_ones_say_so(study_over_time, rng):
    remedies = np.repeat(["none", "a", "b"], 12)
    centres = np.select([remedies == "a", remedies == "b"], [4.6 - 1.5, 4.6 + 0.15], 4.6)
    study = study_over_time(logs(rng, centres), remedies=remedies)
    table = needed_sample_sizes(study).set_index(["question", "first"])
    told, untold = table.loc[("remedies", "a")], table.loc[("remedies", "b")]
    assert told["decision"] == "conclusive" and told["high"] < 1 and told["needed"] <= 12
    assert untold["decision"] == "inconclusive" and untold["low"] < 1 < untold["high"]
    assert untold["needed"] > 12 > untold["needed_least"] > 0 or untold["needed_least"] > 12
    assert (table.loc["remedies", "comparisons"] == 2).all() and (table["scale"] == "ratio").all()
    assert table.loc["remedies", "detectable"].gt(1).all()
    assert (
        "more configurations per value" in untold["advice"] or "treat as equal" in untold["advice"]
    )


def test_effects_too_small_to_find_are_better_treated_as_equal(study_over_time):
    scores = np.exp(np.tile(np.linspace(-1, 1, 10), 2))[:, None, None] * np.ones((20, 3, 2))
    scores[10:] *= 1.001
    row = needed_sample_sizes(study_over_time(scores, k=np.arange(20) // 10)).iloc[0]
    assert (row["first"], row["second"], row["decision"]) == ("0", "1", "inconclusive")
    assert row["needed"] > 1000 and "treat as equal" in row["advice"]


def test_more_seeds_help_only_against_what_seeds_vary(study_over_time, rng):
    k = np.arange(40) // 20
    by_seeds = logs(rng, 4 + 0.25 * k, between=0.01, within=1.0)
    by_configurations = logs(rng, 4 + 0.25 * k, between=1.0, within=0.01)
    instead = [
        needed_sample_sizes(study_over_time(s, k=k)).iloc[0]["seeds_instead"]
        for s in (by_seeds, by_configurations)
    ]
    assert math.isfinite(instead[0]) or math.isnan(instead[0])
    assert not math.isfinite(instead[1])


def test_best_against_second_is_a_question_of_seeds(study_over_time):
    scores = np.repeat(
        np.array([[10.0, 11, 12], [10.5, 10.9, 12.8], [50, 51, 52]])[:, :, None], 2, axis=2
    )
    row = needed_sample_sizes(study_over_time(scores)).set_index("question").loc["best"]
    assert (row["unit"], row["first"], row["second"], row["decision"]) == (
        "seeds",
        "1",
        "0",
        "inconclusive",
    )
    assert row["needed"] > 3 and row["detectable"] > 1


def test_too_few_or_diverged_have_no_plan(study_over_time, rng):
    few = needed_sample_sizes(study_over_time(logs(rng, np.zeros(6)), k=np.arange(6) // 3)).iloc[0]
    assert few["decision"] == "too few" and math.isnan(few["needed"])
    scores = logs(rng, np.zeros(16))
    scores[:6] = np.nan
    lost = needed_sample_sizes(study_over_time(scores, k=np.arange(16) // 8)).iloc[0]
    assert lost["decision"] == "too few" and "diverged" in lost["advice"]


def test_a_difference_keeps_the_direction_of_a_maximised_objective(study_over_time, rng):
    recall = 0.5 + 0.05 * rng.normal(size=(24, 3, 2)) + 0.2 * (np.arange(24) // 12)[:, None, None]
    row = needed_sample_sizes(
        study_over_time(recall, objective={"maximize": "recall"}, k=np.arange(24) // 12)
    ).iloc[0]
    assert (row["first"], row["scale"], row["decision"]) == ("1", "difference", "conclusive")
    assert 0 < row["low"] < row["effect"] < row["high"]


@pytest.mark.parametrize("lack", ["no trial", "no spec", "nothing evaluated"])
def test_studies_that_lack_things(study_over_time, rng, lack):
    study = study_over_time(logs(rng, np.zeros(4)), k=[1, 1, 2, 2])
    if lack == "no trial":
        study.trials, study.evaluations = study.trials.head(0), study.evaluations.head(0)
    elif lack == "no spec":
        study.spec = {}
    else:
        study.evaluations = study.evaluations.head(0)
    empty = needed_sample_sizes(study_over_time(logs(rng, [0.0])))
    assert list(needed_sample_sizes(study).columns) == list(empty.columns)


# Simulations


def power(rng, configurations, effect, repetitions, spread=0.5):
    """Share of repetitions in which the report's own interval of the difference of medians excludes 0."""
    found = 0
    for _ in range(repetitions):
        first, second = (
            np.exp(centre + spread * rng.normal(size=(configurations, 1)))
            for centre in (effect, 0.0)
        )
        estimate = difference_of_medians(first, second, rng)
        found += estimate.low > 0 or estimate.high < 0
    return found / repetitions


def planned(rng, pilot, effect, spread=0.5):
    """The plan from `pilot` configurations per value, on the log scale."""
    first, second = (centre + spread * rng.normal(size=pilot) for centre in (effect, 0.0))
    error = math.hypot(median_error(first), median_error(second))
    return sample_size(float(np.median(first) - np.median(second)), error, pilot)


def test_the_predicted_number_of_configurations_has_the_promised_power(rng, monkeypatch):
    """From the true effect and a large pilot's spread; at 80%, 99.9% of 200 repetitions find 71% to 88.5%."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 500)
    error = np.mean([planned(rng, 100, 0.6).error for _ in range(50)])
    needed = math.ceil(sample_size(0.6, error, 100).needed)
    assert 10 < needed < 40
    assert 0.71 <= power(rng, needed, 0.6, 200) <= 0.9


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
def test_what_plans_promise(rng, monkeypatch, capsys):
    """Power at the predicted number, and how far predictions from small pilots scatter; for the documentation."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 1000)
    z = norm.ppf(0.975) + norm.ppf(0.8)
    with capsys.disabled():
        print(
            "\n| true ratio | predicted per value | power there | at the detectable effect of 12 |\n|---|---|---|---|"
        )
        small = np.mean([planned(rng, 12, 0.0).error for _ in range(1000)])
        at_small = power(rng, 12, z * small, 600)
        for effect in (0.4, 0.6, 0.9):
            error = np.mean([planned(rng, 100, effect).error for _ in range(200)])
            needed = math.ceil(sample_size(effect, error, 100).needed)
            there = power(rng, needed, effect, 600)
            print(f"| {math.exp(effect):.2f} | {needed} | {there:.1%} | {at_small:.1%} |")
            assert 0.72 <= there <= 0.92
        assert 0.72 <= at_small <= 0.92
        print("\n| pilot per value | predicted: 10%, median, 90% | truth |\n|---|---|---|")
        for pilot in (12, 24, 100):
            predictions = [planned(rng, pilot, 0.6).needed for _ in range(1000)]
            low, middle, high = np.quantile(predictions, [0.1, 0.5, 0.9])
            print(
                f"| {pilot} | {low:.0f}, {middle:.0f}, {high:.0f} | {2 * 1.5708 * (z * 0.5 / 0.6) ** 2:.0f} |"
            )
