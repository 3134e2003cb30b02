"""The only door in: MLflow's runs and histories as pandas frames.

    study = load_study("digits")
    study.trials        one row per trial
    study.seeds         one row per trial and seed, at its last evaluation
    study.evaluations   one row per trial, seed and evaluation
    study.modes         one row per trial, seed, evaluation and mode

The columns are described in the docstring of each property of Study.
"""

from __future__ import annotations

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
}.items():
    os.environ.setdefault(_name, _value)

import mlflow  # noqa: E402  (reads the environment while it is imported)
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from mlflow.entities import Run  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID  # noqa: E402

from trials.catalogue import MEASURES  # noqa: E402
from trials.records import (  # noqa: E402
    COUNTERS,
    FLOOR_PREFIX,
    HISTORY_FILE,
    SAMPLES_KEY,
    STUDY_FILE,
    Stage,
    Tag,
    TrialState,
    Verdict,
)

PAGE = 1000
READERS = 8
"""Histories that are read, or asked of a server, at the same time."""
KEPT_EMPTY = ("number", "seed", "evaluation", "finite", "verdict", *COUNTERS)
PROVENANCE_COLUMNS = ("extractor", "extractor_digest", "data_digest", "num_generated", "num_real", "split")


class UnlikeScoresError(ValueError):
    """Scores that were measured with different extractors, data or numbers of images cannot be compared."""


@dataclass
class Study:
    """A study as MLflow has it."""

    name: str
    spec: dict[str, Any]
    """The study file with every default filled in, as plain JSON."""
    question: str
    floor: dict[str, float]
    """Every measure of real training data scored as if generated, at the same n. Empty where unknown."""
    provenance: dict[str, Any]
    mode_names: list[str]
    real_effective_modes: float
    tags: dict[str, str]
    """All tags of the parent run."""
    trials: pd.DataFrame
    """number, stage ("search", or "confirm": trained again on fresh seeds), role and confirms (of a confirm trial: why
    it was chosen, and the number of the search trial whose configuration it repeats; '' and <NA> for the others, <NA>
    also for a baseline that the search never drew), run_id, config_digest (equal where two trials were the same in
    everything), state (complete, pruned, failed or running), feasible (the constraints hold), objective
    (median over seeds at the last evaluation, NaN where there is none), every hyperparameter by its name (numbers
    as numbers; NaN where a remedy's parameter was not asked), every verdict (number of seeds at the last
    evaluation), num_seeds and evaluations (how many there are), every measure (median over seeds at the last
    evaluation, NaN where that falls on a diverged seed), every counter, error ('' where there is none)."""
    evaluations: pd.DataFrame
    """number (of the trial), seed, evaluation (1 is the first), finite, verdict (as of that evaluation), every
    measure, every counter, histogram (counts per mode, or None), and the provenance of the scores."""
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
        rows = self.evaluations[self.evaluations["number"].isin(trials["number"])].reset_index(drop=True)
        return replace(self, trials=trials, evaluations=rows)

    @cached_property
    def seeds(self) -> pd.DataFrame:
        """The rows of `evaluations` at each trial's last evaluation."""
        return self.evaluations if self.evaluations.empty else _last(self.evaluations)

    @cached_property
    def modes(self) -> pd.DataFrame:
        """number, seed, evaluation, generator_steps, mode (index into mode_names), count; finite seeds only."""
        columns = ["number", "seed", "evaluation", "generator_steps", "histogram"]
        if self.evaluations.empty:
            return pd.DataFrame(columns=[*columns[:-1], "mode", "count"])
        rows = self.evaluations.loc[self.evaluations["histogram"].notna(), columns]
        lengths = rows["histogram"].map(len).to_numpy(dtype="int64")
        long = rows[columns[:-1]].loc[rows.index.repeat(lengths)].reset_index(drop=True)
        # Within every histogram 0, 1, 2, ...: a running count less the count at which the histogram began.
        begun = np.repeat(np.cumsum(lengths) - lengths, lengths)
        counts = np.concatenate([*rows["histogram"], []]).astype("int64")
        return long.assign(mode=np.arange(len(long)) - begun, count=counts)

    def study_file(self) -> str:
        """The study file as it was written, comments included; '' where MLflow has none."""
        try:
            return Path(self._client.download_artifacts(self.run_id, STUDY_FILE)).read_text(encoding="utf-8")
        except (OSError, MlflowException):
            return ""

    def sample_grids(self, number: int) -> dict[int, bytes]:
        """PNG by generator steps, for one trial."""
        (run_id,) = self.trials.loc[self.trials["number"] == number, "run_id"]
        grids = {}
        for artifact in self._client.list_artifacts(run_id, "images"):
            match = re.fullmatch(rf"images/{SAMPLES_KEY}\+step\+(\d+)\+.*\.png", artifact.path)
            if match:
                grids[int(match[1])] = Path(self._client.download_artifacts(run_id, artifact.path)).read_bytes()
        return dict(sorted(grids.items()))


