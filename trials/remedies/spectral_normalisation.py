"""Spectral normalisation: every layer of the discriminator has Lipschitz constant 1, as a matrix.

    W_SN = W / sigma(W)                     (Miyato et al. 2018, eq. 8, alg. 1)

sigma(W), the largest singular value, comes from power iteration.

Bare parameters, such as the tensor of minibatch discrimination, are free.

    sigma(W) = u^T W v
    v <- W^T u / |W^T u|,  u <- W v / |W v|

u and v are constants of the gradient, which passes through both W and sigma(W). W is the weight of
a fully connected or convolutional layer as a matrix out x (in kh kw); that of a transposed
convolution, stored as in x out x kh x kw, is turned to out x (in kh kw) first.

u and v start as the singular vectors of the initial W and follow it by `power_iterations` after
every step of the player; the released code iterates once in every pass instead, which makes two
iterations per discriminator step and one more per generator step. sigma(W) is never above the true
value and lags behind it by some per cent while W moves fast, in either way of counting. With option
`generator`, the generator's layers are normalised too (Zhang et al. 2019).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

from ganstudy.trials.config.remedies import SpectralNormalisationOptions
from ganstudy.trials.ensemble.ensemble import SeedEnsemble
from ganstudy.trials.ensemble.step_context import Player, StepContext
from ganstudy.trials.networks.base import Discriminator
from ganstudy.trials.remedies.base import Remedy

TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, *TRANSPOSED)


class SpectralQuotient(nn.Module):
    """Parametrisation W -> W / sigma(W) of a layer's weight, with buffers u [out] and v [in kh kw].

    By hand, since torch.nn.utils.parametrizations.spectral_norm iterates inside forward: it writes
    to buffers there, which vmap over seeds forbids, and iterates as often as the network is called,
    so that a seed would not be the same alone as in an ensemble.
    """

    u: Tensor
    v: Tensor

    def __init__(self, weight: Tensor, transposed: bool) -> None:
        super().__init__()
        self.transposed = transposed
        u, v = _leading_singular_vectors(self.matrix(weight.detach(), 0))
        self.register_buffer("u", u)
        self.register_buffer("v", v)

    def matrix(self, weight: Tensor, leading: int) -> Tensor:
        """Return the layer's weight as out x (in kh kw), behind so many leading axes."""
        if self.transposed:
            weight = weight.transpose(leading, leading + 1)
        return weight.flatten(leading + 1)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the normalised weight."""
        u, v = self.u, self.v
        if not self.training:
            # Samples may come from averages of u and v (generator_ema), which are shorter than 1.
            u, v = F.normalize(u, dim=0), F.normalize(v, dim=0)
        return weight / (u @ (self.matrix(weight, 0) @ v))


class SpectralNormalisation(Remedy):
    """Lipschitz constant 1 for every layer of the discriminator, or of both players."""

    recordable = True
    options: SpectralNormalisationOptions

    def __init__(self, options: SpectralNormalisationOptions) -> None:
        super().__init__(options)
        self._quotients: dict[Player, list[tuple[str, SpectralQuotient]]] = {}

    def extend_discriminator(self, discriminator: Discriminator) -> Discriminator:
        """Return the discriminator with normalised layers.

        Raise a ValueError where it has none to normalise.
        """
        _normalise(discriminator, "discriminator")
        return discriminator

    def extend_generator(self, network: nn.Module, latents: Callable[[int], Tensor]) -> nn.Module:
        """Return the generator, with normalised layers if option `generator` is on.

        Raise a ValueError where it has none to normalise.
        """
        if self.options.generator:
            _normalise(network, "generator")
        return network

    def start(self, player: Player, ensemble: SeedEnsemble) -> None:
        """Take note of where the normalised layers of the player are."""
        modules = ensemble.network.named_modules()
        self._quotients[player] = [
            (name, found) for name, found in modules if isinstance(found, SpectralQuotient)
        ]

    @torch.no_grad()
    def after_step(self, player: Player, ensemble: SeedEnsemble, context: StepContext) -> None:
        """Let u and v follow the new weights by power iteration."""
        for name, quotient in self._quotients[player]:
            # torch keeps a parametrised weight at LAYER.parametrizations.weight.original, and its
            # first parametrisation, the quotient, at LAYER.parametrizations.weight.0.
            # By `tensor`: the weight may be frozen, or be another layer's too.
            weight = ensemble.tensor(f"{name.removesuffix('.0')}.original").detach()
            matrix = quotient.matrix(weight, 1)  # [S, out, in kh kw]
            # The stacked buffers of all seeds; the modules of `ensemble.network` have no values.
            u, v = ensemble.tensor(f"{name}.u"), ensemble.tensor(f"{name}.v")
            for _ in range(self.options.power_iterations):
                v.copy_(F.normalize((matrix.mT @ u.unsqueeze(-1)).squeeze(-1), dim=1))
                u.copy_(F.normalize((matrix @ v.unsqueeze(-1)).squeeze(-1), dim=1))


def _leading_singular_vectors(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return the left and right singular vectors of the largest singular value."""
    # By way of the smaller of W W^T and W^T W: ten times faster than all singular vectors.
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    # eigh sorts upwards, so the last is the largest; a view of it would keep all of them in memory.
    short = torch.linalg.eigh(wide @ wide.T).eigenvectors[:, -1].clone()
    long = F.normalize(wide.T @ short, dim=0)
    return (short, long) if wide is matrix else (long, short)


def _normalise(network: nn.Module, player: Player) -> None:
    # A user's layer that is normalised already has no parameter of that name any more.
    layers = [
        m
        for m in network.modules()
        if isinstance(m, LAYERS) and "weight" in dict(m.named_parameters(recurse=False))
    ]
    if not layers:
        raise ValueError(
            f"spectral_normalisation needs fully connected or convolutional layers in the {player}, "
            "and it has none"
        )
    # Listed before: a parametrisation adds modules to the network that is being walked.
    for layer in layers:
        register_parametrization(
            layer, "weight", SpectralQuotient(layer.weight, isinstance(layer, TRANSPOSED))
        )
