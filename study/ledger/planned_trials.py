"""The trials that a study will train, as far as they are known before it begins."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

from ganstudy.study.ledger.samplers import preview
from ganstudy.study.spec.keys import Params
from ganstudy.study.spec.samplers.grid import grid_of
from ganstudy.study.spec.study_spec import StudySpec

# A guess: more would say little more of a mean, and each takes Optuna a millisecond.
MOST_DRAWN = 200
MOST_OF_GRID = 2000
"""Of a whole grid, which is a product and need not be drawn."""


@dataclass(frozen=True)
class PlannedTrials:
    """Trials of the search: all of them, or as many as are enough to know what they are like."""

    params: list[Params]
    total: int

    @property
    def are_all(self) -> bool:
        """Whether none is missing."""
        return len(self.params) == self.total


def planned_trials(spec: StudySpec) -> PlannedTrials:
    """Return the trials of the search; of an adaptive one, those that it would draw if all scores
    were alike.
    """
    total = spec.search.trials
    if spec.search.sampler == "grid":
        grid = grid_of(spec.space)
        points = [
            dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())
        ]
        if len(points) == total:
            # Every part of a large grid alike.
            kept = random.Random(0).sample(points, min(total, MOST_OF_GRID))
            return PlannedTrials([spec.space.with_fixed(point) for point in kept], total)
    return PlannedTrials(list(preview(spec, MOST_DRAWN)), total)
