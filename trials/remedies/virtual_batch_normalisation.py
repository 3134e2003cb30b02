"""Virtual batch normalisation: images do not depend on which others are drawn with them.

    y_i = scale (x_i - mean_i) / sqrt(var_i + eps) + shift          (Salimans et al. 2016, sec. 3.5)

mean_i, var_i: of image i together with R fixed reference images.

    mean_i = (R mean_r + mean(x_i)) / (R + 1)
    var_i  = (R var_r + var(x_i)) / (R + 1)  +  R (mean(x_i) - mean_r)^2 / (R + 1)^2

mean_r and var_r are those of R reference images, over all their pixels, and mean(x_i), var(x_i)
those of one image: together the mean and the variance (population, per channel) of the reference
batch and the image itself. The reference images are normalised by mean_r and var_r. They come from
R latents that are drawn once per seed and passed along with every batch, in training and in
evaluation alike, so they follow the generator as it changes and no running statistics are kept.

Takes the place of every batch normalisation of the generator, with its scale, shift and eps. Cost:
a batch of B becomes one of R + B.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ganstudy.trials.config.remedies import VirtualBatchNormalisationOptions
from ganstudy.trials.remedies.base import Remedy


class VirtualBatchNorm(nn.Module):
    """Layer that normalises [R + N, C, ...], of which the first R are the reference.

    `weight` and `bias` may be None.

    trials/export/standalone.py has a copy: that one file loads an exported generator where ganstudy
    is not installed, so it can import nothing from here.
    """

    def __init__(self, plain: nn.BatchNorm1d | nn.BatchNorm2d, num_reference: int) -> None:
        super().__init__()
        self.weight = plain.weight
        self.bias = plain.bias
        self.eps = plain.eps
        self.num_reference = num_reference

    def forward(self, inputs: Tensor) -> Tensor:
        """Return y of the module's equation."""
        flat = inputs.flatten(2) if inputs.dim() > 2 else inputs.unsqueeze(-1)
        reference, images = flat[: self.num_reference], flat[self.num_reference :]
        var_r, mean_r = torch.var_mean(reference, (0, 2), correction=0, keepdim=True)  # [1, C, 1]
        # Points have one number per channel, which is its own mean and has no variance.
        var_x = torch.zeros_like(images)
        mean_x = images
        if inputs.dim() > 2:
            var_x, mean_x = torch.var_mean(images, 2, correction=0, keepdim=True)  # [N, C, 1]
        share = 1 / (self.num_reference + 1)
        offset = mean_x - mean_r
        mean = torch.cat([mean_r.expand_as(reference[:, :, :1]), mean_r + share * offset])
        # Not E x^2 - mean^2, which loses all digits where the mean is large.
        var = (1 - share) * var_r + share * var_x + share * (1 - share) * offset.square()
        var = torch.cat([var_r.expand_as(reference[:, :, :1]), var])
        normalised = (flat - mean) * torch.rsqrt(var + self.eps)
        if self.weight is not None:
            normalised = normalised * self.weight[:, None] + self.bias[:, None]
        return normalised.view_as(inputs)


class ReferencedGenerator(nn.Module):
    """Generator that passes its reference latents [R, Z] along with every batch."""

    reference: Tensor

    def __init__(self, network: nn.Module, reference: Tensor) -> None:
        super().__init__()
        self.network = network
        # A buffer, so that it is stacked over the seeds and saved with the network.
        self.register_buffer("reference", reference)

    def forward(self, latents: Tensor) -> Tensor:
        """Return images [N, ...] for latents [N, Z]."""
        images: Tensor = self.network(torch.cat([self.reference, latents]))
        return images[len(self.reference) :]


class VirtualBatchNormalisation(Remedy):
    """Generator whose batch normalisation uses a fixed reference batch."""

    recordable = True
    options: VirtualBatchNormalisationOptions

    def extend_generator(self, network: nn.Module, latents: Callable[[int], Tensor]) -> nn.Module:
        """Return the generator with its reference.

        Raise a ValueError where it has no batch normalisation.
        """
        if not _replace(network, self.options.reference):
            raise ValueError(
                "virtual_batch_normalisation needs nn.BatchNorm1d or nn.BatchNorm2d in the "
                "generator, and it has neither"
            )
        return ReferencedGenerator(network, latents(self.options.reference))


def _replace(network: nn.Module, num_reference: int) -> int:
    """Replace all batch normalisations below `network`; return how many there were."""
    replaced: dict[nn.Module, VirtualBatchNorm] = {}
    for module in list(network.modules()):
        # Not by named_children, which gives a layer that is registered twice only once.
        for name, child in module._modules.items():
            if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
                if child not in replaced:
                    replaced[child] = VirtualBatchNorm(child, num_reference)
                setattr(module, name, replaced[child])
    return len(replaced)
