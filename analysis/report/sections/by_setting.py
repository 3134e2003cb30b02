"""A hyperparameter's values side by side: what the sections on k and on remedies share."""

from __future__ import annotations

import pandas as pd

from ganstudy.analysis.figures import search as search_figures
from ganstudy.analysis.figures import style
from ganstudy.analysis.report.blocks import Block, Figure, Pair, Results, Table
from ganstudy.analysis.report.phrases import unit
from ganstudy.analysis.stats.estimate import MIN_CONFIGURATIONS
from ganstudy.analysis.tables import search
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import FAILURES

INTERVAL = (
    "Median over configurations of the median over seeds, with its 95% bootstrap interval over both. No bar below "
    f"{MIN_CONFIGURATIONS} configurations, no arm where the interval reaches diverged seeds, and no point where the "
    "median does. Where two evaluations are shown, only the promising trials reached the later one: compare settings "
    "at the earlier one."
)
LOST = f"Share of seeds that {FAILURES}, with its 95% interval, configurations as the unit."


def table(results: Results, setting: str) -> pd.DataFrame:
    """Return search.by_setting, empty where the study did not vary the setting."""
    if setting not in results.study.searched:
        return pd.DataFrame()
    return results.of(search.by_setting, results.study, setting)


def blocks(results: Results, setting: str, title: str) -> list[Block]:
    """Score and lost seeds by value, and the numbers behind them."""
    made = table(results, setting)
    if made.empty:
        return []
    study = results.study
    measure, _ = study.objective
    name, axis = MEASURES[measure].label, style.as_text(unit(study))
    score = search_figures.by_setting(made, setting, measure, axis, study.floor.get(measure))
    lost = search_figures.lost_by_setting(made, setting, axis)
    values = made[setting].nunique()
    pair = Pair(
        [
            Figure(
                f"{setting}_score",
                score,
                INTERVAL,
                f"Median {name} for each of {values} values of {title}.",
            ),
            Figure(
                f"{setting}_lost",
                lost,
                LOST,
                f"Share of seeds lost for each of {values} values of {title}.",
            ),
        ]
    )
    return [pair, Table(f"by_{setting}", made, f"{name} and lost seeds by {title}", folded=True)]
