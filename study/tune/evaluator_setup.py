"""Set up once per study what every trial is scored with: classifier, floor, provenance."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ganstudy.study.home import private_files
from ganstudy.study.tune.preparation_note import PreparationNote
from ganstudy.study.tune.training import load_dataset, make_evaluator
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.config.networks import OwnModel
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.atomic_file import write_whole
from ganstudy.trials.results.records import Provenance

if TYPE_CHECKING:
    from ganstudy.trials.data.dataset import Dataset
    from ganstudy.trials.measures.features.classifier import OnEpoch


# A guess: calls of large networks on a CPU may take minutes each.
REHEARSAL_SECONDS = 30.0
"""After which no further call of a training function is begun before a study starts."""
MOST_LOOKED_AT = 10_000
"""Images that are asked for their range."""


@dataclass(frozen=True)
class EvaluatorSetup:
    """What all scores of a study are measured with: made once, sent to every worker."""

    classifier: bytes | None
    """Weights of the in-domain classifier; None if another network extracts the features."""
    provenance: Provenance
    floor: dict[str, float | None]
    """Every measure of real training data scored as if generated, at the same number of samples."""
    real_effective_modes: float
    modes: list[str]
    """Names of the modes, in the order of the histograms."""
    notes: list[str]
    """What a reader should know about how the data were read and the networks run."""
    real_samples: bytes | None = None
    """Some held-out images as a PNG, laid out as those of a seed; None where they are no images."""


def make_evaluator_setup(
    configs: Sequence[TrialConfig], cache: str, on_gpu: bool = False, note: str | None = None
) -> EvaluatorSetup:
    """Load the data, train the classifier or take it from the cache; runs on a worker.

    configs: one per distinct architecture in the study, all on the same data and measures. on_gpu:
    whether the worker has a GPU, on which Inception's features of the real images take seconds
    instead of many minutes. note: file that says meanwhile what is being done. Raises ValueError if
    one of them cannot be trained or measured.
    """
    private_files()
    doing = PreparationNote(None if note is None else Path(note))
    doing.say("loading the data")
    dataset, notes, _ = inspect(configs, on_gpu)
    doing.say("preparing what scores look through")
    classifier = cached_classifier(dataset, configs[0].measures, Path(cache), doing.epoch)
    doing.say("scoring real images against real images, the floor of every score")
    evaluator = make_evaluator(
        dataset, configs[0].measures, classifier, "cuda" if on_gpu else "cpu"
    )
    return EvaluatorSetup(
        classifier=classifier,
        provenance=evaluator.provenance,
        floor=evaluator.floor,
        real_effective_modes=evaluator.real_effective_modes,
        modes=evaluator.modes.names,
        notes=[*notes, *evaluator.notes],
        real_samples=real_samples(dataset),
    )


def real_samples(dataset: Dataset) -> bytes | None:
    """Return the picture of some held-out images; None of points, which a scatter would not show."""
    import torch

    from ganstudy.trials.data.dataset import as_float
    from ganstudy.trials.ensemble.streams import generator
    from ganstudy.trials.training.sample_grid import IMAGES_PER_SEED, draw_grid

    if not dataset.is_images:
        return None
    # Shuffled: files often lie in the order of their classes.
    order = torch.randperm(len(dataset.held_out), generator=generator(0, dataset.name, "shown"))
    return draw_grid(dataset, [as_float(dataset.held_out[order[:IMAGES_PER_SEED]])])


def inspect(
    configs: Sequence[TrialConfig], on_gpu: bool = False
) -> tuple[Dataset, list[str], list[str]]:
    """Return the data, notes for the reader, and what was seen of the user's own networks.

    on_gpu: whether a training function is tried on a GPU. Raises ValueError if the data, the networks
    of a configuration or a training function cannot be used.
    """
    import torch

    from ganstudy.trials.gan.trainer_protocol import make_trainer
    from ganstudy.trials.measures.own import try_measure
    from ganstudy.trials.measures.scoring.evaluator import check_data

    dataset = load_dataset(configs[0].data)
    check_data(dataset, configs[0].measures)
    for measure in configs[0].measures.own.values():
        try_measure(measure, dataset)
    notes = list(dataset.notes)
    if configs[0].function is not None:
        return dataset, *_rehearsed(configs, dataset, on_gpu, notes)
    for config in configs:
        # One seed is enough to see whether the networks can be made, and costs the least memory.
        alone = config.model_copy(update={"seeds": config.seeds[:1]})
        players = make_trainer(alone, dataset.shape, dataset.bounded, torch.device("cpu"))
        notes += [note for note in players.fallbacks() if note not in notes]
    seen = _own_networks(configs, dataset)
    return dataset, notes, [*seen, *_own_parts(configs, dataset)]


def _own_networks(configs: Sequence[TrialConfig], dataset: Dataset) -> list[str]:
    """Return what was seen of the user's own networks, with each searched value of their options."""
    from ganstudy.trials.data.dataset import as_float
    from ganstudy.trials.gan.own_networks import check_own_networks

    distinct = {c.model.model_dump_json(): c for c in configs if isinstance(c.model, OwnModel)}
    if not distinct:
        return []
    looked_at = dataset.train[:MOST_LOOKED_AT].split(256)
    below_zero = any(bool((as_float(part) < 0).any()) for part in looked_at)
    deadline, seen = time.monotonic() + REHEARSAL_SECONDS, list[str]()
    for config in distinct.values():
        try:
            seen.append(check_own_networks(config, dataset.shape, below_zero))
        except ValueError as error:
            if len(distinct) == 1:
                raise
            assert isinstance(config.model, OwnModel)
            given = ", ".join(f"{name} = {value!r}" for name, value in config.model.options.items())
            raise ValueError(f"{error} (with the options {given})") from error
        if time.monotonic() > deadline:
            break
    if len(distinct) == 1:
        return seen
    times = f"{len(seen)} settings of your networks' options"
    if len(seen) < len(distinct):
        times += f", of {len(distinct)} in {REHEARSAL_SECONDS:g} s"
    return [seen[0], f"the like with {times}"]


