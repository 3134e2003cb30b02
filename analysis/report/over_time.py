"""Give the sections over time what they share: settings, panels of curves, and log-rank tests."""

from __future__ import annotations

import pandas as pd

from ganstudy.analysis.figures.panels import MOST_PANELS, Curves, panels
from ganstudy.analysis.formatting import count, label, listed, p_value, rows
from ganstudy.analysis.frames.compared_scores import EVALUATION, own_axis
from ganstudy.analysis.frames.selection import COMPARED
from ganstudy.analysis.report.blocks import Figure, Results
from ganstudy.analysis.report.phrases import Conclusion, Open
from ganstudy.analysis.stats.estimate import MIN_CONFIGURATIONS
from ganstudy.analysis.tables.trajectories import failures
from ganstudy.trials.results.records import Verdict

LEARNING_RATES = ("lr_d", "lr_g")
TOO_EARLY = (
    f"before evaluation {Verdict.COLLAPSED.earliest} no seed can have collapsed or cycle, whatever "
    "becomes of it"
)


def split_by(results: Results, *settings: str) -> list[str]:
    """Return those of the settings (k and remedies by default) that the study varied."""
    varied = results.study.searched
    return [name for name in settings or COMPARED if name in varied]


def axis(results: Results) -> str:
    """Return the unit of progress in words."""
    unit = own_axis(results.study)
    return "evaluations" if unit == EVALUATION else label(unit)


def unknown_verdicts(results: Results) -> str:
    """Return a clause that counts the seeds with an unknown verdict; '' where every one is known.

    Failures are not counted then: the seeds with a known verdict are mostly those that diverged.
    """
    seeds = results.study.seeds
    unknown = int((seeds["verdict"] == Verdict.UNKNOWN.value).sum()) if len(seeds) else 0
    return f"the verdict is unknown for {unknown} of {count(len(seeds), 'seed')}" if unknown else ""


def figure(name: str, curves: Curves, caption: str) -> list[Figure]:
    """Return a figure with a panel per value of the setting.

    There is none where fewer than two values have a line.
    """
    table = curves.table
    if table.empty:
        return []
    # A single panel would repeat the figure over all trials.
    points = table.groupby(curves.setting, sort=False)[curves.line].count()
    if (points > 0).sum() < 2:
        return []
    if len(points) > MOST_PANELS:
        caption += (
            f" Of {len(points)} values the {MOST_PANELS} with the most configurations are drawn."
        )
    across, up = curves.titles
    alt = (
        f"{up} against {across}, in one panel for each of {min(len(points), MOST_PANELS)} values "
        "of "
    )
    return [Figure(name, panels(curves), caption, f"{alt}{label(curves.setting)}.")]


def tested(tests: pd.DataFrame, what: str, events: str) -> list[Conclusion]:
    """Return the conclusion of log-rank tests on events; none without tests.

    It says which settings differ in how soon `what` ("seeds fail") or, where the events lie at
    fewer than MIN_SOON moments, in how many do.

    events: how many seeds had the event, in words.
    """
    if tests.empty:
        return []
    # Events that all lie at one evaluation are earlier under no value.
    soon = int(tests["moments"].min()) >= failures.MIN_SOON
    what = f"how soon {what}" if soon else f"how many {what}"
    # Without a p-value: too few configurations, or no seed had the event.
    known = tests[tests["p_adjusted"].notna()]
    names = listed(tests["setting"].tolist())
    question = f"whether values of {names} differ in {what}"
    inconclusive = f"{question[0].upper()}{question[1:]} is inconclusive:"
    if known.empty:
        few = f"a test needs {MIN_CONFIGURATIONS} configurations and at least one such seed"
        unknown = Open(question, observed=events, takes=few)
        return [Conclusion(inconclusive, f"{few} ({events}).", exploratory=True, open=unknown)]
    # All settings are corrected alike, so any row has the number of comparisons.
    least = rows(known.sort_values("p_adjusted").head(1))[0]
    method = "log-rank tests with the configuration as the unit"
    if least["comparisons"] > 1:
        method += f", corrected for {count(int(least['comparisons']), 'setting')}"
    method += f"; {count(int(known['configurations'].max()), 'configuration')}, {events}"
    differ = known[known["decision"] == "differ"]
    if differ.empty:
        smallest = f"the smallest p is {least['p_adjusted']:.2g}, for {least['setting']}"
        unknown = Open(question, observed=f"{smallest}; {events}")
        basis = f"{smallest} ({method})."
        return [Conclusion(inconclusive, basis, exploratory=True, open=unknown)]
    found = listed([f"{row['setting']} ({p_value(row['p_adjusted'])})" for row in rows(differ)])
    others = [name for name in tests["setting"] if name not in set(differ["setting"])]
    rest = f" Inconclusive for {listed(others)}." if others else ""
    basis = f"{method[0].upper()}{method[1:]}.{rest}"
    return [Conclusion(f"Values of {found} differ in {what}.", basis, exploratory=True)]
