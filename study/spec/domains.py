"""Domains of the search space, parsed from the study file: a fixed value, choices, or a range."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ganstudy.study.spec.keys import (
    BATCH_DIVISORS,
    MODEL_KEYS,
    NETWORK_OPTION,
    STANDARD,
    TRIAL_KEYS,
    TYPES,
    Keys,
    is_network_option,
    keys_of,
)
from ganstudy.trials.config.base import alternatives, one_of, short_repr, suggestion
from ganstudy.trials.config.k_ratio import as_schedule
from ganstudy.trials.config.own_parts import Own, check_part_name, remedies_of
from ganstudy.trials.config.training_function import check_param, check_remedy_name, name_of
from ganstudy.trials.results.function_params import PREFIX
from ganstudy.trials.results.records import remedy_label

RANGE_KEYS = ("low", "high", "log")
MOST_CHOICES = 1000
"""In one list. Each is tried against the rules when the file is read."""
WIDEST, WIDEST_WHOLE = 1e100, 2**31
"""Ends of a range: far beyond them the sampler's floats overflow, or skip whole numbers."""
NARROWEST = 1e-9
"""Difference of the ends of a range, relative to them: far below it the sampler finds no float
between them.
"""
# All of them, as no such option takes a value beyond 64.
MOST_DIVISORS = 64
"""Values that are tried one by one of a range of an option that must divide the batch size."""
KEY_PATTERNS = (
    "REMEDY = [false, true]",
    '"REMEDY.OPTION"',
    '"LOSS.OPTION"',
    f'"{NETWORK_OPTION}OPTION"',
)
"""How the keys of remedies, losses and own networks look, for a message that cannot list them."""


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
    """low <= value <= high; whole numbers if both ends are."""

    low: float
    high: float
    log: bool = False

    def __str__(self) -> str:
        kind = "whole numbers" if isinstance(self.low, int) else "real"
        return f"{self.low:g} to {self.high:g}" + (", log scale" if self.log else f", {kind}")


Domain = Fixed | Choices | Range


@dataclass(frozen=True)
class ParsedDomains:
    """The table [search.space], parsed."""

    domains: dict[str, Domain]
    problems: dict[str, str]
    """By key, the rule that its text breaks; such a key has no domain."""


def parse_domains(
    table: Mapping[str, Any], declared: Mapping[str, Any] | None = None, own: Own | None = None
) -> ParsedDomains:
    """Parse every key of [search.space], whether or not others break a rule.

    declared: [train.params] of a training function; None where ganstudy trains. own: the study's own
    losses and remedies.
    """
    own, keys = own or {}, keys_of(own) if own else STANDARD
    parsed = ParsedDomains({}, {})
    for key, value in table.items():
        try:
            if declared is None and not key.startswith(PREFIX):
                parsed.domains[key] = parse_domain(key, value, keys, own)
            else:
                parsed.domains[key] = parse_param_domain(key, value, declared)
        except ValueError as error:
            parsed.problems[key] = str(error)
    return parsed


def parse_domain(key: str, value: Any, keys: Keys = STANDARD, own: Own | None = None) -> Domain:
    """Parse the value of `key` in [search.space]; ValueError names the rule that it breaks."""
    if is_network_option(key):
        return _parse_network_option(key, value)
    types = keys.types
    if key not in types:
        one_of("hyperparameter", key, (*TRIAL_KEYS, *MODEL_KEYS, *KEY_PATTERNS))
    if key == "remedies":
        known = {} if own is None else own
        names = tuple(remedies_of(known))
        return _parse_remedy_sets(value, lambda name: check_part_name("remedy", name, names, known))
    if isinstance(value, dict):
        if key in keys.flags:
            example = short_repr(f"{key}.{next(iter(value), 'option')}").replace("'", '"')
            raise ValueError(
                f"{key!r} switches a remedy on and off; its options are keys in quotes: "
                f"{example} = ..."
            )
        return _parse_range(key, value, types[key])
    return _parse_choices(key, value, types[key])


