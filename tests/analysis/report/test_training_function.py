"""The report of a study whose trials a training function of the user's own trained."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from ganstudy.analysis.report.html import write_report

SPACES = {
    "k and remedies of its own": {
        "k": ("params.k", [1, 2, 1, 2, 1, 2, 1, 2]),
        "remedies": ("params.remedies", ["none", "none", "mine", "mine"] * 2),
        "params.width": ("params.width", [16, 16, 16, 16, 32, 32, 32, 32]),
    },
    "neither k nor learning rates nor remedies": {
        "params.width": ("params.width", [16, 16, 32, 32] * 2),
        "params.depth": ("params.depth", [1, 2, 1, 2] * 2),
    },
}


@pytest.mark.parametrize("name", SPACES)
def test_its_settings_are_told_by_the_names_of_the_report(
    name: str, study_over_time, tmp_path: Path
) -> None:
    columns = {column: values for column, (_, values) in SPACES[name].items()}
    scores = 1 + np.random.default_rng(0).random((8, 3, 4))
    study = study_over_time(scores, **columns)
    study.spec["search"]["space"] = {
        key: [[], ["mine"]] if column == "remedies" else sorted(set(values))
        for column, (key, values) in SPACES[name].items()
    }
    assert {*study.searched} == columns.keys()
    text = write_report(study, tmp_path / "report.html").read_text(encoding="utf-8")
    shown = re.sub(r"<[^>]+>", " ", text)
    assert "params.width" in shown and "params.k" not in shown
    assert ("Remedies at" in shown) == ("remedies" in columns)
