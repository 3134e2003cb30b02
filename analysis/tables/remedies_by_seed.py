"""A configuration with a remedy against the same one without, paired by seed.

Where each remedy was tried at one or a few configurations, as in a grid of remedies alone, no
interval over configurations exists. The seeds still show whether the remedy changes the outcome of
*these* settings. That is less than to say that the remedy helps: another learning rate may answer
otherwise, and only other configurations can show it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.selection import NONE, ComparedScores, compared_scores, search_stage
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import NAN
from ganstudy.analysis.stats.few_seeds import compare_by_seed
from ganstudy.analysis.stats.multiplicity import decisions, holm
from ganstudy.analysis.tables.remedies import matchable

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


def remedies_paired_by_seed(study: Study) -> pd.DataFrame:
    """Compare every configuration with remedies with the one without that is equal in all else that
    was searched, seed by seed at the amount that all trials reached.

    One row per configuration; of a remedy's own parameters each value is a row. remedies, number,
    control (numbers of the trials), the other searched settings;

    scale, effect with low and high at `level`: "ratio", the geometric mean over seeds of score /
    control's score, or "difference", the mean of score - control's (Study.is_ratio says which); by
    Student's t, or, where a seed has diverged in one of the two (method "sign"), the median over
    seeds. Each interval holds alone;

    p; p_holm, corrected for `comparisons`; decision: better or worse where p_holm < 0.05 and there
    are MIN_SEEDS_FOR_TEST seeds, else inconclusive; failed, control_failed: seeds that had
    collapsed, cycled or diverged; seeds: n; axis, progress.
    """
    study = search_stage(study)
    table = study.trials
    if "remedies" not in study.searched or table.empty:
        return pd.DataFrame(columns=["remedies", "number", "control", *PAIRED_COLUMNS])
    frame = compared_scores(study)
    table = table.set_index("number").loc[frame.numbers]
    others = [name for name in study.searched if matchable(table[name], "remedies")]
    labels = table["remedies"].tolist()
    settings = list(map(tuple, table[others].to_numpy(dtype=object).tolist()))
    # Of several equal ones without remedy the first: in reverse it is entered last.
    controls = {settings[i]: i for i in reversed(range(len(settings))) if labels[i] == NONE}
    rows = [
        {
            "remedies": label,
            **dict(zip(others, setting, strict=True)),
            **_row(frame, first, controls[setting], study.is_ratio),
        }
        for first, (label, setting) in enumerate(zip(labels, settings, strict=True))
        if label != NONE and setting in controls
    ]
    columns = ["remedies", "number", "control", *others, *PAIRED_COLUMNS, "worse_by"]
    made = pd.DataFrame(rows, columns=columns)
    # Rows without a test can find nothing, and do not take part in the correction.
    known = made["p"].notna()
    made.loc[known, "p_holm"] = holm(made.loc[known, "p"].to_numpy(dtype=float))
    made["comparisons"] = int(known.sum())
    made["decision"] = decisions(
        made["p_holm"].to_numpy(dtype=float), made["worse_by"].to_numpy(dtype=float)
    )
    return made.drop(columns="worse_by")


def _row(frame: ComparedScores, first: int, second: int, ratio: bool) -> dict[str, Any]:
    """Compare two configurations, by their rows in `frame`, on the seeds that they share."""
    both = ~np.isnan(frame.scores[first]) & ~np.isnan(frame.scores[second])
    scores = frame.scores[[first, second]][:, both]
    # Seeds are the units, as one configuration of either kind is all there is.
    compared = compare_by_seed(*(np.log(scores) if ratio else scores))
    effect = compared.effect.in_direction(frame.sign)
    effect = effect.as_ratio() if ratio else effect
    return {
        "number": int(frame.numbers[first]),
        "control": int(frame.numbers[second]),
        "scale": "ratio" if ratio else "difference",
        "effect": effect.value,
        "low": effect.low,
        "high": effect.high,
        "level": effect.level,
        "method": compared.method,
        "p": compared.p if effect.n >= MIN_SEEDS_FOR_TEST else NAN,
        "failed": int(np.nansum(frame.failed[first])),
        "control_failed": int(np.nansum(frame.failed[second])),
        "seeds": effect.n,
        "axis": frame.axis,
        "progress": frame.amount,
        "worse_by": compared.effect.value,
    }
