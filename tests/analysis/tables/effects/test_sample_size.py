"""Plans: the textbook's numbers, and what they ask for; test_crossed_design.py simulates their power."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, t, ttest_1samp

from ganstudy.analysis.stats.crossed.matched_effect import matched_effect
from ganstudy.analysis.stats.power import _paired_seeds, pairs_needed, seeds_needed
from ganstudy.analysis.tables.effects.contrast_table import contrast_table
from ganstudy.analysis.tables.effects.sample_size import needed_sample_sizes


@pytest.fixture
def rng():
    return np.random.default_rng(20240809)


# Arrays


def drawn(rng, pairs, effect, between=0.5, luck=0.0, within=0.3, seeds=6):
    """Two arms [P, S] on the log scale: their difference has mean `effect` and three variances."""
    base = rng.normal(size=(pairs, seeds))
    shift = effect + between * rng.normal(size=(pairs, 1)) + luck * rng.normal(size=(1, seeds))
    return base + shift + within * rng.normal(size=base.shape), base


def test_the_error_is_that_of_the_estimate_over_many_studies(rng):
    """The standard deviation of the very effects that the report tells, pairs by seed."""
    for pairs in (8, 18, 60):
        made = [matched_effect(*drawn(rng, pairs, 0.4, luck=0.15)) for _ in range(300)]
        truth = np.std([one.comparison.effect.value for one in made], ddof=1)
        assert 0.9 < np.mean([one.parts.error for one in made]) / truth < 1.2, pairs


def test_pairs_needed_are_the_textbook_ones(rng):
    """n = ((t_0.975 + z_0.8) sd / effect)^2 of one sample of differences, where seeds are alike."""
    made = matched_effect(*drawn(rng, 400, 0.2, within=1e-9))
    sizes, d = pairs_needed(made), math.sqrt(made.variances.pairs) / made.comparison.effect.value
    right = next(n for n in range(2, 1000) if ((t.ppf(0.975, n - 1) + norm.ppf(0.8)) * d) ** 2 <= n)
    assert sizes.needed == right
    assert sizes.needed_least < sizes.needed < pairs_needed(made, comparisons=4).needed
    reach = t.ppf(0.975, 399) + norm.ppf(0.8)
    assert sizes.detectable == pytest.approx(reach * made.parts.error, rel=1e-3)


def test_pairs_and_seeds_are_asked_for_as_the_variances_say(rng):
    of_pairs = matched_effect(*drawn(rng, 12, 0.2, between=0.5, within=1e-6))
    of_seeds = matched_effect(*drawn(rng, 12, 0.2, between=1e-6, luck=0.4, within=1e-6))
    by_pairs, by_seeds = pairs_needed(of_pairs), pairs_needed(of_seeds)
    assert math.isinf(by_pairs.seeds_instead) and by_pairs.design.seeds == 6
    assert math.isinf(by_seeds.needed) and by_seeds.design.pairs == 12
    assert by_seeds.design.seeds > 6


def test_without_seeds_or_spread_nothing_is_planned(rng):
    for treated, control in (
        drawn(rng, 10, 0.3, seeds=2),
        (np.empty((0, 3)), np.empty((0, 3))),
        (np.ones((8, 3)), np.zeros((8, 3))),
    ):
        sizes = pairs_needed(matched_effect(treated, control))
        assert math.isnan(sizes.needed) and math.isnan(sizes.detectable) and sizes.design is None


def test_seeds_needed_are_those_of_the_paired_t_test(rng):
    """An effect of one standard deviation takes 10 pairs (Cohen 1988), and 10 of them do tell it in 80%."""
    d = np.array([0.0, 1.0, 2.0])  # mean 1, standard deviation 1
    made = seeds_needed(d)
    seeds = made.needed
    assert seeds == 10 and made.needed_least < 10
    assert seeds_needed(d, comparisons=3).needed > 10
    found = [ttest_1samp(rng.normal(1, 1, int(seeds)), 0).pvalue <= 0.05 for _ in range(800)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.045)
    for few in ([1.0, 2.0], [1.0]):
        assert math.isnan(seeds_needed(few).needed) and math.isnan(seeds_needed(few).detectable)


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
