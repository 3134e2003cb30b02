"""[remedies.NAME]: options of the remedies.

The implementations lie in trials/remedies/, one file each. A new remedy needs a class here, in
REMEDIES too, and a file in trials/remedies/.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from ganstudy.trials.config.base import ImplementedOptions, LaneNumber, one_of, short_repr


class RemedyOptions(ImplementedOptions):
    """Options of a remedy, and what is known of it without torch."""

    name: ClassVar[str]
    """In [train] remedies and [remedies.NAME]."""
    excludes: ClassVar[frozenset[str]] = frozenset()
    """Other remedies that replace the players' update too; stated at one of the two."""
    needs_smoothable_loss: ClassVar[bool] = False
    """Whether it lowers the discriminator's target on real data."""
    needs_batch_norm: ClassVar[bool] = False
    """Whether it replaces the generator's batch normalisation."""
    images_only: ClassVar[bool] = False
    """Whether it works on images only, or on points too."""
    divides_batch: ClassVar[str | None] = None
    """Name of the option that must divide batch_size."""
    sets_in_after: ClassVar[str | None] = None
    """Name of the option with the discriminator steps before which it does nothing."""


class FeatureMatchingOptions(RemedyOptions):
    """Options of feature_matching."""

    name = "feature_matching"
    implementation = "ganstudy.trials.remedies.feature_matching:FeatureMatching"

    norm: Literal["l2_squared", "l1"] = "l2_squared"
    """Distance of the means: squared L2 (the paper) or mean L1 (its code)."""
    adversarial: bool = False
    """Keep the adversarial objective beside it; as published it goes."""
    weight: LaneNumber = Field(1.0, gt=0, allow_inf_nan=False)
    """Of the distance, beside the adversarial objective."""


class HistoricalAveragingOptions(RemedyOptions):
    """Options of historical_averaging."""

    name = "historical_averaging"
    implementation = "ganstudy.trials.remedies.historical_averaging:HistoricalAveraging"

    weight: LaneNumber = Field(0.1, ge=0, allow_inf_nan=False)
    """The paper publishes none."""


class MinibatchDiscriminationOptions(RemedyOptions):
    """Options of minibatch_discrimination."""

    name = "minibatch_discrimination"
    implementation = "ganstudy.trials.remedies.minibatch_discrimination:MinibatchDiscrimination"

    kernels: int = Field(16, ge=1, le=10_000)
    """How many b: similarity features per image."""
    kernel_dim: int = Field(8, ge=1, le=10_000)
    """Length of M_ib."""
    reduction: Literal["sum", "mean"] = "sum"
    """Over the other images: the paper's sum, or the ImageNet code's mean."""
    weight_norm: bool = True
    """Columns of T have a learned scale (the released code); otherwise all similarities start at 0 on
    more than some tens of features."""


class OneSidedLabelSmoothingOptions(RemedyOptions):
    """Options of one_sided_label_smoothing."""

    name = "one_sided_label_smoothing"
    implementation = "ganstudy.trials.remedies.one_sided_label_smoothing:OneSidedLabelSmoothing"
    needs_smoothable_loss = True

    target: LaneNumber = Field(0.9, gt=0, le=1)
    """The discriminator's target on real images."""


class VirtualBatchNormalisationOptions(RemedyOptions):
    """Options of virtual_batch_normalisation."""

    name = "virtual_batch_normalisation"
    implementation = (
        "ganstudy.trials.remedies.virtual_batch_normalisation:VirtualBatchNormalisation"
    )
    needs_batch_norm = True

    reference: int = Field(64, ge=2, le=100_000)
    """R."""


class PackingOptions(RemedyOptions):
    """Options of packing (PacGAN)."""

    name = "packing"
    implementation = "ganstudy.trials.remedies.packing:Packing"
    divides_batch = "m"

    m: int = Field(2, ge=2, le=64)
    """batch_size must be a multiple of it."""


class UnrolledDiscriminatorOptions(RemedyOptions):
    """Options of unrolled_discriminator."""

    name = "unrolled_discriminator"
    implementation = "ganstudy.trials.remedies.unrolled_discriminator:UnrolledDiscriminator"

    steps: int = Field(5, ge=1, le=100)
    """K."""


class SpectralNormalisationOptions(RemedyOptions):
    """Options of spectral_normalisation."""

    name = "spectral_normalisation"
    implementation = "ganstudy.trials.remedies.spectral_normalisation:SpectralNormalisation"

    power_iterations: int = Field(3, ge=1, le=100)
    """Per step; 3 is what one in every forward pass makes at k = 1."""
    generator: bool = False
    """Normalise the generator's weights too (Zhang et al. 2019)."""


