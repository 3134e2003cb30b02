"""What the seeds of each configuration say, and how much of all the spread is theirs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.comparable import compared, search_stage
from ganstudy.analysis.frames.selection import LOST, NOT_TRAINING, SEED, objective, searched
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.intervals import (
    NAN,
    interquartile_mean_of_configurations,
    interquartile_mean_of_seeds,
    median_of_configurations,
    median_of_seeds,
    over_seeds,
    share_between_configurations,
    share_of_seeds,
)
from ganstudy.trials.results.records import Verdict

ENDS = ("", "_low", "_high")
CONFIGURATION_COLUMNS = [
    *(
        "state",
        "evaluation",
        "seeds",
        *(f"{name}{end}" for name in ("median", "iqm") for end in ENDS),
    ),
    *(
        "best",
        "worst",
        "spread",
        LOST,
        *(f"lost_share{end}" for end in ENDS),
        *(verdict.value for verdict in Verdict),
    ),
]
SPREAD_COLUMNS = [
    "component",
    "share",
    "low",
    "high",
    "configurations",
    "seeds",
    "axis",
    "progress",
]
OVERALL_COLUMNS = [
    "statistic",
    "value",
    "low",
    "high",
    "configurations",
    "seeds",
    "axis",
    "progress",
]


def per_configuration(study: Study) -> pd.DataFrame:
    """One row per trial of the search that was evaluated, at its last evaluation, of the objective
    over its seeds.

    number, the searched settings, state, evaluation, seeds (n of every estimate here); median with
    median_low and median_high, iqm (interquartile mean) with its ends: 95% intervals from six seeds
    on, NaN below; infinite where diverged seeds are reached. best, worst: single seeds (worst
    infinite where one diverged); spread: standard deviation over the seeds that have a score, NaN
    below two; lost (seeds that collapsed, cycled or diverged), lost_share with its interval, wide
    but kept at any n; a column per verdict.
    """
    study = search_stage(study)
    measure, sign = objective(study)
    columns = ["number", *searched(study), *CONFIGURATION_COLUMNS]
    if study.trials.empty or study.evaluations.empty or measure not in study.evaluations:
        return pd.DataFrame(columns=columns)
    last = study.seeds
    gone = ~last["finite"].eq(True) | (last["verdict"] == Verdict.DIVERGED)
    last = last.assign(
        score=np.where(gone, np.inf, sign * last[measure]), place=last.groupby("number").cumcount()
    )
    scores = last.pivot(index="number", columns="place", values="score")
    verdicts = pd.crosstab(last["number"], last["verdict"]).reindex(
        columns=[v.value for v in Verdict], fill_value=0
    )
    lost = verdicts[[kind.value for kind in NOT_TRAINING]].sum(axis=1)
    known = study.trials.set_index("number").loc[scores.index, [*searched(study), "state"]]
    table = known.assign(
        evaluation=last.groupby("number")["evaluation"].first(),
        seeds=last.groupby("number").size(),
        **{LOST: lost},
    ).join([_over_seeds(scores, sign), verdicts])
    shares = [
        share_of_seeds(int(count), int(n))
        for count, n in zip(table[LOST], table["seeds"], strict=True)
    ]
    for end, values in zip(
        ENDS,
        ([s.value for s in shares], [s.low for s in shares], [s.high for s in shares]),
        strict=True,
    ):
        table[f"lost_share{end}"] = values
    return table.reset_index()[columns]


def _over_seeds(scores: pd.DataFrame, sign: int) -> pd.DataFrame:
    """Of a row of scores per configuration, NaN where a seed has none: the columns median to
    spread.
    """
    rows = []
    for row in scores.to_numpy(dtype=float):
        known = row[~np.isnan(row)]
        estimates = (
            median_of_seeds(known),
            interquartile_mean_of_seeds(known, np.random.default_rng(SEED)),
        )
        ends = [
            (e.value, e.low, e.high) if sign > 0 else (-e.value, -e.high, -e.low) for e in estimates
        ]
        finite = known[np.isfinite(known)]
        extremes = (
            (sign * float(known.min()), sign * float(known.max())) if len(known) else (NAN, NAN)
        )
        rows.append(
            (*ends[0], *ends[1], *extremes, float(finite.std(ddof=1)) if len(finite) > 1 else NAN)
        )
    names = [
        *(f"{name}{end}" for name in ("median", "iqm") for end in ENDS),
        "best",
        "worst",
        "spread",
    ]
    return pd.DataFrame(rows, columns=names, index=scores.index)


def overall(study: Study) -> pd.DataFrame:
    """The study as a whole at the amount that all trials reached: two rows, "median" and
    "interquartile mean".

    statistic; value with low and high (95%, bootstrap over configurations and seeds; NaN below six
    configurations); configurations (n), seeds; axis, progress. Configurations that lack a seed that
    others have count by their median.
    """
    study = search_stage(study)
    _, sign = objective(study)
    frame = compared(study)
    scores = over_seeds(frame.scores)[:, None] if np.isnan(frame.scores).any() else frame.scores
    rows = []
    for name, estimate_of in (
        ("median", median_of_configurations),
        ("interquartile mean", interquartile_mean_of_configurations),
    ):
        if len(scores):
            found = estimate_of(scores, np.random.default_rng(SEED))
            ends = (found.low, found.high) if sign > 0 else (-found.high, -found.low)
            seeds = int((~np.isnan(frame.scores)).sum())
            rows.append(
                (name, sign * found.value, *ends, len(scores), seeds, frame.axis, frame.amount)
            )
    return pd.DataFrame(rows, columns=OVERALL_COLUMNS)


def spread(study: Study) -> pd.DataFrame:
    """Where the spread of the scores comes from, at the amount that all trials reached.

    component: "between configurations" or "between seeds of a configuration"; share of the variance
    of the ranks' normal scores (they sum to 1; see intervals.share_between_configurations) with low
    and high (95%; NaN below twelve configurations); configurations (n, with two seeds or more),
    seeds; axis, progress. Empty where no two configurations have two seeds.
    """
    frame = compared(search_stage(study))
    found = share_between_configurations(frame.scores)
    if np.isnan(found.value):
        return pd.DataFrame(columns=SPREAD_COLUMNS)
    several = (~np.isnan(frame.scores)).sum(axis=1)
    n = (found.configurations, int(several[several >= 2].sum()), frame.axis, frame.amount)
    rows = [
        ("between configurations", found.value, found.low, found.high, *n),
        ("between seeds of a configuration", 1 - found.value, 1 - found.high, 1 - found.low, *n),
    ]
    return pd.DataFrame(rows, columns=SPREAD_COLUMNS)
