"""Scores over the budget."""

from __future__ import annotations

from analysis import figures, tables
from analysis.page import Block, Evidence, Figure, Table
from analysis.wording import Said, unit
from trials.catalogue import MEASURES

NAME, TITLE = "convergence", "Convergence"
HIGHLIGHTED = 3
CURVES = 60
"""Pale curves drawn; of more trials an even choice, with bands for all."""


def said(evidence: Evidence) -> list[Said]:
    """Nothing yet that a table would hold."""
    return []


def blocks(evidence: Evidence) -> list[Block]:
    """The best trials' curves with their seeds, the others pale, and bands over all where they are many."""
    study = evidence.study
    table = evidence.of(tables.convergence, study)
    if table.empty:
        return []
    measure, _ = tables.objective(study)
    best = evidence.of(tables.best, study)["number"].head(HIGHLIGHTED).tolist()
    pale = figures.chosen_curves(table, best, CURVES)
    bands = evidence.of(tables.convergence_bands, study) if len(pale) < table["number"].nunique() - len(best) else None
    axis = figures.as_text(unit(study))
    figure = figures.convergence(table, best, pale, bands, measure, axis, study.floor.get(measure))
    caption = (
        "Median over seeds at each evaluation; the band of the best trials runs from their lowest to their highest "
        "seed. A curve breaks where its median falls on diverged seeds."
    )
    if bands is not None:
        caption += (
            f" Of the other trials, {len(pale)} are drawn, evenly chosen from best to worst; the grey bands hold "
            "the middle half and the middle 80% of all trials that reached the evaluation."
        )
    alt = f"{MEASURES[measure].label} against {axis}: the best {len(best)} trials and {len(pale)} others."
    return [
        Figure("convergence", figure, caption, alt),
        Table("convergence", table, "Scores at every evaluation", folded=True),
        *([Table("convergence_bands", bands, "Quantiles over trials", folded=True)] if bands is not None else []),
    ]
