"""Grid search: every configuration of lists of choices, once."""

from __future__ import annotations

import math
from typing import Any

from optuna.samplers import BaseSampler, GridSampler

from ganstudy.study.spec.domains import Choices, Range
from ganstudy.study.spec.samplers.base import Sampler
from ganstudy.study.spec.search_space import SearchSpace

MOST_POINTS = 10_000
"""Of a grid: Optuna lists them all whenever a trial is drawn."""


class _GridSampler(GridSampler):
    def after_trial(self, *_args: Any, **_options: Any) -> None:
        """Do nothing: Optuna's would stop its own loop at the last point, and we have none."""


def _draw(space: SearchSpace, seed: int, _number: int) -> BaseSampler:
    # One seed for all numbers: it orders the grid, and trial n takes its n-th point.
    return _GridSampler(grid_of(space), seed=seed)


def grid_of(space: SearchSpace) -> dict[str, list[Any]]:
    """Return the choices by key whose product a grid search goes through.

    Raise ValueError for a range or a conditional key.
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
    conditional = [key for key in choices if key in space.template.keys.options]
    if conditional:
        raise ValueError(
            f"a grid cannot hold {conditional[0]}, which matters to some configurations only"
        )
    return choices


def _problems(space: SearchSpace, trials: int) -> list[str]:
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


SAMPLER = Sampler(_draw, _problems)
