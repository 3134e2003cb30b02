"""Plans: what they predict is what it takes, by simulation with the report's own test."""

from __future__ import annotations

import math
from dataclasses import astuple, replace

import numpy as np
import pytest
from scipy.stats import norm, ttest_1samp

from ganstudy.analysis.stats.matched_effect import matched_effect
from ganstudy.analysis.stats.power import SampleSize, _paired_seeds, pairs_needed, seeds_needed
from ganstudy.analysis.tables.contrast_table import contrast_table
from ganstudy.analysis.tables.sample_size import needed_sample_sizes


@pytest.fixture
def rng():
    return np.random.default_rng(20240809)


# Arrays


def drawn(rng, pairs, effect, between=0.5, within=0.3, seeds=3):
    """Two arms [P, S] on the log scale: their difference has mean `effect` and two variances."""
    base = rng.normal(size=(pairs, seeds))
    shift = effect + between * rng.normal(size=(pairs, 1)) + within * rng.normal(size=base.shape)
    return base + shift, base


def test_the_error_is_that_of_the_estimate_over_many_studies(rng):
    """The standard deviation of the very effects that the report tells, pairs by seed."""
    for pairs in (8, 18, 60):
        made = [matched_effect(*drawn(rng, pairs, 0.4)) for _ in range(300)]
        truth = np.std([one.comparison.effect.value for one in made], ddof=1)
        assert 0.9 < np.mean([one.error for one in made]) / truth < 1.2, pairs


def test_pairs_needed_are_the_textbook_ones(rng):
    """n = ((z_0.975 + z_0.8) / d)^2 of one sample of differences (Cohen 1988), for a median seed."""
    made = matched_effect(*drawn(rng, 400, 0.15, within=1e-9))
    sizes = pairs_needed(made)
    z, observed = norm.ppf(0.975) + norm.ppf(0.8), made.comparison.effect.value
    # Of normal differences Hodges and Lehmann's estimate has pi / 3 times the mean's variance.
    assert sizes.needed == pytest.approx(math.pi / 3 * (z * 0.5 / observed) ** 2, rel=0.2)
    assert sizes.detectable == pytest.approx(z * made.error, rel=0.01)
    assert sizes.needed_least < sizes.needed < pairs_needed(made, comparisons=4).needed


def test_more_pairs_and_more_seeds_each_take_their_own_part_of_the_error(rng):
    between, within = (
        matched_effect(*drawn(rng, 60, 0.02, between=b, within=w))
        for b, w in ((0.5, 1e-6), (1e-6, 0.5))
    )
    assert between.error_with(240, 3) == pytest.approx(between.error / 2, rel=1e-6)
    assert between.error_with(60, 300) == pytest.approx(between.error, rel=0.05)
    assert within.error_with(60, 12) == pytest.approx(within.error / 2, rel=0.1)
    assert math.isinf(pairs_needed(between).seeds_instead)
    assert 3 < pairs_needed(within).seeds_instead < math.inf


def test_without_an_interval_or_with_too_many_diverged_nothing_is_planned(rng):
    assert matched_effect(*drawn(rng, 5, 0.5)).error != matched_effect(*drawn(rng, 5, 0.5)).error
    treated, control = drawn(rng, 10, 0.0)
    treated[:4] = np.inf
    lost = matched_effect(treated, control)
    assert math.isnan(lost.error) and all(
        math.isnan(value) for value in astuple(pairs_needed(lost))
    )
    empty = np.empty((0, 3))
    assert math.isnan(pairs_needed(matched_effect(empty, empty)).needed)


def test_seeds_needed_are_those_of_the_paired_t_test(rng):
    """An effect of one standard deviation takes 10 pairs (Cohen 1988), and 10 of them do tell it in 80%."""
    d = np.array([0.0, 1.0, 2.0])  # mean 1, standard deviation 1
    made = seeds_needed(d)
    seeds = made.needed
    assert seeds == 10 and made.needed_least < 10
    assert seeds_needed(d, comparisons=3).needed > 10
    found = [ttest_1samp(rng.normal(1, 1, int(seeds)), 0).pvalue <= 0.05 for _ in range(800)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.045)
    assert all(math.isnan(value) for value in astuple(seeds_needed([1.0, 2.0])))
    assert astuple(SampleSize()) == pytest.approx(astuple(seeds_needed([1.0])), nan_ok=True)


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
    assert "pairs of configurations, if the effect is as observed" in untold["advice"]


