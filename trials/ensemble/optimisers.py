"""The players' optimisers, and steps that they would make, without making them.

The updates, with gradient g, step size lr and t counting from 1:

    sgd      theta - lr g
    rmsprop  v = beta2 v + (1 - beta2) g^2;  theta - lr g / (sqrt(v) + eps)          Hinton 2012, lecture 6e
    adam     m = beta1 m + (1 - beta1) g;  v as above;                               Kingma & Ba 2015, alg. 1
             theta - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.lane_options import Number, lane_number
from ganstudy.trials.ensemble.own_optimiser import OwnOptimiser
from ganstudy.trials.ensemble.step_context import Player

EPS = 1e-8
"""The default of torch and of Kingma & Ba for Adam; of rmsprop too, so that both read alike."""
TINY = 1e-24
"""Below this, the square root of a second moment has no useful derivative (at 0 it is infinite)."""


class StepNumbers(NamedTuple):
    """What decides the steps of one lane."""

    lr: float
    beta1: float
    beta2: float


def numbers_of_lanes(lanes: Sequence[TrialConfig], player: Player) -> list[StepNumbers]:
    """Return what decides the steps of `player` in each lane. lanes: its configuration each."""
    return [
        StepNumbers(lane.lr_d if player == "discriminator" else lane.lr_g, lane.beta1, lane.beta2)
        for lane in lanes
    ]


def build(
    config: TrialConfig,
    lr: float,
    values: Sequence[Tensor],
    of_lanes: Sequence[StepNumbers] = (),
) -> torch.optim.Optimizer:
    """Return the optimiser of one player over the parameters [S, ...] of all lanes.

    of_lanes: in place of the step size `lr` and the decays of `config`, those of every lane. All
    three work elementwise, so that the lanes stay apart; one of the user's own is made per lane.
    """
    if config.optimiser in config.own:
        same = StepNumbers(lr, config.beta1, config.beta2)
        return OwnOptimiser(
            config.own[config.optimiser], values, of_lanes or [same] * len(values[0])
        )
    if any(numbers != of_lanes[0] for numbers in of_lanes):
        kinds: dict[str, type[OptimiserOfLanes]] = {
            "adam": AdamOfLanes,
            "rmsprop": RMSpropOfLanes,
            "sgd": SGDOfLanes,
        }
        return kinds[config.optimiser](values, of_lanes)
    numbers = of_lanes[0] if of_lanes else StepNumbers(lr, config.beta1, config.beta2)
    return _of_all(config.optimiser, numbers, values)


def _of_all(kind: str, numbers: StepNumbers, values: Sequence[Tensor]) -> torch.optim.Optimizer:
    if kind == "adam":
        # capturable: the step may be captured in a CUDA graph; the fused update is the same.
        capturable = values[0].is_cuda
        betas = (numbers.beta1, numbers.beta2)
        return torch.optim.Adam(
            values, lr=numbers.lr, betas=betas, eps=EPS, fused=True, capturable=capturable
        )
    if kind == "rmsprop":
        return torch.optim.RMSprop(
            values, lr=numbers.lr, alpha=numbers.beta2, eps=EPS, foreach=True
        )
    return torch.optim.SGD(values, lr=numbers.lr, foreach=True)


class OptimiserOfLanes(torch.optim.Optimizer):
    """Optimiser whose lanes differ in step size or decays.

    Neighbours with the same numbers are stepped as one slice of the stack, by the very kernel that
    would step them alone, so that their numbers are those of the lanes alone to the bit. The state
    is that of torch's own optimiser: moments [S, ...], and one count of steps for all lanes.
    """

    moments: tuple[str, ...]
    """Names of the state's tensors [S, ...], as torch names them."""

    def __init__(self, values: Sequence[Tensor], of_lanes: Sequence[StepNumbers]) -> None:
        # torch keeps the counts of fused optimisers beside the parameters, on a GPU too.
        super().__init__(values, {"fused": True, "capturable": values[0].is_cuda})
        self.of_lanes = tuple(of_lanes)
        runs = [(numbers, len(list(run))) for numbers, run in groupby(of_lanes)]
        self._slices = tuple(numbers for numbers, _ in runs)
        self._sizes = [size for _, size in runs]

    def __getstate__(self) -> dict[str, object]:
        """Return all that a copy needs; torch's own leaves out what it does not know."""
        return {**super().__getstate__(), **vars(self)}

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Make one step of all lanes on the gradients of the parameters."""
        values = self.param_groups[0]["params"]
        for value in values:
            if self.moments and not self.state[value]:
                self.state[value] = {"step": torch.zeros((), device=value.device)} | {
                    name: torch.zeros_like(value) for name in self.moments
                }
        held = [self.state[value] for value in values]
        steps = [state["step"] for state in held] if self.moments else []
        if steps:
            torch._foreach_add_(steps, 1)
        stacks = [values, [value.grad for value in values]]
        stacks += [[state[name] for state in held] for name in self.moments]
        parts = [
            list(zip(*(value.split(self._sizes) for value in stack), strict=True))
            for stack in stacks
        ]
        for index, numbers in enumerate(self._slices):
            self._step([list(part[index]) for part in parts], steps, numbers)

    def _step(self, stacks: list[list[Tensor]], steps: list[Tensor], numbers: StepNumbers) -> None:
        """Step some lanes. stacks: parameters, gradients and moments; steps: counted already."""
        raise NotImplementedError


class AdamOfLanes(OptimiserOfLanes):
    """Adam whose lanes differ in step size or betas."""

    moments = ("exp_avg", "exp_avg_sq")

    def _step(self, stacks: list[list[Tensor]], steps: list[Tensor], numbers: StepNumbers) -> None:
        values, gradients, first, second = stacks
        torch._fused_adam_(
            values,
            gradients,
            first,
            second,
            [],
            steps,
            lr=numbers.lr,
            beta1=numbers.beta1,
            beta2=numbers.beta2,
            weight_decay=0.0,
            eps=EPS,
            amsgrad=False,
            maximize=False,
        )


class RMSpropOfLanes(OptimiserOfLanes):
    """RMSprop whose lanes differ in step size or decay."""

    moments = ("square_avg",)

    def _step(self, stacks: list[list[Tensor]], steps: list[Tensor], numbers: StepNumbers) -> None:
        values, gradients, second = stacks
        torch._foreach_mul_(second, numbers.beta2)
        torch._foreach_addcmul_(second, gradients, gradients, value=1 - numbers.beta2)
        roots = torch._foreach_sqrt(second)
        torch._foreach_add_(roots, EPS)
        torch._foreach_addcdiv_(values, gradients, roots, value=-numbers.lr)


class SGDOfLanes(OptimiserOfLanes):
    """Gradient descent whose lanes differ in step size."""

    moments = ()

    def _step(self, stacks: list[list[Tensor]], steps: list[Tensor], numbers: StepNumbers) -> None:
        values, gradients = stacks
        torch._foreach_add_(values, gradients, alpha=-numbers.lr)


class VirtualSteps:
    """Steps that an optimiser would make from its present state, without making them.

    Functions of values and gradients, differentiable where the gradients are. Neither the
    optimiser's parameters nor its moments change.
    """

    def __init__(self, optimiser: torch.optim.Optimizer) -> None:
        group = optimiser.param_groups[0]
        self._is_sgd = isinstance(optimiser, torch.optim.SGD | SGDOfLanes)
        self._is_adam = isinstance(optimiser, torch.optim.Adam | AdamOfLanes)
        self._numbers: tuple[StepNumbers, ...]
        if isinstance(optimiser, OptimiserOfLanes):
            self._numbers = optimiser.of_lanes
        else:
            betas = group["betas"] if self._is_adam else (0.0, group.get("alpha", 0.0))
            self._numbers = (StepNumbers(group["lr"], *betas),)
        # Before its first step an optimiser has no moments: they are zero.
        held = [optimiser.state.get(value, {}) for value in group["params"]]
        self._step = int(held[0]["step"]) if held[0] else 0
        second = "exp_avg_sq" if self._is_adam else "square_avg"
        zeros = [torch.zeros_like(value) for value in group["params"]]
        self._first = [state.get("exp_avg", zero) for state, zero in zip(held, zeros, strict=True)]
        self._second = [state.get(second, zero) for state, zero in zip(held, zeros, strict=True)]

    def _of_lanes(self, of: Callable[[StepNumbers], float], device: torch.device) -> Number:
        return lane_number([of(numbers) for numbers in self._numbers], device)

    def step(self, values: Sequence[Tensor], gradients: Sequence[Tensor]) -> list[Tensor]:
        """Return the values after one more step on `gradients`."""
        device = gradients[0].device
        lr = self._of_lanes(lambda numbers: numbers.lr, device)
        if self._is_sgd:
            return [
                value - _along(lr, value) * gradient
                for value, gradient in zip(values, gradients, strict=True)
            ]
        # New tensors at every step: the gradient of an unrolled step runs through the moments too.
        self._step += 1
        step = self._step
        beta2 = self._of_lanes(lambda numbers: numbers.beta2, device)
        # Differences from 1 in double precision: a beta2 of 0.999 has few digits in single.
        rest2 = self._of_lanes(lambda numbers: 1 - numbers.beta2, device)
        self._second = [
            _along(beta2, v) * v + _along(rest2, v) * g.square()
            for v, g in zip(self._second, gradients, strict=True)
        ]
        correction: Number = 1.0
        directions = list(gradients)
        if self._is_adam:
            beta1 = self._of_lanes(lambda numbers: numbers.beta1, device)
            rest1 = self._of_lanes(lambda numbers: 1 - numbers.beta1, device)
            self._first = [
                _along(beta1, m) * m + _along(rest1, m) * g
                for m, g in zip(self._first, gradients, strict=True)
            ]
            correction1 = self._of_lanes(lambda numbers: 1 - numbers.beta1**step, device)
            directions = [m / _along(correction1, m) for m in self._first]
            correction = self._of_lanes(lambda numbers: 1 - numbers.beta2**step, device)
        return [
            value
            - _along(lr, value)
            * direction
            / ((v / _along(correction, v)).clamp_min(TINY).sqrt() + EPS)
            for value, direction, v in zip(values, directions, self._second, strict=True)
        ]


def _along(number: Number, value: Tensor) -> Number:
    """Return one number per lane [S] so that it meets the lanes of `value` [S, ...]."""
    if not isinstance(number, Tensor):
        return number
    return number.reshape(-1, *[1] * (value.dim() - 1))
