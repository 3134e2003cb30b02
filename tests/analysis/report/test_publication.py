"""The table for a paper, read back cell by cell."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.blocks import Results
from ganstudy.analysis.report.publication import confirmed_tables
from ganstudy.trials.results.records import FIRST_CONFIRM

FIDS = np.array([12.0, 10.0, 18.0, 14.0, 11.0, 13.0, 16.0, 15.0])
HEADS = ["configuration", "k", "remedies", "n", "median FID", "failed"]


@pytest.fixture
def study(study_over_time) -> Study:
    """A search of two trials, of which the second was confirmed on eight seeds; one of them collapsed."""
    searched = study_over_time(
        np.full((2, 8, 1), 20.0), k=[1.0, 2.5], remedies=["none", "feature_matching+r1"]
    )
    verdicts = np.full((1, 8, 1), "converged", dtype=object)
    verdicts[0, 2] = "collapsed"
    fresh = study_over_time(
        FIDS[None, :, None], verdicts, k=[2.5], remedies=["feature_matching+r1"]
    )
    rows = fresh.evaluations.assign(number=FIRST_CONFIRM)
    trial = fresh.trials.assign(number=FIRST_CONFIRM, stage="confirm", role="best", confirms=1)
    trials = searched.trials.assign(stage="search", role="", confirms=pd.NA)
    provenance = {
        **{"extractor": "my_net", "extractor_digest": "e1", "data_digest": "d1"},
        **{"num_generated": 500, "num_real": 400, "split": "held_out"},
    }
    return dataclasses.replace(
        searched,
        name="a_study & more",
        provenance=provenance,
        trials=pd.concat([trials, trial], ignore_index=True).astype({"confirms": "Int64"}),
        evaluations=pd.concat([searched.evaluations, rows], ignore_index=True),
    )


def test_every_row_has_n_interval_and_what_it_was_measured_with(study: Study) -> None:
    texts = confirmed_tables(Results(study))
    head, _, row, _, provenance, *_ = texts["confirmed.md"].split("\n")
    assert [cell.strip() for cell in head.strip("|").split("|")] == HEADS
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    ordered = np.sort(FIDS)
    # Of eight the smallest to the largest: 1 - 2 / 2^8.
    middle = f"{ordered[3:5].mean():.3g} [{ordered[0]:.3g}, {ordered[-1]:.3g}] (99.2%)"
    assert cells == ["trial 1 (best)", "2.5", "feature matching + r1", "8", middle, "1 of 8"]
    for text in ("500 generated against 400 real", "my_net (e1)", "(d1)", "100 generator steps"):
        assert text in provenance


def test_latex_has_the_same_cells_and_no_letter_that_it_would_take_for_a_command(
    study: Study,
) -> None:
    texts = confirmed_tables(Results(study))
    latex = texts["confirmed.tex"]
    (row,) = (line for line in latex.split("\n") if line.startswith("trial 1"))
    markdown = texts["confirmed.md"].split("\n")[2].strip("| ").split(" | ")
    assert row.removesuffix(r" \\").replace(r"\%", "%").split(" & ") == markdown
    assert r"\caption{Configurations of a\_study \& more on fresh seeds.}" in latex
    body = re.sub(r"^%.*$", "", latex, flags=re.MULTILINE)
    assert not re.search(r"(?<!\\)[_#%$]", body) and r"my\_net (e1)" in latex
    assert latex.count("{tabular}") == 2 and latex.count(r"\begin{table}") == 1


def test_without_a_confirm_stage_there_is_no_table(study: Study) -> None:
    only = study.only(study.trials["stage"] == "search")
    assert confirmed_tables(Results(only)) == {}
