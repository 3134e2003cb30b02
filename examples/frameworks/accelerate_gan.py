# ruff: noqa: D103, N806
"""A GAN trained with Accelerate, as a training function. See docs/training-function.md.

    pip install accelerate
    ganstudy run examples/frameworks/accelerate.toml

The lines that a study needs have `run` in them; the others are those of a script with Accelerate.
"""

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import nn

LATENTS = 8


def train(run):
    p = run.params
    accelerator = Accelerator(cpu=run.device.type == "cpu")
    G = nn.Sequential(nn.Linear(LATENTS, p["width"]), nn.ReLU(), nn.Linear(p["width"], 2))
    D = nn.Sequential(nn.Linear(2, p["width"]), nn.ReLU(), nn.Linear(p["width"], 1))
    opt_g = torch.optim.Adam(G.parameters(), p["lr_g"], (0.5, 0.999))
    opt_d = torch.optim.Adam(D.parameters(), p["lr_d"], (0.5, 0.999))
    G, D, opt_g, opt_d = accelerator.prepare(G, D, opt_g, opt_d)
    run.keep(G=G, D=D, opt_g=opt_g, opt_d=opt_d)

    batches = run.batches(64)  # on the right device, and in order after an interruption
    for _ in run.steps():
        real = next(batches)
        fake = G(torch.randn(64, LATENTS, device=accelerator.device))
        loss_d = F.softplus(-D(real)).mean() + F.softplus(D(fake.detach())).mean()
        opt_d.zero_grad()
        accelerator.backward(loss_d)
        opt_d.step()

        loss_g = F.softplus(-D(fake)).mean()
        opt_g.zero_grad()
        accelerator.backward(loss_g)
        opt_g.step()

        run.count(discriminator_steps=1, images=64, loss_d=loss_d, loss_g=loss_g)
        if run.due():
            run.evaluate(G, latent_dim=LATENTS)
