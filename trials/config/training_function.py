"""A training function of the user's own, "my_trainer.py:train", and its parameters.

trials/training/functions/ calls it; what it is given and what it must do is said there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from ganstudy.trials.config.base import StrictModel, is_plugin, short_repr
from ganstudy.trials.config.command import METHOD, Command
from ganstudy.trials.config.k_ratio import as_schedule
from ganstudy.trials.results.function_params import PREFIX, REPORTED

Scalar = bool | int | float | str


class TrainingFunction(StrictModel):
    """What a trial gives to a training function."""

    digest: str
    """Of the bytes of the function's file, or of the command's script."""
    params: dict[str, Any] = {}
    """Values by name: numbers, text, true or false, and lists of these."""
    command: Command | None = None
    """What is run in place of a function; None where there is a function."""


def is_own_training(method: str) -> bool:
    """Return whether a function or a command of the user's own trains, rather than ganstudy."""
    return is_plugin(method) or method == METHOD


def _as_rate(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"must be a number, got {short_repr(value)}")
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"must be > 0, got {short_repr(value)}")


def _as_remedies(value: Any) -> None:
    rule = "must be a list of names of remedies, each once"
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"{rule}, got {short_repr(value)}")
    if len(set(value)) != len(value):
        raise ValueError(f"{rule}, got {short_repr(value)}")
    for name in value:
        check_remedy_name(name)


def check_remedy_name(name: str) -> None:
    """Raise ValueError where a remedy of the user's own cannot be distinguished from others in a label."""
    if not name or "+" in name or name == "none" or not name.isprintable():
        raise ValueError(
            f"a remedy's name must be text without '+', other than 'none', got {short_repr(name)}"
        )


def _as_k(value: Any) -> None:
    as_schedule(value)


RULES: dict[str, Callable[[Any], None]] = dict(
    zip(REPORTED, (_as_k, _as_rate, _as_rate, _as_remedies), strict=True)
)
"""Of the values of parameters that are settings of the report."""


def name_of(key: str) -> str:
    """Return the parameter's name in a key of a search space."""
    return key.removeprefix(PREFIX)


def check_param(name: str, value: Any) -> None:
    """Raise ValueError where a parameter has no usable name, or `value` is none it may have."""
    if not name.isidentifier():
        raise ValueError(f"a parameter's name must be a word such as width, got {short_repr(name)}")
    if name in RULES:
        RULES[name](value)
        return
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, list):
            check_param(name, each)
        elif not isinstance(each, Scalar):
            raise ValueError(
                f"must be a number, text, true or false, or a list of these, got {short_repr(each)}"
            )
        elif isinstance(each, float) and not math.isfinite(each):
            raise ValueError(f"must be finite, got {short_repr(each)}")


def check_params(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the rule that a parameter breaks, by its name."""
    problems = {}
    for name, value in params.items():
        try:
            check_param(name, value)
        except ValueError as error:
            problems[name] = str(error)
    return problems
