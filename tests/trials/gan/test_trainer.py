"""The very step that trains, against the same game written down again: one seed, plain modules, loops over images.

Every loss and every remedy that acts on the discriminator's loss or view, alone and together. The plain version
shares with ganstudy the networks' values and the numbers drawn, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganstudy.trials.config.losses import LOSSES
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.step_context import Batch, Player, StepContext
from ganstudy.trials.gan.trainer import GanTrainer
from ganstudy.trials.remedies.diff_augment import (
    AUGMENTATIONS,  # each by itself is compared with loops in test_views.py
)

SEEDS, IMAGES, LATENT, WIDTH = (3, 4), 4, 3, 5
SHAPE = (3, 8, 8)
CPU = torch.device("cpu")
BOUNDS = {torch.float64: 1e-12, torch.float32: 1e-5}

OPTIONS: dict[str, dict[str, Any]] = {
    "one_sided_label_smoothing": {"target": 0.8},
    "r1": {"gamma": 3.0},
    "r2": {"gamma": 2.0},
    "gradient_penalty": {"weight": 4.0, "centre": 0.5},
    "lecam": {"weight": 0.7, "decay": 0.6, "start": 2},
    "instance_noise": {"sigma": 0.3, "anneal": 0.5},
    "diff_augment": {"policy": "color,translation,cutout"},
}
LOSS_OPTIONS: dict[str, dict[str, Any]] = {
    "least_squares": {"a": -0.5, "b": 1.5, "c": 0.25},
    "wasserstein": {"clip": 0.5},
    "wasserstein_gp": {"weight": 5.0},
}


@pytest.fixture(autouse=True, params=[torch.float64, torch.float32], ids=["float64", "float32"])
def precision(request: pytest.FixtureRequest):
    torch.set_default_dtype(request.param)
    yield request.param
    torch.set_default_dtype(torch.float32)


@dataclass
class Plain:
    """One seed's players as ordinary modules, and the loss of either."""

    generator: nn.Module
    discriminator: nn.Module
    loss: str
    remedies: list[str]
    averages: dict[str, float] = field(default_factory=dict)
    """LeCam's, before the step."""

    def view(self, images: Tensor, kind: str, context: StepContext) -> Tensor:
        """Augmentation before noise, as the names are sorted."""
        if "diff_augment" in self.remedies:
            for name in OPTIONS["diff_augment"]["policy"].split(","):
                drawn = context.uniform(
                    f"diff_augment/{name}/{kind}", 3 if name == "color" else 2, len(images)
                )
                images = AUGMENTATIONS[name](images[None], drawn)[0]
        if "instance_noise" in self.remedies:
            sigma = 0.3 * max(0.0, 1 - context.progress / 0.5)
            images = images + sigma * context.normal(f"instance_noise/{kind}", *images.shape)[0]
        return images

    def slope(self, image: Callable[[Tensor], Tensor], at: Tensor, index: int) -> Tensor:
        """||grad||^2 of output `index` of `image` at images `at`, by its own differentiation."""
        (gradient,) = torch.autograd.grad(image(at)[index], at, create_graph=True)
        return gradient[index].pow(2).sum()

    def discriminator_loss(self, real: Tensor, latents: Tensor, context: StepContext) -> Tensor:
        fake = self.generator(latents).detach().requires_grad_()
        real = real.clone().requires_grad_()
        on = {
            kind: lambda x, kind=kind: self.discriminator(self.view(x, kind, context))[:, 0]
            for kind in KINDS
        }
        outputs, made_up = on["real"](real), on["fake"](fake)
        loss = discriminator_loss(
            self.loss, outputs, made_up, 0.8 if OSLS in self.remedies else 1.0
        )
        for name, kind, at, gamma in (("r1", "real", real, 3.0), ("r2", "fake", fake, 2.0)):
            if name in self.remedies:
                slopes = [self.slope(on[kind], at, i) for i in range(IMAGES)]
                loss = loss + gamma / 2 * sum(slopes) / IMAGES
        penalties = [(4.0, 0.5)] * ("gradient_penalty" in self.remedies) + [(5.0, 1.0)] * (
            self.loss == "wasserstein_gp"
        )
        for weight, centre in penalties:
            eps = context.uniform("gradient_penalty", IMAGES)[0]
            between = torch.stack(
                [e * r + (1 - e) * f for e, r, f in zip(eps, real, fake, strict=True)]
            )
            slopes = [self.slope(on["between"], between, i) for i in range(IMAGES)]
            loss = loss + weight * sum((slope.sqrt() - centre) ** 2 for slope in slopes) / IMAGES
        if "lecam" in self.remedies:
            means = {"real": outputs.mean().item(), "fake": made_up.mean().item()}
            a = {kind: 0.6 * self.averages[kind] + 0.4 * mean for kind, mean in means.items()}
            loss = loss + 0.7 * (outputs - a["fake"]).clamp(min=0).pow(2).mean()
            loss = loss + 0.7 * (a["real"] - made_up).clamp(min=0).pow(2).mean()
        return loss

    def generator_loss(self, real: Tensor, latents: Tensor, context: StepContext) -> Tensor:
        fake = self.discriminator(self.view(self.generator(latents), "fake", context))[:, 0]
        return generator_loss(
            self.loss, fake, self.discriminator(self.view(real, "real", context))[:, 0]
        )

    def note_outputs(self, real: Tensor, latents: Tensor, context: StepContext) -> None:
        """What LeCam sees of a step, before the step."""
        with torch.no_grad():
            images = {"real": real, "fake": self.generator(latents)}
            means = {
                k: self.discriminator(self.view(x, k, context)).mean().item()
                for k, x in images.items()
            }
        self.averages = {
            k: 0.6 * self.averages[k] + 0.4 * m if self.averages else m for k, m in means.items()
        }


