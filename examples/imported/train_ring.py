"""Trains a few small GANs on eight Gaussians in plain PyTorch, without ganstudy, and writes ring.csv beside this file.

It stands for somebody else's training script: with its own names for everything, one GAN per run, mode counts and FID
at uneven moments. About ten minutes on one core:  python examples/imported/train_ring.py
"""

import csv
import itertools
import math
from pathlib import Path

import numpy as np
import torch
from scipy.linalg import sqrtm
from torch import nn

MODES, RADIUS, SIGMA, LATENT, BATCH, SAMPLES = 8, 2.0, 0.02, 8, 64, 1000
MOMENTS = (50, 100, 200, 400, 700, 1000, 1500, 2000)
ANGLES = 2 * math.pi * torch.arange(MODES) / MODES
CENTRES = RADIUS * torch.stack([ANGLES.cos(), ANGLES.sin()], 1)


def real(number, stream):
    """[number, 2]"""
    return CENTRES[torch.randint(MODES, (number,), generator=stream)] + SIGMA * torch.randn(
        number, 2, generator=stream
    )


def network(inputs, outputs):
    """Two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, outputs)
    )


def frechet(points, others):
    """Fréchet distance of the Gaussians fitted to two sets of points."""
    (m, c), (n, d) = [(x.mean(0), np.cov(x.T)) for x in (points.numpy(), others.numpy())]
    return float(((m - n) ** 2).sum() + np.trace(c + d - 2 * np.real(sqrtm(c @ d))))


def train(seed, n_critic, lr_disc, lr_gen, clip):
    """Yields (iteration, FID, samples per mode, share within 3 sigma)."""
    stream = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    make, judge = network(LATENT, 2), network(2, 1)
    g = torch.optim.Adam(make.parameters(), lr_gen, betas=(0.5, 0.999))
    d = torch.optim.Adam(judge.parameters(), lr_disc, betas=(0.5, 0.999))
    loss = nn.BCEWithLogitsLoss()
    held_out = real(5000, torch.Generator().manual_seed(10_000))
    for iteration in range(1, MOMENTS[-1] + 1):
        for _ in range(n_critic):
            fake = make(torch.randn(BATCH, LATENT, generator=stream)).detach()
            error = loss(judge(real(BATCH, stream)), torch.ones(BATCH, 1)) + loss(
                judge(fake), torch.zeros(BATCH, 1)
            )
            d.zero_grad()
            error.backward()
            if clip:
                nn.utils.clip_grad_norm_(judge.parameters(), 0.1)
            d.step()
        error = loss(
            judge(make(torch.randn(BATCH, LATENT, generator=stream))), torch.ones(BATCH, 1)
        )
        g.zero_grad()
        error.backward()
        g.step()
        if iteration in MOMENTS:
            with torch.no_grad():
                points = make(
                    torch.randn(SAMPLES, LATENT, generator=torch.Generator().manual_seed(seed))
                )
            near, mode = torch.cdist(points, CENTRES).min(1)
            counts = torch.bincount(mode, minlength=MODES).tolist()
            yield (
                iteration,
                frechet(points, held_out),
                counts,
                float((near < 3 * SIGMA).float().mean()),
            )


def main():
    """Twelve configurations; the last one was trained on a single seed."""
    torch.set_num_threads(1)
    with (Path(__file__).parent / "ring.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        names = [f"mode_{mode}" for mode in range(MODES)]
        writer.writerow(
            [
                "run",
                "rng",
                "n_critic",
                "lr_disc",
                "lr_gen",
                "clip",
                "iteration",
                "FID",
                "good",
                *names,
            ]
        )
        settings = list(itertools.product((1, 2, 5), (2e-4, 1e-3), (2e-4, 1e-3), (False,)))
        settings[-1] = (*settings[-1][:3], True)
        for run, setting in enumerate(settings):
            for seed in (0, 1) if run < len(settings) - 1 else (0,):
                for iteration, fid, counts, good in train(seed, *setting):
                    row = [
                        f"ring-{run:02d}",
                        seed,
                        *setting,
                        iteration,
                        f"{fid:.5g}",
                        f"{good:.4g}",
                    ]
                    writer.writerow([*row, *counts])


if __name__ == "__main__":
    main()
