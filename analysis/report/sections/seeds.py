"""The seeds of each configuration, and their share of the whole spread."""

from __future__ import annotations

from ganstudy.analysis.figures.panels import Band, Curves
from ganstudy.analysis.figures.style import is_logarithmic
from ganstudy.analysis.formatting import absent, count, label, number, rows
from ganstudy.analysis.frames.selection import FAILED
from ganstudy.analysis.report import over_time
from ganstudy.analysis.report.blocks import Block, Fold, Results, Table
from ganstudy.analysis.report.phrases import ON_THESE_SEEDS, Conclusion, Open, interval, score_name
from ganstudy.analysis.stats.estimate import MIN_CONFIGURATIONS
from ganstudy.analysis.tables.configurations.performance_profiles import performance_profiles
from ganstudy.analysis.tables.trajectories import seeds

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
        unknown = None
        if absent(row["low"]):
            claim = "How much of the spread of scores is due to seeds is inconclusive:"
            basis = f"{n} are too few for an interval (observed: {1 - row['share']:.0%})."
            observed = f"{1 - row['share']:.0%}, {n}"
            unknown = Open("how much of the spread of scores is due to seeds", observed)
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
        found.append(Conclusion(claim, basis, open=unknown))
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
        *_profiles(results),
        Table(
            name="per_configuration",
            frame=table,
            title="Every configuration over its seeds",
            note=NOTE,
            folded=True,
            columns=columns,
        ),
    ]


def _profiles(results: Results) -> list[Block]:
    """Return the performance profiles of the values of k and of the remedies."""
    study, name = results.study, score_name(results.study)
    made: list[Block] = []
    for setting in over_time.split_by(results):
        table = results.cached(performance_profiles, study, setting)
        if table.empty:
            continue
        curves = Curves(
            table=table.assign(progress=table["score"]),
            setting=setting,
            line="share",
            titles=(name, "runs at least as good"),
            bands=(Band("share_low", "share_high", 0.2),),
            share=True,
            log_across=is_logarithmic(table["score"]),
        )
        title = f"Performance profiles by {setting}"
        drawn = over_time.figure(f"profiles_{setting}", curves, PROFILES)
        made.append(Fold(title, [*drawn, Table(f"profiles_{setting}", table, title, folded=True)]))
    return made


PROFILES = (
    "The share of runs (seeds of configurations) that score at least as well as the score below, "
    "at the amount at which settings are compared; grey: the other values. A failed seed reaches "
    "no score and stays in the denominator, so that a curve ends below 100% by the share that "
    "failed. Band: pointwise 95% interval for other configurations on these seeds, from "
    f"{MIN_CONFIGURATIONS} configurations on; n counts configurations. The groups are not matched "
    "on their other settings."
)
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
