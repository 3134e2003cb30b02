"""Contrasts that a claim is decided by and that the report would not make without it.

They are of another measure than the objective, of shares of failed seeds, or of values of another
setting than k and the remedies. Their estimates are those of all matched contrasts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ganstudy.analysis.frames.compared_scores import ComparedScores, compared_scores
from ganstudy.analysis.frames.designed import compared_trials
from ganstudy.analysis.frames.selection import groups
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.crossed.effect import crossed_difference_of_shares
from ganstudy.analysis.stats.margin import Margin
from ganstudy.analysis.stats.multiplicity import bonferroni_level
from ganstudy.analysis.tables.effects.contrasts import (
    DIFFERENCE,
    Contrast,
    Family,
    claim_family,
    text,
)
from ganstudy.analysis.tables.effects.matched_contrasts import (
    contrast_of,
    matched_contrasts,
    matcher_among,
)
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.claimed import FAILED, Claim, Criterion


def claimed_contrasts(study: Study) -> dict[Criterion, Contrast]:
    """Return the contrasts of the study's claim that no other table has, by criterion.

    A criterion whose values no trial has, or whose measure was not taken, is left out.
    """
    claim = Claim.of_spec(study.spec)
    if claim is None:
        return {}
    family = claim_family(study, claim)
    made = {}
    for criterion in claim.others(study.objective.measure):
        if not criterion.is_contrast:
            continue
        contrast = _of_share if criterion.share is not None else _of_measure
        found = contrast(study, criterion, family)
        if found is not None:
            made[criterion] = found
    return made


def with_objective(study: Study, measure: str, margin: float | None = None) -> Study:
    """Return the study as if another measure were its objective."""
    better = "maximize" if MEASURES[measure].direction == "up" else "minimize"
    stated = study.spec.get("objective", {})
    objective = {better: measure, "margin": margin, "require": stated.get("require", {})}
    return replace(study, spec={**study.spec, "objective": objective}, _whole=None)


def group_of(study: Study, setting: str, value: Any) -> Any:
    """Return the value as the study's trials have it; None where none has."""
    shown = text(value)
    return next((each for each in groups(study, setting) if text(each) == shown), None)


def frame_of(study: Study, criterion: Criterion) -> ComparedScores:
    """Return the compared trials of a study, on what the criterion is about.

    Of a share `failed` says who is counted.
    """
    frame = compared_scores(study, criterion.axis)
    if criterion.share in (None, FAILED) or frame.verdicts is None:
        return frame
    has = (frame.verdicts == criterion.share).astype(float)
    return replace(frame, failed=np.where(np.isnan(frame.failed), np.nan, has))


def _of_measure(study: Study, criterion: Criterion, family: Family) -> Contrast | None:
    measure = str(criterion.measure)
    if measure not in study.evaluations:
        return None
    margin = study.margin if measure == study.objective.measure else criterion.margin
    study = with_objective(compared_trials(study), measure, margin)
    setting = str(criterion.setting)
    pair = tuple(group_of(study, setting, each) for each in (criterion.value, criterion.against))
    if None in pair:
        return None
    found = matched_contrasts(study, setting, family, [(pair[0], pair[1])], criterion.axis)
    if not found:
        return None
    (made,) = found
    return replace(made, question=f"{setting} on {measure}")


def _of_share(study: Study, criterion: Criterion, family: Family) -> Contrast | None:
    study, setting = compared_trials(study), str(criterion.setting)
    first, second = (
        group_of(study, setting, each) for each in (criterion.value, criterion.against)
    )
    if first is None or second is None:
        return None
    frame, by_value = frame_of(study, criterion), groups(study, setting)
    arms = matcher_among(study, frame, setting).arms(by_value[first], by_value[second])
    level = bonferroni_level(family.comparisons)
    matched = crossed_difference_of_shares(
        arms.treated_failed, arms.control_failed, level, arms.points
    )
    question = (f"{setting} on the share of seeds: {criterion.share}", first, second)
    shown = (DIFFERENCE, matched.comparison.effect)
    contrast = contrast_of(frame, question, arms, matched, family, shown)
    margin = None if criterion.margin is None else Margin(criterion.margin, is_ratio=False)
    return contrast.against(margin)