def parse_param_domain(key: str, value: Any, declared: Mapping[str, Any] | None) -> Domain:
    """Parse the value of a training function's parameter in [search.space].

    declared: [train.params]; None where ganstudy trains. Its value there says what a parameter is: a
    whole number, a number, text, or true or false. Raise ValueError as of `parse_domain`.
    """
    if declared is None:
        raise ValueError(
            "a parameter of a training function, and ganstudy trains by itself: name yours in "
            '[train], method = "my_trainer.py:train"'
        )
    quoted = [f'"{PREFIX}{name}"' for name in declared] or ["none is declared"]
    name = name_of(key)
    if not key.startswith(PREFIX):
        raise ValueError(
            "a training function has its own parameters alone, declared in [train.params] and "
            f"searched as {', '.join(quoted)}"
        )
    if name not in declared:
        raise ValueError(
            f"not declared in [train.params]: give it a value there{suggestion(name, declared)}; "
            f"known: {', '.join(quoted)}"
        )
    if name == "remedies":
        return _parse_remedy_sets(value, check_remedy_name)
    kind: object = type(declared[name])
    if name == "k":
        kind = TYPES["k"]
    elif name in ("lr_d", "lr_g"):
        kind = float
    elif kind is list:
        raise ValueError("a list is one value and cannot be searched: declare its parts by name")
    domain = (
        _parse_range(name, value, kind)
        if isinstance(value, dict)
        else _parse_choices(name, value, kind)
    )
    for each in boundary_values(name, domain):
        check_param(name, each)
        if kind is int and not isinstance(each, int):
            raise ValueError(
                f"must be whole, as its value in [train.params] is, got {short_repr(each)}; "
                f"declare it as {float(declared[name])} if it need not be"
            )
        if kind is str and not isinstance(each, str):
            raise ValueError(
                f"must be text, as its value in [train.params] is, got {short_repr(each)}"
            )
    return domain


def _parse_network_option(key: str, value: Any) -> Domain:
    """Parse the values of an option of the user's own networks, whatever its type is.

    A range is one of whole numbers where both of its ends are.
    """
    option = key.removeprefix(NETWORK_OPTION)
    if not option.isidentifier():
        raise ValueError(
            f"an option of your networks is one word of their function, got {short_repr(option)}"
        )
    if isinstance(value, dict):
        whole = all(type(value.get(end)) is int for end in ("low", "high"))
        return _parse_range(key, value, int if whole else float)
    values = value if isinstance(value, list) else [value]
    _check_number_of_choices(values)
    for each in values:
        if not isinstance(each, bool | int | float | str):
            raise ValueError(
                "each choice must be a number, text, true or false, since samplers take no tables or "
                f"lists (give them a name, and let your function look it up), got {short_repr(each)}"
            )
        if isinstance(each, float) and not math.isfinite(each):
            raise ValueError(f"must be finite, got {short_repr(each)}")
    _check_distinct(values, values)
    return Choices(tuple(values)) if isinstance(value, list) else Fixed(value)


def _parse_choices(key: str, value: Any, kind: object) -> Choices | Fixed:
    values = value if isinstance(value, list) else [value]
    _check_number_of_choices(values)
    for choice in values:
        _check_type(choice, kind)
    # k is compared as a ratio: 0.5 and "1/2" are the same choice.
    _check_distinct(values, [as_schedule(v) for v in values] if key == "k" else values)
    return Choices(tuple(values)) if isinstance(value, list) else Fixed(value)


def boundary_values(key: str, domain: Domain) -> list[Any]:
    """Return the values at which a rule about `key` would break first.

    Every choice, or both ends of a range; of a range of whole numbers also the second value, which
    a rule about multiples refuses.
    """
    if isinstance(domain, Fixed):
        return [domain.value]
    if isinstance(domain, Choices):
        return list(domain.values)
    low, high = domain.low, domain.high
    if not (isinstance(low, int) and isinstance(high, int)):
        return [low, high]
    # To divide the batch size is a rule that may hold at both ends and break between them.
    tried = range(low, high + 1)[: MOST_DIVISORS if key in BATCH_DIVISORS else 2]
    return sorted({*tried, high})


