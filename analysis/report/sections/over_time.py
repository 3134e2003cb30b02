"""What the sections over time share: the settings that split the curves, their panels, and their
tests in words.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from ganstudy.analysis.figures.over_time import MOST_PANELS, Band, panels
from ganstudy.analysis.formatting import count, label, listed, rows
from ganstudy.analysis.frames import selection
from ganstudy.analysis.frames.selection import EVALUATION, own_axis
from ganstudy.analysis.report.blocks import Figure, Results
from ganstudy.analysis.stats.estimate import MIN_CONFIGURATIONS
from ganstudy.trials.results.records import Verdict

RATES = ("lr_d", "lr_g")


def split_by(results: Results, *settings: str) -> list[str]:
    """Those of the settings (k and remedies where none is named) that the study varied."""
    varied = results.study.searched
    return [name for name in settings or selection.COMPARED if name in varied]


def axis(results: Results) -> str:
    """The unit of progress, as readers see it."""
    unit = own_axis(results.study)
    return "evaluations" if unit == EVALUATION else label(unit)


def unknown(results: Results) -> str:
    """Why nothing can be said of lost seeds, where verdicts are unknown, to go on with; '' where
    all are known.

    Shares of the seeds whose verdicts are known would count almost only those that diverged.
    """
    seeds = results.study.seeds
    lacking = int((seeds["verdict"] == Verdict.UNKNOWN.value).sum()) if len(seeds) else 0
    return f"the verdict is unknown for {lacking} of {count(len(seeds), 'seed')}" if lacking else ""


def figure(
    name: str,
    table: pd.DataFrame,
    setting: str,
    line: str,
    bands: list[Band],
    titles: tuple[str, str],
    caption: str,
    *,
    share: bool = False,
    floor: float | None = None,
) -> list[Figure]:
    """A panel per value of the setting; none where no line has a value, or only one group is left."""
    values = (
        table.groupby(setting, sort=False)[line].count() if len(table) else pd.Series(dtype=int)
    )
    if (values > 0).sum() < 2:
        return []
    drawn = panels(table, setting, line, bands, titles, share=share, floor=floor)
    more = len(values) - MOST_PANELS
    if more > 0:
        caption += (
            f" Of {len(values)} values the {MOST_PANELS} with the most configurations are drawn."
        )
    alt = f"{titles[1]} against {titles[0]}, in one panel for each of {min(len(values), MOST_PANELS)} values of "
    return [Figure(name, drawn, caption, f"{alt}{label(setting)}.")]


def tested(tests: pd.DataFrame, what: str, n: str) -> tuple[str, str]:
    """(claim, basis) of log-rank tests: which settings differ in `what`, or that it cannot be told;
    '' without any.

    n: how many seeds had the event, in words.
    """
    known = tests[tests["p_adjusted"].notna()]
    if tests.empty:
        return "", ""
    names = listed(tests["setting"].tolist())
    if known.empty:
        why = f"below {MIN_CONFIGURATIONS} configurations, or without any such seed, there is no test ({n})."
        return f"Whether values of {names} differ in {what} cannot be told from these data:", why
    differ = known[known["decision"] == "differ"]
    least = rows(known.sort_values("p_adjusted").head(1))[0]
    held = f"{count(int(known['configurations'].max()), 'configuration')}, {n}"
    corrected = (
        f"corrected for {count(int(least['comparisons']), 'setting')}"
        if least["comparisons"] > 1
        else ""
    )
    basis = f"log-rank tests with the configuration as the unit{f', {corrected}' if corrected else ''}; {held}"
    if differ.empty:
        smallest = f"the smallest p is {least['p_adjusted']:.2g}, of {least['setting']}"
        return (
            f"Whether values of {names} differ in {what} cannot be told from these data:",
            f"{smallest} ({basis}).",
        )
    found = listed([f"{row['setting']} (p = {_p(row['p_adjusted'])})" for row in rows(differ)])
    untold = [name for name in tests["setting"] if name not in set(differ["setting"])]
    rest = f" Of {listed(untold)} it cannot be told." if untold else ""
    return f"Values of {found} differ in {what}.", f"{basis[0].upper()}{basis[1:]}.{rest}"


def _p(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.2g}"


def percent(row: dict[str, Any], column: str) -> str:
    """A share with its interval, where it has one."""
    low, high = row[f"{column}_low"], row[f"{column}_high"]
    middle = f"{row[column]:.0%}"
    return middle if pd.isna(low) or pd.isna(high) else f"{middle} [{low:.0%}, {high:.0%}]"
