"""Logs of runs as the table of a row per trial, seed and step that is read here.

Such logs are TensorBoard's event files and an MLflow experiment.

A log has a history of its own for each tag, and few of them at equal steps: a loss at every step,
FID at every thousandth. The rows of a run are the steps at which the objective was measured. Of
what was logged at other steps the nearest value counts, at most 2% of the largest step and less
than half the distance between two rows away, as between the seeds of a table (timeline.py). A run
whose losses are not finite after its last row has one more row there, since it has diverged.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganstudy.study.errors import UserError
from ganstudy.study.importing.columns import (
    SEED,
    STEP,
    TRIAL,
    canonical_name,
    is_measure,
    is_score,
)
from ganstudy.study.importing.mapping import Mapping, judged
from ganstudy.study.importing.missing import Missing
from ganstudy.study.importing.scores import FATAL
from ganstudy.study.importing.sources.exports import Reading
from ganstudy.study.importing.sources.run_seeds import Replicate, replicates_of
from ganstudy.study.importing.table import Table
from ganstudy.study.importing.timeline import SAME_TIME
from ganstudy.trials.config.base import short_repr
from ganstudy.trials.config.trial import BUDGET_UNITS
from ganstudy.trials.results.documents import Settings

CONFIGURATION = "config/"
"""Before the name of a hyperparameter that would be taken for something else."""
MOST_NAMED = 12
"""Tags that a note or message lists."""
Series = list[tuple[float, float]]
"""Step and value of one tag, steps increasing."""


@dataclass(frozen=True)
class RunLog:
    """What one run has logged."""

    name: str
    tags: frozenset[str]
    """All that it has logged as numbers."""
    points: Sequence[tuple[str, float, float]]
    """Tag, step and value of those that were asked for, in the order in which they were written."""
    params: Settings
    """Its configuration; None or '' for what does not apply."""
    error: str = ""
    """Why it failed, if it did."""


@dataclass(frozen=True)
class RunLogs:
    """The runs of one source."""

    name: str
    kind: str
    """What the source is, for messages: "a folder of ..."."""
    runs: list[RunLog]
    notes: list[str] = field(default_factory=list)

    def digest(self) -> str:
        """Return a hex digest of all that was read."""
        found = hashlib.blake2b(digest_size=8)
        for run in self.runs:
            found.update(repr((run.name, sorted(run.params.items()), run.error)).encode())
            found.update(repr(list(run.points)).encode())
        return found.hexdigest()


def wanted_by(mapping: Mapping) -> Callable[[str], bool]:
    """Return which tags are to be read: those that are measures, counters or samples per mode."""
    return lambda tag: (
        tag != STEP and tag not in mapping.ignore and is_score(canonical_name(tag, mapping))
    )


def read_run_logs(logs: RunLogs, mapping: Mapping) -> Reading:
    """Return the table of the runs in `logs`.

    UserError, with the options to add, if they do not say all that is needed.
    """
    wanted = wanted_by(mapping)
    tags = sorted({tag for run in logs.runs for tag in run.tags})
    used = [tag for tag in tags if wanted(tag)]
    names = {tag: canonical_name(tag, mapping) for tag in used}
    _refuse_missing(logs, mapping, tags, names)
    lead = _lead(names, mapping)
    measured = [run for run in logs.runs if any(is_measure(names[tag]) for tag, _, _ in run.points)]
    if not measured:
        raise UserError(f"{logs.name}: no run has a value of {', '.join(names)}")
    largest = max(step for run in measured for _, step, _ in run.points)
    rows = {id(run): _rows(run, lead, names, largest) for run in measured}
    notes = [*logs.notes, *_of_rows(measured, rows, lead)]
    notes += _of_left_out(logs, measured, [tag for tag in tags if tag not in names])
    params = {id(run): _parameters(run, names, mapping) for run in measured}
    replicates, of_seeds = replicates_of([(run.name, params[id(run)]) for run in measured], mapping)
    table = _table(logs, measured, rows, replicates, used, mapping)
    return Reading(table, _of_columns(mapping, table, tags), notes + of_seeds)


def _refuse_missing(
    logs: RunLogs, mapping: Mapping, tags: list[str], names: dict[str, str]
) -> None:
    """Raise a UserError if the mapping names what is not there, or does not name what is needed."""
    settings = {name for run in logs.runs for name in run.params}
    known = {STEP, TRIAL, *tags, *settings}
    for name in (*mapping.columns, *mapping.ignore):
        if name.removeprefix(CONFIGURATION) not in known:
            raise UserError(
                f"{logs.name} has no {short_repr(name)}, which the mapping names; it has: "
                f"{_some(sorted(known))}"
            )
        is_history = name in tags and name not in settings
        if is_history and name in mapping.columns and not is_score(mapping.columns[name]):
            raise UserError(
                f"{logs.name}: {short_repr(name)} is a history of numbers: it can be a measure or a "
                f"counter, and is mapped to {mapping.columns[name]}"
            )
    missing = Missing(logs.name, mapping)
    missing.axis(STEP, [STEP, *names])
    deciding = set(judged())
    if not any(name in deciding or name.startswith("mode_") for name in names.values()):
        others = sorted((tag for tag in tags if tag not in names), key=_likeness)
        if not others:
            raise UserError(f"{logs.name}, {logs.kind}, has no numbers that could be a measure")
        missing.measure(others[0], f"of {_some(others)} any may be a measure of docs/measures.md")
    missing.refuse(logs.kind)


def _likeness(tag: str) -> tuple[bool, str]:
    """Return a sort key: tags that hold the name of a deciding measure (eval/fid) come first."""
    words = tag.lower()
    return not any(name in words for name in judged()), tag


def _lead(names: dict[str, str], mapping: Mapping) -> str:
    """Return the tag whose steps are the rows: the objective's, else the first that decides."""
    for wanted in (mapping.objective, *judged()):
        for tag, name in names.items():
            if name == wanted:
                return tag
    return next(tag for tag, name in names.items() if is_measure(name))


