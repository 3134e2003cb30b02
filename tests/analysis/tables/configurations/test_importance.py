"""Importance of settings by Optuna's evaluators, and how much of it is chance."""

from __future__ import annotations

import numpy as np
import pytest

from ganstudy.analysis.tables.configurations.importance import MOST_TRIALS, importance

RANGE = {"low": 1e-4, "high": 1e-2, "log": True}
SPACE = {
    "k": [1, 2, 5],
    "lr_d": RANGE,
    "lr_g": RANGE,
    "remedies": [[], ["historical_averaging"]],
    "historical_averaging.weight": {"low": 0.1, "high": 1.0},
}


@pytest.fixture
def rng():
    return np.random.default_rng(17)


def study_of(made_study, rng, configurations, matters=1.0):
    """lr_d moves log FID by `matters` per decade."""
    remedies = rng.choice(["none", "historical_averaging"], configurations)
    settings = {
        "k": rng.choice([1.0, 2.0, 5.0], configurations),
        "lr_d": 10 ** rng.uniform(-4, -2, configurations),
        "lr_g": 10 ** rng.uniform(-4, -2, configurations),
        "remedies": remedies,
        "historical_averaging.weight": np.where(
            remedies == "none", np.nan, rng.uniform(0.1, 1, configurations)
        ),
    }
    scores = np.exp(
        matters * np.log10(settings["lr_d"])[:, None] + 0.3 * rng.normal(size=(configurations, 3))
    )
    scores[rng.random(scores.shape) < 0.1] = np.nan
    return made_study(scores, settings, SPACE)


def test_the_setting_that_matters_is_found_by_both_and_no_other(made_study, rng):
    table = importance(study_of(made_study, rng, 60))
    assert table.groupby("evaluator")["importance"].sum().tolist() == pytest.approx([1, 1])
    first = table[table["rank"] == 1].set_index("evaluator")
    assert (first["setting"] == "lr_d").all() and (first["decision"] == "matters").all()
    assert (first["importance"] > first["chance"]).all() and (first["first_share"] > 0.9).all()
    assert set(table.loc[table["rank"] > 1, "decision"]) == {"inconclusive"}
    assert ((table["low"] <= table["high"]) & (table["rank_low"] <= table["rank_high"])).all()
    assert (table["configurations"] == 60).all() and (table["seeds"] == 180).all()


def test_a_setting_of_one_remedy_is_asked_of_the_evaluator_that_knows_conditions(made_study, rng):
    table = importance(study_of(made_study, rng, 40))
    assert set(table.loc[table["evaluator"] == "PED-ANOVA", "setting"]) == set(SPACE)
    assert set(table.loc[table["evaluator"] == "fANOVA", "setting"]) == set(SPACE) - {
        "historical_averaging.weight"
    }


def test_many_trials_are_drawn_from(made_study, rng):
    table = importance(study_of(made_study, rng, 400), evaluators=("PED-ANOVA",))
    assert (table["used"] == MOST_TRIALS["PED-ANOVA"]).all() and (
        table["configurations"] == 400
    ).all()


def test_made_twice_it_says_the_same(made_study, rng):
    study = study_of(made_study, rng, 30)
    first, second = (importance(study, evaluators=("PED-ANOVA",)) for _ in range(2))
    assert first.equals(second)


def test_few_trials_say_nothing(made_study, rng):
    assert importance(study_of(made_study, rng, 19)).empty


def test_imported_settings_without_a_space_and_all_diverged_are_survived(made_study, rng):
    study = study_of(made_study, rng, 30)
    study.evaluations["fid"], study.evaluations["finite"] = np.nan, False
    assert set(importance(study, evaluators=("PED-ANOVA",))["decision"]) <= {"inconclusive"}
    study.spec = {}
    assert importance(study).empty
