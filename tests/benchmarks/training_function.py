"""What ganstudy adds to a step of a training function: the same loop within a trial, and by itself.

The step is that of a small GAN (MLPs, 64 points), which is where an addition shows most. Both are run in turn,
in one process on one core; the ratio is that of a pair, and the figure the median over pairs. Times are of the
processor too, which other processes do not change.

    python tests/benchmarks/training_function.py [--steps 2000] [--pairs 9] [--short]
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import Adam

BATCH, LATENTS, WARM = 64, 8, 100


class Game:
    """Networks, optimisers and one step of both players."""

    def __init__(self, images: torch.Tensor, width: int) -> None:
        self.images = images
        self.G = nn.Sequential(nn.Linear(LATENTS, width), nn.ReLU(), nn.Linear(width, 2))
        self.D = nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 1))
        self.oG, self.oD = Adam(self.G.parameters(), 1e-3), Adam(self.D.parameters(), 1e-3)

    def step(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Make a step of each; return the losses."""
        real = self.images[torch.randint(len(self.images), (BATCH,))]
        fake = self.G(torch.randn(BATCH, LATENTS))
        loss_d = F.softplus(-self.D(real)).mean() + F.softplus(self.D(fake.detach())).mean()
        self.oD.zero_grad()
        loss_d.backward()
        self.oD.step()
        loss_g = F.softplus(-self.D(fake)).mean()
        self.oG.zero_grad()
        loss_g.backward()
        self.oG.step()
        return loss_d, loss_g


def train(run: Any) -> None:
    """Train as a user's function does; report the times of its steps."""
    game = Game(run.data.images, run.params["width"])
    run.keep(G=game.G, D=game.D, oG=game.oG, oD=game.oD)
    begun = (0.0, 0.0)
    for step in run.steps():
        if step == WARM:
            begun = time.perf_counter(), time.process_time()
        loss_d, loss_g = game.step()
        run.count(discriminator_steps=1, images=BATCH, loss_d=loss_d, loss_g=loss_g)
        if run.due():
            run.log(wall=time.perf_counter() - begun[0], cpu=time.process_time() - begun[1])
            run.evaluate(game.G, latent_dim=LATENTS)


def plain(images: torch.Tensor, width: int, steps: int) -> tuple[float, float]:
    """Return the times of the same steps in a loop by itself, with the mean losses that people keep."""
    game, sums = Game(images, width), [0.0, 0.0]
    begun = (0.0, 0.0)
    for step in range(steps):
        if step == WARM:
            begun = time.perf_counter(), time.process_time()
        for index, loss in enumerate(game.step()):
            sums[index] += loss.item()
    return time.perf_counter() - begun[0], time.process_time() - begun[1]


def compared(width: int, steps: int, pairs: int) -> tuple[list[float], list[float], float]:
    """Return the ratios of the wall times and of the processor's, and the microseconds of a plain step."""
    from ganstudy.trials.config.data import Ring
    from ganstudy.trials.config.measures import MeasuresConfig
    from ganstudy.trials.config.plugins import register
    from ganstudy.trials.config.trial import Budget, TrialConfig
    from ganstudy.trials.data import load
    from ganstudy.trials.measures.scoring.evaluator import Evaluator
    from ganstudy.trials.training.functions.function_trial import FunctionTrial

    measures = MeasuresConfig(samples=100, game_steps=0)
    dataset = load(Ring())
    evaluator = Evaluator(dataset, None, torch.device("cpu"), measures)
    config = TrialConfig(
        data=Ring(),
        seeds=(0,),
        budget=Budget(unit="generator_steps", amount=steps),
        evaluations=1,
        measures=measures,
        method=f"{Path(__file__).name}:train",
        function={"digest": register(Path(__file__)), "params": {"width": width}},
    )
    wall, cpu, alone = [], [], []
    for pair in range(pairs):
        # In turn the one and the other first: clocks drift as a machine gets warm.
        before = plain(dataset.train, width, steps) if pair % 2 else None
        (row,) = FunctionTrial(config, evaluator).advance().rows
        by_itself = before or plain(dataset.train, width, steps)
        for ratios, name, seconds in zip((wall, cpu), ("wall", "cpu"), by_itself, strict=True):
            within = row.measures[f"own/{name}"]
            assert within is not None
            ratios.append(within / seconds)
        alone.append(1e6 * by_itself[1] / (steps - WARM))
    return wall, cpu, statistics.median(alone)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--short", action="store_true", help="whether it runs, not how fast")
    options = parser.parse_args()
    if options.short:
        options.steps, options.pairs = WARM + 20, 1
    torch.set_num_threads(1)
    for width in (64, 512):
        wall, cpu, alone = compared(width, options.steps, options.pairs)
        print(
            f"width {width}, {alone:.0f} us per step: a training function takes "
            f"{100 * (statistics.median(cpu) - 1):+.1f}% of the processor "
            f"({100 * (min(cpu) - 1):+.1f}% to {100 * (max(cpu) - 1):+.1f}%), "
            f"{100 * (statistics.median(wall) - 1):+.1f}% of wall time"
        )


if __name__ == "__main__":
    main()
