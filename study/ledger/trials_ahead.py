"""The trials that a study will train, as far as they are known before it begins."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

from ganstudy.study.ledger.samplers import preview
from ganstudy.study.spec.design_plan import plan
from ganstudy.study.spec.keys import Params
from ganstudy.study.spec.samplers.grid import grid_of
from ganstudy.study.spec.study_spec import StudySpec

# A guess: more would say little more of a mean, and each takes Optuna a millisecond.
MOST_DRAWN = 200
MOST_LISTED = 2000
"""Of a design or a whole grid, which are products and need not be drawn."""


@dataclass(frozen=True)
class TrialsAhead:
    """Trials of a design or of a search: all, or as many as are enough to know what they are like."""

    params: list[Params]
    total: int

    @property
    def per_drawn(self) -> float:
        """Trials for each of `params`."""
        return self.total / len(self.params) if self.params else 0.0


def designed_ahead(spec: StudySpec) -> TrialsAhead:
    """Return the trials of [design]; none without one."""
    params = [] if spec.design is None else [trial.params for trial in plan(spec)]
    return TrialsAhead(_thinned(params), len(params))


def searched_ahead(spec: StudySpec) -> TrialsAhead:
    """Return the trials of the search.

    Of an adaptive one they are those that it would draw if all scores were alike.
    """
    total = spec.search.trials
    if spec.search.sampler == "grid" and total:
        grid = grid_of(spec.space)
        points = [
            dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())
        ]
        if len(points) == total:
            return TrialsAhead([spec.space.with_fixed(each) for each in _thinned(points)], total)
    without = spec.model_copy(update={"design": None})
    return TrialsAhead(list(preview(without, MOST_DRAWN)), total)


def _thinned(params: list[Params]) -> list[Params]:
    """Return at most MOST_LISTED of them, of every part alike."""
    if len(params) <= MOST_LISTED:
        return params
    return random.Random(0).sample(params, MOST_LISTED)