@dataclass(frozen=True)
class _Row:
    step: float
    values: dict[str, float]
    """By tag."""


def _rows(run: RunLog, lead: str, names: dict[str, str], largest: float) -> list[_Row]:
    """Return the rows of a run in the order in which they were written, repeated steps included."""
    attempts = _attempts(run)
    rows: list[_Row] = []
    for series in attempts:
        steps = [step for step, _ in series.get(lead, [])]
        gaps = [after - before for before, after in pairwise(steps)]
        tolerance = min([SAME_TIME * largest, *(gap / 2 for gap in gaps)])
        more = _end(series, steps, names) if series is attempts[-1] else None
        if more is None and not steps and not rows and series is attempts[-1]:
            more = max(s[-1][0] for tag, s in series.items() if is_measure(names[tag]))
        arrays = {tag: np.array(points) for tag, points in series.items()}
        for step in [*steps, *([] if more is None else [more])]:
            near = {tag: _nearest(points, step, tolerance) for tag, points in arrays.items()}
            values = {tag: value for tag, value in near.items() if value is not None}
            rows.append(_Row(step, values))
    return rows


def _attempts(run: RunLog) -> list[dict[str, Series]]:
    """Return the series of each tag, from the start and from each step to which a run went back."""
    attempts: list[dict[str, Series]] = [{}]
    for tag, step, value in run.points:
        series = attempts[-1].setdefault(tag, [])
        # A resumed run: whatever it writes from here on is of another training.
        if series and step <= series[-1][0]:
            attempts.append({tag: (series := [])})
        series.append((step, value))
    return attempts


def _end(series: dict[str, Series], steps: list[float], names: dict[str, str]) -> float | None:
    """Return the step after the last row from which on a score is not finite; None if all are."""
    found = []
    for tag, points in series.items():
        if names[tag] not in FATAL:
            continue
        begins = None
        for step, value in reversed(points):
            if math.isfinite(value):
                break
            begins = step
        if begins is not None:
            found.append(begins)
    first = min(found, default=None)
    return first if first is not None and (not steps or first > steps[-1]) else None


def _nearest(points: NDArray[np.float64], step: float, tolerance: float) -> float | None:
    """Return the value at `step`, else the nearest that is closer than the tolerance.

    points: [N, 2] of steps and values.
    """
    steps = points[:, 0]
    after = int(np.searchsorted(steps, step))
    candidates = range(max(after - 1, 0), min(after + 1, len(points)))
    best = min(candidates, key=lambda index: abs(steps[index] - step))
    distance = abs(steps[best] - step)
    return float(points[best, 1]) if distance == 0 or distance < tolerance else None


