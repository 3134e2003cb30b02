"""The Dirac-GAN (Mescheder et al. 2018): real data at 0, generated data at theta, D(x) = psi x."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from ganstudy.trials.networks.base import Discriminator, Networks


class Point(nn.Module):
    """All generated data lie at theta."""

    def __init__(self, initial: Callable[[int], Tensor]) -> None:
        super().__init__()
        self.theta = nn.Parameter(initial(1))

    def forward(self, latents: Tensor) -> Tensor:
        return self.theta.expand(len(latents), 1)


class Line(Discriminator):
    """D(x) = psi x"""

    num_features = None

    def __init__(self, initial: Callable[[int], Tensor]) -> None:
        super().__init__()
        self.psi = nn.Parameter(initial(1))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return images[:, 0] * self.psi, images[:, :0]


@pytest.fixture
def dirac_networks(monkeypatch: pytest.MonkeyPatch):
    """Puts the Dirac-GAN in the place of the multilayer perceptron, in double precision, with theta
    and psi from `torch.zeros` or `torch.randn`.
    """

    def use(initial: Callable[[int], Tensor]) -> None:
        networks = Networks(lambda: Point(initial), lambda _: Line(initial))
        monkeypatch.setattr("ganstudy.trials.networks.mlp.mlp", lambda *_: networks)
        torch.set_default_dtype(torch.float64)

    yield use
    torch.set_default_dtype(torch.float32)
