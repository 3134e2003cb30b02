"""All trials as rows, and the errors of those that failed."""

from __future__ import annotations

from ganstudy.analysis.frames import selection
from ganstudy.analysis.report.blocks import (
    ROWS_SHOWN,
    Block,
    Heading,
    Note,
    Points,
    Results,
    Table,
)
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import Verdict

NAME, TITLE = "trials", "All trials"
ERRORS_SHOWN = 50


def conclusions(results: Results) -> list[Conclusion]:
    """Rows say it themselves."""
    return []


def blocks(results: Results) -> list[Block]:
    """The trials in order, the frames they come from, the errors."""
    study = results.study
    if study.trials.empty:
        return []
    measure, _ = study.objective
    verdicts = [verdict.value for verdict in Verdict]
    shown = [
        "number",
        "state",
        *study.searched,
        measure,
        "fid",
        "modes_covered",
        "recall",
        *verdicts,
    ]
    note = f"First those within the constraints, then the rest, each by {MEASURES[measure].label}."
    made: list[Block] = [
        Table(
            *("trials", results.of(selection.ranked, study), f"{len(study.trials)} trials", note),
            folded=True,
            columns=list(dict.fromkeys(shown)),
            rows=ROWS_SHOWN,
        ),
        Table(
            "seeds",
            study.seeds.drop(columns="histogram"),
            "Every seed at its last evaluation",
            folded=True,
            rows=0,
        ),
    ]
    failed = study.trials[study.trials["error"] != ""]
    if len(failed):
        errors = [
            f"trial {row['number']}: {row['error']}"
            for row in failed.head(ERRORS_SHOWN).to_dict("records")
        ]
        made += [Heading("Failures"), Points(errors)]
        if len(failed) > ERRORS_SHOWN:
            made.append(Note(f"And {len(failed) - ERRORS_SHOWN} more, in the table of all trials."))
    return made
