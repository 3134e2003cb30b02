"""A pack of seeds against the same seeds one after the other, per remedy, on one thread: the ratio of their throughput,
and what the remedy costs beside the plain game.

    python tests/benchmarks/packs.py [--seeds 3] [--steps 300] [--model dcgan]
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import torch

from trials.config import TrialConfig
from trials.data import load
from trials.options.data import Digits
from trials.options.remedies import REMEDIES
from trials.remedies.contract import Batch, Moment, Player
from trials.step import Game

ROUNDS = 3
MODELS: dict[str, dict[str, Any]] = {"mlp": {"batch_norm": True}, "dcgan": {"width": 16}}


def seconds(seeds: list[int], names: list[str], steps: int, model: str) -> float:
    """Fastest of a few rounds of `steps` updates of each player."""
    data = load(Digits())
    config = TrialConfig(
        data={"name": "digits"},
        model={"name": model, **MODELS[model]},
        remedies=names,
        seeds=seeds,
        budget={"unit": "updates", "amount": 2},
        evaluations=1,
    )
    game = Game(config, data.shape, data.bounded, torch.device("cpu"))
    real = data.train[: len(seeds) * 64].reshape(len(seeds), 64, *data.shape)
    latents = torch.randn(len(seeds), 64, config.model.latent_dim)

    def batch(player: Player, step: int) -> Batch:
        return Batch(real, latents, Moment(player, step, 0.0, config.seeds, torch.device("cpu")))

    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for step in range(steps):
            game.discriminator_step(batch("discriminator", step))
            game.generator_step(batch("generator", step))
        taken.append(time.perf_counter() - start)
    return min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300, help="of each player")
    parser.add_argument("--model", choices=MODELS, default="mlp")
    options = parser.parse_args()
    torch.set_num_threads(1)
    plain = 0.0
    for names in ([], *([name] for name in REMEDIES)):
        pack = seconds(list(range(options.seeds)), names, options.steps, options.model)
        alone = options.seeds * seconds([0], names, options.steps, options.model)
        plain = plain or pack
        label = "+".join(names) or "no remedy"
        print(
            f"{label:<28} pack {1000 * pack / options.steps:6.2f} ms per pair of steps, {pack / plain:4.1f} times the "
            f"plain game; {alone / pack:.2f} times the throughput of one seed after another"
        )


if __name__ == "__main__":
    main()
