"""All trials as rows, and the errors of those that failed."""

from __future__ import annotations

import pandas as pd

from ganstudy.analysis.figures.parallel import parallel
from ganstudy.analysis.figures.style import thinned
from ganstudy.analysis.frames.selection import FAILED, ranked
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.blocks import (
    ROWS_SHOWN,
    Block,
    Figure,
    Heading,
    Note,
    Points,
    Results,
    Table,
)
from ganstudy.analysis.report.phrases import Conclusion, score_name
from ganstudy.analysis.tables.configurations.best_on_the_way import best_on_the_way
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.own_measures import OWN

TITLE = "All trials"
ERRORS_SHOWN = 50
BEST_DRAWN, MOST_DRAWN = 50, 300
"""Lines of the best trials, and of all: more become an area."""
BEST, BEST_AT = "best_on_the_way", "best_on_the_way_at"


def conclusions(results: Results) -> list[Conclusion]:
    """Return none: rows need no summary."""
    return []


def blocks(results: Results) -> list[Block]:
    """Return the trials in order, the seeds, and the errors."""
    study = results.study
    if study.trials.empty:
        return []
    note = (
        f"First the trials{study.qualified or ' with a score'}, then the others, each group by "
        f"{score_name(study)}; a heading sorts all of them. {BEST} is the best {score_name(study)} "
        f"at any evaluation, {BEST_AT} says when; it looks too good, and nothing is compared by it."
    )
    made: list[Block] = [
        *_parallel(results),
        Table(
            name="trials",
            frame=_with_best(results),
            title=f"{len(study.trials)} trials",
            note=note,
            folded=True,
            columns=_columns(study),
            rows=ROWS_SHOWN,
        ),
        Table(
            name="seeds",
            frame=study.seeds.drop(columns="histogram"),
            title="Every seed at its last evaluation",
            folded=True,
            rows=0,  # a download only: the trials above have them summarised
        ),
    ]
    return [*made, *_errors(study)]


def _columns(study: Study) -> list[str]:
    """Return the columns that the table of trials shows, the score first."""
    own = [n for n, m in MEASURES.items() if m.group == OWN and study.trials[n].notna().any()]
    score, others = study.objective.measure, ["fid", "modes_covered", "recall", *own]
    shown = ["number", score, FAILED, "state", *study.searched, BEST, BEST_AT, *others]
    return list(dict.fromkeys(shown))


def _errors(study: Study) -> list[Block]:
    """Return the errors of failed trials; nothing where none failed."""
    failed = study.trials[study.trials["error"] != ""]
    if failed.empty:
        return []
    errors = [
        f"trial {row['number']}: {row['error']}"
        for row in failed.head(ERRORS_SHOWN).to_dict("records")
    ]
    more = len(failed) - ERRORS_SHOWN
    rest = [Note(f"And {more} more, in the table of all trials.")] if more > 0 else []
    return [Heading("Failed trials"), Points(errors), *rest]


def _parallel(results: Results) -> list[Block]:
    """Return all trials as lines through their settings; none without settings or scores."""
    study = results.study
    table = results.cached(ranked, study)
    measure = study.objective.measure
    if not study.searched or table[measure].notna().sum() < 2:
        return []
    shown = thinned(table, table.index.to_series() < BEST_DRAWN, MOST_DRAWN)
    caption = f"Every trial as a line through its settings to its {score_name(study)}."
    if len(shown) < len(table):
        caption += f" Of {len(table)} trials {len(shown)} are drawn, the best among them."
    alt = f"{len(shown)} trials through {len(study.searched)} settings to {score_name(study)}."
    figure = parallel(shown.reset_index(drop=True), study.searched, measure)
    return [Figure("parallel", figure, caption, alt)]


def _with_best(results: Results) -> pd.DataFrame:
    """Return the ranked trials with the best score on the way of each."""
    found = results.cached(best_on_the_way, results.study)[["number", "best", "best_at"]]
    found = found.set_axis(["number", BEST, BEST_AT], axis=1)
    return results.cached(ranked, results.study).merge(found, on="number", how="left")
