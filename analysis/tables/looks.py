"""Whether a report is made at the planned end of its study, and at how many ends there were any.

Claims are made at the planned end alone: who looks while a study grows, and stops where something
is found, finds more than the tests' 5% of effects that are none.
"""

from __future__ import annotations

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.repeated_looks import error_of_looks
from ganstudy.trials.results.records import Stage, TrialState

INTERIM = "Exploratory, since the study is not over."
LOOKED_AGAIN = "Exploratory, since it was looked for at an earlier end of the study."


def interim(study: Study) -> str:
    """Return why a report on the study is made before its planned end; '' at the end, or where no
    end was planned (imports).
    """
    planned = int(study.spec.get("search", {}).get("trials", 0))
    if study.origin.imported is not None or not planned:
        return ""
    over = _over(study, Stage.SEARCH)
    if over < planned:
        return f"{over} of {planned} trials of the search are over"
    confirming = len(study.of_stage(Stage.CONFIRM).trials)
    if left := confirming - _over(study, Stage.CONFIRM):
        return f"{left} of {confirming} confirm trials are not over"
    if study.looks is not None:
        return "" if study.looks.present.finished else "trials of the study are left"
    if study.spec.get("confirm") and not confirming:
        return "no confirm trial is over"
    return ""


def _over(study: Study, stage: Stage) -> int:
    return int(study.of_stage(stage).trials["state"].ne(TrialState.RUNNING).sum())


def ends_reported(study: Study) -> list[int]:
    """Return how many trials, of all stages, were over at each planned end at which a report was
    made, this one included; several where the study was continued. Empty where nobody counts.
    """
    if study.looks is None:
        return []
    return [sum(count for _, count in look.ended) for look in study.looks.finished]


def error_of_ends(study: Study) -> float:
    """Return how often an effect that is none is found by now, where the tests promise 5%."""
    return error_of_looks(ends_reported(study))


def held_back(study: Study) -> str:
    """Return why no comparison of the study counts as the one that it was made for; '' where it
    may be.
    """
    if interim(study):
        return INTERIM
    return LOOKED_AGAIN if len(ends_reported(study)) > 1 else ""