def _own_parts(configs: Sequence[TrialConfig], dataset: Dataset) -> list[str]:
    """Return what was seen of the user's own losses and remedies, which train a few steps."""
    from ganstudy.trials.training.own_parts import own_parts_of, rehearse_own_parts

    deadline, compared, tried = time.monotonic() + REHEARSAL_SECONDS, set[str](), 0
    # With few others first, so that a mistake is reported of the part that makes it.
    for config in sorted(configs, key=lambda each: len(each.remedies)):
        names = {part.name for part in own_parts_of(config)}
        if not names or (names <= compared and time.monotonic() > deadline):
            continue
        rehearse_own_parts(config, dataset, whole=not names <= compared)
        compared |= names
        tried += 1
    if not compared:
        return []
    times = f"{tried} combinations" if tried > 1 else "one combination"
    return [
        f"{', '.join(sorted(compared))}: a seed in a pack trains as it does alone, and goes on from a "
        f"checkpoint to the same numbers; tried in {times}"
    ]


def _rehearsed(
    configs: Sequence[TrialConfig], dataset: Dataset, on_gpu: bool, notes: list[str]
) -> tuple[list[str], list[str]]:
    """Return the notes with those of a training function, and what was seen of it."""
    import torch

    from ganstudy.trials.training.commands.rehearsal import rehearse_command
    from ganstudy.trials.training.functions.rehearsal import rehearse

    has_command = configs[0].function is not None and configs[0].function.command is not None
    device = torch.device("cuda" if on_gpu else "cpu")
    deadline, tried = time.monotonic() + REHEARSAL_SECONDS, 0
    for config in configs:
        # Whether it goes on as it was is seen of one: that takes three times as many steps.
        found = []
        if not has_command:
            found = rehearse(config, dataset, device, with_resume=tried == 0)
        elif not rehearse_command(config, dataset, device.type):
            return notes, ["the command was not run: declare [train] dry_run to have it tried"]
        notes += [note for note in found if note not in notes]
        tried += 1
        if time.monotonic() > deadline:
            break
    times = f"{tried} configurations" if tried > 1 else "one configuration"
    if tried < len(configs):
        times += f" of {len(configs)} in {REHEARSAL_SECONDS:g} s"
    if has_command:
        return notes, [f"the command was run dry with {times}"]
    return notes, [f"{configs[0].method} was called with {times}, evaluated, and gone on with"]


def describe(configs: Sequence[TrialConfig]) -> list[str]:
    """Describe the data and networks in lines for the user; raise ValueError as `inspect` does."""
    dataset, notes, seen = inspect(configs)
    shape = " x ".join(map(str, dataset.shape))
    kind = "images" if dataset.is_images else "points"
    labels = f", {len(dataset.mode_names)} modes" if dataset.mode_names else ", no labels"
    amounts = f"{len(dataset.train)} {kind} of {shape} to train on, {len(dataset.held_out)} held out{labels}"
    together = (
        ["all networks train the seeds of a configuration together"]
        if configs[0].function is None
        else ["a training of your own trains one seed after another"]
    )
    return [amounts, *(notes or together), *seen]


def cached_classifier(
    dataset: Dataset, measures: MeasuresConfig, cache: Path, on_epoch: OnEpoch | None = None
) -> bytes | None:
    """Return the weights of the data's own classifier, trained unless `cache` holds them.

    None if the features come from another network.
    """
    from ganstudy.trials.measures.features.classifier import train_classifier
    from ganstudy.trials.measures.features.extractor import extractor_name

    if extractor_name(dataset, measures) != "classifier":
        return None
    path = classifier_path(dataset, cache)
    if not path.exists():
        write_whole(path, train_classifier(dataset.part or dataset, on_epoch).weights)
    return path.read_bytes()


def classifier_path(dataset: Dataset, cache: Path) -> Path:
    """Return where `cache` has the classifier of the data."""
    from ganstudy.trials.measures.features.classifier import RECIPE

    labelled = dataset.part or dataset
    # Named by recipe and data, so that a cache shared by studies never gives the wrong one.
    name = f"{labelled.name.split('/')[-1]}-classifier-r{RECIPE}-{labelled.digest}.safetensors"
    return cache / name
