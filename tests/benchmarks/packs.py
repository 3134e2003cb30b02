"""A pack of seeds against the same seeds one after the other, per remedy: seconds and their ratio, on one thread.

python tests/benchmarks/packs.py [--seeds 3] [--steps 300]
"""

from __future__ import annotations

import argparse
import time

import torch

from trials.config import REMEDIES, TrialConfig
from trials.data import load
from trials.options.data import Digits
from trials.step import Game

ROUNDS = 3


def seconds(seeds: list[int], names: list[str], steps: int) -> float:
    """Fastest of a few rounds of `steps` updates of each player."""
    data = load(Digits())
    config = TrialConfig(
        data={"name": "digits"}, remedies=names, seeds=seeds, budget={"unit": "updates", "amount": 2}, evaluations=1
    )
    game = Game(config, data.shape, data.bounded, torch.device("cpu"))
    real = data.train[: len(seeds) * 64].reshape(len(seeds), 64, *data.shape)
    latents = torch.randn(len(seeds), 64, config.model.latent_dim)
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(steps):
            game.discriminator_step(real, latents)
            game.generator_step(latents, real if game.needs_real else None)
        taken.append(time.perf_counter() - start)
    return min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300, help="of each player")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for names in ([], *([name] for name in REMEDIES)):
        pack = seconds(list(range(options.seeds)), names, options.steps)
        alone = options.seeds * seconds([0], names, options.steps)
        label = "+".join(names) or "no remedy"
        print(f"{label:<26} pack {pack:.2f} s, one by one {alone:.2f} s: {alone / pack:.2f} times the throughput")


if __name__ == "__main__":
    main()
