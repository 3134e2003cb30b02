"""The networks that train are the networks that were given: shared, frozen, drawn, registered in any way."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganstudy.trials.config.global_streams import IMPORT_SEED, kept_streams
from ganstudy.trials.config.plugins import load, register
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.ensemble import SeedEnsemble
from ganstudy.trials.ensemble.step_context import Batch, StepContext
from ganstudy.trials.ensemble.streams import derive
from ganstudy.trials.export import standalone
from ganstudy.trials.gan.own_networks import check_own_networks
from ganstudy.trials.gan.trainer import GanTrainer
from ganstudy.trials.training.trial import Trial

CPU = torch.device("cpu")
SHAPE, Z = (1, 8, 8), 5
HEAD = """
import random
import numpy as np
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

def D():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))

def G(last=nn.Tanh):
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 64), last(), nn.Unflatten(1, (1, 8, 8)))

class Around(nn.Module):
    def __init__(self):
        super().__init__()
        self.rest = G()
        self.begin()
"""
BUILD = "\ndef build(shape, latent_dim):\n    return {}, {}\n"


def around(begin: str, forward: str) -> str:
    """A generator that does something to its latents first."""
    text = f"{HEAD}    def begin(self):\n        {begin}\n    def forward(self, z):\n        {forward}\n"
    return text + BUILD.format("Around()", "D()")


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., TrialConfig]:
    def of(text: str, remedies: tuple[str, ...] = (), **changes: Any) -> TrialConfig:
        path = tmp_path / "gan.py"
        path.write_text(text)
        model = {"name": "gan.py:build", "digest": register(path), "latent_dim": Z}
        values: dict[str, Any] = {
            "data": {"name": "digits"},
            "model": model,
            "batch_size": 8,
            "lr_d": 1e-2,
            "lr_g": 1e-2,
            "seeds": [0, 7],
            "remedies": list(remedies),
            "remedy_options": {name: {} for name in remedies},
            "budget": {"unit": "generator_steps", "amount": 6},
            "evaluations": 2,
            "measures": {"game_steps": 0},
        }
        return TrialConfig(**(values | changes))

    return of


@pytest.fixture
def check(config) -> Callable[..., str]:
    return lambda text, **changes: check_own_networks(config(text, **changes), SHAPE, True)


def line(text: str, part: str) -> int:
    return next(number for number, each in enumerate(text.splitlines(), 1) if part in each)


# --- what trains, and is said to

TRAINS = {
    "plain": ("pass", "return self.rest(z)"),
    "shared weight": (
        "self.a, self.b = nn.Linear(5, 5), nn.Linear(5, 5); self.b.weight = self.a.weight",
        "return self.rest(self.b(torch.tanh(self.a(z))))",
    ),
    "shared across a parametrisation": (
        "self.a, self.b = weight_norm(nn.Linear(5, 5)), nn.Linear(5, 5); "
        "self.b.weight = self.a.parametrizations.weight.original1",
        "return self.rest(self.b(torch.tanh(self.a(z))))",
    ),
    "layer in two places": (
        "self.a = nn.Linear(5, 5); self.b = nn.Sequential(self.a, nn.BatchNorm1d(5), self.a)",
        "return self.rest(self.b(torch.tanh(self.a(z))))",
    ),
    "list of registered layers": (
        "self.a = nn.Linear(5, 5); self.layers = [self.a, nn.Tanh()]",
        "return self.rest(self.layers[1](self.layers[0](z)))",
    ),
    "frozen": (
        "self.a = nn.Linear(5, 5).requires_grad_(False)",
        "return self.rest(self.a(z))",
    ),
    "constant": ("self.a = torch.ones(5)", "return self.rest(z * self.a)"),
    "dropout": ("self.a = nn.Dropout(0.5)", "return self.rest(self.a(z))"),
    "noise of torch": ("pass", "return self.rest(z + torch.randn_like(z))"),
    "noise of numpy": ("pass", "return self.rest(z * float(np.random.rand()))"),
    "noise of python": ("pass", "return self.rest(z * random.random())"),
    "recurrent": (
        "self.a = nn.GRU(1, 5, batch_first=True)",
        "return self.rest(self.a(z[..., None])[0][:, -1])",
    ),
    "buffer moved by assignment": (
        "self.register_buffer('mean', torch.zeros(5))",
        "self.mean = self.mean + z.mean(0); return self.rest(z / (1 + self.mean.square()))",
    ),
    "kept activation": ("pass", "self.seen = z * 2; return self.rest(self.seen)"),
    "old spectral norm": (
        "self.a = nn.utils.spectral_norm(nn.Linear(5, 5))",
        "return self.rest(self.a(z))",
    ),
    "hook on the backward pass": (
        "self.a = nn.Linear(5, 5); self.a.register_full_backward_hook(lambda m, i, o: (i[0] / 2,))",
        "return self.rest(self.a(z + 0 * self.a.bias))",
    ),
    "clipped in forward": (
        "self.a = nn.Linear(5, 5)",
        "self.a.weight.data.clamp_(-0.1, 0.1); return self.rest(self.a(z))",
    ),
    "drawn by numpy": (
        "self.a = nn.Parameter(torch.from_numpy(np.random.randn(5)).float())",
        "return self.rest(z * self.a)",
    ),
    "single precision alone": ("pass", "return self.rest(z.float().to(z.dtype))"),
}


@pytest.mark.parametrize("kind", TRAINS)
def test_what_can_be_trained_is_said_to_train_as_alone(check, kind: str) -> None:
    said = check(around(*TRAINS[kind]))
    assert "alone as in an ensemble" in said and "\n" not in said
    assert ("1 shared kept" in said) == kind.startswith("shared")
    assert ("2 frozen unmoved" in said) == (kind == "frozen")


REFUSED = {
    "drawn plain tensor": ("self.matrix = torch.randn(5)", "return self.rest(z * self.matrix)"),
    "drawn number": ("self.gain = random.random()", "return self.rest(z * self.gain)"),
    "drawn array": (
        "self.gains = np.random.randn(5)",
        "return self.rest(z * torch.from_numpy(self.gains).to(z))",
    ),
    "layers in a list": (
        "self.layers = [nn.Linear(5, 5)]",
        "return self.rest(self.layers[0](z))",
    ),
    "parameter of zeros in a list": (
        "self.shifts = [nn.Parameter(torch.zeros(5))]",
        "return self.rest(z + self.shifts[0])",
    ),
    "parameter by another way": (
        "self.a = nn.Linear(5, 5); self.kernels = [self.a.weight]",
        "return self.rest(self.a(z) @ self.kernels[0])",
    ),
    "lambda over self": (
        "self.a = nn.Linear(5, 5); self.call = lambda z: self.a(z)",
        "return self.rest(self.call(z))",
    ),
    "count of calls": ("self.count = 0", "self.count += 1; return self.rest(z / self.count)"),
    "moving plain tensor": (
        "self.mean = torch.zeros(5)",
        "self.mean = self.mean + z.detach().mean(0); return self.rest(z - self.mean)",
    ),
    "own random generator": (
        "self.noise = torch.Generator()",
        "return self.rest(z + torch.randn(5, generator=self.noise).to(z))",
    ),
    "hook on a gradient": (
        "self.gain = nn.Parameter(torch.ones(5)); self.gain.register_hook(lambda g: g * 0)",
        "return self.rest(z * self.gain)",
    ),
    "of the class": (
        "type(self).matrix = torch.randn(5)",
        "return self.rest(z * self.matrix)",
    ),
    "drawn layer": (
        "self.layer = random.choice([nn.Tanh, nn.Sigmoid, nn.ReLU, nn.SiLU, nn.GELU])()",
        "return self.rest(self.layer(z))",
    ),
    "bounded embedding": (
        "self.parts = nn.Embedding(5, 5, max_norm=0.5)",
        "return self.rest(z @ self.parts(torch.arange(5)))",
    ),
    "memory of another": (
        "self.a = nn.Linear(5, 5); self.register_buffer('copy', self.a.weight.detach())",
        "return self.rest(self.a(z) @ self.copy)",
    ),
}


NAMES = {
    "lambda over self": "call",
    "memory of another": "copy",
    "parameter by another way": "kernels",
    "hook on a gradient": "gain",
    "of the class": "matrix",
}
"""What the message names; of the others, what is assigned last."""


@pytest.mark.parametrize("kind", REFUSED)
def test_what_would_train_wrongly_is_refused_by_name_and_line(check, kind: str) -> None:
    begin, forward = REFUSED[kind]
    text = around(begin, forward)
    name = NAMES.get(kind) or begin.split("self.")[-1].split(" ")[0]
    with pytest.raises(ValueError, match=name) as raised:
        check(text)
    assert str(raised.value).startswith(f"gan.py:{line(text, begin)}: "), kind


@pytest.mark.parametrize("seeds", [[0], [0, 7]])
def test_an_ensemble_refuses_by_itself(config, seeds: list[int]) -> None:
    kinds = ("parameter by another way", "lambda over self", "count of calls", "layers in a list")
    for kind in kinds:
        with pytest.raises(ValueError, match=r"^gan\.py:\d+: the generator "):
            GanTrainer(config(around(*REFUSED[kind]), seeds=seeds), SHAPE, True, CPU)


@pytest.mark.parametrize(
    ("networks", "told"),
    [
        (
            ("G()", "nn.Sequential(nn.Flatten(), nn.utils.weight_norm(nn.Linear(64, 1)))"),
            r"gan\.py:20: the discriminator uses torch\.nn\.utils\.weight_norm of layer 1.*"
            r"torch\.nn\.utils\.parametrizations\.weight_norm",
        ),
        (("G()", "Sigmoid()"), r"gan\.py:19: the discriminator must return logits, .* in \[0, 1\]"),
        (("G(nn.Sigmoid)", "D()"), r"gan\.py:19: the generator's images stay in \[0, 1\]"),
        (
            ("nn.Sequential(nn.ConvTranspose2d(5, 1, 8), nn.Tanh())", "D()"),
            r"gan\.py:19: .* nn\.Unflatten\(1, \(5, 1, 1\)\), or with z\[:, :, None, None\]",
        ),
        (("G()", "nn.Sequential(nn.Flatten(), nn.Linear(64, 1).requires_grad_(False))"), "no para"),
        (("BOTH[0]", "BOTH[1]"), "generator and discriminator must share no parameter.*0.weight"),
    ],
    ids=["old weight norm", "sigmoid", "unit images", "pixels", "all frozen", "both players"],
)
@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_other_refusals(check, networks: tuple[str, str], told: str) -> None:
    after = (
        "class Sigmoid(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.d = D()\n    def forward(self, x):\n        return torch.sigmoid(self.d(x))\n"
        "BOTH = (lambda g: (g, nn.Sequential(D(), g[0].requires_grad_())))(G())\n"
    )
    text = HEAD[: HEAD.index("class Around")] + "\n\n\n\n" + BUILD.format(*networks) + after
    with pytest.raises(ValueError, match=told):
        check(text)


def test_data_without_values_below_zero_may_have_such_a_generator(config) -> None:
    text = HEAD + "    def begin(self):\n        pass\n" + BUILD.format("G(nn.Sigmoid)", "D()")
    assert check_own_networks(config(text), SHAPE, False)


# --- against plain torch, and through everything that moves parameters


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 6)
        self.b.weight = self.a.weight
        self.c.bias.requires_grad_(False)
        self.again = self.c

    def forward(self, x: Tensor) -> Tensor:
        return self.again(torch.tanh(self.c(torch.tanh(self.b(torch.tanh(self.a(x)))))))


@pytest.mark.parametrize("mapped", [True, False])
def test_a_tied_and_frozen_network_trains_as_in_plain_torch(mapped: bool) -> None:
    ensemble = SeedEnsemble(Tied, [3, 4], "x", CPU, torch.zeros(7, 6))
    ensemble._mapped = mapped
    with kept_streams(derive(4, "initialisation", "x")):
        plain = Tied()
    optimisers = [
        torch.optim.Adam(values, 1e-2)
        for values in (
            ensemble.parameters.values(),
            filter(lambda p: p.requires_grad, plain.parameters()),
        )
    ]
    for step in range(5):
        x = torch.randn(2, 7, 6, generator=torch.Generator().manual_seed(step))
        losses = ensemble(x).square().sum(), plain(x[1]).square().sum()
        for loss, optimiser in zip(losses, optimisers, strict=True):
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    for name, value in plain.named_parameters(remove_duplicate=False):
        assert torch.allclose(ensemble.tensor(name)[1], value, atol=1e-5), name
    alone = ensemble.alone({name: value[1].detach() for name, value in ensemble.state().items()})
    assert alone.b.weight is alone.a.weight and alone.again is alone.c
    assert not alone.c.bias.requires_grad
    assert torch.allclose(alone(x[1]), plain(x[1]), atol=1e-5)
    assert all(value.device.type == "cpu" for value in alone.state_dict().values())


MASKED = around(
    "self.a = nn.Linear(5, 5).requires_grad_(False); "
    "self.register_buffer('mask', torch.full((5,), -torch.inf))",
    "return self.rest(self.a(z) + self.mask.exp())",
)
MOVERS: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    ((), {"loss": "wasserstein"}),
    (("generator_ema", "historical_averaging"), {}),
    (("optimistic_adam",), {}),
    (("extragradient",), {}),
    (
        ("spectral_normalisation",),
        {"remedy_options": {"spectral_normalisation": {"generator": True}}},
    ),
    (("unrolled_discriminator",), {"optimiser": "rmsprop"}),
]


@pytest.mark.parametrize(("remedies", "changes"), MOVERS)
def test_nothing_moves_what_is_frozen(
    config, remedies: tuple[str, ...], changes: dict[str, Any]
) -> None:
    text = MASKED.replace("nn.Linear(64, 8)", "nn.Linear(64, 8).requires_grad_(False)")
    trainer = GanTrainer(config(text, remedies, **changes), SHAPE, True, CPU)
    for ensemble in trainer.players.values():
        assert ensemble.frozen_names and not ensemble.frozen_names & ensemble.parameters.keys()
    before = {
        (player, name): ensemble.tensor(name).clone()
        for player, ensemble in trainer.players.items()
        for name in (*ensemble.frozen_names, *(n for n in ensemble.buffers if "mask" in n))
    }
    for step in range(3):
        context = StepContext("generator", step, 0.5, (0, 7), CPU)
        batch = Batch(torch.rand(2, 8, *SHAPE), torch.randn(2, 8, Z), context)
        trainer.discriminator_step(batch)
        trainer.generator_step(batch)
    for (player, name), value in before.items():
        assert torch.equal(trainer.players[player].tensor(name), value), (player, name)
    assert torch.isfinite(trainer.sample(torch.randn(2, 4, Z))).all()
    for remedy in trainer.remedies:
        _, buffers = remedy.sampling_state(trainer.generator) or ({}, {})
        for name in trainer.generator.frozen_names if buffers else ():
            assert torch.equal(buffers[name], before["generator", name])


def test_a_resumed_trial_goes_on_to_the_bit(config, digits_evaluator, tmp_path: Path) -> None:
    text = around(
        "self.a = nn.Linear(5, 5).requires_grad_(False); self.b = nn.Linear(5, 5); "
        "self.b.weight = self.rest[0].weight if False else self.b.weight; self.c = self.b",
        "return self.rest(self.c(self.b(self.a(z + float(np.random.rand())))))",
    )
    whole, stopped = (Trial(config(text), digits_evaluator) for _ in range(2))
    whole.advance(), whole.advance(), stopped.advance()
    stopped.save(tmp_path / "checkpoint")
    resumed = Trial(config(text), digits_evaluator)
    assert resumed.restore(tmp_path / "checkpoint")
    resumed.advance()
    for player, ensemble in whole.trainer.players.items():
        for name, value in ensemble.state().items():
            assert torch.equal(resumed.trainer.players[player].state()[name], value), name


def test_a_checkpoint_that_trained_frozen_parameters_is_refused(
    config, digits_evaluator, tmp_path: Path
) -> None:
    text = around("self.a = nn.Linear(5, 5)", "return self.rest(self.a(z))")
    trial = Trial(config(text), digits_evaluator)
    trial.advance()
    tensors, position = trial.tensors(), trial.position()
    frozen = Trial(config(text.replace("5)\n", "5).requires_grad_(False)\n", 1)), digits_evaluator)
    with pytest.raises(ValueError, match=r"moments of 6 parameters of the generator, and 4 are"):
        frozen.load(tensors, replace(position, config=frozen.config.digest))


# --- random numbers


def test_the_seed_decides_what_python_and_numpy_draw_and_nothing_outside_notices() -> None:
    def build() -> nn.Module:
        layer = nn.Linear(3, 3)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(np.random.randn(3, 3)))
            layer.bias.fill_(random.random())
        return layer

    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    first = SeedEnsemble(build, [0, 1], "x", CPU, torch.zeros(4, 3))
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert after == before
    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    again = SeedEnsemble(build, [1], "x", CPU, torch.zeros(4, 3))
    for name, value in first.parameters.items():
        assert torch.equal(value[1], again.parameters[name][0]) and not torch.equal(*value)


def test_what_a_file_draws_on_import_is_the_same_in_every_process(tmp_path: Path) -> None:
    assert derive(0, "data", "plugin") == IMPORT_SEED == standalone.IMPORT_SEED
    drawn = []
    for number in range(2):
        path = tmp_path / f"drawing{number}.py"
        path.write_text(
            f"{HEAD}\nDRAWN = [float(torch.rand(())), np.random.rand(), random.random()]\n"
            f"def build():  # {number}\n    return DRAWN\n"
        )
        torch.manual_seed(number)
        drawn.append(load(f"{path.name}:build", register(path))())
    assert drawn[0] == drawn[1]
