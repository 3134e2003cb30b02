"""What a study will be able to tell, in lines."""

from __future__ import annotations

import math

from scipy.special import stdtrit

from ganstudy.analysis.stats.crossed.power import POWER, smallest_by_signs
from ganstudy.analysis.stats.multiplicity import bonferroni_level
from ganstudy.study.home import Home
from ganstudy.study.ledger.confirm_selection import max_twins
from ganstudy.study.outlook.cost_estimate import stops
from ganstudy.study.outlook.detectable_effects import (
    REMEDIES,
    Question,
    designed,
    is_adaptive,
    questions,
    with_design,
)
from ganstudy.study.outlook.spread import RATIO, Spread, spread_of
from ganstudy.study.spec.design import DEFAULT_POINTS, SEEDS
from ganstudy.study.spec.domains import Choices
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.results.catalogue import MEASURES

ADVISED_SEEDS = len(SEEDS)
"""Student's quantile is 2.6 with six seeds, 4.3 with three."""


def outlook_lines(spec: StudySpec, home: Home) -> list[str]:
    """Return the smallest effects that the report will find, and what they are computed from."""
    return [*_objective_lines(spec), *_effect_lines(spec, home)]


def _objective_lines(spec: StudySpec) -> list[str]:
    """Say what the objective does not see."""
    if not MEASURES[spec.measure].of_histogram:
        return []
    return [
        f"{spec.measure} counts the nearest mode of each sample, however far it is: a cloud over all modes "
        "scores well; coverage and fid see how near samples are"
    ]


def _effect_lines(spec: StudySpec, home: Home) -> list[str]:
    asked = questions(spec)
    if not asked:
        return [_nothing_asked(spec)]
    spread = spread_of(spec, home)
    if spread is None:
        return [
            f"not known: effects are differences of {spec.measure}, and no study of this data has "
            "shown yet how they spread"
        ]
    seeds = len(spec.train.seeds)
    lines = [_answer(spec, question, spread, seeds) for question in asked]
    lines += _seed_lines(spec, asked, spread, seeds)
    lines += [*_confirm_lines(spec, spread), *_margin_lines(spec, asked, spread, seeds)]
    lines += [*_told_at(spec), *_adaptive_lines(spec, spread)]
    found = [question.effects(spread, seeds) for question in asked]
    if None in found and not is_adaptive(spec):
        lines.append("ganstudy plan proposes points and seeds that tell them")
    if any(found) or spec.confirm is not None:
        lines.append(f"spread of effects ({spread.source}): {spread.words(asked[0].setting)}")
    return lines


def _nothing_asked(spec: StudySpec) -> str:
    if spec.design is not None:
        return "no factor is compared: the best configuration, and no effect of a setting"
    varies = "neither k nor remedies vary: the best configuration, and "
    if any(isinstance(domain, Choices) for domain in spec.space.domains.values()):
        return f"{varies}exploratory effects of other settings ([design] would plan for them)"
    return f"{varies}no effect of a setting"


def effect_words(spec: StudySpec, spread: Spread, size: float) -> str:
    """Return the smallest effect as text: a factor, or a difference."""
    if spread.scale == RATIO:
        return f"a factor of {math.exp(-size):.2f} in {spec.measure}"
    return f"a difference of {size:.2g} in {spec.measure}"


def _answer(spec: StudySpec, question: Question, spread: Spread, seeds: int) -> str:
    made = question.effects(spread, seeds)
    name = f"{question.setting}: "
    about = "" if spec.design is not None or spec.search.sampler == "grid" else "about "
    if made is None:
        return f"{name:<10}no effect can be found: {_why_not(question, seeds, about)}"
    words = f"{effect_words(spec, spread, made.smallest())} or stronger, {POWER:.0%} power"
    comparisons = f"{question.together} comparison" + ("s" if question.together > 1 else "")
    if question.single:
        return f"{name:<10}{words} ({seeds} seeds, single configurations, {comparisons})"
    if is_adaptive(spec):
        about, words = "at best ", words.replace(" or stronger", "")
        words = f"exploratory; {words}"
    unit = "pairs" if question.twins is None else "points"
    return f"{name:<10}{words} ({about}{question.pairs} {unit} on {seeds} seeds, {comparisons})"


