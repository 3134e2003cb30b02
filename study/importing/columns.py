"""What a column of others means here: by its name, or by a mapping that the user gives."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from ganstudy.study.errors import UserError
from ganstudy.study.importing.table import Table
from ganstudy.study.spec.keys import KEYS
from ganstudy.study.spec.tables import Objective
from ganstudy.trials.config.base import StrictModel, one_of, short_repr
from ganstudy.trials.config.trial import BUDGET_UNITS
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import COUNTERS, SAMPLER_NOT_STATED, Verdict

TRIAL, SEED = "trial", "seed"
TRIAL_NAME = "trial_name"
"""Parameter that keeps the name of a trial that had no number."""
PER_TRIAL, PER_ROW = ("state", "error"), ("verdict", "finite")
IDENTIFIERS = (TRIAL, SEED, *PER_TRIAL, *PER_ROW)
MODE = re.compile(r"mode_(.+)", re.DOTALL)
"""Columns of the number of samples per mode."""
SETTINGS = (*KEYS, "data", "model", "method")
"""Hyperparameters that ganstudy knows by name. Others are as welcome; they are told by being
constant.
"""
TAKEN = frozenset(
    {
        *(
            "number",
            "run_id",
            "config_digest",
            "feasible",
            "objective",
            "num_seeds",
            "evaluations",
            "evaluation",
        ),
        *(
            "stage",
            "role",
            "confirms",
            "lost",
            "candidate",
            "histogram",
            "seeds",
            "budget",
            "mode",
            "count",
        ),
        *(verdict.value for verdict in Verdict),
    }
)
"""Columns of the frames of analysis/frames/load.py that no parameter can be called by."""
PARAMETER_NAME = re.compile(r"[\w ./:-]{1,200}", re.ASCII)
MOST_CHARACTERS = 200_000


class ProvenanceTable(StrictModel):
    """[provenance]: what the scores were measured with. Only studies of equal provenance can be
    compared.
    """

    extractor: str = Field(min_length=1)
    extractor_digest: str = ""
    data_digest: str = ""
    num_generated: int | None = Field(None, ge=1)
    num_real: int | None = Field(None, ge=1)
    split: str = ""


class Mapping(StrictModel):
    """A mapping file (TOML), every key of which may be absent. docs/import.md describes them."""

    columns: dict[str, str] = {}
    """THEIRS = OURS"""
    ignore: list[str] = []
    """Columns that are left out."""
    verdicts: dict[str, str] = {}
    """Words of the column `verdict` = ours."""
    floor: dict[str, float] = {}
    """Measures of real data scored as if generated."""
    provenance: ProvenanceTable | None = None
    axis: str | None = None
    """The counter on which trials are compared."""
    objective: str | None = None
    """The measure that decides."""
    question: str = ""
    sampler: str = SAMPLER_NOT_STATED
    """How the configurations were drawn."""

    @field_validator("axis")
    @classmethod
    def _unit(cls, value: str | None) -> str | None:
        return None if value is None else one_of("axis", value, BUDGET_UNITS)

    @field_validator("objective")
    @classmethod
    def _judged(cls, value: str | None) -> str | None:
        return None if value is None else one_of("measure that decides", value, judged())

    @field_validator("floor")
    @classmethod
    def _measures(cls, value: dict[str, float]) -> dict[str, float]:
        bad = next((name for name, number in value.items() if not math.isfinite(number)), None)
        if bad is not None:
            raise ValueError(f"{bad} must be a finite number, got {value[bad]}")
        return {one_of("measure", name, MEASURES): number for name, number in value.items()}

    @field_validator("verdicts")
    @classmethod
    def _verdicts(cls, value: dict[str, str]) -> dict[str, str]:
        names = [verdict.value for verdict in Verdict]
        return {word.lower(): one_of("verdict", name, names) for word, name in value.items()}


def judged() -> list[str]:
    """Measures with a better end, one of which a study can be decided by."""
    return [name for name, measure in MEASURES.items() if measure.direction != "none"]


def objective_of(measure: str, require: dict[str, int]) -> Objective:
    """[objective] of a study that is decided by `measure`."""
    end = "maximize" if MEASURES[measure].direction == "up" else "minimize"
    return Objective.model_validate({end: measure, "require": require})


def read_mapping(path: Path | None, pairs: Iterable[str], changes: dict[str, Any]) -> Mapping:
    """The mapping of a file, of THEIRS=OURS pairs, which have the last word, and of further
    `changes`. UserError for what is wrong with any of them."""
    values: dict[str, Any] = {}
    if path is not None:
        try:
            text = path.read_text(encoding="utf-8-sig")
            if len(text) > MOST_CHARACTERS:
                raise UserError(f"{path}: a mapping must have at most {MOST_CHARACTERS} characters")
            values = tomllib.loads(text)
        except FileNotFoundError:
            raise UserError(f"{path}: no such mapping file") from None
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"{path}: not valid TOML: {error}") from None
    columns = (
        dict(values.get("columns", {}))
        if isinstance(values.get("columns", {}), dict)
        else values["columns"]
    )
    for pair in pairs:
        theirs, separator, ours = pair.rpartition("=")
        if not separator or not theirs or not ours:
            raise UserError(f"--map must look like THEIRS=OURS, got {short_repr(pair)}")
        columns[theirs] = ours
    given = {key: value for key, value in changes.items() if value}
    if "ignore" in given:
        given["ignore"] = [*values.get("ignore", []), *given["ignore"]]
    try:
        return Mapping.model_validate({**values, "columns": columns, **given})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            names = ", ".join(
                Mapping.model_fields if len(first["loc"]) == 1 else ProvenanceTable.model_fields
            )
            raise UserError(f"{path}: unknown key {short_repr(place)}; known: {names}") from None
        message = first["msg"].removeprefix("Value error, ")
        raise UserError(
            f"{path or 'mapping'}: {place}: {message[0].lower()}{message[1:]}"
        ) from None


@dataclass
class Roles:
    """Which column of the file is what: our names to theirs."""

    identifiers: dict[str, str] = field(default_factory=dict)
    counters: dict[str, str] = field(default_factory=dict)
    measures: dict[str, str] = field(default_factory=dict)
    modes: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    """Names that are not known: parameters, if they are constant within each trial."""


def roles_of(table: Table, mapping: Mapping) -> Roles:
    """By the mapping, then by name: as it stands, or as a measure's label ("FID"), whatever the
    capitals.

    UserError where the mapping names a column that is not there, or two columns come to the same.
    """
    for theirs in (*mapping.columns, *mapping.ignore):
        if theirs not in table.columns:
            raise UserError(
                f"{table.file.name} has no column {short_repr(theirs)}, which the mapping names; it has: "
                f"{_list(table.columns)}"
            )
    labels = {measure.label.lower(): name for name, measure in MEASURES.items()}
    names = {name.lower(): name for name in (*IDENTIFIERS, *COUNTERS, *MEASURES, *SETTINGS)}
    roles = Roles()
    taken: dict[str, str] = {}
    for theirs in table.columns:
        if theirs in mapping.ignore:
            continue
        plain = mapping.columns.get(theirs, theirs)
        ours = names.get(plain.lower().replace(" ", "_")) or labels.get(plain.lower()) or plain
        if ours in taken:
            raise UserError(
                f"{table.file.name}: the columns {short_repr(taken[ours])} and {short_repr(theirs)} both mean {ours}; "
                "leave one of them out with --ignore"
            )
        taken[ours] = theirs
        _place_of(roles, ours)[ours] = theirs
    return roles


def _place_of(roles: Roles, ours: str) -> dict[str, str]:
    for group, known_names in (
        (roles.identifiers, IDENTIFIERS),
        (roles.counters, COUNTERS),
        (roles.measures, MEASURES),
        (roles.parameters, SETTINGS),
    ):
        if ours in known_names:
            return group
    return roles.modes if MODE.fullmatch(ours) else roles.others


def known_names() -> str:
    """The names of measures, counters and identifiers, for a message."""
    return (
        f"identifiers: {_list(IDENTIFIERS)}; counters: {_list(COUNTERS)}; measures: {_list(MEASURES)}; "
        "samples per mode: mode_0, mode_1, ...; parameters: any, if constant within a trial"
    )


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
