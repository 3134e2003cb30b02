"""Set up once per study what every trial is scored with: classifier, floor, provenance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ganstudy.study.home import private_files
from ganstudy.trials.atomic_file import write_whole
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import Provenance

if TYPE_CHECKING:
    from ganstudy.trials.data.dataset import Dataset
from ganstudy.study.tune.training import load_dataset, make_evaluator


@dataclass(frozen=True)
class EvaluatorSetup:
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


def make_evaluator_setup(
    configs: Sequence[TrialConfig], cache: str, on_gpu: bool = False
) -> EvaluatorSetup:
    """Loads the data and trains the classifier, or takes it from the cache; runs on a worker.

    configs: one per kind of networks and remedies in the study, all on the same data and measures.
    on_gpu: whether the worker has a GPU for it, on which Inception's features of the real images
    take seconds instead of many minutes. Raises ValueError where one of them cannot be trained or
    measured.
    """
    private_files()
    dataset, notes = inspect(configs)
    classifier = cached_classifier(dataset, configs[0].measures, Path(cache))
    evaluator = make_evaluator(
        dataset, configs[0].measures, classifier, "cuda" if on_gpu else "cpu"
    )
    modes, notes = evaluator.modes.names, [*notes, *evaluator.notes]
    return EvaluatorSetup(
        classifier,
        evaluator.provenance,
        evaluator.floor,
        evaluator.real_effective_modes,
        modes,
        notes,
    )


def inspect(configs: Sequence[TrialConfig]) -> tuple[Dataset, list[str]]:
    """(the data, what a reader should know); ValueError where the data or one of the configurations
    will not do.
    """
    import torch

    from ganstudy.trials.gan.trainer_protocol import make_trainer
    from ganstudy.trials.measures.evaluator import check_data

    dataset = load_dataset(configs[0].data)
    check_data(dataset, configs[0].measures)
    notes = list(dataset.notes)
    for config in configs:
        alone = config.model_copy(update={"seeds": config.seeds[:1]})
        players = make_trainer(alone, dataset.shape, dataset.bounded, torch.device("cpu"))
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
    """Weights of the data's own classifier, trained unless they lie in the folder `cache`; None
    where none is used.
    """
    from ganstudy.trials.measures.classifier import RECIPE, train_classifier
    from ganstudy.trials.measures.features import extractor_name

    if extractor_name(dataset, measures) != "classifier":
        return None
    labelled = dataset.part or dataset
    path = (
        cache / f"{labelled.name.split('/')[-1]}-classifier-r{RECIPE}-{labelled.digest}.safetensors"
    )
    if not path.exists():
        write_whole(path, train_classifier(labelled).weights)
    return path.read_bytes()
