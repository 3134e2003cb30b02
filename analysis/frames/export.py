"""The frames of a study, column by column, and as files for other programs.

docs/frames.md is made from the descriptions here, and a test compares them with the frames of a
real study.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pandas as pd

from ganstudy.analysis.frames.study import PROVENANCE_COLUMNS, Study
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import COUNTERS, Verdict

Format = Literal["parquet", "csv"]
NAMES = ("trials", "seeds", "evaluations", "modes")

_COUNTED = {
    "generator_steps": "Steps of the generator, per seed.",
    "discriminator_steps": "Steps of the discriminator, per seed.",
    "updates": "Steps of both players together, per seed.",
    "images": "Real images shown, per seed.",
    "seconds": "Training time of all seeds of the trial together, evaluations apart.",
    "evaluation_seconds": "Time of the evaluations so far, of all seeds together.",
    "device_seconds": "Training time in which a GPU was held; 0 on the CPU.",
    "peak_memory_bytes": "Largest memory so far, of the GPU or of the process.",
}
_PROVENANCE = {
    "extractor": "Where features come from.",
    "extractor_digest": "Of its weights.",
    "data_digest": "Of the data.",
    "num_generated": "Samples scored per seed.",
    "num_real": "Real samples compared with.",
    "split": "Which real samples.",
    "extractor_accuracy": "Share of held-out images that the classifier gets right.",
    "modes": "What a mode is, and how many there are.",
}


def _measures(of: str) -> dict[str, str]:
    return {name: f"{measure.label}, {measure.unit}; {of}." for name, measure in MEASURES.items()}


_NUMBER = "Of the trial, from 0."
_EVALUATION = "From 1; equal numbers have spent equal budgets."
_ROW = {
    "number": _NUMBER,
    "seed": "Random seed.",
    "evaluation": _EVALUATION,
    "finite": "Whether all parameters and scores are finite; otherwise the seed has diverged.",
    "verdict": "As of this evaluation (docs/verdicts.md).",
    "histogram": "Samples per mode, in the order of mode_names; empty without modes.",
}
COLUMNS: dict[str, dict[str, str]] = {
    "trials": {
        "number": _NUMBER,
        "stage": "design, search or confirm.",
        "role": "Why a confirm trial was chosen.",
        "confirms": "The trial that a confirm trial repeats.",
        "point": "Of a designed trial, from 0.",
        "run_id": "Of its run in MLflow.",
        "config_digest": "Equal for equal configurations.",
        "state": "complete (spent its budget), pruned (ended before), failed or running.",
        "feasible": "Whether the constraints of [objective] hold.",
        "objective": "The measure that decides, median over seeds at the last evaluation.",
        "error": "Why the trial failed.",
        **{
            verdict.value: f"Seeds that are {verdict.value} at the last evaluation."
            for verdict in Verdict
        },
        "num_seeds": "Seeds at the last evaluation.",
        "evaluations": "Number of the last evaluation.",
        **_measures(
            "median over seeds at the last evaluation, missing where that falls on a diverged seed"
        ),
        **_COUNTED,
    },
    "evaluations": {
        **_ROW,
        **_measures("missing where it was not measured"),
        **_COUNTED,
        **_PROVENANCE,
    },
    "modes": {
        "number": _NUMBER,
        "seed": "Random seed.",
        "evaluation": _EVALUATION,
        "generator_steps": "When that was.",
        "count": "Generated samples of this mode.",
        "mode": "Index into mode_names, from 0.",
    },
}
"""What each column means. The frame `seeds` has the columns of `evaluations`; `trials` also has one
column per hyperparameter of the study, under its name in the study file."""
COLUMNS["seeds"] = COLUMNS["evaluations"]
OPTIONAL = frozenset({*_PROVENANCE})
"""Columns that are there only where the study knows them."""
assert set(_COUNTED) == set(COUNTERS) and set(PROVENANCE_COLUMNS) <= set(_PROVENANCE)


def frames(study: Study) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield (name, frame) for NAMES."""
    for name in NAMES:
        yield name, getattr(study, name)


def write_frames(study: Study, folder: Path, kind: Format) -> list[Path]:
    """Write every frame to FOLDER/NAME.KIND and return the files; in CSV a histogram is a JSON list."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, frame in frames(study):
        path = folder / f"{name}.{kind}"
        if kind == "parquet":
            of_one_kind(frame).to_parquet(path, index=False)
        else:
            flat(frame).to_csv(path, index=False)
        written.append(path)
    return written


def flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame as CSV can represent it: a histogram as a JSON list."""
    if "histogram" not in frame:
        return frame
    texts = frame["histogram"].map(
        lambda counts: json.dumps(list(map(int, counts))), na_action="ignore"
    )
    return frame.assign(histogram=texts.astype("str"))


def of_one_kind(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with columns of numbers and words together turned into words.

    Parquet has types, and k may be a number or a schedule.
    """
    mixed = [
        name
        for name in table.columns
        if table[name].dtype == object
        and table[name].map(lambda value: isinstance(value, str)).any()
        and table[name].map(lambda value: isinstance(value, int | float)).any()
    ]
    return table.assign(
        **{name: table[name].map(lambda v: v if v is None or v != v else str(v)) for name in mixed}
    )
