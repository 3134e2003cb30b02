"""The cheapest design that tells an effect: how many points, how many seeds, and how long."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ganstudy.analysis.stats.crossed.effect import MIN_POINTS
from ganstudy.study.driver.duration import format_duration
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home
from ganstudy.study.outlook.detectable_effects import designed, with_design
from ganstudy.study.outlook.expected_time import StudyTimes, study_times
from ganstudy.study.outlook.spread import RATIO, Spread, spread_of
from ganstudy.study.spec.design_plan import planned_trials
from ganstudy.study.spec.domains import Range
from ganstudy.study.spec.file_edit import Changes
from ganstudy.study.spec.study_spec import StudySpec

MOST_POINTS, MOST_SEEDS = 200, 30
"""Of a design that is proposed."""
MEASURED_SEEDS = 10
"""With which steps are timed, beside the file's own number: designs have about as many."""
# A guess: a fifth of the file's steps is another study, whose effects need not be the same.
LEAST_SHARE = 0.2


@dataclass(frozen=True)
class Wanted:
    """What a plan is asked for."""

    tell: float
    """The effect: a factor below or above 1, or a difference."""
    seconds: float | None = None
    """The longest that it may take."""


@dataclass(frozen=True)
class Candidate:
    """One design that tells the effect."""

    points: int
    seeds: int
    trials: int
    tells: tuple[tuple[str, float], ...]
    """(setting, smallest effect that is found)."""
    cost: float
    """Seconds; runs of single seeds where no time is known."""


@dataclass
class Proposal:
    """The designs that tell an effect, one per number of seeds, and the cheapest of them."""

    spec: StudySpec
    spread: Spread
    times: StudyTimes
    candidates: list[Candidate] = field(default_factory=list)
    amount: float = 0.0
    """Of the budget."""
    note: str = ""

    @property
    def best(self) -> Candidate | None:
        """The cheapest; None where none tells it."""
        return min(self.candidates, key=lambda each: each.cost, default=None)

    @property
    def changes(self) -> Changes:
        """What the proposal changes in the study file, by (table, key)."""
        best = self.best
        assert best is not None
        seeds, taken = list(self.spec.train.seeds)[: best.seeds], set(self.spec.train.seeds)
        taken |= set(self.spec.confirm.seeds if self.spec.confirm else ())
        number = 0
        while len(seeds) < best.seeds:
            if number not in taken:
                seeds.append(number)
            number += 1
        changed: dict[tuple[str, str], Any] = {("train", "seeds"): seeds}
        budget = self.spec.train.budget
        if self.amount != budget.amount:
            changed["train", "budget"] = {budget.unit: _whole(self.amount)}
        changed["design", "points"] = best.points
        changed["search", "trials"] = 0
        return changed

    @property
    def change_lines(self) -> list[str]:
        """The changes as text."""
        before = json.loads(self.spec.document)
        lines = []
        for (table, key), value in self.changes.items():
            old = before.get(table, {}).get(key)
            if old == value:
                continue
            was = "" if old is None else f" (was {json.dumps(old)})"
            lines.append(f"[{table}] {key} = {json.dumps(value)}{was}")
        return lines


def proposal(spec: StudySpec, wanted: Wanted, home: Home, may_measure: bool) -> Proposal:
    """Find the designs that tell what is wanted; raise UserError where nothing can be planned."""
    spread = spread_of(spec, home)
    if spread is None:
        raise UserError(
            f"nothing is known of how effects on {spec.measure} spread: run a small study of these "
            "data first, or minimise fid"
        )
    size = effect_size(wanted.tell, spread, spec.measure)
    if not designed(with_design(spec, MIN_POINTS)):
        raise UserError(
            "nothing to plan: effects are of settings that are lists of 2 to 8 values in "
            "[search.space] (remedies with [] among its sets), and there is none; the two learning "
            "rates together are no such setting"
        )
    times = study_times(with_design(spec, 1), home, may_measure, MEASURED_SEEDS)
    made = Proposal(spec, spread, times, amount=spec.train.budget.amount)
    made.candidates = list(_candidates(spec, size, spread, times))
    limit = wanted.seconds
    if made.best is None or limit is None or not is_timed(spec, times) or made.best.cost <= limit:
        return made
    return _within(made, size, limit)


def _within(made: Proposal, size: float, limit: float) -> Proposal:
    """Return the proposal with as many steps as the time allows; without any where too few are left."""
    spec, budget = made.spec, made.spec.train.budget
    assert made.best is not None
    low, high = 0, 100
    while high - low > 1:
        share = (low + high) // 2
        costs = [
            cost
            for each in made.candidates
            if (cost := _cost(_shorter(spec, share / 100), made.times, each.points, each.seeds))
        ]
        low, high = (share, high) if min(costs) <= limit else (low, share)
    needed = format_duration(made.best.cost)
    if low < 100 * LEAST_SHARE:
        made.note = (
            f"It takes {needed}, and in {format_duration(limit)} there is time for less than "
            f"{LEAST_SHARE:.0%} of the steps. {_instead(made, limit)}"
        )
        made.candidates = []
        return made
    shorter = _shorter(spec, low / 100)
    made.amount = shorter.train.budget.amount
    made.note = (
        f"With all {budget.amount:g} {budget.unit.replace('_', ' ')} it takes {needed}. That "
        "shorter trainings spread alike, and show the same effects, is assumed."
    )
    found = list(_candidates(shorter, size, made.spread, made.times))
    return Proposal(spec, made.spread, made.times, found, made.amount, made.note)


