"""Plan how many pairs of configurations, and how many seeds, find an effect that varies with both.

Neither number takes the place of the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy.special import ndtri

from ganstudy.analysis.stats.crossed.effect import Parts, Variances
from ganstudy.analysis.stats.estimate import MIN_CONFIGURATIONS

# A guess: more pairs, or more seeds, than any study can train.
MAX_PAIRS, MAX_SEEDS = 1000, 100


@dataclass(frozen=True)
class Design:
    """Pairs of configurations, each trained on the same seeds."""

    pairs: int
    seeds: int

    @property
    def runs(self) -> int:
        """Seeds of either side of all pairs."""
        return self.pairs * self.seeds


@dataclass(frozen=True)
class Question:
    """An effect that is to be found, or a margin within which the interval is to lie."""

    variances: Variances
    effect: float
    """Its size, taken as true; or the margin."""
    level: float
    """Of the interval that is to exclude no effect, or to lie within the margin."""
    power: float
    is_margin: bool = False
    """Whether the truth is no difference, and practical equality is to be found."""

    def is_found(self, design: Design) -> bool:
        """Return whether the design finds it with `power`."""
        parts = self.variances.of_mean(design.pairs, design.seeds)
        least = narrowest_margin if self.is_margin else detectable
        return least(parts, self.level, self.power) <= abs(self.effect)

    def fewest_pairs(self, seeds: int) -> float:
        """Return the fewest pairs that find it on so many seeds; infinite beyond MAX_PAIRS."""
        return _fewest(
            lambda pairs: self.is_found(Design(pairs, seeds)), MIN_CONFIGURATIONS, MAX_PAIRS
        )

    def fewest_seeds(self, pairs: int) -> float:
        """Return the fewest seeds that find it in so many pairs; infinite beyond MAX_SEEDS."""
        return _fewest(lambda seeds: self.is_found(Design(pairs, seeds)), 3, MAX_SEEDS)

    def cheapest(self, present: Design) -> Design | None:
        """Return the design of fewest runs that finds the effect.

        It has at least what is there already; None where none within MAX_PAIRS and MAX_SEEDS finds
        it.
        """
        best: Design | None = None
        for seeds in range(present.seeds, MAX_SEEDS + 1):
            pairs = max(self.fewest_pairs(seeds), present.pairs)
            if math.isinf(pairs):
                continue
            design = Design(int(pairs), seeds)
            if best is None or design.runs < best.runs:
                best = design
            # More seeds can only add runs from here on.
            if design.pairs == present.pairs:
                break
        return best


def detectable(parts: Parts, level: float, power: float) -> float:
    """Return the smallest true effect that is found with `power`.

    It is half the interval, and as many standard errors as a normal estimate falls short by with
    probability 1 - power.

    Simulated for the variances of a real study (tests/analysis/stats/test_crossed_design.py): a
    design planned for 80% finds its effect in 73% to 88%, more where six pairs are the least anyway.
    """
    return parts.half_width(level) + float(ndtri(power)) * parts.error


def narrowest_margin(parts: Parts, level: float, power: float) -> float:
    """Return the smallest margin that holds the whole interval with `power` where nothing differs.

    It is half the interval, and as many standard errors as a normal estimate is off, to either
    side, with probability 1 - power.
    """
    return parts.half_width(level) + float(ndtri((1 + power) / 2)) * parts.error


def _fewest(enough: Callable[[int], bool], least: int, most: int) -> float:
    if enough(least):
        return float(least)
    if not enough(most):
        return math.inf
    low, high = least, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return float(high)
