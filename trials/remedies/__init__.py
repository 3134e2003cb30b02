"""The remedies by name; one file each, all on the contract of trials/remedies/base.py."""

from __future__ import annotations

from ganstudy.trials.config.remedies import REMEDIES as OPTIONS
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.remedies.base import Remedy
from ganstudy.trials.remedies.diff_augment import DiffAugment
from ganstudy.trials.remedies.extragradient import Extragradient
from ganstudy.trials.remedies.feature_matching import FeatureMatching
from ganstudy.trials.remedies.generator_ema import GeneratorEMA
from ganstudy.trials.remedies.gradient_penalty import GradientPenalty
from ganstudy.trials.remedies.historical_averaging import HistoricalAveraging
from ganstudy.trials.remedies.instance_noise import InstanceNoise
from ganstudy.trials.remedies.lecam import LeCam
from ganstudy.trials.remedies.minibatch_discrimination import MinibatchDiscrimination
from ganstudy.trials.remedies.one_sided_label_smoothing import OneSidedLabelSmoothing
from ganstudy.trials.remedies.optimistic_adam import OptimisticAdam
from ganstudy.trials.remedies.packing import Packing
from ganstudy.trials.remedies.r1 import R1
from ganstudy.trials.remedies.r2 import R2
from ganstudy.trials.remedies.spectral_normalisation import SpectralNormalisation
from ganstudy.trials.remedies.unrolled_discriminator import UnrolledDiscriminator
from ganstudy.trials.remedies.virtual_batch_normalisation import VirtualBatchNormalisation

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
    return [
        REMEDIES[name](OPTIONS[name](**config.remedy_options[name])) for name in config.remedies
    ]
