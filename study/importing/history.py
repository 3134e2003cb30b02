"""Rows of others as trials, seeds and evaluations.

A score that is not finite (nan, inf) and is never finite again means a seed that diverged. How
evaluations are numbered and what becomes of seeds that end early: study/importing/timeline.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganstudy.study.errors import UserError
from ganstudy.study.importing.columns import (
    PARAMETER_NAME,
    PER_TRIAL,
    SEED,
    TAKEN,
    TRIAL,
    TRIAL_NAME,
    Mapping,
    Roles,
    known_names,
    roles_of,
)
from ganstudy.study.importing.modes import histograms_of, mode_names
from ganstudy.study.importing.table import Table
from ganstudy.study.importing.timeline import Rows, complete, moments_of, to_the_end
from ganstudy.trials.config.base import one_of, short_repr
from ganstudy.trials.config.k_ratio import as_schedule
from ganstudy.trials.config.trial import BUDGET_UNITS, LARGEST_SEED
from ganstudy.trials.results.catalogue import COPYING, CYCLING, GAME, MEASURES, MODES, QUALITY
from ganstudy.trials.results.records import COUNTERS, FIRST_CONFIRM, TrialState, Verdict

NONE = "none"
"""Label of no remedy."""
SAMPLED = (QUALITY, MODES, CYCLING, COPYING)
"""Groups of measures of samples: they have no value where a seed has diverged."""
FATAL = tuple(
    name
    for name, measure in MEASURES.items()
    if measure.group in (QUALITY, MODES) or (measure.group == GAME and name.startswith("loss_"))
)
"""Measures that tell, by not being finite, that a seed has diverged."""


@dataclass(frozen=True)
class ImportedTrial:
    """One configuration."""

    number: int
    params: dict[str, Any]
    state: TrialState
    error: str
    rows: Rows
    """One per seed and evaluation, as a trial writes them."""
    notes: list[str]


@dataclass(frozen=True)
class History:
    """A whole file."""

    trials: list[ImportedTrial]
    axis: str
    """The counter on which trials are compared."""
    moments: list[float]
    """On the axis; evaluation 1 is the first."""
    modes: list[str]
    measures: list[str]
    """Those that the file holds."""
    derived: list[str]
    """Those that follow from what it holds."""
    floor: dict[str, float]
    notes: list[str] = field(default_factory=list)
    """What a user should know about how the file was read."""


def read_history(table: Table, mapping: Mapping) -> History:
    """The study in `table`. UserError, with line and column, where it cannot be read as one."""
    return _Reader(table, mapping).history()


class _Reader:
    def __init__(self, table: Table, mapping: Mapping) -> None:
        self.table, self.mapping = table, mapping
        self.roles: Roles = roles_of(table, mapping)
        self.notes: list[str] = []
        self.labels: list[str] | None = None
        """Names of the trials, row by row, where they have no numbers."""
        self._read: dict[str, list[str]] = {}
        self.size = len(table.lines)
        if not self.roles.measures and not self.roles.modes:
            raise UserError(
                f"{table.file.name} has no measure at all; its columns: {', '.join(table.columns)}. "
                f"Known measures: {', '.join(MEASURES)}. Where names differ: --map THEIRS=OURS"
            )

    def history(self) -> History:
        roles = self.roles
        counters = {ours: self._counter(ours, theirs) for ours, theirs in roles.counters.items()}
        axis = self._axis(counters)
        trials = self._trials()
        seeds = self._seeds()
        steps = counters[axis]
        self._refuse_duplicates(trials, seeds, steps)
        params = {trial: self._params(rows) for trial, rows in _groups(trials).items()}
        moments, evaluation = moments_of(steps, trials, seeds)
        frame = pd.DataFrame({"trial": trials, SEED: seeds, "evaluation": evaluation})
        scores = {
            ours: self._scores(theirs, frame, steps) for ours, theirs in roles.measures.items()
        }
        dead = self._dead(frame, steps, {name: held[1] for name, held in scores.items()})
        values = {name: held[0] for name, held in scores.items()}
        histograms = histograms_of(self.table, self.roles.modes)
        verdicts = self._given_verdicts()
        floor = self._floor()
        derived = self._derived(histograms)
        planned = int(frame.groupby(["trial", SEED]).size().max())
        kept = {name: _cells(numbers) for name, numbers in {**values, **counters}.items()}
        made = []
        for trial, rows in _groups(trials).items():
            texts = {
                name: self._one_text(name, rows) for name in PER_TRIAL if name in roles.identifiers
            }
            own: Rows = []
            for row in rows:
                record: dict[str, Any] = {SEED: int(seeds[row]), "evaluation": int(evaluation[row])}
                record |= {"finite": not dead[row], "verdict": verdicts[row] if verdicts else None}
                record |= dict.fromkeys((*MEASURES, *COUNTERS)) | {"histogram": None}
                record |= {name: cells[row] for name, cells in kept.items()}
                if histograms is not None:
                    record["histogram"] = histograms[row]
                if dead[row]:
                    record |= {name: None for name in MEASURES if MEASURES[name].group in SAMPLED}
                    record["histogram"] = None
                own.append(record)
            own, notes = to_the_end(own, axis)
            complete(own, derived, planned, floor, verdicts is not None)
            state = self._state(texts.get("state", ""), own, len(moments), rows[0])
            made.append(
                ImportedTrial(trial, params[trial], state, texts.get("error", ""), own, notes)
            )
        self._say_parameters()
        return History(
            made,
            axis,
            moments,
            mode_names(self.roles.modes),
            list(roles.measures),
            derived,
            floor,
            self.notes,
        )

    # --- who and when

    def _counter(self, ours: str, theirs: str) -> NDArray[np.float64]:
        values, _ = self.table.numbers(theirs)
        bad = np.flatnonzero(np.isinf(values) | (values < 0))
        if len(bad):
            raise UserError(
                f"{self.table.place(bad[0], theirs)}: {ours} must be a number >= 0, got {values[bad[0]]:g}"
            )
        return values

    def _axis(self, counters: dict[str, NDArray[np.float64]]) -> str:
        there = [unit for unit in BUDGET_UNITS if unit in counters]
        axis = self.mapping.axis or (there[0] if there else None)
        if axis is None or axis not in counters:
            missing = (
                "no column says how far the training was"
                if axis is None
                else f"there is no column {axis}"
            )
            raise UserError(
                f"{self.table.file.name}: {missing}; known: {', '.join(BUDGET_UNITS)}. Columns: "
                f"{', '.join(self.table.columns)}. Where names differ: --map THEIRS=OURS, such as "
                "--map iteration=generator_steps"
            )
        absent = np.flatnonzero(np.isnan(counters[axis]))
        if len(absent):
            raise UserError(
                f"{self.table.place(absent[0], self.roles.counters[axis])}: {axis} is missing"
            )
        if len(there) > 1 and self.mapping.axis is None:
            self.notes.append(
                f"trials are compared at equal {axis} (of {', '.join(there)}; --axis chooses another)"
            )
        return axis

    def _trials(self) -> NDArray[np.int64]:
        """The number of each row's trial: its own, where all are whole and below those of confirm
        trials, else by first appearance."""
        theirs = self.roles.identifiers.get(TRIAL)
        if theirs is None:
            if not self.roles.parameters:
                raise UserError(
                    f"{self.table.file.name}: nothing tells the trials apart: neither a column trial nor a parameter "
                    f"whose name is known; columns: {', '.join(self.table.columns)}. Where names differ: "
                    "--map THEIRS=OURS, such as --map run=trial"
                )
            texts = {ours: self.table.texts(name) for ours, name in self.roles.parameters.items()}
            self.notes.append(f"trials are told apart by {', '.join(texts)}")
            return np.asarray(
                pd.factorize(pd.Series(list(zip(*texts.values(), strict=True))))[0], dtype=np.int64
            )
        labels = self.table.texts(theirs)
        empty = next((row for row, label in enumerate(labels) if not label), None)
        if empty is not None:
            raise UserError(f"{self.table.place(empty, theirs)}: the trial is missing")
        if all(label.isascii() and label.isdecimal() and len(label) < 10 for label in labels):
            numbers = np.array([int(label) for label in labels], dtype=np.int64)
            if numbers.max() < FIRST_CONFIRM:
                return numbers
        self.labels = labels
        return np.asarray(pd.factorize(pd.Series(labels))[0], dtype=np.int64)

    def _seeds(self) -> NDArray[np.int64]:
        theirs = self.roles.identifiers.get(SEED)
        if theirs is None:
            self.notes.append("no column seed: every trial counts as one seed")
            return np.zeros(self.size, dtype=np.int64)
        values, given = self.table.numbers(theirs)
        whole = given & (values >= 0) & (values <= LARGEST_SEED) & (np.floor(values) == values)
        bad = np.flatnonzero(~whole)
        if len(bad):
            got = short_repr(self.table.columns[theirs][bad[0]])
            raise UserError(
                f"{self.table.place(bad[0], theirs)}: a seed must be a whole number in 0..{LARGEST_SEED}, got {got}"
            )
        return values.astype(np.int64)

    def _refuse_duplicates(
        self, trials: NDArray[np.int64], seeds: NDArray[np.int64], steps: NDArray[np.float64]
    ) -> None:
        frame = pd.DataFrame({"trial": trials, SEED: seeds, "step": steps})
        again = np.flatnonzero(frame.duplicated())
        if not len(again):
            return
        row = int(again[0])
        first = int(np.flatnonzero((frame == frame.iloc[row]).all(axis=1))[0])
        advice = ""
        if SEED not in self.roles.identifiers:
            advice = "; if these are several seeds, a column must say so: --map THEIRS=seed"
        raise UserError(
            f"{self.table.place(row)}: trial {self._label(row, trials)}, seed {seeds[row]}, step {steps[row]:g} stands "
            f"there already ({self.table.unit} {self.table.lines[first]}){advice}"
        )

    def _label(self, row: int, trials: NDArray[np.int64]) -> str:
        return short_repr(self.labels[row]) if self.labels else str(trials[row])

    # --- parameters

    def _params(self, rows: list[int]) -> dict[str, Any]:
        params: dict[str, Any] = {}
        if self.labels:
            params[TRIAL_NAME] = self.labels[rows[0]]
        for ours, theirs in {**self.roles.parameters, **self.roles.others}.items():
            text = self._one_text(ours, rows)
            if ours in TAKEN or not PARAMETER_NAME.fullmatch(ours):
                rule = (
                    "is a name of ganstudy's own"
                    if ours in TAKEN
                    else "is no name that MLflow takes"
                )
                raise UserError(
                    f"{self.table.file.name}: a parameter cannot be called {short_repr(ours)}, which {rule}; rename it "
                    "with --map THEIRS=OURS, or leave it out with --ignore"
                )
            if ours == "remedies":
                params[ours] = "+".join(sorted(part for part in text.split("+") if part)) or NONE
            elif text:
                params[ours] = self._k(text, rows[0], theirs) if ours == "k" else text
        return params

    def _k(self, text: str, row: int, theirs: str) -> float | str:
        try:
            ratio = str(as_schedule(float(text) if "/" not in text and " " not in text else text))
        except ValueError as error:
            raise UserError(f"{self.table.place(row, theirs)}: k: {error}") from None
        numerator, _, denominator = ratio.partition("/")
        return ratio if " " in ratio else int(numerator) / int(denominator or 1)

    def _one_text(self, ours: str, rows: list[int]) -> str:
        """The text that all rows of a trial share; UserError where they differ."""
        theirs = {**self.roles.parameters, **self.roles.others, **self.roles.identifiers}[ours]
        cells = self._texts(theirs)
        first = cells[rows[0]]
        other = next((row for row in rows if cells[row] != first), None)
        if other is None:
            return first
        lines = f"{self.table.unit} {self.table.lines[rows[0]]} has {short_repr(first)}"
        if ours in self.roles.others:
            unknown = [short_repr(name) for name in self.roles.others.values()]
            raise UserError(
                f"{self.table.place(other, theirs)}: this name is not known, and it is no parameter either, which "
                f"would be constant within a trial: here {short_repr(cells[other])}, {lines}.\nColumns of unknown names: "
                f"{', '.join(unknown)}. Leave one out with --ignore NAME, or say what it is with --map THEIRS=OURS.\n"
                f"Known: {known_names()}"
            )
        raise UserError(
            f"{self.table.place(other, theirs)}: {ours} must be the same in all rows of a trial; here "
            f"{short_repr(cells[other])}, {lines}"
        )

    def _texts(self, theirs: str) -> list[str]:
        if theirs not in self._read:
            self._read[theirs] = self.table.texts(theirs)
        return self._read[theirs]

    def _say_parameters(self) -> None:
        if self.roles.others:
            self.notes.append(
                f"taken as parameters, being constant within each trial: {', '.join(self.roles.others)}"
            )

    def _state(self, text: str, rows: Rows, moments: int, row: int) -> TrialState:
        """As the file says, else complete if the trial came to the last moment of all or has no
        seed left.
        """
        if text:
            states = [state.value for state in TrialState if state is not TrialState.RUNNING]
            try:
                return TrialState(one_of("state", text.lower(), states))
            except ValueError as error:
                raise UserError(
                    f"{self.table.place(row, self.roles.identifiers['state'])}: {error}"
                ) from None
        last = max(record["evaluation"] for record in rows)
        dead = not any(record["finite"] for record in rows if record["evaluation"] == last)
        return TrialState.COMPLETE if last == moments or dead else TrialState.PRUNED

    # --- scores

    def _scores(
        self, theirs: str, frame: pd.DataFrame, steps: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """(values, NaN where there is none; rows from which on the seed's scores are not finite to
        its end).
        """
        values, given = self.table.numbers(theirs)
        lost = given & ~np.isfinite(values)
        clean = np.where(np.isfinite(values), values, np.nan)
        if not np.isfinite(values).any():  # never measured at all, however the file writes that
            return clean, np.zeros(len(values), dtype=bool)
        finite = given & np.isfinite(values)
        table = frame.assign(step=steps, when=np.where(finite, steps, -np.inf))
        last_finite = table.groupby(["trial", SEED])["when"].transform("max").to_numpy()
        return clean, lost & (steps > last_finite)

    def _dead(
        self, frame: pd.DataFrame, steps: NDArray[np.float64], lost: dict[str, NDArray[np.bool_]]
    ) -> NDArray[np.bool_]:
        """Rows of seeds that have diverged: by their scores, by a column finite, or by a verdict."""
        dead = np.zeros(self.size, dtype=bool)
        for name, rows in lost.items():
            if name in FATAL:
                dead |= rows
        theirs = self.roles.identifiers.get("finite")
        if theirs is not None:
            words = {
                "true": True,
                "1": True,
                "yes": True,
                "false": False,
                "0": False,
                "no": False,
                "": True,
            }
            for row, text in enumerate(self.table.texts(theirs)):
                if text.lower() not in words:
                    raise UserError(
                        f"{self.table.place(row, theirs)}: finite must be true or false, got {short_repr(text)}"
                    )
                dead[row] |= not words[text.lower()]
        given = self._given_verdicts()
        if given:
            dead |= np.array([verdict == Verdict.DIVERGED.value for verdict in given])
        # What has diverged once stays so: a later row without any score is no recovery.
        since = np.where(dead, steps, np.inf)
        first = (
            frame.assign(since=since).groupby(["trial", SEED])["since"].transform("min").to_numpy()
        )
        measured = np.zeros(self.size, dtype=bool)
        for ours, name in self.roles.measures.items():
            if ours in FATAL:
                measured |= np.isfinite(self.table.numbers(name)[0])
        return np.asarray(dead | ((steps >= first) & ~measured))

    def _given_verdicts(self) -> list[str] | None:
        theirs = self.roles.identifiers.get("verdict")
        if theirs is None:
            return None
        names = [verdict.value for verdict in Verdict]
        found = []
        for row, text in enumerate(self._texts(theirs)):
            word = self.mapping.verdicts.get(text.lower(), text.lower()) or Verdict.UNKNOWN.value
            if word not in names:
                raise UserError(
                    f"{self.table.place(row, theirs)}: unknown verdict {short_repr(text)}; known: {', '.join(names)}. "
                    "Other words are translated by [verdicts] of a mapping file"
                )
            found.append(word)
        return found

    def _floor(self) -> dict[str, float]:
        floor = dict(self.mapping.floor)
        if self.roles.modes and "effective_modes" not in floor:
            self.notes.append(
                "no verdicts by modes: they need how many effective modes real data have; a mapping file says it: "
                f"[floor] effective_modes = {len(self.roles.modes)}.0 where all modes are equally frequent"
            )
        return floor

    def _derived(self, histograms: list[list[int] | None] | None) -> list[str]:
        possible = []
        if histograms is not None:
            possible = [
                "effective_modes",
                *(name for name, m in MEASURES.items() if m.group == CYCLING),
            ]
        if {"loss_g", "fid"} <= set(self.roles.measures):
            possible.append("mismatch")
        return [name for name in possible if name not in self.roles.measures]


def _groups(trials: NDArray[np.int64]) -> dict[int, list[int]]:
    """Rows by trial, trials in order."""
    order = np.argsort(trials, kind="stable")
    numbers, starts = np.unique(trials[order], return_index=True)
    return {
        int(n): rows.tolist() for n, rows in zip(numbers, np.split(order, starts[1:]), strict=True)
    }


def _cells(numbers: NDArray[np.float64]) -> list[float | None]:
    return [
        None if math.isnan(value) else int(value) if value.is_integer() else value
        for value in numbers.tolist()
    ]
