"""Contrasts of a setting's values in matched pairs, paired by seed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ganstudy.analysis.frames.compared_scores import ComparedScores, axes, compared_scores, own_axis
from ganstudy.analysis.frames.designed import compared_trials
from ganstudy.analysis.frames.selection import groups
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.crossed.effect import CrossedMean, crossed_wins
from ganstudy.analysis.stats.crossed.matched_effect import matched_effect, matched_failures
from ganstudy.analysis.stats.estimate import Estimate
from ganstudy.analysis.stats.multiplicity import bonferroni, bonferroni_level
from ganstudy.analysis.tables.effects.contrasts import (
    Contrast,
    Family,
    couples,
    factor_family,
    in_units,
    margin_of,
)
from ganstudy.analysis.tables.effects.matched_arms import Arms, Matcher


def matched_contrasts(
    study: Study,
    setting: str,
    family: Family,
    pairs: list[tuple[Any, Any]],
    axis: str | None = None,
) -> list[Contrast]:
    """Compare the values of each of `pairs` at the largest amount that all trials reached.

    The amount is on `axis`, or the budget's own where None; of a design, see compared_trials.
    """
    study = compared_trials(study)
    if not groups(study, setting):
        return []
    return contrasts_among(study, compared_scores(study, axis), setting, family, pairs)


def contrasts_among(
    study: Study,
    frame: ComparedScores,
    setting: str,
    family: Family,
    pairs: list[tuple[Any, Any]],
) -> list[Contrast]:
    """Compare the values of each of `pairs` among the trials of `frame` that have the setting.

    study: as compared_trials returns it.
    """
    by_value, matcher = groups(study, setting), matcher_among(study, frame, setting)
    made = []
    for first, second in pairs:
        arms = matcher.arms(by_value[first], by_value[second])
        made.append(_contrast(study, frame, (setting, first, second), arms, family))
    return made


def matcher_among(study: Study, frame: ComparedScores, setting: str) -> Matcher:
    """Return the matching of the trials of `frame` that have the setting.

    An option of a remedy is asked of trials with this remedy alone: among these, its other options
    can be matched too.
    """
    by_value = groups(study, setting)
    asked = frame.only({number for numbers in by_value.values() for number in numbers})
    return Matcher(study, asked, setting)


def contrast_of(
    frame: ComparedScores,
    question: tuple[str, Any, Any],
    arms: Arms,
    matched: CrossedMean,
    family: Family,
    shown: tuple[str, Estimate],
) -> Contrast:
    """Return a comparison of two arms as a row, without what goes with scores alone.

    question: of what, the first and the second value; shown: scale and effect in its units.
    """
    compared, (scale, effect) = matched.comparison, shown
    return Contrast(
        question=question[0],
        first=question[1],
        second=question[2],
        axis=frame.axis,
        amount=frame.amount,
        scale=scale,
        effect=effect,
        worse_by=compared.effect.value,
        p=compared.p,
        p_adjusted=bonferroni(compared.p, family.comparisons),
        family=family,
        decision=compared.effect.decide("better", "worse"),
        method=compared.method,
        seeds=matched.seeds,
        configurations=(
            len(frame.only(arms.numbers[0]).numbers),
            len(frame.only(arms.numbers[1]).numbers),
        ),
        matched=matched,
        matching=arms.matching,
        matched_on=tuple(arms.matched_on),
        distance=arms.pairs.distance,
    )


def _contrast(
    study: Study,
    frame: ComparedScores,
    question: tuple[str, Any, Any],
    arms: Arms,
    family: Family,
) -> Contrast:
    # Bonferroni and not Holm: intervals are what readers see, and Holm has none.
    level = bonferroni_level(family.comparisons)
    matched = matched_effect(arms.treated, arms.control, level, arms.points)
    shown = in_units(matched.comparison, study)
    contrast = replace(
        contrast_of(frame, question, arms, matched, family, shown),
        second_score=arms.control_median,
        improvement=crossed_wins(arms.treated_places, arms.control_places, level, arms.points),
        failed=matched_failures(arms.treated_failed, arms.control_failed, level, arms.points),
    )
    return contrast.against(margin_of(study))


def remedy_contrasts(study: Study) -> list[Contrast]:
    """Compare every set of remedies with none, at the budget's own amount."""
    study = compared_trials(study)
    if "remedies" not in study.searched:
        return []
    family = factor_family(study, "remedies")
    return matched_contrasts(study, "remedies", family, couples(study, "remedies"))


def pairwise_contrasts(study: Study, setting: str = "k") -> list[Contrast]:
    """Compare any two values of `setting` on every axis that the study counted.

    The value that looks better comes first. Only those on the budget's own axis can be of the
    primary family: the other axes are views of the same trials, and no further questions.
    """
    study = compared_trials(study)
    if setting not in study.trials:
        return []
    own, pairs = own_axis(study), couples(study, setting)
    made = []
    for axis in axes(study) or [own]:
        family = Family(f"{setting} at equal {axis}", len(pairs))
        if axis == own:
            family = factor_family(study, setting)
        rows = matched_contrasts(study, setting, family, pairs, axis)
        # One order for tables and sentences: 0.8 times, and never 1.25 times of the same two.
        made += [row.reversed() if row.worse_by > 0 else row for row in rows]
    return made
