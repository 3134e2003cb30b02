"""Networks of any build train as torch alone trains them, or are refused by name.

A pair of networks is drawn from the grammar of network_grammar.py, as a plan that fits a study file. What the
ensemble makes of it is held to a plain torch loop: `PlainGan` below builds the networks under the seed in the ordinary
way, and trains them by torch.optim, backward() and nothing of ours but the random streams.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ganstudy.trials.config.plugins import load, register
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.ensemble import SeedEnsemble
from ganstudy.trials.ensemble.step_context import Batch, Player, StepContext
from ganstudy.trials.ensemble.streams import derive
from ganstudy.trials.ensemble.streams import generator as stream
from ganstudy.trials.export import standalone
from ganstudy.trials.export.export import trained_generators
from ganstudy.trials.gan.own_networks import check_own_networks
from ganstudy.trials.gan.trainer import GanTrainer
from ganstudy.trials.training.trial import Trial

pytestmark = pytest.mark.filterwarnings(
    "ignore:There is a performance drop:UserWarning",  # of vmap, for weight_norm
    "ignore:.*weight_norm.* is deprecated:FutureWarning",
    "ignore:Lazy modules are a new feature:UserWarning",
)

FILE = Path(__file__).with_name("network_grammar.py")
DIGEST = register(FILE)
build: Callable[..., tuple[nn.Module, nn.Module]] = load("network_grammar.py:build", DIGEST)
grammar = sys.modules[build.__module__]

CPU = torch.device("cpu")
PLAYERS: tuple[Player, Player] = ("discriminator", "generator")
SHAPE, LATENT, BATCH, STEPS = (2,), 3, 6, 5
SEEDS = (3, 11)
LANE = 1
"""The seed of SEEDS that is looked at."""
RATE = 1e-3
TOLERANCE = 1e-6
"""Largest difference after STEPS, in units of the largest number or of 1, in double precision.

