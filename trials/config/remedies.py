"""[remedies.NAME]: options of the remedies. The implementations lie in trials/remedies/, one file
each.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from ganstudy.trials.config.base import StrictModel, one_of, short_repr


class RemedyOptions(StrictModel):
    """What is known of a remedy without torch."""

    excludes: ClassVar[frozenset[str]] = frozenset()
    """Remedies that cannot be on together with this one."""


class FeatureMatching(RemedyOptions):
    """Options of feature_matching."""

    norm: Literal["l2_squared", "l1"] = "l2_squared"
    """Distance of the feature means: squared L2 as in the paper's equation, or the released code's
    mean L1.
    """
    adversarial: bool = False
    """Whether the adversarial objective stays beside it; as published it does not."""
    weight: float = Field(1.0, gt=0, allow_inf_nan=False)
    """Factor of the distance; matters where the adversarial objective stays."""


class HistoricalAveraging(RemedyOptions):
    """Options of historical_averaging."""

    weight: float = Field(0.1, ge=0, allow_inf_nan=False)
    """lambda of the penalty (dimensionless). The paper publishes none."""


class MinibatchDiscrimination(RemedyOptions):
    """Options of minibatch_discrimination."""

    kernels: int = Field(16, ge=1, le=10_000)
    """B: similarity features appended per image."""
    kernel_dim: int = Field(8, ge=1, le=10_000)
    """C: dimensions in which one kernel compares two images."""
    reduction: Literal["sum", "mean"] = "sum"
    """Sum over the other images of the batch (the paper's equation) or their mean (its ImageNet
    code).
    """
    weight_norm: bool = True
    """Columns of T normalised and scaled by a learned factor, with a learned bias from -1 (the
    released code); without it T starts from N(0, 1), and on more than some tens of features all
    similarities are 0 at the start."""


class OneSidedLabelSmoothing(RemedyOptions):
    """Options of one_sided_label_smoothing."""

    target: float = Field(0.9, gt=0, le=1)
    """alpha: the discriminator's target on real images; generated ones keep 0."""


class VirtualBatchNormalisation(RemedyOptions):
    """Options of virtual_batch_normalisation."""

    reference: int = Field(64, ge=2, le=100_000)
    """Latents in the fixed reference batch."""


class Packing(RemedyOptions):
    """Options of packing (PacGAN)."""

    m: int = Field(2, ge=2, le=64)
    """Images that the discriminator judges together; batch_size must be a multiple."""


class UnrolledDiscriminator(RemedyOptions):
    """Options of unrolled_discriminator."""

    steps: int = Field(5, ge=1, le=100)
    """K: discriminator steps that the generator looks ahead, differentiating through them."""


class SpectralNormalisation(RemedyOptions):
    """Options of spectral_normalisation."""

    power_iterations: int = Field(3, ge=1, le=100)
    """After every step of the player. 3 is what one iteration in every forward pass makes at k = 1."""
    generator: bool = False
    """Normalise the generator's weights too (Zhang et al. 2019)."""


class R1(RemedyOptions):
    """Options of r1."""

    gamma: float = Field(10.0, ge=0, allow_inf_nan=False)
    """The penalty is gamma / 2 times the mean squared gradient norm on real images."""


class R2(RemedyOptions):
    """Options of r2."""

    gamma: float = Field(10.0, ge=0, allow_inf_nan=False)
    """The penalty is gamma / 2 times the mean squared gradient norm on generated images."""


class GradientPenalty(RemedyOptions):
    """Options of gradient_penalty."""

    weight: float = Field(10.0, ge=0, allow_inf_nan=False)
    """lambda of the penalty."""
    centre: float = Field(1.0, ge=0, allow_inf_nan=False)
    """The gradient norm that is not penalised: 1 as in WGAN-GP, 0 for a zero-centred penalty."""


class InstanceNoise(RemedyOptions):
    """Options of instance_noise."""

    sigma: float = Field(0.1, ge=0, allow_inf_nan=False)
    """Standard deviation at the start, in units of the data (images span -1 to 1)."""
    anneal: float = Field(1.0, ge=0, le=1)
    """Share of the budget over which sigma falls linearly to 0; 0 keeps it constant."""


class DiffAugment(RemedyOptions):
    """Options of diff_augment."""

    policy: tuple[str, ...] = ("color", "translation", "cutout")
    """Augmentations in their order: any of color, translation, cutout."""

    @field_validator("policy", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(value.split(",")) if isinstance(value, str) else value

    @field_validator("policy")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or len(set(value)) != len(value):
            raise ValueError(
                f"policy must name at least one augmentation and none twice, got {short_repr(','.join(value))}"
            )
        return tuple(
            one_of("augmentation", name, ("color", "translation", "cutout")) for name in value
        )


class LeCam(RemedyOptions):
    """Options of lecam."""

    weight: float = Field(0.3, ge=0, allow_inf_nan=False)
    """lambda of the penalty."""
    decay: float = Field(0.99, ge=0, lt=1)
    """Of the moving averages of the discriminator's outputs, per discriminator step."""
    start: int = Field(1000, ge=0, le=10**12)
    """Discriminator steps before the penalty sets in; the averages run from the beginning."""


class GeneratorEMA(RemedyOptions):
    """Options of generator_ema."""

    decay: float = Field(0.999, ge=0, lt=1)
    """Of the moving average of the generator's parameters, per generator step."""
    start: int = Field(0, ge=0, le=10**12)
    """Generator steps before the averaging begins; until then the average is the present generator."""
    rampup: float = Field(0.05, ge=0, allow_inf_nan=False)
    """The average's half-life is at most this share of the steps so far (StyleGAN2-ADA); 0: no such
    limit.
    """


class OptimisticAdam(RemedyOptions):
    """Options of optimistic_adam: none."""

    excludes: ClassVar[frozenset[str]] = frozenset({"extragradient"})


class Extragradient(RemedyOptions):
    """Options of extragradient: none."""

    excludes: ClassVar[frozenset[str]] = frozenset({"optimistic_adam"})


REMEDIES: dict[str, type[RemedyOptions]] = {
    "feature_matching": FeatureMatching,
    "historical_averaging": HistoricalAveraging,
    "minibatch_discrimination": MinibatchDiscrimination,
    "one_sided_label_smoothing": OneSidedLabelSmoothing,
    "virtual_batch_normalisation": VirtualBatchNormalisation,
    "packing": Packing,
    "unrolled_discriminator": UnrolledDiscriminator,
    "spectral_normalisation": SpectralNormalisation,
    "r1": R1,
    "r2": R2,
    "gradient_penalty": GradientPenalty,
    "instance_noise": InstanceNoise,
    "diff_augment": DiffAugment,
    "lecam": LeCam,
    "generator_ema": GeneratorEMA,
    "optimistic_adam": OptimisticAdam,
    "extragradient": Extragradient,
}
