"""Minibatch discrimination: the discriminator sees how alike the images of a batch are.

    M_i = f(x_i) T                       T: A x (B C),  M_i: B x C
    o(x_i)_b = sum_{j != i} exp(-|| M_ib - M_jb ||_1)            (Salimans et al. 2016, sec. 3.2)

o(x_i), B numbers, is concatenated to the features f(x_i) (A numbers) before the last layer. Real and
generated batches pass apart. T starts from N(0, 1). `reduction = "mean"` divides by the number of
other images, so that the scale does not depend on the batch size.

A linear layer on [f, o] is the sum of a linear layer on f and one on o, which is how it is computed:
the part on f then starts from the same numbers with and without this remedy.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trials.networks import Discriminator
from trials.remedies.contract import Remedy


class SimilarityFeatures(nn.Module):
    """f [N, A] -> o [N, B]."""

    def __init__(self, features: int, kernels: int, kernel_dim: int, mean: bool) -> None:
        super().__init__()
        self.tensor = nn.Parameter(torch.randn(features, kernels, kernel_dim))
        self.mean = mean

    def forward(self, features: Tensor) -> Tensor:
        """o(x_i)_b of the module's equation."""
        projected = torch.einsum("na,abc->bnc", features, self.tensor)
        distances = torch.cdist(projected, projected, p=1.0)  # [B, N, N]
        # The image itself is at distance 0 and adds exp(0) = 1, which the sum over j != i leaves out.
        similarity = torch.exp(-distances).sum(2).T - 1
        return similarity / (features.shape[0] - 1) if self.mean else similarity


class MinibatchDiscriminator(Discriminator):
    """A discriminator whose last layer also reads the similarities."""

    def __init__(self, plain: Discriminator, kernels: int, kernel_dim: int, mean: bool) -> None:
        super().__init__(plain.trunk, plain.head)
        self.similarity = SimilarityFeatures(plain.head.in_features, kernels, kernel_dim, mean)
        bound = plain.head.in_features**-0.5
        self.head_on_similarity = nn.Parameter(torch.empty(kernels).uniform_(-bound, bound))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(logits [N], features [N, A]); the features stay those of single images."""
        logits, features = super().forward(images)
        return logits + self.similarity(features) @ self.head_on_similarity, features


class MinibatchDiscrimination(Remedy):
    """See the module."""

    def extend_discriminator(self, discriminator: Discriminator) -> Discriminator:
        """The discriminator with T and the weights on o."""
        return MinibatchDiscriminator(
            discriminator, self.options.kernels, self.options.kernel_dim, self.options.reduction == "mean"
        )
