"""A pack of seeds against the same seeds one after the other, per remedy, on one thread or a GPU: the ratio of their
throughput, and what the remedy costs beside the plain game. On a GPU also replayed steps against issued ones.

    python tests/benchmarks/packs.py [--seeds 3] [--steps 300] [--model dcgan] [--device cuda] [--remedies r1 ...]
        [--short]
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import torch

from ganstudy.trials.config.remedies import REMEDIES
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.step_context import Batch, Player, StepContext
from ganstudy.trials.gan.cuda_graphs import CudaGraphStepper
from ganstudy.trials.gan.trainer import GanTrainer

ROUNDS = 3
MODELS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "mlp": ((1, 8, 8), {"batch_norm": True}),
    "dcgan": ((1, 8, 8), {"width": 16}),
    "sndcgan": ((3, 32, 32), {}),
    "resnet": ((3, 32, 32), {}),
}
"""The shape of the images, which are noise, and the networks' options: those of sndcgan and resnet as published."""


def seconds(
    seeds: list[int],
    names: list[str],
    steps: int,
    model: str,
    device: torch.device,
    issued: bool = False,
) -> float:
    """Fastest of a few rounds of `steps` updates of each player; issued: none is replayed."""
    shape, networks = MODELS[model]
    config = TrialConfig(
        data={"name": "digits"},
        model={"name": model, **networks},
        remedies=names,
        seeds=seeds,
        budget={"unit": "updates", "amount": 2},
        evaluations=1,
    )
    game = GanTrainer(config, shape, True, device)
    taken_by = game if issued or not game.recordable else CudaGraphStepper(game)
    real = 2 * torch.rand(len(seeds), 64, *shape, device=device) - 1
    latents = torch.randn(len(seeds), 64, config.model.latent_dim, device=device)

    def batch(player: Player, step: int) -> Batch:
        return Batch(real, latents, StepContext(player, step, 0.0, config.seeds, device))

    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for step in range(steps):
            taken_by.discriminator_step(batch("discriminator", step))
            taken_by.generator_step(batch("generator", step))
        if device.type == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300, help="of each player")
    parser.add_argument("--model", choices=MODELS, default="mlp")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument(
        "--remedies", nargs="*", choices=REMEDIES, default=list(REMEDIES), metavar="REMEDY"
    )
    parser.add_argument("--short", action="store_true", help="whether it runs, not how fast")
    options = parser.parse_args()
    if options.short:
        options.seeds, options.steps = 2, 2
    torch.set_num_threads(1)
    plain, device = 0.0, torch.device(options.device)
    for names in ([], *([name] for name in options.remedies)):
        pack = seconds(list(range(options.seeds)), names, options.steps, options.model, device)
        alone = options.seeds * seconds([0], names, options.steps, options.model, device)
        plain = plain or pack
        label = "+".join(names) or "no remedy"
        replayed = ""
        if device.type == "cuda":
            issued = seconds(
                list(range(options.seeds)), names, options.steps, options.model, device, issued=True
            )
            replayed = f"; replayed where it can be, {issued / pack:.2f} times as fast as issued"
        print(
            f"{label:<28} pack {1000 * pack / options.steps:6.2f} ms per pair of steps, {pack / plain:4.1f} times the "
            f"plain game; {alone / pack:.2f} times the throughput of one seed after another"
            f"{replayed}"
        )


if __name__ == "__main__":
    main()
