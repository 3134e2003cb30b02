"""A file of somebody's own networks: every way that modules of torch are put together, by name.

    build(shape, latent_dim, generator=PLAN, discriminator=PLAN)

A plan is plain data, so that it fits into the options of a study file:

    blocks    kinds of BLOCKS, one after the other; each maps [B, WIDTH] to [B, WIDTH]
    tie       how the first block and a second one like it are shared, a key of TIES
    freeze    which parameters are not to be trained, a key of FREEZES
    features  whether a discriminator returns (logits, features)

The file needs torch and NumPy alone: it is read as a user's file is, and by a plain torch loop.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize
from torch.utils.checkpoint import checkpoint

WIDTH = 16
MAPS = (4, 2, 2)
"""WIDTH numbers as maps [C, H, W]"""
STEPS = (4, 4)
"""WIDTH numbers as a sequence [T, F]"""


def linear() -> nn.Linear:
    return nn.Linear(WIDTH, WIDTH)


class Shaped(nn.Module):
    """A layer on the numbers in another shape; of several outputs the first."""

    def __init__(self, layer: nn.Module, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.layer, self.shape = layer, shape

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x.view(-1, *self.shape))
        y = y[0] if isinstance(y, tuple) else y
        return y.flatten(1)[:, :WIDTH]


def on_maps(layer: nn.Module) -> nn.Module:
    return Shaped(layer, MAPS)


def on_steps(layer: nn.Module) -> nn.Module:
    return Shaped(layer, STEPS)


class Cell(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRUCell(4, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        state = torch.zeros_like(x)
        for step in x.view(-1, *STEPS).unbind(1):
            state = self.cell(step, state)
        return state


class SelfAttention(nn.Module):
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(4, 2, batch_first=True, **options)

    def forward(self, x: Tensor) -> Tensor:
        steps = x.view(-1, *STEPS)
        return x + self.attend(steps, steps, steps, need_weights=False)[0].flatten(1)


class ScaledDotProduct(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(4, 12)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.project(x.view(-1, *STEPS)).chunk(3, -1)
        return x + F.scaled_dot_product_attention(q, k, v).flatten(1)


class Bins(nn.Module):
    """An embedding of which of the first numbers is the largest."""

    def __init__(self, max_norm: float | None = None) -> None:
        super().__init__()
        self.table = nn.Embedding(4, WIDTH, max_norm=max_norm)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table(x[:, :4].argmax(1))


class Positions(nn.Module):
    """Learnt positions, looked up by whole numbers that are a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(4, 4)
        self.register_buffer("order", torch.arange(4))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table(self.order).flatten()


class Scale(nn.Module):
    """A single learnt number, without any axis."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.alpha = linear(), nn.Parameter(torch.tensor(0.5))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.alpha * self.layer(x)


class Waves(nn.Module):
    """Weights that are complex numbers, between a Fourier transform and its inverse."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.view_as_complex(torch.randn(WIDTH // 2 + 1, 2)))

    def forward(self, x: Tensor) -> Tensor:
        return torch.fft.irfft(torch.fft.rfft(x) * self.gain, n=WIDTH)


class Kept(nn.Module):
    """Keeps what it computed, as feature extractors do."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = linear()
        self.seen: Any = None

    def forward(self, x: Tensor) -> Tensor:
        self.seen = self.layer(x)
        return torch.tanh(self.seen)


class Hooked(nn.Module):
    """Adds what a hook saw of an inner layer."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = linear(), linear()
        self.inner.register_forward_hook(self.remember)

    def remember(self, _layer: nn.Module, _inputs: Any, output: Tensor) -> None:
        self.seen = output

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(torch.relu(self.inner(x))) + self.seen


class Equalised:
    """A hook that makes the weight before every pass, as ProGAN's networks are written."""

    @staticmethod
    def applied() -> nn.Module:
        layer = linear()
        weight = layer.weight
        del layer.weight
        layer.register_parameter("weight_orig", nn.Parameter(weight.data))
        layer.register_forward_pre_hook(Equalised())
        return layer

    def __call__(self, layer: nn.Module, inputs: Any) -> None:
        layer.weight = layer.weight_orig * math.sqrt(2 / WIDTH)


