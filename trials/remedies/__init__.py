"""The remedies by name; one file each, all on the contract of trials/remedies/contract.py."""

from __future__ import annotations

from trials.config import TrialConfig
from trials.options.remedies import REMEDIES as OPTIONS
from trials.remedies.contract import Remedy
from trials.remedies.diff_augment import DiffAugment
from trials.remedies.extragradient import Extragradient
from trials.remedies.feature_matching import FeatureMatching
from trials.remedies.generator_ema import GeneratorEMA
from trials.remedies.gradient_penalty import GradientPenalty
from trials.remedies.historical_averaging import HistoricalAveraging
from trials.remedies.instance_noise import InstanceNoise
from trials.remedies.lecam import LeCam
from trials.remedies.minibatch_discrimination import MinibatchDiscrimination
from trials.remedies.one_sided_label_smoothing import OneSidedLabelSmoothing
from trials.remedies.optimistic_adam import OptimisticAdam
from trials.remedies.packing import Packing
from trials.remedies.r1 import R1
from trials.remedies.r2 import R2
from trials.remedies.spectral_normalisation import SpectralNormalisation
from trials.remedies.unrolled_discriminator import UnrolledDiscriminator
from trials.remedies.virtual_batch_normalisation import VirtualBatchNormalisation

REMEDIES: dict[str, type[Remedy]] = {
    "feature_matching": FeatureMatching,
    "historical_averaging": HistoricalAveraging,
    "minibatch_discrimination": MinibatchDiscrimination,
    "one_sided_label_smoothing": OneSidedLabelSmoothing,
    "r1": R1,
    "r2": R2,
    "gradient_penalty": GradientPenalty,
    "lecam": LeCam,
    "instance_noise": InstanceNoise,
    "diff_augment": DiffAugment,
    "virtual_batch_normalisation": VirtualBatchNormalisation,
    "packing": Packing,
    "unrolled_discriminator": UnrolledDiscriminator,
    "spectral_normalisation": SpectralNormalisation,
    "generator_ema": GeneratorEMA,
    "optimistic_adam": OptimisticAdam,
    "extragradient": Extragradient,
}


def build(config: TrialConfig) -> list[Remedy]:
    """The remedies that `config` switches on, each with its options."""
    return [REMEDIES[name](OPTIONS[name](**config.remedy_options[name])) for name in config.remedies]