def _parameters(run: RunLog, names: dict[str, str], mapping: Mapping) -> Settings:
    """Return the configuration under names that no tag, measure or identifier has."""
    params = {}
    for name, value in run.params.items():
        if name in mapping.ignore:
            continue
        meaning = canonical_name(name, mapping)
        free = name in mapping.columns and name not in names
        taken = name in names or name == STEP or is_score(meaning) or meaning in RESERVED
        params[CONFIGURATION + name if taken and not free else name] = value
    return {name: value for name, value in params.items() if name not in mapping.ignore}


RESERVED = (TRIAL, "state", "error", "verdict", "finite")
"""Identifiers that the log itself decides, not a hyperparameter of that name."""


def _table(
    logs: RunLogs,
    runs: list[RunLog],
    rows: dict[int, list[_Row]],
    replicates: list[Replicate],
    used: list[str],
    mapping: Mapping,
) -> Table:
    """Return the rows of all runs below each other."""
    params = list(dict.fromkeys(name for replicate in replicates for name in replicate.params))
    has_axis = any(canonical_name(tag, mapping) in BUDGET_UNITS for tag in used)
    columns: dict[str, list[Any]] = {name: [] for name in params}
    if not any(canonical_name(name, mapping) == TRIAL for name in params):
        columns[TRIAL] = []
    if any(replicate.seed is not None for replicate in replicates):
        columns[SEED] = []
    if any(run.error for run in runs):
        columns |= {"state": [], "error": []}
    if not has_axis or STEP in mapping.columns:
        columns[STEP] = []
    columns |= {tag: [] for tag in used}
    places = []
    for run, replicate in zip(runs, replicates, strict=True):
        shared = {
            **replicate.params,
            TRIAL: replicate.trial,
            SEED: replicate.seed,
            "state": "failed" if run.error else "complete",
            "error": run.error,
        }
        for row in rows[id(run)]:
            cells = {**shared, STEP: row.step, **row.values}
            for name, column in columns.items():
                column.append(cells.get(name))
            places.append(f"run {short_repr(run.name)}, step {row.step:g}")
    lines = list(range(1, len(places) + 1))
    return Table(logs.name, logs.digest(), columns, lines, "row", rows=places)


def _of_columns(mapping: Mapping, table: Table, tags: list[str]) -> Mapping:
    """Return the mapping without what it says of tags and settings that are no columns."""
    columns = {name: ours for name, ours in mapping.columns.items() if name in table.columns}
    ignore = [name for name in mapping.ignore if name in table.columns and name not in tags]
    return mapping.model_copy(update={"columns": columns, "ignore": ignore})


def _of_rows(runs: list[RunLog], rows: dict[int, list[_Row]], lead: str) -> list[str]:
    """Return notes on values that are in no row, and on runs without the tag of the rows."""
    notes = []
    kept = {id(run): {row.step for row in rows[id(run)]} for run in runs}
    others = {tag for run in runs for tag, step, _ in run.points if step not in kept[id(run)]}
    if others:
        notes.append(
            f"a run's evaluations are the steps at which {lead} was logged; of {_some(sorted(others))} "
            "the values nearest to them count"
        )
    without = [run.name for run in runs if all(tag != lead for tag, _, _ in run.points)]
    if without:
        notes.append(f"without any value of {lead}: {_some(without)}")
    return notes


def _of_left_out(logs: RunLogs, measured: list[RunLog], tags: list[str]) -> list[str]:
    """Return notes on runs and tags that are not read."""
    kept = {id(run) for run in measured}
    empty = [run.name for run in logs.runs if id(run) not in kept]
    notes = []
    if empty:
        notes.append(f"{len(empty)} runs have no measure and are left out: {_some(empty)}")
    if tags:
        notes.append(
            f"left out, being no known measure or counter: {_some(tags)}; --map THEIRS=OURS says "
            "what one is"
        )
    return notes


def _some(names: Sequence[str]) -> str:
    """Return the first of many names, and how many there are more."""
    more = len(names) - MOST_NAMED
    listed = ", ".join(names[:MOST_NAMED])
    return f"{listed} and {more} more" if more > 0 else listed