class R1Options(RemedyOptions):
    """Options of r1."""

    name = "r1"
    implementation = "ganstudy.trials.remedies.r1:R1"

    gamma: LaneNumber = Field(10.0, ge=0, allow_inf_nan=False)


class R2Options(RemedyOptions):
    """Options of r2."""

    name = "r2"
    implementation = "ganstudy.trials.remedies.r2:R2"

    gamma: LaneNumber = Field(10.0, ge=0, allow_inf_nan=False)


class GradientPenaltyOptions(RemedyOptions):
    """Options of gradient_penalty."""

    name = "gradient_penalty"
    implementation = "ganstudy.trials.remedies.gradient_penalty:GradientPenalty"

    weight: LaneNumber = Field(10.0, ge=0, allow_inf_nan=False)
    centre: LaneNumber = Field(1.0, ge=0, allow_inf_nan=False)
    """1 as in WGAN-GP, or 0."""


class InstanceNoiseOptions(RemedyOptions):
    """Options of instance_noise."""

    name = "instance_noise"
    implementation = "ganstudy.trials.remedies.instance_noise:InstanceNoise"

    sigma: LaneNumber = Field(0.1, ge=0, allow_inf_nan=False)
    """Images span -1 to 1."""
    anneal: LaneNumber = Field(1.0, ge=0, le=1)
    """0 keeps the noise constant."""


class DiffAugmentOptions(RemedyOptions):
    """Options of diff_augment."""

    name = "diff_augment"
    implementation = "ganstudy.trials.remedies.diff_augment:DiffAugment"
    images_only = True

    policy: tuple[str, ...] = ("color", "translation", "cutout")
    """Any of these, in the order applied."""

    @field_validator("policy", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        # A search space lists plain values, so there a policy is one text: "color,cutout".
        return tuple(value.split(",")) if isinstance(value, str) else value

    @field_validator("policy")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) != len(value):
            raise ValueError(
                "policy must name at least one augmentation and none twice, got "
                f"{short_repr(','.join(value))}"
            )
        return tuple(
            one_of("augmentation", name, ("color", "translation", "cutout")) for name in value
        )


class LeCamOptions(RemedyOptions):
    """Options of lecam."""

    name = "lecam"
    implementation = "ganstudy.trials.remedies.lecam:LeCam"
    sets_in_after = "start"

    weight: LaneNumber = Field(0.3, ge=0, allow_inf_nan=False)
    decay: LaneNumber = Field(0.99, ge=0, lt=1)
    """Per discriminator step."""
    start: int = Field(1000, ge=0, le=10**12)
    """Discriminator steps before the penalty sets in."""


class GeneratorEMAOptions(RemedyOptions):
    """Options of generator_ema."""

    name = "generator_ema"
    implementation = "ganstudy.trials.remedies.generator_ema:GeneratorEMA"

    decay: LaneNumber = Field(0.999, ge=0, lt=1)
    """Per generator step."""
    start: int = Field(0, ge=0, le=10**12)
    """Generator steps before averaging."""
    rampup: LaneNumber = Field(0.05, ge=0, allow_inf_nan=False)
    """Longest half-life, as a share of the steps so far (StyleGAN2-ADA); 0: no limit."""


class OptimisticAdamOptions(RemedyOptions):
    """Options of optimistic_adam: none."""

    name = "optimistic_adam"
    implementation = "ganstudy.trials.remedies.optimistic_adam:OptimisticAdam"
    excludes = frozenset({"extragradient"})


class ExtragradientOptions(RemedyOptions):
    """Options of extragradient: none."""

    name = "extragradient"
    implementation = "ganstudy.trials.remedies.extragradient:Extragradient"


REMEDIES: dict[str, type[RemedyOptions]] = {
    options.name: options
    for options in (
        FeatureMatchingOptions,
        HistoricalAveragingOptions,
        MinibatchDiscriminationOptions,
        OneSidedLabelSmoothingOptions,
        VirtualBatchNormalisationOptions,
        PackingOptions,
        UnrolledDiscriminatorOptions,
        SpectralNormalisationOptions,
        R1Options,
        R2Options,
        GradientPenaltyOptions,
        InstanceNoiseOptions,
        DiffAugmentOptions,
        LeCamOptions,
        GeneratorEMAOptions,
        OptimisticAdamOptions,
        ExtragradientOptions,
    )
}
"""All remedies by name; in this order users read them."""


def excluded_by(name: str) -> frozenset[str]:
    """Return the remedies that cannot be on together with the remedy `name`."""
    stated_there = {other for other, options in REMEDIES.items() if name in options.excludes}
    return REMEDIES[name].excludes | stated_there
