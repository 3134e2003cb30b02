"""What the measures of the game say about the score, and whether the generator's loss does."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm, rankdata

from ganstudy.analysis.frames.selection import objective
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.frames.trajectories import distinct, grouped, moments, share_by_trial
from ganstudy.analysis.stats.kaplan_meier import Interval
from ganstudy.analysis.stats.order_statistics import LEVEL, median
from ganstudy.analysis.tables.convergence import quantile_columns
from ganstudy.trials.results.catalogue import GAME, MEASURES
from ganstudy.trials.results.records import TrialState

MIN_PAIRS = 10
"""Below this a rank correlation has no interval."""
FEWEST_EVALUATIONS = 5
"""A mismatch over fewer evaluations than this is noise: three points alone correlate perfectly one
time in three.
"""
BESIDE = tuple(
    measure.name
    for measure in MEASURES.values()
    if measure.group == GAME and measure.name != "mismatch"
)


def rank_correlation(x: ArrayLike, y: ArrayLike, comparisons: int = 1) -> Interval:
    """Spearman's correlation with an interval by Fisher's transformation and Bonett & Wright's
    (2000) variance.

    comparisons: how many are looked at together; the intervals then hold at once (Bonferroni).
    """
    ranks = [rankdata(np.asarray(values, dtype=float)) for values in (x, y)]
    n = len(ranks[0])
    if n < 3 or any(np.ptp(values) == 0 for values in ranks):
        return Interval(math.nan, math.nan, math.nan)
    value = float(np.corrcoef(*ranks)[0, 1])
    if n < MIN_PAIRS:
        return Interval(value, math.nan, math.nan)
    z = float(norm.ppf(1 - (1 - LEVEL) / (2 * comparisons)))
    middle = math.atanh(max(-1 + 1e-9, min(1 - 1e-9, value)))
    half = z * math.sqrt((1 + value**2 / 2) / (n - 3))
    return Interval(value, math.tanh(middle - half), math.tanh(middle + half))


GAME_COLUMNS = [
    *(
        "measure",
        "label",
        "correlation",
        "low",
        "high",
        "configurations",
        "left_out",
        "comparisons",
        "verdict",
    ),
]


def game_against_score(study: Study, measures: Iterable[str] = BESIDE) -> pd.DataFrame:
    """Rank correlation of the game's measures with the final score, over the complete
    configurations.

    measure, label, correlation (of the medians over seeds; positive: high where the score is worse)
    with low and high (95% for all `comparisons` together; NaN below 10 configurations),
    configurations, left_out (configurations without the measure, such as diverged ones),
    comparisons, verdict ('high is worse', 'high is better' or 'open'). A configuration without a
    score ranks worst. The duality gap is comparable only between equal losses.
    """
    study = distinct(study)
    _, sign = objective(study)
    complete = study.trials[study.trials["state"] == TrialState.COMPLETE.value]
    scores = sign * pd.to_numeric(complete["objective"]).fillna(sign * np.inf)
    present = [name for name in measures if name in complete and complete[name].notna().any()]
    made: list[dict[str, Any]] = []
    for name in present:
        known = complete[name].notna()
        found = rank_correlation(complete.loc[known, name], scores[known], len(present))
        made.append(
            {
                "measure": name,
                "label": MEASURES[name].label,
                "correlation": found.value,
                "low": found.low,
                "high": found.high,
                "configurations": int(known.sum()),
                "left_out": int((~known).sum()),
                "comparisons": len(present),
                "verdict": "high is worse"
                if found.low > 0
                else "high is better"
                if found.high < 0
                else "open",
            }
        )
    return pd.DataFrame(made, columns=GAME_COLUMNS)


MISMATCH_COLUMNS = [
    *(
        "mismatch",
        "mismatch_low",
        "mismatch_high",
        "misleads",
        "misleads_low",
        "misleads_high",
        "configurations",
    ),
    "num_seeds",
]


def mismatch_by(study: Study, setting: str | None = None) -> pd.DataFrame:
    """Whether the generator's loss tells its quality: the rank correlation of loss and FID within a
    seed.

    setting (or `group`), mismatch (median over configurations of the median over seeds) with _low
    and _high (95%), misleads (share of seeds in which it is below 0: the loss falls while FID
    rises) with _low and _high, configurations, num_seeds. Complete trials with at least five
    evaluations.
    """
    study = distinct(study)
    complete = study.trials.loc[study.trials["state"] == TrialState.COMPLETE.value, "number"]
    rows = moments(study, "evaluation")
    rows = (
        rows[rows["number"].isin(complete) & rows["mismatch"].notna()]
        if "mismatch" in rows
        else rows.head(0)
    )
    last = rows.groupby("course").tail(1)
    last = last[last["evaluation"] >= FEWEST_EVALUATIONS]
    made: list[dict[str, Any]] = []
    for value, numbers in grouped(study, setting).items():
        seeds = last[last["number"].isin(numbers)]
        if seeds.empty:
            continue
        by_trial = seeds.groupby("number")["mismatch"]
        wrong = share_by_trial(seeds["mismatch"] < 0, seeds["number"])
        made.append(
            {
                setting or "group": value,
                **quantile_columns("mismatch", median(by_trial.median())),
                "misleads": wrong.value,
                "misleads_low": wrong.low,
                "misleads_high": wrong.high,
                "configurations": by_trial.ngroups,
                "num_seeds": len(seeds),
            }
        )
    return pd.DataFrame(made, columns=[setting or "group", *MISMATCH_COLUMNS])
