"""Domains of the search space: a fixed value, choices, or a range, parsed from the study file's
syntax.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from ganstudy.study.spec.keys import NONE, SWITCHES, TYPES
from ganstudy.trials.config.base import one_of, short_repr
from ganstudy.trials.config.k_ratio import as_schedule
from ganstudy.trials.config.remedies import REMEDIES

MOST_CHOICES = 1000
"""In one list. Each is tried against the rules when the file is read."""
WIDEST, WIDEST_WHOLE = 1e100, 2**31
"""Ends of a range: far beyond them the sampler's floats overflow, or skip whole numbers."""
NARROWEST = 1e-9
"""Difference of the ends of a range, relative to them: far below it the sampler finds no float
between them.
"""


@dataclass(frozen=True)
class Fixed:
    """One value."""

    value: Any

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True)
class Choices:
    """One of several values, without order."""

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return "one of " + ", ".join(map(str, self.values))


@dataclass(frozen=True)
class Range:
    """low <= value <= high; whole numbers where both ends are."""

    low: float
    high: float
    log: bool = False

    def __str__(self) -> str:
        kind = "whole numbers" if isinstance(self.low, int) else "real"
        return f"{self.low:g} to {self.high:g}" + (", log scale" if self.log else f", {kind}")


Domain = Fixed | Choices | Range


def parse_domain(key: str, value: Any) -> Domain:
    """What stands for `key` in [search.space]; ValueError names the rule that it breaks."""
    if key == "remedies":
        return _parse_remedy_sets(value)
    if isinstance(value, dict):
        if key in SWITCHES:
            example = short_repr(f"{key}.{next(iter(value), 'option')}").replace("'", '"')
            raise ValueError(
                f"{key!r} switches a remedy on and off; its options are keys in quotes: {example} = ..."
            )
        return _parse_range(key, value)
    values = value if isinstance(value, list) else [value]
    if not values:
        raise ValueError("at least one choice is needed, got an empty list")
    _check_number_of(values)
    for choice in values:
        _check_type(key, choice)
    distinct = [as_schedule(v) for v in values] if key == "k" else values
    first = {choice: i for i, choice in reversed([*enumerate(distinct)])}
    repeated = [v for i, v in enumerate(values) if first[distinct[i]] != i]
    if repeated:
        raise ValueError(
            f"choices must be distinct, but {short_repr(repeated[0])} stands more than once"
        )
    return Choices(tuple(values)) if isinstance(value, list) else Fixed(value)


def _check_number_of(choices: list[Any]) -> None:
    if len(choices) > MOST_CHOICES:
        raise ValueError(f"at most {MOST_CHOICES} choices can be tried, got {len(choices)}")


def _check_type(key: str, choice: Any) -> None:
    if TYPES[key] is bool:
        if not isinstance(choice, bool):
            raise ValueError(f"must be true or false, or a list of them, got {short_repr(choice)}")
        return
    if isinstance(choice, bool) or not isinstance(choice, int | float | str):
        raise ValueError(f"must be a number or text, or a list of them, got {short_repr(choice)}")
    if isinstance(choice, str) and TYPES[key] in (int, float):
        raise ValueError(f"must be a number, got {short_repr(choice)}")


def _parse_range(key: str, value: dict[str, Any]) -> Range:
    unknown = sorted(set(value) - {"low", "high", "log"})
    if unknown:
        raise ValueError(f"unknown key {short_repr(unknown[0])} of a range; known: low, high, log")
    for end in ("low", "high"):
        number = value.get(end)
        finite = (
            isinstance(number, int | float) and -sys.float_info.max <= number <= sys.float_info.max
        )
        if isinstance(number, bool) or not finite:
            raise ValueError(f"a range needs a finite number `{end}`, got {short_repr(number)}")
    low, high, log = value["low"], value["high"], value.get("log", False)
    if TYPES[key] not in (int, float) and key != "k":
        raise ValueError(
            f"{key} is no number, so it cannot have a range; list its choices, got {short_repr(value)}"
        )
    if not isinstance(log, bool):
        raise ValueError(f"log must be true or false, got {short_repr(log)}")
    if low > high:
        raise ValueError(
            f"low <= high must hold, got low={short_repr(low)}, high={short_repr(high)}"
        )
    if 0 < high - low < NARROWEST * max(abs(low), abs(high)):
        raise ValueError(
            f"low and high must be equal or clearly apart, got low={short_repr(low)}, high={short_repr(high)}"
        )
    if log and low <= 0:
        raise ValueError(f"a log range needs low > 0, got low={short_repr(low)}")
    if TYPES[key] is int and not (isinstance(low, int) and isinstance(high, int)):
        raise ValueError(
            f"a range of whole numbers needs whole ends, got low={short_repr(low)}, high={short_repr(high)}"
        )
    widest = WIDEST_WHOLE if TYPES[key] is int else WIDEST
    if low < -widest or high > widest:
        raise ValueError(
            f"a range of this kind ends within +-{widest}, got low={short_repr(low)}, high={short_repr(high)}"
        )
    if TYPES[key] is not int:
        low, high = float(low), float(high)
    return Range(low, high, log)


def _parse_remedy_sets(value: Any) -> Choices:
    rule = "remedies must be a list of lists of remedy names, such as [[], ['feature_matching']]"
    if not isinstance(value, list) or not all(isinstance(s, list) for s in value):
        raise ValueError(f"{rule}, got {short_repr(value)}")
    if not value:
        raise ValueError("at least one choice is needed, got an empty list")
    _check_number_of(value)
    for name in (name for names in value for name in names):
        one_of("remedy", name, REMEDIES)
    twice = next((names for names in value if len(set(names)) != len(names)), None)
    if twice is not None:
        raise ValueError(f"a remedy may be named once, got {short_repr(twice)}")
    labels = tuple(remedy_label(names) for names in value)
    repeated = [label for i, label in enumerate(labels) if label in labels[:i]]
    if repeated:
        raise ValueError(
            f"choices must be distinct, but {short_repr(repeated[0])} stands more than once"
        )
    return Choices(labels)


def remedy_label(names: list[str] | tuple[str, ...]) -> str:
    """'feature_matching+minibatch_discrimination', in alphabetical order, or 'none'."""
    return "+".join(sorted(names)) or NONE


def remedies_of(label: str) -> list[str]:
    """The inverse of `remedy_label`."""
    return [] if label == NONE else label.split("+")
