"""Numbers and names as readers see them."""

from __future__ import annotations

import math
import re
from typing import Any

import pandas as pd

from ganstudy.trials.results.number_format import three_digits

_SETTING = re.compile(r"lr_[dg]|[A-Za-z]\w*(?:\.\w+)+")
"""Settings that are not words: a player's learning rate, an option of a remedy, a loss or a model,
a parameter of a training function."""


def number(value: float) -> str:
    """Format a median or an end of its interval; not finite where it falls on diverged seeds."""
    return three_digits(value) if math.isfinite(value) else "diverged"


def signed(value: float) -> str:
    """Format a difference, always with its sign."""
    return three_digits(value, "+").replace("-", "−") if math.isfinite(value) else "diverged"


def count(number: int, noun: str) -> str:
    """Format a number with its noun: 1 seed, 2 seeds."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def between(numbers: list[int]) -> str:
    """Format a range: 3 to 5, or 3 where all are alike."""
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def duration(seconds: float) -> str:
    """Format a wall time: 90 s, 12 min, 2.5 h."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def listed(names: list[str]) -> str:
    """Join names: a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def p_value(p: float) -> str:
    """Format a p-value: p = 0.012, or p < 0.001."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def label(value: Any) -> str:
    """Format the value or the name of a hyperparameter.

    Names of remedies become words; settings are spelt as in the study file: lr_d, r1.weight.
    """
    if isinstance(value, float):
        return f"{value:.4g}"
    text = str(value)
    if _SETTING.fullmatch(text):
        return text
    return text.replace("_", " ").replace("+", " + ")


def absent(value: Any) -> bool:
    """Return whether a cell of a table is NaN."""
    return isinstance(value, float) and math.isnan(value)


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as dictionaries by column name."""
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
