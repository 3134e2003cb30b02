"""A user's own optimiser on stacked seeds: the numbers of the seeds alone, whatever it does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganstudy.trials.config import plugins
from ganstudy.trials.config.data import Ring
from ganstudy.trials.config.networks import MLP
from ganstudy.trials.config.own_parts import OwnPart
from ganstudy.trials.config.trial import Budget, TrialConfig
from ganstudy.trials.data import load
from ganstudy.trials.ensemble.own_optimiser import OwnOptimiser
from ganstudy.trials.losses.own import declared_part
from ganstudy.trials.training.own_parts import OwnPartError, rehearse_own_parts

FILE = """
import torch
from torch.optim import AdamW


class Whole(torch.optim.Optimizer):
    "Looks at whole matrices, counts in plain numbers, and changes its own rate."

    def __init__(self, params, lr, beta1=0.5):
        super().__init__(params, {"lr": lr, "beta1": beta1, "steps": 0})

    @torch.no_grad()
    def step(self, closure=None):
        group = self.param_groups[0]
        group["steps"] += 1
        group["lr"] *= 0.9
        for p in group["params"]:
            if p.grad is None:
                continue
            state = self.state[p]
            state["count"] = state.get("count", 0) + 1
            state["mean"] = state.get("mean", torch.zeros_like(p)) * group["beta1"] + p.grad
            state["norm"] = state["mean"].norm()
            p.sub_(state["mean"] / state["norm"].clamp_min(1e-8), alpha=group["lr"] / state["count"] ** 0.5)


class Forgetful(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})
        self.steps = 0

    @torch.no_grad()
    def step(self, closure=None):
        self.steps += 1
        for p in self.param_groups[0]["params"]:
            if p.grad is not None:
                p.sub_(p.grad, alpha=self.param_groups[0]["lr"] * self.steps)


class Fails(torch.optim.SGD):
    def step(self, closure=None):
        raise RuntimeError("no")


class Lists(torch.optim.SGD):
    def step(self, closure=None):
        for p in self.param_groups[0]["params"]:
            self.state[p]["history"] = [1, 2]


class Unlike(torch.optim.Optimizer):
    def __init__(self, params, rate):
        super().__init__(params, {"rate": rate})


class Needy(torch.optim.Optimizer):
    def __init__(self, params, lr, rho):
        super().__init__(params, {"lr": lr, "rho": rho})


class Anew(torch.optim.Optimizer):
    "Puts new tensors in place of its parameters."

    def __init__(self, params, lr, beta1):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for p in self.param_groups[0]["params"]:
            p.data = p - self.param_groups[0]["lr"] * p.grad


class Groups(torch.optim.SGD):
    def __init__(self, params, lr):
        first, *rest = params
        super().__init__([{"params": [first]}, {"params": rest}], lr)


class Growing(torch.optim.SGD):
    def step(self, closure=None):
        for p in self.param_groups[0]["params"]:
            self.state[p]["history"] = torch.zeros(1 if self.param_groups[0]["lr"] > 0.05 else 2)


def factory(params, lr):
    return torch.optim.SGD(params, lr)
