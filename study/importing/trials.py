"""Trials, seeds and steps of a file's rows, and what is the same in all rows of a trial.

The latter are its parameters and its state.
"""

from __future__ import annotations

import shlex
from typing import NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganstudy.study.errors import UserError
from ganstudy.study.importing.columns import (
    PARAMETER_NAME,
    SEED,
    TAKEN,
    TRIAL,
    TRIAL_NAME,
    known_names,
)
from ganstudy.study.importing.source import Source
from ganstudy.study.importing.table import as_numbers
from ganstudy.trials.config.base import one_of, short_repr
from ganstudy.trials.config.k_ratio import schedule_of_text
from ganstudy.trials.config.trial import BUDGET_UNITS, LARGEST_SEED
from ganstudy.trials.results.documents import Settings
from ganstudy.trials.results.records import FIRST_CONFIRM, TrialState, remedy_label

STEPS = ("step", "steps", "_step", "global_step", "iteration", "iterations", "iter", "it", "kimg")
"""What others call a counter, which does not say what it counts; for an example in a message."""


class TrialColumns:
    """The columns of a file that tell trials, seeds and evaluations apart.

    UserError, with line and column, if they do not.
    """

    def __init__(self, source: Source) -> None:
        self._source, self._table, self._roles = source, source.table, source.roles
        self._settings: dict[str, list[str]] = {}
        """By column, converted once."""
        self.counters = {
            name: self._counter(name, column) for name, column in self._roles.counters.items()
        }
        self.axis = self._axis()
        """The counter on which trials are compared."""
        self.steps = self.counters[self.axis]
        self._labels: list[str] | None = None
        """Names of the trials, row by row, if they have no numbers."""
        self.trials = self._trials()
        """The trial's number, row by row."""
        self.seeds = self._seeds()

    def kept_rows(self) -> list[int]:
        """Return all rows, or the last of each trial, seed and step if the mapping asks for it.

        UserError where rows repeat a step and it does not ask.
        """
        frame = pd.DataFrame({"trial": self.trials, SEED: self.seeds, "step": self.steps})
        again = np.flatnonzero(frame.duplicated())
        if len(again) and self._source.mapping.repeated is None:
            self._refuse_repeated(int(again[0]), frame)
        kept: list[int] = np.flatnonzero(~frame.duplicated(keep="last")).tolist()
        return kept

    def rows_by_trial(self) -> dict[int, list[int]]:
        """Return the rows of each trial, trials in order."""
        # Stable: the rows of a trial keep the order of the file, which messages quote.
        order = np.argsort(self.trials, kind="stable")
        numbers, starts = np.unique(self.trials[order], return_index=True)
        groups = np.split(order, starts[1:])
        return {int(n): rows.tolist() for n, rows in zip(numbers, groups, strict=True)}

    def params(self, rows: list[int]) -> Settings:
        """Return the parameters of the trial that has these rows."""
        params: Settings = {}
        if self._labels:
            params[TRIAL_NAME] = self._labels[rows[0]]
        for name, column in {**self._roles.parameters, **self._roles.unknown}.items():
            setting = self.shared_text(name, rows)
            if name in TAKEN or not PARAMETER_NAME.fullmatch(name):
                rule = (
                    "is a name of ganstudy's own"
                    if name in TAKEN
                    else "is no name that MLflow takes"
                )
                raise UserError(
                    f"{self._table.name}: a parameter cannot be called {short_repr(name)}, "
                    f"which {rule}; rename it with --map THEIRS=OURS, or leave it out with --ignore"
                )
            if setting:
                as_given = self._source.texts(column)[rows[0]]
                params[name] = self._k(as_given, rows[0], column) if name == "k" else setting
        return params

    def shared_text(self, name: str, rows: list[int]) -> str:
        """Return the text that all rows of a trial share, a parameter as `_setting` has it.

        UserError if they differ.
        """
        roles, table = self._roles, self._table
        settings = {**roles.parameters, **roles.unknown}
        column = {**settings, **roles.identifiers}[name]
        given = self._source.texts(column)
        cells = self._setting(name, column) if name in settings else given
        first = cells[rows[0]]
        other = next((row for row in rows if cells[row] != first), None)
        if other is None:
            return first
        place, here = table.place(other, column), short_repr(given[other])
        there = f"{table.row_name(rows[0])} has {short_repr(given[rows[0]])}"
        if name in roles.unknown:
            unknown = ", ".join(short_repr(column) for column in roles.unknown.values())
            raise UserError(
                f"{place}: this name is not known, and it is no parameter either, which would be "
                f"constant within a trial: here {here}, {there}.\n"
                f"Columns of unknown names: {unknown}. Leave one out with --ignore NAME, or say "
                f"what it is with --map THEIRS=OURS.\nKnown: {known_names()}"
            )
        raise UserError(
            f"{place}: {name} must be the same in all rows of a trial; here {here}, {there}"
        )

    def _setting(self, name: str, column: str) -> list[str]:
        """Return the cells of a parameter as they are compared.

        Equal settings are equal texts, however the file spells them.
        """
        if column not in self._settings:
            given = self._source.texts(column)
            if name == "remedies":
                cells = [remedy_label({part for part in text.split("+") if part}) for text in given]
            elif name == "k":
                # 1/2, 0.5 and .50 are one ratio.
                ratios = {text: row for row, text in reversed(list(enumerate(given))) if text}
                written = {text: str(self._k(text, row, column)) for text, row in ratios.items()}
                cells = [written.get(text, "") for text in given]
            else:
                cells = as_numbers(given)
            self._settings[column] = cells
        return self._settings[column]

    def state(self, text: str, row: int) -> TrialState:
        """Return the state of a trial: that of the file's `text`, else complete at its own length.

        row: one of the trial's, for the message of a UserError.
        """
        if not text:
            return TrialState.COMPLETE
        states = [state.value for state in TrialState if state is not TrialState.RUNNING]
        try:
            return TrialState(one_of("state", text.lower(), states))
        except ValueError as error:
            place = self._table.place(row, self._roles.identifiers["state"])
            raise UserError(f"{place}: {error}") from None

    def _counter(self, name: str, column: str) -> NDArray[np.float64]:
        values, _ = self._table.numbers(column)
        bad = np.flatnonzero(np.isinf(values) | (values < 0))
        if len(bad):
            raise UserError(
                f"{self._table.place(bad[0], column)}: {name} must be a number >= 0, "
                f"got {values[bad[0]]:g}"
            )
        return values

    def _axis(self) -> str:
        wanted = self._source.mapping.axis
        present = [unit for unit in BUDGET_UNITS if unit in self.counters]
        # By the order of BUDGET_UNITS, so that it does not depend on the order of the columns.
        axis = wanted or (present[0] if present else None)
        if axis is None or axis not in self.counters:
            missing = (
                "no column says how far the training was"
                if axis is None
                else f"there is no column {axis}"
            )
            steps = [name for name in self._table.columns if name.lower() in STEPS]
            example = shlex.quote(f"{steps[0] if steps else 'iteration'}=generator_steps")
            raise UserError(
                f"{self._table.name}: {missing}; known: {', '.join(BUDGET_UNITS)}. Columns: "
                f"{', '.join(self._table.columns)}. Where names differ: --map THEIRS=OURS, such as "
                f"--map {example}"
            )
        absent = np.flatnonzero(np.isnan(self.counters[axis]))
        if len(absent):
            place = self._table.place(absent[0], self._roles.counters[axis])
            raise UserError(f"{place}: {axis} is missing")
        if len(present) > 1 and wanted is None:
            self._source.notes.append(
                f"trials are compared at equal {axis} (of {', '.join(present)}; --axis chooses "
                "another)"
            )
        return axis

    def _trials(self) -> NDArray[np.int64]:
        """Return the number of each row's trial.

        Its own, if all are whole and below those of confirm trials, else by first appearance.
        """
        column = self._roles.identifiers.get(TRIAL)
        if column is None:
            return self._trials_by_parameters()
        labels = as_numbers(self._table.texts(column))
        empty = next((row for row, label in enumerate(labels) if not label), None)
        if empty is not None:
            raise UserError(f"{self._table.place(empty, column)}: the trial is missing")
        # isdecimal alone takes digits of every script; ten digits may not fit a trial's number.
        if all(label.isascii() and label.isdecimal() and len(label) < 10 for label in labels):
            numbers = np.array([int(label) for label in labels], dtype=np.int64)
            if numbers.max() < FIRST_CONFIRM:
                return numbers
        self._labels = labels
        return np.asarray(pd.factorize(pd.Series(labels))[0], dtype=np.int64)

    def _trials_by_parameters(self) -> NDArray[np.int64]:
        parameters = self._roles.parameters
        if not parameters:
            raise UserError(
                f"{self._table.name}: nothing tells the trials apart: neither a column trial "
                "nor a parameter whose name is known; columns: "
                f"{', '.join(self._table.columns)}. Where names differ: --map THEIRS=OURS, such as "
                "--map run=trial"
            )
        self._source.notes.append(f"trials are distinguished by {', '.join(parameters)}")
        settings = [self._setting(name, column) for name, column in parameters.items()]
        combinations = pd.Series(list(zip(*settings, strict=True)))
        return np.asarray(pd.factorize(combinations)[0], dtype=np.int64)

    def _seeds(self) -> NDArray[np.int64]:
        column = self._roles.identifiers.get(SEED)
        if column is None:
            self._source.notes.append("no column seed: every trial counts as one seed")
            return np.zeros(self._source.num_rows, dtype=np.int64)
        values, given = self._table.numbers(column)
        whole = given & (values >= 0) & (values <= LARGEST_SEED) & (np.floor(values) == values)
        bad = np.flatnonzero(~whole)
        if len(bad):
            raise UserError(
                f"{self._table.place(bad[0], column)}: a seed must be a whole number in "
                f"0..{LARGEST_SEED}, got {short_repr(self._table.columns[column][bad[0]])}"
            )
        return values.astype(np.int64)

    def _refuse_repeated(self, row: int, frame: pd.DataFrame) -> NoReturn:
        first = int(np.flatnonzero((frame == frame.iloc[row]).all(axis=1))[0])
        trial = short_repr(self._labels[row]) if self._labels else str(self.trials[row])
        advice = ""
        if SEED not in self._roles.identifiers:
            advice = "; if these are several seeds, a column must say so: --map THEIRS=seed"
        raise UserError(
            f"{self._table.place(row)}: trial {trial}, seed {self.seeds[row]}, "
            f"step {self.steps[row]:g} stands there already "
            f"({self._table.row_name(first)}){advice}; if a resumed run repeats "
            "its steps, --repeated last keeps the last row of each"
        )

    def _k(self, text: str, row: int, column: str) -> float | str:
        """Return k as it is shown of trials that were trained here."""
        try:
            return schedule_of_text(text).shown
        except ValueError as error:
            raise UserError(f"{self._table.place(row, column)}: k: {error}") from None
