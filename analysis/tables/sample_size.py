"""What would settle what is open: how many configurations or seeds more, and what this study could
have seen at all.

From the observed effect and its own spread, by the normal approximation: an interval shrinks with
the root of n, and an effect of z_level + z_power standard errors is told apart with that power. An
effect that was observed is no effect that is known: the plan therefore also says how many it would
take if the truth were the interval's far end (`needed_least`). Where the interval holds 0 there is
no greatest number, since the truth may be no difference at all.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm, rankdata
from scipy.stats import t as student

from ganstudy.analysis.frames.selection import COMPARED, NONE, objective, ranked, searched
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.frames.trajectories import (
    at_moments,
    common_moments,
    distinct,
    ended,
    grouped,
    moments,
    owner,
)
from ganstudy.analysis.stats.power import (
    LEVEL,
    MANY,
    MIN_CONFIGURATIONS,
    MIN_SEEDS,
    detectable,
    median_error,
    plan,
    seeds_needed,
)

COLUMNS = [
    *(
        "question",
        "unit",
        "first",
        "second",
        "scale",
        "effect",
        "low",
        "high",
        "n_first",
        "n_second",
        "comparisons",
    ),
    *("detectable", "needed", "needed_least", "seeds_instead", "progress", "verdict", "advice"),
]


def what_would_settle(study: Study) -> pd.DataFrame:
    """One row per question that the study asks, open or not.

    question ('k', 'remedies', or 'best'), unit ('configurations' per value, or 'seeds' per
    configuration), first and second (the values compared, as text: of k the best median and the
    next, among those with 6 configurations or more if two have; each remedy and none; the best
    trial and the second), scale ('ratio' of first to second where the objective is positive and
    smaller is better, else 'difference'), effect with low and high (95% for all `comparisons` of
    the question together), n_first, n_second, comparisons, detectable (the smallest effect that
    these n tell apart with 80% power: a ratio above 1, or a difference), needed (units per value
    for 80% power if the truth is the observed effect), needed_least (if it is the interval's far
    end), seeds_instead (seeds per configuration that would do as well as `needed` configurations;
    infinite where no number would, NaN for seeds), progress (where they are compared), verdict
    ('told' where the interval excludes no effect, 'open', or 'too few'), advice.
    """
    study = distinct(study)
    rows = [*_settings(study), *_best(study)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _settings(study: Study) -> list[dict[str, Any]]:
    _, sign = objective(study)
    rows = moments(study)
    rows = rows[rows["number"].isin(ended(study))]
    rows = rows.assign(course=rows.groupby("course").ngroup())
    points = common_moments(study, rows)
    if not points:
        return []
    scores = at_moments(rows, rows["score"], np.array(points[:1]))[:, 0]
    known = pd.DataFrame({"number": owner(rows).to_numpy(), "score": scores}).dropna()
    ratio = _is_ratio(known["score"], sign)
    if ratio:
        known["score"] = np.log(known["score"])
    made = []
    for setting in COMPARED:
        if setting not in searched(study):
            continue
        split = {
            value: known[known["number"].isin(numbers)]
            for value, numbers in grouped(study, setting).items()
        }
        medians = {
            value: seeds.groupby("number")["score"].median()
            for value, seeds in split.items()
            if len(seeds)
        }
        for first, second, comparisons in _pairs(setting, medians):
            seeds = pd.concat([split[first], split[second]])
            row = _compare(medians[first], medians[second], seeds, comparisons, ratio, sign)
            made.append(
                {
                    "question": setting,
                    "first": _text(first),
                    "second": _text(second),
                    "progress": points[0],
                    **row,
                }
            )
    return made


def _is_ratio(scores: pd.Series, sign: int) -> bool:
    return sign > 0 and bool((scores > 0).all())


def _pairs(setting: str, medians: dict[Any, pd.Series]) -> list[tuple[Any, Any, int]]:
    if setting == "remedies":
        treated = [value for value in medians if value != NONE]
        return [(value, NONE, len(treated)) for value in treated] if NONE in medians else []
    enough = {
        value: scores for value, scores in medians.items() if len(scores) >= MIN_CONFIGURATIONS
    }
    medians = enough if len(enough) > 1 else medians
    order = sorted(medians, key=lambda value: float(medians[value].median()))
    return [(order[0], order[1], len(order) - 1)] if len(order) > 1 else []


def _compare(
    first: pd.Series,
    second: pd.Series,
    seeds: pd.DataFrame,
    comparisons: int,
    ratio: bool,
    sign: int,
) -> dict[str, Any]:
    """Medians over configurations of two values, on the log scale for a ratio."""
    n = 2 / (
        1 / len(first) + 1 / len(second)
    )  # the size at which two equal groups would know as much
    with np.errstate(invalid="ignore"):
        effect = float(np.float64(first.median()) - second.median())
        error = math.hypot(median_error(first), median_error(second))
    made = plan(effect, error, 1, comparisons)
    z = float(norm.ppf(1 - LEVEL / (2 * comparisons)))
    low, high = (
        (effect - z * error, effect + z * error)
        if math.isfinite(made.error)
        else (math.nan, math.nan)
    )
    needed, least = n * made.needed, n * made.needed_least
    row: dict[str, Any] = {"unit": "configurations", "n_first": len(first), "n_second": len(second)}
    row |= {"comparisons": comparisons, "needed": _whole(needed), "needed_least": _whole(least)}
    row |= _on_scale(effect, low, high, made.detectable, ratio, sign)
    row["seeds_instead"] = _seeds_instead(seeds, n / needed) if needed > n else math.nan
    row["verdict"] = "too few" if math.isnan(low) else "told" if low > 0 or high < 0 else "open"
    return row | {"advice": _advice(row, n)}


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str) else f"{value:g}"


def _whole(number: float) -> float:
    return float(math.ceil(number)) if math.isfinite(number) else number


def _on_scale(
    effect: float, low: float, high: float, detectable: float, ratio: bool, sign: int
) -> dict[str, Any]:
    if ratio:
        with np.errstate(over="ignore"):
            ends = [float(np.exp(np.float64(v))) for v in (effect, low, high, detectable)]
        return dict(zip(("effect", "low", "high", "detectable"), ends, strict=True)) | {
            "scale": "ratio"
        }
    low, high = (low, high) if sign > 0 else (-high, -low)
    return {
        "effect": sign * effect,
        "low": low,
        "high": high,
        "detectable": detectable,
        "scale": "difference",
    }


def _seeds_instead(seeds: pd.DataFrame, shrink: float) -> float:
    """Seeds per configuration at which the variance of the configurations' scores is `shrink` times
    as large.

    Only the seeds' own part of the variance falls with their number; the part between
    configurations stays. The parts are those of the normal scores of the ranks (one-way analysis of
    variance), so that divergence counts as worst.
    """
    sizes = seeds.groupby("number")["score"].transform("size")
    seeds = seeds[sizes >= 2]
    configurations = seeds["number"].nunique()
    if configurations < 2:
        return math.nan
    normal = pd.Series(
        norm.ppf((rankdata(seeds["score"]) - 0.375) / (len(seeds) + 0.25)), index=seeds.index
    )
    by = normal.groupby(seeds["number"].to_numpy())
    per = len(seeds) / configurations
    within = float(by.var().mean())
    between = max(0.0, float(by.mean().var()) - within / per)
    left = shrink * (between + within / per) - between
    return float(math.ceil(within / left)) if left > 0 else math.inf


def _advice(row: dict[str, Any], n: float) -> str:
    unit = "configurations per value" if row["unit"] == "configurations" else "fresh seeds of both"
    if row["verdict"] == "told":
        by = (
            "these data"
            if row["unit"] == "configurations"
            else "the search's own seeds, which flatter the winner"
        )
        return f"told apart by {by}"
    if math.isnan(row["needed"]):
        return "too few, or too many diverged, to plan from"
    if row["needed"] > MANY:
        return f"more than {MANY} {unit}: treat as equal"
    if row["unit"] == "seeds":  # those of the search are not fresh
        return f"about {math.ceil(row['needed'])} {unit}, if the effect is as observed"
    return f"about {max(1, math.ceil(row['needed'] - n))} more {unit}, if the effect is as observed"


def _best(study: Study) -> list[dict[str, Any]]:
    """The two best candidates on the seeds that they share."""
    measure, sign = objective(study)
    if (
        "objective" not in study.trials
        or measure not in study.evaluations
        or study.evaluations.empty
    ):
        return []
    trials = ranked(study)
    top = trials[trials["candidate"]].head(2)
    if len(top) < 2:
        return []
    first, second = top["number"].tolist()
    seeds = study.seeds.set_index(["number", "seed"])[measure]
    paired = pd.concat(
        [seeds.xs(number, level="number") for number in (first, second)], axis=1, join="inner"
    ).dropna()
    scores = sign * paired.to_numpy(dtype=float)
    ratio = sign > 0 and bool((scores > 0).all())
    differences: NDArray[np.float64] = -np.diff(np.log(scores) if ratio else scores, axis=1)[:, 0]
    n = len(differences)
    needed, least = seeds_needed(differences)
    effect = float(differences.mean()) if n else math.nan
    error = float(differences.std(ddof=1)) / math.sqrt(n) if n >= MIN_SEEDS else math.nan
    half = float(student.ppf(1 - LEVEL / 2, n - 1)) * error if n >= MIN_SEEDS else math.nan
    smallest = detectable(n) * error * math.sqrt(n) if n >= MIN_SEEDS else math.nan
    row: dict[str, Any] = {
        "question": "best",
        "unit": "seeds",
        "first": _text(first),
        "second": _text(second),
        "comparisons": 1,
    }
    row |= {
        "n_first": n,
        "n_second": n,
        "needed": needed,
        "needed_least": least,
        "seeds_instead": math.nan,
    }
    row |= _on_scale(effect, effect - half, effect + half, smallest, ratio, sign)
    row |= {"progress": math.nan}
    told = abs(effect) > half
    row["verdict"] = "too few" if math.isnan(half) else "told" if told else "open"
    return [row | {"advice": _advice(row, n)}]
