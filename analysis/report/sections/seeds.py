"""The seeds of each configuration, and their share of the whole spread."""

from __future__ import annotations

from ganstudy.analysis.formatting import absent, count, label, number, rows
from ganstudy.analysis.frames.selection import FAILED
from ganstudy.analysis.report.blocks import Block, Results, Table
from ganstudy.analysis.report.phrases import ON_THESE_SEEDS, Conclusion, interval, score_name
from ganstudy.analysis.tables import seeds

TITLE = "Seeds and configurations"


def conclusions(results: Results) -> list[Conclusion]:
    """Return whether scores vary more between seeds or configurations, and the score overall."""
    study = results.study
    if study.trials.empty:
        return []
    found = []
    # The second row, between seeds, is the complement of the first.
    for row in rows(results.cached(seeds.spread, study))[:1]:
        n = f"{count(row['configurations'], 'configuration')} on {count(row['seeds'], 'seed')}"
        if absent(row["low"]):
            claim = "How much of the spread of scores is due to seeds is inconclusive:"
            basis = f"{n} are too few for an interval (observed: {1 - row['share']:.0%})."
        else:
            crossed = row["estimand"] == seeds.CROSSED
            within = "luck of a seed with a single one" if crossed else "between seeds of one"
            claim = (
                f"{row['share']:.0%} [{row['low']:.0%}, {row['high']:.0%}] of the spread of "
                f"scores{' on a seed' if crossed else ''} is between configurations, the other "
                f"{1 - row['share']:.0%} {within}."
            )
            basis = (
                f"Variance of ranks, {row['estimand']}: {COMMON if crossed else OWN}; {n}, at "
                f"{number(row['progress'])} {label(row['axis'])}."
            )
        found.append(Conclusion(claim, basis))
    overall = rows(results.cached(seeds.overall, study))
    if overall:
        parts = []
        for row in overall:
            ends = {"value_low": row["low"], "value_high": row["high"]}
            parts.append(f"{row['statistic']} {interval(row | ends, 'value')}")
        n = (
            f"{count(overall[0]['configurations'], 'configuration')}, "
            f"{count(overall[0]['seeds'], 'seed')}"
        )
        claim = f"{score_name(study)} of all configurations: {', '.join(parts)}."
        found.append(Conclusion(claim, f"{n}; 95% intervals {ON_THESE_SEEDS}."))
    return found


def blocks(results: Results) -> list[Block]:
    """Return the parts of the spread, the study overall, and every configuration."""
    study = results.study
    table = results.cached(seeds.per_configuration, study)
    if table.empty:
        return []
    columns = [
        "number",
        *study.searched,
        "state",
        "seeds",
        "median",
        "median_low",
        "median_high",
        "iqm",
        "best",
        "worst",
        "spread",
        FAILED,
        "failed_share",
        "failed_share_low",
        "failed_share_high",
    ]
    spread, overall = results.cached(seeds.spread, study), results.cached(seeds.overall, study)
    return [
        Table("spread", spread, "Spread between configurations and between seeds", folded=True),
        Table("overall", overall, "All configurations together", folded=True),
        Table(
            name="per_configuration",
            frame=table,
            title="Every configuration over its seeds",
            note=NOTE,
            folded=True,
            columns=columns,
        ),
    ]


COMMON = "what a seed does to all configurations alike is in neither part"
OWN = (
    "the configurations have unlike seeds, so that what a seed does to all of them alike counts "
    "as spread between seeds"
)
NOTE = (
    "At each trial's last evaluation, over its own seeds: the median and the interquartile mean "
    "have intervals from six seeds on; that of the share of failed seeds is wide, but valid at "
    "any n."
)
