"""The design of a study as it was planned: its trials at the one amount at which all are compared.

Effects of what a design crosses are estimated from it alone. Trials that a search drew afterwards were
chosen by their scores, and what promoted trials did later nobody else had the time for.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ganstudy.analysis.frames.compared_scores import dead_trials
from ganstudy.analysis.frames.kept import kept
from ganstudy.analysis.frames.load import outcomes
from ganstudy.analysis.frames.selection import distinct_configurations, search_stage
from ganstudy.analysis.frames.study import Study
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.function_params import reported_name
from ganstudy.trials.results.records import Stage, TrialState


def has_design(study: Study) -> bool:
    """Return whether the study planned its trials before it saw any score."""
    return bool(study.spec.get("design"))


def factors(study: Study) -> list[str]:
    """Return the settings that the design crosses, as its trials name them; none without a design."""
    design = study.spec.get("design")
    if not design:
        return []
    named = design.get("factors")
    if named is None:
        return [name for name, domain in study.space.items() if isinstance(domain, list)]
    return [*map(reported_name, named)]


def is_fraction(study: Study) -> bool:
    """Return whether each point of the design has a part of the combinations of its factors."""
    return has_design(study) and int(study.spec["design"].get("fraction", 1)) > 1


@kept
def compared_trials(study: Study) -> Study:
    """Return the trials from which effects are estimated.

    Of a study with a design these are the designed trials, up to where all are compared, and
    complete if they came there; else they are the trials of the search. Every other column of
    `trials` is that of the same moment.
    """
    if not has_design(study):
        return search_stage(study)
    at = _evaluation(study)
    study = study.of_stage(Stage.DESIGN)
    rows = study.evaluations
    if rows.empty or study.trials.empty or _is_cut(study, at):
        return study
    cut = rows[rows["evaluation"] <= at].reset_index(drop=True)
    reached = set(cut.loc[cut["evaluation"] == at, "number"]) | dead_trials(cut)
    trials = study.trials.copy()
    came = trials["number"].isin(reached)
    # Frames that were made elsewhere may lack measures.
    whole = cut.assign(**{name: np.nan for name in MEASURES if name not in cut})
    found = outcomes(whole).reindex(trials["number"]).reset_index(drop=True)
    for name in found.columns.intersection(trials.columns):
        trials.loc[came, name] = found.loc[came, name].astype(trials[name].dtype)
    trials.loc[came, "objective"] = found.loc[came, study.objective.measure]
    within = trials["objective"].notna()
    for verdict, limit in study.constraints.items():
        within &= found[verdict] <= limit
    trials.loc[came, "feasible"] = within[came]
    trials.loc[came, "state"] = TrialState.COMPLETE.value
    # Those that came no further are as they were; what ended later by an error had come here.
    return replace(study, trials=trials, evaluations=cut, _whole=study._whole or study)


def distinct_compared(study: Study, setting: str | None = "") -> Study:
    """Return distinct_configurations of the trials on which the values of a setting are compared.

    Where no setting splits them, these are all trials of the search.
    """
    return distinct_configurations(
        search_stage(study) if setting is None else compared_trials(study)
    )


def _evaluation(study: Study) -> int:
    """Return the evaluation at which all trials of the design are compared."""
    planned = len(study.evaluation_times)
    return round(float(study.spec["design"].get("at", 1.0)) * planned) or planned


def _is_cut(study: Study, at: int) -> bool:
    """Return whether this is the design already as `compared_trials` returns it."""
    if study.evaluations["evaluation"].max() > at:
        return False
    reached = study.evaluations.loc[study.evaluations["evaluation"] == at, "number"]
    states = study.trials.loc[study.trials["number"].isin(reached), "state"]
    return bool((states == TrialState.COMPLETE).all())
