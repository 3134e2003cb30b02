"""What a study promises when it begins: the figures of `ganstudy check`, without its measuring."""

from __future__ import annotations

import math

from ganstudy.analysis.stats.crossed.power import POWER
from ganstudy.study.home import Home
from ganstudy.study.ledger.storage import database_trouble
from ganstudy.study.outlook.detectable_effects import Question, questions
from ganstudy.study.outlook.expected_time import study_times
from ganstudy.study.outlook.spread import Spread, spread_of
from ganstudy.study.spec.design_plan import planned_trials
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.results.outlook import Outlook, PlannedEffect


def promise(spec: StudySpec, home: Home) -> Outlook | None:
    """Return what a study is expected to tell and to take; None where nothing is known of either.

    The time is that of earlier studies: measuring would delay the study that is to be measured.
    """
    try:
        asked, spread = questions(spec), spread_of(spec, home)
        seconds = _seconds(spec, home)
    except Exception as error:
        # Ledgers of earlier studies may be damaged, or another user's: the study begins all the same.
        if database_trouble(error) is None:
            raise
        return None
    effects = [_effect(spec, question, spread) for question in asked] if spread else []
    if not effects and seconds is None:
        return None
    return Outlook(
        power=POWER,
        scale=spread.scale if spread else "",
        source=spread.source if spread else "",
        effects=tuple(effects),
        trials=planned_trials(spec) + spec.search.trials,
        seconds=seconds,
    )


def _effect(spec: StudySpec, question: Question, spread: Spread) -> PlannedEffect:
    seeds = len(spec.train.seeds)
    unit, variances = "pairs", spread.of(question.setting)
    if question.single:
        unit = "seeds"
    elif question.twins is not None:
        unit, variances = "points", spread.of_points(question.setting, question.twins)
    return PlannedEffect(
        setting=question.setting,
        smallest=question.smallest(spread, seeds),
        unit=unit,
        n=seeds if question.single else question.pairs,
        seeds=seeds,
        comparisons=question.together,
        sd_pairs=math.sqrt(variances.pairs),
        sd_seeds=math.sqrt(variances.seeds),
        sd_rest=math.sqrt(variances.rest),
    )


def _seconds(spec: StudySpec, home: Home) -> tuple[float, float] | None:
    found = study_times(spec, home, may_measure=False, other_seeds=0).estimate(spec)
    return None if found is None else (found.low, found.high)
