"""Initial values that several architectures share; they are drawn from torch's global stream."""

from __future__ import annotations

from torch import nn


def normal_weights(network: nn.Module, std: float = 0.02) -> None:
    """Draw linear and convolutional weights from N(0, std^2) and set biases to 0.

    Source: Radford et al. 2015, sec. 3.
    """
    # In the order of construction, which decides what each layer draws from the stream.
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
