"""Results that are kept with what they were computed of, as sections of a report ask for the same.

A report asks dozens of times at what amount its trials are compared and with which scores, each
time from all evaluations of the study. Only a report's own copy of a study keeps anything: whoever
changes a study between two questions gets the answer to the second.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cached_property, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar


class KeepsResults:
    """An object that may keep what was computed of it; then it is not changed any more."""

    keeps_results: bool

    @cached_property
    def _kept(self) -> dict[Hashable, Any]:
        # No field of a dataclass: `replace` makes an object of which nothing is computed yet.
        return {}


Keeper = TypeVar("Keeper", bound=KeepsResults)
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def kept(
    function: Callable[Concatenate[Keeper, Arguments], Result],
) -> Callable[Concatenate[Keeper, Arguments], Result]:
    """Return the function such that it computes once for each object that keeps, and arguments.

    The other arguments must be hashable, and nobody may change what is returned.
    """
    name = f"{function.__module__}.{function.__qualname__}"

    @wraps(function)
    def keeping(of: Keeper, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        if not of.keeps_results:
            return function(of, *args, **kwargs)
        key = (name, args, tuple(sorted(kwargs.items())))
        if key in of._kept:
            result: Result = of._kept[key]
            return result
        found = function(of, *args, **kwargs)
        # Something in its own keeping would wait for the collector of circles.
        if found is not of:
            of._kept[key] = found
        return found

    return keeping
