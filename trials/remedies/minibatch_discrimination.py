"""Minibatch discrimination: the discriminator sees how alike the images of a batch are.

    M_i = f(x_i) T                       T: A x (B C),  M_i: B x C
    o(x_i)_b = sum_{j != i} exp(-||M_ib - M_jb||_1)            (Salimans et al. 2016, sec. 3.2)

o(x_i) joins the features f(x_i) before the last layer; T is learned.

f(x_i) are A numbers, o(x_i) B. Real and generated batches pass apart. T starts from N(0, 1).
`reduction = "mean"` divides by the number of other images, so that the scale does not depend on the
batch size.

`weight_norm = True` is the parametrisation of the released code, with learned s and b:

    T_abc = exp(s_bc) V_abc / sqrt(sum_a V_abc^2),    o_b + b_b

V starts from N(0, 0.05^2), s at 0 and b at -1. The released code then sets s and b from one pass
over the data, so that nearest images of that batch are about 2 apart and o averages 0; this is left
out, since a discriminator's initial values would depend on more than its seed.

A linear layer on [f, o] is the sum of a linear layer on f and one on o, which is how it is
computed: the part on f then starts from the same numbers with and without this remedy.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ganstudy.trials.config.remedies import MinibatchDiscriminationOptions
from ganstudy.trials.networks.base import Discriminator
from ganstudy.trials.remedies.base import Remedy
from ganstudy.trials.remedies.similarity import similarity_sums


class SimilarityFeatures(nn.Module):
    """Map features f [N, A] to similarities o [N, B]."""

    def __init__(
        self, features: int, kernels: int, kernel_dim: int, mean: bool, weight_norm: bool = False
    ) -> None:
        super().__init__()
        # Drawn once for both parametrisations, which thus start from the same directions.
        self.tensor = nn.Parameter(torch.randn(features, kernels, kernel_dim))
        self.mean = mean
        self.weight_norm = weight_norm
        if weight_norm:
            self.tensor = nn.Parameter(0.05 * self.tensor.detach())
            self.log_scale = nn.Parameter(torch.zeros(kernels, kernel_dim))
            self.bias = nn.Parameter(torch.full((kernels,), -1.0))

    def forward(self, features: Tensor) -> Tensor:
        """Return o(x_i)_b of the module's equation."""
        tensor = self.tensor
        if self.weight_norm:
            tensor = tensor * (self.log_scale.exp() / torch.linalg.vector_norm(tensor, dim=0))
        projected = torch.einsum("na,abc->bnc", features, tensor)
        # The image itself is at distance 0 and adds exp(0) = 1, which the sum over j != i leaves
        # out.
        similarity = similarity_sums(projected).T - 1
        if self.mean:
            similarity = similarity / (features.shape[0] - 1)
        return similarity + self.bias if self.weight_norm else similarity


class MinibatchDiscriminator(Discriminator):
    """Discriminator whose logit also reads the similarities of its features.

    Raises ValueError for a discriminator that gives no features.
    """

    def __init__(
        self,
        plain: Discriminator,
        kernels: int,
        kernel_dim: int,
        mean: bool,
        weight_norm: bool = False,
    ) -> None:
        super().__init__()
        if plain.num_features is None:
            raise ValueError(
                "minibatch_discrimination needs features of the discriminator, and this one has "
                "none: let it return (logits, features), or end in a linear or convolutional layer "
                "with one output per image"
            )
        self.plain = plain
        self.num_features = plain.num_features
        self.similarity = SimilarityFeatures(
            plain.num_features, kernels, kernel_dim, mean, weight_norm
        )
        bound = plain.num_features**-0.5  # as nn.Linear starts on so many inputs
        self.head_on_similarity = nn.Parameter(torch.empty(kernels).uniform_(-bound, bound))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return (logits [N], features [N, A]); the features stay those of single images."""
        logits, features = self.plain(images)
        return logits + self.similarity(features) @ self.head_on_similarity, features


class MinibatchDiscrimination(Remedy):
    """Discriminator that also reads how alike the images of a batch are."""

    recordable = True
    needs_features = True
    options: MinibatchDiscriminationOptions

    def extend_discriminator(self, discriminator: Discriminator) -> Discriminator:
        """Return the discriminator with T and the weights on o."""
        return MinibatchDiscriminator(
            discriminator,
            kernels=self.options.kernels,
            kernel_dim=self.options.kernel_dim,
            mean=self.options.reduction == "mean",
            weight_norm=self.options.weight_norm,
        )
