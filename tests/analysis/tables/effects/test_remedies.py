"""Effects of remedies and other settings, on made-up studies whose truth is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ganstudy.analysis.tables.effects.interactions import interactions
from ganstudy.analysis.tables.effects.matched_contrasts import remedy_contrasts
from ganstudy.analysis.tables.effects.remedies import remedy_effects, setting_effects

REMEDIES = ["none", "feature_matching", "historical_averaging"]
SETS = [[], ["feature_matching"], ["historical_averaging"]]
RANGE = {"low": 1e-4, "high": 1e-2, "log": True}
DRAWN = {"k": [1, 2, 5], "lr_d": RANGE, "lr_g": RANGE, "remedies": SETS}


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def drawn(rng, configurations):
    """Settings drawn at random, and what they do to the log score: much."""
    settings = {
        "k": rng.choice([1.0, 2.0, 5.0], configurations),
        "lr_d": 10 ** rng.uniform(-4, -2, configurations),
        "lr_g": 10 ** rng.uniform(-4, -2, configurations),
        "remedies": rng.choice(REMEDIES, configurations),
    }
    return settings, 3 + np.log10(settings["lr_d"] / settings["lr_g"]) ** 2 / 2 + np.log(
        settings["k"]
    ) / 4


def scored(rng, centres, seeds=3, within=0.2):
    return np.exp(centres[:, None] + within * rng.normal(size=(len(centres), seeds)))


def gridded(rng, helps=0.0, **options):
    points = list(itertools.product([1.0, 2.0, 5.0], [1e-4, 1e-3, 1e-2], REMEDIES))
    k, lr_d, remedies = (np.array(column) for column in zip(*points, strict=True))
    centres = 3 + np.log10(lr_d / 1e-3) ** 2 + np.log(k) + helps * (remedies == "feature_matching")
    space = {"k": [1, 2, 5], "lr_d": [1e-4, 1e-3, 1e-2], "remedies": SETS}
    return scored(rng, centres, **options), {"k": k, "lr_d": lr_d, "remedies": remedies}, space


def test_of_a_grid_the_twins_are_compared_and_the_other_settings_do_not_blur_the_effect(
    made_study, rng
):
    """The other settings move FID by a factor of 14, the remedy by a quarter: nine pairs on six seeds tell it."""
    grid = gridded(rng, helps=np.log(0.75), seeds=6)
    table = remedy_effects(made_study(*grid)).set_index("remedies")
    helped, other = table.loc["feature_matching"], table.loc["historical_averaging"]
    assert helped["decision"] == "better" and helped["ratio_low"] < 0.75 < helped["ratio_high"] < 1
    assert other["decision"] == "inconclusive" and other["ratio_low"] < 1 < other["ratio_high"]
    assert (table["matching"] == "exact").all() and (table["distance"] == 0).all()
    assert (
        (table["pairs"] == 9).all()
        and (table["seeds"] == 6).all()
        and (table["comparisons"] == 2).all()
    )
    assert helped["matched_on"] == "k; lr_d" and helped["p"] <= 0.05 < other["p"]
    assert helped["improvement_low"] > 0.5 > other["improvement_low"]


def test_difference_is_what_the_ratio_comes_to_at_the_median_without_remedy(made_study, rng):
    scores, settings, space = gridded(rng, helps=-0.3)
    row = remedy_effects(made_study(scores, settings, space)).iloc[0]
    control = np.median(np.median(scores[settings["remedies"] == "none"], axis=1))
    assert row["difference"] == pytest.approx(control * (row["ratio"] - 1))
    assert (
        row["low"] == pytest.approx(control * (row["ratio_low"] - 1))
        and row["low"] < row["difference"] < row["high"]
    )


def test_of_settings_drawn_from_ranges_the_nearest_are_compared_and_the_rest_is_predicted(
    made_study, rng
):
    settings, centres = drawn(rng, 150)
    effect = -0.4 * (settings["remedies"] == "feature_matching")
    table = remedy_effects(made_study(scored(rng, centres + effect), settings, DRAWN)).set_index(
        "remedies"
    )
    helped = table.loc["feature_matching"]
    assert helped["matching"] == "nearest + regression" and 0 < helped["distance"] < 0.7
    assert (
        helped["decision"] == "better" and helped["ratio_low"] < np.exp(-0.4) < helped["ratio_high"]
    )
    assert table.loc["historical_averaging", "decision"] == "inconclusive"
    assert helped["pairs"] <= min(helped["configurations"], helped["control_configurations"])


def test_a_remedy_that_was_drawn_with_better_rates_is_not_taken_for_one_that_helps(made_study, rng):
    """As TPE would: the remedy's configurations lie where the training is good anyway."""
    n = 160
    remedies = np.where(np.arange(n) < n // 2, "none", "feature_matching")
    lr_d = 10 ** np.where(remedies == "none", rng.uniform(-4, -2, n), rng.uniform(-3.4, -2, n))
    settings = {
        "k": np.ones(n),
        "lr_d": lr_d,
        "lr_g": 10 ** rng.uniform(-4, -2, n),
        "remedies": remedies,
    }
    centres = 3 - 0.8 * np.log10(lr_d)
    study = made_study(scored(rng, centres), settings, DRAWN)
    unmatched = np.median(centres[remedies != "none"]) - np.median(centres[remedies == "none"])
    row = remedy_effects(study).iloc[0]
    assert unmatched < -0.1 and row["decision"] == "inconclusive" and 0.9 < row["ratio"] < 1.1


def test_larger_is_better_where_the_objective_is_maximised(made_study, rng):
    scores, settings, space = gridded(rng)
    recall = (
        0.5
        + 0.01 * rng.normal(size=scores.shape)
        + 0.1 * (settings["remedies"] == "feature_matching")[:, None]
    )
    table = remedy_effects(made_study(recall, settings, space, measure="recall", maximize="recall"))
    row = table.set_index("remedies").loc["feature_matching"]
    assert (
        row["decision"] == "better"
        and 0 < row["low"] < 0.1 < row["high"]
        and np.isnan(row["ratio"])
    )
    assert row["improvement"] > 0.95


def test_a_remedy_against_losing_seeds_is_told_though_no_score_changes(made_study, rng):
    scores, settings, space = gridded(rng)
    lost = (settings["remedies"] != "feature_matching")[:, None] & np.ones((1, 3), dtype=bool)
    table = remedy_effects(made_study(scores, settings, space, failed=lost)).set_index("remedies")
    row = table.loc["feature_matching"]
    assert (
        row["failed_decision"] == "fewer"
        and row["failed_difference"] == -1
        and row["failed_high"] < 0
    )
    # Whatever the scores say: a collapsed run does worse than one that is not.
    assert row["improvement"] == 1 and row["decision"] == "inconclusive"
    assert table.loc["historical_averaging", ["failed_decision", "failed_difference"]].tolist() == [
        "inconclusive",
        0,
    ]


def test_diverged_seeds_count_against_their_arm(made_study, rng):
    scores, settings, space = gridded(rng)
    scores[settings["remedies"] == "feature_matching"] = np.nan
    row = (
        remedy_effects(made_study(np.repeat(scores[:, :, None], 3, axis=2), settings, space))
        .set_index("remedies")
        .loc["feature_matching"]
    )
    assert (
        row["decision"] == "worse" and row["improvement"] == 0 and row["failed_decision"] == "more"
    )
    assert row["ratio"] == row["ratio_low"] == np.inf


def test_too_few_pairs_give_values_and_no_intervals(made_study, rng):
    scores, settings, space = gridded(rng, helps=-3.0)
    few = settings["lr_d"] == 1e-4
    row = remedy_effects(
        made_study(scores[few], {k: v[few] for k, v in settings.items()}, space)
    ).iloc[0]
    assert (
        row["pairs"] == 3
        and row["ratio"] < 0.2
        and np.isnan(row["ratio_low"])
        and row["decision"] == "inconclusive"
    )


def test_any_setting_can_be_compared_with_any_baseline(made_study, rng):
    table = setting_effects(made_study(*gridded(rng, seeds=6)), "k", baseline=2.0).set_index("k")
    assert table.index.tolist() == [1.0, 5.0]
    assert table["decision"].tolist() == ["better", "worse"]
    assert table.loc[5.0, "ratio_low"] < 2.5 < table.loc[5.0, "ratio_high"]
    assert "remedies" in table.loc[1.0, "matched_on"]


def test_a_remedy_that_helps_at_large_k_only_depends_on_k(made_study, rng):
    settings, centres = drawn(rng, 200)
    effect = -0.8 * (settings["remedies"] == "feature_matching") * (settings["k"] == 5)
    table = interactions(made_study(scored(rng, centres + effect), settings, DRAWN)).set_index(
        ["first", "second"]
    )
    found = table.loc[("feature_matching", "k")]
    assert (
        found["decision"] == "depends" and 0 < found["low"] < found["correlation"] < found["high"]
    )
    assert table.loc[("historical_averaging", "k"), "decision"] == "inconclusive"
    rates = table.loc[("lr_d", "lr_g")]
    assert rates["decision"] == "depends" and rates["correlation"] > 0.3, (
        "their ratio matters: large suits large"
    )
    assert table.loc[("k", "lr_d"), "decision"] == "inconclusive"
    assert (table["comparisons"] == 9).all()


def test_interactions_of_few_configurations_are_not_told(made_study, rng):
    settings, centres = drawn(rng, 18)
    table = interactions(made_study(scored(rng, centres), settings, DRAWN))
    assert len(table) and table["low"].isna().all() and (table["decision"] == "inconclusive").all()


EDGES = {
    "no trial": np.empty((0, 3)),
    "one trial": np.ones((1, 3)),
    "one seed": np.ones((8, 1)),
    "all diverged": np.full((8, 3), np.nan),
    "all the same": np.ones((8, 3)),
}


@pytest.mark.parametrize("case", EDGES)
def test_every_study_has_tables(case, made_study):
    scores = EDGES[case]
    n = len(scores)
    settings = {
        "k": [1.0, 2.0] * (n // 2) + [1.0] * (n % 2),
        "lr_d": [1e-3] * n,
        "remedies": (REMEDIES * 3)[:n],
    }
    study = made_study(scores, settings, DRAWN)
    for table in (
        remedy_effects(study),
        setting_effects(study, "k"),
        setting_effects(study, "loss"),
        interactions(study),
    ):
        assert set(table.get("decision", [])) <= {"inconclusive"}


def test_a_study_of_unknown_space_has_empty_tables(made_study, rng):
    study = made_study(np.ones((8, 3)), {})
    study.spec = {}
    assert remedy_effects(study).empty and interactions(study).empty


def test_wins_are_counted_in_the_order_that_knows_failure(made_study, rng):
    """By hand over all pairs: whoever failed loses, two that failed alike go by score."""
    scores, settings, space = gridded(rng, helps=-0.1)
    lost = rng.random(scores.shape) < 0.3
    study = made_study(scores, settings, space, failed=lost)
    (row,) = (r for r in remedy_contrasts(study) if r.first == "feature_matching")
    table = [
        (k, lr, remedy, s, gone[s], values[s])
        for k, lr, remedy, gone, values in zip(*settings.values(), lost, scores, strict=True)
        for s in range(scores.shape[1])
    ]
    runs = {run[:4]: run[4:] for run in table}
    wins = [
        run < runs[k, lr, "none", s]
        for (k, lr, remedy, s), run in runs.items()
        if remedy == "feature_matching"
    ]
    assert row.improvement is not None
    assert row.improvement.value == pytest.approx(np.mean(wins))
    turned = row.reversed().improvement
    assert turned is not None and turned.value == pytest.approx(1 - np.mean(wins))
    assert (turned.low, turned.high) == (1 - row.improvement.high, 1 - row.improvement.low)