class Cache(nn.Module):
    """Constant numbers that are made in the first pass and kept."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.ramp = linear(), None

    def forward(self, x: Tensor) -> Tensor:
        if self.ramp is None:
            self.ramp = torch.linspace(0, 1, WIDTH).to(x)
        return self.layer(x) + self.ramp


class Recomputed(nn.Module):
    """Activations are computed again in the backward pass, to spare memory."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(linear(), nn.Tanh(), linear())

    def forward(self, x: Tensor) -> Tensor:
        return checkpoint(self.layers, x, use_reentrant=False)


class Reversed(torch.autograd.Function):
    """A function with a backward pass of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return -gradient


class OwnFunction(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = linear()

    def forward(self, x: Tensor) -> Tensor:
        return Reversed.apply(self.layer(x))


class Picked(nn.Module):
    """Whole numbers as a parameter, one without numbers, one whose memory is transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.order = nn.Parameter(torch.arange(WIDTH).flip(0), requires_grad=False)
        self.nothing = nn.Parameter(torch.empty(0))
        self.weight = nn.Parameter(torch.randn(WIDTH, WIDTH).t() / 4)

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.order] @ self.weight + self.nothing.sum()


class Held(nn.Module):
    """Holds its weight in bounds: in forward, or by a hook on its gradient."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.layer, self.how = linear(), how
        mask = (torch.arange(WIDTH) % 2).to(self.layer.weight)
        if how == "gradient":
            self.layer.weight.register_hook(lambda gradient: gradient * mask)
        elif how == "module":
            self.layer.register_full_backward_hook(lambda _layer, given, _taken: (given[0] * mask,))

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "forward" and self.training:
            # By .data, as autograd would notice the change between two passes of one step.
            self.layer.weight.data.clamp_(-0.1, 0.1)
        return self.layer(torch.tanh(x))


class Unused(nn.Module):
    """More than half of it has no part in the output."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.spare = linear(), nn.Sequential(linear(), nn.BatchNorm1d(WIDTH))
        self.left_over = nn.Parameter(torch.randn(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class Lists(nn.Module):
    """Parameters and modules in torch's own lists and dicts, and registered ones in plain ones."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.ParameterList([nn.Parameter(torch.randn(WIDTH)) for _ in range(2)])
        self.named = nn.ParameterDict({"shift": nn.Parameter(torch.zeros(WIDTH))})
        self.layers = nn.ModuleDict({"in": linear(), "out": linear()})
        self.order = [self.layers["in"], self.layers["out"]]
        self.by_name = {"again": self.layers["in"]}

    def forward(self, x: Tensor) -> Tensor:
        for layer, weight in zip(self.order, self.weights, strict=True):
            x = torch.tanh(layer(x)) * weight + self.named["shift"]
        return self.by_name["again"](x)


# --- numbers that are not trained


class Buffers(nn.Module):
    """A matrix that is a buffer, drawn or constant, kept in the state or not."""

    def __init__(self, drawn: bool, persistent: bool) -> None:
        super().__init__()
        matrix = torch.randn(WIDTH, WIDTH) if drawn else torch.arange(WIDTH**2.0).cos()
        matrix = matrix.view(WIDTH, WIDTH)
        self.register_buffer("matrix", matrix / 4, persistent=persistent)
        self.register_buffer("mask", torch.arange(WIDTH) % 2 == 0, persistent=persistent)

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(self.mask, x, x @ self.matrix)


class MovingMean(nn.Module):
    """A buffer that a training pass moves, in place or by a new tensor."""

    def __init__(self, in_place: bool) -> None:
        super().__init__()
        self.in_place = in_place
        self.register_buffer("mean", torch.zeros(WIDTH))
        self.register_buffer("passes", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        if self.training and self.in_place:
            self.mean.lerp_(x.detach().mean(0), 0.25)
            self.passes.add_(1)
        elif self.training:
            self.mean = self.mean.lerp(x.detach().mean(0), 0.25)
            self.passes = self.passes + 1
        return x - self.mean


class PlainMean(nn.Module):
    """A moving mean that is a plain attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.mean = linear(), torch.zeros(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.mean = self.mean.to(x).lerp(x.detach().mean(0), 0.25)
        return self.layer(x - self.mean)


class Constants(nn.Module):
    """Constant numbers as plain attributes, of torch, NumPy and Python."""

    def __init__(self) -> None:
        super().__init__()
        self.ramp = torch.linspace(0.5, 1, WIDTH)
        self.shift = np.linspace(-0.5, 0.5, WIDTH)
        self.order = list(reversed(range(WIDTH)))
        self.layer = linear()

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x[:, self.order] * self.ramp + torch.from_numpy(self.shift).to(x))


class Backbone(nn.Module):
    """A part that is neither trained nor in training mode, in front of one that is."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(linear(), nn.BatchNorm1d(WIDTH), nn.Dropout(0.5)).eval()
        self.backbone.requires_grad_(False)
        self.head = linear()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.backbone(x))


class Aliased(nn.Module):
    """A buffer and a parameter lie in the same memory."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = linear()
        self.register_buffer("mirror", self.layer.weight.detach())

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + x @ self.mirror


# --- sharing within a block


class SharedWeight(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = linear(), linear()
        self.b.weight = self.a.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.b(torch.relu(self.a(x)))


class SharedTransposed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Linear(WIDTH, 5)
        self.bias = nn.Parameter(torch.zeros(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(torch.tanh(self.encode(x)), self.encode.weight.t(), self.bias)


class TwoNames(nn.Module):
    """One layer under two names and in a list, one of its own parameters under a third."""

    def __init__(self) -> None:
        super().__init__()
        self.one = linear()
        self.other = self.one
        self.all = nn.ModuleList([self.one, self.other])
        self.shift = self.one.bias

    def forward(self, x: Tensor) -> Tensor:
        return self.all[1](torch.relu(self.other(torch.relu(self.one(x))))) + self.shift


class SharedBatchNorm(nn.Module):
    """Used twice in a pass, and registered twice."""

    def __init__(self) -> None:
        super().__init__()
        norm = nn.BatchNorm1d(WIDTH)
        self.layers = nn.Sequential(linear(), norm, nn.ReLU(), linear(), norm)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


class SharedBuffer(nn.Module):
    """One part reads the buffer that another one moves."""

    def __init__(self) -> None:
        super().__init__()
        self.writer, self.reader = MovingMean(in_place=True), nn.Module()
        self.reader.register_buffer("mean", self.writer.mean)

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.writer(x)) + self.reader.mean


class SharedAcross(nn.Module):
    """A parameter of modules of unlike kinds, one of them spectrally normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.layer = nn.LayerNorm(WIDTH), linear()
        self.layer.bias = self.norm.bias
        self.table = nn.Embedding(WIDTH, WIDTH)
        self.table.weight = self.layer.weight
        parametrizations.spectral_norm(self.layer)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.norm(x)) + self.table(x.argmax(1))


class SharedKernel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(4, 6, 3, padding=1)
        self.up = nn.ConvTranspose2d(6, 4, 3, padding=1)
        self.up.weight = self.down.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.up(torch.relu(self.down(x.view(-1, *MAPS)))).flatten(1)


# --- parametrisations


class Symmetric(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight.triu() + weight.triu(1).transpose(-1, -2)

    def right_inverse(self, weight: Tensor) -> Tensor:
        return weight.triu()


class Gained(nn.Module):
    """A parametrisation with a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.rand(WIDTH, 1) + 0.5)

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.gain


def own_parametrisation() -> nn.Module:
    layer = linear()
    parametrize.register_parametrization(layer, "weight", Symmetric())
    parametrize.register_parametrization(layer, "weight", Gained())
    return layer


def recurrent_weight_norm() -> nn.Module:
    return on_steps(
        parametrizations.weight_norm(nn.RNN(4, 4, batch_first=True), "weight_hh_l0", dim=0)
    )


# --- random numbers


class Noise(nn.Module):
    """Noise of a learnt strength, as in StyleGAN; drawn in training alone, or always."""

    def __init__(self, always: bool = False) -> None:
        super().__init__()
        self.strength, self.always = nn.Parameter(torch.full((WIDTH,), 0.1)), always

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training or self.always):
            return x
        return x + self.strength * torch.randn(len(x), 1, dtype=x.dtype) + 0.1 * torch.rand_like(x)


class Prior(nn.Module):
    """Noise of torch's distributions, whose numbers are plain attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.prior = linear(), torch.distributions.Normal(0.0, 0.3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x + self.prior.sample(x.shape) if self.training else x)


class OtherNoise(nn.Module):
    """Noise in forward from where torch's seed does not reach."""

    def __init__(self, draw: str) -> None:
        super().__init__()
        self.layer, self.draw = linear(), draw
        self.own = torch.Generator().manual_seed(3)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return self.layer(x)
        if self.draw == "numpy":
            return self.layer(x + float(np.random.normal()))
        if self.draw == "python":
            return self.layer(x + random.gauss(0, 1))
        return self.layer(x + torch.randn(x.shape, generator=self.own, dtype=x.dtype))


def drawn_elsewhere(draw: str) -> nn.Module:
    """Initial values of NumPy or Python."""
    layer = linear()
    with torch.no_grad():
        if draw == "numpy":
            layer.weight.copy_(torch.from_numpy(np.random.normal(0, 0.3, (WIDTH, WIDTH))))
        else:
            layer.weight.copy_(
                torch.tensor([[random.gauss(0, 0.3) for _ in range(WIDTH)] for _ in range(WIDTH)])
            )
    return layer


class Counting(nn.Module):
    """Keeps count of its passes as a plain number that the output depends on."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.passes = linear(), 0

    def forward(self, x: Tensor) -> Tensor:
        self.passes += self.training
        return self.layer(x) / (1 + self.passes)


class DrawnChoice(nn.Module):
    """A layer without parameters that is chosen, or has a number drawn, when it is built."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.layer = linear()
        if what == "slope":
            self.hidden: nn.Module = nn.LeakyReLU(torch.rand(()).item())
        else:
            self.hidden = [nn.Tanh(), nn.ReLU(), nn.SiLU()][int(torch.randint(3, ()))]

    def forward(self, x: Tensor) -> Tensor:
        return self.hidden(self.layer(x))


class Drawer:
    """No module."""

    def __init__(self) -> None:
        self.matrix = torch.randn(WIDTH, WIDTH) / 4

    def __call__(self, x: Tensor) -> Tensor:
        return x @ self.matrix


class OfTheClass(nn.Module):
    """A drawn matrix that belongs to the class."""

    hidden: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.layer = linear()
        type(self).hidden = torch.randn(WIDTH, WIDTH) / 4

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) @ self.hidden


class Plain(nn.Module):
    """Drawn numbers, or layers, as attributes that torch does not register."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what, self.layer = what, linear()
        self.hidden: Any = {
            "tensor": lambda: torch.randn(WIDTH, WIDTH) / 4,
            "tensor in list": lambda: [torch.randn(WIDTH, WIDTH) / 4],
            "numpy": lambda: np.random.normal(0, 0.3, (WIDTH, WIDTH)),
            "number": lambda: torch.rand(()).item(),
            "order": lambda: torch.randperm(WIDTH).tolist(),
            "function": lambda: partial(torch.matmul, other=torch.randn(WIDTH, WIDTH) / 4),
            "object": Drawer,
            "bound method": lambda: linear().forward,
            "distribution": lambda: torch.distributions.Normal(torch.randn(WIDTH), 1.0),
            "closure": lambda: self.closure(torch.randn(WIDTH, WIDTH) / 4),
            "modules in list": lambda: [linear(), linear()],
            "modules in dict": lambda: {"a": {"b": linear()}},
            "module in tuple": lambda: (linear(),),
            "parameters in list": lambda: [nn.Parameter(torch.randn(WIDTH, WIDTH) / 4)],
            "own layer": lambda: lambda x: torch.tanh(self.layer(x)),
        }[what]()

    def closure(self, matrix: Tensor) -> Callable[[Tensor], Tensor]:
        return lambda x: x @ matrix

    def forward(self, x: Tensor) -> Tensor:
        h = self.hidden
        x = torch.tanh(self.layer(x))
        if self.what == "number":
            return x * h
        if self.what == "order":
            return x[:, h]
        if self.what == "numpy":
            return x @ torch.from_numpy(h).to(x)
        if self.what == "distribution":
            return x * h.mean
        if callable(h):
            return h(x)
        h = h["a"]["b"] if isinstance(h, dict) else h[0] if isinstance(h, list | tuple) else h
        return h(x) if isinstance(h, nn.Module) else x @ h


CONV = partial(nn.Conv2d, 4, 4, 3, padding=1)
TRAINED: dict[str, Callable[[], nn.Module]] = {
    "linear": linear,
    "linear without bias": lambda: nn.Linear(WIDTH, WIDTH, bias=False),
    "relu in place": lambda: nn.Sequential(linear(), nn.ReLU(inplace=True)),
    "prelu": nn.PReLU,
    "bilinear": lambda: Squared(),
    "conv2d": lambda: on_maps(CONV()),
    "conv2d circular": lambda: on_maps(CONV(padding_mode="circular")),
    "conv1d in groups": lambda: on_steps(nn.Conv1d(4, 4, 3, padding=1, groups=2)),
    "conv transpose": lambda: on_maps(nn.ConvTranspose2d(4, 4, 3, padding=1)),
    "gru": lambda: on_steps(nn.GRU(4, 4, batch_first=True)),
    "lstm": lambda: on_steps(nn.LSTM(4, 2, batch_first=True, bidirectional=True)),
    "rnn": lambda: on_steps(nn.RNN(4, 4, num_layers=2, batch_first=True)),
    "gru cell": Cell,
    "attention": SelfAttention,
    "attention with bias_kv": lambda: SelfAttention(add_bias_kv=True, add_zero_attn=True),
    "scaled dot product": ScaledDotProduct,
    "transformer": lambda: on_steps(
        nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, batch_first=True)
    ),
    "batch norm": lambda: nn.BatchNorm1d(WIDTH),
    "batch norm 2d": lambda: on_maps(nn.BatchNorm2d(4)),
    "batch norm of cumulative mean": lambda: nn.BatchNorm1d(WIDTH, momentum=None),
    "batch norm without statistics": lambda: nn.BatchNorm1d(WIDTH, track_running_stats=False),
    "batch norm without scale": lambda: nn.BatchNorm1d(WIDTH, affine=False),
    "group norm": lambda: on_maps(nn.GroupNorm(2, 4)),
    "layer norm": lambda: nn.LayerNorm(WIDTH),
    "rms norm": lambda: nn.RMSNorm(WIDTH),
    "instance norm": lambda: on_maps(nn.InstanceNorm2d(4, affine=True)),
    "instance norm with statistics": lambda: on_maps(
        nn.InstanceNorm2d(4, track_running_stats=True)
    ),
    "embedding": Bins,
    "positions": Positions,
    "scale": Scale,
    "kept": Kept,
    "hooked": Hooked,
    "equalised": Equalised.applied,
    "cache": Cache,
    "own function": OwnFunction,
    "picked": Picked,
    "unused": Unused,
    "lists": Lists,
    "buffer": partial(Buffers, drawn=False, persistent=True),
    "drawn buffer": partial(Buffers, drawn=True, persistent=True),
    "non-persistent buffer": partial(Buffers, drawn=False, persistent=False),
    "moving mean": partial(MovingMean, in_place=True),
    "constants": Constants,
    "backbone": Backbone,
    "shared weight": SharedWeight,
    "shared transposed": SharedTransposed,
    "two names": TwoNames,
    "shared batch norm": SharedBatchNorm,
    "shared buffer": SharedBuffer,
    "shared across": SharedAcross,
    "shared kernel": SharedKernel,
    "spectral norm of old": lambda: nn.utils.spectral_norm(linear()),
    "spectral norm of old, conv": lambda: on_maps(nn.utils.spectral_norm(CONV())),
    "spectral norm": lambda: parametrizations.spectral_norm(linear()),
    "spectral norm, conv": lambda: on_maps(
        parametrizations.spectral_norm(CONV(), n_power_iterations=2)
    ),
    "weight norm": lambda: parametrizations.weight_norm(linear()),
    "orthogonal": lambda: parametrizations.orthogonal(linear()),
    "orthogonal, cayley": lambda: parametrizations.orthogonal(linear(), orthogonal_map="cayley"),
    "own parametrisation": own_parametrisation,
    "dropout": lambda: nn.Dropout(0.3),
    "dropout 2d": lambda: on_maps(nn.Dropout2d(0.3)),
    "noise": Noise,
    "prior": Prior,
    "drawn by numpy": partial(drawn_elsewhere, "numpy"),
    "drawn by python": partial(drawn_elsewhere, "python"),
}
"""What must be trained as torch alone would train it."""
REFUSED: dict[str, Callable[[], nn.Module]] = {
    "weight norm of old": lambda: nn.utils.weight_norm(linear()),
    "drawn slope": partial(DrawnChoice, "slope"),
    "drawn layer": partial(DrawnChoice, "layer"),
    "of the class": OfTheClass,
    **{
        f"plain {what}": partial(Plain, what)
        for what in (
            *("tensor", "tensor in list", "numpy", "number", "order", "function", "closure"),
            *("object", "bound method", "distribution"),
            *("modules in list", "modules in dict", "module in tuple", "parameters in list"),
        )
    },
}
"""What must be refused by name: a seed's own numbers lie where no state holds them."""
EITHER: dict[str, Callable[[], nn.Module]] = {
    "plain own layer": partial(Plain, "own layer"),
    "weight norm, recurrent": recurrent_weight_norm,
    "recomputed": Recomputed,
    "held in forward": partial(Held, "forward"),
    "held by a gradient hook": partial(Held, "gradient"),
    "held by a backward hook": partial(Held, "module"),
    "embedding of bounded norm": lambda: Bins(max_norm=0.5),
    "waves": Waves,
    "aliased": Aliased,
    "moving mean by assignment": partial(MovingMean, in_place=False),
    "plain moving mean": PlainMean,
    "drawn non-persistent buffer": partial(Buffers, drawn=True, persistent=False),
    "noise always": partial(Noise, always=True),
    "noise by numpy": partial(OtherNoise, "numpy"),
    "noise by python": partial(OtherNoise, "python"),
    "noise by own generator": partial(OtherNoise, "own"),
    "counting": Counting,
    "lazy": lambda: nn.LazyLinear(WIDTH),
}
"""What may be trained rightly or refused."""
BLOCKS = TRAINED | REFUSED | EITHER


class Squared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pairs = nn.Bilinear(4, 4, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.pairs(x[:, :4], x[:, 4:8])


def tie_parameters(one: nn.Module, other: nn.Module) -> None:
    """Give `other` the parameters of `one`, a module built alike."""
    for name, parameter in list(one.named_parameters(remove_duplicate=False)):
        owner, _, last = name.rpartition(".")
        setattr(other.get_submodule(owner), last, parameter)


def tie_buffers(one: nn.Module, other: nn.Module) -> None:
    """Give `other` the buffers of `one`, a module built alike."""
    for name, buffer in list(one.named_buffers(remove_duplicate=False)):
        owner, _, last = name.rpartition(".")
        setattr(other.get_submodule(owner), last, buffer)


TIES: dict[str, Callable[[nn.Module, nn.Module], None]] = {
    "parameters": tie_parameters,
    "buffers": tie_buffers,
}
"""Beside "module", the very same module twice."""
FREEZES: dict[str, Callable[[int, str], bool]] = {
    "nothing": lambda index, name: False,
    "first": lambda index, name: name.startswith("first."),
    "last": lambda index, name: name.startswith("last."),
    "blocks": lambda index, name: name.startswith("blocks."),
    "every other": lambda index, name: index % 2 == 0,
    "biases": lambda index, name: name.endswith("bias"),
    "everything": lambda index, name: True,
}


class Network(nn.Module):
    """Inputs [B, ...] -> the blocks -> outputs [B, num_outputs], or (outputs, features)."""

    def __init__(self, plan: dict[str, Any], num_inputs: int, num_outputs: int) -> None:
        super().__init__()
        self.features = bool(plan.get("features"))
        self.first = nn.Linear(num_inputs, WIDTH)
        blocks = [BLOCKS[kind]() for kind in plan["blocks"]]
        tie = plan.get("tie")
        if tie == "module":
            blocks.append(blocks[0])
        elif tie is not None:
            blocks.append(BLOCKS[plan["blocks"][0]]())
            TIES[tie](blocks[0], blocks[-1])
        self.blocks = nn.ModuleList(blocks)
        self.last = nn.Linear(WIDTH, num_outputs)
        for index, (name, parameter) in enumerate(list(self.named_parameters())):
            if FREEZES[plan.get("freeze", "nothing")](index, name):
                parameter.requires_grad_(False)

    def forward(self, inputs: Tensor) -> Any:
        hidden = torch.tanh(self.first(inputs.flatten(1)))
        for block in self.blocks:
            hidden = block(hidden)
        outputs = self.last(hidden)
        return (outputs, hidden) if self.features else outputs


def build(
    shape: tuple[int, ...],
    latent_dim: int,
    generator: dict[str, Any],
    discriminator: dict[str, Any],
) -> tuple[nn.Module, nn.Module]:
    size = math.prod(shape)
    return (
        nn.Sequential(
            Network({**generator, "features": False}, latent_dim, size),
            nn.Tanh(),
            nn.Unflatten(1, tuple(shape)),
        ),
        Network(discriminator, size, 1),
    )
