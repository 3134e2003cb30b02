"""Two trials on the seeds that both were trained on, at their last evaluations."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import Floats

VERDICT = "verdict"


class PairedRuns(NamedTuple):
    """Scores and verdicts of two trials by seed."""

    treated: Floats
    """[S], smaller is better; a logarithm where scores are compared as ratios (Study.is_ratio),
    infinite where a seed has no value.
    """
    control: Floats
    verdicts: NDArray[Any] | None
    """[2, S] by name; None where the study has none."""


def runs_of_pair(study: Study, treated: int, control: int) -> PairedRuns:
    """Return the runs of two trials, by number, on their common seeds."""
    measure, sign = study.objective
    rows = study.seeds[study.seeds["number"].isin((treated, control))].set_index("seed")
    # A seed without a value ranks worst: left out, divergence would make either look better.
    score = (sign * rows[measure].astype(float)).fillna(np.inf)
    one, other = (rows["number"] == number for number in (treated, control))
    # Inner: only a seed that both were trained on makes a pair.
    pairs = pd.concat([score[one], score[other]], axis=1, join="inner", keys=[0, 1])
    verdicts = None
    if VERDICT in rows:
        verdicts = np.stack(
            [rows.loc[own, VERDICT].reindex(pairs.index).to_numpy() for own in (one, other)]
        )
    scores = pairs.to_numpy(dtype=float).T
    one_scores, other_scores = np.log(scores) if study.is_ratio else scores
    return PairedRuns(one_scores, other_scores, verdicts)
