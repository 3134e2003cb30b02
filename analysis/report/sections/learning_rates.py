"""The learning rates of both players: where they train, and what their ratio does."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ganstudy.analysis.figures import effects as effects_figures
from ganstudy.analysis.figures import search as search_figures
from ganstudy.analysis.formatting import count, number, rows
from ganstudy.analysis.frames import selection
from ganstudy.analysis.report.blocks import Block, Figure, Pair, Results, Table
from ganstudy.analysis.report.phrases import Conclusion, interval
from ganstudy.analysis.tables import learning_rates, search
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import FAILURES

NAME, TITLE = "learning_rates", "Learning rates"
POINTS = 500
"""Trials on the map; of more, the best and an even choice of the others."""
BEST_SHOWN = 50


def _searched(results: Results) -> bool:
    return {"lr_d", "lr_g"} <= set(results.study.searched)


def conclusions(results: Results) -> list[Conclusion]:
    """The region that trains, and the ratio of the rates."""
    if not _searched(results):
        return []
    return [*_region(results), *_ratio(results)]


def _region(results: Results) -> list[Conclusion]:
    table = rows(results.of(learning_rates.region_that_trains, results.study))
    if not table:
        n = len(results.of(learning_rates.rate_ratio, results.study))
        few = f"that takes {learning_rates.MIN_FOR_FIT} configurations or more, some of which lose seeds and some not."
        return (
            [
                Conclusion(
                    "Where on the plane of learning rates seeds train cannot be told from these data:",
                    few,
                )
            ]
            if n
            else []
        )
    first = table[0]
    skill = f"skill {number(first['skill'])} [{number(first['skill_low'])}, {number(first['skill_high'])}]"
    of = f"{count(first['configurations'], 'configuration')}, {count(first['seeds'], 'seed')}"
    if first["decision"] != "conclusive":
        claim = "Where on the plane of learning rates seeds train cannot be told from these data:"
        basis = (
            f"a fit does not predict unseen configurations better than their mean ({skill}; {of})."
        )
        return [Conclusion(claim, basis)]
    if pd.isna(first["low"]):
        claim = (
            "Nowhere on the searched plane does a seed train with a probability of "
            f"{learning_rates.LIKELY:.0%} or more:"
        )
        return [Conclusion(claim, f"a fit to {of} says so ({skill} on configurations left out).")]
    ends = {row["setting"]: f"{row['low']:.2g} to {row['high']:.2g}" for row in table}
    claim = (
        f"Seeds train (with a probability of {learning_rates.LIKELY:.0%} or more) on "
        f"{first['area']:.0%} of the searched plane, within lr_g {ends['lr_g']}, "
        f"lr_d {ends['lr_d']} and lr_d / lr_g {ends['ratio']}."
    )
    basis = (
        f"Of the {first['inside']} configurations that a fit to the others places there, "
        f"{_share(first, 'inside')} of seeds trained, of the {first['outside']} elsewhere {_share(first, 'outside')} "
        f"({of}; {skill} on configurations left out)."
    )
    return [Conclusion(claim, basis)]


def _share(row: dict[str, Any], where: str) -> str:
    value, low, high = (row[f"{where}_{end}"] for end in ("trained", "low", "high"))
    if pd.isna(value):
        return "none"
    return f"{value:.0%}" if pd.isna(low) else f"{value:.0%} [{low:.0%}, {high:.0%}]"


def _ratio(results: Results) -> list[Conclusion]:
    table = results.of(learning_rates.rate_ratio, results.study)
    known = [row for row in rows(table) if row["configurations"]]
    if len(known) < 2:
        return []
    name = MEASURES[results.study.objective.measure].label
    parts = [
        f"{interval(row, 'median')} {row['ratio']} ({count(row['configurations'], 'configuration')})"
        for row in known
    ]
    return [
        Conclusion(
            f"Median {name} by lr_d / lr_g: {'; '.join(parts)}.",
            "These groups are not matched in the rest.",
        )
    ]


def blocks(results: Results) -> list[Block]:
    """Every trial on the plane of both learning learning_rates, maps of score and lost seeds, the ratio, the
    region.
    """
    study = results.study
    if not _searched(results):
        return []
    table, (measure, _) = results.of(search.learning_rates, study), study.objective
    if table.empty:
        return []
    best = results.of(selection.ranked, study)["number"].head(BEST_SHOWN)
    shown = search_figures.thinned(table, table["number"].isin(best), POINTS)
    name = MEASURES[measure].label
    some = (
        f"{len(shown)} of {len(table)} trials, the best {len(best)} among them,"
        if len(shown) < len(table)
        else "Every trial"
    )
    caption = (
        f"{some} at the last evaluation. Colour: {name}, dark is worse, white has none. Shape: how the trial ended. "
        f"A thick red ring: at least one seed {FAILURES}."
    )
    alt = f"Map of {len(shown)} trials: learning rate of the generator against that of the discriminator, by {name}."
    return [
        Figure("learning_rates", search_figures.learning_rate_map(shown, measure), caption, alt),
        *_maps(results, measure),
        *_ratios(results),
        Table("learning_rates", table, "Trials by learning rates", folded=True),
    ]


def _maps(results: Results, measure: str) -> list[Block]:
    table = results.of(learning_rates.rate_map, results.study)
    if table.empty:
        return []
    name = MEASURES[measure].label
    score = effects_figures.rate_cells(
        table, "median", name, False, MEASURES[measure].direction == "down"
    )
    lost = effects_figures.rate_cells(table, "failed_share", "seeds lost", True, True)
    caption = (
        f"Median {name} in each cell, over configurations of the median over seeds, at the last amount that every "
        "trial reached; n configurations. White: none, or the median diverged."
    )
    return [
        Pair(
            [
                Figure(
                    "rates_score",
                    score,
                    caption,
                    f"Map of the median {name} in {len(table)} cells.",
                ),
                Figure(
                    "rates_lost",
                    lost,
                    f"Share of seeds that had {FAILURES}.",
                    "Map of lost seeds.",
                ),
            ]
        ),
        Table("rate_map", table, "The cells with their intervals", folded=True),
    ]


def _ratios(results: Results) -> list[Block]:
    ratio = results.of(learning_rates.rate_ratio, results.study)
    region = results.of(learning_rates.region_that_trains, results.study)
    note = "Where a seed trains with a fitted probability of 80% or more; skill is that on configurations left out."
    return [
        Table(
            "rate_ratio",
            ratio.drop(columns=["ratio_low", "ratio_high"]),
            "By the ratio lr_d / lr_g",
        ),
        Table("region_that_trains", region, "The region that trains", note, folded=True),
    ]
