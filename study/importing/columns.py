"""Roles of a file's columns: by their names, or by a mapping that the user gives."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ganstudy.study.errors import UserError
from ganstudy.study.importing.mapping import Mapping
from ganstudy.study.importing.table import Table
from ganstudy.study.spec.keys import KEYS
from ganstudy.trials.config.base import short_repr
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import COUNTERS, Verdict

TRIAL, SEED = "trial", "seed"
STEP = "step"
"""Column of a log of runs, which does not say what its steps count."""
TRIAL_NAME = "trial_name"
"""Parameter that keeps the name of a trial that had no number."""
PER_TRIAL = ("state", "error")
"""Columns that must be the same in all rows of a trial."""
PER_ROW = ("verdict", "finite")
IDENTIFIERS = (TRIAL, SEED, *PER_TRIAL, *PER_ROW)
MODE = re.compile(r"mode_(.+)", re.DOTALL)
"""Columns of the number of samples per mode."""
SETTINGS = (*KEYS, "data", "model", "method")
"""Hyperparameters that are known by name. A column of another name is a parameter too if it is
constant within each trial.
"""
TAKEN = frozenset(
    {
        "number",
        "run_id",
        "config_digest",
        "feasible",
        "objective",
        "num_seeds",
        "evaluations",
        "evaluation",
        "stage",
        "role",
        "confirms",
        "failed",
        "order",
        "candidate",
        "histogram",
        "seeds",
        "budget",
        "mode",
        "count",
        *(verdict.value for verdict in Verdict),
    }
)
"""Columns of the frames of analysis/frames/load.py, after which no parameter can be named."""
PARAMETER_NAME = re.compile(r"[\w ./:-]{1,200}", re.ASCII)
"""What MLflow takes as the name of a parameter."""


@dataclass
class Roles:
    """The columns of a file by role: canonical name to the column's own name."""

    identifiers: dict[str, str] = field(default_factory=dict)
    counters: dict[str, str] = field(default_factory=dict)
    measures: dict[str, str] = field(default_factory=dict)
    modes: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    """Parameters as well, if they are constant within each trial."""

    def of(self, name: str) -> dict[str, str]:
        """Return the role that a canonical name has."""
        if name in IDENTIFIERS:
            return self.identifiers
        if name in COUNTERS:
            return self.counters
        if name in MEASURES:
            return self.measures
        if name in SETTINGS:
            return self.parameters
        return self.modes if MODE.fullmatch(name) else self.unknown


LABELS = {measure.label.lower(): name for name, measure in MEASURES.items()}
NAMES = {name.lower(): name for name in (*IDENTIFIERS, *COUNTERS, *MEASURES, *SETTINGS)}


def canonical_name(column: str, mapping: Mapping) -> str:
    """Return what a column is called here.

    That is its name by the mapping, a known name or label in any case, or as the file has it.
    """
    plain = mapping.columns.get(column, column)
    # "Generator Steps" means generator_steps; "Precision" is a label and a name alike.
    return NAMES.get(plain.lower().replace(" ", "_")) or LABELS.get(plain.lower()) or plain


def is_measure(name: str) -> bool:
    """Return whether a canonical name is of a measure or of the samples of a mode."""
    return name in MEASURES or MODE.fullmatch(name) is not None


def is_score(name: str) -> bool:
    """Return whether a canonical name is of a number that changes within a trial."""
    return name in COUNTERS or is_measure(name)


def roles_of(table: Table, mapping: Mapping) -> Roles:
    """Return the roles by the mapping, else by name.

    A name is a canonical one or a measure's label ("FID"), in any case.

    UserError if the mapping names a column that does not exist, or two columns mean the same.
    """
    for column in (*mapping.columns, *mapping.ignore):
        if column not in table.columns:
            raise UserError(
                f"{table.name} has no column {short_repr(column)}, which the mapping names; "
                f"it has: {_list(table.columns)}"
            )
    roles = Roles()
    column_of: dict[str, str] = {}  # by canonical name
    for column in table.columns:
        if column in mapping.ignore:
            continue
        name = canonical_name(column, mapping)
        if name in column_of:
            raise UserError(
                f"{table.name}: the columns {short_repr(column_of[name])} and "
                f"{short_repr(column)} both mean {name}; leave one of them out with --ignore"
            )
        column_of[name] = column
        roles.of(name)[name] = column
    return roles


def known_names() -> str:
    """Return the names of measures, counters and identifiers, for a message."""
    return (
        f"identifiers: {_list(IDENTIFIERS)}; counters: {_list(COUNTERS)}; "
        f"measures: {_list(MEASURES)}; samples per mode: mode_0, mode_1, ...; "
        "parameters: any, if constant within a trial"
    )


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
