"""The discriminator's gradient in its inputs, which the gradient penalties measure.

The gradient is that of the discriminator as the remedies let it see images, at the images
themselves. Outputs are summed before they are differentiated: where a discriminator compares the
images of a batch (batch normalisation, minibatch discrimination), an image's gradient includes what
it does to the others' outputs.
"""

from __future__ import annotations

import torch
from torch import Tensor


def gradients(logits: Tensor, images: Tensor) -> Tensor:
    """Return one gradient per output [S, B, D], itself differentiable.

    logits: [S, B]. images: [S, B m, ...], which require gradients and from which `logits` were
    computed; where m of them make one input of the discriminator (packing), neighbours belong
    together and D counts all m.
    """
    # With its graph: the penalty is differentiated again, by the discriminator's parameters.
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.reshape(*logits.shape, -1)
