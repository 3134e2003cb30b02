"""Until when seeds hold: the share not yet lost, per value of a setting, and whether the values
differ.
"""

from __future__ import annotations

import pandas as pd

from ganstudy.analysis.figures.over_time import Band
from ganstudy.analysis.formatting import count, rows
from ganstudy.analysis.report.blocks import Block, Heading, Results, Table
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.report.sections import over_time
from ganstudy.analysis.stats.estimate import MIN_CONFIGURATIONS
from ganstudy.analysis.tables import failures
from ganstudy.trials.results.records import FAILURES

NAME, TITLE = "survival", "Until when seeds hold"
SHOWN_MOMENTS = 6
"""Of the numbers at risk."""


def conclusions(results: Results) -> list[Conclusion]:
    """The share that held, with what pruning may have hidden, and whether settings differ."""
    study = results.study
    if why := over_time.unknown(results):
        return [
            Conclusion(
                "How many seeds were lost, and when, cannot be told from these data:", f"{why}."
            )
        ]
    summary = rows(results.of(failures.survival_summary, study))
    if not summary:
        return []
    row, unit = summary[0], over_time.axis(results)
    n = f"{count(row['configurations'], 'configuration')}, {count(row['num_seeds'], 'seed')}"
    share = f"{over_time.percent(row, 'survival')} of the seeds were not lost ({FAILURES}) by {row['horizon']:g} {unit}"
    basis = f"Kaplan-Meier estimate over {n}, of which {row['failed']} were lost for good"
    basis += (
        f" and {row['recovered']} had a lost verdict that went away again."
        if row["recovered"]
        else "."
    )
    if row["configurations"] < MIN_CONFIGURATIONS:
        basis += f" Below {MIN_CONFIGURATIONS} configurations there is no interval."
    if row["pruned"] or row["failed_when_pruned"]:
        basis += (
            f" {row['pruned'] + row['failed_when_pruned']} seeds belong to pruned trials: had all of these been lost "
            f"in the end, {row['if_pruned_failed']:.0%} of all seeds would have held, and had none, "
            f"{row['if_pruned_survived']:.0%}."
        )
    made = [Conclusion(f"{share}.", basis)]
    claim, why = over_time.tested(
        results.of(failures.survival_tests, study),
        "how soon they lose seeds",
        f"{row['failed']} seeds lost",
    )
    return [*made, Conclusion(claim, why)] if claim else made


def blocks(results: Results) -> list[Block]:
    """Curves, numbers at risk and a summary per setting; the tests."""
    study, made = results.study, list[Block]()
    if over_time.unknown(results):
        return []
    for setting in over_time.split_by(results, "k", "remedies", *over_time.RATES):
        curves = results.of(failures.survival_curves, study, setting)
        if curves[setting].nunique() < 2:
            continue
        unit = over_time.axis(results)
        drawn = over_time.figure(
            *(f"survival_{setting}", curves, setting, "survival", [Band("low", "high", 0.2)]),
            *((unit, "seeds not yet lost"), CAPTION),
            share=True,
        )
        made += [
            Heading(f"By {setting}"),
            *drawn,
            Table(
                f"at_risk_{setting}", at_risk(curves, setting), f"Seeds at risk by {setting}", RISK
            ),
            Table(
                f"survival_summary_{setting}",
                results.of(failures.survival_summary, study, setting),
                f"How many held by {setting}, and for how long",
                PRUNED,
                folded=True,
            ),
            Table(f"survival_{setting}", curves, f"Share not yet lost by {setting}", folded=True),
        ]
    tests = results.of(failures.survival_tests, study)
    return (
        [*made, Table("survival_tests", tests, "Log-rank tests", TESTS, folded=True)]
        if made
        else []
    )


CAPTION = (
    f"Share of seeds not yet lost ({FAILURES}), by Kaplan and Meier, with its pointwise 95% interval, seeds of one "
    "configuration counting as dependent; grey: the other values. n counts configurations; below "
    f"{MIN_CONFIGURATIONS} there is no interval. A step stands at the evaluation at which the loss was seen."
)
RISK = "Seeds that were still watched and not lost just before each moment: a curve over few of them says little."
PRUNED = (
    "A trial that was pruned is watched no longer, and it was mostly pruned for being poor, so the curve may "
    "flatter. if_pruned_failed and if_pruned_survived are the shares of all seeds that would have held if every seed "
    "of a pruned trial had been lost in the end, or none: no assumption puts the truth outside them."
)
TESTS = (
    "Configurations are permuted with all their seeds (chi-squared from 200 on); p_adjusted is corrected for the "
    "number of settings. Other settings are held for noise: under a sampler that follows the score, values may differ "
    "through them."
)


def at_risk(curves: pd.DataFrame, setting: str) -> pd.DataFrame:
    """Seeds at risk per value (rows) at a few moments (columns); 0 once nobody is watched."""
    points = sorted(curves["progress"].unique())
    chosen = sorted(
        {points[round(i * (len(points) - 1) / (SHOWN_MOMENTS - 1))] for i in range(SHOWN_MOMENTS)}
    )
    made = []
    for value, curve in curves.groupby(setting, sort=False):
        known = curve.set_index("progress")["at_risk"]
        # Just before a moment at which this group has no row, those of its next row are watched;
        # none after its last.
        counted = {
            f"at {moment:g}": int(known[known.index >= moment].head(1).sum()) for moment in chosen
        }
        made.append({setting: value, **counted})
    return pd.DataFrame(made)
