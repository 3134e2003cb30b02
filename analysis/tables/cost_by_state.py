"""What trials cost, by how they ended."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.tables.rows import table_of


@dataclass(frozen=True)
class CostRow:
    """The cost of the trials of one state."""

    state: str
    trials: int
    seconds: float


def cost_by_state(study: Study) -> pd.DataFrame:
    """Return the seconds of training by state: state, trials, seconds (in total)."""
    rows = [
        CostRow(str(state), len(trials), float(trials["seconds"].sum()))
        for state, trials in study.trials.groupby("state")
    ]
    return table_of(CostRow, rows)