KINDS = ("real", "fake", "between")
OSLS = "one_sided_label_smoothing"


def discriminator_loss(name: str, real: Tensor, fake: Tensor, target: float) -> Tensor:
    p, q = torch.sigmoid(real), torch.sigmoid(fake)
    if name in ("non_saturating", "minimax"):
        return -(target * p.log() + (1 - target) * (1 - p).log()).mean() - (1 - q).log().mean()
    if name == "hinge":
        return (1 - real).clamp(min=0).mean() + (1 + fake).clamp(min=0).mean()
    if name == "least_squares":
        return ((real - target * 1.5) ** 2).mean() / 2 + ((fake + 0.5) ** 2).mean() / 2
    if name == "relativistic_average":
        p, q = torch.sigmoid(real - fake.mean()), torch.sigmoid(fake - real.mean())
        return -p.log().mean() - (1 - q).log().mean()
    return fake.mean() - real.mean()


def generator_loss(name: str, fake: Tensor, real: Tensor) -> Tensor:
    q = torch.sigmoid(fake)
    if name == "non_saturating":
        return -q.log().mean()
    if name == "minimax":
        return (1 - q).log().mean()
    if name == "least_squares":
        return ((fake - 0.25) ** 2).mean() / 2
    if name == "relativistic_average":
        p, q = torch.sigmoid(real - fake.mean()), torch.sigmoid(fake - real.mean())
        return -q.log().mean() - (1 - p).log().mean()
    return -fake.mean()


def trainer(loss: str, on: list[str]) -> GanTrainer:
    config = TrialConfig(
        data={"name": "digits"},
        model={"name": "mlp", "latent_dim": LATENT, "width": WIDTH},
        batch_size=IMAGES,
        loss=loss,
        loss_options=LOSS_OPTIONS.get(loss, {}),
        remedies=on,
        remedy_options={name: OPTIONS[name] for name in on},
        lr_d=0.01,
        lr_g=0.01,
        seeds=SEEDS,
        budget={"unit": "updates", "amount": 100},
        evaluations=1,
    )
    return GanTrainer(config, SHAPE, True, CPU)


