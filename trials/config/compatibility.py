"""What does not go together: rules across the loss, the remedies, the networks and the data.

Judged before anything is built, so only by what is known without torch; what depends on the data's
own shape, or on a user's networks, is judged when they are built (trials/gan/trainer.py), before
the first trial. A rule about one loss or one remedy is an attribute of its options class, so that
it is stated where the loss or remedy is.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Protocol

from ganstudy.trials.config.data import DataOptions
from ganstudy.trials.config.losses import LOSSES, LossOptions
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.config.networks import ModelOptions
from ganstudy.trials.config.own_parts import OPTIMISERS
from ganstudy.trials.config.remedies import RemedyOptions
from ganstudy.trials.config.training_function import is_own_training

CLASSIFIER_FEATURES = 64
"""Features of the in-domain classifier (trials/measures/features/classifier.py)."""
POINT_FEATURES = 2
"""Coordinates of the points of the data sets that are known to be points."""


OWN_STEPS = ("extragradient", "optimistic_adam", "unrolled_discriminator")
"""Remedies that need to know what a step of the optimiser is."""


class IncompatibleError(ValueError):
    """Parts of a configuration that are right by themselves do not go together."""


class Configuration(Protocol):
    """What the rules read of a configuration (trials/config/trial.py: TrialConfig)."""

    @property
    def method(self) -> str:
        """A GAN, or one of the baselines."""

    @property
    def loss_options(self) -> LossOptions:
        """Options of the loss."""

    @property
    def remedy_options(self) -> Mapping[str, RemedyOptions]:
        """Options of the remedies that are on, by name in alphabetical order."""

    @property
    def model(self) -> ModelOptions:
        """The two networks."""

    @property
    def data(self) -> DataOptions:
        """The data set."""

    @property
    def measures(self) -> MeasuresConfig:
        """What scores are measured with."""

    @property
    def optimiser(self) -> str:
        """Of both players."""

    @property
    def batch_size(self) -> int:
        """Images per batch."""


def incompatibilities(config: Configuration) -> list[str]:
    """Return one sentence per pair of parts that cannot work together."""
    if is_own_training(config.method):
        return _measures_and_data(config)
    if config.method != "gan":
        return [*_measures_and_data(config), *_baselines(config)]
    return [
        *_measures_and_data(config),
        *_remedies_with_each_other(config),
        *_remedies_with_loss(config),
        *_remedies_with_optimiser(config),
        *_networks_data_and_batch(config),
    ]


def _remedies_with_each_other(config: Configuration) -> list[str]:
    return [
        f"{name} and {other} cannot be on together: each replaces the players' update"
        for (name, options), (other, others) in combinations(config.remedy_options.items(), 2)
        if other in options.excludes or name in others.excludes
    ]


def _remedies_with_loss(config: Configuration) -> list[str]:
    loss = config.loss_options
    problems = []
    for name, options in config.remedy_options.items():
        if options.needs_smoothable_loss and not loss.smoothable:
            able = ", ".join(each.name for each in LOSSES.values() if each.smoothable)
            problems.append(
                f"{name} needs a loss with a target on real data ({able}), got {loss.name}"
            )
    return problems + [
        loss.excludes[name] for name in config.remedy_options if name in loss.excludes
    ]


def _remedies_with_optimiser(config: Configuration) -> list[str]:
    if config.optimiser in OPTIMISERS:
        return []
    return [
        f"{name} makes steps of ganstudy's own optimisers ({', '.join(OPTIMISERS)}), and optimiser is "
        f"{config.optimiser}"
        for name in config.remedy_options
        if name in OWN_STEPS
    ]


def _networks_data_and_batch(config: Configuration) -> list[str]:
    model = config.model
    points = config.data.points
    problems = []
    for name, options in config.remedy_options.items():
        if options.needs_batch_norm and not model.generator_batch_norm:
            problems.append(
                f"{name} replaces the generator's batch normalisation, "
                f"and {model.name} as configured has none"
            )
    for name, options in config.remedy_options.items():
        divisor = options.divides_batch
        if divisor is not None and config.batch_size % getattr(options, divisor):
            problems.append(
                f"batch_size must be a multiple of {name}'s {divisor}, got "
                f"batch_size={config.batch_size}, {divisor}={getattr(options, divisor)}"
            )
    if points and model.images_only:
        problems.append(f"{model.name} makes images, and {config.data.name} has points")
    problems += [
        f"{name} is for images, and {config.data.name} has points"
        for name, options in config.remedy_options.items()
        if points and options.images_only
    ]
    return problems


def _measures_and_data(config: Configuration) -> list[str]:
    """Return what is known without the data.

    The rest is reported once they are loaded (trials/measures/scoring/evaluator.py).
    """
    measures, data = config.measures, config.data
    problems = []
    if data.points and measures.modes != "auto":
        problems.append(
            f"modes {measures.modes!r} is for data without modes of their own, and {data.name} has "
            "a mixture's components: leave it out"
        )
    # A covariance matrix of F features has full rank from F + 1 samples on.
    features = 0
    if data.points:
        features = POINT_FEATURES
    elif data.labelled and measures.extractor in ("auto", "classifier"):
        features = CLASSIFIER_FEATURES
    if measures.samples is not None and measures.samples <= features:
        problems.append(
            f"FID on {features} features needs >= {features + 1} generated samples, got "
            f"samples={measures.samples}"
        )
    return problems


def _baselines(config: Configuration) -> list[str]:
    problems = []
    if config.remedy_options:
        problems.append(
            f"remedies act on a GAN, and method is {config.method}: leave out "
            f"{', '.join(config.remedy_options)}"
        )
    if config.method == "vae" and config.model.latent != "normal":
        problems.append(
            f"a vae's latents are normal, and {config.model.name} as configured draws "
            f"{config.model.latent} ones: set "
            'latent = "normal" in [model]'
        )
    return problems
