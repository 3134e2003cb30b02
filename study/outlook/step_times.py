"""Measure the seconds that steps and evaluations of a study take on this machine.

They are measured with the trainer that its trials use. torch is imported inside the functions:
`ganstudy check --no-time` answers without it.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ganstudy.study.driver.function_times import function_seconds, scoring_seconds
from ganstudy.study.errors import UserError
from ganstudy.study.outlook.clock import ClockError, begin_again, interrupted_after
from ganstudy.study.tune.training import load_dataset, make_evaluator
from ganstudy.trials.config.data import DataOptions
from ganstudy.trials.config.k_ratio import as_schedule
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.config.trial import TrialConfig

if TYPE_CHECKING:
    import torch

    from ganstudy.trials.data.dataset import Dataset
    from ganstudy.trials.training.training_loop import TrainingLoop

SECONDS = 20.0
"""For torch and the data to be loaded; then MEASURING of it, at most, to measure. On a quiet machine
all of it takes less than so long; on a busy one there is still time to measure something."""
MEASURING = 0.75
# Guesses: where the clock allows, steps are timed so long, and so much is kept for an evaluation.
PER_STRUCTURE = 1.0
FOR_EVALUATION = 0.4
# The first steps allocate memory, and on a GPU are recorded.
WARM_UP = 3
FEWEST_STEPS = 2
"""Of either player, that make a measurement."""


@dataclass(frozen=True)
class StepSeconds:
    """Seconds per step of either player, for all seeds together."""

    discriminator: float
    generator: float


@dataclass
class MeasuredTimes:
    """What was measured of a study; seconds."""

    steps: dict[str, StepSeconds] = field(default_factory=dict)
    """By `structure`; empty where the data are not here yet."""
    structures: int = 0
    """That the study has."""
    more_lanes: int = 0
    """Another number of lanes with which steps were timed; 0: none."""
    more: dict[str, float] = field(default_factory=dict)
    """By `structure`, how many times as long a step takes with them."""
    evaluation: float | None = None
    """Of all seeds of a trial; None where the clock, or weights that are not here, forbade it."""
    last_evaluation: float = 0.0
    """What the last one takes beyond the others, of the first structure; by its steps where the clock
    left no time to measure it."""
    preparation: float = 0.0
    """Of a worker, before its first step."""
    busy: float = 1.0
    """How many times as long steps took as this process computed; above 1 where others were at
    work. 1 where that cannot be measured: on a GPU, or with several threads.
    """
    speedup: float | None = None
    """How many times as fast steps of the first structure are as with one CPU, where a trial has
    several and no GPU; None where they were not compared.
    """
    of_functions: dict[str, float] = field(default_factory=dict)
    """By `structure` of a training function's trials: for one unit of their budget."""
    note: str = ""
    """Why something was not measured."""

    def steps_of(self, config: TrialConfig) -> StepSeconds | None:
        """Return the times of a configuration; means over the structures where its own is unknown."""
        own = self.steps.get(structure(config))
        if own is not None or not self.steps:
            return own
        known = list(self.steps.values())
        return StepSeconds(
            sum(each.discriminator for each in known) / len(known),
            sum(each.generator for each in known) / len(known),
        )

    def per_unit(self, config: TrialConfig) -> float | None:
        """Return the seconds of one unit of a training function's budget; a mean as `steps_of`."""
        known = list(self.of_functions.values())
        mean = sum(known) / len(known) if known else None
        return self.of_functions.get(structure(config), mean)

    def slower(self, steps: StepSeconds) -> float:
        """Return how many times as long steps take as those of the first structure."""
        first = next(iter(self.steps.values()))
        return (steps.discriminator + steps.generator) / (first.discriminator + first.generator)

    def factor(self, lanes: int, measured: int, steps: str = "") -> float:
        """Return how many times as long steps take with `lanes` lanes as with the `measured`.

        steps: their `structure`; one that was not timed gains as the others do on the whole.
        """
        if lanes == measured:
            return 1.0
        if not self.more:
            return lanes / measured
        ratio = self.more.get(steps) or sum(self.more.values()) / len(self.more)
        slope = (ratio - 1) / (self.more_lanes - measured)
        # A straight line; noise must not make a step with more lanes free, nor one dearer than
        # lanes one after another.
        least, most = sorted((1.0, lanes / measured))
        return min(most, max(least, 1 + slope * (lanes - measured)))


