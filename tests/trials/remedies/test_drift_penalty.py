"""The drift penalty against its equation, inside the discriminator's loss."""

from __future__ import annotations

import pytest
import torch

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.step_context import Batch, StepContext
from ganstudy.trials.gan.trainer import GanTrainer

CPU = torch.device("cpu")


def trainer(*remedies: str) -> GanTrainer:
    config = TrialConfig(
        data={"name": "ring"},
        model={"name": "mlp", "latent_dim": 3, "width": 5},
        batch_size=4,
        remedies=remedies,
        remedy_options={"drift_penalty": {"weight": 0.5}} if remedies else {},
        seeds=[3, 4],
        budget={"unit": "updates", "amount": 2},
        evaluations=1,
    )
    return GanTrainer(config, (6,), False, CPU)


def test_the_loss_grows_by_the_mean_squared_output_on_real_images() -> None:
    stream = torch.Generator().manual_seed(0)
    real, latents = torch.randn(2, 4, 6, generator=stream), torch.randn(2, 4, 3, generator=stream)
    batch = Batch(real, latents, StepContext("discriminator", 0, 0.0, (3, 4), CPU))
    plain, kept = trainer(), trainer("drift_penalty")
    outputs = plain.outputs(real)
    more = kept.discriminator_step(batch) - plain.discriminator_step(batch)
    assert more.tolist() == pytest.approx((0.5 * outputs.square().mean(-1)).tolist(), abs=1e-6)
