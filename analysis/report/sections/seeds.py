"""The seeds of each configuration, and how much of all the spread is theirs."""

from __future__ import annotations

from ganstudy.analysis.formatting import count, label, number, rows
from ganstudy.analysis.frames import selection
from ganstudy.analysis.report.blocks import Block, Results, Table
from ganstudy.analysis.report.phrases import Conclusion, interval
from ganstudy.analysis.tables import seeds
from ganstudy.trials.results.catalogue import MEASURES

NAME, TITLE = "spread", "Seeds and configurations"


def conclusions(results: Results) -> list[Conclusion]:
    """Whether seeds or configurations make the difference, and where the study as a whole stands."""
    study = results.study
    if study.trials.empty:
        return []
    made = []
    for row in rows(results.of(seeds.spread, study))[:1]:
        of = f"{count(row['configurations'], 'configuration')} on {count(row['seeds'], 'seed')}"
        if row["low"] != row["low"]:
            claim = "How much of the spread is due to seeds cannot be told from these data:"
            made.append(
                Conclusion(
                    claim, f"{of} are too few for an interval (observed: {1 - row['share']:.0%})."
                )
            )
            continue
        claim = (
            f"{row['share']:.0%} [{row['low']:.0%}, {row['high']:.0%}] of the spread of scores lies between "
            f"configurations, the other {1 - row['share']:.0%} between seeds of a configuration."
        )
        made.append(
            Conclusion(
                claim,
                f"Variance of ranks; {of}, at {number(row['progress'])} {label(row['axis'])}.",
            )
        )
    name = MEASURES[study.objective.measure].label
    whole = rows(results.of(seeds.overall, study))
    if whole:
        parts = [f"{row['statistic']} {interval({**row, **_ends(row)}, 'value')}" for row in whole]
        of = f"{count(whole[0]['configurations'], 'configuration')}, {count(whole[0]['seeds'], 'seed')}"
        made.append(Conclusion(f"{name} of all configurations: {', '.join(parts)}.", f"{of}."))
    return made


def _ends(row: dict[str, float]) -> dict[str, float]:
    return {"value_low": row["low"], "value_high": row["high"]}


NOTE = (
    "At each trial's last evaluation, over its own seeds: the median and the interquartile mean have intervals from "
    "six seeds on; that of the share of lost seeds is wide, but kept at any n."
)


def blocks(results: Results) -> list[Block]:
    """Every configuration with its intervals, the parts of the spread, the study as a whole."""
    study = results.study
    columns = [
        "number",
        *study.searched,
        "state",
        "seeds",
        "median",
        "median_low",
        "median_high",
        "iqm",
    ]
    columns += [
        "best",
        "worst",
        "spread",
        selection.FAILED,
        "failed_share",
        "failed_share_low",
        "failed_share_high",
    ]
    each = results.of(seeds.per_configuration, study)
    if each.empty:
        return []
    return [
        Table(
            "spread", results.of(seeds.spread, study), "Where the spread comes from", folded=True
        ),
        Table(
            "overall", results.of(seeds.overall, study), "All configurations together", folded=True
        ),
        Table(
            "per_configuration",
            each,
            "Every configuration over its seeds",
            NOTE,
            folded=True,
            columns=columns,
        ),
    ]
