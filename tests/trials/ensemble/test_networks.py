"""Every network gives in a pack what it gives alone: outputs, gradients, gradients of gradients, running statistics."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from ganstudy.trials import networks
from ganstudy.trials.config.networks import MODELS
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.ensemble import SeedEnsemble
from ganstudy.trials.ensemble.step_context import Batch, StepContext
from ganstudy.trials.ensemble.streams import Latents, draw, generator
from ganstudy.trials.gan.trainer import GanTrainer
from ganstudy.trials.networks.base import Networks

CPU = torch.device("cpu")
STEPS = 200
EARLY = 20
NARROW: dict[str, dict[str, Any]] = {
    name: {"width": 4, "latent_dim": 5}
    for name in ("mlp", "dcgan", "sndcgan", "resnet", "stacked_mnist")
} | {"pacgan_points": {"latent_dim": 3}}


def build(name: str, shape: tuple[int, ...], **options: Any) -> Networks:
    return networks.build(MODELS[name](**options), shape, len(shape) == 3)


PACKS: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("mlp", (1, 8, 8), {"batch_norm": True}),
    ("dcgan", (1, 28, 28), {}),
    ("dcgan", (3, 64, 64), {}),
    ("sndcgan", (3, 28, 28), {}),
    ("sndcgan", (1, 32, 32), {}),
    ("resnet", (3, 32, 32), {}),
    ("resnet", (1, 64, 64), {}),
    ("stacked_mnist", (3, 28, 28), {}),
    ("pacgan_points", (2,), {}),
]


@pytest.fixture
def double():
    """Double precision, in which a pack and a network alone agree to the last digits."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def relative(packed: list[Tensor], alone: list[Tensor]) -> float:
    """Largest difference of all numbers, in units of the largest number."""
    largest = max(float(value.detach().abs().max()) for value in alone)
    return (
        max(float((a - b).detach().abs().max()) for a, b in zip(packed, alone, strict=True))
        / largest
    )


