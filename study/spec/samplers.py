"""Samplers by name: how each draws the configurations of a study, and what it asks of the file.

What statistics and the report need to know of each: trials/results/samplers.py.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from ganstudy.study.spec.domains import Choices, Range
from ganstudy.study.spec.keys import OPTION_KEYS
from ganstudy.study.spec.search_space import SearchSpace

MOST_POINTS = 10_000
"""Of a grid: Optuna lists them all whenever a trial is drawn."""


@dataclass(frozen=True)
class Sampler:
    """One way to draw configurations."""

    draw: Callable[[SearchSpace, int, int], BaseSampler]
    """(space, seed of the study, number of the trial) -> the Optuna sampler that draws the trial.

    A trial has a sampler of its own, so that a study that is resumed draws what it would have
    drawn without the interruption.
    """
    problems: Callable[[SearchSpace, int], list[str]]
    """(space, trials) -> the rules of this sampler that a study file breaks, with their place."""


def seed_of_trial(seed: int, number: int) -> int:
    """Return the seed of the sampler of one trial. The factor is a prime above most numbers."""
    # numpy's seeds, and with them Optuna's, end at 2^32 - 1.
    return (seed * 1_000_003 + number) % 2**32


def _random(_space: SearchSpace, seed: int, number: int) -> BaseSampler:
    return RandomSampler(seed=seed_of_trial(seed, number))


def _tpe(_space: SearchSpace, seed: int, number: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return TPESampler(
            seed=seed_of_trial(seed, number),
            multivariate=True,
            # Multivariate TPE needs it for the parameters that only some remedies have.
            group=True,
            # Several trials run at once: keep away from what is being tried already.
            constant_liar=True,
        )


class _GridSampler(optuna.samplers.GridSampler):
    def after_trial(self, *_args: Any, **_options: Any) -> None:
        """Do nothing: Optuna's would stop its own loop at the last point, and we have none."""


def _grid(space: SearchSpace, seed: int, _number: int) -> BaseSampler:
    # One seed for all numbers: it orders the grid, and trial n takes its n-th point.
    return _GridSampler(grid_of(space), seed=seed)


def grid_of(space: SearchSpace) -> dict[str, list[Any]]:
    """Return the choices by key whose product a grid search goes through; ValueError for a range
    or a conditional key.
    """
    ranges = [key for key, domain in space.domains.items() if isinstance(domain, Range)]
    if ranges:
        raise ValueError(
            f"a grid needs lists of choices, and {ranges[0]} is a range; "
            "take sampler 'random' or 'tpe'"
        )
    choices = {
        key: list(domain.values)
        for key, domain in space.domains.items()
        if isinstance(domain, Choices)
    }
    conditional = [key for key in choices if key in OPTION_KEYS]
    if conditional:
        raise ValueError(
            f"a grid cannot hold {conditional[0]}, which matters to some configurations only"
        )
    return choices


def _grid_problems(space: SearchSpace, trials: int) -> list[str]:
    try:
        points = math.prod(len(values) for values in grid_of(space).values())
    except ValueError as error:
        return [f"search.space: {error}"]
    if points > MOST_POINTS:
        return [
            f"search.space: a grid has at most {MOST_POINTS} configurations, and this has "
            f"{points}; take sampler 'random' or 'tpe'"
        ]
    if trials > points:
        return [
            f"search.trials: must be <= {points}, the configurations of this grid, got {trials}"
        ]
    return []


def _no_problems(_space: SearchSpace, _trials: int) -> list[str]:
    return []


SAMPLERS = {
    "tpe": Sampler(draw=_tpe, problems=_no_problems),
    "random": Sampler(draw=_random, problems=_no_problems),
    "grid": Sampler(draw=_grid, problems=_grid_problems),
}