def test_planning_starts_from_the_matched_estimate_that_the_report_tells(made_study, rng):
    """The other settings part configurations by a factor of 7, so that unmatched medians say nothing."""
    setting, remedies = np.meshgrid(np.arange(18.0), ["none", "a"])
    settings = {"lr_d": 10 ** (setting.ravel() / 6 - 4), "remedies": remedies.ravel()}
    centres = setting.ravel() / 9 - 0.4 * (settings["remedies"] == "a")
    scores = np.exp(centres[:, None] + 0.1 * rng.normal(size=(36, 3)))
    space = {"lr_d": list(settings["lr_d"][:18]), "remedies": [[], ["a"]]}
    study = made_study(scores, settings, space)
    made = contrast_table(study)
    row, (contrast,) = needed_sample_sizes(study, made).iloc[0], made.remedies
    assert contrast.decision == "better" and row["decision"] == "conclusive"
    assert row[["effect", "low", "high"]].tolist() == [
        contrast.effect.value,
        contrast.effect.low,
        contrast.effect.high,
    ]
    assert row["n"] == 18 and row["needed"] < 18 and row["unit"] == "pairs"


def test_an_effect_near_none_is_inconclusive_and_never_equal(made_study, rng):
    """An interval from half to double beside an estimate of one: nothing is known, least of all equality."""
    base = np.exp(rng.normal(size=(20, 3)))
    shift = np.exp(np.tile([-0.9, 0.9], 10)[:, None] + 0.05 * rng.normal(size=(20, 3)))
    scores = np.concatenate([base, base * shift])
    x = np.tile(np.linspace(1, 2, 20), 2)
    study = made_study(
        scores, {"k": np.repeat([1.0, 2.0], 20), "x": x}, {"k": [1, 2], "x": list(x[:20])}
    )
    row = needed_sample_sizes(study).iloc[0]
    assert row["decision"] == "inconclusive" and row["low"] < 0.8 and row["high"] > 1.2
    assert row["needed"] > 1000 and "more than 1000 pairs" in row["advice"]
    assert "equal" not in row["advice"]


def test_best_against_second_is_a_question_of_seeds(study_over_time):
    scores = np.repeat(
        np.array([[10.0, 11, 12], [10.5, 10.9, 12.8], [50, 51, 52]])[:, :, None], 2, axis=2
    )
    row = needed_sample_sizes(study_over_time(scores)).iloc[0]
    assert row[["question", "unit", "first", "second", "decision"]].tolist() == [
        "best against second",
        "seeds",
        "1",
        "0",
        "inconclusive",
    ]
    assert row["needed"] > 3 and row["detectable"] > 1


def test_a_seed_of_the_best_that_diverged_counts(study_over_time):
    """Left out, the eight seeds that remain would make it the conclusive winner."""
    scores = 10 + np.arange(9)[None, :, None] / 10 + np.array([0.0, 2.0])[:, None, None]
    scores = np.repeat(scores, 2, axis=2)
    scores[0, 8] = np.nan
    row = needed_sample_sizes(study_over_time(scores)).iloc[0]
    assert row["n"] == 9 and math.isnan(row["needed"])


def test_too_few_have_no_plan(study_over_time, rng):
    few = needed_sample_sizes(study_over_time(logs(rng, np.zeros(6)), k=np.arange(6) // 3)).iloc[0]
    assert few["decision"] == "too few" and math.isnan(few["needed"])
    assert "too few" in few["advice"]


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


def found(rng, pairs, effect, repetitions):
    """Share of repetitions in which the report's own interval excludes no effect."""
    told = 0
    for _ in range(repetitions):
        estimate = matched_effect(*drawn(rng, pairs, effect)).comparison.effect
        told += estimate.low > 0 or estimate.high < 0
    return told / repetitions


def planned(rng, pilots, effect):
    """The mean standard error of pilots of 60 pairs, and the plan from one that has it."""
    made = [matched_effect(*drawn(rng, 60, effect)) for _ in range(pilots)]
    exact = replace(made[0].comparison, effect=replace(made[0].comparison.effect, value=effect))
    error = float(np.mean([one.error for one in made]))
    return pairs_needed(replace(made[0], comparison=exact, error=error))


def test_the_predicted_number_of_pairs_has_the_promised_power(rng):
    """From the true effect and the mean error; at 80%, 99.9% of 250 repetitions find 71% to 88%."""
    needed = planned(rng, 20, 0.4).needed
    assert 10 < needed < 40
    assert 0.71 <= found(rng, int(needed), 0.4, 250) <= 0.9


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
def test_what_plans_promise(rng, capsys):
    """Power at the predicted number, and how far predictions from small pilots scatter; for the documentation."""
    with capsys.disabled():
        print("\n| true ratio | predicted pairs | power there |\n|---|---|---|")
        for effect in (0.2, 0.4, 0.6):
            needed = int(planned(rng, 100, effect).needed)
            there = found(rng, needed, effect, 600)
            print(f"| {math.exp(effect):.2f} | {needed} | {there:.1%} |")
            assert 0.72 <= there <= 0.92
        print("\n| pairs of the pilot | predicted: 10%, median, 90% |\n|---|---|")
        for pilot in (12, 24, 100):
            made = [pairs_needed(matched_effect(*drawn(rng, pilot, 0.4))) for _ in range(600)]
            low, middle, high = np.quantile([one.needed for one in made], [0.1, 0.5, 0.9])
            print(f"| {pilot} | {low:.0f}, {middle:.0f}, {high:.0f} |")
