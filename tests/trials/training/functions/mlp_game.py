# ruff: noqa: N806
"""The built-in game of two MLPs, written as a training function."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import Adam


def hidden(inputs, width, activation):
    return [nn.Linear(inputs, width), activation(), nn.Linear(width, width), activation()]


def generator(dim, width, shape):
    # In the order of the built-in network: layers draw their initial values as they are made.
    layers = [*hidden(dim, width, nn.ReLU), nn.Linear(width, math.prod(shape))]
    end = [nn.Tanh()] if len(shape) == 3 else []
    return nn.Sequential(*layers, *end, nn.Unflatten(-1, shape))


def discriminator(width, shape):
    layers = hidden(math.prod(shape), width, lambda: nn.LeakyReLU(0.2))
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(width, 1))


def train(run):
    p, shape = run.params, run.data.shape
    with run.initialisation("generator"):
        G = generator(p["dim"], p["width"], shape).to(run.device)
    with run.initialisation("discriminator"):
        D = discriminator(p["width"], shape).to(run.device)
    oG = Adam(G.parameters(), p["lr_g"], (0.5, 0.999), fused=True)
    oD = Adam(D.parameters(), p["lr_d"], (0.5, 0.999), fused=True)
    run.keep(G=G, D=D, oG=oG, oD=oD)
    n = p["batch_size"]
    real, of_d = run.batches(n), run.latents(n, p["dim"], "discriminator")
    of_g = run.latents(n, p["dim"], "generator")
    for _ in run.steps():
        for _ in range(p["k"]):
            with torch.no_grad():
                fake = G(next(of_d))
            loss_d = F.softplus(-D(next(real))).mean() + F.softplus(D(fake)).mean()
            oD.zero_grad()
            loss_d.backward()
            oD.step()
            run.count(generator_steps=0, discriminator_steps=1, images=n, loss_d=loss_d)
        loss_g = F.softplus(-D(G(next(of_g)))).mean()
        oG.zero_grad()
        loss_g.backward()
        oG.step()
        run.count(generator_steps=1, loss_g=loss_g)
        if run.due():
            run.evaluate(G, latent_dim=p["dim"])
