"""The learning rates of both players."""

from __future__ import annotations

from analysis import figures, tables
from analysis.page import Block, Evidence, Figure, Table
from analysis.wording import Said
from trials.catalogue import MEASURES

NAME, TITLE = "learning_rates", "Learning rates"
POINTS = 500
"""Trials on the map; of more, the best and an even choice of the others."""
BEST_SHOWN = 50


def said(evidence: Evidence) -> list[Said]:
    """Nothing yet that a table would hold."""
    return []


def blocks(evidence: Evidence) -> list[Block]:
    """Every trial on the plane of both learning rates."""
    study = evidence.study
    if not {"lr_d", "lr_g"} <= set(tables.searched(study)):
        return []
    table, (measure, _) = evidence.of(tables.learning_rates, study), tables.objective(study)
    if table.empty:
        return []
    best = evidence.of(tables.ranked, study)["number"].head(BEST_SHOWN)
    shown = figures.thinned(table, table["number"].isin(best), POINTS)
    name = MEASURES[measure].label
    some = (
        f"{len(shown)} of {len(table)} trials, the best {len(best)} among them,"
        if len(shown) < len(table)
        else "Every trial"
    )
    caption = (
        f"{some} at the last evaluation. Colour: {name}, dark is worse, white has none. Shape: how the trial ended. "
        "A thick red ring: at least one seed collapsed, cycled or diverged."
    )
    alt = f"Map of {len(shown)} trials: learning rate of the generator against that of the discriminator, by {name}."
    return [
        Figure("learning_rates", figures.learning_rate_map(shown, measure), caption, alt),
        Table("learning_rates", table, "Trials by learning rates", folded=True),
    ]
