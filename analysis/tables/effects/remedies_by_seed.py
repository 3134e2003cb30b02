"""A configuration with a remedy against the same one without, paired by seed.

Where each remedy was tried at one or a few configurations, as in a grid of remedies alone, no
interval over configurations exists. The seeds still show whether the remedy changes the outcome of
*these* settings. That is less than to say that the remedy helps: another learning rate may answer
otherwise, and only other configurations can show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.compared_scores import ComparedScores, compared_scores
from ganstudy.analysis.frames.designed import compared_trials
from ganstudy.analysis.frames.paired_runs import PairedRuns
from ganstudy.analysis.frames.selection import NONE
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import NAN, Floats
from ganstudy.analysis.stats.margin import Margin
from ganstudy.analysis.stats.multiplicity import holm
from ganstudy.analysis.tables.effects.compared_settings import REMEDIES, primary_settings
from ganstudy.analysis.tables.effects.contrasts import (
    SINGLE,
    Contrast,
    holm_family,
    is_design,
    margin_of,
)
from ganstudy.analysis.tables.effects.matched_arms import matched_settings
from ganstudy.analysis.tables.effects.seed_contrasts import contrast_by_seed
from ganstudy.analysis.tables.rows import Cells
from ganstudy.trials.results.documents import Settings

MIN_SEEDS_FOR_TEST = 5
"""Of three seeds that collapse half of the time, one study in thirty-two has all three differ alike
by chance.
"""
PAIRED_COLUMNS = [
    "scale",
    "effect",
    "low",
    "high",
    "level",
    "method",
    "p",
    "p_holm",
    "comparisons",
    "decision",
    "failed",
    "control_failed",
    "seeds",
    "axis",
    "progress",
]


@dataclass(frozen=True)
class SingleConfiguration:
    """A configuration with remedies against the same one without."""

    contrast: Contrast
    """Of the set of remedies against none."""
    number: int
    """Of the trial."""
    control: int
    """Of the trial without remedies."""
    settings: Settings
    """The other searched settings, which both have."""
    failed: float
    """Seeds that had collapsed, cycled or diverged; NaN where verdicts do not compare."""
    control_failed: float

    def columns(self) -> Cells:
        """Return the row of the table of remedies_paired_by_seed."""
        contrast = self.contrast
        return {
            "remedies": contrast.first,
            "number": self.number,
            "control": self.control,
            **self.settings,
            "scale": contrast.scale,
            "effect": contrast.effect.value,
            "low": contrast.effect.low,
            "high": contrast.effect.high,
            "level": contrast.effect.level,
            "method": contrast.method,
            "p": contrast.p,
            "p_holm": contrast.p_adjusted,
            "comparisons": contrast.family.comparisons,
            "decision": contrast.decision,
            "failed": self.failed,
            "control_failed": self.control_failed,
            "seeds": contrast.effect.n,
            "axis": contrast.axis,
            "progress": contrast.amount,
        }


def single_configurations(study: Study) -> list[SingleConfiguration]:
    """Compare every configuration with remedies with the equal one without, seed by seed.

    The two are equal in all else that was searched, and compared at the amount that all trials
    reached.
    """
    whole, study = study, compared_trials(study)
    table = study.trials
    if "remedies" not in study.searched or table.empty:
        return []
    frame = compared_scores(study)
    table = table.set_index("number").loc[frame.numbers]
    others = matched_settings(study, table, "remedies")
    labels = table["remedies"].tolist()
    settings = list(map(tuple, table[others].to_numpy(dtype=object).tolist()))
    # Of several equal ones without remedy the first: in reverse it is entered last.
    controls = {settings[i]: i for i in reversed(range(len(settings))) if labels[i] == NONE}
    made = [
        _compared(
            study,
            frame,
            (first, controls[setting]),
            remedies,
            dict(zip(others, setting, strict=True)),
        )
        for first, (remedies, setting) in enumerate(zip(labels, settings, strict=True))
        if remedies != NONE and setting in controls
    ]
    # Where remedies alone are the question they are the primary family; beside k they are not.
    primary = is_design(whole) and primary_settings(whole) == [REMEDIES]
    return _corrected(made, primary, margin_of(study))


def _compared(
    study: Study,
    frame: ComparedScores,
    rows: tuple[int, int],
    remedies: str,
    settings: Settings,
) -> SingleConfiguration:
    """Compare two configurations, by their rows in `frame`, on the seeds that they share."""
    both = ~np.isnan(frame.scores[list(rows)]).any(axis=0)
    scores = frame.scores[list(rows)][:, both]
    verdicts = None if frame.verdicts is None else frame.verdicts[list(rows)][:, both]
    treated, control = np.log(scores) if study.is_ratio else scores
    contrast = contrast_by_seed(
        study,
        PairedRuns(treated, control, verdicts),
        question=SINGLE,
        first=remedies,
        second=NONE,
        at=f"trial {frame.numbers[rows[0]]} against trial {frame.numbers[rows[1]]}",
    )
    p = contrast.p if contrast.seeds >= MIN_SEEDS_FOR_TEST else NAN
    contrast = replace(contrast, axis=frame.axis, amount=frame.amount, p=p)
    first, second = rows
    return SingleConfiguration(
        contrast=contrast,
        number=int(frame.numbers[first]),
        control=int(frame.numbers[second]),
        settings=settings,
        failed=_failed_seeds(frame.failed[first]),
        control_failed=_failed_seeds(frame.failed[second]),
    )


def _failed_seeds(failed: Floats) -> float:
    """Return the number of failed seeds [S]; NaN where verdicts do not compare."""
    return NAN if np.isnan(failed).all() else float(np.nansum(failed))


def _corrected(
    made: list[SingleConfiguration], primary: bool, margin: Margin | None
) -> list[SingleConfiguration]:
    """Return the same with Holm's p-values and decisions, held against the margin."""
    p_values = np.array([row.contrast.p for row in made])
    family = holm_family(SINGLE, p_values, primary)
    # Rows without a test can find nothing, and do not take part in the correction.
    adjusted, known = np.full(len(made), NAN), ~np.isnan(p_values)
    adjusted[known] = holm(p_values[known])
    return [
        replace(row, contrast=row.contrast.corrected(family, float(p)).against(margin))
        for row, p in zip(made, adjusted, strict=True)
    ]


