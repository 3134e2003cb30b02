# ruff: noqa: N806
"""A training function that draws from every random stream there is, in and out of its steps."""

import random

import numpy as np
import torch
from torch import nn
from torch.optim import Adam
from torch.optim.lr_scheduler import StepLR


def train(run):
    G = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.3), nn.BatchNorm1d(8), nn.Linear(8, 2))
    optimiser = Adam(G.parameters(), 0.01 * (1 + random.random()))
    schedule = StepLR(optimiser, 3, 0.5)
    own, seen = torch.Generator().manual_seed(run.seed), {"steps": [], "mean": np.zeros(2)}
    run.keep(G=G, optimiser=optimiser, schedule=schedule, own=own, seen=seen)
    real, latents = run.batches(16), run.latents(16, 2)
    for step in run.steps():
        noise = torch.randn(16, 2) + torch.tensor(np.random.randn(2), dtype=torch.float32)
        noise = noise + random.random() + torch.rand(2, generator=own)
        loss = (G(next(latents)) - next(real) - 0.1 * noise).square().mean()
        loss = loss + 1e-3 * len(seen["steps"]) + 1e-3 * float(seen["mean"].sum())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        run.count(discriminator_steps=1, images=16, loss_d=loss.item(), loss_g=loss)
        if step % 3 == 0:  # long before the evaluation that has it
            run.log(noise=noise.mean())
        if run.due():
            run.evaluate(lambda z: G(z) + 0.01 * torch.randn(len(z), 2), latent_dim=2)
        # Behind the evaluation: a checkpoint is of the end of a step.
        schedule.step()
        seen["steps"].append(step)
        seen["mean"] = 0.9 * seen["mean"] + noise.mean(0).numpy()
