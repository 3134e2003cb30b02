"""The contrast of two trials by seed: the one way in which runs of single configurations compare."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganstudy.analysis.frames.paired_runs import PairedRuns
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import INCONCLUSIVE, NAN
from ganstudy.analysis.stats.few_seeds import compare_by_seed
from ganstudy.analysis.tables.effects.contrasts import Contrast, Family, in_units


def contrast_by_seed(
    study: Study, runs: PairedRuns, question: str, first: Any, second: Any, at: str
) -> Contrast:
    """Compare the treated runs with their controls, seed by seed, each at the end of its training.

    The seed is the unit, as nothing else varies. The contrast is a family of its own and has no
    decision before it is corrected.
    """
    compared = compare_by_seed(runs.treated, runs.control, runs.verdicts)
    scale, effect = in_units(compared, study)
    with np.errstate(invalid="ignore"):
        differences = runs.treated - runs.control
    return Contrast(
        question=question,
        first=first,
        second=second,
        axis="",
        amount=NAN,
        scale=scale,
        effect=effect,
        worse_by=compared.effect.value,
        p=compared.p,
        p_adjusted=NAN,
        family=Family(question, 1),
        decision=INCONCLUSIVE,
        method=compared.method,
        seeds=effect.n,
        at=at,
        differences=differences,
        statistic=compared.statistic,
        improvement=compared.improved,
    )
