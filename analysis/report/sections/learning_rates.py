"""The learning rates of both players: where seeds train, and what their ratio does."""

from __future__ import annotations

import pandas as pd

from ganstudy.analysis.figures.learning_rates import learning_rate_cells, learning_rate_map
from ganstudy.analysis.figures.style import thinned
from ganstudy.analysis.formatting import count, number
from ganstudy.analysis.frames.selection import ranked
from ganstudy.analysis.report.blocks import Block, Figure, Fold, Pair, Results, Table
from ganstudy.analysis.report.over_time import LEARNING_RATES
from ganstudy.analysis.report.phrases import (
    ON_THESE_SEEDS,
    Conclusion,
    Open,
    score_name,
    share,
    with_interval,
)
from ganstudy.analysis.stats.estimate import Estimate
from ganstudy.analysis.stats.logistic_fit import MIN_FOR_FIT
from ganstudy.analysis.tables.configurations import search
from ganstudy.analysis.tables.effects import learning_rates
from ganstudy.analysis.tables.effects.learning_rates import RateRatioRow, RegionRow
from ganstudy.analysis.tables.rows import rows_of
from ganstudy.trials.results.records import FAILURES, Verdict

TITLE = "Learning rates"
POINTS = 500
"""Trials on the map; of more, the best and an evenly spaced choice of the others."""
BEST_SHOWN = 50


def _searched(results: Results) -> bool:
    return set(LEARNING_RATES) <= set(results.study.searched)


def conclusions(results: Results) -> list[Conclusion]:
    """Return the region in which seeds train, and the scores by the ratio of the rates."""
    if not _searched(results):
        return []
    return [*_region(results), *_ratio(results)]


def _region(results: Results) -> list[Conclusion]:
    region = results.cached(learning_rates.region_that_trains, results.study)
    table = rows_of(RegionRow, region)
    inconclusive = "In which region of the learning rates seeds train is inconclusive:"
    if not table:
        fewest = MIN_FOR_FIT
        few = (
            f"that takes at least {fewest} configurations, some with failed seeds and some without."
        )
        tried = len(results.cached(learning_rates.rate_ratio, results.study)) > 0
        takes = few.removeprefix("that takes ")
        conclusion = Conclusion(
            inconclusive, few, exploratory=True, open=Open(REGION_OPEN, takes=takes)
        )
        return [conclusion] if tried else []
    row = table[0]
    skill = f"skill {number(row.skill.value)} [{number(row.skill.low)}, {number(row.skill.high)}]"
    n = f"{count(row.configurations, 'configuration')}, {count(row.seeds, 'seed')}"
    likely = f"{learning_rates.LIKELY:.0%}"
    if row.decision != "conclusive":
        basis = (
            f"a fit does not predict unseen configurations better than their mean ({skill}; {n})."
        )
        unknown = Open(REGION_OPEN, observed=f"{skill}; {n}")
        return [Conclusion(inconclusive, basis, exploratory=True, open=unknown)]
    if pd.isna(row.low):
        claim = (
            f"Nowhere in the searched region does a seed train with a probability of {likely} or "
            "more:"
        )
        basis = f"by a fit to {n} ({skill} on configurations left out)."
        return [Conclusion(claim, basis, exploratory=True)]
    ends = {row.setting: f"{row.low:.2g} to {row.high:.2g}" for row in table}
    claim = (
        f"Seeds train (with a probability of {likely} or more) in {row.area:.0%} of the "
        f"searched region, within lr_g {ends['lr_g']}, lr_d {ends['lr_d']} and lr_d / lr_g "
        f"{ends['ratio']}."
    )
    inside = Estimate(row.inside_trained, row.inside_low, row.inside_high)
    outside = Estimate(row.outside_trained, row.outside_low, row.outside_high)
    basis = (
        f"Of the {row.inside} configurations that a fit to the others predicts to be there, "
        f"{_share(inside)} of seeds trained, of the {row.outside} elsewhere "
        f"{_share(outside)} ({n}; {skill} on configurations left out)."
    )
    return [Conclusion(claim, basis, exploratory=True)]


