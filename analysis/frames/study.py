"""A study as frames: trials, seeds, evaluations, modes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.kept import KeepsResults, kept
from ganstudy.analysis.frames.mlflow_client import MlflowClient, MlflowException, read_artifact
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.documents import JsonObject
from ganstudy.trials.results.facts import Origin, StudyFacts
from ganstudy.trials.results.function_params import reported_name
from ganstudy.trials.results.looks import Looks
from ganstudy.trials.results.outlook import Outlook
from ganstudy.trials.results.records import (
    NEAREST_KEY,
    REAL_SAMPLES_FILE,
    SAMPLES_KEY,
    STUDY_FILE,
    Stage,
    TrialState,
    remedies_of,
)
from ganstudy.trials.results.samplers import SAMPLER_NOT_STATED

NO_SCHEDULE = "fifo"
"""[schedule] that lets every trial spend its budget."""
SEARCHED_FIRST = ("k", "lr_d", "lr_g", "remedies")

PROVENANCE_COLUMNS = (
    "extractor",
    "extractor_digest",
    "data_digest",
    "num_generated",
    "num_real",
    "split",
)


class UnlikeScoresError(ValueError):
    """Comparison of scores that were measured with unlike extractors, data or numbers of images."""


class Budget(NamedTuple):
    """Training that a trial may spend."""

    unit: str
    """A counter such as generator_steps; '' where the study file does not say."""
    amount: float


class Objective(NamedTuple):
    """The measure that decides, with its direction."""

    measure: str
    sign: int
    """sign * measure is smaller where better: -1 where larger values of the measure are better."""


@dataclass
class Study(KeepsResults):
    """A study as MLflow has it."""

    name: str
    spec: JsonObject
    """The study file with every default filled in, as plain JSON."""
    question: str
    floor: dict[str, float]
    """Every measure of real training data scored as if generated, at the same n. Empty where
    unknown.
    """
    provenance: JsonObject
    mode_names: list[str]
    real_effective_modes: float
    origin: Origin
    """What its numbers come from beside the study file."""
    trials: pd.DataFrame
    """number, stage ("design", "search", or "confirm": trained again on fresh seeds), role and confirms
    (of a confirm trial: why it was chosen, and the number of the search trial whose configuration
    it repeats; '' and <NA> for the others, <NA> also for a twin that the search never drew),
    point (of a designed trial: where all combinations of the factors are trained, <NA> for the
    others), run_id, config_digest (equal where two trials were the same in everything), state (complete,
    pruned, failed or running), feasible (the constraints hold), objective (median over seeds at the
    last evaluation, NaN if there was none), every hyperparameter by its name (numbers as numbers;
    NaN where a remedy's parameter was not asked), every verdict (number of seeds at the last
    evaluation), num_seeds and evaluations (how many there are), every measure (median over seeds at
    the last evaluation, NaN where that falls on a diverged seed), every counter, error ('' where
    there is none)."""
    evaluations: pd.DataFrame
    """number (of the trial), seed, evaluation (1 is the first), finite, verdict (as of that
    evaluation), every measure, every counter, histogram (counts per mode, or None), and the
    provenance of the scores."""
    _client: MlflowClient
    run_id: str = ""
    """Of the parent run."""
    notes: list[str] = field(default_factory=list)
    """What could not be read whole, in sentences."""
    looks: Looks | None = None
    """Reports that were made of it; None where no ledger is at hand that counts them."""
    outlook: Outlook | None = None
    """What it promised when it began; None where no ledger is at hand, or none that kept it."""
    seconds_taken: float | None = None
    """Wall time under its drivers; None where no ledger knows."""
    is_whole: bool = True
    """Whether MLflow has the study's facts whole: it has cut some that older versions wrote."""
    keeps_results: bool = False
    """Whether selections of its trials are computed once: of a report's own copy, which nobody
    changes."""
    _whole: Study | None = None
    """The study that this is one stage of."""

    # Everything that analysis reads of the study file. Imported studies lack most of it.

    @property
    def budget(self) -> Budget:
        """Budget of one trial; unit '' and amount NaN where unknown."""
        budget = self._train.get("budget", {})
        return Budget(str(budget.get("unit", "")), float(budget.get("amount", "nan")))

    @property
    def evaluation_times(self) -> list[float]:
        """Where on the budget's axis each evaluation was planned, the first at index 0.

        Empty where that is unknown.
        """
        # Imported histories may have been measured at uneven times, which they name.
        if times := self._train.get("moments"):
            return list(map(float, times))
        planned = int(self._train.get("evaluations", 0))
        return [self.budget.amount * end / planned for end in range(1, planned + 1)]

    @property
    def planned_seeds(self) -> list[int]:
        """Seeds of every trial of the search."""
        return list(self._train.get("seeds", []))

    @property
    def data_name(self) -> str:
        """Name of the data set; '' where unknown."""
        return str(self.spec.get("data", {}).get("name", ""))

    @property
    def sampler(self) -> str:
        """Name of the sampler that drew the trials; '' where unknown, as for most imports."""
        sampler = str(self.spec.get("search", {}).get("sampler", ""))
        return "" if sampler == SAMPLER_NOT_STATED else sampler

    @property
    def stops_early(self) -> bool:
        """Whether trials are stopped that do worse than others: by the study file, or as seen."""
        schedule = str(self.spec.get("schedule", {}).get("name", ""))
        return schedule not in ("", NO_SCHEDULE) or bool(
            self.trials["state"].eq(TrialState.PRUNED).any()
        )

    @property
    def space(self) -> JsonObject:
        """Domain of every hyperparameter as [search.space] states it, by its name in the trials."""
        stated = self.spec.get("search", {}).get("space", {})
        return {reported_name(key): domain for key, domain in stated.items()}

    @property
    def searched(self) -> list[str]:
        """Hyperparameters that the study varied and the trials name, the four main ones first."""
        space = self.space
        varied = [
            key
            for key, domain in space.items()
            if isinstance(domain, dict | list) and len(domain) > 1
        ]
        columns = [key for key in varied if key in self.trials]
        if "remedies" not in columns and any(map(self.is_switch, columns)):
            columns.append("remedies")  # switched on and off one by one
        return sorted(
            columns,
            key=lambda key: (SEARCHED_FIRST.index(key) if key in SEARCHED_FIRST else 9, key),
        )

    def is_switch(self, setting: str) -> bool:
        """Return whether a setting switches the remedy of its name on and off.

        No other yes or no is a remedy: batch normalisation, or a parameter of the user's own.
        """
        if not {setting, "remedies"} <= set(self.trials):
            return False
        on = self.trials[setting].map(str).eq("True")
        labels = self.trials.loc[on, "remedies"].unique().tolist()
        return bool(labels) and all(setting in remedies_of(str(each)) for each in labels)

    @property
    def objective(self) -> Objective:
        """Measure that the study minimises or maximises; FID where it does not say."""
        chosen = self.spec.get("objective", {})
        # Imports may have no objective.
        measure = chosen.get("minimize") or chosen.get("maximize") or "fid"
        return Objective(measure, MEASURES[measure].sign)

    @property
    def constraints(self) -> dict[str, int]:
        """Failed seeds that a trial may have by verdict, where the objective limits them."""
        return dict(self.spec.get("objective", {}).get("require", {}))

    @property
    def qualified(self) -> str:
        """What a complete trial must be to be the best, to follow "trials"; '' where any may be."""
        if not self.constraints:
            return ""
        none = not any(self.constraints.values())
        return " without failed seeds" if none else " within the constraints"

    @property
    def is_ratio(self) -> bool:
        """Whether scores are compared as ratios rather than differences.

        They are where the catalogue says so of the objective and every score is positive. Both
        stages are judged together, so that no report mixes the two.
        """
        if not MEASURES[self.objective.measure].is_ratio:
            return False
        evaluations = (self._whole or self).evaluations
        values = evaluations.get(self.objective.measure, pd.Series(dtype=float)).dropna()
        # The logarithm of 0 is infinite, as only the score of a diverged seed may be.
        return bool(len(values)) and bool((values > 0).all())

    @property
    def margin(self) -> float | None:
        """How far apart scores may be to be practically equal, as the study file states it.

        Of ratios it is the factor less 1, else a difference; None where the file states none.
        """
        stated = self.spec.get("objective", {}).get("margin")
        return None if stated is None else float(stated)

    @property
    def facts(self) -> StudyFacts:
        """What MLflow should have of the study as a whole, beside its trials."""
        return StudyFacts(
            spec=self.spec,
            question=self.question,
            provenance=self.provenance,
            modes=self.mode_names,
            real_effective_modes=self.real_effective_modes,
            origin=self.origin,
            notes=self.notes,
        )

    @property
    def _train(self) -> JsonObject:
        return dict(self.spec.get("train", {}))

    @kept
    def of_stage(self, *stages: Stage) -> Study:
        """Return the study with the trials of some stages alone; one without stages is all search."""
        of = pd.Series(Stage.SEARCH.value, index=self.trials.index)
        if "stage" in self.trials:
            of = self.trials["stage"].fillna(Stage.SEARCH.value)
        chosen = of.isin(stages)
        if chosen.all():
            return self
        return self.only(chosen)

    def only(self, kept: pd.Series) -> Study:
        """Return the study with those of its trials that `kept`, a row per trial, is true of."""
        trials, rows = self.trials[kept].reset_index(drop=True), self.evaluations
        if len(rows):
            rows = rows[rows["number"].isin(trials["number"])].reset_index(drop=True)
        # A new object also computes its cached `seeds` and `modes`, and what it keeps, anew.
        return replace(self, trials=trials, evaluations=rows, _whole=self._whole or self)

    @cached_property
    def seeds(self) -> pd.DataFrame:
        """Rows of `evaluations` at each trial's last evaluation."""
        return self.evaluations if self.evaluations.empty else last_evaluations(self.evaluations)

    @cached_property
    def modes(self) -> pd.DataFrame:
        """Frame of the samples per mode of finite seeds.

        The columns are number, seed, evaluation, generator_steps, mode (index into mode_names) and
        count.
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
        """Return the study file as it was written, comments included; '' where MLflow has none."""
        try:
            return read_artifact(self._client, self.run_id, STUDY_FILE).decode("utf-8")
        except (OSError, MlflowException):
            return ""

    def sample_grids(self, number: int, key: str = SAMPLES_KEY) -> dict[int, bytes]:
        """Return the sample grids of one trial, or other pictures by their key: PNG by steps."""
        (run_id,) = self.trials.loc[self.trials["number"] == number, "run_id"]
        grids = {}
        for artifact in self._client.list_artifacts(run_id, "images"):
            match = re.fullmatch(rf"images/{key}\+step\+(\d+)\+.*\.png", artifact.path)
            if match:
                grids[int(match[1])] = read_artifact(self._client, run_id, artifact.path)
        return dict(sorted(grids.items()))

    def last_samples(self, number: int) -> bytes | None:
        """Return a trial's last sample grid as PNG; None where MLflow has none, or not any more."""
        return self._last(number, SAMPLES_KEY)

    def nearest_training(self, number: int) -> bytes | None:
        """Return the training images nearest to a trial's last sample grid, laid out as it."""
        return self._last(number, NEAREST_KEY)

    def _last(self, number: int, key: str) -> bytes | None:
        try:
            grids = self.sample_grids(number, key)
        except (OSError, MlflowException):
            return None
        return grids[max(grids)] if grids else None

    @cached_property
    def real_samples(self) -> bytes | None:
        """Some real images, laid out as one seed's in a sample grid; None where none were kept."""
        try:
            return read_artifact(self._client, self.run_id, REAL_SAMPLES_FILE)
        except (OSError, MlflowException):
            return None


def refuse_unlike(evaluations: pd.DataFrame) -> None:
    """Raise UnlikeScoresError unless all rows were measured alike."""
    for column in PROVENANCE_COLUMNS:
        values = (
            sorted(map(str, evaluations[column].dropna().unique())) if column in evaluations else []
        )
        if len(values) > 1:
            raise UnlikeScoresError(
                f"scores of unlike provenance cannot be compared: {column} is {' and '.join(values)}"
            )


def provenance_of(evaluations: pd.DataFrame) -> JsonObject:
    """Return what the scores of these rows were measured with; empty if they do not say."""
    stated = evaluations.reindex(columns=list(PROVENANCE_COLUMNS)).dropna(how="all")
    if stated.empty:
        return {}
    return {
        str(name): value.item() if hasattr(value, "item") else value
        for name, value in stated.iloc[0].dropna().items()
    }


def last_evaluations(evaluations: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of every trial's last evaluation."""
    last = evaluations.groupby("number")["evaluation"].transform("max")
    return evaluations[evaluations["evaluation"] == last].reset_index(drop=True)
