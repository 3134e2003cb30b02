"""Estimate times of events that some seeds never had, with the configuration as the unit.

Seeds of one configuration share their fate. Kaplan-Meier's curve is right all the same; Greenwood's
variance is not, since it counts seeds as independent. Here the variance is the sum over
configurations of their squared influence (Williams 1995; Ying & Wei 1994). Arrays in, numbers out;
tests/analysis/stats/test_kaplan_meier.py simulates what it promises.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from ganstudy.analysis.stats.estimate import (
    LEVEL,
    MIN_CONFIGURATIONS,
    NAN,
    Estimate,
    Floats,
    Ints,
)

MIN_FOR_MEAN = 12
"""Configurations below which the restricted mean has no interval: with 6 it would cover 92%."""
# The variance needs a table of configurations by times, and on the axis of seconds every evaluation
# has a time of its own.
MAX_TIMES = 100
"""More distinct times than this are rounded up to so many even ones."""
NORMAL_FROM = 200
"""From this many configurations on the normal quantile replaces Student's: they differ by 0.6%."""


@dataclass(frozen=True)
class SurvivalCurve:
    """Share of seeds without the event after each time, [T]; all ends are pointwise at 95%."""

    times: Floats
    survival: Floats
    low: Floats
    high: Floats
    at_risk: Ints
    """Seeds without the event and still observed just before each time."""
    configurations_at_risk: Ints
    events: Ints
    """At each time."""
    configurations: int
    seeds: int
    influence: Floats
    """[C, T]: what each configuration adds to the error of `survival` (influence function)."""

    def at(self, time: float) -> Estimate:
        """Return the share after `time`, which lies within what was observed."""
        i = int(np.searchsorted(self.times, time, side="right")) - 1
        if i < 0:
            return Estimate(1.0 if self.seeds else NAN, n=self.configurations)
        ends = float(self.low[i]), float(self.high[i])
        return Estimate(float(self.survival[i]), *ends, n=self.configurations)

    def median_time(self) -> Estimate:
        """Return the first time by which half of the seeds had the event; infinite if never.

        Its ends lie where the curve's ends cross one half (Brookmeyer & Crowley 1982).
        """
        if not self.seeds:
            return Estimate(NAN)
        middle = self._first_below(self.survival)
        if self.configurations < MIN_CONFIGURATIONS:
            return Estimate(middle, n=self.configurations)
        ends = self._first_below(self.low), self._first_below(self.high)
        return Estimate(middle, *ends, n=self.configurations)

    def _first_below(self, curve: Floats) -> float:
        below = np.flatnonzero(curve <= 0.5)
        return float(self.times[below[0]]) if len(below) else math.inf

    def restricted_mean(self, horizon: float) -> Estimate:
        """Return the mean time without the event up to `horizon`, the area under the curve.

        See Royston & Parmar (2013).
        """
        if not self.seeds:
            return Estimate(NAN)
        # Beyond the horizon not all groups were observed, and areas of unequal width do not
        # compare.
        inside = self.times < horizon
        edges = np.concatenate([[0.0], self.times[inside], [horizon]])
        widths = np.diff(edges)
        value = float(widths[0] + (widths[1:] * self.survival[inside]).sum())
        if self.configurations < MIN_FOR_MEAN:
            return Estimate(value, n=self.configurations)
        error = self.influence[:, inside] @ widths[1:]
        half = _t_quantile(self.configurations) * math.sqrt(_variance(error))
        low, high = max(0.0, value - half), min(horizon, value + half)
        return Estimate(value, low, high, n=self.configurations)


@dataclass(frozen=True)
class EventTimes:
    """When an event came to each seed, or until when it was observed without; one entry per seed."""

    times: Floats
    """Of the event, or of censoring; infinite for a seed that is known never to have the event."""
    happened: NDArray[np.bool_]
    number: Ints
    """Of the trial."""
    pruned: NDArray[np.bool_]
    """Its trial was pruned, before the event or after."""
    recovered: NDArray[np.bool_]
    """It had been in the state of the event and was not in the end."""
    evaluation_times: Floats
    """All times at which seeds were evaluated."""
    visible_from: Floats
    """When the event can first be seen: not at an evaluation before it, whatever becomes of the
    seed.
    """

    @classmethod
    def none(cls) -> EventTimes:
        """Return the event times of no seed."""
        floats, bools = np.empty(0), np.empty(0, dtype=bool)
        return cls(floats, bools, np.empty(0, dtype=np.int64), bools, bools, floats, floats)

    @property
    def first_visible(self) -> float:
        """When any of the seeds can first be seen to have the event; infinite where none can."""
        return float(self.visible_from.min(initial=math.inf))

    @property
    def visible_moments(self) -> int:
        """Number of evaluation times at which events could be seen."""
        seen = self.evaluation_times >= self.first_visible
        # Where every seed had the event, nothing came after it that was not watched.
        if not self.happened.all():
            seen &= self.evaluation_times <= self.times[np.isfinite(self.times)].max(initial=0.0)
        return int(seen.sum())

    def of(self, numbers: Iterable[int]) -> EventTimes:
        """Return the event times of the seeds of these trials."""
        kept = np.isin(self.number, list(numbers))
        return EventTimes(
            times=self.times[kept],
            happened=self.happened[kept],
            number=self.number[kept],
            pruned=self.pruned[kept],
            recovered=self.recovered[kept],
            evaluation_times=self.evaluation_times,
            visible_from=self.visible_from[kept],
        )

    def curve(self) -> SurvivalCurve:
        """Return the share of the seeds without the event."""
        reached = self.times[np.isfinite(self.times)].max(initial=0.0)
        times = self.evaluation_times[self.evaluation_times <= reached]
        return kaplan_meier(self.times, self.happened, self.number, times)