def remedies_paired_by_seed(
    study: Study, contrasts: Sequence[SingleConfiguration] | None = None
) -> pd.DataFrame:
    """Compare every configuration with remedies with the equal one without, seed by seed.

    The two are equal in all else that was searched, and compared at the amount that all trials
    reached.

    One row per configuration; of a remedy's own parameters each value is a row. remedies, number,
    control (numbers of the trials), the other searched settings;

    scale, effect with low and high at `level`: "ratio", the geometric mean over seeds of score /
    control's score, or "difference", the mean of score - control's (Study.is_ratio says which),
    with Student's interval, which holds if differences are normal; where a seed has diverged in one
    of the two (`method` says so), the median over seeds. Each interval holds alone and decides
    nothing;

    p, of the exact sign-flip test of places in the order that knows failure (stats/run_order.py);
    p_holm, corrected for `comparisons`; decision: better or worse where p_holm < 0.05 and there are
    MIN_SEEDS_FOR_TEST seeds, else practically equal where the interval that holds for all together
    lies within the margin, else inconclusive; failed, control_failed: seeds that had collapsed,
    cycled or diverged; seeds: n; axis, progress.

    contrasts: those of single_configurations, if they have been made already.
    """
    made = single_configurations(study) if contrasts is None else contrasts
    others = list(made[0].settings) if made else []
    columns = ["remedies", "number", "control", *others, *PAIRED_COLUMNS]
    return pd.DataFrame([row.columns() for row in made], columns=columns)
