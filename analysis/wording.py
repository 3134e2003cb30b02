"""What sentences are made of: conclusions in two parts, and numbers as words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis import tables
from analysis.load import Study


@dataclass(frozen=True)
class Tile:
    """One number of the first screen."""

    title: str
    value: str
    note: str


@dataclass(frozen=True)
class Said:
    """A conclusion drawn from a table; plain text."""

    claim: str
    """What can be said, or that nothing can be said: read alone, it must not mislead."""
    basis: str = ""
    """With what n and interval, and what it does not say."""
    first: bool = False
    """Whether it belongs on the first screen, and into the description in MLflow."""
    tile: Tile | None = None

    def __str__(self) -> str:
        return f"{self.claim} {self.basis}".rstrip()


def number(value: float) -> str:
    """A median or an end of its interval; not finite where it falls on diverged seeds."""
    return _digits(value) if math.isfinite(value) else "diverged"


def _digits(value: float, sign: str = "") -> str:
    """Three digits; thousands as they are spoken, not as a power of ten."""
    return f"{value:{sign}.0f}" if 999.5 <= abs(value) < 1e6 else f"{value:{sign}.3g}"


def signed(value: float) -> str:
    """A difference, always with its sign."""
    return _digits(value, "+").replace("-", "−") if math.isfinite(value) else "diverged"


def interval(row: dict[str, Any], column: str) -> str:
    """The row's `column` with the interval in column_low and column_high, where it has one."""
    ends = row[f"{column}_low"], row[f"{column}_high"]
    middle = number(row[column])
    return middle if math.isnan(ends[0]) else f"{middle} [{number(ends[0])}, {number(ends[1])}]"


def count(number: int, noun: str) -> str:
    """1 seed, 2 seeds."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def between(numbers: list[int]) -> str:
    """3 to 5, or 3 where all are alike."""
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def listed(names: list[str]) -> str:
    """a, b and c"""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def label(value: Any) -> str:
    """A hyperparameter's value as readers see it."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).replace("_", " ").replace("+", " + ")


def unit(study: Study) -> str:
    """The axis of the budget: generator steps, for example."""
    return label(study.spec["train"]["budget"]["unit"])


def settings(study: Study, trial: dict[str, Any]) -> str:
    """The searched hyperparameters of a trial, those that it was not asked left out."""
    asked = [key for key in tables.searched(study) if not absent(trial[key])]
    return ", ".join(_setting(key, trial[key]) for key in asked)


def _setting(key: str, value: Any) -> str:
    if key == "remedies":
        return "no remedy" if value == tables.NONE else label(value)
    whole = isinstance(value, float) and value == int(value)
    return f"{key} = {value:.2g}" if isinstance(value, float) and not whole else f"{key} = {label(value)}"


def absent(value: Any) -> bool:
    """Whether a cell holds nothing."""
    return isinstance(value, float) and math.isnan(value)


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as dictionaries by column name."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
