"""Find from when on seeds can fail, and where failures of several trials can be counted together."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pandas as pd

from ganstudy.trials.results.records import FAILURE_VERDICTS, Verdict

EARLIEST = max(kind.earliest for kind in FAILURE_VERDICTS)
"""The evaluation at which a seed can have failed in any way."""


def too_early(trials: pd.DataFrame) -> pd.Series:
    """Return per trial how many of its seeds have not been evaluated often enough to be judged.

    They have not diverged, and whether they collapsed or cycle cannot be said yet. trials: the
    frame of a study. Verdicts that were made elsewhere may come earlier than ours.
    """
    seen = trials[[kind.value for kind in FAILURE_VERDICTS if kind.earliest > 1]].any(axis=1)
    earliest = min(EARLIEST, trials.loc[seen, "evaluations"].min())  # NaN is no smaller
    known = trials[Verdict.DIVERGED.value] + trials[Verdict.UNKNOWN.value]
    unjudged = (trials["num_seeds"] - known).where(trials["evaluations"] < earliest, 0)
    return unjudged.astype(int)


def verdicts_compare(then: pd.DataFrame, rows: pd.DataFrame) -> bool:
    """Return whether failed seeds can be counted together in `then`.

    `then` is the part of `rows` (with `gone` and `verdict`) at one amount of training. It compares
    where all are of one evaluation, at which a verdict can be a failure.

    With k = 5 a trial may be at its first evaluation where one with k = 1 is at its third, and no
    seed has collapsed before its third. A seed that has diverged has done so at any later one.
    """
    if "verdict" not in rows:
        return True
    evaluations = then.loc[~then["gone"].astype(bool), "evaluation"].unique()
    if len(evaluations) > 1:
        return False
    return bool((evaluations >= first_failures(rows)).all())


def first_failures(rows: pd.DataFrame, kinds: Iterable[Verdict] = FAILURE_VERDICTS) -> int:
    """Return the evaluation from which on seeds can fail in all of these ways.

    Verdicts that were made elsewhere, as in imported histories, may come earlier than ours: then it
    is the first at which one stands in `rows`.
    """
    earliest = max((kind.earliest for kind in kinds), default=1)
    slow = [kind.value for kind in kinds if kind.earliest > 1]
    seen = rows.loc[rows["verdict"].isin(slow), "evaluation"].min()
    return earliest if math.isnan(seen) else int(min(earliest, seen))
