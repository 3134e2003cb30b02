"""Throughput per lane of packs of several configurations against packs of one, on one thread or a GPU, in one run.

    python tests/benchmarks/lanes.py [--configurations 8] [--seeds 3] [--steps 100] [--device cuda] [--short]

Every configuration has learning rates of its own. "Alone" are the same configurations one after another, each a pack
of its seeds.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import torch

from ganstudy.trials.config.lanes import together
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.step_context import Batch, Player, StepContext
from ganstudy.trials.gan.cuda_graphs import CudaGraphStepper
from ganstudy.trials.gan.trainer import GanTrainer

ROUNDS = 3
REMEDIES = (
    "feature_matching",
    "minibatch_discrimination",
    "historical_averaging",
    "gradient_penalty",
    "r1",
    "spectral_normalisation",
    "diff_augment",
    "packing",
    "unrolled_discriminator",
    "extragradient",
    "generator_ema",
)
CASES: list[tuple[str, tuple[int, ...], dict[str, Any], list[str]]] = [
    ("mlp", (1, 8, 8), {}, []),
    *(("mlp", (1, 8, 8), {}, [name]) for name in REMEDIES),
    ("dcgan", (1, 8, 8), {"width": 16}, []),
    ("dcgan", (1, 8, 8), {"width": 16}, ["feature_matching"]),
    ("dcgan", (1, 8, 8), {"width": 16}, ["r1"]),
    ("resnet", (3, 32, 32), {"width": 8}, []),
]
"""Network, shape of the images, which are noise, options of the network, remedies."""


class Pack:
    """Trains some configurations together, on one batch."""

    def __init__(self, configs: list[TrialConfig], shape: tuple[int, ...], device: torch.device):
        common = together(configs)
        lanes = [config for config in configs for _ in config.seeds] if len(configs) > 1 else []
        trainer = GanTrainer(common, shape, True, device, lanes)
        self._steps = CudaGraphStepper(trainer) if trainer.recordable else trainer
        num = len(common.seeds)
        self._real = 2 * torch.rand(num, 64, *shape, device=device) - 1
        self._latents = torch.randn(num, 64, common.model.latent_dim, device=device)
        self._seeds, self._device = common.seeds, device

    def _batch(self, player: Player, step: int) -> Batch:
        context = StepContext(player, step, 0.0, self._seeds, self._device)
        return Batch(self._real, self._latents, context)

    def seconds(self, steps: int) -> float:
        """Time of `steps` steps of each player."""
        # Of this process alone, where the CPU does the work: other jobs may be running.
        clock = time.perf_counter if self._device.type == "cuda" else time.process_time
        start = clock()
        for step in range(steps):
            self._steps.discriminator_step(self._batch("discriminator", step))
            self._steps.generator_step(self._batch("generator", step))
        if self._device.type == "cuda":
            torch.cuda.synchronize()
        return clock() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--configurations", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100, help="of each player")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--short", action="store_true", help="whether it runs, not how fast")
    options = parser.parse_args()
    if options.short:
        options.configurations, options.seeds, options.steps = 2, 1, 2
    torch.set_num_threads(1)
    device = torch.device(options.device)
    for model, shape, networks, names in CASES:
        configs = [
            TrialConfig(
                data={"name": "digits"},
                model={"name": model, **networks},
                remedies=names,
                lr_d=1e-4 * (1 + index),
                lr_g=2e-4 * (1 + index),
                seeds=range(options.seeds),
                budget={"unit": "updates", "amount": 2},
                evaluations=1,
            )
            for index in range(options.configurations)
        ]
        fused, alone = Pack(configs, shape, device), Pack(configs[:1], shape, device)
        # In turn, so that another job on the machine slows both.
        rounds = [
            (fused.seconds(options.steps), alone.seconds(options.steps)) for _ in range(ROUNDS)
        ]
        together_, one = (min(times) for times in zip(*rounds, strict=True))
        ratio = options.configurations * one / together_
        lanes = options.configurations * options.seeds
        print(
            f"{model} {'+'.join(names) or 'none':<26} {lanes} lanes {1e3 * together_ / options.steps:7.2f} ms per "
            f"pair of steps, {options.seeds} lanes {1e3 * one / options.steps:6.2f} ms: "
            f"{ratio:.2f} times the throughput per lane",
            flush=True,
        )


if __name__ == "__main__":
    main()
