"""A file to import, with the roles of its columns and notes on how it is read."""

from __future__ import annotations

from dataclasses import dataclass, field

from ganstudy.study.errors import UserError
from ganstudy.study.importing.columns import Roles, roles_of
from ganstudy.study.importing.mapping import Mapping
from ganstudy.study.importing.table import Table
from ganstudy.trials.results.catalogue import MEASURES


@dataclass
class Source:
    """A file to import."""

    table: Table
    mapping: Mapping
    roles: Roles
    notes: list[str] = field(default_factory=list)
    """What a user should know about how the file was read."""
    _texts: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, table: Table, mapping: Mapping) -> Source:
        """Find the roles of the columns; UserError if none is a measure."""
        roles = roles_of(table, mapping)
        if not roles.measures and not roles.modes:
            raise UserError(
                f"{table.name} has no measure at all; its columns: "
                f"{', '.join(table.columns)}. Known measures: {', '.join(MEASURES)}. "
                "Where names differ: --map THEIRS=OURS"
            )
        return cls(table, mapping, roles)

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return len(self.table.lines)

    def texts(self, column: str) -> list[str]:
        """Return the cells of a column as text, converted once."""
        if column not in self._texts:
            self._texts[column] = self.table.texts(column)
        return self._texts[column]
