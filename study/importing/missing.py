"""The message that asks for all that a source does not say, as options to add."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from ganstudy.study.errors import UserError
from ganstudy.study.importing.columns import canonical_name, is_measure, is_score
from ganstudy.study.importing.mapping import Mapping
from ganstudy.study.importing.table import Table, as_numbers
from ganstudy.trials.config.trial import BUDGET_UNITS


@dataclass
class Missing:
    """What a source does not say, as options to add, in one message."""

    name: str
    """Of the file or other source."""
    mapping: Mapping
    options: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def axis(self, column: str, counted: list[str]) -> None:
        """Ask what `column` counts, if no column of `counted` is an axis."""
        if any(canonical_name(name, self.mapping) in BUDGET_UNITS for name in counted):
            return
        self.options.append(f"--map {shlex.quote(f'{column}=generator_steps')}")
        self.reasons.append(f"{column} may count {', '.join(BUDGET_UNITS)}")

    def measure(self, example: str, reason: str) -> None:
        """Ask which one is the measure that decides what is best."""
        self.options.append(f"--map {shlex.quote(f'{example}=fid')}")
        self.reasons.append(reason)

    def measures(self, measured: list[str], unknown: list[str]) -> None:
        """Ask what the columns `unknown` are, which cannot stay without a meaning.

        measured: those that may be measures.
        """
        names = {canonical_name(column, self.mapping) for column in measured}
        has_measure = any(is_measure(name) for name in names)
        left = [
            name
            for name in unknown
            if name not in self.mapping.ignore and not is_score(canonical_name(name, self.mapping))
        ]
        if left and not has_measure:
            self.measure(left[0], f"{left[0]} may be any measure of docs/measures.md")
            left = left[1:]
        if left:
            self.options += [f"--ignore {shlex.quote(name)}" for name in left]
            self.reasons.append(f"{', '.join(left)}: no known measure, unless --map says which")

    def repeated(self, table: Table, identity: list[str]) -> None:
        """Ask which row to keep, if two have the same cells in all columns of `identity`."""
        first: dict[tuple[str, ...], int] = {}
        keys = zip(*(as_numbers(table.texts(name)) for name in identity), strict=True)
        for row, key in enumerate(keys):
            if first.setdefault(key, row) != row and self.mapping.repeated is None:
                self.options.append("--repeated last")
                self.reasons.append(
                    f"{table.row_name(row)} repeats the step of "
                    f"{table.row_name(first[key])}, as a resumed run does"
                )
                return

    def refuse(self, what: str) -> None:
        """Raise a UserError with the options, if any is missing."""
        if self.options:
            raise UserError(
                f"{self.name} is {what}, and does not say all that is needed. Add, as "
                f"it applies: {' '.join(self.options)} ({'; '.join(self.reasons)})"
            )
