"""A file as trials, seeds and evaluations.

How evaluations are numbered and what becomes of seeds that end early: study/importing/timeline.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganstudy.study.importing.columns import PER_TRIAL, SEED
from ganstudy.study.importing.mapping import Mapping
from ganstudy.study.importing.modes import mode_names
from ganstudy.study.importing.scores import ScoreColumns
from ganstudy.study.importing.source import Source
from ganstudy.study.importing.sources.exports import Reading, read_export
from ganstudy.study.importing.table import Table
from ganstudy.study.importing.timeline import (
    evaluation_times,
    with_derived,
    with_ended_seeds,
)
from ganstudy.study.importing.trials import TrialColumns
from ganstudy.trials.results.catalogue import COPYING, CYCLING, MEASURES, MODES, QUALITY
from ganstudy.trials.results.documents import Settings
from ganstudy.trials.results.records import COUNTERS, EvaluationRow, TrialState, Verdict

SAMPLED = tuple(
    name
    for name, measure in MEASURES.items()
    if measure.group in (QUALITY, MODES, CYCLING, COPYING)
)
"""Measures of samples: they have no value once a seed has diverged."""


@dataclass(frozen=True)
class ImportedTrial:
    """One configuration."""

    number: int
    params: Settings
    state: TrialState
    error: str
    rows: list[EvaluationRow]
    """One per seed and evaluation, as a trial writes them."""
    notes: list[str]

    def seeds(self) -> list[int]:
        """Return the seeds in order."""
        return sorted({row.seed for row in self.rows})

    def last_rows(self) -> list[EvaluationRow]:
        """Return the rows of the last evaluation, one per seed."""
        last = max(row.evaluation for row in self.rows)
        return [row for row in self.rows if row.evaluation == last]


@dataclass(frozen=True)
class History:
    """A whole file."""

    trials: list[ImportedTrial]
    axis: str
    """The counter on which trials are compared."""
    times: list[float]
    """Evaluation times on the axis; evaluation 1 is the first."""
    modes: list[str]
    measures: list[str]
    """Those that the file has."""
    derived: list[str]
    """Those that follow from what it has."""
    floor: dict[str, float]
    notes: list[str] = field(default_factory=list)
    """What a user should know about how the file was read."""


def read_history(table: Table, mapping: Mapping) -> History:
    """Return the study in `table`; UserError, with line and column, if it cannot be read as one."""
    return history_of(read_export(table, mapping))


def history_of(reading: Reading) -> History:
    """Return the study in a table of a row per trial, seed and step; errors as of read_history."""
    source, columns = _columns(reading)
    rows_by_trial = columns.rows_by_trial()
    # Before the scores, since a column of an unknown name is the likelier mistake.
    params = {number: columns.params(rows) for number, rows in rows_by_trial.items()}
    times, evaluations = evaluation_times(columns.steps, columns.trials, columns.seeds)
    scores = ScoreColumns(source, columns)
    records = _records(columns, scores, evaluations)
    seed_rows = pd.DataFrame({"trial": columns.trials, SEED: columns.seeds})
    planned = seed_rows.groupby(["trial", SEED]).size().groupby("trial").max()
    trials = []
    for number, rows in rows_by_trial.items():
        texts = {
            name: columns.shared_text(name, rows)
            for name in PER_TRIAL
            if name in source.roles.identifiers
        }
        state = columns.state(texts.get("state", ""), rows[0])
        own, notes = with_ended_seeds([records[row] for row in rows], columns.axis)
        # Whoever was stopped had been planned like the others; the rest ended where they meant to.
        evaluations_planned = planned.max() if state is TrialState.PRUNED else planned[number]
        own = with_derived(own, scores.derived, int(evaluations_planned), scores.floor)
        trial = ImportedTrial(
            number=number,
            params=params[number],
            state=state,
            error=texts.get("error", ""),
            rows=own,
            notes=notes,
        )
        trials.append(trial)
    source.notes += _of_lengths(trials, times, columns.axis)
    if source.roles.unknown:
        source.notes.append(
            "taken as parameters, being constant within each trial: "
            f"{', '.join(source.roles.unknown)}"
        )
    return History(
        trials=trials,
        axis=columns.axis,
        times=times,
        modes=mode_names(source.roles.modes),
        measures=list(source.roles.measures),
        derived=scores.derived,
        floor=scores.floor,
        notes=source.notes,
    )


def _columns(reading: Reading) -> tuple[Source, TrialColumns]:
    """Return (the file, its trials, seeds and steps), without the rows that are not to be kept."""
    source = Source.of(reading.table, reading.mapping)
    columns = TrialColumns(source)
    kept = columns.kept_rows()
    repeated = source.num_rows - len(kept)
    if repeated:
        source = Source.of(reading.table.take(kept), reading.mapping)
        columns = TrialColumns(source)
        source.notes.append(
            f"{repeated} rows repeat a step of their seed that a later row has, and are left out"
        )
    source.notes[:0] = reading.notes
    return source, columns


def _of_lengths(trials: list[ImportedTrial], times: list[float], axis: str) -> list[str]:
    """Return a note if complete trials end before the longest of the file."""
    ends = [
        max(row.evaluation for row in trial.rows)
        for trial in trials
        if trial.state is TrialState.COMPLETE and any(row.finite for row in trial.last_rows())
    ]
    short = [end for end in ends if end < len(times)]
    if not short:
        return []
    return [
        f"{len(short)} of {len(trials)} trials end before {times[-1]:g} {axis}, at "
        f"{times[min(short) - 1]:g} the earliest: each is complete at its own length. A column "
        "state says which were pruned"
    ]


def _records(
    columns: TrialColumns, scores: ScoreColumns, evaluations: NDArray[np.int64]
) -> list[EvaluationRow]:
    """Return every row of the file as a trial writes it, without what is derived."""
    measured = {name: _cells(values) for name, values in scores.values.items()}
    counted = {name: _cells(values) for name, values in columns.counters.items()}
    records = []
    for row in range(len(evaluations)):
        diverged = bool(scores.diverged[row])
        # A file may go on with the last finite scores, or with scores of noise.
        unknown = SAMPLED if diverged else ()
        histogram = None if scores.histograms is None else scores.histograms[row]
        record = EvaluationRow(
            seed=int(columns.seeds[row]),
            evaluation=int(evaluations[row]),
            finite=not diverged,
            measures=_row_of(row, MEASURES, measured) | dict.fromkeys(unknown),
            histogram=None if diverged else histogram,
            cost=_row_of(row, COUNTERS, counted),
            verdict=Verdict(scores.verdicts[row]) if scores.verdicts else None,
        )
        records.append(record)
    return records


def _row_of(
    row: int, names: Iterable[str], columns: dict[str, list[float | None]]
) -> dict[str, float | None]:
    """Return the row's value of each name; None where the file has no such column."""
    return {name: columns[name][row] if name in columns else None for name in names}


def _cells(numbers: NDArray[np.float64]) -> list[float | None]:
    """Return numbers as a history has them: None for NaN, whole ones as int."""
    return [
        None if math.isnan(value) else int(value) if value.is_integer() else value
        for value in numbers.tolist()
    ]
