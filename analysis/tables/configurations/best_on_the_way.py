"""The best score of each trial at any of its evaluations, and what became of it.

A trial is compared by its score at the end. The least of several measurements looks too good, so
that the best on the way is no estimate of what early stopping would give; but a trial that fell far
from it did not fail to train.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.tables.configurations.search import convergence

FAR = 2.0
"""Ratio of the score at the end to the best one from which on a trial fell far: a guess."""
FAR_SHARE = 0.5
"""The same where scores are no ratios, as a share of the range of all scores: a guess."""
COLUMNS = ["number", "best", "best_at", "last", "last_at", "fell_far"]


def best_on_the_way(study: Study) -> pd.DataFrame:
    """Return one row per trial with a score: its best one, and the one at its last evaluation.

    number, best (median over seeds of the objective's measure, at the evaluation where it is best)
    at best_at (amount on the budget's axis), last at last_at (NaN where the median falls on a
    diverged seed, or was not measured), fell_far (last is FAR times best, or FAR_SHARE of the range
    of all scores away where these are no ratios, or NaN). The first evaluation counts of equal
    ones.
    """
    curves = convergence(study).sort_values(["number", "evaluation"], kind="stable")
    measured = curves.dropna(subset=["median"])
    if measured.empty:
        return pd.DataFrame(columns=COLUMNS)
    sign = study.objective.sign
    best = measured.loc[(sign * measured["median"]).groupby(measured["number"]).idxmin()]
    last = curves.groupby("number").tail(1).set_index("number").reindex(best["number"])
    frame = pd.DataFrame(
        {
            "number": best["number"].to_numpy(),
            "best": best["median"].to_numpy(),
            "best_at": best["progress"].to_numpy(),
            "last": last["median"].to_numpy(),
            "last_at": last["progress"].to_numpy(),
        }
    )
    if study.is_ratio:
        far = frame["last"] >= FAR * frame["best"]
    else:
        reach = FAR_SHARE * float(np.ptp(measured["median"].to_numpy()))
        far = (sign * (frame["last"] - frame["best"]) >= reach) & (reach > 0)
    return frame.assign(fell_far=far | frame["last"].isna())
