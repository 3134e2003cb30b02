"""Single configurations against their twins without remedies, on made-up studies whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ganstudy.analysis.report.blocks import Results
from ganstudy.analysis.report.sections import remedies as section
from ganstudy.analysis.stats.few_seeds import MEDIAN, compare_by_seed
from ganstudy.analysis.stats.multiplicity import holm
from ganstudy.analysis.tables.effects.remedies_by_seed import (
    MIN_SEEDS_FOR_TEST,
    remedies_paired_by_seed,
)

NAMES = ["feature_matching", "historical_averaging", "packing", "r1"]
SPACE = {"remedies": [[], *([name] for name in NAMES)]}
NOISES = {
    "normal": lambda rng, shape: rng.normal(0, 0.2, shape),
    "skewed": lambda rng, shape: np.exp(rng.normal(0, 0.6, shape)),
    "half collapses": lambda rng, shape: (
        rng.normal(0, 0.1, shape) + (rng.random(shape) < 0.5) * 1.5
    ),
}


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture
def scores(rng):
    """Five configurations on eight seeds, which have a luck of their own: four comparisons take eight."""
    return np.exp(3 + 0.5 * rng.normal(size=(1, 8)) + 0.05 * rng.normal(size=(5, 8)))


def tried_once(made_study, scores, **options):
    return made_study(scores, {"remedies": ["none", *NAMES]}, SPACE, **options)


def test_the_effect_is_the_geometric_mean_over_seeds_with_students_interval(made_study, scores):
    scores[1] *= 0.5
    table = remedies_paired_by_seed(tried_once(made_study, scores)).set_index("remedies")
    row, logs = table.loc["feature_matching"], np.log(scores[1] / scores[0])
    half = stats.t.ppf(0.975, 7) * logs.std(ddof=1) / math.sqrt(8)
    assert row["effect"] == pytest.approx(np.exp(logs.mean()))
    assert row["low"] == pytest.approx(np.exp(logs.mean() - half)) and row["high"] < 1
    assert row["p"] == 2 / 2**8, "all eight better: the exact test decides"
    assert (
        row["decision"] == "better"
        and row["seeds"] == 8
        and row["control"] == 0
        and row["comparisons"] == 4
    )
    assert (table["p_holm"] >= table["p"]).all()
    assert (table.drop("feature_matching")["decision"] == "inconclusive").all()


def test_twins_agree_in_all_else_and_each_value_of_a_remedys_own_parameter_is_a_row(
    made_study, rng
):
    settings = {
        "k": [1.0, 1.0, 1.0, 2.0, 2.0, 5.0],
        "remedies": ["none", "packing", "packing", "none", "packing", "packing"],
        "packing.size": [np.nan, 2.0, 3.0, np.nan, 2.0, 2.0],
    }
    space = {"k": [1, 2, 5], "remedies": [[], ["packing"]], "packing.size": [2, 3]}
    table = remedies_paired_by_seed(made_study(np.exp(rng.normal(size=(6, 5))), settings, space))
    assert table[["number", "control"]].to_numpy().tolist() == [[1, 0], [2, 0], [4, 3]], (
        "k = 5 has no twin"
    )
    assert table["k"].tolist() == [1.0, 1.0, 2.0]


def test_below_five_seeds_no_verdict(made_study, scores):
    scores[1] *= 0.1
    table = remedies_paired_by_seed(tried_once(made_study, scores[:, : MIN_SEEDS_FOR_TEST - 1]))
    assert (
        (table["decision"] == "inconclusive").all()
        and table["p"].isna().all()
        and (table["comparisons"] == 0).all()
    )


def test_diverged_seeds_count_as_worst(made_study, scores):
    scores[1, :2] = np.nan
    scores[2:] = np.nan
    # Seeds can fail in every way from the third evaluation on.
    study = tried_once(made_study, np.repeat(scores[:, :, None], 3, axis=2))
    table = remedies_paired_by_seed(study).set_index("remedies")
    assert table.loc["feature_matching", ["method", "failed"]].tolist() == [MEDIAN, 2]
    assert table.loc["r1", "effect"] == math.inf and table.loc["r1", "failed"] == 8


def test_larger_is_better_where_the_objective_is_maximised(made_study, rng):
    recall = 0.5 + 0.01 * rng.normal(size=(5, 8))
    recall[1] += 0.2
    study = tried_once(made_study, recall, measure="recall", maximize="recall")
    table = remedies_paired_by_seed(study).set_index("remedies")
    row = table.loc["feature_matching"]
    assert (
        row["decision"] == "better"
        and row["scale"] == "difference"
        and 0 < row["low"] < 0.2 < row["high"]
    )


@pytest.mark.parametrize("noise", NOISES)
def test_alike_remedies_are_rarely_told_apart(noise):
    """17 remedies that do nothing, twelve seeds with a luck of their own: 400 studies; the appendix has 2,000."""
    rng, found, rounds = np.random.default_rng(5), 0, 400
    for _ in range(rounds):
        logs = 0.5 * NOISES[noise](rng, (1, 12)) + NOISES[noise](rng, (18, 12))
        found += bool(
            (holm(np.array([compare_by_seed(arm, logs[0]).p for arm in logs[1:]])) < 0.05).any()
        )
    print(f"\n{noise}: {found / rounds:.1%}")
    assert found / rounds < 0.05 + 3 * math.sqrt(0.05 * 0.95 / rounds)


@pytest.mark.parametrize(("seeds", "ratio", "least"), [(10, 0.5, 0.6), (12, 0.75, 0.5)])
def test_large_effects_are_found(seeds, ratio, least):
    """One of 17 remedies helps; seeds spread by 0.1 on a log scale, as on digits."""
    rng, found, rounds = np.random.default_rng(6), 0, 300
    for _ in range(rounds):
        logs = rng.normal(0, 0.1, (18, seeds))
        logs[1] += math.log(ratio)
        found += bool(
            holm(np.array([compare_by_seed(arm, logs[0]).p for arm in logs[1:]]))[0] < 0.05
        )
    print(f"\n{seeds} seeds, x {ratio}: {found / rounds:.0%}")
    assert found / rounds > least


def test_without_twins_or_remedies_there_is_no_row(made_study, rng):
    scores = np.exp(rng.normal(size=(3, 5)))
    assert remedies_paired_by_seed(made_study(scores, {"remedies": NAMES[:3]}, SPACE)).empty, (
        "no trial without"
    )
    assert remedies_paired_by_seed(
        made_study(scores, {"k": [1.0, 2.0, 5.0]}, {"k": [1, 2, 5]})
    ).empty
    assert remedies_paired_by_seed(made_study(np.empty((0, 5)), {"remedies": []}, SPACE)).empty


def test_the_report_says_what_the_seeds_say_of_single_configurations(made_study, scores):
    scores[1] *= 0.5
    scores[2] *= 2
    results = Results(tried_once(made_study, scores))
    (said,) = section.conclusions(results)
    assert said.claim.startswith(
        "Remedies at 100 generator steps, each at one configuration: better than without: "
    )
    assert (
        "feature matching (FID × 0.49" in said.claim
        and "orse than without: historical averaging" in said.basis
    )
    assert (
        "nconclusive: packing, r1." in said.basis
        and "8 each" in said.basis
        and "Holm over 4" in said.basis
    )
    assert said.brief.text.startswith(
        "Feature matching is better than without, at one setting at 100 generator steps: FID × 0.49"
    )
    few = Results(tried_once(made_study, scores[:, :6]))
    (said,) = section.conclusions(few)
    assert said.claim.endswith("inconclusive: feature matching, historical averaging, packing, r1.")
    assert "However large, no difference of 4 can be found on 6 seeds: 8 or more can." in said.basis
    names = [getattr(block, "name", "") for block in section.blocks(results)]
    assert "remedies_paired_by_seed" in names


def test_where_configurations_tell_the_seeds_are_not_asked(made_study, rng):
    k, remedies = np.meshgrid(np.arange(1.0, 9.0), ["none", "packing"])
    settings = {"k": k.ravel(), "remedies": remedies.ravel()}
    space = {"k": list(range(1, 9)), "remedies": [[], ["packing"]]}
    results = Results(made_study(np.exp(rng.normal(size=(16, 5))), settings, space))
    assert "remedies_paired_by_seed" not in [
        getattr(block, "name", "") for block in section.blocks(results)
    ]
    assert "pairs" in str(section.conclusions(results)[0])
