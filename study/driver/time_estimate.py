"""What a study will take on this machine: from the trials to come and the time of their steps."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ganstudy.study.driver.cost_estimate import steps_of, stops
from ganstudy.study.driver.step_times import MeasuredTimes, structure
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home
from ganstudy.study.ledger.confirm_selection import max_trials
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.planned_trials import PlannedTrials
from ganstudy.study.ledger.stage import StageTrials
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


def structures(spec: StudySpec, planned: PlannedTrials) -> list[TrialConfig]:
    """Return one configuration per structure of the trials to come, the most frequent first; at
    most MOST_MEASURED.
    """
    found: dict[str, TrialConfig] = {}
    counts: Counter[str] = Counter()
    for params in planned.params:
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
    planned: PlannedTrials,
    times: MeasuredTimes | EarlierTimes,
    slots: int,
    seeds: int | None = None,
) -> TimeEstimate | None:
    """Estimate the wall time on so many slots; None where nothing was measured.

    seeds: of the search, where not as many as the file has.
    """
    configs = [spec.space.trial_config(params) for params in planned.params]
    alone = [_trial_seconds(spec, config, times) for config in configs]
    full = [each for each in alone if each is not None]
    if not full:
        return None
    own = len(spec.train.seeds)
    factor = _factor(times, own if seeds is None else seeds, own)
    confirm = _confirm(spec, sum(full) / len(full), times, slots)
    # Every worker loads the data; before them, one makes what all are measured with.
    around = AROUND + (2 * times.preparation if isinstance(times, MeasuredTimes) else 0.0)
    ends = []
    for share in (_least_share(spec), 1.0):
        search = makespan([share * factor * each for each in full], slots)
        ends.append(around + search * planned.total / len(full) + confirm)
    return TimeEstimate(*ends, slots)


def makespan(seconds: Iterable[float], slots: int) -> float:
    """Return when the last of the trials ends, each begun as soon as a slot is free."""
    free = [0.0] * slots
    for each in seconds:
        heapq.heapreplace(free, free[0] + each)
    return max(free)


def _trial_seconds(
    spec: StudySpec, config: TrialConfig, times: MeasuredTimes | EarlierTimes
) -> float | None:
    """Return what a trial takes that trains to its end."""
    evaluations, budget = config.evaluations, config.budget
    if isinstance(times, EarlierTimes):
        steps = sum(steps_of(config)) if budget.unit != "seconds" else 0.0
        spent = budget.amount if budget.unit == "seconds" else steps * times.update
        return spent + evaluations * times.evaluation
    evaluating = evaluations * (times.evaluation or 0.0) + times.last_evaluation
    if budget.unit == "seconds":
        return budget.amount + evaluating
    each = times.steps_of(config)
    if each is None:
        return None
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


def _confirm(
    spec: StudySpec, trial: float, times: MeasuredTimes | EarlierTimes, slots: int
) -> float:
    """Return what the confirm stage takes at most, of trials that take `trial` in the search."""
    if spec.confirm is None:
        return 0.0
    factor = _factor(times, len(spec.confirm.seeds), len(spec.train.seeds))
    return makespan([trial * factor] * max_trials(spec), slots)
