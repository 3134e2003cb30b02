"""What sentences are made of: conclusions in two parts, and numbers as words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ganstudy.analysis.formatting import absent, label, number
from ganstudy.analysis.frames import selection
from ganstudy.analysis.frames.study import Study


@dataclass(frozen=True)
class Tile:
    """One number of the first screen."""

    title: str
    value: str
    note: str


@dataclass(frozen=True)
class Conclusion:
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


def interval(row: dict[str, Any], column: str) -> str:
    """The row's `column` with the interval in column_low and column_high, where it has one."""
    ends = row[f"{column}_low"], row[f"{column}_high"]
    middle = number(row[column])
    return middle if math.isnan(ends[0]) else f"{middle} [{number(ends[0])}, {number(ends[1])}]"


def unit(study: Study) -> str:
    """The axis of the budget: generator steps, for example."""
    return label(study.spec["train"]["budget"]["unit"])


def settings(study: Study, trial: dict[str, Any]) -> str:
    """The searched hyperparameters of a trial, those that it was not asked left out."""
    asked = [key for key in study.searched if not absent(trial[key])]
    return ", ".join(_setting(key, trial[key]) for key in asked)


def _setting(key: str, value: Any) -> str:
    if key == "remedies":
        return "no remedy" if value == selection.NONE else label(value)
    whole = isinstance(value, float) and value == int(value)
    return (
        f"{key} = {value:.2g}"
        if isinstance(value, float) and not whole
        else f"{key} = {label(value)}"
    )
