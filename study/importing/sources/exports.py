"""Exports of charts as the table of a row per trial, seed and step that is read here.

Weights & Biases exports a chart as a wide table: the steps, and for every run the columns
"RUN - METRIC", "RUN - METRIC__MIN" and "RUN - METRIC__MAX". TensorBoard exports a scalar of one run
as the columns Wall time, Step and Value; its file name says run and tag. Neither says what a step
counts, so one message asks for all that is not known.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from ganstudy.study.errors import UserError
from ganstudy.study.importing.columns import SEED, SETTINGS, TRIAL, canonical_name, is_measure
from ganstudy.study.importing.mapping import Mapping
from ganstudy.study.importing.missing import Missing
from ganstudy.study.importing.table import ABSENT, Table, as_numbers
from ganstudy.trials.config.base import short_repr
from ganstudy.trials.results.catalogue import MEASURES

RUN_METRIC = re.compile(r"(?P<run>.+) - (?P<metric>.+?)(?P<end>__MIN|__MAX)?", re.DOTALL)
"""A column of a wide export. The name of a run may contain " - " too, that of a metric does not."""
WALL_TIME, STEP, VALUE = "Wall time", "Step", "Value"
TENSORBOARD_FILE = re.compile(r"run[-_](?P<run>.+)-tag-(?P<tag>.+)", re.DOTALL)


@dataclass(frozen=True)
class Reading:
    """A table of a row per trial, seed and step, and how its columns are to be read."""

    table: Table
    mapping: Mapping
    notes: list[str]


def read_export(table: Table, mapping: Mapping) -> Reading:
    """Return an export of Weights & Biases or TensorBoard row by row, any other table as it is.

    UserError, with the options to add, if something is not known without them.
    """
    matches = {name: match for name in table.columns if (match := RUN_METRIC.fullmatch(name))}
    if _is_wide(table, mapping, matches):
        return _wide(table, mapping, matches)
    if {WALL_TIME, STEP, VALUE} <= set(table.columns):
        return _tensorboard(table, mapping)
    return Reading(table, mapping, [])


def _is_wide(table: Table, mapping: Mapping, matches: dict[str, re.Match[str]]) -> bool:
    """Return whether only the columns `matches` say what the scores and the trials are."""
    names = {column: canonical_name(column, mapping) for column in table.columns}
    if {TRIAL, SEED, *SETTINGS} & set(names.values()):
        return False
    others = [name for column, name in names.items() if column not in matches]
    return bool(matches) and not any(is_measure(name) for name in others)


def _wide(table: Table, mapping: Mapping, matches: dict[str, re.Match[str]]) -> Reading:
    values = {
        name: (match["run"], match["metric"])
        for name, match in matches.items()
        if not match["end"] and name not in mapping.ignore
    }
    mapping = _by_metric(table, mapping, matches)
    metrics = list(dict.fromkeys(metric for _, metric in values.values()))
    # What W&B logs by itself (_step, _runtime, _timestamp), beside the chart's own axis.
    internal = [name for name in metrics if name.startswith("_") and name not in mapping.columns]
    metrics = [name for name in metrics if name not in internal]
    shared = [name for name in table.columns if name not in matches]
    found = _by_run(table, {place: name for name, place in values.items()}, shared, metrics)
    missing = Missing(table.name, mapping)
    missing.axis(shared[0] if shared else "THEIRS", [*shared, *metrics])
    missing.measures(metrics, [name for name in metrics if _varies(found, name)])
    example = short_repr(next(iter(matches)))
    missing.refuse(f"a wide export of Weights & Biases (a column per run, such as {example})")
    number = len(set(found.runs or []))
    notes = [
        f"a wide export: each of its {number} runs is a trial of one seed, without hyperparameters"
    ]
    notes += _of_ends(table, matches)
    if internal:
        notes.append(f"left out, being written by Weights & Biases itself: {', '.join(internal)}")
    return Reading(found, mapping, notes)


def _by_run(
    table: Table, columns: dict[tuple[str, str], str], shared: list[str], metrics: list[str]
) -> Table:
    """Return a wide table with a row per run and step.

    columns: by run and metric. shared: columns of all runs, such as the step.
    """
    long: dict[str, list[object]] = {name: [] for name in (TRIAL, *shared, *metrics)}
    lines: list[int] = []
    for run in dict.fromkeys(run for run, _ in columns):
        cells = [table.columns.get(columns.get((run, metric), ""), []) for metric in metrics]
        for row, line in enumerate(table.lines):
            # A chart has the steps of all runs; a run without a value there was not measured.
            here = [column[row] if column else None for column in cells]
            if all(cell is None or str(cell).lower() in ABSENT for cell in here):
                continue
            for name, cell in zip(metrics, here, strict=True):
                long[name].append(cell)
            for name in shared:
                long[name].append(table.columns[name][row])
            long[TRIAL].append(run)
            lines.append(line)
    if not lines:
        raise UserError(
            f"{table.name}: no run has a value in any column RUN - METRIC; __MIN and __MAX are "
            "of the points that a chart merges, and are not read"
        )
    return replace(
        table,
        columns=long,
        lines=lines,
        runs=list(map(str, long[TRIAL])),
        of_runs=frozenset(metrics),
    )


def _by_metric(table: Table, mapping: Mapping, matches: dict[str, re.Match[str]]) -> Mapping:
    """Return the mapping in which entries for columns "RUN - METRIC" are entries for METRIC."""
    columns = {name: ours for name, ours in mapping.columns.items() if name not in matches}
    for name, ours in mapping.columns.items():
        if name not in matches:
            continue
        metric = matches[name]["metric"]
        if columns.setdefault(metric, ours) != ours:
            raise UserError(
                f"{table.name}: {short_repr(metric)} is one metric of all runs, and is mapped "
                f"to both {columns[metric]} and {ours}; say it once, with --map "
                f"{shlex.quote(f'{metric}={ours}')}"
            )
    ignore = [name for name in mapping.ignore if name not in matches]
    return mapping.model_copy(update={"columns": columns, "ignore": ignore})


def _of_ends(table: Table, matches: dict[str, re.Match[str]]) -> list[str]:
    """Return a note if columns __MIN or __MAX differ from the value that they belong to."""
    for name, match in matches.items():
        value = f"{match['run']} - {match['metric']}"
        if match["end"] and value in table.columns and table.columns[name] != table.columns[value]:
            return [
                "the columns __MIN and __MAX are left out, and differ from the values: those are "
                "means, over the runs of a group or over several steps"
            ]
    return []


def _tensorboard(table: Table, mapping: Mapping) -> Reading:
    notes = []
    columns, ignore = dict(mapping.columns), list(mapping.ignore)
    named = TENSORBOARD_FILE.fullmatch(Path(table.name).stem)
    if WALL_TIME not in (*columns, *ignore):
        ignore.append(WALL_TIME)
        notes.append("Wall time, the date of each row, is left out")
    tag = canonical_name(named["tag"], mapping) if named else ""
    if VALUE not in (*columns, *ignore) and tag in MEASURES:
        columns[VALUE] = tag
        notes.append(f"Value is {tag}, by the name of the file")
    mapping = mapping.model_copy(update={"columns": columns, "ignore": ignore})
    names = {canonical_name(name, mapping) for name in table.columns if name not in ignore}
    if TRIAL not in names and not names & set(SETTINGS):
        run = named["run"] if named else Path(table.name).stem
        table = replace(table, columns={TRIAL: [run] * len(table.lines), **table.columns})
        notes.append(f"a scalar of one run: trial {short_repr(run)}")
    counted = [name for name in table.columns if name not in ignore]
    missing = Missing(table.name, mapping)
    missing.axis(STEP, counted)
    missing.measures(counted, [VALUE])
    # Where nothing else is missing, the check of every table finds a resumed run.
    if missing.options:
        missing.repeated(table, [name for name in counted if name != VALUE])
    missing.refuse("a scalar exported from TensorBoard")
    return Reading(table, mapping, notes)


def _varies(table: Table, column: str) -> bool:
    """Return whether a column of a wide export differs within a run, so that it is no parameter."""
    seen: dict[str, str] = {}
    cells = zip(table.runs or [], as_numbers(table.texts(column)), strict=True)
    return any(seen.setdefault(run, text) != text for run, text in cells)
