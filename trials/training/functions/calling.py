"""A training function in a user's own file: loaded, looked at, called; its mistakes by file and line."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ganstudy.trials.config.plugins import load, source, where
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.training.functions.run import Run, RunError


class TrainingFunctionError(ValueError):
    """A mistake of a training function."""

    def __init__(self, text: str, location: str) -> None:
        """location: FILE:LINE, which begins the message."""
        super().__init__(f"{location}: {text}")
        self.location = location


class OwnFunction:
    """The training function that a configuration names."""

    def __init__(self, config: TrialConfig) -> None:
        """Raise ValueError where its file fails on import, or what it names takes no single argument."""
        assert config.function is not None
        digest = config.function.digest
        self._function: Callable[[Run], Any] = load(config.method, digest)
        self.file = source(digest, config.method)
        try:
            line = inspect.getsourcelines(self._function)[1]
            self.definition = f"{self.file.name}:{line}"
        except (OSError, TypeError):  # a callable object has no source of its own
            self.definition = self.file.name
        name = config.method.rpartition(":")[2]
        try:
            signature = inspect.signature(self._function)
        except ValueError:  # of some built-in callables
            return
        try:
            signature.bind(None)
        except TypeError:
            raise TrainingFunctionError(
                f"a training function takes one argument, run, got {name}{signature}",
                self.definition,
            ) from None
        if inspect.isgeneratorfunction(self._function) or inspect.iscoroutinefunction(
            self._function
        ):
            raise TrainingFunctionError(
                f"{name} must be an ordinary function, without yield or async", self.definition
            )

    def call(self, run: Run) -> None:
        """Call the function."""
        self._function(run)

    def located(self, error: BaseException) -> BaseException:
        """Return what to raise for an error of the function: with its line, where it is one of ours."""
        line = where(error, self.file)
        location = self.definition if line == self.file.name else line
        if isinstance(error, RunError):
            made = TrainingFunctionError(str(error), location)
        elif isinstance(error, SystemExit | KeyboardInterrupt | GeneratorExit):
            made = TrainingFunctionError(f"ended by {type(error).__name__}: {error}", location)
        else:
            return error
        made.__cause__ = error
        return made
