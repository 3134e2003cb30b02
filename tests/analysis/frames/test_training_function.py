"""Settings of a study whose trials a training function trained, by the names that the report knows."""

from __future__ import annotations

import numpy as np


def test_parameters_have_the_names_of_the_trials_columns(study_over_time) -> None:
    columns = {
        "k": [1, 2],
        "remedies": ["none", "mine"],
        "lr_g": [1e-3, 1e-2],
        "params.width": [8, 16],
    }
    study = study_over_time(np.ones((2, 3, 4)), **columns)
    study.spec["search"]["space"] = {
        "params.k": [1, 2],
        "params.remedies": [[], ["mine"]],
        "params.lr_g": {"low": 1e-3, "high": 1e-2, "log": True},
        "params.width": [8, 16],
    }
    assert study.searched == ["k", "lr_g", "remedies", "params.width"]
    assert study.space["remedies"] == [[], ["mine"]] and "params.k" not in study.space


def test_a_study_of_other_parameters_alone_has_no_such_setting(study_over_time) -> None:
    study = study_over_time(np.ones((2, 3, 4)), **{"params.depth": [1, 2]})
    study.spec["search"]["space"] = {"params.depth": [1, 2]}
    assert study.searched == ["params.depth"]
