"""All trials as rows, and the errors of those that failed."""

from __future__ import annotations

import pandas as pd

from ganstudy.analysis.frames.selection import ranked
from ganstudy.analysis.report.blocks import (
    ROWS_SHOWN,
    Block,
    Heading,
    Note,
    Points,
    Results,
    Table,
)
from ganstudy.analysis.report.phrases import Conclusion, score_name
from ganstudy.analysis.tables.best_on_the_way import best_on_the_way
from ganstudy.trials.results.records import Verdict

TITLE = "All trials"
ERRORS_SHOWN = 50
BEST, BEST_AT = "best_on_the_way", "best_on_the_way_at"


def conclusions(results: Results) -> list[Conclusion]:
    """Return none: rows need no summary."""
    return []


def blocks(results: Results) -> list[Block]:
    """Return the trials in order, the seeds, and the errors."""
    study = results.study
    if study.trials.empty:
        return []
    columns = [
        "number",
        "state",
        *study.searched,
        study.objective.measure,
        BEST,
        BEST_AT,
        "fid",
        "modes_covered",
        "recall",
        *(verdict.value for verdict in Verdict),
    ]
    note = (
        "First the trials within the constraints, then the others, each group by "
        f"{score_name(study)}. {BEST} is the best {score_name(study)} at any evaluation, {BEST_AT} "
        "says when; it looks too good, and nothing is compared by it."
    )
    made: list[Block] = [
        Table(
            name="trials",
            frame=_with_best(results),
            title=f"{len(study.trials)} trials",
            note=note,
            folded=True,
            columns=list(dict.fromkeys(columns)),
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
    failed = study.trials[study.trials["error"] != ""]
    if len(failed):
        errors = [
            f"trial {row['number']}: {row['error']}"
            for row in failed.head(ERRORS_SHOWN).to_dict("records")
        ]
        made += [Heading("Failed trials"), Points(errors)]
        if len(failed) > ERRORS_SHOWN:
            made.append(Note(f"And {len(failed) - ERRORS_SHOWN} more, in the table of all trials."))
    return made


def _with_best(results: Results) -> pd.DataFrame:
    """Return the ranked trials with the best score on the way of each."""
    found = results.cached(best_on_the_way, results.study)[["number", "best", "best_at"]]
    found = found.set_axis(["number", BEST, BEST_AT], axis=1)
    return results.cached(ranked, results.study).merge(found, on="number", how="left")
