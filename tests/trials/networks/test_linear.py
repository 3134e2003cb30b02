"""The linear generator and the quadratic discriminator are what their names say."""

from __future__ import annotations

import torch

from ganstudy.trials import networks
from ganstudy.trials.config.networks import Linear


def test_they_are_linear_and_quadratic() -> None:
    torch.manual_seed(0)
    built = networks.build(Linear(latent_dim=3), (2,), False)
    generator, discriminator = built.generator().double(), built.discriminator((2,)).double()
    z, x = torch.randn(2, 3, dtype=torch.float64), torch.randn(2, 2, dtype=torch.float64)
    middle = (generator(z[:1]) + generator(z[1:])) / 2
    torch.testing.assert_close(generator(z.mean(0, keepdim=True)), middle)
    # Third differences of a quadratic function vanish.
    along = [x[:1] + step * (x[1:] - x[:1]) for step in range(4)]
    a, b, c, d = (discriminator(point)[0] for point in along)
    torch.testing.assert_close(d - 3 * c + 3 * b - a, torch.zeros_like(a))
