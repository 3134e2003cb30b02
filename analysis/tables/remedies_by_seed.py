"""A configuration with a remedy against its twin without, with the seed as the unit.

Where each remedy was tried at one or a few configurations, as in a grid of remedies alone, no
interval over configurations exists. The seeds still tell whether the remedy changes what *these*
settings come to. That is less than to say that the remedy helps: another learning rate may answer
otherwise, and only other configurations can tell.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.comparable import compared, is_ratio, search_stage
from ganstudy.analysis.frames.selection import NONE, objective, searched
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.few_seeds import NAN, holm, paired, verdicts
from ganstudy.analysis.tables.remedies import matchable

MIN_SEEDS = 5
"""Of three seeds that collapse half of the time, one study in thirty-two has all three differ alike
by chance.
"""
COLUMNS = [
    *(
        "scale",
        "effect",
        "low",
        "high",
        "level",
        "method",
        "p",
        "p_holm",
        "comparisons",
        "verdict",
        "lost",
    ),
    *("control_lost", "seeds", "axis", "progress"),
]


def remedy_twins(study: Study) -> pd.DataFrame:
    """Every configuration with remedies that has a twin without, equal in all else that was
    searched, seed by seed at the amount that all trials reached; of a remedy's own parameters each
    value is a row.

    remedies, number, control (numbers of the trials), the other searched settings;

    scale, effect with low and high at `level`: "ratio", the geometric mean over seeds of score /
    twin's score, or "difference", the mean of score - twin's (comparable.is_ratio says which); by
    Student's t, or, where a seed has diverged in one of the two (method "sign"), the median over
    seeds. Each interval holds alone;

    p; p_holm, corrected for `comparisons`; verdict: better or worse where p_holm < 0.05 and there
    are MIN_SEEDS seeds, else open; lost, control_lost: seeds that had collapsed, cycled or
    diverged; seeds: n; axis, progress.
    """
    study = search_stage(study)
    table = study.trials
    if "remedies" not in searched(study) or table.empty:
        return pd.DataFrame(columns=["remedies", "number", "control", *COLUMNS])
    frame, (_, sign), ratio = compared(study), objective(study), is_ratio(study)
    table = table.set_index("number").loc[frame.numbers]
    asked = [name for name in searched(study) if matchable(table[name], "remedies")]
    labels, keys = (
        table["remedies"].tolist(),
        list(map(tuple, table[asked].to_numpy(dtype=object).tolist())),
    )
    controls = {keys[i]: i for i in reversed(range(len(keys))) if labels[i] == NONE}
    with np.errstate(divide="ignore"):
        scores = np.log(frame.scores) if ratio else frame.scores
    rows: list[dict[str, Any]] = []
    for first, (label, key) in enumerate(zip(labels, keys, strict=True)):
        second = controls.get(key)
        if label == NONE or second is None:
            continue
        both = ~np.isnan(frame.scores[first]) & ~np.isnan(frame.scores[second])
        found = paired(scores[first, both], scores[second, both])
        ends = (found.low, found.high) if sign > 0 else (-found.high, -found.low)
        values = (sign * found.value, *ends)
        rows.append(
            {
                "remedies": label,
                "number": int(frame.numbers[first]),
                "control": int(frame.numbers[second]),
                **dict(zip(asked, key, strict=True)),
                "scale": "ratio" if ratio else "difference",
                **dict(
                    zip(("effect", "low", "high"), np.exp(values) if ratio else values, strict=True)
                ),
                "level": found.level,
                "method": found.method,
                "p": found.p if found.n >= MIN_SEEDS else NAN,
                "lost": int(np.nansum(frame.lost[first])),
                "control_lost": int(np.nansum(frame.lost[second])),
                "seeds": found.n,
                "axis": frame.axis,
                "progress": frame.amount,
                "order": found.value,
            }
        )
    told = pd.DataFrame(rows, columns=["remedies", "number", "control", *asked, *COLUMNS, "order"])
    known = told["p"].notna()
    told.loc[known, "p_holm"] = holm(told.loc[known, "p"].to_numpy(dtype=float))
    told["comparisons"] = int(known.sum())
    told["verdict"] = verdicts(
        told["p_holm"].to_numpy(dtype=float), told["order"].to_numpy(dtype=float)
    )
    return told.drop(columns="order")
