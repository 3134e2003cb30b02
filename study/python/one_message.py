"""Mistakes of the user as one message, without the frames of ours that found them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from ganstudy.study.errors import UserError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def one_message(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Wrap a function of the Python interface: its UserErrors leave with a traceback of two lines."""

    @wraps(function)
    def called(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except UserError as error:
            raise error.with_traceback(None) from None

    return called
