"""What a budget buys: the best score of so many trials, seconds or device hours.

The best of b trials drawn at random from the N that were made exceeds the i-th best of them with
probability C(N - i, b) / C(N, b), so its mean and median need no resampling (Dodge et al. 2019 drew
with replacement, Kurach et al. 2019 resampled; without replacement the mean is unbiased, Tang et
al. 2020). A trial that failed, was pruned, broke the constraints or diverged yields no score: it is
the worst outcome and costs what it cost.

The trials of an adaptive sampler come in an order that matters. Their curve says what they would
give in random order and has no interval; `running_best` is what happened. Where trials are stopped
early, which ones depends on the others, so that some of them are no smaller search: no interval
either, and no probability of finding a score.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from ganstudy.analysis.frames.compared_scores import SEED
from ganstudy.analysis.frames.selection import groups, search_stage
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import LEVEL, Floats
from ganstudy.analysis.stats.order_statistics import quantile_interval
from ganstudy.analysis.tables.configurations.search import HOUR
from ganstudy.trials.results.records import TrialState
from ganstudy.trials.results.samplers import facts_of

# A guess: points enough for a smooth curve. The first ones coincide once rounded.
BUDGETS = 25
"""Sizes of the subsets, at most, evenly spaced on a log scale."""
# A guess: 25 lie beyond either end, fine enough for an interval that falls short of 95% anyway
# (docs/statistics-over-time.md).
MEAN_RESAMPLES = 1000
LARGEST_SHARE = 0.25
"""Of the trials: beyond it the bootstrap of the mean has no interval, as a resample never beats the
best trial seen.
"""
# A guess: of fewer, a quarter is a best of four at most.
MIN_TRIALS_FOR_MEAN = 20


def best_of(scores: ArrayLike, budgets: ArrayLike) -> Floats:
    """Return the probability that the best of b trials is the i-th best of N, [B, N].

    The trials are drawn without replacement; ties are in any order.
    """
    n = np.asarray(scores, dtype=float).shape[-1]
    b = np.asarray(budgets)[:, None]
    i = np.arange(n + 1)[None, :]
    with np.errstate(invalid="ignore"):
        # Logarithms: binomial coefficients of a thousand trials exceed the range of floats.
        log = gammaln(n - i + 1) - gammaln(n - i - b + 1) - gammaln(n + 1) + gammaln(n - b + 1)
    beyond = np.where(n - i >= b, np.exp(np.where(n - i >= b, log, -np.inf)), 0.0)
    weights: Floats = -np.diff(beyond, axis=1)
    return weights


BUDGET_COLUMNS = [
    "trials",
    "seconds",
    "device_hours",
    "median",
    "median_low",
    "median_high",
    "expected",
    "expected_low",
    "expected_high",
    "found",
    "configurations",
    "with_score",
    "num_seeds",
    "sampler",
    "stops_early",
    "exchangeable",
]


def expected_best(study: Study, setting: str | None = None) -> pd.DataFrame:
    """Estimate the best score of b trials of the search, per value of a setting such as remedies.

    setting (or `group`), trials (b), seconds and device_hours (what b of these trials cost on
    average, evaluations included), median (of the best score; infinite where it is none at all:
    worst) with _low and _high (95%, from the order of the scores; NaN for an end that so few trials
    cannot bound), expected (its mean, where no score counts as the worst score of any trial) with
    _low and _high (bootstrap over trials; none below 20 trials, nor for b above a quarter of them),
    found (probability that b trials yield any score within the constraints), configurations (N),
    with_score (of them within the constraints), num_seeds, sampler, stops_early, exchangeable (False
    for a sampler that learns, or where trials are stopped early: no intervals, and the order of
    `running_best` is what it did; NaN in `found` where they are stopped early).
    """
    study = search_stage(study)
    trials = outcomes(study)
    scores = study.objective.sign * pd.to_numeric(study.trials["objective"]).dropna()
    # The worst score that any trial reported, within the constraints or not.
    worst = float(scores.max()) if len(scores) else math.nan
    frames = []
    for value, numbers in groups(study, setting).items():
        frame = _curve(trials[trials["number"].isin(numbers)], worst, study)
        frame[setting or "group"] = value
        frames.append(frame)
    frames = [frame for frame in frames if len(frame)]
    columns = [setting or "group", *BUDGET_COLUMNS]
    return (
        pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)
    )


def outcomes(study: Study) -> pd.DataFrame:
    """Return one row per ended or failed trial of the search in the order in which they were drawn.

    number, score (smaller is better; infinite where it yields none), seconds (training and
    evaluation), device_hours, num_seeds.
    """
    trials, sign = search_stage(study).trials, study.objective.sign
    trials = trials[trials["state"] != TrialState.RUNNING.value].sort_values("number")
    scored = (trials["state"] == TrialState.COMPLETE.value) & trials["feasible"].eq(True)
    # A trial without a score within the constraints is a draw that found nothing: left out,
    # samplers and remedies that fail often would look cheap.
    score = (sign * pd.to_numeric(trials["objective"])).astype(float).where(scored).fillna(np.inf)
    seconds = _column(trials, "seconds") + _column(trials, "evaluation_seconds").fillna(0.0)
    return pd.DataFrame(
        {
            "number": trials["number"],
            "score": score,
            "seconds": seconds,
            "device_hours": _column(trials, "device_seconds") / HOUR,
            "num_seeds": _column(trials, "num_seeds"),
        }
    ).reset_index(drop=True)


def _column(trials: pd.DataFrame, name: str) -> pd.Series:
    return (
        pd.to_numeric(trials[name]) if name in trials else pd.Series(math.nan, index=trials.index)
    )


def _curve(trials: pd.DataFrame, worst: float, study: Study) -> pd.DataFrame:
    n, sign = len(trials), study.objective.sign
    if not n:
        return pd.DataFrame(columns=BUDGET_COLUMNS)
    budgets = np.unique(np.round(np.geomspace(1, n, BUDGETS)).astype(int))
    scores = np.sort(trials["score"].to_numpy(dtype=float))
    weights = best_of(scores, budgets)
    cumulated = np.cumsum(weights, axis=1)
    # Less a little: cumulated weights that reach one half may miss it by rounding.
    median = scores[(cumulated < 0.5 - 1e-12).sum(axis=1)]
    # A mean needs a finite score for those without: the same for every group.
    counted = np.where(np.isfinite(scores), scores, worst)
    expected = weights @ counted
    # A trial is pruned for doing worse than others: alone it would have been trained to its end.
    exchangeable = facts_of(study.sampler).exchangeable and not study.stops_early
    ends = np.full((len(budgets), 2), math.nan)
    low, high = ends.T
    if exchangeable:
        # Order statistics need independent draws: no sampler that learns, and no pruning. The
        # median of the best of b such trials is the quantile of one trial at 1 - (1/2)^(1/b).
        ends = np.array([quantile_interval(scores, 1 - 0.5 ** (1 / b)) for b in budgets.tolist()])
        low, high = _bootstrap(counted, weights, budgets)
    finite = int(np.isfinite(scores).sum())
    found = cumulated[:, finite - 1] if finite else np.zeros(len(budgets))
    if sign < 0:
        low, high, ends = high, low, ends[:, ::-1]
    return pd.DataFrame(
        {
            "trials": budgets,
            "seconds": budgets * trials["seconds"].mean(),
            "device_hours": budgets * trials["device_hours"].mean(),
            "median": sign * median,
            "median_low": sign * ends[:, 0],
            "median_high": sign * ends[:, 1],
            "expected": sign * expected,
            "expected_low": sign * low,
            "expected_high": sign * high,
            "found": np.full(len(budgets), math.nan) if study.stops_early else found,
            "configurations": n,
            "with_score": finite,
            "num_seeds": trials["num_seeds"].sum(),
            "sampler": study.sampler,
            "stops_early": study.stops_early,
            "exchangeable": exchangeable,
        }
    )


def _bootstrap(
    ordered: Floats, weights: Floats, budgets: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Return [B] and [B], the ends of the bootstrap interval of the expected best score."""
    n = len(ordered)
    low, high = np.full(len(budgets), math.nan), np.full(len(budgets), math.nan)
    given = budgets <= LARGEST_SHARE * n
    if n < MIN_TRIALS_FOR_MEAN or not given.any() or not np.isfinite(ordered).all():
        return low, high
    rng = np.random.default_rng(SEED)
    means = np.empty((MEAN_RESAMPLES, int(given.sum())))
    for row in range(MEAN_RESAMPLES):
        # Repeated in place, the values stay in order.
        drawn = np.repeat(ordered, np.bincount(rng.integers(n, size=n), minlength=n))
        means[row] = weights[given] @ drawn
    tail = (1 - LEVEL) / 2
    low[given], high[given] = np.quantile(means, [tail, 1 - tail], axis=0)
    return low, high