def default_tracking_uri() -> str:
    """MLFLOW_TRACKING_URI, or the embedded store under GANSTUDY_HOME, or under ./ganstudy-data."""
    home = Path(os.environ.get("GANSTUDY_HOME") or "ganstudy-data").expanduser().absolute()
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home / 'mlflow' / 'mlflow.db'}"


def load_study(name: str, tracking_uri: str | None = None) -> Study:
    """The study `name` from MLflow.

    Raises KeyError where MLflow has no such study, ConnectionError where it does not answer, and UnlikeScoresError
    where its trials were measured with different extractors, data or numbers of images.
    """
    client = mlflow.MlflowClient(tracking_uri or default_tracking_uri())
    try:
        experiment = client.get_experiment_by_name(name)
    except MlflowException as error:
        reason = re.sub(r"//[^/\s]*@", "//", str(error).splitlines()[0])  # a URI may hold a password
        raise ConnectionError(f"MLflow does not answer: {reason}") from None
    runs = _runs(client, experiment.experiment_id) if experiment is not None else []
    parents = [run for run in runs if run.data.tags.get(Tag.KIND) == "study" and Tag.SPEC in run.data.tags]
    if not parents:
        raise KeyError(f"MLflow has no study named {name!r}")
    # A study that was deleted and begun anew leaves its runs in the experiment; the latest one is meant.
    parent = max(parents, key=lambda run: run.info.start_time)
    tags = parent.data.tags
    children = sorted(
        (run for run in runs if run.data.tags.get(MLFLOW_PARENT_RUN_ID) == parent.info.run_id),
        key=lambda run: int(run.data.tags[Tag.TRIAL]),
    )
    evaluations = _evaluations(client, children)
    metrics = parent.data.metrics
    return Study(
        name=name,
        spec=json.loads(tags[Tag.SPEC]),
        question=tags.get(Tag.QUESTION, ""),
        floor={key.removeprefix(FLOOR_PREFIX): v for key, v in metrics.items() if key.startswith(FLOOR_PREFIX)},
        provenance=json.loads(tags.get(Tag.PROVENANCE, "{}")),
        mode_names=json.loads(tags.get(Tag.MODES, "[]")),
        real_effective_modes=float(tags.get(Tag.REAL_MODES, "nan")),
        tags=dict(tags),
        trials=_trials(children, evaluations),
        evaluations=evaluations,
        _client=client,
        run_id=parent.info.run_id,
    )


