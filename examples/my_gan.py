"""A GAN of your own, in plain PyTorch. A study file trains it with

    [model]
    name = "my_gan.py:build"
    latent_dim = 64
    options = { width = 32 }

Check it before a study with the tests in trials/testing.py.
"""

import torch
from torch import nn


class Generator(nn.Module):
    """Latents [B, latent_dim] -> images [B, C, H, W] in [-1, 1]; H and W divide by 4."""

    def __init__(self, shape, latent_dim, width):
        super().__init__()
        channels, height, width_of_image = shape
        self.start = (2 * width, height // 4, width_of_image // 4)
        self.linear = nn.Linear(latent_dim, 2 * width * (height // 4) * (width_of_image // 4))
        self.norm = nn.BatchNorm2d(2 * width)
        self.grow = nn.ConvTranspose2d(2 * width, width, kernel_size=4, stride=2, padding=1)
        self.grow_norm = nn.BatchNorm2d(width)
        self.draw = nn.ConvTranspose2d(width, channels, kernel_size=4, stride=2, padding=1)

    def forward(self, latents):
        """See the class."""
        maps = torch.relu(self.norm(self.linear(latents).view(-1, *self.start)))
        maps = torch.relu(self.grow_norm(self.grow(maps)))
        return torch.tanh(self.draw(maps))


class Discriminator(nn.Module):
    """Images [B, C, H, W] -> one logit each [B, 1]: positive for "real", and no sigmoid at the end."""

    def __init__(self, shape, width):
        super().__init__()
        channels, height, width_of_image = shape
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, kernel_size=4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, kernel_size=4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(2 * width * (height // 4) * (width_of_image // 4), 1),
        )

    def forward(self, images):
        """See the class."""
        return self.layers(images)


def build(shape, latent_dim, width=32):
    """shape: of one image. The first two arguments come from ganstudy, the others from `options`."""
    return Generator(shape, latent_dim, width), Discriminator(shape, width)
