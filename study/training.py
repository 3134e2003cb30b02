"""What a worker trains: the contract that study/trainable.py drives, and the real thing behind it.

torch is imported inside the functions that workers call; the driver never loads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from trials.config import DataConfig, TrialConfig
from trials.files import write_whole
from trials.records import Evaluation, Provenance

if TYPE_CHECKING:
    import torch

    from trials.data import Dataset
    from trials.measures.evaluator import Evaluator


class Training(Protocol):
    """One trial in training; trials.trial.Trial is the real one."""

    history: list[dict[str, Any]]
    """Rows of all evaluations so far."""

    @property
    def finished(self) -> bool:
        """The budget is spent, or nothing is left to train."""

    def advance(self) -> Evaluation:
        """Trains up to the next evaluation."""

    def latest(self) -> Evaluation:
        """The last evaluation once more."""

    def save(self, folder: Path) -> None:
        """Writes a checkpoint."""

    def restore(self, folder: Path) -> bool:
        """Goes on from the newest checkpoint, if there is one."""


class TrainingFactory(Protocol):
    """Makes the training of one configuration; called in the worker, once per trial."""

    def __call__(self, config: TrialConfig) -> Training:
        """A training at its beginning."""


@dataclass(frozen=True)
class Yardstick:
    """What all scores of a study are measured with, made once and sent to every worker."""

    classifier: bytes | None
    """The in-domain classifier, or None where points are compared as they are."""
    provenance: Provenance
    floor: dict[str, float]
    """Every measure of real training data scored as if generated, at the same n."""
    real_effective_modes: float
    modes: list[str]
    """Names of the modes, in the order of the histograms."""


def make_yardstick(data: DataConfig, cache: str) -> Yardstick:
    """Loads the data and trains the classifier, or takes it from the cache; runs on a worker."""
    from trials.data import DATASETS

    dataset = DATASETS[data.name]()
    classifier = None if dataset.mixture is not None else _cached_classifier(dataset, Path(cache))
    evaluator = _evaluator(data.name, classifier, "cpu")
    return Yardstick(
        classifier, evaluator.provenance, evaluator.floor, evaluator.real_effective_modes, dataset.mode_names
    )


def _cached_classifier(dataset: Dataset, cache: Path) -> bytes:
    from trials.measures.classifier import RECIPE, train_classifier

    path = cache / f"{dataset.name}-classifier-r{RECIPE}-{dataset.digest}.safetensors"
    if not path.exists():
        write_whole(path, train_classifier(dataset).weights)
    return path.read_bytes()


@lru_cache(maxsize=2)
def _evaluator(data: str, classifier: bytes | None, device: str) -> Evaluator:
    import torch

    from trials.data import DATASETS
    from trials.measures.classifier import TrainedClassifier
    from trials.measures.evaluator import Evaluator

    trained = None if classifier is None else TrainedClassifier(classifier)
    return Evaluator(DATASETS[data](), trained, torch.device(device))


@dataclass(frozen=True)
class PackFactory:
    """Trains packs of seeds on the worker's GPU where the trial was given one, else on `threads` CPU threads."""

    classifier: bytes | None
    threads: int
    on_gpu: bool

    def __call__(self, config: TrialConfig) -> Training:
        """A trials.trial.Trial at its beginning."""
        import torch

        from trials.trial import Trial

        torch.set_num_threads(self.threads)
        device: torch.device = torch.device("cuda" if self.on_gpu else "cpu")
        return Trial(config, _evaluator(config.data.name, self.classifier, device.type), device)