def _instead(made: Proposal, limit: float) -> str:
    """Say what can be found in the time with all steps."""
    best: tuple[float, int, int] | None = None
    for seeds in range(3, MOST_SEEDS + 1):
        points = _most_points(made, seeds, limit)
        if not points:
            continue
        effects = [q.smallest(made.spread, seeds) for q in designed(with_design(made.spec, points))]
        known = [each for each in effects if each is not None]
        if known and len(known) == len(effects):
            best = min(best or (math.inf, 0, 0), (max(known), points, seeds))
    if best is None:
        return "No effect can be found in that time."
    size, points, seeds = best
    told_text = effect_in_words(made.spread, size)
    return f"With all of them {points} points on {seeds} seeds would tell {told_text} in that time."


def _most_points(made: Proposal, seeds: int, limit: float) -> int:
    low, high = 0, MOST_POINTS + 1
    while high - low > 1:
        points = (low + high) // 2
        cost = _cost(made.spec, made.times, points, seeds)
        low, high = (points, high) if cost is not None and cost <= limit else (low, points)
    return low - low % _share(made.spec)


def _candidates(
    spec: StudySpec, size: float, spread: Spread, times: StudyTimes
) -> Iterator[Candidate]:
    """Yield, for every number of seeds, the design of fewest points that tells `size`."""
    ranges = any(isinstance(domain, Range) for domain in spec.space.domains.values())
    most = MOST_POINTS if ranges else 1
    for seeds in range(3, MOST_SEEDS + 1):
        points = _fewest_points(spec, size, spread, seeds, most)
        if points is None:
            continue
        most = points  # of more seeds no more are needed
        made = with_design(spec, points)
        tells = tuple(
            (question.setting, question.smallest(spread, seeds) or math.inf)
            for question in designed(made)
        )
        trials = planned_trials(made)
        cost = _cost(spec, times, points, seeds)
        yield Candidate(
            points, seeds, trials, tells, float(trials * seeds) if cost is None else cost
        )


def _fewest_points(
    spec: StudySpec, size: float, spread: Spread, seeds: int, most: int
) -> int | None:
    def tells(points: int) -> bool:
        found = [q.smallest(spread, seeds) for q in designed(with_design(spec, points))]
        return all(each is not None and each <= size for each in found)

    if not tells(most):
        return None
    low, high = 0, most
    while high - low > 1:
        points = (low + high) // 2
        low, high = (low, points) if tells(points) else (points, high)
    return high + -high % _share(spec)


def _share(spec: StudySpec) -> int:
    """Return what the points of the design are a multiple of."""
    return spec.design.fraction if spec.design else 1


def is_timed(spec: StudySpec, times: StudyTimes) -> bool:
    """Return whether the time that designs take is known."""
    return _cost(spec, times, 1, len(spec.train.seeds)) is not None


def _cost(spec: StudySpec, times: StudyTimes, points: int, seeds: int) -> float | None:
    """Return the seconds of a design; None where no time is known."""
    train = spec.train.model_copy(update={"seeds": tuple(range(seeds))})
    # One point: the others take as long.
    one = with_design(spec.model_copy(update={"train": train}), 1)
    found = times.estimate(one, points)
    return None if found is None else found.high


def _shorter(spec: StudySpec, share: float) -> StudySpec:
    """Return the study with a share of its budget, in whole steps between evaluations."""
    budget, evaluations = spec.train.budget, spec.train.evaluations
    amount = max(1, math.floor(share * budget.amount / evaluations)) * evaluations
    made = spec.train.model_copy(
        update={"budget": budget.model_copy(update={"amount": float(amount)})}
    )
    return spec.model_copy(update={"train": made})


def effect_size(tell: float, spread: Spread, measure: str) -> float:
    """Return the effect on the scale of the statistics."""
    if not math.isfinite(tell) or tell <= 0 or (spread.scale == RATIO and tell == 1):
        kind = "a factor other than 1" if spread.scale == RATIO else f"a difference in {measure}"
        raise UserError(f"--tell must be {kind}, above 0, such as 0.8, got {tell:g}")
    return abs(math.log(tell)) if spread.scale == RATIO else tell


def effect_in_words(spread: Spread, size: float) -> str:
    """Return an effect of a size on the scale of the statistics: "a factor of 0.80"."""
    return f"a factor of {math.exp(-size):.2f}" if spread.scale == RATIO else f"{size:.2g}"


def _whole(amount: float) -> float | int:
    return int(amount) if amount.is_integer() else amount
