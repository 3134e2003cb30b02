"""k at equal amounts of anything, and the plane of learning rates, on made-up studies whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from ganstudy.analysis.figures.k_ratio import by_axis
from ganstudy.analysis.report.blocks import Results
from ganstudy.analysis.report.sections import k_ratio as section
from ganstudy.analysis.stats.logistic_fit import fit
from ganstudy.analysis.tables.configurations.search import by_setting
from ganstudy.analysis.tables.effects.k_ratio import (
    COMPLETE_TRIALS,
    ENDED_TRIALS,
    answer_by_axis,
    pairwise,
    response,
)
from ganstudy.analysis.tables.effects.learning_rates import rate_map, rate_ratio, region_that_trains
from ganstudy.analysis.tables.effects.matched_contrasts import pairwise_contrasts
from ganstudy.analysis.tables.trajectories.seeds import overall, per_configuration, spread

RANGE = {"low": 1e-4, "high": 1e-2, "log": True}


@pytest.fixture
def rng():
    return np.random.default_rng(13)


@pytest.fixture
def by_discriminator(made_study, rng):
    """What counts is the number of discriminator steps alone: FID is 1000 / their number. 12 configurations per k."""
    k = np.repeat([1.0, 2.0, 5.0], 12)
    steps = k[:, None] * 100 * np.arange(1, 11)
    scores = np.exp(0.1 * rng.normal(size=(36, 3, 1))) * (1000 / steps)[:, None, :]
    return made_study(scores, {"k": k}, {"k": [1, 2, 5]})


def test_k_is_ahead_at_equal_generator_steps_and_not_at_equal_discriminator_steps(by_discriminator):
    table = response(by_discriminator).set_index(["axis", "k"])["median"]
    assert table["generator_steps"].tolist() == pytest.approx([1, 0.5, 0.2], rel=0.1)
    assert table["discriminator_steps"].tolist() == pytest.approx([1, 1, 1], rel=0.1)
    answer = answer_by_axis(by_discriminator).set_index("axis")
    assert answer.loc["generator_steps", ["leader", "ahead_of", "decision"]].tolist() == [
        5.0,
        [2.0, 1.0],
        "ahead",
    ]
    assert (
        answer.loc["discriminator_steps", "decision"]
        == answer.loc["images", "decision"]
        == "inconclusive"
    )
    assert not answer["changes"].any(), "open is no other answer"


def test_where_the_answer_changes_with_the_axis_it_says_so(made_study, rng):
    """Score as k = 5 makes it at equal generator steps (three quarters), so twice as much at equal updates."""
    k = np.repeat([1.0, 5.0], 12)
    generator_steps = 100 * np.arange(1, 13)
    curve = (1000 / generator_steps)[None, None, :] * np.where(k == 5, 0.75, 1.0)[:, None, None]
    study = made_study(curve * np.exp(0.05 * rng.normal(size=(24, 3, 1))), {"k": k}, {"k": [1, 5]})
    answer = answer_by_axis(study).set_index("axis")
    assert answer["leader"].to_dict() == {
        **{
            "generator_steps": 5.0,
            "discriminator_steps": 1.0,
            "updates": 1.0,
            "images": 1.0,
            "seconds": 1.0,
        }
    }
    assert (answer["decision"] == "ahead").all() and answer["changes"].all()
    effect = pairwise(study).set_index("axis")
    assert effect.loc["generator_steps", "first"] == 5.0, "the one that looks better"
    assert effect.loc["generator_steps", "low"] < 0.75 < effect.loc["generator_steps", "high"]
    assert effect.loc["updates", "high"] < 0.6 and effect.loc["updates", "ahead"] == 1.0


def test_trials_that_went_on_are_shown_apart_as_a_selection(made_study):
    reached, states = [10] * 6 + [4] * 6, ["complete"] * 6 + ["pruned"] * 6
    scores = np.broadcast_to(np.linspace(10, 1, 10), (12, 3, 10))
    table = response(
        made_study(scores, {"k": [1.0, 5.0] * 6}, {"k": [1, 5]}, reached=reached, states=states)
    )
    steps = table[table["axis"] == "generator_steps"]
    assert steps.groupby("trials")["amount"].first().to_dict() == {
        ENDED_TRIALS: 400.0,
        COMPLETE_TRIALS: 1000.0,
    }
    assert steps.groupby("trials")["configurations"].sum().to_dict() == {
        ENDED_TRIALS: 12,
        COMPLETE_TRIALS: 6,
    }


def test_a_k_that_was_not_evaluated_so_early_is_named(made_study):
    study = made_study(np.ones((12, 3, 2)), {"k": [1.0, 5.0] * 6}, {"k": [1, 5, 2]})
    answer = answer_by_axis(study)
    assert answer["axis"].tolist() == ["generator_steps"]
    row = response(study).set_index(["axis", "k"]).loc[("discriminator_steps", 5.0)]
    assert row["configurations"] == 0 and row["not_yet"] == 6 and np.isnan(row["median"])


def test_lost_seeds_are_counted_at_the_amount(made_study):
    lost = np.array([[True, True, False]] * 6 + [[False] * 3] * 6)
    table = response(
        made_study(np.ones((12, 3)), {"k": [5.0] * 6 + [1.0] * 6}, {"k": [1, 5]}, failed=lost)
    ).set_index("k")
    shares = table["failed_share"]
    assert shares.loc[5.0].iloc[0] == pytest.approx(2 / 3) and shares.loc[1.0].iloc[0] == 0


def by_evaluation(study, failing):
    """Seeds collapse at evaluation 3, the share of those with k = 5 is none and with k = 1 one half."""
    rows = study.evaluations
    gone = rows["number"].isin(failing) & (rows["evaluation"] >= 3)
    rows["verdict"] = np.where(gone, "collapsed", "unsettled")
    return study


def test_no_share_of_failed_seeds_where_the_values_stand_at_different_evaluations(made_study):
    """At equal updates k = 5 is at its first evaluation where k = 1 is at its third: of equal seeds none would have
    failed with k = 5."""
    k = np.repeat([1.0, 5.0], 12)
    study = by_evaluation(
        made_study(np.ones((24, 3, 3)), {"k": k}, {"k": [1, 5]}), [*range(6), *range(12, 18)]
    )
    table = response(study).set_index(["axis", "k"])["failed_share"]
    assert table["generator_steps"].tolist() == [0.5, 0.5]
    for axis in ("updates", "seconds"):
        assert table[axis].isna().all(), axis
    # With k = 5 nothing was evaluated by then: there is nothing to compare with.
    assert table["discriminator_steps"].isna().tolist() == [False, True]
    contrasts = pairwise_contrasts(study)
    known = {row.axis: row.failed.has_interval for row in contrasts if row.failed is not None}
    assert [axis for axis, has in known.items() if has] == ["generator_steps"]
    traces = by_axis(response(study), "k", "fid", "generator_steps").data
    shown = [trace for trace in traces if trace.yaxis == "y2"]
    drawn = [np.isfinite(np.asarray(trace.y, dtype=float)).sum() for trace in shown]
    assert drawn == [2, 1, 0, 1, 0], "of generator, discriminator steps, updates, images, seconds"


def test_no_share_of_failed_seeds_before_a_verdict_can_be_a_failure(made_study):
    two = by_evaluation(
        made_study(
            np.ones((24, 3, 2)),
            {"k": [1.0, 5.0] * 12, "lr_g": 1e-3, "lr_d": 1e-3},
            {"k": [1, 5], "lr_g": RANGE, "lr_d": RANGE},
        ),
        [],
    )
    assert response(two)["failed_share"].isna().all()
    assert by_setting(two, "k")["failed_share"].isna().all()
    assert rate_map(two)["failed_share"].isna().all() and region_that_trains(two).empty
    figure = by_axis(response(two), "k", "fid", "generator_steps")
    assert not [trace for trace in figure.data if trace.yaxis == "y2"]
    three = by_evaluation(made_study(np.ones((24, 3, 3)), {"k": [1.0, 5.0] * 12}), [])
    assert by_setting(three, "k")["failed_share"].tolist() == [0.0, 0.0]


def test_a_seed_that_is_not_trained_yet_neither_fails_nor_trains(made_study, rng):
    rates = 10 ** rng.uniform(-4, -2, size=(60, 2))
    slow = np.flatnonzero(rates[:, 0] < 5e-4)
    study = made_study(
        np.ones((60, 2, 3)),
        {"lr_g": rates[:, 0], "lr_d": rates[:, 1]},
        {"lr_g": RANGE, "lr_d": RANGE},
    )
    collapsed = region_that_trains(by_evaluation(study, slow))
    rows = study.evaluations
    rows["verdict"] = rows["verdict"].replace("collapsed", "not trained yet")
    assert region_that_trains(study).equals(collapsed) and collapsed["inside"].iloc[0] > 0
    assert (rate_map(study)["failed_share"] == 0).all()


def test_of_failed_seeds_the_matched_difference_is_told(made_study):
    """Groups that are not matched differ in their other settings: here k = 5 was drawn at better rates alone."""
    rates = np.array([1e-3, 1e-2])[np.r_[np.arange(12) // 6, np.zeros(12, int)]]
    space = {"k": [1, 5], "lr_g": [1e-3, 1e-2]}
    study = made_study(np.ones((24, 3, 3)), {"k": np.repeat([1.0, 5.0], 12), "lr_g": rates}, space)
    study = by_evaluation(study, [*range(6), *range(6, 12), *range(12, 18)])
    (contrast,) = [row for row in pairwise_contrasts(study) if row.axis == "generator_steps"]
    said = [str(row) for row in section.conclusions(Results(study)) if "failed" in str(row)]
    assert contrast.failed is not None and len(said) == 1
    points = f"{100 * contrast.failed.value:+.0f} percentage points".replace("-", "−")
    assert points in said[0] and "pairs on 3 seeds" in said[0] and "100%" not in said[0]
    turned = contrast.reversed()
    assert (
        turned.failed.value == -contrast.failed.value and turned.failed.low == -contrast.failed.high
    )


# Learning rates


def plane(made_study, rng, configurations, matters=True):
    """A seed trains where lr_d / lr_g is between 1/10 and 10, if it matters, else two in three times."""
    g, d = (10 ** rng.uniform(-4, -2, configurations) for _ in range(2))
    good = np.abs(np.log10(d / g)) < 1 if matters else rng.random(configurations) < 2 / 3
    lost = rng.random((configurations, 3)) < np.where(good, 0.03, 0.97)[:, None]
    scores = np.exp(np.log10(d / g)[:, None] ** 2 + 0.1 * rng.normal(size=(configurations, 3)))
    return made_study(scores, {"lr_g": g, "lr_d": d}, {"lr_g": RANGE, "lr_d": RANGE}, failed=lost)


def test_map_holds_every_configuration_once(made_study, rng):
    table = rate_map(plane(made_study, rng, 100))
    assert table["configurations"].sum() == 100 and len(table) == 16
    corner = table[(table["lr_g_low"] > 2e-3) & (table["lr_d_high"] < 4e-4)].iloc[0]
    middle = table[(table["lr_g_low"] > 2e-3) & (table["lr_d_low"] > 2e-3)].iloc[0]
    assert (
        corner["failed_share_low"] > middle["failed_share_high"]
        and corner["median"] > middle["median"]
    )


def test_ratio_in_three_groups_with_its_ends_in_the_middle(made_study, rng):
    table = rate_ratio(plane(made_study, rng, 100)).set_index("ratio")
    assert table["configurations"].sum() == 100
    assert table.loc["1/3 to 3", "failed_share_high"] < table.loc["below 1/3", "failed_share_low"]
    exact = made_study(np.ones((3, 1)), {"lr_g": [1e-4, 3e-4, 1e-4], "lr_d": [3e-4, 1e-4, 1e-4]})
    assert rate_ratio(exact)["configurations"].tolist() == [0, 3, 0]


def test_region_that_trains_is_found_where_it_was_planted(made_study, rng):
    table = region_that_trains(plane(made_study, rng, 200)).set_index("setting")
    ratio = table.loc["ratio"]
    assert (
        ratio["decision"] == "conclusive" and 0.05 < ratio["low"] < 0.35 and 3 < ratio["high"] < 20
    )
    assert ratio["inside_low"] > 0.85 > 0.5 > ratio["outside_high"] and ratio["skill_low"] > 0.3
    assert 0.4 < ratio["area"] < 0.8, "three quarters of the square of two decades"
    assert (
        ratio["inside"] + ratio["outside"] == ratio["configurations"] == 200
        and ratio["seeds"] == 600
    )


def test_no_region_is_told_where_the_rates_do_not_matter(made_study, rng):
    table = region_that_trains(plane(made_study, rng, 100, matters=False))
    assert (table["decision"] == "inconclusive").all() and table[
        ["low", "high", "area"]
    ].isna().all(axis=None)


def test_nothing_is_fitted_to_few_configurations_or_one_outcome(made_study, rng):
    rates = rng.normal(size=(30, 2))
    assert fit(rates, np.ones(30), rates) is None
    assert fit(rates[:19], rng.random(19), rates) is None
    assert region_that_trains(plane(made_study, rng, 15)).empty


# Seeds


def test_every_configuration_has_its_row_with_what_its_seeds_say(made_study):
    scores = np.array([[1.0, 2, 3, 4, 5, 6], [7.0, 8, 9, 10, 11, np.nan]])
    lost = np.array([[True] + [False] * 5, [False] * 6])
    table = per_configuration(
        made_study(scores, {"k": [1, 5]}, {"k": [1, 5]}, failed=lost)
    ).set_index("number")
    assert table.loc[
        0, ["k", "seeds", "median", "median_low", "median_high", "iqm", "best", "worst"]
    ].tolist() == [*(1, 6, 3.5, 1, 6, 3.5, 1, 6)]
    assert table.loc[0, ["failed", "collapsed", "unsettled"]].tolist() == [1, 1, 5]
    assert table.loc[1, ["failed", "diverged", "worst", "median_high"]].tolist() == [
        1,
        1,
        np.inf,
        np.inf,
    ]
    assert table["failed_share"].tolist() == pytest.approx([1 / 6] * 2)
    assert table.loc[1, "spread"] == pytest.approx(np.std([7, 8, 9, 10, 11], ddof=1))


def test_spread_is_shared_out_between_configurations_and_seeds(made_study, rng):
    apart = np.exp(rng.normal(size=(40, 1)) + 0.1 * rng.normal(size=(40, 3)))
    table = spread(made_study(apart, {"k": [1] * 40})).set_index("component")
    assert table.loc["between configurations", "low"] > 0.9 and table[
        "share"
    ].sum() == pytest.approx(1)
    chance = spread(made_study(np.exp(rng.normal(size=(40, 3))), {"k": [1] * 40})).set_index(
        "component"
    )
    assert (
        chance.loc["between seeds of a configuration", "low"] > 0.6
        and (chance["configurations"] == 40).all()
    )


def test_overall_has_both_statistics_with_n(made_study, rng):
    table = overall(made_study(np.exp(rng.normal(size=(12, 3))), {"k": [1] * 12}))
    assert table["statistic"].tolist() == ["median", "interquartile mean"]
    assert (table["low"] < table["value"]).all() and (table["seeds"] == 36).all()


@pytest.mark.parametrize("case", ["no trial", "one seed", "no measure", "no rates", "no spec"])
def test_imported_studies_with_things_missing_have_tables(case, made_study):
    scores = np.empty((0, 3)) if case == "no trial" else np.ones((8, 1))
    rates = {} if case == "no rates" else {"lr_g": [1e-3, np.nan] * 4, "lr_d": [1e-3] * 8}
    study = made_study(
        scores, {} if case == "no trial" else {"k": [1, 2] * 4, **rates}, {"k": [1, 2]}
    )
    if case == "no measure":
        study.evaluations["fid"] = np.nan
    if case == "no spec":
        study.spec = {}
    for table_of in (response, pairwise, answer_by_axis, rate_map, rate_ratio, region_that_trains):
        assert list(table_of(study).columns)
    for table_of in (per_configuration, overall, spread):
        assert list(table_of(study).columns)