def structure(config: TrialConfig) -> str:
    """Return what decides the time of a step: networks, loss, remedies, and roughly the batch."""
    if config.function is not None:
        return json.dumps(config.function.params, sort_keys=True)
    built = config.model_dump(
        mode="json", include={"model", "method", "loss", "remedies", "optimiser"}
    )
    return json.dumps({**built, "batch": round(math.log2(config.batch_size))}, sort_keys=True)


def measure(
    configs: Sequence[TrialConfig],
    other_lanes: int,
    cache: Path,
    threads: int,
    on_gpu: bool,
    seconds: float = SECONDS,
) -> MeasuredTimes:
    """Measure one configuration per structure, the first ones first, in at most `seconds`.

    other_lanes: lanes to compare with. cache: where an earlier study left its
    classifier; nothing is written. Raise UserError where the data or the networks cannot be used.
    """
    made = MeasuredTimes(structures=len(configs))
    try:
        with interrupted_after(seconds):
            _measure(made, configs, other_lanes, cache, (threads, on_gpu), MEASURING * seconds)
    except ClockError:
        if made.evaluation is None:
            made.note = made.note or f"{seconds:g} s were too few to measure an evaluation, too"
        if not made.steps:
            made.note = f"{seconds:g} s were too few to measure a step"
    except ValueError as error:
        raise UserError(str(error)) from None
    except (RuntimeError, MemoryError) as error:  # networks that are too large for this machine
        raise UserError(f"the networks cannot be made here: {str(error).splitlines()[0]}") from None
    return made


def _measure(
    made: MeasuredTimes,
    configs: Sequence[TrialConfig],
    other_lanes: int,
    cache: Path,
    machine: tuple[int, bool],
    seconds: float,
) -> None:
    begun = time.perf_counter()
    import torch

    threads, on_gpu = machine
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    device = torch.device("cuda" if on_gpu else "cpu")
    try:
        dataset = _dataset_here(configs[0].data)
        if dataset is None:
            made.note = f"{configs[0].data.name} is not here yet: the first run downloads it"
            return
        made.preparation = time.perf_counter() - begun
        begin_again(seconds)
        deadline = time.perf_counter() + seconds
        clocks = time.perf_counter(), time.process_time()
        for index, config in enumerate(configs):
            if config.function is not None and config.function.command is not None:
                made.note = "a command is not run to be timed"
                return
            left = deadline - time.perf_counter()
            share = (1 - FOR_EVALUATION) * left / (2 * (len(configs) - index))
            if config.function is not None:
                timed = function_seconds(config, dataset, device, min(share, PER_STRUCTURE))
                made.of_functions[structure(config)] = timed
                continue
            made.steps[structure(config)] = _step_seconds(config, dataset, device, share)
            if index == 0:
                made.last_evaluation = _end_of_training(config, made.steps[structure(config)])
            if index == 0 and threads > 1 and not on_gpu:
                made.speedup = _speedup(made, config, dataset, device, share)
            if other_lanes != len(config.seeds):
                made.more_lanes = other_lanes
                ratio = _with_lanes(made, config, other_lanes, dataset, device, share)
                made.more[structure(config)] = ratio
        if threads == 1 and not on_gpu:
            wall, computed = time.perf_counter() - clocks[0], time.process_time() - clocks[1]
            made.busy = max(1.0, wall / computed)
        _measure_evaluation(made, configs[0], dataset, cache, device)
    finally:
        torch.set_num_threads(before)


def _dataset_here(data: DataOptions) -> Dataset | None:
    """Return the data; None where they would have to be downloaded."""
    if not getattr(data, "download", False):
        return load_dataset(data)
    try:
        return load_dataset(data.model_copy(update={"download": False}))
    except ValueError:
        return None


