"""What a worker trains: the protocol that study/tune/trainable.py drives, and its implementation.

torch is imported inside the functions that workers call; the driver never loads it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ganstudy.trials.config.data import DataOptions
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import Evaluation, EvaluationRow

if TYPE_CHECKING:
    import torch

    from ganstudy.trials.data.dataset import Dataset
    from ganstudy.trials.measures.scoring.evaluator import Evaluator


class Training(Protocol):
    """One trial in training.

    It is implemented by trials/training/sharded_trial.py, and where a function or a command of the
    user's own trains by function_trial.py and command_trial.py in trials/training/.
    """

    history: list[EvaluationRow]
    """Rows of all evaluations so far."""

    @property
    def finished(self) -> bool:
        """Whether the budget is spent, or no seed is left to train."""

    def advance(self, tick: Callable[[], None]) -> Evaluation:
        """Train up to the next evaluation and return it.

        tick: called about once a second; it may save, and may end the training by raising.
        """

    def latest(self) -> Evaluation:
        """Return the last evaluation once more."""

    def save(self, folder: Path) -> None:
        """Write a checkpoint."""

    def restore(self, folder: Path) -> bool:
        """Restore the newest checkpoint; return whether there was one."""


class FusedTraining(Protocol):
    """Several trials of one structure in training, by their place.

    They are implemented by trials/training/fused_trial.py.
    """

    def advance(self, tick: Callable[[], None]) -> dict[int, Evaluation]:
        """Train some of the trials up to their next evaluation and return those evaluations.

        tick: as of Training.advance.
        """

    def history(self, place: int) -> list[EvaluationRow]:
        """Return the rows of all evaluations of a trial so far."""

    def finished(self, place: int) -> bool:
        """Return whether a trial's budget is spent, or none of its seeds is left to train."""

    def stop(self, place: int) -> None:
        """Train a trial no further."""

    def latest(self, place: int) -> Evaluation:
        """Return the last evaluation of a trial once more."""

    def save(self, place: int, folder: Path) -> None:
        """Write a checkpoint of a trial."""

    def restore(self, place: int, folder: Path) -> bool:
        """Restore the newest checkpoint of a trial; return whether there was one."""


class TrainingFactory(Protocol):
    """Makes the training of one configuration; called in the worker, once per attempt at a trial."""

    def __call__(self, config: TrialConfig, shards: int = 1, /) -> Training:
        """Return a training at its beginning.

        shards: how many smaller ensembles the seeds are divided into, at most one per seed.
        """

    def fused(self, configs: Sequence[TrialConfig], /) -> FusedTraining:
        """Return the training of several configurations of one structure at its beginning.

        It is asked for only where a study trains several trials together ([resources] lanes).
        """


def load_dataset(data: DataOptions) -> Dataset:
    """Return the data, loaded once per process; raise ValueError if they cannot be used."""
    return _loaded(type(data), data.model_dump_json())


@lru_cache(maxsize=2)
def _loaded(kind: type[DataOptions], options: str) -> Dataset:
    # Keyed by the options' text: options of a user's own data hold tables, which have no hash.
    from ganstudy.trials.data import load

    return load(kind.model_validate_json(options))


@lru_cache(maxsize=2)
def make_evaluator(
    dataset: Dataset, measures: MeasuresConfig, classifier: bytes | None, device: str
) -> Evaluator:
    """Return the evaluator, kept between the trials of one process."""
    import torch

    from ganstudy.trials.measures.features.classifier import TrainedClassifier
    from ganstudy.trials.measures.scoring.evaluator import Evaluator

    trained = None if classifier is None else TrainedClassifier(classifier)
    return Evaluator(dataset, trained, torch.device(device), measures)


@dataclass(frozen=True)
class EnsembleFactory:
    """Trains seed ensembles on the worker's GPU, or on `threads` CPU threads."""

    classifier: bytes | None
    threads: int
    on_gpu: bool
    silent_seconds: float = 1800.0
    """A script without a sign of life for so long is ended."""

    def __call__(self, config: TrialConfig, shards: int = 1, /) -> Training:
        """Return a ShardedTrial at its beginning, or the trial of a training function."""
        from ganstudy.trials.training.commands.command_trial import CommandTrial
        from ganstudy.trials.training.functions.function_trial import FunctionTrial
        from ganstudy.trials.training.sharded_trial import ShardedTrial

        evaluator, device = self._prepared(config)
        if config.function is not None and config.function.command is not None:
            return CommandTrial(config, evaluator, device, self.silent_seconds)
        if config.function is not None:
            return FunctionTrial(config, evaluator, device)
        return ShardedTrial(config, evaluator, device, shards)

    def fused(self, configs: Sequence[TrialConfig], /) -> FusedTraining:
        """Return a FusedTrial at its beginning."""
        from ganstudy.trials.training.fused_trial import FusedTrial
        from ganstudy.trials.training.lane_memory import trials_that_fit

        # Data and measures are part of the structure that the configurations share.
        evaluator, device = self._prepared(configs[0])
        most = trials_that_fit(configs[0], evaluator, device) if len(configs) > 1 else None
        return FusedTrial(configs, evaluator, device, most)

    def _prepared(self, config: TrialConfig) -> tuple[Evaluator, torch.device]:
        import torch

        torch.set_num_threads(self.threads)
        device = torch.device("cuda" if self.on_gpu else "cpu")
        dataset = load_dataset(config.data)
        return make_evaluator(dataset, config.measures, self.classifier, device.type), device
