"""Loads a study: MLflow's runs and histories as pandas frames.

    study = load_study("digits")
    study.trials        one row per trial
    study.seeds         one row per trial and seed, at its last evaluation
    study.evaluations   one row per trial, seed and evaluation
    study.modes         one row per trial, seed, evaluation and mode

The columns are described in frames/export.py and docs/frames.md.
"""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ganstudy.analysis.frames.mlflow_client import (
    MLFLOW_PARENT_RUN_ID,
    LifecycleStage,
    MlflowClient,
    MlflowException,
    Run,
    ViewType,
    read_artifact,
)
from ganstudy.analysis.frames.stored_facts import (
    Known,
    is_study,
    study_facts,
    trial_facts,
)
from ganstudy.analysis.frames.study import (
    Study,
    last_evaluations,
    provenance_of,
    refuse_unlike,
)
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.database_url import sqlite_url
from ganstudy.trials.results.facts import StudyFacts, TrialFacts
from ganstudy.trials.results.mlflow_tags import Tag
from ganstudy.trials.results.records import (
    COUNTERS,
    FLOOR_PREFIX,
    HISTORY_FILE,
    Verdict,
)
from ganstudy.trials.results.removed import deleted_experiment, deleted_run

# MLflow's own default; a server refuses more than 50,000.
PAGE = 1000
"""Runs per request to MLflow."""
# A guess: reading waits for disk or network, more than for the processor.
READERS = 8
"""Histories that are read, or asked of a server, at the same time."""
KEPT_EMPTY = ("number", "seed", "evaluation", "finite", "verdict", *COUNTERS)
"""Columns that stay where no trial has a value in them."""


def default_tracking_uri() -> str:
    """Return MLFLOW_TRACKING_URI, or else the embedded store.

    The store lies under GANSTUDY_HOME, or under ./ganstudy-data where that is not set.
    """
    home = Path(os.environ.get("GANSTUDY_HOME") or "ganstudy-data").expanduser().absolute()
    return os.environ.get("MLFLOW_TRACKING_URI") or sqlite_url(home / "mlflow" / "mlflow.db")


def load_study(name: str, tracking_uri: str | None = None, known: Known | None = None) -> Study:
    """Load the study `name` from MLflow.

    known: returns what is known of the study beside MLflow, for one of an older version whose tags
    MLflow has cut.

    Raises KeyError where MLflow has no such study, RemovedFromMlflowError where it was deleted
    there, ConnectionError where MLflow does not answer, CutFactsError where it has cut what nothing
    else has, and UnlikeScoresError where the trials were measured with different extractors, data
    or numbers of images.
    """
    uri = tracking_uri or default_tracking_uri()
    client = MlflowClient(uri)
    parent, children = _study_and_trials(client, name, uri)
    facts, is_whole = study_facts(client, parent, known)
    evaluations = _evaluations(client, children)
    real_modes = facts.real_effective_modes
    return Study(
        name=name,
        spec=facts.spec,
        question=facts.question,
        floor={
            key.removeprefix(FLOOR_PREFIX): v
            for key, v in parent.data.metrics.items()
            if key.startswith(FLOOR_PREFIX)
        },
        provenance=facts.provenance or provenance_of(evaluations),
        mode_names=_all_modes(facts, evaluations),
        real_effective_modes=float("nan") if real_modes is None else real_modes,
        origin=facts.origin,
        trials=_trials(children, trial_facts(client, parent, children), evaluations),
        evaluations=evaluations,
        _client=client,
        run_id=parent.info.run_id,
        notes=facts.notes,
        is_whole=is_whole,
    )


def _study_and_trials(client: MlflowClient, name: str, uri: str) -> tuple[Run, list[Run]]:
    """Return the study's own run, and those of its trials by number; errors as of `load_study`."""
    try:
        experiment = client.get_experiment_by_name(name)
    except MlflowException as error:
        # A URI may contain a password.
        reason = re.sub(r"//[^/\s]*@", "//", str(error).splitlines()[0])
        raise ConnectionError(f"MLflow does not answer: {reason}") from None
    if experiment is None:
        raise KeyError(f"MLflow has no study named {name!r}")
    if experiment.lifecycle_stage == LifecycleStage.DELETED:
        raise deleted_experiment(name, experiment.experiment_id, uri)
    runs = _runs(client, experiment.experiment_id)
    parents = [run for run in runs if is_study(run)]
    if not parents:
        deleted = _runs(client, experiment.experiment_id, run_view_type=ViewType.DELETED_ONLY)
        for run in filter(is_study, deleted):
            raise deleted_run(name, run.info.run_id, uri)
        raise KeyError(f"MLflow has no study named {name!r}")
    # A study that was deleted and begun anew leaves its runs in the experiment; the latest one is
    # meant.
    parent = max(parents, key=lambda run: run.info.start_time)
    children = (
        run for run in runs if run.data.tags.get(MLFLOW_PARENT_RUN_ID) == parent.info.run_id
    )
    return parent, sorted(children, key=lambda run: int(run.data.tags[Tag.TRIAL]))


def _all_modes(facts: StudyFacts, evaluations: pd.DataFrame) -> list[str]:
    """Return the names of the modes, with numbers for those that MLflow has cut."""
    histograms = evaluations["histogram"].dropna()
    if not facts.notes or histograms.empty:
        return facts.modes
    return [*facts.modes, *map(str, range(len(facts.modes), len(histograms.iloc[0])))]