def _share(trained: Estimate) -> str:
    return "none" if pd.isna(trained.value) else share(trained)


def _ratio(results: Results) -> list[Conclusion]:
    table = results.cached(learning_rates.rate_ratio, results.study)
    known = [row for row in rows_of(RateRatioRow, table) if row.configurations]
    if len(known) < 2:
        return []
    parts = [
        f"{with_interval(row.median)} {row.ratio} ({count(row.configurations, 'configuration')})"
        for row in known
    ]
    claim = f"Median {score_name(results.study)} by lr_d / lr_g: {'; '.join(parts)}."
    basis = f"95% intervals {ON_THESE_SEEDS}; these groups are not matched on their other settings."
    return [Conclusion(claim, basis, exploratory=True)]


def blocks(results: Results) -> list[Block]:
    """Return every trial at its learning rates, and what follows from them.

    These are maps of score and of failed seeds, the ratio, and the region that trains.
    """
    study = results.study
    if not _searched(results):
        return []
    table = results.cached(search.learning_rates, study)
    if table.empty:
        return []
    best = results.cached(ranked, study)["number"].head(BEST_SHOWN)
    shown = thinned(table, table["number"].isin(best), POINTS)
    name = score_name(study)
    which = "Every trial"
    if len(shown) < len(table):
        which = f"{len(shown)} of {len(table)} trials, the best {len(best)} among them,"
    alt = (
        f"Map of {len(shown)} trials: learning rate of the generator against that of the "
        f"discriminator, by {name}."
    )
    figure = learning_rate_map(shown, study.objective.measure)
    return [
        Figure("learning_rates", figure, MAP.format(which=which, name=name), alt),
        Fold("Maps of score and failed seeds, and the ratio of the rates", _more(results, table)),
    ]


def _more(results: Results, table: pd.DataFrame) -> list[Block]:
    trials = Table("learning_rates", table, "Trials by learning rates", folded=True)
    return [*_cells(results), *_tables(results), trials]


def _cells(results: Results) -> list[Block]:
    table = results.cached(learning_rates.rate_map, results.study)
    if table.empty:
        return []
    name = score_name(results.study)
    smaller = results.study.objective.sign > 0
    score = learning_rate_cells(table, "median", name, share=False, worse_is_more=smaller)
    alt = f"Map of the median {name} in {len(table)} cells."
    maps = [Figure("rates_score", score, CELLS.format(name=name), alt)]
    if table["failed_share"].notna().any():
        failed = learning_rate_cells(
            table, "failed_share", "failed seeds", share=True, worse_is_more=True
        )
        caption = f"Share of seeds that had {FAILURES}."
        maps.append(Figure("rates_failed", failed, caption, "Map of failed seeds."))
    return [
        Pair(maps),
        Table("rate_map", table, f"The cells with their intervals, {ON_THESE_SEEDS}", folded=True),
    ]


def _tables(results: Results) -> list[Block]:
    ratio = results.cached(learning_rates.rate_ratio, results.study)
    region = results.cached(learning_rates.region_that_trains, results.study)
    ratio = ratio.drop(columns=["ratio_low", "ratio_high"])
    return [
        Table("rate_ratio", ratio, "By the ratio lr_d / lr_g", folded=True),
        Table("region_that_trains", region, "The region in which seeds train", REGION, folded=True),
    ]


REGION_OPEN = "in which region of the learning rates seeds train"
MAP = (
    "{which} at the last evaluation. Colour: {name}, dark is worse, white has none. Shape: how "
    "the trial ended. A thick red ring: at least one seed collapsed, cycled or diverged; before its "
    f"evaluation {Verdict.COLLAPSED.earliest} a seed can only have diverged."
)
CELLS = (
    "Median {name} in each cell, over configurations of the median over seeds, at the last "
    "amount that every trial reached; n configurations on these seeds. White: none, or the median "
    "diverged."
)
REGION = (
    f"Where a seed trains with a fitted probability of {learning_rates.LIKELY:.0%} or more; skill "
    "is that on configurations left out."
)
