"""A study as Python sees it: frames by stage, answer, samples, forest plot, and a view in notebooks."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ganstudy.study.cli.report import with_ledger
from ganstudy.study.errors import UserError
from ganstudy.study.home import StudyFolder
from ganstudy.study.python.one_message import one_message
from ganstudy.trials.results.records import Stage

if TYPE_CHECKING:
    import plotly.graph_objects as go
    from PIL.Image import Image

    from ganstudy.analysis.frames.study import Study
    from ganstudy.analysis.report.blocks import Results
    from ganstudy.analysis.tables.configurations.best_configuration import BestConfiguration

POINTS = "points"
"""Extractor of data that are no images."""


@dataclass(frozen=True)
class StageFrames:
    """The frames of one stage, or of all; docs/frames.md has their columns."""

    trials: pd.DataFrame
    seeds: pd.DataFrame
    evaluations: pd.DataFrame
    modes: pd.DataFrame


class LoadedStudy:
    """A study under a home folder, as far as it was published when it was loaded.

    `trials`, `seeds`, `evaluations` and `modes` have the rows of all stages, told apart by the
    column `stage`; `design`, `search` and `confirm` have those of one.
    """

    def __init__(self, study: Study, folder: StudyFolder) -> None:
        self.study = study
        """What the functions of ganstudy.analysis take."""
        self._folder = folder

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.study.name

    @property
    def question(self) -> str:
        """The question that its file asks; '' without one."""
        return self.study.question

    @property
    def trials(self) -> pd.DataFrame:
        """One row per trial, of every stage."""
        return self.study.trials

    @property
    def seeds(self) -> pd.DataFrame:
        """One row per trial and seed, at the trial's last evaluation."""
        return self._frames.seeds

    @property
    def evaluations(self) -> pd.DataFrame:
        """One row per trial, seed and evaluation."""
        return self._frames.evaluations

    @property
    def modes(self) -> pd.DataFrame:
        """One row per trial, seed, evaluation and mode."""
        return self._frames.modes

    @cached_property
    def design(self) -> StageFrames:
        """The planned trials, from which effects are estimated."""
        return _frames(self.study.of_stage(Stage.DESIGN))

    @cached_property
    def search(self) -> StageFrames:
        """The trials that a sampler drew: their scores are those they were chosen by."""
        return _frames(self.study.of_stage(Stage.SEARCH))

    @cached_property
    def confirm(self) -> StageFrames:
        """The best configurations and their twins, trained again on fresh seeds."""
        return _frames(self.study.of_stage(Stage.CONFIRM))

    @property
    def sentences(self) -> list[str]:
        """The answer: at most five sentences, the most important first."""
        from ganstudy.analysis.report.conclusions import answer

        return [str(sentence) for sentence in answer(self._results)]

    @property
    def best(self) -> BestConfiguration | None:
        """The configuration to take, by its confirmed scores where it has some; None where none is."""
        from ganstudy.analysis.tables.configurations.best_configuration import best_configuration

        return best_configuration(self.study)

    def forest(self) -> go.Figure:
        """Return the report's forest plot of k and remedies (plotly).

        It is empty where nothing is compared.
        """
        from ganstudy.analysis.report.effects import effects, plot

        return plot(effects(self._results))

    @one_message
    def samples(self, trial: int | None = None, steps: int | None = None) -> dict[int, Image]:
        """Return a picture of the samples of each seed, from latents that never change.

        trial: its number; by default the best. steps: generator steps of the evaluation; by default
        the last. Raises UserError, with what there is, where there are no such samples.
        """
        from ganstudy.study.python.sample_pictures import by_seed

        number = self._chosen(trial).number
        rows = self.study.evaluations
        seeds = rows.loc[rows["number"] == number, "seed"].drop_duplicates().astype(int).tolist()
        is_images = self.study.provenance.get("extractor") != POINTS
        return by_seed(self.sample_grid(number, steps), seeds, is_images)

    @one_message
    def sample_grid(self, trial: int | None = None, steps: int | None = None) -> Image:
        """Return the samples of all seeds of a trial in one picture; see `samples`."""
        from PIL import Image

        number = self._chosen(trial).number
        grids = self.study.sample_grids(number)
        if not grids:
            raise UserError(f"trial {number} of {self.name!r} has no samples in MLflow")
        chosen = max(grids) if steps is None else steps
        if chosen not in grids:
            known = ", ".join(map(str, grids))
            raise UserError(f"steps: trial {number} has samples at {known} generator steps")
        return Image.open(io.BytesIO(grids[chosen]))

    @one_message
    def new_samples(self, num: int = 64, trial: int | None = None, *, seed: int = 0) -> list[Image]:
        """Return pictures drawn anew by a trial's median generator; of points, one picture of all.

        trial: its number; by default the best. seed: of the latents. Raises UserError where the
        generators are not here: imported, or their checkpoint is gone.
        """
        from ganstudy.study.python.sample_pictures import drawn

        return drawn(self._folder, self._chosen(trial), num, seed)

    @one_message
    def report(self, path: str | Path | None = None) -> Path:
        """Write the report (by default where `ganstudy report` does) with its tables; return its path."""
        from ganstudy.analysis.report.html import write_report

        to = self._folder.report if path is None else Path(path).absolute()
        try:
            return write_report(self._looked_at, to)
        except OSError as error:
            raise UserError(f"the report cannot be written to {to}: {error}") from None

    def __repr__(self) -> str:
        counts = self.trials["stage"].value_counts().items() if len(self.trials) else ()
        listed = ", ".join(f"{count} of {stage}" for stage, count in counts)
        return f"<study {self.name!r}: {listed or 'no trial published yet'}>"

    def _repr_html_(self) -> str:
        from ganstudy.study.python.html_view import ShownStudy, view

        shown = ShownStudy(self.study, self.sentences, self.best, self.samples)
        return view(shown, self._results)

    @cached_property
    def _frames(self) -> StageFrames:
        return _frames(self.study)

    @cached_property
    def _looked_at(self) -> Study:
        """The study, with this look at its answer counted in its ledger."""
        return with_ledger(self.study, self._folder) if self._folder.ledger.exists() else self.study

    @cached_property
    def _results(self) -> Results:
        from ganstudy.analysis.report.blocks import Results

        return Results(self._looked_at)

    def _chosen(self, trial: int | None) -> BestConfiguration:
        """Return the trial that was asked for, or the best, with its scores."""
        from ganstudy.analysis.tables.configurations.best_configuration import best_configuration

        if trial is not None and trial not in set(numbers := self.trials["number"]):
            known = ", ".join(map(str, sorted(numbers)[:20])) or "none"
            raise UserError(f"the study {self.name!r} has no trial {trial!r}; it has: {known}")
        try:
            found = best_configuration(self.study, None if trial is None else int(trial))
        except ValueError as error:  # no evaluation yet
            raise UserError(str(error)) from None
        if found is None:
            raise UserError(
                f"the study {self.name!r} has no complete trial with a score within its "
                "constraints; name a trial by its number"
            )
        return found


def _frames(study: Study) -> StageFrames:
    """Return the frames with the stage of every row."""
    stage = study.trials.set_index("number")["stage"] if len(study.trials) else pd.Series(dtype=str)

    def with_stage(frame: pd.DataFrame) -> pd.DataFrame:
        if "number" not in frame:
            return frame
        frame = frame.copy()
        frame.insert(1, "stage", frame["number"].map(stage))
        return frame

    return StageFrames(
        study.trials,
        with_stage(study.seeds),
        with_stage(study.evaluations),
        with_stage(study.modes),
    )