One operation in another order rounds to 1e-16, which normalisation of nearly equal numbers carries up to 1e-13. Adam
divides by sqrt(v) + 1e-8: where a gradient is 0 but for rounding (a bias before batch normalisation), that becomes a
step of 1e-3 * 1e-5 = 1e-8. What is not trained as given differs by 1e-4 and more.
"""
EXACT = 1e-9
"""The same before any step, where only the rounding counts."""
SINGLE = 1e-5
"""In single precision, of samples alone: stacked matrices are multiplied in another order."""
FURTHER = 1e-4
"""Of outputs and gradients of networks that differ by TOLERANCE."""
START = "at the start"
ELSEWHERE = ("drawn by numpy", "drawn by python")
"""Initial values from where torch's seed does not reach: compared from the ensemble's own start."""
UNRULY = ("noise by numpy", "noise by python", "noise by own generator", "lazy")
"""Where trained at all, not comparable with a plain loop, whose random numbers would be others."""

Plans = dict[Player, dict[str, Any]]


# --- the same GAN as everyone writes it


class PlainGan:
    """One seed: no stacking, no vmap, no functional calls."""

    def __init__(self, plans: Plans, seed: int) -> None:
        self.seed = seed
        self.networks: dict[Player, nn.Module] = {}
        for place, player in enumerate(("generator", "discriminator")):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(derive(seed, "initialisation", player))
                self.networks[player] = build(SHAPE, LATENT, **plans)[place]
        self.optimisers = {
            player: torch.optim.Adam(trained, RATE, (0.5, 0.999), foreach=False)
            if (trained := [p for p in network.parameters() if p.requires_grad])
            else None
            for player, network in self.networks.items()
        }
        self.position = dict.fromkeys(PLAYERS, (0, 0))

    def __call__(self, player: Player, inputs: Tensor) -> Tensor:
        """The images, or the logits [B]; random numbers of a pass come from its position."""
        step, calls = self.position[player]
        self.position[player] = (step, calls + 1)
        with torch.random.fork_rng(devices=[]):
            # The CPU's own stream: torch.manual_seed does the same, thirty times as slowly.
            torch.default_generator.manual_seed(derive(self.seed, "forward", player, step, calls))
            outputs = self.networks[player](inputs)
        outputs = outputs[0] if isinstance(outputs, tuple) else outputs
        return outputs if player == "generator" else outputs.flatten()

    def begin_step(self, step: int) -> None:
        self.position = dict.fromkeys(PLAYERS, (step, 0))

    def train(self, steps: int = STEPS) -> None:
        for step in range(steps):
            for player in PLAYERS:
                self.begin_step(2 * step + (player == "generator"))
                real, latents = batch_of(self.seed, player, step)
                fake = self("generator", latents)
                if player == "discriminator":
                    loss = F.softplus(-self(player, real)).mean()
                    loss = loss + F.softplus(self(player, fake.detach())).mean()
                else:
                    loss = F.softplus(-self("discriminator", fake)).mean()
                optimiser = self.optimisers[player]
                if optimiser is not None:
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()


def batch_of(seed: int, player: str, step: int) -> tuple[Tensor, Tensor]:
    """Real points and latents of one step of one seed."""
    drawn = stream(seed, "batch", player, step)
    return torch.randn(BATCH, *SHAPE, generator=drawn), torch.randn(BATCH, LATENT, generator=drawn)


# --- the ensemble


def config(plans: Plans, seeds: tuple[int, ...] = SEEDS, **changes: Any) -> TrialConfig:
    values: dict[str, Any] = {
        "data": {"name": "ring"},
        "model": {
            "name": "network_grammar.py:build",
            "digest": DIGEST,
            "latent_dim": LATENT,
            "options": plans,
        },
        "batch_size": BATCH,
        "lr_d": RATE,
        "lr_g": RATE,
        "seeds": seeds,
        "budget": {"unit": "generator_steps", "amount": 2 * STEPS},
        "evaluations": 1,
        "measures": {"game_steps": 0},
    }
    return TrialConfig(**(values | changes))


def trainer_of(plans: Plans, seeds: tuple[int, ...], loop: bool = False, **changes: Any):
    trainer = GanTrainer(config(plans, seeds, **changes), SHAPE, False, CPU)
    if loop:
        for ensemble in trainer.players.values():
            ensemble._mapped = False
    return trainer


def train(trainer: GanTrainer, steps: int = STEPS) -> None:
    for step in range(steps):
        for player in PLAYERS:
            seeds = trainer.config.seeds
            parts = [batch_of(seed, player, step) for seed in seeds]
            real, latents = (torch.stack(part) for part in zip(*parts, strict=True))
            batch = Batch(real, latents, StepContext(player, step, 0.5, seeds, CPU))
            getattr(trainer, f"{player}_step")(batch)


def lane(ensemble: SeedEnsemble, index: int) -> dict[str, Tensor]:
    """Parameters and buffers of one seed by the names of the user's network, copied."""
    return {
        name.removeprefix("network."): value[index].detach().clone()
        for name, value in ensemble.state().items()
    }


def called(ensemble: SeedEnsemble, inputs: Tensor, **options: Any) -> Tensor:
    """Images or logits of all seeds for the same inputs, at a fixed position of the streams."""
    ensemble.begin_step(0)
    outputs = ensemble(torch.stack([inputs] * len(ensemble.seeds)), **options)
    return outputs[0] if isinstance(outputs, tuple) else outputs


