"""What a handful of fresh seeds says about a configuration, or about two on the same seeds.

Smaller scores are better, infinity is a seed without a value. Few seeds carry no bootstrap:
the intervals here cover at n = 5, each at the level that it states.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from ganstudy.analysis.stats.estimate import LEVEL, NAN, Comparison, Estimate, Floats, Scores
from ganstudy.analysis.stats.order_statistics import interval_ranks
from ganstudy.analysis.stats.run_order import run_places
from ganstudy.analysis.stats.sign_flips import improved_share, sign_flip_test

MEAN, MEDIAN = "sign flips; mean with t", "sign flips; median"
"""Methods: the test that decides, and the estimate beside it."""

MIN_LEVEL = 0.9
"""Where the smallest and the largest score enclose the median with less than this, no interval is
given: below 5 seeds.
"""


def median_interval(scores: Floats) -> Estimate:
    """Estimate the median over seeds [S] with the exact interval between two order statistics.

    The interval states its own level.

    Valid for any continuous distribution. The narrowest pair with at least LEVEL; else the
    smallest and the largest, whose level is 1 - 2**(1 - n): 93.75% of 5 seeds.
    """
    n = len(scores)
    if not n:
        return Estimate(NAN, level=NAN, unit="seeds")
    ordered, value = np.sort(scores), float(np.median(scores))
    # Order statistics reach only certain levels, and the usual five seeds miss 95% by little
    # (93.75%): better an interval at its own level than none.
    for least in (LEVEL, MIN_LEVEL):
        low, high = interval_ranks(n, 0.5, least)
        if low and high:
            level = float(1 - 2 * stats.binom.cdf(low - 1, n, 0.5))
            return Estimate(
                value, float(ordered[low - 1]), float(ordered[high - 1]), level, n, "seeds"
            )
    return Estimate(value, level=NAN, n=n, unit="seeds")


def mean_interval(values: Floats) -> Estimate:
    """Estimate the mean over seeds with Student's interval.

    It is NaN where a value is not finite or n is 1.
    """
    n = len(values)
    if n < 2 or not np.isfinite(values).all():
        return Estimate(NAN, level=NAN, n=n, unit="seeds")
    mean = float(values.mean())
    half = float(special.stdtrit(n - 1, (1 + LEVEL) / 2) * values.std(ddof=1) / math.sqrt(n))
    return Estimate(mean, mean - half, mean + half, LEVEL, n, "seeds")


@dataclass(frozen=True)
class SeedComparison(Comparison):
    """Two arms on the same seeds: the exact test, and estimates beside it that decide nothing."""

    statistic: float
    """Of the test: below 0 where the first arm has the better places."""
    improved: Estimate
    """Probability of improvement, in the order of the test, with its exact interval."""


def compare_by_seed(
    treated: Floats, control: Floats, verdicts: ArrayLike | None = None
) -> SeedComparison:
    """Compare two arms [S] on the same seeds by the exact sign-flip test of their places.

    verdicts: [2, S] by name, the treated arm first; None: places by the scores alone. The effect is
    the mean difference with Student's interval, which holds if differences are normal; where a seed
    has no value, the median of the differences with its exact interval. Neither decides: one
    collapsed seed, which has a finite score, makes differences anything but normal.
    """
    with np.errstate(invalid="ignore"):
        difference = treated - control
    # Infinity minus infinity: failed in both, which speaks for neither.
    difference = np.where(np.isnan(difference), 0.0, difference)
    is_finite = bool(np.isfinite(difference).all())
    # Paired, since a part of a seed's luck is common to all configurations.
    effect = mean_interval(difference) if is_finite else median_interval(difference)
    # One difference has no interval and still is the observed effect.
    if len(difference) == 1:
        effect = replace(effect, value=float(difference[0]))
    places = run_places(np.stack([treated, control]), verdicts)
    tested = sign_flip_test(places[0], places[1])
    return SeedComparison(
        effect=effect,
        p=tested.p,
        method=MEAN if is_finite else MEDIAN,
        statistic=tested.statistic,
        improved=improved_share(places[0], places[1]),
    )


def optimism(found: Floats, fresh: Scores) -> Estimate:
    """Estimate how much worse configurations are on fresh seeds than by the search's own scores.

    found: [C], the search's scores. fresh: [C, S], on the same S seeds for all. The median over
    configurations on each seed, then the median over seeds with its exact interval: what was found
    is a number and not a sample, so the seeds alone vary. Medians, since the search's scores are
    medians over seeds: against them the mean over seeds that sometimes collapse would look like
    optimism.
    """
    # Median over configurations first: they share the seeds, so that seeds are the independent
    # units here.
    return median_interval(np.median(fresh - found[:, None], axis=0) if len(found) else np.empty(0))