def plain(players: GanTrainer, index: int) -> Plain:
    """The seed at `index` of the pack, as it stands."""
    size = SHAPE[0] * SHAPE[1] * SHAPE[2]
    generator = nn.Sequential(
        nn.Linear(LATENT, WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, size),
        nn.Tanh(),
    )
    generator.append(nn.Unflatten(1, SHAPE))
    discriminator = nn.Sequential(
        nn.Flatten(), nn.Linear(size, WIDTH), nn.LeakyReLU(0.2), nn.Linear(WIDTH, WIDTH)
    )
    discriminator.extend([nn.LeakyReLU(0.2), nn.Linear(WIDTH, 1)])
    for module, ensemble in (
        (generator, players.generator),
        (discriminator, players.discriminator),
    ):
        for value, stacked in zip(module.parameters(), ensemble.parameters.values(), strict=True):
            value.data.copy_(stacked[index].detach())
    return Plain(generator, discriminator, players.config.loss, list(players.config.remedies))


def batch(player: Player, step: int) -> Batch:
    stream = torch.Generator().manual_seed(step)
    real = torch.rand(len(SEEDS), IMAGES, *SHAPE, generator=stream) * 2 - 1
    latents = torch.randn(len(SEEDS), IMAGES, LATENT, generator=stream)
    return Batch(real, latents, StepContext(player, step, 0.125, SEEDS, CPU))


CASES = [(loss, []) for loss in LOSSES]
CASES += [("non_saturating", [name]) for name in OPTIONS]
CASES += [
    ("least_squares", [OSLS]),
    ("hinge", ["lecam", "diff_augment"]),
    ("wasserstein", ["r1", "instance_noise"]),
]
CASES += [("non_saturating", list(OPTIONS))]
CASES += [("wasserstein_gp", [name for name in OPTIONS if name not in (OSLS, "gradient_penalty")])]


@pytest.mark.parametrize(
    ("loss", "on"), CASES, ids=lambda part: part if isinstance(part, str) else "+".join(part)
)
def test_gradients_of_both_players_are_those_of_the_plain_game(
    conformance, precision, loss: str, on: list[str]
) -> None:
    players = trainer(loss, on)
    averages: list[dict[str, float]] = [{} for _ in SEEDS]
    for step in range(3):  # away from the initial values, and for LeCam past its start
        made_on = batch("discriminator", step)
        for index, seed in enumerate(SEEDS):
            context = StepContext("discriminator", step, 0.125, (seed,), CPU)
            noting = plain(players, index)
            noting.averages = averages[index]
            noting.note_outputs(made_on.real[index], made_on.latents[index], context)
            averages[index] = noting.averages
        players.discriminator_step(made_on)
        players.generator_step(batch("generator", step))
    for player, step in (("discriminator", 3), ("generator", 3)):
        made_on = batch(player, step)
        found = players.gradients(player, made_on)
        for index, seed in enumerate(SEEDS):
            alone = plain(players, index)
            alone.averages = averages[index]
            context = StepContext(player, step, 0.125, (seed,), CPU)
            value = getattr(alone, f"{player}_loss")(
                made_on.real[index], made_on.latents[index], context
            )
            expected = torch.autograd.grad(
                value, list(getattr(alone, player).parameters()), materialize_grads=True
            )
            largest = max(gradient.abs().max().item() for gradient in expected)
            pairs = zip(found, expected, strict=True)
            deviation = max((f[index] - e).abs().max().item() for f, e in pairs) / largest
            name = (
                f"remedy {on[0]}"
                if len(on) == 1
                else f"loss {loss}"
                if not on
                else "losses and remedies together"
            )
            against = f"plain one-seed loop, gradients of the step, {str(precision).removeprefix('torch.')}"
            conformance(name, against, deviation, BOUNDS[precision])