@pytest.mark.parametrize(
    ("name", "shape", "options"), PACKS, ids=[f"{name}-{shape}" for name, shape, _ in PACKS]
)
def test_a_network_in_a_pack_gives_what_it_gives_alone(
    name: str, shape: tuple[int, ...], options: dict[str, Any], double: None
) -> None:
    """Outputs, features, gradients and the gradients of a gradient penalty, for three seeds."""
    torch.manual_seed(0)
    seeds, batch = (0, 1, 5), 4
    built = build(name, shape, **NARROW[name], **options)
    latents = torch.randn(3, batch, NARROW[name]["latent_dim"])
    generator = SeedEnsemble(built.generator, seeds, "generator", CPU, latents[0])
    discriminator = SeedEnsemble(
        lambda: built.discriminator(shape), seeds, "discriminator", CPU, torch.zeros(batch, *shape)
    )
    assert generator.fallback is None and discriminator.fallback is None

    def losses(images: Tensor, discriminate: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, features, and the mean squared norm of the logits' gradient in the images."""
        images = images.detach().requires_grad_()
        logits, features = discriminate(images)
        (slope,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        return logits, features, slope.square().sum() / batch

    images = generator(latents)
    logits, _ = discriminator(images)
    through = torch.autograd.grad(logits.sum(), list(generator.parameters.values()))
    outputs = losses(images, discriminator)
    own = torch.autograd.grad(
        outputs[0].square().sum() + outputs[1].sum(),
        [*discriminator.parameters.values()],
        retain_graph=True,
    )
    # A gradient penalty does not reach the bias behind the last weight.
    twice = torch.autograd.grad(
        outputs[2], [*discriminator.parameters.values()], allow_unused=True, materialize_grads=True
    )

    for s in range(3):
        held = [
            {n: v[s].detach().requires_grad_() for n, v in ensemble.parameters.items()}
            for ensemble in (generator, discriminator)
        ]
        plain_g, plain_d = built.generator(), built.discriminator(shape)
        alone = functional_call(plain_g, held[0], (latents[s],))
        assert relative([images[s]], [alone]) < 1e-12
        to_z = torch.autograd.grad(
            functional_call(plain_d, held[1], (alone,))[0].sum(), list(held[0].values())
        )
        assert relative([g[s] for g in through], list(to_z)) < 1e-9
        expected = losses(
            alone, lambda x, held=held, plain=plain_d: functional_call(plain, held[1], (x,))
        )
        assert relative([outputs[0][s], outputs[1][s]], list(expected[:2])) < 1e-11
        grads = torch.autograd.grad(
            expected[0].square().sum() + expected[1].sum(), [*held[1].values()], retain_graph=True
        )
        assert relative([g[s] for g in own], list(grads)) < 1e-9
        grads = torch.autograd.grad(
            expected[2], [*held[1].values()], allow_unused=True, materialize_grads=True
        )
        assert relative([g[s] for g in twice], list(grads)) < 1e-9


def test_running_statistics_in_a_pack_are_those_alone() -> None:
    built = build("dcgan", (1, 28, 28), width=4)
    latents = torch.randn(2, 6, 100)
    ensemble = SeedEnsemble(built.generator, [3, 4], "generator", CPU, latents[0])
    alone = [built.generator() for _ in range(2)]
    for s, network in enumerate(alone):
        network.load_state_dict({name: value[s] for name, value in ensemble.state().items()})
    for _ in range(3):
        ensemble(latents)
        for s, network in enumerate(alone):
            network(latents[s])
    for s, network in enumerate(alone):
        for name, value in network.named_buffers():
            assert torch.allclose(ensemble.buffers[name][s].float(), value.float(), atol=1e-6), name
        with torch.no_grad():
            assert torch.allclose(
                ensemble(latents, evaluate=True)[s], network.eval()(latents[s]), atol=1e-6
            )


State = list[Tensor]
"""Parameters, buffers and remedies' state of both players, of the last seed."""


def trained(
    name: str,
    shape: tuple[int, ...],
    options: dict[str, Any],
    remedies: list[str],
    seeds: list[int],
    nudge: bool,
) -> tuple[State, State]:
    """The last seed after EARLY and after STEPS steps of either player, on noise in place of images.

    nudge: every number of both players is changed in its last digit before the start.
    """
    chosen = TrialConfig(
        data={"name": "ring"} if len(shape) == 1 else {"name": "digits"},
        model={"name": name, **NARROW[name], **options},
        batch_size=8,
        seeds=seeds,
        remedies=remedies,
        budget={"unit": "generator_steps", "amount": STEPS},
    )
    trainer = GanTrainer(chosen, shape, True, CPU)
    for ensemble in trainer.players.values():
        ensemble._mapped = (
            ensemble.fallback is None
        )  # large convolutions too, which the CPU would run one after another
    assert not trainer.fallbacks()
    if nudge:
        for ensemble in trainer.players.values():
            for value in ensemble.parameters.values():
                away = torch.where(torch.rand_like(value) < 0.5, -torch.inf, torch.inf)
                value.data.copy_(torch.nextafter(value.data, away))
    latents = {p: Latents(seeds, p, 8, NARROW[name]["latent_dim"], CPU) for p in trainer.players}
    states = []
    for step in range(STEPS):
        real = torch.stack(
            [draw((8, *shape), "uniform", generator(seed, "real", step)) for seed in seeds]
        )
        for player, take in (
            ("discriminator", trainer.discriminator_step),
            ("generator", trainer.generator_step),
        ):
            take(
                Batch(
                    real,
                    latents[player].at(step),
                    StepContext(player, step, 0.0, tuple(seeds), CPU),
                )
            )
        if step + 1 in (EARLY, STEPS):
            players = trainer.players.values()
            states.append(
                [
                    value[-1].double().clone()
                    for player in players
                    for value in player.state().values()
                ]
            )
    return states[0], states[1]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "remedies", [[], ["minibatch_discrimination"], ["spectral_normalisation"]], ids=str
)
@pytest.mark.parametrize(
    ("name", "shape", "options"),
    [
        pytest.param(
            *case, marks=pytest.mark.exhaustive if len(case[1]) == 3 and case[0] != "mlp" else ()
        )
        for case in PACKS
    ],
    ids=[f"{name}-{shape}" for name, shape, _ in PACKS],
)
def test_a_seed_of_every_network_trains_in_a_pack_as_alone_for_long(
    name: str,
    shape: tuple[int, ...],
    options: dict[str, Any],
    remedies: list[str],
    double: None,
    conformance: Any,
) -> None:
    """A pack adds in another order, so it rounds otherwise, and the game may carry that far: Adam's first steps divide
    by gradients of no size at all. What becomes of a change of every number in its last digit is the yardstick."""
    case = name, shape, options, remedies
    ensemble, alone = trained(*case, [0, 1, 7], False), trained(*case, [7], False)
    nudged = trained(*case, [7], True)
    entry = f"pack of {name}, {' x '.join(map(str, shape))}, {'+'.join(remedies) or 'no remedy'}"
    for steps, packed, single, moved, factor in zip(
        (EARLY, STEPS), ensemble, alone, nudged, (10, 100), strict=True
    ):
        found, carried = relative(packed, single), relative(moved, single)
        print(f"\n{entry}: {found:.1e} in {steps} steps; a nudge of every number: {carried:.1e}")
        conformance(
            entry, f"the seed alone, {steps} steps, float64", found, max(1e-12, factor * carried)
        )
