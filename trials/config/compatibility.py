"""What does not go together: rules across the loss, the remedies, the networks and the data.

Judged before anything is built, so only by what is known without torch; what depends on the data's
own shape, or on a user's networks, is judged when they are built (trials/gan/trainer.py), before
the first trial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ganstudy.trials.config.losses import LOSSES
from ganstudy.trials.config.remedies import REMEDIES

if TYPE_CHECKING:
    from ganstudy.trials.config.trial import TrialConfig


class IncompatibleError(ValueError):
    """Parts of a configuration that are right by themselves do not go together."""


def incompatibilities(config: TrialConfig) -> list[str]:
    """One sentence per pair that cannot work together; empty where all is well."""
    if config.method != "gan":
        return [*_of_measures(config), *_of_baselines(config)]
    problems = _of_measures(config)
    on = set(config.remedies)
    for name in config.remedies:
        for other in sorted(REMEDIES[name].excludes & on):
            if name < other:
                problems.append(
                    f"{name} and {other} cannot be on together: each replaces the players' update"
                )
    if "one_sided_label_smoothing" in on and not LOSSES[config.loss].smoothable:
        able = ", ".join(name for name, options in LOSSES.items() if options.smoothable)
        problems.append(
            f"one_sided_label_smoothing needs a loss with a target on real data ({able}), got {config.loss}"
        )
    if config.loss == "wasserstein_gp" and "gradient_penalty" in on:
        problems.append(
            "wasserstein_gp has a gradient penalty of its own: leave out the remedy gradient_penalty"
        )
    if config.loss == "wasserstein" and "spectral_normalisation" in on:
        problems.append(
            "wasserstein clips the weights that spectral_normalisation divides by their norm, so neither holds: take "
            "the loss wasserstein_gp or hinge, or leave out the remedy"
        )
    if "virtual_batch_normalisation" in on and not config.model.generator_batch_norm:
        problems.append(
            "virtual_batch_normalisation replaces the generator's batch normalisation, "
            f"and {config.model.name} as configured has none"
        )
    if "packing" in on and config.batch_size % config.remedy_options["packing"]["m"]:
        m = config.remedy_options["packing"]["m"]
        problems.append(
            f"batch_size must be a multiple of packing's m, got batch_size={config.batch_size}, m={m}"
        )
    points = config.data.points
    if points and config.model.images_only:
        problems.append(f"{config.model.name} makes images, and {config.data.name} has points")
    if points and "diff_augment" in on:
        problems.append(f"diff_augment is for images, and {config.data.name} has points")
    return problems


def _of_measures(config: TrialConfig) -> list[str]:
    """What is known without the data; the rest is told once they are loaded
    (trials/measures/evaluator.py).
    """
    measures, problems = config.measures, list[str]()
    points = config.data.points
    if points and measures.modes != "auto":
        problems.append(
            f"modes {measures.modes!r} is for data without modes of their own, and {config.data.name} has a mixture's "
            "components: leave it out"
        )
    least = (
        3
        if points
        else 65
        if config.data.labelled and measures.extractor in ("auto", "classifier")
        else 1
    )
    if measures.samples is not None and measures.samples < least:
        problems.append(
            f"FID on {least - 1} features needs >= {least} generated samples, got samples={measures.samples}"
        )
    return problems


def _of_baselines(config: TrialConfig) -> list[str]:
    problems = []
    if config.remedies:
        problems.append(
            f"remedies act on a GAN, and method is {config.method}: leave out {', '.join(config.remedies)}"
        )
    if config.method == "vae" and config.model.latent != "normal":
        problems.append(
            f"a vae's latents are normal, and {config.model.name} as configured draws {config.model.latent} ones: set "
            'latent = "normal" in [model]'
        )
    return problems
