# ruff: noqa: D103, N806
"""A DCGAN on digits with Lightning Fabric: a script as people have it, and beside it the same in a study."""

import torch
import torch.nn.functional as F
from lightning.fabric import Fabric
from torch import nn

LATENTS = 32


def generator(width):
    return nn.Sequential(
        nn.Linear(LATENTS, 2 * width * 2 * 2),
        nn.Unflatten(1, (2 * width, 2, 2)),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * width, width, 4, 2, 1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, 2, 1),
        nn.Tanh(),
    )


def discriminator(width):
    return nn.Sequential(
        nn.Conv2d(1, width, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, 2, 1),
        nn.BatchNorm2d(2 * width),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(2 * width * 2 * 2, 1),
    )


def main(run, batch_size, lr_d, lr_g, width):
    fabric = Fabric(accelerator=run.device.type, devices=1)
    fabric.launch()

    G, D = generator(width), discriminator(width)
    G, opt_g = fabric.setup(G, torch.optim.Adam(G.parameters(), lr_g, (0.5, 0.999)))
    D, opt_d = fabric.setup(D, torch.optim.Adam(D.parameters(), lr_d, (0.5, 0.999)))
    run.keep(G=G, D=D, opt_g=opt_g, opt_d=opt_d)

    for _, real in zip(run.steps(), run.batches(batch_size), strict=False):
        fake = G(torch.randn(len(real), LATENTS, device=fabric.device))
        loss_d = F.softplus(-D(real)).mean() + F.softplus(D(fake.detach())).mean()
        opt_d.zero_grad()
        fabric.backward(loss_d)
        opt_d.step()

        loss_g = F.softplus(-D(fake)).mean()
        opt_g.zero_grad()
        fabric.backward(loss_g)
        opt_g.step()

        run.count(discriminator_steps=1, images=len(real), loss_d=loss_d, loss_g=loss_g)
        if run.due():
            run.evaluate(G, latent_dim=LATENTS)


def train(run):
    main(run, **run.params)
