"""Score over the seeds of each configuration, and how much of all the variance is between seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.compared_scores import SEED, compared_scores, diverged
from ganstudy.analysis.frames.selection import FAILED, search_stage
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.bootstrap import (
    interquartile_mean_of_configurations,
    interquartile_mean_of_seeds,
)
from ganstudy.analysis.stats.correlation import intraclass_correlation, is_crossed
from ganstudy.analysis.stats.estimate import NAN
from ganstudy.analysis.stats.order_statistics import median, seed_medians
from ganstudy.analysis.stats.proportions import binomial_proportion
from ganstudy.trials.results.records import FAILURE_VERDICTS, Verdict

CROSSED, NESTED = "ICC(3,1)", "ICC(1)"
"""What the share of variance between configurations is (Shrout & Fleiss 1979)."""
ENDS = ("", "_low", "_high")
CONFIGURATION_COLUMNS = [
    "state",
    "evaluation",
    "seeds",
    *(f"{name}{end}" for name in ("median", "iqm") for end in ENDS),
    "best",
    "worst",
    "spread",
    FAILED,
    *(f"failed_share{end}" for end in ENDS),
    *(verdict.value for verdict in Verdict),
]
SPREAD_COLUMNS = [
    "component",
    "share",
    "low",
    "high",
    "estimand",
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
    """Return the objective over its seeds of every trial of the search that was evaluated.

    There is one row per trial, at its last evaluation.

    number, the searched settings, state, evaluation, seeds (n of every estimate here); median with
    median_low and median_high, iqm (interquartile mean) with its ends: 95% intervals from six seeds
    on, NaN below; infinite where diverged seeds are reached. best, worst: single seeds (worst
    infinite where one diverged); spread: standard deviation over the seeds that have a score, NaN
    below two; failed (seeds that collapsed, cycled or diverged), failed_share with its interval,
    wide but kept at any n; a column per verdict.
    """
    study = search_stage(study)
    measure, sign = study.objective
    columns = ["number", *study.searched, *CONFIGURATION_COLUMNS]
    if study.trials.empty or study.evaluations.empty or measure not in study.evaluations:
        return pd.DataFrame(columns=columns)
    last = study.seeds
    last = last.assign(
        # Infinite and not missing: left out, a seed that diverged would improve the median.
        score=np.where(diverged(last), np.inf, sign * last[measure]),
        index_of_seed=last.groupby("number").cumcount(),
    )
    scores = last.pivot(index="number", columns="index_of_seed", values="score")
    verdicts = pd.crosstab(last["number"], last["verdict"]).reindex(
        columns=[v.value for v in Verdict], fill_value=0
    )
    failed = verdicts[[kind.value for kind in FAILURE_VERDICTS]].sum(axis=1)
    known = study.trials.set_index("number").loc[scores.index, [*study.searched, "state"]]
    table = known.assign(
        evaluation=last.groupby("number")["evaluation"].first(),
        seeds=last.groupby("number").size(),
        **{FAILED: failed},
    )
    shares = [
        binomial_proportion(int(count), int(n)).columns("failed_share")
        for count, n in zip(table[FAILED], table["seeds"], strict=True)
    ]
    table = table.join(_over_seeds(scores, sign)).join(pd.DataFrame(shares, index=table.index))
    return table.join(verdicts).reset_index()[columns]


def _over_seeds(scores: pd.DataFrame, sign: int) -> pd.DataFrame:
    """Return the columns median to spread of a row of scores per configuration.

    A score is NaN where a seed has none.
    """
    rows = []
    for row in scores.to_numpy(dtype=float):
        known = row[~np.isnan(row)]
        # Anew for each row, so that an interval does not depend on which other configurations there
        # are.
        iqm = interquartile_mean_of_seeds(known, np.random.default_rng(SEED))
        # A standard deviation with an infinite score does not exist.
        finite = known[np.isfinite(known)]
        rows.append(
            {
                **median(known, unit="seeds").in_direction(sign).columns("median"),
                **iqm.in_direction(sign).columns("iqm"),
                "best": sign * float(known.min()) if len(known) else NAN,
                "worst": sign * float(known.max()) if len(known) else NAN,
                "spread": float(finite.std(ddof=1)) if len(finite) > 1 else NAN,
            }
        )
    return pd.DataFrame(rows, index=scores.index)


def overall(study: Study) -> pd.DataFrame:
    """Estimate the score of the study as a whole at the amount that all trials reached.

    There are two rows, "median" and "interquartile mean".

    statistic; value with low and high (95%, for other configurations on these seeds: of the median
    exact, of the interquartile mean by bootstrap over configurations; NaN below six of them);
    configurations (n), seeds; axis, progress. Where a configuration lacks a seed that others have,
    all count by their medians.
    """
    frame = compared_scores(study)
    if not len(frame.numbers):
        return pd.DataFrame(columns=OVERALL_COLUMNS)
    rows = []
    # Two summaries, since the median ignores how good the best half is, and the interquartile mean
    # becomes infinite once a quarter of the seeds has diverged.
    middle = interquartile_mean_of_configurations(
        seed_medians(frame.scores), np.random.default_rng(SEED)
    ).in_direction(frame.sign)
    for name, found in (("median", frame.median()), ("interquartile mean", middle)):
        rows.append(
            {
                "statistic": name,
                "value": found.value,
                "low": found.low,
                "high": found.high,
                "configurations": found.n,
                "seeds": frame.num_seeds,
                "axis": frame.axis,
                "progress": frame.amount,
            }
        )
    return pd.DataFrame(rows, columns=OVERALL_COLUMNS)


def spread(study: Study) -> pd.DataFrame:
    """Estimate where the variance of the scores comes from, at the amount that all trials reached.

    component: "between configurations" or "between seeds of a configuration"; share of the variance
    of the ranks' normal scores (they sum to 1; see correlation.intraclass_correlation) with low and
    high (95%; NaN below twelve configurations); estimand: CROSSED, where all configurations have the
    same seeds and what a seed does to all of them alike is in neither share, else NESTED, where it
    is in that of the seeds; configurations (n, with two seeds or more), seeds; axis, progress. Empty
    where no two configurations have two seeds.
    """
    frame = compared_scores(study)
    found = intraclass_correlation(frame.scores)
    if np.isnan(found.value):
        return pd.DataFrame(columns=SPREAD_COLUMNS)
    seeds = (~np.isnan(frame.scores)).sum(axis=1)
    estimand = CROSSED if is_crossed(frame.scores) else NESTED
    n = (estimand, found.n, int(seeds[seeds >= 2].sum()), frame.axis, frame.amount)
    rows = [
        ("between configurations", found.value, found.low, found.high, *n),
        ("between seeds of a configuration", 1 - found.value, 1 - found.high, 1 - found.low, *n),
    ]
    return pd.DataFrame(rows, columns=SPREAD_COLUMNS)