def _runs(client: mlflow.MlflowClient, experiment_id: str) -> list[Run]:
    runs: list[Run] = []
    token = None
    while True:
        page = client.search_runs([experiment_id], max_results=PAGE, page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs


def _evaluations(client: mlflow.MlflowClient, children: list[Run]) -> pd.DataFrame:
    published = [run for run in children if Tag.PUBLISHED in run.data.tags]
    with ThreadPoolExecutor(READERS) as pool:
        histories = list(pool.map(lambda run: _history(client, run), published))
    if not histories:
        numbers = pd.DataFrame(columns=["number", "seed", "evaluation", *MEASURES, *COUNTERS], dtype=float)
        return numbers.assign(finite=False, verdict="", histogram=None)
    evaluations: pd.DataFrame = pa.concat_tables(histories, promote_options="permissive").to_pandas()
    nowhere = [name for name in evaluations if name not in KEPT_EMPTY and evaluations[name].isna().all()]
    evaluations = evaluations.drop(columns=nowhere)
    for measure in MEASURES:
        evaluations[measure] = pd.to_numeric(evaluations.get(measure, float("nan")))
    for counter in COUNTERS:  # an imported history may lack any of them
        evaluations[counter] = evaluations.get(counter, float("nan"))
    if "histogram" not in evaluations:
        evaluations["histogram"] = None
    refuse_unlike(evaluations)
    return evaluations


def refuse_unlike(evaluations: pd.DataFrame) -> None:
    """Raises UnlikeScoresError unless all rows were measured alike."""
    for column in PROVENANCE_COLUMNS:
        values = sorted(map(str, evaluations[column].dropna().unique())) if column in evaluations else []
        if len(values) > 1:
            raise UnlikeScoresError(
                f"scores of unlike provenance cannot be compared: {column} is {' and '.join(values)}"
            )


def _history(client: mlflow.MlflowClient, run: Run) -> pa.Table:
    """All rows of one trial, with its number in front."""
    # One thread per file: ten thousand small files are read faster side by side than column by column.
    history = pq.ParquetFile(_history_path(client, run)).read(use_threads=False).replace_schema_metadata(None)
    number = pa.array(np.full(len(history), int(run.data.tags[Tag.TRIAL])))
    return history.add_column(0, "number", number)


def _history_path(client: mlflow.MlflowClient, run: Run) -> str:
    """The file itself where artifacts lie on this machine, else a download."""
    folder = _local_folder(run.info.artifact_uri)
    if folder is not None:
        return str(folder / HISTORY_FILE)
    return str(client.download_artifacts(run.info.run_id, HISTORY_FILE))


def _local_folder(artifact_uri: str) -> Path | None:
    """Where a run's artifacts lie, if that is on this machine."""
    location = urlparse(artifact_uri)
    return Path(unquote(location.path)) if location.scheme in ("", "file") else None


def _trials(children: list[Run], evaluations: pd.DataFrame) -> pd.DataFrame:
    rows = [_head(run) for run in children]
    always = ["number", "stage", "role", "confirms", "run_id", "config_digest", "state", "feasible", "objective"]
    frame = pd.DataFrame(rows, columns=None if rows else [*always, "error"]).astype({"confirms": "Int64"})
    outcomes = _outcomes(evaluations).reindex(frame["number"])
    counts = [*map(str, Verdict), "num_seeds", "evaluations"]
    outcomes[counts] = outcomes[counts].fillna(0).astype("int64")
    frame = frame.join(outcomes.reset_index(drop=True))
    for column in ("objective", *MEASURES):
        frame[column] = pd.to_numeric(frame[column])
    return frame


def _head(run: Run) -> dict[str, Any]:
    """What the run's tags and parameters say of a trial."""
    tags = run.data.tags
    return {
        "number": int(tags[Tag.TRIAL]),
        "stage": tags.get(Tag.STAGE, Stage.SEARCH.value),
        "role": tags.get(Tag.ROLE, ""),
        "confirms": int(tags[Tag.CONFIRMS]) if Tag.CONFIRMS in tags else None,
        "run_id": run.info.run_id,
        "config_digest": tags.get(Tag.CONFIG, run.info.run_id),
        "state": tags.get(Tag.STATE, TrialState.RUNNING.value),
        "feasible": tags.get(Tag.FEASIBLE) == "true",
        "objective": json.loads(tags.get(Tag.OBJECTIVE, "null")),
        **{key: _number(value) for key, value in run.data.params.items()},
        "error": tags.get(Tag.ERROR, ""),
    }


def _outcomes(evaluations: pd.DataFrame) -> pd.DataFrame:
    """By trial, at its last evaluation: seeds per verdict, num_seeds, evaluations, medians over seeds where a seed
    without a value ranks worst (trials.records.median_over_seeds, for all trials at once), and the counters."""
    final = _last(evaluations)
    by_trial = final.groupby("number")
    counts = [(final["verdict"] == verdict.value).groupby(final["number"]).sum() for verdict in Verdict]
    outcomes = pd.concat(counts, axis=1, keys=list(map(str, Verdict))).assign(
        num_seeds=by_trial.size(), evaluations=by_trial["evaluation"].first()
    )
    signs = pd.Series({measure.name: -1.0 if measure.direction == "up" else 1.0 for measure in MEASURES.values()})
    worst_last = (final[list(MEASURES)].astype(float) * signs).fillna(np.inf)
    medians = worst_last.groupby(final["number"]).median()
    counters = [name for name in COUNTERS if name in final]
    return outcomes.join(medians.where(np.isfinite(medians)) * signs).join(by_trial[counters].first())


def _last(evaluations: pd.DataFrame) -> pd.DataFrame:
    last = evaluations.groupby("number")["evaluation"].transform("max")
    return evaluations[evaluations["evaluation"] == last].reset_index(drop=True)


def _number(text: str) -> Any:
    try:
        return float(text) if not re.fullmatch(r"-?\d+", text) else int(text)
    except ValueError:
        return text