class OnMeta(TorchDispatchMode):
    """Notes the operations that read a tensor without values."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for value in tree_leaves((args, kwargs or {})):
            if isinstance(value, Tensor) and value.is_meta:
                self.operations.add(str(func))
        return func(*args, **(kwargs or {}))


# --- what is compared


def named(network: nn.Module, name: str) -> Tensor:
    owner, _, last = name.rpartition(".")
    return getattr(network.get_submodule(owner), last)


def tied_names(network: nn.Module) -> list[list[str]]:
    """Names of parameters and buffers by the tensor that they are names of; two and more each."""
    groups: dict[int, list[str]] = {}
    for name, value in (
        *network.named_parameters(remove_duplicate=False),
        *network.named_buffers(remove_duplicate=False),
    ):
        groups.setdefault(id(value), []).append(name)
    return [names for names in groups.values() if len(names) > 1]


def apart(found: Tensor, expected: Tensor) -> float:
    """Largest difference, in units of the largest number or of 1."""
    if found.shape != expected.shape:
        return float("inf")
    if not found.numel():
        return 0.0
    found, expected = (
        value.detach() if value.is_complex() else value.detach().double()
        for value in (found, expected)
    )
    largest = max(1.0, float(expected.abs().max()))
    difference = float((found - expected).abs().max()) / largest
    return difference if difference == difference else float("inf")


def differing(found: dict[str, Tensor], expected: Callable[[str], Tensor], bound: float) -> str:
    """The name that differs most, with its difference, or "" where none passes the bound."""
    worst = max(
        ((apart(value, expected(name)), name) for name, value in found.items()), default=(0.0, "")
    )
    return f"{worst[1]} differs by {worst[0]:.2g}" if worst[0] > bound else ""


def faults(plans: Plans) -> list[str]:
    """What the ensemble makes of these networks that torch alone does not; empty: nothing.

    Raises ValueError where the networks are refused.
    """
    kinds = {kind for plan in plans.values() for kind in plan["blocks"]}
    pack, alone = trainer_of(plans, SEEDS), trainer_of(plans, SEEDS[LANE:])
    # What vmap cannot take is a loop already.
    mapped = any(ensemble.fallback is None for ensemble in pack.players.values())
    loop = trainer_of(plans, SEEDS, loop=True) if mapped else pack
    plain = None if kinds & set(UNRULY) else PlainGan(plans, SEEDS[LANE])
    if plain is not None and kinds & set(ELSEWHERE):
        for player, network in plain.networks.items():
            with torch.no_grad():
                for name, value in lane(pack.players[player], LANE).items():
                    named(network, name).copy_(value)
    found: list[str] = []

    def compare(when: str, bound: float) -> None:
        for player in PLAYERS:
            packed = lane(pack.players[player], LANE)
            others = {
                "alone": lane(alone.players[player], 0),
                "in the loop": lane(loop.players[player], LANE),
            }
            for what, other in others.items():
                if told := differing(packed, other.__getitem__, bound):
                    found.append(f"{when}, pack against {what}, {player}: {told}")
            if plain is not None:
                network = plain.networks[player]
                if told := differing(packed, lambda name: named(network, name), bound):  # noqa: B023
                    found.append(f"{when}, pack against plain torch, {player}: {told}")

    compare(START, 0.0)
    starts = {player: lane(pack.players[player], LANE) for player in PLAYERS}
    for player in PLAYERS:
        if plain is not None:
            found += unlike_plain(pack.players[player], plain, player)
            found += unlike_evaluated(pack.players[player], plain, player, START)
        found += unlike_alone(pack, alone, player)
    plain_starts = None
    if plain is not None:
        plain_starts = {
            player: {name: value.detach().clone() for name, value in all_tensors(network)}
            for player, network in plain.networks.items()
        }
    for each in dict.fromkeys((pack, alone, loop)):
        train(each)
    if plain is not None:
        plain.train()
    compare(f"after {STEPS} steps", TOLERANCE)
    if not bool(pack.finite().all()):
        found.append("finite() is False")
    for player in PLAYERS:
        if plain is not None:
            found += unlike_evaluated(pack.players[player], plain, player, "afterwards")
            still = unmoved(plain.networks[player], plain_starts[player])
            after = lane(pack.players[player], LANE)
            found += [
                f"{player}: {name} must not move, and moved by {apart(after[name], before):.2g}"
                for name, before in starts[player].items()
                if name in still and not torch.equal(before, after[name])
            ]
        found += unlike_twice(pack.players[player], player)
        found += untied(pack.players[player], build_one(plans, player), player)
    return found


def build_one(plans: Plans, player: Player) -> nn.Module:
    return build(SHAPE, LATENT, **plans)[player == "discriminator"]


def all_tensors(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from network.named_parameters(remove_duplicate=False)
    yield from network.named_buffers(remove_duplicate=False)


def unmoved(network: nn.Module, start: dict[str, Tensor]) -> set[str]:
    """Names of what plain torch has left as it was, to the bit, and of frozen parameters."""
    return {
        name
        for name, value in all_tensors(network)
        if torch.equal(value, start[name])
        or (isinstance(value, nn.Parameter) and not value.requires_grad)
    }


def inputs_of(player: Player) -> Tensor:
    real, latents = batch_of(0, player, -1)
    return latents if player == "generator" else real


def unlike_plain(ensemble: SeedEnsemble, plain: PlainGan, player: Player) -> list[str]:
    """Outputs and gradients of a lane against the plain network's, as in training."""
    found, network, inputs = [], plain.networks[player], inputs_of(player)
    kept = {id(named(network, name)) for name in lane(ensemble, LANE)}
    missing = [name for name, value in all_tensors(network) if id(value) not in kept]
    if missing:
        found.append(f"{player}: not in the state: {missing}")
    trained = {
        name.removeprefix("network."): value
        for name, value in ensemble.parameters.items()
        if value.requires_grad
    }
    frozen = [name for name in trained if not named(network, name).requires_grad]
    if frozen:
        found.append(f"{player}: trains what is frozen: {frozen}")
    names = [name for name in trained if name not in frozen]
    options: dict[str, Any] = {"allow_unused": True, "materialize_grads": True}
    with OnMeta() as on_meta:
        outputs = called(ensemble, inputs, keep_buffers=True)
        gradients = torch.autograd.grad(
            outputs.square().sum(), [trained[name] for name in names], **options
        )
    if on_meta.operations:
        found.append(f"{player}: read on meta by {sorted(on_meta.operations)}")
    before = {name: value.detach().clone() for name, value in network.named_buffers()}
    plain.begin_step(0)
    expected = plain(player, inputs)
    plain_gradients = torch.autograd.grad(
        expected.square().sum(), [named(network, name) for name in names], **options
    )
    with torch.no_grad():
        for name, value in before.items():
            named(network, name).copy_(value)  # by name: a pass may have given it a new tensor
    if (difference := apart(outputs[LANE], expected)) > EXACT:
        found.append(f"{player}: outputs differ from plain torch by {difference:.2g}")
    for name, ours, theirs in zip(names, gradients, plain_gradients, strict=True):
        if (difference := apart(ours[LANE], theirs)) > EXACT:
            found.append(f"{player}: gradient of {name} differs by {difference:.2g}")
    return found


