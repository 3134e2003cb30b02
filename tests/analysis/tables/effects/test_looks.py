"""Interim reports, and reports on a study that was continued after its end was reported."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report import conclusions as answer
from ganstudy.analysis.report.blocks import Results, conclusions_of
from ganstudy.analysis.report.html import build
from ganstudy.analysis.report.sections.registry import SECTIONS
from ganstudy.analysis.tables.effects.looks import ends_reported, error_of_ends, held_back, interim
from ganstudy.trials.results.facts import Origin
from ganstudy.trials.results.looks import Look, Looks
from ganstudy.trials.results.records import Verdict

FIRST = "The study was over, and reported, at 24 trials before it was continued to 48:"


def look(planned: int, finished: bool = True, **ended: int) -> Look:
    return Look(planned, tuple(sorted(ended.items())), finished)


class NoArtifacts:
    """An MLflow that has no files."""

    def list_artifacts(self, run_id: str, path: str) -> list[str]:
        return []

    def download_artifacts(self, run_id: str, path: str, _folder: str) -> str:
        raise OSError(path)


@pytest.fixture
def grid(study_over_time) -> Study:
    """A full grid of 8 settings with and without a remedy that halves the score, on six seeds."""
    rng = np.random.default_rng(3)
    treated = np.tile([False, True], 8)
    scores = 20 * np.exp(0.2 * rng.normal(size=(16, 6)))
    scores[treated] /= 4
    settings = {
        "remedies": np.where(treated, "lecam", "none"),
        "lr_g": np.repeat([1e-4, 2e-4, 4e-4, 8e-4, 1e-3, 2e-3, 4e-3, 8e-3], 2),
    }
    both = np.repeat(scores[:, :, None], 2, axis=2)
    study = study_over_time(both, sampler="grid", **settings)
    study.spec["search"]["trials"] = 16
    missing = {verdict.value: 0 for verdict in Verdict if verdict.value not in study.trials}
    trials = study.trials.assign(**missing)
    return dataclasses.replace(study, trials=trials, _client=NoArtifacts())


def told(study: Study) -> list[str]:
    return answer.sentences(study)


def test_at_the_planned_end_the_primary_family_is_told(grid: Study) -> None:
    assert interim(grid) == "" and held_back(grid) == ""
    assert Results(grid).contrasts.primary
    assert not any("nterim" in sentence for sentence in told(grid))


def test_before_the_planned_end_every_conclusion_is_interim_and_nothing_is_primary(
    grid: Study,
) -> None:
    grid.spec["search"]["trials"] = 32
    assert interim(grid) == "16 of 32 trials of the search are over"
    results = Results(grid)
    assert not results.contrasts.primary and not results.contrasts.frame()["primary"].any()
    sentences = told(grid)
    assert sentences[0].startswith("Interim: 16 of 32 trials of the search are over.")
    marks = ("Interim: ", "[exploratory] Interim: ")
    assert all(sentence.startswith(marks) for sentence in sentences)
    made = build(grid)
    shown = [c for section in made.sections for c in section.conclusions]
    assert all(c.claim.startswith("Interim: ") for c in shown)
    (remedy,) = (s for s in sentences if "lecam" in s and "better" in s)
    assert remedy.startswith("[exploratory] Interim: ")
    assert any("since the study is not over" in c.claim for c in shown)
    assert made.subtitle.startswith("interim: 16 of 32 trials")


def test_trials_in_training_are_not_over(grid: Study) -> None:
    trials = grid.trials.assign(state=["running", "failed", *["complete"] * 14])
    running = dataclasses.replace(grid, trials=trials)
    assert interim(running) == "15 of 16 trials of the search are over"


def test_the_confirm_stage_belongs_to_the_end(grid: Study) -> None:
    grid.spec["confirm"] = {"top": 1}
    assert interim(grid) == "no trial of the confirm stage is over"
    # A ledger knows better where nothing could be confirmed.
    over = look(16, search=16, confirm=0)
    assert interim(dataclasses.replace(grid, looks=Looks(over, (over,)))) == ""
    begun = dataclasses.replace(over, finished=False)
    left = dataclasses.replace(grid, looks=Looks(begun, (begun,)))
    assert interim(left) == "trials of the study are left"
    trials = grid.trials.assign(stage=["search"] * 14 + ["confirm"] * 2)
    trials["state"] = ["complete"] * 15 + ["running"]
    grid.spec["search"]["trials"] = 14
    assert (
        interim(dataclasses.replace(grid, trials=trials))
        == "1 of 2 trials of the confirm stage are not over"
    )


def test_imports_and_studies_that_plan_nothing_have_no_end(grid: Study) -> None:
    grid.spec["search"]["trials"] = 99
    assert interim(dataclasses.replace(grid, origin=Origin(imported={"file": "x"}))) == ""
    del grid.spec["search"]["trials"]
    assert interim(grid) == ""


def test_a_second_planned_end_is_told_with_what_it_does_to_five_percent(grid: Study) -> None:
    now = look(48, search=48, confirm=0)
    looks = (
        look(24, finished=False, search=10, confirm=0),
        look(24, search=24, confirm=0),
        look(48, finished=False, search=30, confirm=0),
        now,
    )
    grid = dataclasses.replace(grid, looks=Looks(now, looks))
    assert ends_reported(grid) == [24, 48]
    assert error_of_ends(grid) == pytest.approx(0.0831, abs=1e-4)
    sentences = told(grid)
    assert sentences[0].startswith(FIRST)
    assert "looked for 2 times" in sentences[0] and "up to 8.3%" in sentences[0]
    assert not Results(grid).contrasts.primary
    results = Results(grid)
    shown = [c for module in SECTIONS for c in conclusions_of(module, results)]
    assert any("looked for at an earlier end" in c.claim for c in shown)
    (remedy,) = (s for s in sentences if "lecam" in s and "better" in s)
    assert remedy.startswith("[exploratory] ")


def test_a_first_planned_end_after_interim_reports_is_as_planned(grid: Study) -> None:
    now = look(16, search=16, confirm=0)
    before = look(16, finished=False, search=8, confirm=0)
    grid = dataclasses.replace(grid, looks=Looks(now, (before, now)))
    assert held_back(grid) == "" and Results(grid).contrasts.primary


def test_a_look_survives_its_text() -> None:
    here = look(24, search=24, confirm=5)
    assert Look.from_text(here.as_text()) == here


def test_a_search_that_goes_on_is_no_second_look_at_a_design(grid: Study) -> None:
    looks = (look(24, design=16, search=8), look(48, design=16, search=32))
    grid = dataclasses.replace(grid, looks=Looks(looks[-1], looks))
    assert ends_reported(grid) == [24, 48]
    grid.spec["design"] = {"points": 8}
    assert ends_reported(grid) == [16] and held_back(grid) == ""
