"""Losses and remedies of a user's file: the built-in numbers, and mistakes by file and line."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ganstudy.trials.config import plugins
from ganstudy.trials.config.data import Ring
from ganstudy.trials.config.lanes import lane_numbers, structure_of
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.config.own_parts import OwnPart
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data import load
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.losses.own import declared_part
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.training.lane_pack import LanePack
from ganstudy.trials.training.own_parts import rehearse_own_parts

RIGHT = """import torch
import torch.nn.functional as F
from pydantic import Field

from ganstudy.trials.own import LaneNumber, Loss, LossOptions, Remedy, RemedyOptions, gradients


class FlatOptions(RemedyOptions):
    gamma: LaneNumber = Field(10.0, ge=0)


class Flat(Remedy):
    gradients_at = frozenset({"real"})
    options: FlatOptions

    def discriminator_term(self, step):
        squares = gradients(step.logits_real, step.real).square().sum(-1)
        return self.number("gamma") / 2 * squares.mean(-1)


class MatchOptions(RemedyOptions):
    norm: str = "l2"


class Match(Remedy):
    generator_needs_real = True
    needs_features = True
    options: MatchOptions

    def generator_objective(self, step):
        difference = step.features_real.mean(1) - step.features_fake.mean(1)
        return difference.square().sum(-1)


class Pull(Remedy):
    def start(self, player, ensemble):
        if player == "generator":
            values = ensemble.parameters.values()
            self.mean = {str(i): v.detach().clone() for i, v in enumerate(values)}

    def penalty(self, player, parameters):
        if player != "generator":
            return None
        pairs = zip(parameters.values(), self.mean.values())
        return 0.1 * sum((p - m).square().flatten(1).sum(1) for p, m in pairs)

    @torch.no_grad()
    def after_step(self, player, ensemble, context):
        if player == "generator":
            for p, m in zip(ensemble.parameters.values(), self.mean.values()):
                m.lerp_(p, 0.1)

    def state(self):
        return self.mean


class Soft(Loss):
    log_odds = True

    def discriminator(self, real, fake, target=1.0):
        return F.softplus(-real).mean(-1) + F.softplus(fake).mean(-1)

    def generator(self, fake, real):
        return F.softplus(-fake).mean(-1)