@torch.no_grad()
def unlike_evaluated(
    ensemble: SeedEnsemble, plain: PlainGan, player: Player, when: str
) -> list[str]:
    """Outputs in evaluation, of the ensemble and of the ordinary module that is exported."""
    bound = EXACT if when == START else FURTHER
    found, network, inputs = [], plain.networks[player], inputs_of(player)
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    plain.begin_step(0)
    expected = plain(player, inputs)
    for module, mode in modes:
        module.training = mode
    single = ensemble.alone({name: value[LANE] for name, value in ensemble.state().items()})
    with OnMeta() as on_meta, torch.random.fork_rng(devices=[]):
        together = called(ensemble, inputs, evaluate=True)[LANE]
        torch.manual_seed(derive(SEEDS[LANE], "forward", player, 0, 0))
        outputs = single(inputs)
    if on_meta.operations:
        found.append(f"{player}: read on meta in evaluation by {sorted(on_meta.operations)}")
    outputs = outputs[0] if isinstance(outputs, tuple) else outputs
    for what, value in (("ensemble", together), ("network alone", outputs)):
        if (difference := apart(value, expected)) > bound:
            found.append(f"{when}, {player}: the {what} in evaluation differs by {difference:.2g}")
    return found


def unlike_alone(pack: GanTrainer, alone: GanTrainer, player: Player) -> list[str]:
    """Outputs and gradients of a lane against those of an ensemble of that seed alone."""
    inputs, results = inputs_of(player), []
    for trainer, index in ((pack, LANE), (alone, 0)):
        ensemble = trainer.players[player]
        outputs = called(ensemble, inputs, keep_buffers=True)
        trained = [value for value in ensemble.parameters.values() if value.requires_grad]
        gradients = torch.autograd.grad(
            outputs.square().sum(), trained, allow_unused=True, materialize_grads=True
        )
        results.append([outputs[index], *(gradient[index] for gradient in gradients)])
    worst = max(apart(ours, theirs) for ours, theirs in zip(*results, strict=True))
    return [f"{player}: outputs or gradients alone differ by {worst:.2g}"] if worst > EXACT else []


