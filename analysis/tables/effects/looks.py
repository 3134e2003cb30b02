"""Whether a report is made at the planned end of its study, and at how many ends there were any.

Claims are made at the planned end alone: who looks while a study grows, and stops where something
is found, finds more than the tests' 5% of effects that are none.
"""

from __future__ import annotations

from ganstudy.analysis.frames.designed import has_design
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.repeated_looks import error_of_looks
from ganstudy.trials.results.records import Stage, TrialState

INTERIM = "All is exploratory, since the study is not over."
LOOKED_AGAIN = "All is exploratory, since it was looked for at an earlier end of the study."


def interim(study: Study) -> str:
    """Return why a report on the study is made before its planned end.

    It is '' at the end, or where no end was planned (imports).
    """
    if study.origin.imported is not None or "trials" not in study.spec.get("search", {}):
        return ""
    planned, over = int(study.spec["search"]["trials"]), _over(study, Stage.SEARCH)
    if over < planned:
        return f"{over} of {planned} trials of the search are over"
    for stage in (Stage.DESIGN, Stage.CONFIRM):
        begun = len(study.of_stage(stage).trials)
        if left := begun - _over(study, stage):
            return f"{left} of {begun} trials of the {stage} stage are not over"
    if study.looks is not None:
        return "" if study.looks.present.finished else "trials of the study are left"
    if study.spec.get("confirm") and study.of_stage(Stage.CONFIRM).trials.empty:
        return "no trial of the confirm stage is over"
    return ""


def _over(study: Study, stage: Stage) -> int:
    return int(study.of_stage(stage).trials["state"].ne(TrialState.RUNNING).sum())


def ends_reported(study: Study) -> list[int]:
    """Return how many trials were over at each planned end at which a report was made.

    Trials of all stages count, and this report is included. There are several ends where the study
    was continued, and none where nobody counts. Of a study with a design only its
    own trials count: what is searched for later takes no part in it.
    """
    if study.looks is None:
        return []
    counted = [dict(look.ended) for look in study.looks.finished]
    if has_design(study):
        return sorted({ended.get(Stage.DESIGN, 0) for ended in counted})
    return [sum(ended.values()) for ended in counted]


def error_of_ends(study: Study) -> float:
    """Return how often an effect that is none is found by now, where the tests promise 5%."""
    return error_of_looks(ends_reported(study))


def held_back(study: Study) -> str:
    """Return why no comparison of the study counts as the one that it was made for.

    It is '' where one may.
    """
    if interim(study):
        return INTERIM
    return LOOKED_AGAIN if len(ends_reported(study)) > 1 else ""
