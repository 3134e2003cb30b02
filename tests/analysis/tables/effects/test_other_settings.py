"""Settings of the user's own: which are compared, with which others, and by how much."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from scipy import stats

from ganstudy.analysis.tables.configurations.search import by_setting
from ganstudy.analysis.tables.effects.compared_settings import other_settings
from ganstudy.analysis.tables.effects.contrast_table import contrast_table
from ganstudy.analysis.tables.effects.matched_contrasts import remedy_contrasts
from ganstudy.analysis.tables.effects.other_settings import (
    effects,
    other_contrasts,
    responses,
)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def crossed(build, rng, effect=-0.5, **first):
    """Two widths at ten values of another setting, on six seeds; `first`: further settings."""
    points = list(itertools.product([32.0, 64.0], np.arange(10.0)))
    width, gamma = (np.array(column) for column in zip(*points, strict=True))
    centres = 3 + 0.3 * gamma + effect * (width == 64)
    scores = np.exp(centres[:, None] + 0.1 * rng.normal(size=(20, 6)))[:, :, None]
    return build(scores, **{"params.width": width, "params.gamma": gamma}, **first), scores


def test_an_effect_is_the_mean_log_ratio_of_pairs_that_are_equal_in_all_else(
    study_over_time, rng
) -> None:
    study, scores = crossed(study_over_time, rng)
    (row,) = other_contrasts(study)
    logs = np.log(scores[10:, :, 0]) - np.log(scores[:10, :, 0])
    assert (row.question, row.first, row.second) == ("params.width", 64.0, 32.0)
    assert row.effect.value == pytest.approx(np.exp(logs.mean()))
    assert row.effect.n == 10 and row.seeds == 6 and row.matching == "exact"
    assert row.matched_on == ("params.gamma",) and row.decision == "better"
    # No narrower than either factor alone makes it.
    for axis, n in ((1, 10), (0, 6)):
        means = logs.mean(axis=axis)
        half = stats.t.ppf(0.975, n - 1) * means.std(ddof=1) / np.sqrt(n)
        assert np.log(row.effect.high) - logs.mean() >= 0.9 * half
    assert not row.family.primary and row.family.comparisons == 1
    table = effects([row])
    assert table.loc[0, "effect"] == row.effect.value and table.loc[0, "first"] == "64"


def test_what_has_a_section_or_is_a_switch_is_no_other_setting(study_over_time, rng) -> None:
    plain, _ = crossed(study_over_time, rng)
    assert other_settings(plain) == ["params.gamma", "params.width"]
    on = np.tile([True, False], 10)
    rates = {"lr_g": np.linspace(1, 2, 20), "k": np.tile([1.0, 2.0], 10)}
    both, _ = crossed(
        study_over_time, rng, r1=on, remedies=np.where(on, "r1", "none"), ema=on[::-1], **rates
    )
    assert other_settings(both) == ["lr_g", "ema", "params.gamma", "params.width"]
    both.trials["lr_d"] = both.trials["lr_g"]
    space = {**both.space, "lr_d": [0, 1]}
    both = dataclasses.replace(both, spec={**both.spec, "search": {"space": space}})
    assert "lr_g" not in other_settings(both), "the two together have a section"


def test_a_yes_or_no_that_is_no_remedy_is_matched_where_remedies_are_compared(
    study_over_time, rng
) -> None:
    """It moves the score by a factor of 20, and no effect of the remedy is made of that."""
    ema, named = (
        np.array(c) for c in zip(*itertools.product([False, True], ["none", "a_b"]), strict=True)
    )
    ema, named = np.tile(ema, 4), np.tile(named, 4)
    centres = 3 * ema + 0.1 * rng.normal(size=16)
    scores = np.exp(centres[:, None] + 0.1 * rng.normal(size=(16, 4)))[:, :, None]
    study = study_over_time(scores, **{"params.ema": ema, "remedies": named})
    (row,) = remedy_contrasts(study)
    assert row.matched_on == ("params.ema",) and row.matching == "exact"
    assert (
        "remedies"
        not in dataclasses.replace(
            study, spec={**study.spec, "search": {"space": {"params.ema": [False, True]}}}
        ).searched
    ), "and it adds none to what was searched"


def test_options_of_one_remedy_are_matched_among_the_trials_that_have_it(
    study_over_time, rng
) -> None:
    named = np.array(["none"] * 4 + ["a_b"] * 16)
    weight = np.array([np.nan] * 4 + [1.0] * 8 + [10.0] * 8)
    other = np.array([np.nan] * 4 + [*range(8)] * 2, dtype=float)
    centres = np.nan_to_num(other) + 0.5 * (weight == 10)
    scores = np.exp(centres[:, None] + 0.05 * rng.normal(size=(20, 4)))[:, :, None]
    settings = {"a_b.weight": weight, "a_b.other": other, "remedies": named}
    row = next(
        r
        for r in other_contrasts(study_over_time(scores, **settings))
        if r.question == "a_b.weight"
    )
    assert row.matched_on == ("a_b.other",) and row.matching == "exact" and row.effect.n == 8
    assert row.effect.value == pytest.approx(np.exp(-0.5), rel=0.1)


def test_responses_are_those_of_by_setting(study_over_time, rng) -> None:
    study, _ = crossed(study_over_time, rng)
    table = responses(study)
    for name in ("params.width", "params.gamma"):
        own, alone = table[table["setting"] == name], by_setting(study, name)
        for column in ("median", "median_low", "configurations", "failed_share"):
            np.testing.assert_array_equal(own[column], alone[column])
    # Ten values: thirds, which are no values that could be compared.
    assert set(table.loc[table["setting"] == "params.gamma", "value"]) == {
        "0 to 3", "4 to 6", "7 to 9",
    }  # fmt: skip
    assert {row.question for row in contrast_table(study).others} == {"params.width"}