def unlike_twice(ensemble: SeedEnsemble, player: Player) -> list[str]:
    """Two calls at one position give the same, and leave no trace in the state."""
    before = lane(ensemble, LANE)
    with torch.no_grad():
        first, second = (called(ensemble, inputs_of(player), evaluate=True) for _ in range(2))
    told = differing(lane(ensemble, LANE), before.__getitem__, 0.0)
    found = [f"{player}: a call in evaluation moves the state: {told}"] if told else []
    return found if torch.equal(first, second) else [*found, f"{player}: two calls differ"]


def untied(ensemble: SeedEnsemble, network: nn.Module, player: Player) -> list[str]:
    """What was one tensor is one tensor in the network alone, and equal under all its names."""
    single = ensemble.alone({name: value[LANE] for name, value in ensemble.state().items()})
    single = single.network if player == "discriminator" else single
    state, found = lane(ensemble, LANE), []
    for names in tied_names(network):
        if len({id(named(single, name)) for name in names}) > 1:
            found.append(f"{player}: no longer shared by the network alone: {names}")
        held = [state[name] for name in names if name in state]
        if any(not torch.equal(held[0], other) for other in held[1:]):
            found.append(f"{player}: no longer equal: {names}")
    return found


# --- refusals


def refused(plans: Plans) -> str | None:
    """Why these networks are refused, or None where they are trained as given.

    Fails where they are neither.
    """
    with double():
        try:
            found = faults(plans)
        except ValueError as error:
            if not told_with_line(str(error)):
                raise
            return str(error)
    assert found == [], "\n".join([str(plans), *found])
    return None


def told_with_line(told: str) -> bool:
    """Whether a message is one line that names file and line."""
    return bool(re.match(r"network_grammar\.py:\d+: ", told)) and len(told.splitlines()) == 1


@contextmanager
def double() -> Iterator[None]:
    """Double precision, in which rounding and a fault are far apart."""
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def pair(*blocks: str, **more: Any) -> Plans:
    """The same plan for both players."""
    return {player: {"blocks": list(blocks), **more} for player in PLAYERS}


PARTLY = [freeze for freeze in grammar.FREEZES if freeze != "everything"]

# --- every kind alone


KINDS = [*grammar.TRAINED]
HALF = (len(KINDS) + 1) // 2


@pytest.mark.parametrize(
    ("generator", "discriminator"),
    list(zip(KINDS, KINDS[HALF:] + KINDS[:HALF], strict=True))[:HALF],
)
def test_every_kind_trains_as_torch_alone_trains_it(generator: str, discriminator: str) -> None:
    plans = {"generator": {"blocks": [generator]}, "discriminator": {"blocks": [discriminator]}}
    assert refused(plans) is None


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_trains_as_torch_alone_trains_it_in_both_players(kind: str) -> None:
    assert refused(pair(kind)) is None


def refused_before_training(plans: Plans) -> str:
    """The message of what `ganstudy check` and `run` do with own networks before any training."""
    with double(), pytest.raises(ValueError, match=r"^network_grammar\.py:\d+: ") as refusal:
        check_own_networks(config(plans, (0,)), SHAPE, False)
    return str(refusal.value)


@pytest.mark.parametrize("player", PLAYERS)
@pytest.mark.parametrize("kind", grammar.REFUSED)
def test_what_no_state_holds_is_refused_by_name(kind: str, player: Player) -> None:
    plans = pair("linear") | {player: {"blocks": [kind]}}
    # A number that a class holds changes with the next network that is built, which one ensemble
    # cannot see.
    told = refused_before_training(plans) if kind == "of the class" else refused(plans)
    assert told is not None, "accepted"
    assert ("weight_norm" if "weight norm" in kind else "hidden") in told, told


