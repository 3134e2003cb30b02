"""What the seeds of each configuration say, and how much of all the spread is theirs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.comparable import compared, over_seeds, search_stage
from analysis.intervals import (
    NAN,
    interquartile_mean_of_configurations,
    interquartile_mean_of_seeds,
    median_of_configurations,
    median_of_seeds,
    share_between_configurations,
    share_of_seeds,
)
from analysis.load import Study
from analysis.tables import LOST, NOT_TRAINING, SEED, objective, searched
from trials.records import Verdict

ENDS = ("", "_low", "_high")
CONFIGURATION_COLUMNS = [
    *("state", "evaluation", "seeds", *(f"{name}{end}" for name in ("median", "iqm") for end in ENDS)),
    *("best", "worst", "spread", LOST, *(f"lost_share{end}" for end in ENDS), *(verdict.value for verdict in Verdict)),
]
SPREAD_COLUMNS = ["component", "share", "low", "high", "configurations", "seeds", "axis", "progress"]
OVERALL_COLUMNS = ["statistic", "value", "low", "high", "configurations", "seeds", "axis", "progress"]


def per_configuration(study: Study) -> pd.DataFrame:
    """One row per trial of the search that was evaluated, at its last evaluation, of the objective over its seeds.

    number, the searched settings, state, evaluation, seeds (n of every estimate here); median with median_low and
    median_high, iqm (interquartile mean) with its ends: 95% intervals from six seeds on, NaN below; infinite where
    diverged seeds are reached. best, worst: single seeds (worst infinite where one diverged); spread: standard
    deviation over the seeds that have a score, NaN below two; lost (seeds that collapsed, cycled or diverged),
    lost_share with its interval, wide but kept at any n; a column per verdict.
    """
    study = search_stage(study)
    measure, sign = objective(study)
    columns = ["number", *searched(study), *CONFIGURATION_COLUMNS]
    if study.trials.empty or study.evaluations.empty or measure not in study.evaluations:
        return pd.DataFrame(columns=columns)
    last = study.seeds
    gone = ~last["finite"].eq(True) | (last["verdict"] == Verdict.DIVERGED)
    last = last.assign(score=np.where(gone, np.inf, sign * last[measure]))
    known = study.trials.set_index("number")[[*searched(study), "state"]]
    settings = dict(zip(known.index, known.to_dict("records"), strict=True))
    rows: list[dict[str, Any]] = []
    for number, group in last.groupby("number"):
        scores = group["score"].dropna().to_numpy(dtype=float)
        verdicts = group["verdict"].value_counts()
        lost = int(sum(verdicts.get(kind.value, 0) for kind in NOT_TRAINING))
        row = {
            "number": number,
            **settings[number],
            "evaluation": int(group["evaluation"].iloc[0]),
            "seeds": len(group),
        }
        rows.append(
            row
            | _over_seeds(scores, sign, lost, len(group))
            | {v.value: int(verdicts.get(v.value, 0)) for v in Verdict}
        )
    return pd.DataFrame(rows, columns=columns)


def _over_seeds(scores: Any, sign: int, lost: int, seeds: int) -> dict[str, Any]:
    median = median_of_seeds(scores)
    mean = interquartile_mean_of_seeds(scores, np.random.default_rng(SEED))
    share = share_of_seeds(lost, seeds)
    finite = scores[np.isfinite(scores)]
    estimates: dict[str, float] = {}
    for name, estimate in (("median", median), ("iqm", mean)):
        ends = (estimate.low, estimate.high) if sign > 0 else (-estimate.high, -estimate.low)
        estimates |= dict(zip((f"{name}{end}" for end in ENDS), (sign * estimate.value, *ends), strict=True))
    return {
        **estimates,
        "best": sign * float(scores.min()) if len(scores) else NAN,
        "worst": sign * float(scores.max()) if len(scores) else NAN,
        "spread": float(finite.std(ddof=1)) if len(finite) > 1 else NAN,
        LOST: lost,
        "lost_share": share.value,
        "lost_share_low": share.low,
        "lost_share_high": share.high,
    }


def overall(study: Study) -> pd.DataFrame:
    """The study as a whole at the amount that all trials reached: two rows, "median" and "interquartile mean".

    statistic; value with low and high (95%, bootstrap over configurations and seeds; NaN below six configurations);
    configurations (n), seeds; axis, progress. Configurations that lack a seed that others have count by their median.
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
            rows.append((name, sign * found.value, *ends, len(scores), seeds, frame.axis, frame.amount))
    return pd.DataFrame(rows, columns=OVERALL_COLUMNS)


def spread(study: Study) -> pd.DataFrame:
    """Where the spread of the scores comes from, at the amount that all trials reached.

    component: "between configurations" or "between seeds of a configuration"; share of the variance of the ranks'
    normal scores (they sum to 1; see intervals.share_between_configurations) with low and high (95%; NaN below
    twelve configurations); configurations (n, with two seeds or more), seeds; axis, progress. Empty where no two
    configurations have two seeds.
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