"""


@pytest.fixture
def part(tmp_path: Path) -> Callable[..., OwnPart]:
    def declared(name: str, text: str = RIGHT) -> OwnPart:
        file = tmp_path / f"own{len(list(tmp_path.iterdir()))}.py"
        file.write_text(text)
        return declared_part(f"{file.name}:{name}", plugins.register(file))

    return declared


def config(own: list[OwnPart], loss: str = "non_saturating", **changes: Any) -> TrialConfig:
    remedies = [part.name for part in own if part.kind == "remedy"]
    values: dict[str, Any] = {
        "own": {part.name: part for part in own},
        "data": {"name": "ring"},
        "model": {"name": "mlp", "latent_dim": 4, "width": 8},
        "batch_size": 8,
        "loss": loss,
        "remedies": remedies,
        "seeds": (0, 1),
        "budget": {"unit": "generator_steps", "amount": 6},
        "evaluations": 2,
        "measures": {"samples": 100, "game_steps": 0},
    }
    return TrialConfig(**(values | changes))


@pytest.fixture(scope="module")
def ring() -> Dataset:
    return load(Ring())


@pytest.fixture(scope="module")
def evaluator(ring: Dataset) -> Evaluator:
    return Evaluator(ring, None, torch.device("cpu"), MeasuresConfig(samples=100))


def history(configs: list[TrialConfig], evaluator: Evaluator) -> list[Any]:
    pack = LanePack(configs, evaluator)
    for _ in range(2):
        pack.advance_all()
    return [[(row.seed, row.measures, row.histogram) for row in rows] for rows in pack.histories]


@pytest.mark.parametrize(
    ("own", "ours"),
    [("Flat", {"remedies": ["r1"]}), ("Match", {"remedies": ["feature_matching"]}), ("Soft", {})],
)
def test_the_built_in_written_as_a_users_file_gives_its_numbers_to_the_last_digit(
    own: str, ours: dict[str, Any], part: Callable[..., OwnPart], evaluator: Evaluator
) -> None:
    found = part(own)
    mine = config([found], loss="Soft" if found.kind == "loss" else "non_saturating")
    built_in = config([], **ours)
    assert history([mine], evaluator) == history([built_in], evaluator)
    assert history([mine], evaluator) != history([config([], loss="hinge")], evaluator)


def test_two_numbers_in_one_pack_are_those_of_the_built_in(
    part: Callable[..., OwnPart], evaluator: Evaluator
) -> None:
    own = part("Flat")
    mine = [config([own], remedy_options={"Flat": {"gamma": g}}) for g in (1.0, 20.0)]
    ours = [config([], remedies=["r1"], remedy_options={"r1": {"gamma": g}}) for g in (1.0, 20.0)]
    assert structure_of(mine[0]) == structure_of(mine[1])
    assert ("remedy_options", "Flat", "gamma") in lane_numbers(mine[0])
    assert history(mine, evaluator) == history(ours, evaluator)


def test_a_configuration_keeps_what_it_is_on_its_way_to_a_worker(
    part: Callable[..., OwnPart],
) -> None:
    made = config([part("Flat")], remedy_options={"Flat": {"gamma": 3.0}})
    again = pickle.loads(pickle.dumps(made))
    assert again == made and again.digest == made.digest
    assert again.remedy_options["Flat"].model_dump() == {"gamma": 3.0}
    assert (
        made.digest
        != config([part("Flat", RIGHT + "\n")], remedy_options=made.remedy_options).digest
    )


@pytest.mark.parametrize("name", ["Flat", "Match", "Pull", "Soft"])
def test_the_right_ones_are_taken(name: str, part: Callable[..., OwnPart], ring: Dataset) -> None:
    found = part(name)
    rehearse_own_parts(
        config([found], loss="Soft" if found.kind == "loss" else "non_saturating"), ring
    )


DECLARED = {
    "no such name": (
        "Flat",
        "class Flat(",
        "class Fast(",
        r"own0.py has no callable 'Flat'; it has",
    ),
    "import fails": ("Flat", "import torch\n", "import torchy\n", r"own0.py:1 fails on import"),
    "neither": (
        "Flat",
        "Flat(Remedy)",
        "Flat",
        r"own0.py:12: Flat must be a class on Loss or Remedy",
    ),
    "no hook": (
        "Flat",
        "discriminator_term",
        "regulariser",
        r"own0.py:12: Flat must define one of extend_generator, .*discriminator_term.*, the hooks of",
    ),
    "misspelt hook": (
        "Flat",
        "discriminator_term",
        "discriminator_terms",
        r"own0.py:16: Flat.discriminator_terms is no hook of a remedy, .* mean discriminator_term\?",
    ),
    "half a loss": (
        "Soft",
        "def generator(",
        "def of_generator(",
        r"own0.py:\d+: Soft must define generator|no hook of a loss",
    ),
    "arguments": (
        "Flat",
        "(self, step):\n        squares",
        "(self, step, real):\n        squares",
        r"own0.py:16: Flat.discriminator_term must take \(self, step\), and takes "
        r"\(self, step, real\)",
    ),
    "options": (
        "Flat",
        "options: FlatOptions",
        "options: dict",
        r"own0.py:12: the options of Flat must be a class on RemedyOptions",
    ),
    "no default": (
        "Flat",
        "Field(10.0, ge=0)",
        "Field(ge=0)",
        r"own0.py:12: the option 'gamma' needs a default",
    ),
    "a reserved option": (
        "Match",
        "norm: str",
        "name: str",
        r"own0.py:\d+: the option 'name' must have another name",
    ),
}


@pytest.mark.parametrize("mistake", DECLARED)
def test_a_mistake_in_what_a_file_declares(mistake: str, part: Callable[..., OwnPart]) -> None:
    name, right, wrong, message = DECLARED[mistake]
    assert right in RIGHT
    with pytest.raises(ValueError, match=message):
        part(name, RIGHT.replace(right, wrong, 1))


TRAINED = {
    "one number for all lanes": (
        "Flat",
        "squares.mean(-1)",
        "squares.mean()",
        r"own0.py:16: Flat.discriminator_term must return one number per lane, a tensor \[1\] here, "
        r"got a tensor \[\]",
    ),
    "one number per image": (
        "Flat",
        "squares.mean(-1)",
        "squares.square()",
        r"Flat fails: RuntimeError",
    ),
    "a Python number": ("Flat", 'return self.number("gamma")', "return 1.0 #", "got float"),
    "the lanes mixed": (
        "Flat",
        "squares.mean(-1)",
        "(squares.mean(-1) * squares.mean())",
        r"own0.py:12: with Flat a seed in a pack does not train as it does alone",
    ),
    "the first lane's option": (
        "Flat",
        'self.number("gamma")',
        "self.options.gamma",
        r"own0.py:12: with Flat a seed in a pack .* self.number\(\"NAME\"\)",
    ),
    "NaN": (
        "Flat",
        "squares.mean(-1)",
        "(squares.mean(-1) - 1e9).sqrt()",
        r"own0.py:16: Flat.discriminator_term returns NaN or infinity",
    ),
    "gradients that are not finite": (
        "Flat",
        "squares.mean(-1)",
        "(squares.mean(-1) + (step.logits_real - step.logits_real.detach()).square().sum(-1).sqrt())",
        r"own0.py:12: gradients are not finite with Flat",
    ),
    "an exception": (
        "Flat",
        "step.real)",
        "step.reals)",
        r"own0.py:17: Flat fails: AttributeError: .*reals",
    ),
    "no gradients at": (
        "Flat",
        'gradients_at = frozenset({"real"})',
        "recordable = False",
        r"own0.py:17: Flat fails: .*; say gradients_at = frozenset\(",
    ),
    "no real images": (
        "Match",
        "generator_needs_real = True",
        "recordable = False",
        r"own0.py:\d+: Match fails: AttributeError: .*; say generator_needs_real = True",
    ),
    "a state that is not kept": (
        "Pull",
        "return self.mean",
        "return {}",
        r"own0.py:35: after an interruption Pull trains to other numbers \(generator",
    ),
    "a state without lanes": (
        "Pull",
        "return self.mean",
        "return {k: v[0] for k, v in self.mean.items()}",
        r"own0.py:\d+: Pull.state must return a dict of tensors, each with the lanes on its first",
    ),
    "a loss over all": (
        "Soft",
        "return F.softplus(-fake).mean(-1)",
        "return F.softplus(-fake).mean()",
        r"own0.py:\d+: Soft.generator must return one number per lane",
    ),
}


@pytest.mark.parametrize("mistake", TRAINED)
def test_a_mistake_that_a_few_steps_show(
    mistake: str, part: Callable[..., OwnPart], ring: Dataset
) -> None:
    name, right, wrong, message = TRAINED[mistake]
    assert right in RIGHT
    found = part(name, RIGHT.replace(right, wrong, 1))
    made = config([found], loss="Soft" if found.kind == "loss" else "non_saturating")
    with pytest.raises(ValueError, match=message):
        rehearse_own_parts(made, ring)