def _check_number_of_choices(choices: list[Any]) -> None:
    if not choices:
        raise ValueError("at least one choice is needed, got an empty list")
    if len(choices) > MOST_CHOICES:
        raise ValueError(f"at most {MOST_CHOICES} choices can be tried, got {len(choices)}")


def _check_distinct(written: list[Any], values: list[Any]) -> None:
    """Raise ValueError if two of the `values`, which the file has as `written`, are equal."""
    first: dict[Any, int] = {}
    for index, value in enumerate(values):
        if first.setdefault(value, index) != index:
            raise ValueError(
                f"choices must be distinct, but {short_repr(written[index])} is listed more than "
                "once"
            )


def _check_type(choice: Any, kind: object) -> None:
    if kind is bool:
        if not isinstance(choice, bool):
            raise ValueError(f"must be true or false, or a list of them, got {short_repr(choice)}")
        return
    # bool is a subclass of int, and true is no number in a study file.
    if isinstance(choice, bool) or not isinstance(choice, int | float | str):
        raise ValueError(f"must be a number or text, or a list of them, got {short_repr(choice)}")
    if isinstance(choice, str) and kind in (int, float):
        raise ValueError(f"must be a number, got {short_repr(choice)}")


def _parse_range(key: str, value: dict[str, Any], kind: object) -> Range:
    unknown = sorted(set(value) - {*RANGE_KEYS})
    if unknown:
        raise ValueError(
            f"unknown key {short_repr(unknown[0])} of a range{alternatives(unknown[0], RANGE_KEYS)}"
        )
    low = _range_end("low", value)
    high = _range_end("high", value)
    log = value.get("log", False)
    ends = f"low={short_repr(low)}, high={short_repr(high)}"
    whole = kind is int
    if kind not in (int, float) and key != "k":
        raise ValueError(
            f"{key} is no number, so it cannot have a range; list its choices, "
            f"got {short_repr(value)}"
        )
    if not isinstance(log, bool):
        raise ValueError(f"log must be true or false, got {short_repr(log)}")
    if low > high:
        raise ValueError(f"low <= high must hold, got {ends}")
    if 0 < high - low < NARROWEST * max(abs(low), abs(high)):
        raise ValueError(f"low and high must be equal or clearly apart, got {ends}")
    if log and low <= 0:
        raise ValueError(f"a log range needs low > 0, got low={short_repr(low)}")
    if whole and not (isinstance(low, int) and isinstance(high, int)):
        raise ValueError(f"a range of whole numbers needs whole ends, got {ends}")
    widest = WIDEST_WHOLE if whole else WIDEST
    if low < -widest or high > widest:
        raise ValueError(f"a range of this kind ends within +-{widest}, got {ends}")
    return Range(low, high, log) if whole else Range(float(low), float(high), log)


def _range_end(end: str, value: dict[str, Any]) -> int | float:
    number = value.get(end)
    # Comparing refuses NaN, infinities and whole numbers too large for a float alike.
    if (
        isinstance(number, bool)
        or not isinstance(number, int | float)
        or not -sys.float_info.max <= number <= sys.float_info.max
    ):
        raise ValueError(f"a range needs a finite number `{end}`, got {short_repr(number)}")
    return number


def _parse_remedy_sets(value: Any, check: Callable[[str], object]) -> Choices:
    """Return the sets as labels: Optuna stores choices as plain JSON values.

    check: raises ValueError for what is no name of a remedy.
    """
    rule = "remedies must be a list of lists of remedy names, such as [[], ['feature_matching']]"
    if not isinstance(value, list) or not all(isinstance(s, list) for s in value):
        raise ValueError(f"{rule}, got {short_repr(value)}")
    _check_number_of_choices(value)
    for name in (name for names in value for name in names):
        check(name)
    twice = next((names for names in value if len(set(names)) != len(names)), None)
    if twice is not None:
        raise ValueError(f"a remedy may be named once, got {short_repr(twice)}")
    labels = [remedy_label(names) for names in value]
    _check_distinct(labels, labels)
    return Choices(tuple(labels))