def kaplan_meier(
    times: Floats,
    happened: NDArray[np.bool_],
    configuration: Ints,
    more_times: Sequence[float] | Floats = (),
) -> SurvivalCurve:
    """Estimate the survival curve (Kaplan & Meier 1958) by seed.

    The intervals treat configurations as independent, and seeds as they turn out.

    times: when the event was seen, or when the seed was last observed; infinite for a seed that is
    known never to have the event. happened: whether it was seen. configuration: any number per
    seed, equal within a configuration. more_times: further times that the curve is wanted at, such
    as evaluations at which nothing happened.
    """
    # The curve equals scipy.stats.ecdf's of the same censored data, as a test checks; that keeps no
    # counts per configuration, which the variance needs, and so nothing would be saved by it.
    times, grid = rounded_times(times)
    grid = np.union1d(grid, more_times)
    units, unit = np.unique(configuration, return_inverse=True)
    # Counted per configuration, as the variance sums their influence. np.add.at, since two seeds of
    # a configuration may have the event at the same time: += on repeated indices adds once.
    deaths = np.zeros((len(units), len(grid)))
    np.add.at(deaths, (unit[happened], np.searchsorted(grid, times[happened])), 1.0)
    # A seed is at risk at all times up to its own; one that is last observed at a time can have
    # the event at it.
    last = np.searchsorted(grid, times, side="right") - 1
    ends = np.zeros((len(units), len(grid) + 1))
    np.add.at(ends, (unit, last + 1), 1.0)
    seeds_of = ends.sum(axis=1, keepdims=True)
    at_risk = seeds_of - np.cumsum(ends, axis=1)[:, :-1]
    died, watched = deaths.sum(axis=0), at_risk.sum(axis=0)
    hazard = died / np.maximum(watched, 1.0)
    survival = np.cumprod(1 - hazard)
    rest = np.maximum(watched - died, 1.0)  # where nobody is left the residuals are 0
    influence = -survival * np.cumsum((deaths - at_risk * hazard) / rest, axis=1)
    low, high = _curve_ends(survival, influence, watched, died, len(times))
    return SurvivalCurve(
        times=grid,
        survival=survival,
        low=low,
        high=high,
        at_risk=watched.astype(np.int64),
        configurations_at_risk=(at_risk > 0).sum(axis=0),
        events=died.astype(np.int64),
        configurations=len(units),
        seeds=len(times),
        influence=influence,
    )


def rounded_times(times: Floats) -> tuple[Floats, Floats]:
    """Return the times and their distinct finite values, rounded up where there are too many."""
    times = np.asarray(times, dtype=float)
    grid = np.unique(times[np.isfinite(times)])
    if len(grid) > MAX_TIMES:
        # Rounded up, since an event has been seen by then and not before.
        even = np.linspace(0.0, grid[-1], MAX_TIMES + 1)[1:]
        finite = np.isfinite(times)
        times = times.copy()
        times[finite] = even[np.minimum(np.searchsorted(even, times[finite]), MAX_TIMES - 1)]
        grid = np.unique(times[finite])
    return times, grid


def _curve_ends(
    survival: Floats, influence: Floats, watched: Floats, died: Floats, seeds: int
) -> tuple[Floats, Floats]:
    """Return the ends of Wilson's interval at the effective number of seeds.

    Korn & Graubard (1998) give it so for clustered shares. That number is where the share's own
    variance meets the configurations' one. It is kept between what it would be if seeds shared
    nothing (Greenwood's variance) and if all seeds of a configuration shared their fate, since the
    variance of few configurations may be far too small by chance. Where all seeds are left, or
    none, it is the number of configurations less those no longer observed (Peto et al. 1977).
    """
    nan, units = np.full(len(survival), NAN), len(influence)
    if units < MIN_CONFIGURATIONS:
        return nan, nan.copy()
    before = np.concatenate([[1.0], survival[:-1]])
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = survival**2 * np.cumsum(died / (watched * (watched - died)))
        most = survival * (1 - survival) / greenwood
        effective = survival * (1 - survival) / _variance(influence)
        peto = np.where(watched > 0, np.minimum(watched / before, seeds), np.nan)
    # Where nobody is left at risk the curve stays, and so does what is known about it.
    most = np.where((survival <= 0) | (survival >= 1), peto, np.where(watched > 0, most, np.nan))
    most = most[np.maximum.accumulate(np.where(np.isnan(most), 0, np.arange(len(most))))]
    fewest = most * (units / seeds)
    effective = np.where(np.isfinite(effective), np.clip(effective, fewest, most), fewest)
    effective = np.where((survival <= 0) | (survival >= 1), fewest, effective)
    # Student's: the variance is estimated from few configurations, and is itself uncertain.
    z = _t_quantile(units) if units < NORMAL_FROM else float(norm.ppf((1 + LEVEL) / 2))
    middle = (survival + z**2 / (2 * effective)) / (1 + z**2 / effective)
    half = (
        z
        / (1 + z**2 / effective)
        * np.sqrt(survival * (1 - survival) / effective + z**2 / (4 * effective**2))
    )
    low = np.minimum(survival, np.maximum(0.0, middle - half))
    high = np.maximum(survival, np.minimum(1.0, middle + half))
    return low, high


def _variance(influence: Floats) -> Floats:
    """Return the variance of a sum of independent contributions, along the first axis."""
    n = len(influence)
    # Residuals sum to 0 over configurations, which takes one degree of freedom.
    variance: Floats = n / (n - 1) * (influence**2).sum(axis=0)
    return variance


def _t_quantile(units: int) -> float:
    return float(student.ppf((1 + LEVEL) / 2, units - 1))