"""
SHAPES = ((3, 4), (5,), ())
LANES = [(0.1, 0.5, 0.9), (0.02, 0.5, 0.9), (0.1, 0.0, 0.99)]
Reference = Callable[[str], OwnPart]


@pytest.fixture
def part(tmp_path: Path) -> Reference:
    (tmp_path / "own.py").write_text(FILE)
    digest = plugins.register(tmp_path / "own.py")
    return lambda name: declared_part(f"own.py:{name}", digest)


def stacks(seed: int) -> list[Tensor]:
    stream = torch.Generator().manual_seed(seed)
    return [torch.randn(len(LANES), *shape, generator=stream) for shape in SHAPES]


def train(optimiser: OwnOptimiser, values: list[Tensor], steps: range) -> None:
    for step in steps:
        for value, gradient in zip(values, stacks(100 + step), strict=True):
            value.grad = gradient + value.detach()
        optimiser.step()


def alone(name: str, lane: int, steps: int) -> list[Tensor]:
    """The lane's values trained by the class itself, without anything of ganstudy's."""
    scope: dict[str, Any] = {}
    exec(FILE, scope)
    parameters = [nn.Parameter(value[lane].clone()) for value in stacks(0)]
    lr, beta1, beta2 = LANES[lane]
    betas = {"betas": (beta1, beta2)} if name == "AdamW" else {"beta1": beta1}
    optimiser = scope[name](parameters, lr=lr, **betas)
    for step in range(steps):
        for parameter, gradient in zip(parameters, stacks(100 + step), strict=True):
            parameter.grad = gradient[lane] + parameter.detach()
        optimiser.step()
    return [parameter.detach() for parameter in parameters]


@pytest.mark.parametrize("name", ["Whole", "AdamW", "Anew"])
def test_every_lane_is_what_it_is_alone(part: Reference, name: str) -> None:
    values = [value.requires_grad_() for value in stacks(0)]
    train(OwnOptimiser(part(name), values, LANES), values, range(5))
    for lane in range(len(LANES)):
        for value, expected in zip(values, alone(name, lane, 5), strict=True):
            assert torch.equal(value[lane], expected)


def test_it_steps_the_values_as_they_are_now(part: Reference) -> None:
    """A restored checkpoint and a copy of the players have values in other memory."""
    values = [value.requires_grad_() for value in stacks(0)]
    optimiser = OwnOptimiser(part("Anew"), values, LANES)
    for moved in stacks(7), stacks(8):
        for value, other in zip(values, moved, strict=True):
            value.data = other.clone()
        train(optimiser, values, range(1))
        for value, other, gradient in zip(values, moved, stacks(100), strict=True):
            for lane, (lr, *_) in enumerate(LANES):
                expected = other[lane] - lr * (gradient[lane] + other[lane])
                torch.testing.assert_close(value.detach()[lane], expected)


@pytest.mark.parametrize("name", ["Whole", "AdamW"])
def test_lanes_go_on_from_a_checkpoint_in_another_pack(part: Reference, name: str) -> None:
    values = [value.requires_grad_() for value in stacks(0)]
    first = OwnOptimiser(part(name), values, LANES)
    train(first, values, range(3))
    kept = first.state_dict()["state"]
    assert all(len(value) == len(LANES) for held in kept.values() for value in held.values())
    # The last two lanes go on by themselves, as after a division.
    rest = [value.detach()[1:].clone().requires_grad_() for value in values]
    second = OwnOptimiser(part(name), rest, LANES[1:])
    divided = {
        index: {each: value[1:].clone() for each, value in held.items()}
        for index, held in kept.items()
    }
    second.load_state_dict({**second.state_dict(), "state": divided})
    for step in range(3, 5):
        for value, gradient in zip(rest, stacks(100 + step), strict=True):
            value.grad = gradient[1:] + value.detach()
        second.step()
    for lane in (1, 2):
        for value, expected in zip(rest, alone(name, lane, 5), strict=True):
            assert torch.equal(value[lane - 1], expected)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Unlike", r"own\.py:\d+: Unlike must take the step size as lr, and takes rate"),
        ("Needy", r"own\.py:\d+: Needy needs a default for rho"),
        ("factory", r"factory must be a class on Loss or Remedy .*or on torch\.optim\.Optimizer"),
    ],
)
def test_refused_where_the_study_is_read(part: Reference, name: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        part(name)


def test_mistakes_are_told_by_line(part: Reference) -> None:
    values = [value.requires_grad_() for value in stacks(0)]
    with pytest.raises(ValueError, match=r"own\.py:\d+: Fails fails in a step: RuntimeError: no"):
        train(OwnOptimiser(part("Fails"), values, LANES), values, range(1))
    with pytest.raises(
        ValueError, match=r"own\.py:\d+: Groups must keep its parameters in one group"
    ):
        OwnOptimiser(part("Groups"), values, LANES)
    growing = OwnOptimiser(part("Growing"), values, LANES)
    train(growing, values, range(1))
    with pytest.raises(ValueError, match="Growing keeps history of unlike shapes for its seeds"):
        growing.state_dict()
    lists = OwnOptimiser(part("Lists"), values, LANES)
    train(lists, values, range(1))
    with pytest.raises(ValueError, match="Lists keeps history, a list: a state is made of tensors"):
        lists.state_dict()


def test_a_study_tries_it_before_it_starts(part: Reference) -> None:
    def config(name: str) -> TrialConfig:
        made = part(name)
        return TrialConfig(
            data=Ring(),
            model=MLP(width=4, depth=1),
            own={made.name: made},
            optimiser=made.name,
            batch_size=4,
            seeds=(0, 1),
            budget=Budget(unit="generator_steps", amount=4),
            evaluations=1,
        )

    dataset = load(Ring())
    for name in ("Whole", "AdamW"):
        rehearse_own_parts(config(name), dataset)
    told = r"own\.py:\d+: after an interruption Forgetful trains to other numbers .*self\.state"
    with pytest.raises(OwnPartError, match=told):
        rehearse_own_parts(config("Forgetful"), dataset)
