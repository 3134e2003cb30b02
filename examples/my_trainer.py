"""A training loop of your own, in plain PyTorch: a study file trains it with

    [train]
    method = "my_trainer.py:train"

docs/training-function.md describes what `run` offers. The remedy of this file is its own: noise on
what the discriminator sees, which fades over the training.
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import Adam


def layers(sizes, activation):
    """Return linear layers with activations between them."""
    made = []
    for inputs, outputs in pairwise(sizes):
        made += [nn.Linear(inputs, outputs), activation()]
    return made[:-1]


def train(run):
    """Train one GAN: called once per seed, and again after an interruption."""
    p, shape = run.params, run.data.shape
    size = math.prod(shape)
    ends = [nn.Tanh()] if run.data.is_images else []
    generator = nn.Sequential(
        *layers([32, p["width"], p["width"], size], nn.ReLU), *ends, nn.Unflatten(1, shape)
    ).to(run.device)
    discriminator = nn.Sequential(
        nn.Flatten(), *layers([size, p["width"], p["width"], 1], lambda: nn.LeakyReLU(0.2))
    ).to(run.device)
    opt_g = Adam(generator.parameters(), p["lr_g"], betas=(0.5, 0.999))
    opt_d = Adam(discriminator.parameters(), p["lr_d"], betas=(0.5, 0.999))
    run.keep(generator=generator, discriminator=discriminator, opt_g=opt_g, opt_d=opt_d)

    batches = run.batches(64)
    for _ in run.steps():
        # What the discriminator sees, with the remedy of this file or without.
        noise = 0.5 * (1 - run.progress) if "fading_noise" in p["remedies"] else 0.0

        def seen(images, noise=noise):
            return images + noise * torch.randn_like(images)

        for _ in range(p["k"]):
            real = next(batches)
            fake = generator(torch.randn(64, 32, device=run.device)).detach()
            on_real, on_fake = discriminator(seen(real)), discriminator(seen(fake))
            loss_d = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
            opt_d.zero_grad()
            loss_d.backward()
            opt_d.step()

        fake = generator(torch.randn(64, 32, device=run.device))
        loss_g = F.softplus(-discriminator(seen(fake))).mean()
        opt_g.zero_grad()
        loss_g.backward()
        opt_g.step()

        run.count(discriminator_steps=p["k"], images=64 * p["k"], loss_d=loss_d, loss_g=loss_g)
        if run.due():
            run.evaluate(generator, latent_dim=32)
