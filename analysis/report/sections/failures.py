"""Report failures over time: the share of seeds that have not failed, per value of a setting.

Log-rank tests say whether the values differ.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ganstudy.analysis.figures.panels import Band, Curves
from ganstudy.analysis.formatting import count
from ganstudy.analysis.report import over_time
from ganstudy.analysis.report.blocks import Block, Fold, Results, Table
from ganstudy.analysis.report.phrases import Conclusion, share
from ganstudy.analysis.stats.estimate import MIN_CONFIGURATIONS
from ganstudy.analysis.tables.rows import rows_of
from ganstudy.analysis.tables.trajectories import failures

TITLE = "Failures over time"
# A guess: as many as a phone shows beside the names.
TIMES_SHOWN = 6
"""Columns of the numbers at risk."""


def conclusions(results: Results) -> list[Conclusion]:
    """Return the share without failure, what pruning may hide, and whether settings differ."""
    study = results.study
    if unknown := over_time.unknown_verdicts(results):
        return [Conclusion("How many seeds failed, and when, is unknown:", f"{unknown}.")]
    summary = rows_of(failures.SurvivalRow, results.cached(failures.survival_summary, study))
    if not summary:
        return []
    row = summary[0]
    if np.isnan(row.survival.value):
        return [Conclusion("How many seeds fail is unknown:", f"{over_time.TOO_EARLY}.")]
    claim = (
        f"{share(row.survival)} of the seeds had not failed (collapsed, cycling or diverged) "
        f"by {row.horizon:g} {over_time.axis(results)}{_if_pruned(row)}."
    )
    n = f"{count(row.configurations, 'configuration')}, {count(row.num_seeds, 'seed')}"
    basis = f"Kaplan-Meier estimate over {n}, of which {row.failed} failed for good"
    if row.recovered:
        basis += f" and {row.recovered} had a failure verdict that went away again"
    basis += "."
    if row.configurations < MIN_CONFIGURATIONS:
        basis += f" Below {MIN_CONFIGURATIONS} configurations there is no interval."
    if pruned := row.pruned + row.failed_when_pruned:
        basis += (
            f" {count(pruned, 'seed')} belong to pruned trials: the share without failure at the "
            f"end would be {row.if_pruned_failed:.0%} of all seeds if all of these had failed, "
            f"and {row.if_pruned_survived:.0%} if none had."
        )
    tests = results.cached(failures.survival_tests, study)
    events = f"{count(row.failed, 'seed')} failed"
    return [Conclusion(claim, basis), *over_time.tested(tests, "seeds fail", events)]


def _if_pruned(row: failures.SurvivalRow) -> str:
    """Return the clause of the claim that bounds what pruning may hide.

    It is '' where pruning could hide no more than the interval allows for.
    """
    # Both ends are bounds: Kaplan-Meier assumes that censoring is unrelated to failure, but a
    # scheduler prunes what is poor.
    low, high = row.if_pruned_failed, row.if_pruned_survived
    if not row.pruned + row.failed_when_pruned:
        return ""
    if low >= row.survival.low and high <= row.survival.high:
        return ""
    return (
        " if those of pruned trials had gone on as the others did, and between "
        f"{low:.0%} and {high:.0%} at the end whatever had become of them"
    )


def blocks(results: Results) -> list[Block]:
    """Return curves, numbers at risk and a summary per setting, and the tests."""
    study, made = results.study, list[Block]()
    if over_time.unknown_verdicts(results):
        return []
    for setting in over_time.split_by(results, "k", "remedies", *over_time.LEARNING_RATES):
        summary = results.cached(failures.survival_summary, study, setting)
        if len(summary) < 2:
            continue
        table = results.cached(failures.survival_curves, study, setting)
        curves = Curves(
            table=table,
            setting=setting,
            line="survival",
            titles=(over_time.axis(results), "seeds without failure"),
            bands=(Band("low", "high", 0.2),),
            share=True,
        )
        shown: list[Block] = [
            *over_time.figure(f"survival_{setting}", curves, CURVES),
            *_curve_tables(setting, table),
            Table(
                name=f"survival_summary_{setting}",
                frame=summary,
                title=f"Seeds without failure by {setting}",
                note=SUMMARY,
                folded=True,
            ),
        ]
        made.append(Fold(f"By {setting}", shown))
    if made:
        tests = results.cached(failures.survival_tests, study)
        made.append(Table("survival_tests", tests, "Log-rank tests", TESTS, folded=True))
    return made


def _curve_tables(setting: str, curves: pd.DataFrame) -> list[Block]:
    """Return the numbers at risk and the curves; none where no value has a curve."""
    if curves.empty:
        return []
    risk, title = at_risk(curves, setting), f"Seeds at risk by {setting}"
    return [
        Table(f"at_risk_{setting}", risk, title, AT_RISK, folded=True),
        Table(f"survival_{setting}", curves, f"Share without failure by {setting}", folded=True),
    ]


def at_risk(curves: pd.DataFrame, setting: str) -> pd.DataFrame:
    """Return the seeds at risk per value (rows) at a few times (columns); 0 after a value's end."""
    times = sorted(curves["progress"].unique())
    chosen = sorted(
        {times[round(i * (len(times) - 1) / (TIMES_SHOWN - 1))] for i in range(TIMES_SHOWN)}
    )
    made = []
    for value, curve in curves.groupby(setting, sort=False):
        known = curve.set_index("progress")["at_risk"]
        # Just before a time at which this group has no row, the seeds at risk are those of its
        # next row; after its last row there are none.
        counted = {f"at {time:g}": int(known[known.index >= time].head(1).sum()) for time in chosen}
        made.append({setting: value, **counted})
    return pd.DataFrame(made)


CURVES = (
    "Share of seeds that have not failed (collapsed, cycling or diverged): Kaplan-Meier estimate "
    "with its pointwise 95% interval, seeds of one configuration counting as dependent; grey: "
    f"the other values. n counts configurations; below {MIN_CONFIGURATIONS} there is no interval. "
    "A step is at the evaluation at which the failure was seen; a curve begins at the first at which "
    f"one can be, and needs {failures.MIN_MOMENTS} of them."
)
AT_RISK = (
    "Seeds still observed and without failure just before each time: a curve over few seeds is "
    "uncertain."
)
SUMMARY = (
    "A trial that was pruned is censored, and it was mostly pruned for being poor, so the curve "
    "may look too good. if_pruned_failed and if_pruned_survived are the shares of all seeds "
    "without failure at the end if every seed of a pruned trial had failed, or none: the true "
    "share is between them."
)
TESTS = (
    "Configurations are permuted with all their seeds (chi-squared from 200 on); p_adjusted is "
    "corrected for the number of settings. Other settings are ignored: where the sampler follows "
    "the score, values may differ because of them."
)