def _why_not(question: Question, seeds: int, about: str) -> str:
    if seeds < question.fewest_seeds:
        return f"{seeds} seed{'s' if seeds > 1 else ''}, where {question.fewest_seeds} are needed"
    unit = "matched pairs" if question.twins is None else "points"
    return f"{about}{question.pairs} {unit}, where {question.fewest} are needed"


def _seed_lines(spec: StudySpec, asked: list[Question], spread: Spread, seeds: int) -> list[str]:
    """Say what few seeds cost."""
    if seeds >= ADVISED_SEEDS:
        return []
    better = []
    for question in asked:
        more, now = (question.smallest(spread, n) for n in (ADVISED_SEEDS, seeds))
        if more is not None:
            instead = "" if now is None else f" instead of {_size(spread, now)}"
            better.append(f"{question.setting} {_size(spread, more)}{instead}")
    why = "effects hold for other seeds too, and two seeds at least are needed to know how they differ"
    if seeds > 1:
        level = bonferroni_level(asked[0].together)
        now, then = (-stdtrit(n - 1, (1 - level) / 2) for n in (seeds, ADVISED_SEEDS))
        why = f"Student's quantile is {now:.1f} with {seeds} seeds, {then:.1f} with {ADVISED_SEEDS}"
    found = f": {ADVISED_SEEDS} seeds would find {', '.join(better)}" if better else ""
    return [why + found]


def _confirm_lines(spec: StudySpec, spread: Spread) -> list[str]:
    """Say what the confirm stage tells of a configuration against its twin, on fresh seeds."""
    if spec.confirm is None or not max_twins(spec):
        return []
    seeds, twins = len(spec.confirm.seeds), max_twins(spec)
    size = smallest_by_signs(spread.of(REMEDIES), seeds, twins)
    if size is None:  # "Trials" says so, and how many can
        return []
    comparisons = f"{twins} comparison" + ("s" if twins > 1 else "")
    return [
        f"confirm:  a trial against its twin: about {effect_words(spec, spread, size)} or "
        f"stronger ({seeds} fresh seeds, {comparisons}); it holds for that trial alone"
    ]


def _margin_lines(spec: StudySpec, asked: list[Question], spread: Spread, seeds: int) -> list[str]:
    """Say whether values that do not differ would be found to be practically equal."""
    margin = spec.objective.margin
    if margin is None or is_adaptive(spec):
        return []
    is_ratio = spread.scale == RATIO
    half = math.log1p(margin) if is_ratio else margin
    lines = []
    for question in asked:
        made = question.effects(spread, seeds)
        if made is None:
            continue
        power, least = made.equal(half), made.narrowest()
        text = f"{math.expm1(least):.2g}" if is_ratio else f"{least:.2g}"
        lines.append(
            f"{question.setting}: equal values are found practically equal (margin {margin:g}) in "
            f"{power:.0%} of studies"
            + (
                ""
                if power >= POWER
                else f"; {POWER:.0%} would need a margin of {text}, or more seeds"
            )
        )
    return lines


def _told_at(spec: StudySpec) -> list[str]:
    """Return the amount at which effects are estimated, where that is not the whole budget."""
    unit = spec.train.budget.unit.replace("_", " ")
    if spec.design is not None:
        if spec.design.at == 1:
            return []
        return [f"effects are estimated at {spec.design.at * spec.train.budget.amount:g} {unit}"]
    if spec.schedule.name != "asha" or not stops(spec):
        return []
    return [f"effects are estimated at {stops(spec)[0]:g} {unit}, before the first trials stop"]


def _adaptive_lines(spec: StudySpec, spread: Spread) -> list[str]:
    """Say what an adaptive search leaves, and what a design would tell."""
    if not is_adaptive(spec):
        return []
    seeds = max(ADVISED_SEEDS, len(spec.train.seeds))
    found = [
        f"{question.setting} {_size(spread, size)}"
        for question in designed(with_design(spec, DEFAULT_POINTS))
        if (size := question.smallest(spread, seeds))
    ]
    line = "an adaptive search leaves even fewer matched pairs"
    if found:
        line += (
            f"; a [design] of {DEFAULT_POINTS} points on {seeds} seeds would find {', '.join(found)} "
            "(ganstudy plan)"
        )
    return [line]


def _size(spread: Spread, size: float) -> str:
    return f"{math.exp(-size):.2f}" if spread.scale == RATIO else f"{size:.2g}"