def chosen(seed: int) -> type:
    """The kind of the layer that a seed's generator draws."""
    network = PlainGan(pair("drawn layer"), seed).networks["generator"]
    return type(network.get_submodule("0.blocks.0.hidden"))


AGREEING = [seed for seed in range(12) if chosen(seed) is chosen(0)]
UNLIKE = next(seed for seed in range(12) if chosen(seed) is not chosen(0))


@pytest.mark.parametrize(
    ("kind", "seeds"),
    [
        ("plain tensor", (0,)),
        ("plain tensor", tuple(AGREEING[:3])),
        ("drawn layer", (AGREEING[0], UNLIKE, AGREEING[1])),
    ],
    ids=str,
)
def test_seeds_that_happen_to_agree_hide_nothing(kind: str, seeds: tuple[int, ...]) -> None:
    """An export is built anew, and a seed in the middle may be unlike the first and the last."""
    plans = pair("linear") | {"generator": {"blocks": [kind]}}
    with double(), pytest.raises(ValueError, match=r"^network_grammar\.py:\d+: .*hidden"):
        trainer_of(plans, seeds)


def test_a_choice_is_refused_whatever_the_one_seed_chose() -> None:
    plans = pair("linear") | {"generator": {"blocks": ["drawn layer"]}}
    assert "hidden" in refused_before_training(plans)


@pytest.mark.parametrize("kind", grammar.EITHER)
def test_what_is_doubtful_trains_as_torch_alone_or_is_refused(kind: str) -> None:
    refused(pair(kind))


@pytest.mark.parametrize(
    ("tie", "freeze"), list(zip(["module", *grammar.TIES] * 2, PARTLY, strict=True))
)
def test_what_is_frozen_or_tied_stays_so(tie: str, freeze: str) -> None:
    assert refused(pair("batch norm", "linear", tie=tie, freeze=freeze)) is None


@pytest.mark.parametrize("player", PLAYERS)
def test_a_player_of_whom_nothing_is_trained_stays_or_is_refused(player: Player) -> None:
    """The other one trains on."""
    refused(pair("linear", "batch norm") | {player: {"blocks": ["lists"], "freeze": "everything"}})


# --- drawn

SHARED: dict[str, Any] = {
    "tie": st.sampled_from([None, "module", *grammar.TIES]),
    "freeze": st.sampled_from(PARTLY),
    "features": st.booleans(),
}