def _step_seconds(
    config: TrialConfig, dataset: Dataset, device: torch.device, seconds: float
) -> StepSeconds:
    """Return the mean times of steps that are made for up to `seconds`, or PER_STRUCTURE."""
    from ganstudy.trials.training.training_loop import TrainingLoop

    deadline = time.perf_counter() + min(seconds, PER_STRUCTURE)
    # As many steps of either player as of the other, whatever their ratio will be.
    loop = TrainingLoop(config.model_copy(update={"k": as_schedule(1)}), dataset, device)
    spent, steps = [0.0, 0.0], [0, 0]
    made, fewest = 0, 0
    # Steps that take seconds are measured from the first on: the clock leaves no time to warm up.
    while time.perf_counter() < deadline or fewest < (FEWEST_STEPS if made > 2 * WARM_UP else 1):
        is_generator, took = _one_step(loop, device)
        made += 1
        if made == 2 * WARM_UP and time.perf_counter() < deadline:
            spent, steps, fewest = [0.0, 0.0], [0, 0], 0
            continue
        spent[is_generator] += took
        steps[is_generator] += 1
        fewest = steps[1] if not loop.trainer.adversarial else min(steps)
    means = [total / max(1, count) for total, count in zip(spent, steps, strict=True)]
    return StepSeconds(discriminator=means[0], generator=means[1])


def _end_of_training(config: TrialConfig, each: StepSeconds) -> float:
    """Return about what the measures at the end of a training take, by the steps that they make.

    Each player's best answer takes game_steps of its own, the path angle as many gradients of both
    (trials/gan/end_of_training.py).
    """
    if config.method != "gan":
        return 0.0
    return 2 * config.measures.game_steps * (each.discriminator + each.generator)


def _one_step(loop: TrainingLoop, device: torch.device) -> tuple[bool, float]:
    """Make a step; return whether it was the generator's, and its seconds."""
    before, start = loop.counters.generator_steps, time.perf_counter()
    loop.train_step()
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)
    return loop.counters.generator_steps > before, time.perf_counter() - start


def _speedup(
    made: MeasuredTimes, config: TrialConfig, dataset: Dataset, device: torch.device, seconds: float
) -> float:
    """Return how many times as fast steps are as with one thread."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        alone = _step_seconds(config, dataset, device, seconds)
    finally:
        torch.set_num_threads(threads)
    own = made.steps[structure(config)]
    return (alone.discriminator + alone.generator) / (own.discriminator + own.generator)


def _with_lanes(
    made: MeasuredTimes,
    config: TrialConfig,
    lanes: int,
    dataset: Dataset,
    device: torch.device,
    seconds: float,
) -> float:
    """Return how many times as long a step of either player takes with so many lanes."""
    # Seeds of one configuration: that some numbers differ between lanes takes little more.
    other = config.model_copy(update={"seeds": tuple(range(lanes))})
    own, found = made.steps[structure(config)], _step_seconds(other, dataset, device, seconds)
    return (found.discriminator + found.generator) / (own.discriminator + own.generator)


def _measure_evaluation(
    made: MeasuredTimes, config: TrialConfig, dataset: Dataset, cache: Path, device: torch.device
) -> None:
    from ganstudy.trials.measures.features.extractor import extractor_name
    from ganstudy.trials.measures.features.fidelity import INCEPTION
    from ganstudy.trials.training.trial import Trial

    begun = time.perf_counter()
    if extractor_name(dataset, config.measures) == INCEPTION and config.measures.weights is None:
        made.note = "evaluations by Inception come on top: its weights are not loaded here"
        return
    classifier = _classifier(dataset, config.measures, cache)
    evaluator = make_evaluator(dataset, config.measures, classifier, device.type)
    made.preparation += time.perf_counter() - begun
    if config.function is not None:
        made.evaluation = scoring_seconds(config, evaluator)
        return
    trial = Trial(config, evaluator, device)
    for _ in range(2 * WARM_UP):
        trial.loop.train_step()
    start = time.perf_counter()
    trial.evaluate()
    made.evaluation = time.perf_counter() - start
    start = time.perf_counter()
    trial.evaluation.end_of_training(trial.trainer, config.evaluations)
    made.last_evaluation = time.perf_counter() - start


def _classifier(dataset: Dataset, measures: MeasuresConfig, cache: Path) -> bytes | None:
    """Return the classifier of an earlier study, else an untrained one, which takes the same time."""
    from safetensors.torch import save

    from ganstudy.study.tune.evaluator_setup import classifier_path
    from ganstudy.trials.measures.features.classifier import Classifier
    from ganstudy.trials.measures.features.extractor import extractor_name

    if extractor_name(dataset, measures) != "classifier":
        return None
    path = classifier_path(dataset, cache)
    if path.exists():
        return path.read_bytes()
    labelled = dataset.part or dataset
    network = Classifier(labelled.shape, len(labelled.mode_names or ()))
    weights: bytes = save(network.state_dict(), {"held_out_accuracy": "nan"})
    return weights
