"""What a worker trains: the contract that study/trainable.py drives, and the real thing behind it.

torch is imported inside the functions that workers call; the driver never loads it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from study.home import private_files
from trials.config import TrialConfig
from trials.files import write_whole
from trials.options.data import DataOptions
from trials.options.measures import MeasuresConfig
from trials.records import Evaluation, Provenance

if TYPE_CHECKING:
    import torch

    from trials.data.dataset import Dataset
    from trials.measures.evaluator import Evaluator


class Training(Protocol):
    """One trial in training; trials.split.SplitTrial is the real one."""

    history: list[dict[str, Any]]
    """Rows of all evaluations so far."""

    @property
    def finished(self) -> bool:
        """The budget is spent, or nothing is left to train."""

    def advance(self, tick: Callable[[], None]) -> Evaluation:
        """Trains up to the next evaluation; `tick`, called about once a second, may save, and ends this by raising."""

    def latest(self) -> Evaluation:
        """The last evaluation once more."""

    def save(self, folder: Path) -> None:
        """Writes a checkpoint."""

    def restore(self, folder: Path) -> bool:
        """Goes on from the newest checkpoint, if there is one."""


class TrainingFactory(Protocol):
    """Makes the training of one configuration; called in the worker, once per attempt at a trial."""

    def __call__(self, config: TrialConfig, parts: int = 1) -> Training:
        """A training at its beginning, its seeds divided into so many packs, at most one per seed."""


@dataclass(frozen=True)
class Yardstick:
    """What all scores of a study are measured with, made once and sent to every worker."""

    classifier: bytes | None
    """The in-domain classifier, or None where the features are others."""
    provenance: Provenance
    floor: dict[str, float | None]
    """Every measure of real training data scored as if generated, at the same n."""
    real_effective_modes: float
    modes: list[str]
    """Names of the modes, in the order of the histograms."""
    notes: list[str]
    """What a reader should know about how the data were read and the networks run."""


def make_yardstick(configs: Sequence[TrialConfig], cache: str, on_gpu: bool = False) -> Yardstick:
    """Loads the data and trains the classifier, or takes it from the cache; runs on a worker.

    configs: one per kind of networks and remedies in the study, all on the same data and measures. on_gpu: whether
    the worker has a GPU for it, on which Inception's features of the real images take seconds instead of many
    minutes. Raises ValueError where one of them cannot be trained or measured.
    """
    private_files()
    dataset, notes = inspect(configs)
    classifier = cached_classifier(dataset, configs[0].measures, Path(cache))
    evaluator = _evaluator(dataset, configs[0].measures, classifier, "cuda" if on_gpu else "cpu")
    modes, notes = evaluator.kinds.names, [*notes, *evaluator.notes]
    return Yardstick(classifier, evaluator.provenance, evaluator.floor, evaluator.real_effective_modes, modes, notes)


def inspect(configs: Sequence[TrialConfig]) -> tuple[Dataset, list[str]]:
    """(the data, what a reader should know); ValueError where the data or one of the configurations will not do."""
    import torch

    from trials.measures.evaluator import check_data
    from trials.players import begin

    dataset = load_dataset(configs[0].data)
    check_data(dataset, configs[0].measures)
    notes = list(dataset.notes)
    for config in configs:
        alone = config.model_copy(update={"seeds": config.seeds[:1]})
        players = begin(alone, dataset.shape, dataset.bounded, torch.device("cpu"))
        notes += [note for note in players.fallbacks() if note not in notes]
    return dataset, notes


def describe(configs: Sequence[TrialConfig]) -> list[str]:
    """What `inspect` found, in lines for a reader; ValueError as there."""
    dataset, notes = inspect(configs)
    shape = " x ".join(map(str, dataset.shape))
    kind = "images" if dataset.is_images else "points"
    labels = f", {len(dataset.mode_names)} modes" if dataset.mode_names else ", no labels"
    counted = f"{len(dataset.train)} {kind} of {shape} to train on, {len(dataset.held_out)} held out{labels}"
    return [counted, *(notes or ["all networks run as packs of seeds"])]


def cached_classifier(dataset: Dataset, measures: MeasuresConfig, cache: Path) -> bytes | None:
    """Weights of the data's own classifier, trained unless they lie in the folder `cache`; None where none is used."""
    from trials.measures.classifier import RECIPE, train_classifier
    from trials.measures.features import extractor_name

    if extractor_name(dataset, measures) != "classifier":
        return None
    labelled = dataset.part or dataset
    path = cache / f"{labelled.name.split('/')[-1]}-classifier-r{RECIPE}-{labelled.digest}.safetensors"
    if not path.exists():
        write_whole(path, train_classifier(labelled).weights)
    return path.read_bytes()


def load_dataset(data: DataOptions) -> Dataset:
    """The data, loaded once per process. ValueError where they will not do."""
    return _loaded(type(data), data.model_dump_json())


@lru_cache(maxsize=2)
def _loaded(kind: type[DataOptions], options: str) -> Dataset:
    # Keyed by the options' text: options of a user's own data hold tables, which have no hash.
    from trials.data import load

    return load(kind.model_validate_json(options))


@lru_cache(maxsize=2)
def _evaluator(dataset: Dataset, measures: MeasuresConfig, classifier: bytes | None, device: str) -> Evaluator:
    import torch

    from trials.measures.classifier import TrainedClassifier
    from trials.measures.evaluator import Evaluator

    trained = None if classifier is None else TrainedClassifier(classifier)
    return Evaluator(dataset, trained, torch.device(device), measures)


@dataclass(frozen=True)
class PackFactory:
    """Trains packs of seeds on the worker's GPU where the trial was given one, else on `threads` CPU threads."""

    classifier: bytes | None
    threads: int
    on_gpu: bool

    def __call__(self, config: TrialConfig, parts: int = 1) -> Training:
        """A trials.split.SplitTrial at its beginning."""
        import torch

        from trials.split import SplitTrial

        torch.set_num_threads(self.threads)
        device: torch.device = torch.device("cuda" if self.on_gpu else "cpu")
        dataset = load_dataset(config.data)
        evaluator = _evaluator(dataset, config.measures, self.classifier, device.type)
        return SplitTrial(config, evaluator, device, parts)