def expected_best_of_studies(studies: Iterable[Study]) -> pd.DataFrame:
    """Return `expected_best` of several studies one below the other, for comparing samplers.

    Its columns come after `study`. The caller sees to it that their scores are comparable (equal
    provenance, data and budget per trial).
    """
    frames = [
        expected_best(study).drop(columns="group").assign(study=study.name) for study in studies
    ]
    frames = [frame for frame in frames if len(frame)]
    columns = ["study", *BUDGET_COLUMNS]
    return (
        pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)
    )


TRACE_COLUMNS = ["number", "trials", "seconds", "device_hours", "score", "best", "sampler"]


def running_best(study: Study, setting: str | None = None) -> pd.DataFrame:
    """Return what the search had found after each trial, in the order in which they were drawn.

    setting (or `group`: all), number, trials (so far), seconds and device_hours (so far,
    evaluations included; a trial of unknown cost adds nothing), score (the objective of this trial;
    NaN where it yields none), best (so far; NaN before any), sampler. Trials that ran side by side
    count one after the other.
    """
    study = search_stage(study)
    trials, sign = outcomes(study), study.objective.sign
    frames = []
    for value, numbers in groups(study, setting).items():
        rows = trials[trials["number"].isin(numbers)]
        finite = rows["score"].where(np.isfinite(rows["score"]))
        frame = pd.DataFrame(
            {
                "number": rows["number"],
                "trials": np.arange(1, len(rows) + 1),
                "seconds": rows["seconds"].fillna(0.0).cumsum(),
                "device_hours": rows["device_hours"].fillna(0.0).cumsum(),
                "score": sign * finite,
                # cummin passes over NaN and leaves it in place.
                "best": sign * finite.cummin().ffill(),
            }
        )
        frame["sampler"] = study.sampler
        frame[setting or "group"] = value
        frames.append(frame)
    columns = [setting or "group", *TRACE_COLUMNS]
    frames = [frame for frame in frames if len(frame)]
    return (
        pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)
    )
