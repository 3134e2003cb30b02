"""What a file of your own imports to write a loss, a remedy or a measure: docs/own-losses-and-remedies.md."""

from __future__ import annotations

from ganstudy.trials.config.base import LaneNumber
from ganstudy.trials.config.losses import LossOptions
from ganstudy.trials.config.remedies import RemedyOptions
from ganstudy.trials.ensemble.lane_options import Number
from ganstudy.trials.ensemble.step_context import DiscriminatorStep, GeneratorStep, StepContext
from ganstudy.trials.losses.base import Loss
from ganstudy.trials.measures.own import measure
from ganstudy.trials.remedies.base import Remedy
from ganstudy.trials.remedies.input_gradient import gradients

__all__ = [
    "DiscriminatorStep",
    "GeneratorStep",
    "LaneNumber",
    "Loss",
    "LossOptions",
    "Number",
    "Remedy",
    "RemedyOptions",
    "StepContext",
    "gradients",
    "measure",
]
