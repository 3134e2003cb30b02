"""What a study will take on this machine: from the trials to come and the time of their steps."""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ganstudy.study.errors import UserError
from ganstudy.study.home import Home
from ganstudy.study.ledger.confirm_selection import max_trials
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.packing import (
    AHEAD,
    next_pack,
    pack_size,
    trials_per_pack,
    with_lanes,
)
from ganstudy.study.ledger.stage import StageTrials
from ganstudy.study.ledger.trials_ahead import TrialsAhead, designed_ahead, searched_ahead
from ganstudy.study.outlook.cost_estimate import steps_of, stops
from ganstudy.study.outlook.step_times import MeasuredTimes, StepSeconds, structure
from ganstudy.study.spec.design_plan import planned_trials
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config.lanes import structure_of
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import Stage

AROUND = 45.0
"""Seconds that a run takes beside its trials: Ray's start, its workers', the last records, the report.

44 s, measured with the digits study on two cores."""
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


def earlier_times(
    spec: StudySpec, home: Home, seeds: int, packed: bool = False
) -> EarlierTimes | None:
    """Return what earlier studies under `home` measured; None without any.

    packed: whether trials are trained together, in which they take less each.
    """
    found = []
    # What a training function counts, and with which parameters, is its own: it is measured.
    if spec.has_training_function:
        return None
    # Ensembles of another number of seeds take another time per update, so they are left out.
    for name in home.names():
        try:
            ledger = Ledger.open(home.study(name).ledger)
        except UserError:
            continue
        earlier = ledger.spec
        same = (earlier.data, earlier.model) == (spec.data, spec.model)
        if not same or earlier.has_training_function:
            continue
        if len(earlier.train.seeds) == seeds and is_packed(earlier) == packed:
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


def main_stage(spec: StudySpec) -> tuple[Stage, int]:
    """Return the stage in which most is trained, and the number of its trials."""
    planned = planned_trials(spec)
    searched = spec.search.trials
    return (Stage.DESIGN, planned) if planned >= searched else (Stage.SEARCH, searched)


def is_packed(spec: StudySpec) -> bool:
    """Return whether several trials of a study are trained together."""
    stage, trials = main_stage(spec)
    return trials_per_pack(spec, stage, len(spec.train.seeds), trials) > 1


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
    lanes: int | None = None,
) -> TimeEstimate | None:
    """Estimate the wall time on so many slots; None where nothing was measured.

    measured_seeds: with how many seeds the times were measured. times_design: how many times the
    designed trials are trained, with other settings. lanes: with which the study began.
    """
    stages = [(Stage.DESIGN, designed_ahead(spec)), (Stage.SEARCH, searched_ahead(spec))]
    try:
        alone = [[_alone(config, times) for config in _configs(spec, stage)] for _, stage in stages]
    except UnknownTimesError:
        return None
    seeds = len(spec.train.seeds)
    every = [each for stage in alone for each in stage]
    confirm = 0.0
    if spec.confirm is not None:
        # Which they will be is not known, nor whether any two are of one structure.
        fresh = [each.seconds(times, len(spec.confirm.seeds), measured_seeds) for each in every]
        confirm = makespan([sum(fresh) / len(fresh)] * max_trials(spec), slots)
    # Every worker loads the data; before them, one makes what all are measured with.
    around = AROUND + (2 * times.preparation if isinstance(times, MeasuredTimes) else 0.0)
    ends = []
    for searched in (_least_share(spec), 1.0):
        shares = (_designed_share(spec, stages[0][1].total * times_design), searched)
        ends.append(around + confirm)
        for (name, stage), own, share, repeats in zip(
            stages, alone, shares, (times_design, 1), strict=True
        ):
            total = stage.total * repeats
            most = trials_per_pack(with_lanes(spec, lanes), name, seeds, total, slots)
            packs = Packs(times, seeds, measured_seeds, most)
            ends[-1] += share * stage.per_drawn * packs.makespan(own * repeats, slots)
    low, high = ends
    return TimeEstimate(low, high, slots)


def makespan(seconds: Iterable[float], slots: int) -> float:
    """Return when the last of the trials ends, each begun as soon as a slot is free."""
    free = [0.0] * slots
    for each in seconds:
        heapq.heapreplace(free, free[0] + each)
    return max(free)


