"""The remedies by name; one file each, all on the contract of trials/remedies/contract.py."""

from __future__ import annotations

from trials.config import REMEDIES as OPTIONS
from trials.config import TrialConfig
from trials.remedies.contract import Remedy
from trials.remedies.feature_matching import FeatureMatching
from trials.remedies.historical_averaging import HistoricalAveraging
from trials.remedies.minibatch_discrimination import MinibatchDiscrimination

REMEDIES: dict[str, type[Remedy]] = {
    "feature_matching": FeatureMatching,
    "historical_averaging": HistoricalAveraging,
    "minibatch_discrimination": MinibatchDiscrimination,
}


def build(config: TrialConfig) -> list[Remedy]:
    """The remedies that `config` switches on, each with its options."""
    return [REMEDIES[name](OPTIONS[name](**config.remedy_options[name])) for name in config.remedies]