def _runs(client: MlflowClient, experiment_id: str, **which: str) -> list[Run]:
    runs: list[Run] = []
    token = None
    while True:
        page = client.search_runs([experiment_id], max_results=PAGE, page_token=token, **which)
        runs += page
        token = page.token
        if not token:
            return runs


def _evaluations(client: MlflowClient, children: list[Run]) -> pd.DataFrame:
    published = [run for run in children if Tag.PUBLISHED in run.data.tags]
    with ThreadPoolExecutor(READERS) as pool:
        histories = list(pool.map(lambda run: _history(client, run), published))
    if not histories:
        numbers = pd.DataFrame(
            columns=["number", "seed", "evaluation", *MEASURES, *COUNTERS], dtype=float
        )
        return numbers.assign(finite=False, verdict="", histogram=None)
    # Permissive: a column without any value has no type in one history and a number's in another.
    evaluations: pd.DataFrame = pa.concat_tables(
        histories, promote_options="permissive"
    ).to_pandas()
    nowhere = [
        name for name in evaluations if name not in KEPT_EMPTY and evaluations[name].isna().all()
    ]
    evaluations = evaluations.drop(columns=nowhere)
    for measure in MEASURES:
        evaluations[measure] = pd.to_numeric(evaluations.get(measure, float("nan")))
    for counter in COUNTERS:  # an imported history may lack any of them
        evaluations[counter] = evaluations.get(counter, float("nan"))
    if "histogram" not in evaluations:
        evaluations["histogram"] = None
    refuse_unlike(evaluations)
    return evaluations


def _history(client: MlflowClient, run: Run) -> pa.Table:
    """Return all rows of one trial, with its number in front."""
    # One thread per file: ten thousand small files are read faster side by side than column by
    # column.
    content = read_artifact(client, run.info.run_id, HISTORY_FILE, run.info.artifact_uri)
    history = (
        pq.ParquetFile(pa.BufferReader(content))
        .read(use_threads=False)
        .replace_schema_metadata(None)
    )
    number = pa.array(np.full(len(history), int(run.data.tags[Tag.TRIAL])))
    return history.add_column(0, "number", number)


def _trials(
    children: list[Run], facts: list[TrialFacts], evaluations: pd.DataFrame
) -> pd.DataFrame:
    rows = [_head(run, of) for run, of in zip(children, facts, strict=True)]
    always = [
        "number",
        "stage",
        "role",
        "confirms",
        "point",
        "run_id",
        "config_digest",
        "state",
        "feasible",
        "objective",
    ]
    # Int64, as both are missing for most trials, and floats would make 3.0 of 3.
    frame = pd.DataFrame(rows, columns=None if rows else [*always, "error"]).astype(
        {"confirms": "Int64", "point": "Int64"}
    )
    found = outcomes(evaluations).reindex(frame["number"])
    counts = [*map(str, Verdict), "num_seeds", "evaluations"]
    # A trial without evaluations has 0 seeds; reindex made floats of the counts.
    found[counts] = found[counts].fillna(0).astype("int64")
    frame = frame.join(found.reset_index(drop=True))
    for column in ("objective", *MEASURES):
        frame[column] = pd.to_numeric(frame[column])
    return frame


def _head(run: Run, facts: TrialFacts) -> dict[str, Any]:
    """Return the columns of a trial that its facts give."""
    return {
        "number": int(run.data.tags[Tag.TRIAL]),
        "stage": facts.stage,
        "role": facts.role,
        "confirms": facts.confirms,
        "point": facts.point,
        "run_id": run.info.run_id,
        # A run without a digest is like no other.
        "config_digest": facts.config_digest or run.info.run_id,
        "state": facts.state,
        "feasible": facts.feasible,
        "objective": facts.objective,
        **{key: _number(value) for key, value in facts.params.items()},
        "error": facts.error,
    }


def outcomes(evaluations: pd.DataFrame) -> pd.DataFrame:
    """Return the outcome of every trial at its last evaluation.

    The columns are seeds per verdict, num_seeds, evaluations, medians over seeds, and the counters.

    In medians a seed without a value ranks worst: trials.results.records.median_over_seeds, for all
    trials at once.
    """
    final = last_evaluations(evaluations)
    by_trial = final.groupby("number")
    counts = [
        (final["verdict"] == verdict.value).groupby(final["number"]).sum() for verdict in Verdict
    ]
    found = pd.concat(counts, axis=1, keys=list(map(str, Verdict))).assign(
        num_seeds=by_trial.size(), evaluations=by_trial["evaluation"].first()
    )
    signs = pd.Series({measure.name: float(measure.sign) for measure in MEASURES.values()})
    # pandas would leave NaN out of medians: infinity ranks a seed without a value worst.
    worst_last = (final[list(MEASURES)].astype(float) * signs).fillna(np.inf)
    medians = worst_last.groupby(final["number"]).median()
    counters = [name for name in COUNTERS if name in final]
    return found.join(medians.where(np.isfinite(medians)) * signs).join(by_trial[counters].first())


def _number(text: str) -> Any:
    try:
        # MLflow keeps parameters as text; k stays a whole number, so that it is shown as 5.
        return float(text) if not re.fullmatch(r"-?\d+", text) else int(text)
    except ValueError:
        return text
