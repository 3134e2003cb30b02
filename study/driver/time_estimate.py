"""What a study will take on this machine: from the trials to come and the time of their steps."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ganstudy.study.driver.cost_estimate import steps_of, stops
from ganstudy.study.driver.step_times import MeasuredTimes, structure
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home
from ganstudy.study.ledger.confirm_selection import max_trials
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.stage import StageTrials
from ganstudy.study.ledger.trials_ahead import TrialsAhead, designed_ahead, searched_ahead
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config.trial import TrialConfig

AROUND = 20.0
"""Seconds that a run takes beside its trials: Ray's start, the last records, the report."""
# A guess: as many as the clock of `measure` allows a second each.
MOST_MEASURED = 12


@dataclass(frozen=True)
class EarlierTimes:
    """Means over the stages of earlier studies with the same data, model and number of seeds."""

    update: float
    """Seconds of a step of either player, for all seeds together."""
    evaluation: float


@dataclass(frozen=True)
class TimeEstimate:
    """Wall time of a study, from its start to its report; seconds."""

    low: float
    """Where the scheduler stops as many trials as it can."""
    high: float
    """Where it stops none."""
    slots: int
    """Trials at a time."""


def structures(spec: StudySpec) -> list[TrialConfig]:
    """Return one configuration per structure of the trials to come, the most frequent first.

    There are at most MOST_MEASURED.
    """
    found: dict[str, TrialConfig] = {}
    counts: Counter[str] = Counter()
    for params in [*designed_ahead(spec).params, *searched_ahead(spec).params]:
        config = spec.space.trial_config(params)
        name = structure(config)
        found.setdefault(name, config)
        counts[name] += 1
    return [found[name] for name, _ in counts.most_common(MOST_MEASURED)]


def earlier_times(spec: StudySpec, home: Home, seeds: int) -> EarlierTimes | None:
    """Return what earlier studies under `home` measured; None where there is none."""
    found = []
    # Ensembles of another number of seeds take another time per update, so they are left out.
    for name in home.names():
        try:
            ledger = Ledger.open(home.study(name).ledger)
        except UserError:
            continue
        earlier = ledger.spec
        if (earlier.data, earlier.model) != (spec.data, spec.model):
            continue
        if len(earlier.train.seeds) == seeds:
            found.append(_times(ledger.search, earlier))
        confirmation = ledger.confirm
        if earlier.confirm is not None and confirmation and len(earlier.confirm.seeds) == seeds:
            found.append(_times(confirmation, earlier))
    times = [each for each in found if each is not None]
    if not times:
        return None
    return EarlierTimes(
        sum(each.update for each in times) / len(times),
        sum(each.evaluation for each in times) / len(times),
    )


def _times(stage: StageTrials, spec: StudySpec) -> EarlierTimes | None:
    update = stage.seconds_per_update()
    distance = spec.train.budget.amount / spec.train.evaluations
    return None if update is None else EarlierTimes(update, stage.seconds_per_evaluation(distance))


def estimate(
    spec: StudySpec,
    times: MeasuredTimes | EarlierTimes,
    slots: int,
    measured_seeds: int,
    times_design: int = 1,
) -> TimeEstimate | None:
    """Estimate the wall time on so many slots; None where nothing was measured.

    measured_seeds: with how many seeds the times were measured. times_design: how many times the
    designed trials are trained, with other settings.
    """
    stages = [designed_ahead(spec), searched_ahead(spec)]
    try:
        seconds = [
            [_trial_seconds(config, times) for config in _configs(spec, stage)] for stage in stages
        ]
    except UnknownTimesError:
        return None
    seeds = len(spec.train.seeds)
    factor = _factor(times, seeds, measured_seeds)
    every = [each for stage in seconds for each in stage]
    mean = sum(every) / len(every)
    confirm = 0.0
    if spec.confirm is not None:
        again = mean * _factor(times, len(spec.confirm.seeds), measured_seeds)
        confirm = makespan([again] * max_trials(spec), slots)
    # Every worker loads the data; before them, one makes what all are measured with.
    around = AROUND + (2 * times.preparation if isinstance(times, MeasuredTimes) else 0.0)
    ends = []
    for searched in (_least_share(spec), 1.0):
        shares = (_designed_share(spec, stages[0].total), searched)
        ends.append(around + confirm)
        for stage, own, share, repeats in zip(
            stages, seconds, shares, (times_design, 1), strict=True
        ):
            each_slot = makespan([share * factor * each for each in own] * repeats, slots)
            ends[-1] += each_slot * stage.per_drawn
    low, high = ends
    return TimeEstimate(low, high, slots)


def makespan(seconds: Iterable[float], slots: int) -> float:
    """Return when the last of the trials ends, each begun as soon as a slot is free."""
    free = [0.0] * slots
    for each in seconds:
        heapq.heapreplace(free, free[0] + each)
    return max(free)


def _configs(spec: StudySpec, stage: TrialsAhead) -> Iterator[TrialConfig]:
    # The budget of the study as it is now: its space was made of the file's.
    changed = {"budget": spec.train.budget}
    return (spec.space.trial_config(p).model_copy(update=changed) for p in stage.params)


class UnknownTimesError(Exception):
    """No step was measured."""


def _trial_seconds(config: TrialConfig, times: MeasuredTimes | EarlierTimes) -> float:
    """Return what a trial takes that trains to its end."""
    evaluations, budget = config.evaluations, config.budget
    if isinstance(times, EarlierTimes):
        spent = budget.amount if budget.unit == "seconds" else sum(steps_of(config)) * times.update
        return spent + evaluations * times.evaluation
    evaluating = evaluations * (times.evaluation or 0.0)
    each = times.steps_of(config)
    if each is None:
        if budget.unit == "seconds":
            return budget.amount + evaluating + times.last_evaluation
        raise UnknownTimesError
    # The last evaluation goes on training for some steps (trials/gan/end_of_training.py).
    evaluating += times.last_evaluation * times.slower(each)
    if budget.unit == "seconds":
        return budget.amount + evaluating
    of_discriminator, of_generator = steps_of(config)
    return of_discriminator * each.discriminator + of_generator * each.generator + evaluating


def _factor(times: MeasuredTimes | EarlierTimes, seeds: int, own: int) -> float:
    if seeds == own:
        return 1.0
    return times.factor(seeds, own) if isinstance(times, MeasuredTimes) else seeds / own


def _least_share(spec: StudySpec) -> float:
    """Return the share of all training that is left where every rung lets only the best go on."""
    if spec.schedule.name != "asha":
        return 1.0
    share, passed, before = 0.0, 1.0, 0.0
    for stop in [*stops(spec), spec.train.budget.amount]:
        share += passed * (stop - before) / spec.train.budget.amount
        passed, before = passed / spec.schedule.reduction_factor, stop
    return share


def _designed_share(spec: StudySpec, trials: int) -> float:
    """Return the share of all training that a design has: some trials go no further than `at`."""
    design = spec.design
    if design is None or design.promote is None or not trials:
        return 1.0
    return design.at + (1 - design.at) * design.promote / trials
