"""A study as frames: trials, seeds, evaluations, modes."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException

from ganstudy.trials.results.records import (
    SAMPLES_KEY,
    STUDY_FILE,
    Stage,
)

PROVENANCE_COLUMNS = (
    "extractor",
    "extractor_digest",
    "data_digest",
    "num_generated",
    "num_real",
    "split",
)


class UnlikeScoresError(ValueError):
    """Scores that were measured with different extractors, data or numbers of images cannot be
    compared.
    """


@dataclass
class Study:
    """A study as MLflow has it."""

    name: str
    spec: dict[str, Any]
    """The study file with every default filled in, as plain JSON."""
    question: str
    floor: dict[str, float]
    """Every measure of real training data scored as if generated, at the same n. Empty where
    unknown.
    """
    provenance: dict[str, Any]
    mode_names: list[str]
    real_effective_modes: float
    tags: dict[str, str]
    """All tags of the parent run."""
    trials: pd.DataFrame
    """number, stage ("search", or "confirm": trained again on fresh seeds), role and confirms (of a
    confirm trial: why it was chosen, and the number of the search trial whose configuration it
    repeats; '' and <NA> for the others, <NA> also for a baseline that the search never drew),
    run_id, config_digest (equal where two trials were the same in everything), state (complete,
    pruned, failed or running), feasible (the constraints hold), objective (median over seeds at the
    last evaluation, NaN where there is none), every hyperparameter by its name (numbers as numbers;
    NaN where a remedy's parameter was not asked), every verdict (number of seeds at the last
    evaluation), num_seeds and evaluations (how many there are), every measure (median over seeds at
    the last evaluation, NaN where that falls on a diverged seed), every counter, error ('' where
    there is none)."""
    evaluations: pd.DataFrame
    """number (of the trial), seed, evaluation (1 is the first), finite, verdict (as of that
    evaluation), every measure, every counter, histogram (counts per mode, or None), and the
    provenance of the scores."""
    _client: mlflow.MlflowClient
    run_id: str = ""
    """Of the parent run."""

    def of_stage(self, stage: Stage) -> Study:
        """The same study with the trials of one stage alone; a study without stages is all search."""
        of = self.trials["stage"].fillna(Stage.SEARCH) if "stage" in self.trials else Stage.SEARCH
        chosen = pd.Series(of == stage, index=self.trials.index)
        if chosen.all():
            return self
        trials = self.trials[chosen].reset_index(drop=True)
        rows = self.evaluations[self.evaluations["number"].isin(trials["number"])].reset_index(
            drop=True
        )
        return replace(self, trials=trials, evaluations=rows)

    @cached_property
    def seeds(self) -> pd.DataFrame:
        """The rows of `evaluations` at each trial's last evaluation."""
        return self.evaluations if self.evaluations.empty else last_evaluations(self.evaluations)

    @cached_property
    def modes(self) -> pd.DataFrame:
        """number, seed, evaluation, generator_steps, mode (index into mode_names), count; finite
        seeds only.
        """
        columns = ["number", "seed", "evaluation", "generator_steps", "histogram"]
        if self.evaluations.empty:
            return pd.DataFrame(columns=[*columns[:-1], "mode", "count"])
        rows = self.evaluations.loc[self.evaluations["histogram"].notna(), columns]
        lengths = rows["histogram"].map(len).to_numpy(dtype="int64")
        long = rows[columns[:-1]].loc[rows.index.repeat(lengths)].reset_index(drop=True)
        # Within every histogram 0, 1, 2, ...: a running count less the count at which the histogram
        # began.
        begun = np.repeat(np.cumsum(lengths) - lengths, lengths)
        counts = np.concatenate([*rows["histogram"], []]).astype("int64")
        return long.assign(mode=np.arange(len(long)) - begun, count=counts)

    def study_file(self) -> str:
        """The study file as it was written, comments included; '' where MLflow has none."""
        try:
            return Path(self._client.download_artifacts(self.run_id, STUDY_FILE)).read_text(
                encoding="utf-8"
            )
        except (OSError, MlflowException):
            return ""

    def sample_grids(self, number: int) -> dict[int, bytes]:
        """PNG by generator steps, for one trial."""
        (run_id,) = self.trials.loc[self.trials["number"] == number, "run_id"]
        grids = {}
        for artifact in self._client.list_artifacts(run_id, "images"):
            match = re.fullmatch(rf"images/{SAMPLES_KEY}\+step\+(\d+)\+.*\.png", artifact.path)
            if match:
                grids[int(match[1])] = Path(
                    self._client.download_artifacts(run_id, artifact.path)
                ).read_bytes()
        return dict(sorted(grids.items()))


def refuse_unlike(evaluations: pd.DataFrame) -> None:
    """Raises UnlikeScoresError unless all rows were measured alike."""
    for column in PROVENANCE_COLUMNS:
        values = (
            sorted(map(str, evaluations[column].dropna().unique())) if column in evaluations else []
        )
        if len(values) > 1:
            raise UnlikeScoresError(
                f"scores of unlike provenance cannot be compared: {column} is {' and '.join(values)}"
            )


def last_evaluations(evaluations: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of every trial's last evaluation."""
    last = evaluations.groupby("number")["evaluation"].transform("max")
    return evaluations[evaluations["evaluation"] == last].reset_index(drop=True)
