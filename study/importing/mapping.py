"""What the user says about a file: names of columns, verdicts, the floor, the provenance."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, ValidationError, field_validator

from ganstudy.study.errors import UserError
from ganstudy.study.importing.bounds import out_of_bounds
from ganstudy.study.spec.tables import Objective
from ganstudy.trials.config.base import StrictModel, alternatives, one_of, short_repr
from ganstudy.trials.config.trial import BUDGET_UNITS
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import Verdict
from ganstudy.trials.results.samplers import SAMPLER_NOT_STATED

MOST_CHARACTERS = 200_000
"""Of a mapping file."""
LAST = "last"
REPEATED = (LAST,)
"""What can be kept of rows that repeat a step."""


class ProvenanceTable(StrictModel):
    """[provenance]: what the scores were measured with.

    Only studies of equal provenance can be compared.
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
    """Name of a column in the file = its name here."""
    ignore: list[str] = []
    """Columns that are left out."""
    verdicts: dict[str, str] = {}
    """A word in the column `verdict` = the verdict that it means."""
    floor: dict[str, float] = {}
    """Measures of real data scored as if generated."""
    provenance: ProvenanceTable | None = None
    axis: str | None = None
    """The counter on which trials are compared."""
    objective: str | None = None
    """The measure that decides which trial is best."""
    repeated: str | None = None
    """Which of the rows of one trial, seed and step is kept; None refuses them."""
    question: str = ""
    sampler: str = SAMPLER_NOT_STATED
    """How the configurations were drawn."""

    @field_validator("axis")
    @classmethod
    def _unit(cls, value: str | None) -> str | None:
        return None if value is None else one_of("axis", value, BUDGET_UNITS)

    @field_validator("repeated")
    @classmethod
    def _repeated(cls, value: str | None) -> str | None:
        return None if value is None else one_of("row to keep", value, REPEATED)

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
        floor = {one_of("measure", name, MEASURES): number for name, number in value.items()}
        for name, number in floor.items():
            if wrong := out_of_bounds(name, np.array([number])):
                raise ValueError(wrong[1])
        return floor

    @field_validator("verdicts")
    @classmethod
    def _verdicts(cls, value: dict[str, str]) -> dict[str, str]:
        names = [verdict.value for verdict in Verdict]
        # Words in small letters: a file may write Collapsed and COLLAPSED.
        return {word.lower(): one_of("verdict", name, names) for word, name in value.items()}


def judged() -> list[str]:
    """Return the measures with a better end, one of which can be a study's objective."""
    return [name for name, measure in MEASURES.items() if measure.direction != "none"]


def objective_of(measure: str, require: dict[str, int]) -> Objective:
    """Return [objective] of a study whose objective is `measure`."""
    end = "maximize" if MEASURES[measure].direction == "up" else "minimize"
    return Objective.model_validate({end: measure, "require": require})


def read_mapping(path: Path | None, pairs: Iterable[str], options: dict[str, Any]) -> Mapping:
    """Return the mapping of a file, of `--map` pairs and of further `options`.

    Pairs and options overrule the file. UserError for what is wrong with any of them.
    """
    values = {} if path is None else _read_toml(path)
    named = {}
    for pair in pairs:
        column, separator, name = pair.rpartition("=")
        if not separator or not column or not name:
            raise UserError(f"--map must look like THEIRS=OURS, got {short_repr(pair)}")
        named[column] = name
    # What was not given on the command line is None or empty, and must not overrule the file.
    given = {key: value for key, value in options.items() if value}
    # What is no table or no list is left to pydantic, which says what is wrong with it.
    columns, ignored = values.get("columns", {}), values.get("ignore", [])
    if isinstance(columns, dict):
        columns = {**columns, **named}
    if "ignore" in given and isinstance(ignored, list):
        given["ignore"] = [*ignored, *given["ignore"]]
    try:
        return Mapping.model_validate({**values, "columns": columns, **given})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            table = Mapping if len(first["loc"]) == 1 else ProvenanceTable
            known = alternatives(str(first["loc"][-1]), table.model_fields)
            raise UserError(f"{path}: unknown key {short_repr(place)}{known}") from None
        message = first["msg"].removeprefix("Value error, ")
        raise UserError(
            f"{path or 'mapping'}: {place}: {message[0].lower()}{message[1:]}"
        ) from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        if len(text) > MOST_CHARACTERS:
            raise UserError(f"{path}: a mapping must have at most {MOST_CHARACTERS} characters")
        return tomllib.loads(text)
    except FileNotFoundError:
        raise UserError(f"{path}: no such mapping file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not valid TOML: {error}") from None
