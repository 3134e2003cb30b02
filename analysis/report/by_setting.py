"""A setting's values side by side: score and share of failed seeds."""

from __future__ import annotations

import pandas as pd

from ganstudy.analysis.figures import by_setting as figures
from ganstudy.analysis.figures.style import ScoreAxes, as_text
from ganstudy.analysis.report.blocks import Block, Figure, Pair, Results, Table
from ganstudy.analysis.report.phrases import ON_THESE_SEEDS, score_name, unit
from ganstudy.analysis.stats.estimate import MIN_CONFIGURATIONS
from ganstudy.analysis.tables.configurations import search
from ganstudy.trials.results.records import FAILURES, Verdict

SCORE = (
    f"Median over configurations of the median over seeds, with its 95% interval {ON_THESE_SEEDS}. "
    f"No interval below {MIN_CONFIGURATIONS} configurations, no bar towards an end that "
    "falls on diverged seeds, and no point where the median does. Where two evaluations are "
    "shown, only the trials that were not pruned reached the later one: compare settings at the "
    "earlier one."
)
FAILED = (
    f"Share of seeds that {FAILURES}, with its 95% interval {ON_THESE_SEEDS}. None before "
    f"evaluation {Verdict.COLLAPSED.earliest}, at which a seed can first have collapsed."
)


def table(results: Results, setting: str) -> pd.DataFrame:
    """Return search.by_setting, empty where the study did not vary the setting."""
    if setting not in results.study.searched:
        return pd.DataFrame()
    return results.cached(search.by_setting, results.study, setting)


def blocks(results: Results, setting: str, title: str) -> list[Block]:
    """Return figures of the score and of failed seeds by value, and the numbers behind them."""
    made = table(results, setting)
    if made.empty:
        return []
    study = results.study
    name, axis = score_name(study), as_text(unit(study))
    measure = study.objective.measure
    score = figures.by_setting(made, setting, ScoreAxes(measure, axis, study.floor.get(measure)))
    values = f"each of {made[setting].nunique()} values of {title}."
    # Side by side: a value with a good median can still have many failed seeds.
    shown = [Figure(f"{setting}_score", score, SCORE, f"Median {name} for {values}")]
    if made["failed_share"].notna().any():
        failed = figures.failed_by_setting(made, setting, axis)
        alt = f"Share of failed seeds for {values}"
        shown.append(Figure(f"{setting}_failed", failed, FAILED, alt))
    return [
        Pair(shown),
        Table(f"by_{setting}", made, f"{name} and failed seeds by {title}", folded=True),
    ]
