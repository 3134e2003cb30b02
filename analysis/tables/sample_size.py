"""Sample size: how many more configurations or seeds an open question needs, and which effects this
study could have found at all.

From the observed effect and its own spread, by the normal approximation: an interval shrinks with
the root of n, and an effect of z_level + z_power standard errors is found with that power. An
effect that was observed is no effect that is known: the table therefore also says how many it would
take if the truth were the interval's far end (`needed_least`). Where the interval contains 0 there
is no greatest number, since the truth may be no difference at all.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

from ganstudy.analysis.frames.selection import (
    COMPARED,
    NONE,
    compared_scores,
    distinct_configurations,
    groups,
    ranked,
)
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.correlation import normal_scores
from ganstudy.analysis.stats.estimate import MIN_CONFIGURATIONS, NAN, Estimate, Floats
from ganstudy.analysis.stats.multiplicity import ALPHA, bonferroni_level
from ganstudy.analysis.stats.power import (
    MAX_UNITS,
    MIN_PAIRED_SEEDS,
    detectable,
    median_error,
    sample_size,
    seeds_needed,
)

TOO_FEW = "too few"
CONCLUSIVE = "conclusive"
SAMPLE_SIZE_COLUMNS = [
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
    "detectable",
    "needed",
    "needed_least",
    "seeds_instead",
    "progress",
    "decision",
    "advice",
]


def needed_sample_sizes(study: Study) -> pd.DataFrame:
    """Return one row per question that the study asks, conclusive or not.

    question ('k', 'remedies', or 'best'), unit ('configurations' per value, or 'seeds' per
    configuration), first and second (the values compared, as text: of k the best median and the
    next, among those with 6 configurations or more if two have; each remedy and none; the best
    trial and the second), scale ('ratio' of first to second, or 'difference'; Study.is_ratio says
    which), effect with low and high (95% for all `comparisons` of the question together), n_first,
    n_second, comparisons, detectable (the smallest effect that these n find with 80% power: a ratio
    above 1, or a difference), needed (units per value for 80% power if the truth is the observed
    effect), needed_least (if it is the interval's far end), seeds_instead (seeds per configuration
    that would do as well as `needed` configurations; infinite where no number would, NaN for
    seeds), progress (where they are compared), decision ('conclusive' where the interval excludes
    no effect, 'inconclusive', or 'too few'), advice.
    """
    study = distinct_configurations(study)
    return pd.DataFrame([*_settings(study), *_best(study)], columns=SAMPLE_SIZE_COLUMNS)


def _settings(study: Study) -> list[dict[str, Any]]:
    """Return the rows of k and of the remedies."""
    frame = compared_scores(study)
    if not len(frame.numbers):
        return []
    scores = np.log(frame.scores) if study.is_ratio else frame.scores
    known = pd.DataFrame(
        {"number": np.repeat(frame.numbers, len(frame.seeds)), "score": scores.ravel()}
    ).dropna()
    made = []
    for setting in COMPARED:
        if setting not in study.searched:
            continue
        split = {
            value: known[known["number"].isin(numbers)]
            for value, numbers in groups(study, setting).items()
        }
        medians = {
            value: seeds.groupby("number")["score"].median()
            for value, seeds in split.items()
            if len(seeds)
        }
        for first, second, comparisons in _pairs(setting, medians):
            seeds = pd.concat([split[first], split[second]])
            made.append(
                {
                    "question": setting,
                    "first": _text(first),
                    "second": _text(second),
                    "progress": frame.amount,
                    **_compare(medians[first], medians[second], seeds, comparisons, study),
                }
            )
    return made


def _pairs(setting: str, medians: dict[Any, pd.Series]) -> list[tuple[Any, Any, int]]:
    """Return (first, second, comparisons): each remedy and none, or the best two values."""
    if setting == "remedies":
        treated = [value for value in medians if value != NONE]
        return [(value, NONE, len(treated)) for value in treated] if NONE in medians else []
    enough = {
        value: scores for value, scores in medians.items() if len(scores) >= MIN_CONFIGURATIONS
    }
    medians = enough if len(enough) > 1 else medians
    order = sorted(medians, key=lambda value: float(medians[value].median()))
    # The leader could have been compared with any of the others.
    return [(order[0], order[1], len(order) - 1)] if len(order) > 1 else []


def _compare(
    first: pd.Series, second: pd.Series, seeds: pd.DataFrame, comparisons: int, study: Study
) -> dict[str, Any]:
    """Compare the medians over configurations of two values, on the log scale for a ratio."""
    # The size at which two equal groups would have the same standard error.
    n = 2 / (1 / len(first) + 1 / len(second))
    with np.errstate(invalid="ignore"):
        value = float(np.float64(first.median()) - second.median())
        error = math.hypot(median_error(first), median_error(second))
    # For n = 1, as unequal groups have no n of their own; scaled below.
    sizes = sample_size(value, error, 1, comparisons)
    level = bonferroni_level(comparisons)
    effect = Estimate(value, level=level)
    if math.isfinite(sizes.error):
        half = float(norm.ppf(1 - ALPHA / (2 * comparisons))) * error
        effect = Estimate(value, value - half, value + half, level)
    needed = n * sizes.needed
    row = {
        "unit": "configurations",
        "n_first": len(first),
        "n_second": len(second),
        "comparisons": comparisons,
        "needed": _rounded_up(needed),
        "needed_least": _rounded_up(n * sizes.needed_least),
        "seeds_instead": _seeds_instead(seeds, n / needed) if needed > n else NAN,
        "decision": effect.decide(CONCLUSIVE, CONCLUSIVE) if effect.has_interval else TOO_FEW,
        **_on_scale(effect, sizes.detectable, study),
    }
    return row | {"advice": _advice(row, n)}


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str) else f"{value:g}"


def _rounded_up(number: float) -> float:
    return float(math.ceil(number)) if math.isfinite(number) else number


def _on_scale(effect: Estimate, detectable: float, study: Study) -> dict[str, Any]:
    """Return the columns effect, low, high, detectable and scale: factors for ratios."""
    shown = effect.in_direction(study.objective.sign)
    values = {
        "effect": shown.value,
        "low": shown.low,
        "high": shown.high,
        "detectable": detectable,
    }
    if not study.is_ratio:
        return values | {"scale": "difference"}
    with np.errstate(over="ignore"):
        factors = {name: float(np.exp(np.float64(value))) for name, value in values.items()}
    return factors | {"scale": "ratio"}


def _seeds_instead(seeds: pd.DataFrame, shrink: float) -> float:
    """Return the seeds per configuration at which the variance of the configurations' scores is
    `shrink` times as large.

    Only the seeds' own part of the variance falls with their number; the part between
    configurations stays. The parts are those of the normal scores of the ranks (one-way analysis of
    variance), so that divergence counts as worst.
    """
    sizes = seeds.groupby("number")["score"].transform("size")
    seeds = seeds[sizes >= 2]
    configurations = seeds["number"].nunique()
    if configurations < 2:
        return NAN
    normal = pd.Series(normal_scores(seeds["score"].to_numpy(dtype=float)), index=seeds.index)
    by = normal.groupby(seeds["number"].to_numpy())
    per = len(seeds) / configurations
    within = float(by.var().mean())
    # By chance the means may spread less than seeds alone would make them; no variance is negative.
    between = max(0.0, float(by.mean().var()) - within / per)
    left = shrink * (between + within / per) - between
    # With nothing left the configurations alone vary too much for any number of seeds.
    return float(math.ceil(within / left)) if left > 0 else math.inf


def _advice(row: dict[str, Any], n: float) -> str:
    of_seeds = row["unit"] == "seeds"
    unit = "fresh seeds of both" if of_seeds else "configurations per value"
    if row["decision"] == CONCLUSIVE:
        own = "the search's own seeds, which flatter the winner"
        return f"conclusive by {own if of_seeds else 'these data'}"
    if math.isnan(row["needed"]):
        return "too few, or too many diverged, to plan from"
    if row["needed"] > MAX_UNITS:
        return f"more than {MAX_UNITS} {unit}: treat as equal"
    if of_seeds:  # those of the search are not fresh
        return f"about {math.ceil(row['needed'])} {unit}, if the effect is as observed"
    return f"about {max(1, math.ceil(row['needed'] - n))} more {unit}, if the effect is as observed"


def _best(study: Study) -> list[dict[str, Any]]:
    """Compare the two best candidates on the seeds that they share."""
    measure, sign = study.objective
    if "objective" not in study.trials or measure not in study.evaluations:
        return []
    trials = ranked(study)
    top = trials[trials["candidate"]].head(2)
    if len(top) < 2 or study.evaluations.empty:
        return []
    first, second = top["number"].tolist()
    seeds = study.seeds.set_index(["number", "seed"])[measure]
    paired = pd.concat(
        [seeds.xs(number, level="number") for number in (first, second)], axis=1, join="inner"
    ).dropna()
    scores = sign * paired.to_numpy(dtype=float)
    scores = np.log(scores) if study.is_ratio else scores
    # The two share their seeds and nothing else varies: the unit is the seed.
    differences: Floats = -np.diff(scores, axis=1)[:, 0]
    n = len(differences)
    effect, smallest = Estimate(float(differences.mean()) if n else NAN, n=n, unit="seeds"), NAN
    if n >= MIN_PAIRED_SEEDS:
        # Student's t: scores of a configuration's seeds are few, and their spread is estimated.
        error = float(differences.std(ddof=1)) / math.sqrt(n)
        half = float(student.ppf(1 - ALPHA / 2, n - 1)) * error
        effect = Estimate(effect.value, effect.value - half, effect.value + half, n=n, unit="seeds")
        smallest = detectable(n) * error * math.sqrt(n)
    needed, least = seeds_needed(differences)
    decision = effect.decide(CONCLUSIVE, CONCLUSIVE) if effect.has_interval else TOO_FEW
    row = {
        "question": "best",
        "unit": "seeds",
        "first": _text(first),
        "second": _text(second),
        "n_first": n,
        "n_second": n,
        "comparisons": 1,
        "needed": needed,
        "needed_least": least,
        "seeds_instead": NAN,
        "progress": NAN,
        "decision": decision,
        **_on_scale(effect, smallest, study),
    }
    return [row | {"advice": _advice(row, n)}]
