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
from dataclasses import dataclass
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
import pandas as pd  # noqa: E402
from mlflow.entities import Run  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID  # noqa: E402

from trials.catalogue import MEASURES  # noqa: E402
from trials.records import (  # noqa: E402
    COUNTERS,
    FLOOR_PREFIX,
    HISTORY_FILE,
    SAMPLES_KEY,
    Tag,
    TrialState,
    Verdict,
    median_over_seeds,
)

PAGE = 1000
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
    """number, run_id, config_digest (equal where two trials were the same in everything), state (complete, pruned,
    failed or running), feasible (the constraints hold), objective
    (median over seeds at the last evaluation, NaN where there is none), every hyperparameter by its name (numbers
    as numbers; NaN where a remedy's parameter was not asked), every verdict (number of seeds at the last
    evaluation), num_seeds and evaluations (how many there are), every measure (median over seeds at the last
    evaluation, NaN where that falls on a diverged seed), every counter, error ('' where there is none)."""
    evaluations: pd.DataFrame
    """number (of the trial), seed, evaluation (1 is the first), finite, verdict (as of that evaluation), every
    measure, every counter, histogram (counts per mode, or None), and the provenance of the scores."""
    _client: mlflow.MlflowClient

    @cached_property
    def seeds(self) -> pd.DataFrame:
        """The rows of `evaluations` at each trial's last evaluation."""
        if self.evaluations.empty:
            return self.evaluations
        last = self.evaluations.groupby("number")["evaluation"].transform("max")
        return self.evaluations[self.evaluations["evaluation"] == last].reset_index(drop=True)

    @cached_property
    def modes(self) -> pd.DataFrame:
        """number, seed, evaluation, generator_steps, mode (index into mode_names), count; finite seeds only."""
        columns = ["number", "seed", "evaluation", "generator_steps", "histogram"]
        if self.evaluations.empty:
            return pd.DataFrame(columns=[*columns[:-1], "mode", "count"])
        rows = self.evaluations.loc[self.evaluations["histogram"].notna(), columns]
        numbered = rows.assign(mode=rows["histogram"].map(lambda h: list(range(len(h)))))
        long = numbered.explode(["histogram", "mode"], ignore_index=True).rename(columns={"histogram": "count"})
        return long.astype({"count": "int64", "mode": "int64"})

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
    frames = []
    for run in children:
        if Tag.PUBLISHED in run.data.tags:
            history = pd.read_parquet(_history_path(client, run))
            history.insert(0, "number", int(run.data.tags[Tag.TRIAL]))
            frames.append(history)
    if not frames:
        numbers = pd.DataFrame(columns=["number", "seed", "evaluation", *MEASURES, *COUNTERS], dtype=float)
        return numbers.assign(finite=False, verdict="", histogram=None)
    evaluations = pd.concat([frame.dropna(axis=1, how="all") for frame in frames], ignore_index=True)
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


def _history_path(client: mlflow.MlflowClient, run: Run) -> str:
    """The file itself where artifacts lie on this machine, else a download."""
    location = urlparse(run.info.artifact_uri)
    if location.scheme in ("", "file"):
        return str(Path(unquote(location.path)) / HISTORY_FILE)
    return str(client.download_artifacts(run.info.run_id, HISTORY_FILE))


def _trials(children: list[Run], evaluations: pd.DataFrame) -> pd.DataFrame:
    last = dict(iter(evaluations.groupby("number"))) if len(evaluations) else {}
    rows = []
    for run in children:
        tags, number = run.data.tags, int(run.data.tags[Tag.TRIAL])
        row: dict[str, Any] = {
            "number": number,
            "run_id": run.info.run_id,
            "config_digest": tags.get(Tag.CONFIG, run.info.run_id),
            "state": tags.get(Tag.STATE, TrialState.RUNNING.value),
            "feasible": tags.get(Tag.FEASIBLE) == "true",
            "objective": json.loads(tags.get(Tag.OBJECTIVE, "null")),
            **{key: _number(value) for key, value in run.data.params.items()},
            "error": tags.get(Tag.ERROR, ""),
            **{verdict.value: 0 for verdict in Verdict},
            "num_seeds": 0,
            "evaluations": 0,
        }
        history = last.get(number)
        if history is not None:
            final = history[history["evaluation"] == history["evaluation"].max()]
            row |= final["verdict"].value_counts().to_dict()
            row["num_seeds"] = len(final)
            row["evaluations"] = int(final["evaluation"].iloc[0])
            for measure in MEASURES.values():
                values = [None if pd.isna(v) else float(v) for v in final[measure.name]]
                row[measure.name] = median_over_seeds(values, measure.direction)
            row |= {counter: final[counter].iloc[0] for counter in COUNTERS}
        rows.append(row)
    always = ["number", "run_id", "state", "feasible", "objective", "error", *Verdict, "num_seeds", "evaluations"]
    frame = pd.DataFrame(rows, columns=None if rows else list(map(str, always)))
    for column in ("objective", *MEASURES):
        frame[column] = pd.to_numeric(frame[column]) if column in frame else float("nan")
    return frame


def _number(text: str) -> Any:
    try:
        return float(text) if not re.fullmatch(r"-?\d+", text) else int(text)
    except ValueError:
        return text