def plans_of(kinds: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    blocks = st.lists(st.sampled_from(kinds), min_size=1, max_size=3)
    return st.fixed_dictionaries({"blocks": blocks, **SHARED})


TRAINED = plans_of([*grammar.TRAINED])
ANY = plans_of([*grammar.TRAINED, *grammar.EITHER, *grammar.REFUSED])
LIMITS: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
NUM_FEW, NUM_TRAINED, NUM_ANY, NUM_EXHAUSTIVE = 8, 60, 30, 1000
"""Pairs that are drawn by the default suite, by the slow tests (of kinds that must train, and of any
kind) and by the exhaustive ones."""


@settings(**LIMITS, derandomize=True, max_examples=NUM_FEW, phases=[Phase.generate])
@given(generator=TRAINED, discriminator=TRAINED)
def test_a_few_drawn_networks_train_as_torch_alone_trains_them(generator, discriminator) -> None:
    assert refused({"generator": generator, "discriminator": discriminator}) is None


@pytest.mark.slow
@settings(**LIMITS, derandomize=True, max_examples=NUM_TRAINED, phases=[Phase.generate])
@given(generator=TRAINED, discriminator=TRAINED)
def test_drawn_networks_train_as_torch_alone_trains_them(generator, discriminator) -> None:
    assert refused({"generator": generator, "discriminator": discriminator}) is None


@pytest.mark.slow
@settings(**LIMITS, derandomize=True, max_examples=NUM_ANY, phases=[Phase.generate])
@given(generator=ANY, discriminator=ANY)
def test_drawn_networks_of_any_kind_train_or_are_refused(generator, discriminator) -> None:
    refused({"generator": generator, "discriminator": discriminator})


@pytest.mark.slow
@pytest.mark.exhaustive
@settings(**LIMITS, max_examples=NUM_EXHAUSTIVE)
@given(generator=ANY, discriminator=ANY)
def test_a_thousand_drawn_pairs_train_or_are_refused(generator, discriminator) -> None:
    kinds = {*generator["blocks"], *discriminator["blocks"]}
    told = refused({"generator": generator, "discriminator": discriminator})
    assert told is None or kinds - set(grammar.TRAINED), told


# --- stopped, resumed, exported


def steps(trial: Trial, number: int) -> Trial:
    for _ in range(number):
        trial.loop.train_step()
    return trial


def resumed_and_exported(plans: Plans, evaluator: Any, folder: Path) -> list[str]:
    """What a stop in the middle, or the export, changes; empty: nothing.

    In single precision, as users train. Raises ValueError where the networks are refused.
    """
    chosen = config(plans)
    through, stopped = Trial(chosen, evaluator), Trial(chosen, evaluator)
    steps(stopped, STEPS).save(folder / "checkpoints")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(12345)
        resumed = Trial(chosen, evaluator)
        assert resumed.restore(folder / "checkpoints")
        steps(resumed, STEPS)
    expected, found = steps(through, 2 * STEPS).tensors(), resumed.tensors()
    assert expected.keys() == found.keys()
    told = [
        f"resumed, {name} differs by {apart(found[name], value):.2g}"
        for name, value in expected.items()
        if not torch.equal(found[name], value)
    ]
    resumed.save(folder / "checkpoints")
    made = trained_generators(folder / "checkpoints", chosen, SHAPE, False)
    out = folder / "out"
    out.mkdir()
    for seed, weights in made.weights.items():
        save_file(weights, out / f"generator-seed-{seed}.safetensors")
    described = {
        "generator": made.described.to_json(),
        "seeds": list(made.weights),
        "default_seed": SEEDS[0],
        "latent": "normal",
        "latent_dim": LATENT,
    }
    (out / "config.json").write_text(json.dumps(described))
    for name, content in made.own_files.items():
        (out / name).write_bytes(content)
    latents = torch.randn(len(SEEDS), 20, LATENT, generator=stream(0, "latents"))
    wanted = resumed.trainer.sample(latents)
    for place, seed in enumerate(SEEDS):
        with torch.no_grad():
            drawn = standalone.load(seed, out)(latents[place])
        if (difference := apart(drawn, wanted[place])) > SINGLE:
            told.append(f"exported, samples of seed {seed} differ by {difference:.2g}")
    return told


STATEFUL = (
    ("batch norm of cumulative mean", "shared weight", "dropout"),
    ("shared buffer", "spectral norm of old", "drawn buffer"),
    ("backbone", "two names", "moving mean"),
    ("shared across", "scale", "noise"),
    ("spectral norm", "kept", "shared batch norm"),
    ("weight norm", "orthogonal", "shared kernel"),
    ("own parametrisation", "lists", "drawn by numpy"),
    ("gru", "positions", "drawn by python"),
    ("drawn non-persistent buffer", "buffer"),
    ("aliased", "attention", "constants"),
    ("plain own layer",),
    ("moving mean by assignment",),
    ("lazy",),
)


@pytest.mark.slow
@pytest.mark.parametrize("kinds", STATEFUL, ids=", ".join)
def test_a_stop_or_an_export_changes_nothing(
    kinds: tuple[str, ...], ring_evaluator: Any, tmp_path: Path
) -> None:
    usual = set(kinds) <= set(grammar.TRAINED)
    plans = pair(*kinds, freeze="every other" if usual else "nothing")
    try:
        found = resumed_and_exported(plans, ring_evaluator, tmp_path)
    except ValueError as error:
        if usual or not told_with_line(str(error)):
            raise
        return
    assert found == []


# --- with other games


GAMES: dict[str, dict[str, Any]] = {
    "clipped": {"loss": "wasserstein"},
    "sgd": {"optimiser": "sgd"},
    "rmsprop": {"optimiser": "rmsprop"},
    "averaged": {"remedies": ["generator_ema"]},
    "historical": {"remedies": ["historical_averaging"]},
    "extragradient": {"remedies": ["extragradient"]},
    "optimistic": {"remedies": ["optimistic_adam"]},
    "unrolled": {
        "remedies": ["unrolled_discriminator"],
        "remedy_options": {"unrolled_discriminator": {"steps": 2}},
    },
    "normalised": {
        "remedies": ["spectral_normalisation"],
        "remedy_options": {"spectral_normalisation": {"generator": True}},
    },
    "penalised": {"remedies": ["r1"]},
}
PARTS = ("linear without bias", "batch norm", "shared weight", "two names", "scale", "backbone")
"""No bias before batch normalisation: its gradient is 0 but for rounding, which the penalty of historical averaging
brings up to Adam's epsilon, and Adam to a whole step."""


@pytest.mark.slow
@pytest.mark.parametrize("game", GAMES)
def test_no_game_moves_what_is_frozen_or_parts_what_is_shared(game: str) -> None:
    plans = pair(*PARTS, tie="parameters", freeze="biases")
    with double():
        pack = trainer_of(plans, SEEDS, **GAMES[game])
        loop = trainer_of(plans, SEEDS, loop=True, **GAMES[game])
        alone = trainer_of(plans, SEEDS[LANE:], **GAMES[game])
        starts = {player: lane(pack.players[player], LANE) for player in PLAYERS}
        for each in (pack, loop, alone):
            train(each)
        for player in PLAYERS:
            network = build_one(plans, player)
            frozen = [name for name, value in network.named_parameters() if not value.requires_grad]
            after = lane(pack.players[player], LANE)
            # A remedy may put a network into another one, and a weight into a parametrisation.
            plain_names = {
                name: re.sub(r"parametrizations\.(\w+)\.original$", r"\1", name) for name in after
            }
            held = [name for name in after if plain_names[name].endswith(tuple(frozen))]
            assert len(held) >= len(frozen) > 0
            for name in held:
                assert torch.equal(after[name], starts[player][name]), f"{player}: {name} moved"
            moved = [name for name in after if not torch.equal(after[name], starts[player][name])]
            assert moved, player
            for what, other in (
                ("in the loop", lane(loop.players[player], LANE)),
                ("alone", lane(alone.players[player], 0)),
            ):
                assert differing(after, other.__getitem__, TOLERANCE) == "", what


# --- what a file draws as it is imported

ON_IMPORT = """
import torch
from torch import nn

DRAWN = {drawn}

class Maker(nn.Module):
    def __init__(self, latent_dim, size):
        super().__init__()
        self.layer = nn.Linear(latent_dim, size)
    def forward(self, z):
        return self.layer(z) + DRAWN

def build(shape, latent_dim):
    return Maker(latent_dim, shape[0]), nn.Linear(shape[0], 1)
"""


@pytest.mark.parametrize(
    "drawn", ["torch.randn(2)", "float(__import__('numpy').random.normal())"], ids=str
)
def test_what_is_drawn_on_import_is_the_same_in_every_process(drawn: str, tmp_path: Path) -> None:
    """A resume and an export import the file again."""
    outputs = []
    for number in range(2):
        # Other bytes, so that the file is imported a second time in this process.
        path = tmp_path / str(number) / "my_gan.py"
        path.parent.mkdir()
        path.write_text(ON_IMPORT.format(drawn=drawn) + f"# {number}\n")
        model = {"name": "my_gan.py:build", "digest": register(path), "latent_dim": LATENT}
        try:
            trainer = GanTrainer(config({}, model=model), SHAPE, False, CPU)
        except ValueError as error:
            assert re.match(r"my_gan\.py", str(error))
            return
        outputs.append(trainer.sample(torch.ones(len(SEEDS), 4, LATENT)))
    assert torch.equal(*outputs)