@dataclass(frozen=True)
class Alone:
    """What a trial takes that trains to its end by itself, with the seeds of the measurement."""

    structure: str
    """Of a pack in which it may be."""
    steps: str
    """What decides the time of its steps; empty where it has a budget of seconds."""
    training: float
    """Of steps, which lanes share."""
    evaluating: float

    def seconds(
        self, times: MeasuredTimes | EarlierTimes, lanes: int, measured_seeds: int
    ) -> float:
        """Return what a pack of so many lanes takes that is trained as this one is."""
        factor = _factor(times, self.steps, lanes, measured_seeds) if self.steps else 1.0
        # Every seed is measured for itself.
        return factor * self.training + lanes / measured_seeds * self.evaluating


@dataclass(frozen=True)
class Packs:
    """How trials of a stage are put together, as study/tune/pack_searcher.py does."""

    times: MeasuredTimes | EarlierTimes
    seeds: int
    measured_seeds: int
    most: int
    """Trials per pack."""

    def makespan(self, trials: list[Alone], slots: int) -> float:
        """Return when the last of the trials ends."""
        free, waiting = [0.0] * slots, deque(trials)
        drawn: list[Alone] = []
        while waiting or drawn:
            size = pack_size(self.most, len(waiting) + len(drawn), slots)
            while waiting and len(drawn) < (AHEAD * size if self.most > 1 else 1):
                drawn.append(waiting.popleft())
            pack, drawn = next_pack(drawn, size, lambda each: each.structure)
            # Of one structure, and so of equal steps.
            taken = pack[0].seconds(self.times, len(pack) * self.seeds, self.measured_seeds)
            heapq.heapreplace(free, free[0] + taken)
        return max(free)


def _configs(spec: StudySpec, stage: TrialsAhead) -> Iterator[TrialConfig]:
    # The budget of the study as it is now: its space was made of the file's.
    changed = {"budget": spec.train.budget}
    return (spec.space.trial_config(p).model_copy(update=changed) for p in stage.params)


class UnknownTimesError(Exception):
    """No step was measured."""


def _alone(config: TrialConfig, times: MeasuredTimes | EarlierTimes) -> Alone:
    """Return what a trial takes that trains to its end."""
    evaluations, budget = config.evaluations, config.budget
    in_seconds = budget.unit == "seconds"
    together, steps = structure_of(config), "" if in_seconds else structure(config)
    if config.function is not None:
        # Each of its seeds has a budget of seconds to itself; of what it counts nothing is known but
        # what was measured.
        unit = None if isinstance(times, EarlierTimes) else times.per_unit(config)
        if unit is None and not in_seconds:
            raise UnknownTimesError
        spent = budget.amount * (len(config.seeds) if in_seconds else unit or 0.0)
        return Alone(together, steps, spent, evaluations * (times.evaluation or 0.0))
    if isinstance(times, EarlierTimes):
        spent = budget.amount if in_seconds else sum(steps_of(config)) * times.update
        return Alone(together, steps, spent, evaluations * times.evaluation)
    each, evaluating = times.steps_of(config), evaluations * (times.evaluation or 0.0)
    # The last evaluation goes on training for some steps (trials/gan/end_of_training.py).
    last = times.last_evaluation * (1.0 if each is None else times.slower(each))
    if in_seconds:
        return Alone(together, steps, budget.amount + last, evaluating)
    if each is None:
        raise UnknownTimesError
    return Alone(together, steps, training_seconds(config, each) + last, evaluating)


def training_seconds(config: TrialConfig, each: StepSeconds) -> float:
    """Return what all steps of a training take, without evaluations."""
    of_discriminator, of_generator = steps_of(config)
    return of_discriminator * each.discriminator + of_generator * each.generator


def _factor(times: MeasuredTimes | EarlierTimes, steps: str, lanes: int, own: int) -> float:
    if lanes == own:
        return 1.0
    # What earlier studies measured has their packs in it.
    return times.factor(lanes, own, steps) if isinstance(times, MeasuredTimes) else lanes / own


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
