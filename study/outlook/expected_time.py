"""The time of a study in lines: measured now, or as earlier studies took."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ganstudy.study.cluster.slots import slots_here
from ganstudy.study.driver.duration import format_duration
from ganstudy.study.home import Home
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.packing import pack_line, trials_per_pack, with_lanes
from ganstudy.study.outlook.idle_resources import idle_cpus_line
from ganstudy.study.outlook.step_times import MeasuredTimes, measure
from ganstudy.study.outlook.time_estimate import (
    EarlierTimes,
    TimeEstimate,
    earlier_times,
    estimate,
    main_stage,
    structures,
    training_seconds,
)
from ganstudy.study.spec.study_spec import StudySpec

# A guess: a difference that a person would notice.
NOTICED = 1.25
"""The ends of a span this many times apart are both stated."""


@dataclass(frozen=True)
class StudyTimes:
    """What steps of a study take, how that is known, and how many trials train at a time."""

    times: MeasuredTimes | EarlierTimes | None
    seeds: int
    """With which they were measured."""
    slots: int
    without_gpu: bool = False
    """Whether the study asks for a GPU that this machine lacks."""
    lanes: int | None = None
    """With which the study began; None: it has not."""

    @property
    def machine(self) -> str:
        """Where the study is to run."""
        return _machine()

    def estimate(self, spec: StudySpec, times_design: int = 1) -> TimeEstimate | None:
        """Return what a study takes that differs in numbers of trials, seeds and steps alone.

        times_design: how many times its designed trials are trained, with other settings.
        """
        if self.times is None or not self.slots:
            return None
        return estimate(spec, self.times, self.slots, self.seeds, times_design, self.lanes)


def study_times(spec: StudySpec, home: Home, may_measure: bool, other_seeds: int) -> StudyTimes:
    """Return the times of earlier studies, or measure them where that is wanted.

    other_seeds: a number of seeds to compare with, unless it is packs. Raise UserError where the data
    or the networks cannot be used.
    """
    seeds, lanes = len(spec.train.seeds), _begun_with(spec, home)
    needs_gpu = spec.resources.gpus > 0
    stage, trials = main_stage(spec)
    gpus = _gpus() if needs_gpu and may_measure else 0
    without_gpu = needs_gpu and not gpus
    # A machine that lacks the GPU has the CPUs, and says so.
    cpus_alone = spec.resources.model_copy(update={"gpus": 0.0})
    resources = cpus_alone if without_gpu else spec.resources
    slots = slots_here(resources, gpus)
    in_lanes = with_lanes(spec, lanes)
    most = trials_per_pack(in_lanes, stage, seeds, trials, max(1, slots))
    earlier = earlier_times(spec, home, seeds, most > 1)
    if earlier is not None:
        return StudyTimes(earlier, seeds, slots, without_gpu, lanes)
    if not may_measure:
        in_seconds = spec.train.budget.unit == "seconds"
        return StudyTimes(
            EarlierTimes(0, 0) if in_seconds else None, seeds, slots, without_gpu, lanes
        )
    times = measure(
        structures(spec),
        most * seeds if most > 1 else other_seeds,
        home.cache,
        threads=max(1, int(spec.resources.cpus)),
        on_gpu=needs_gpu and not without_gpu,
    )
    return StudyTimes(times, seeds, slots, without_gpu, lanes)


def _begun_with(spec: StudySpec, home: Home) -> int | None:
    """Return the lanes of packs of a study that has begun; None where it has not."""
    begun = Ledger.check_same(home.study(spec.name).ledger, spec)
    return None if begun is None else begun.going_on(spec).resources.lanes


def _pack_lines(spec: StudySpec, known: StudyTimes) -> list[str]:
    """Say how many configurations are trained together."""
    seeds, (stage, trials) = len(spec.train.seeds), main_stage(spec)
    spec = with_lanes(spec, known.lanes)
    most = trials_per_pack(spec, stage, seeds, trials, max(1, known.slots))
    return [pack_line(spec, seeds, most)] if most > 1 else []


def time_lines(spec: StudySpec, known: StudyTimes) -> list[str]:
    """Return the time of the study, and how it is known."""
    times = known.times
    if times is None:
        why = "not measured (--no-time), and no study of this data and model has run here"
        return [why, *_pack_lines(spec, known)]
    if not known.slots:
        return [f"this machine has {_machine()}, too few for a trial ([resources])"]
    found = known.estimate(spec)
    if found is None:
        assert isinstance(times, MeasuredTimes)
        return [f"not measured: {times.note}"]
    packs = _pack_lines(spec, known)
    lines = [f"about {span(found)} on {_machine()}, {_at_a_time(found, packs)}"]
    if found.high > NOTICED * found.low:
        lines[0] += "; less where asha stops more trials"
    return [*lines, *packs, *basis_lines(spec, known)]


def span(found: TimeEstimate) -> str:
    """Return the time as text: "4 to 9 min"."""
    low, high = format_duration(found.low), format_duration(found.high)
    if found.high <= NOTICED * found.low:
        return high
    if low.split()[-1] == high.split()[-1]:
        low = low.split()[0]
    return f"{low} to {high}"


def basis_lines(spec: StudySpec, known: StudyTimes) -> list[str]:
    """Return how the times are known."""
    times, lines = known.times, list[str]()
    if isinstance(times, EarlierTimes):
        lines = _as_earlier(spec, times)
    elif times is not None:
        lines = _as_measured(spec, times)
    if known.without_gpu:
        lines.append("this machine lacks the GPU that the study asks for: the time is this CPU's")
    return lines


def _as_earlier(spec: StudySpec, times: EarlierTimes) -> list[str]:
    if not times.update:
        return []
    return [
        "as earlier studies of this data and model took here: "
        f"{1000 * times.update:.2g} ms per step of {len(spec.train.seeds)} seeds"
    ]


def _as_measured(spec: StudySpec, times: MeasuredTimes) -> list[str]:
    if times.of_functions:
        return _function_lines(spec, times)
    if not times.steps:
        return [times.note]
    each = [(found.discriminator, found.generator) for found in times.steps.values()]
    steps = [1000 * value for both in each for value in both if value]
    words = (
        f"measured now: {_short(min(steps))} to {_short(max(steps))} ms per step of "
        f"{len(spec.train.seeds)} seeds"
    )
    if times.evaluation is not None:
        words += f", {times.evaluation:.2g} s per evaluation"
    lines = [words, *_end_of_training_line(spec, times)]
    if times.structures > len(times.steps):
        lines.append(f"{len(times.steps)} of {times.structures} structures were measured")
    if times.busy > NOTICED:
        lines.append(
            f"other processes were at work: on a quiet machine down to {1 / times.busy:.0%} of it"
        )
    if times.speedup is not None:
        idle = idle_cpus_line(int(spec.resources.cpus), times.speedup)
        lines += [idle] if idle else []
    return [*lines, times.note] if times.note else lines


def _end_of_training_line(spec: StudySpec, times: MeasuredTimes) -> list[str]:
    """Say so where the measures at a training's end take longer than the training."""
    config = structures(spec)[0]
    each = times.steps_of(config)
    if each is None or config.budget.unit == "seconds":
        return []
    if times.last_evaluation <= training_seconds(config, each):
        return []
    return [
        f"duality gap and path angle at the end of a trial take about "
        f"{format_duration(times.last_evaluation)}, longer than its training: [measures] "
        "game_steps = 0 leaves them out"
    ]


def _function_lines(spec: StudySpec, times: MeasuredTimes) -> list[str]:
    unit, seeds = spec.train.budget.unit.replace("_", " "), len(spec.train.seeds)
    if unit == "seconds":
        return [
            f"each of {seeds} seeds has the budget to itself",
            *([times.note] * bool(times.note)),
        ]
    each = [1000 * value for value in times.of_functions.values()]
    lines = [
        f"measured now, by the first steps of {spec.train.method}: {_short(min(each))} to "
        f"{_short(max(each))} ms per {unit.removesuffix('s')} of {seeds} seeds, one after another"
    ]
    if times.evaluation is not None:
        lines[0] += f"; {times.evaluation:.2g} s to score an evaluation"
    return [*lines, times.note] if times.note else lines


def _short(value: float) -> str:
    """Return two digits, without an exponent."""
    return f"{float(f'{value:.2g}'):g}"


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()


def _machine() -> str:
    cpus = os.cpu_count() or 1
    return f"{cpus} CPU" + ("s" if cpus > 1 else "")


def _at_a_time(found: TimeEstimate, packs: list[str]) -> str:
    name = "pack" if packs else "trial"
    return f"one {name} at a time" if found.slots == 1 else f"{found.slots} {name}s at a time"
