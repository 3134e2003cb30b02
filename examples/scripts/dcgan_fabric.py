# ruff: noqa: D103, N806
"""A DCGAN on digits with Lightning Fabric: a script as people have it, and beside it the same in a study."""

import torch
import torch.nn.functional as F
from lightning.fabric import Fabric
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

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


def main(batch_size=64, epochs=50, lr_d=2e-4, lr_g=2e-4, seed=0, width=16):
    fabric = Fabric(accelerator="auto", devices=1)
    fabric.launch()
    fabric.seed_everything(seed)

    digits = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 8 - 1
    loader = DataLoader(TensorDataset(digits), batch_size, shuffle=True, drop_last=True)
    loader = fabric.setup_dataloaders(loader)

    G, D = generator(width), discriminator(width)
    G, opt_g = fabric.setup(G, torch.optim.Adam(G.parameters(), lr_g, (0.5, 0.999)))
    D, opt_d = fabric.setup(D, torch.optim.Adam(D.parameters(), lr_d, (0.5, 0.999)))

    for epoch in range(epochs):
        for (real,) in loader:
            fake = G(torch.randn(len(real), LATENTS, device=fabric.device))
            loss_d = F.softplus(-D(real)).mean() + F.softplus(D(fake.detach())).mean()
            opt_d.zero_grad()
            fabric.backward(loss_d)
            opt_d.step()

            loss_g = F.softplus(-D(fake)).mean()
            opt_g.zero_grad()
            fabric.backward(loss_g)
            opt_g.step()

        fabric.print(f"epoch {epoch}: D {loss_d:.3f}, G {loss_g:.3f}")


if __name__ == "__main__":
    main()
