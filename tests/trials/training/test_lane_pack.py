"""A lane of a fused pack trains as its configuration does alone, in double precision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from ganstudy.trials import remedies
from ganstudy.trials.config.base import is_per_lane
from ganstudy.trials.config.lanes import lane_numbers, structure_of, together
from ganstudy.trials.config.losses import LOSSES
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.config.plugins import register
from ganstudy.trials.config.remedies import REMEDIES
from ganstudy.trials.config.trial import TrainingSettings, TrialConfig
from ganstudy.trials.data.dataset import Dataset, as_float
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.results.records import Evaluation
from ganstudy.trials.training import evaluation, training_loop
from ganstudy.trials.training.lane_pack import LanePack
from ganstudy.trials.training.trial import Trial

STEPS = 100
TOLERANCE = 1e-9
SMALL = {"lecam": {"start": 10}, "virtual_batch_normalisation": {"reference": 8}} | {
    "unrolled_discriminator": {"steps": 2},
    "minibatch_discrimination": {"kernels": 4, "kernel_dim": 3},
}
"""So that each acts within few steps and is quick."""
NUMBERS: dict[str, dict[str, tuple[float, float, float]]] = {
    "feature_matching": {"weight": (1.0, 0.3, 2.0)},
    "historical_averaging": {"weight": (0.1, 0.0, 1.0)},
    "one_sided_label_smoothing": {"target": (0.9, 1.0, 0.7)},
    "r1": {"gamma": (10.0, 0.0, 1.0)},
    "r2": {"gamma": (10.0, 0.0, 1.0)},
    "gradient_penalty": {"weight": (10.0, 0.0, 1.0), "centre": (1.0, 0.0, 0.5)},
    "instance_noise": {"sigma": (0.1, 0.0, 0.5), "anneal": (0.5, 1.0, 0.0)},
    "lecam": {"weight": (0.3, 0.0, 1.0), "decay": (0.99, 0.0, 0.9)},
    "generator_ema": {"decay": (0.999, 0.0, 0.9), "rampup": (0.05, 0.0, 1.0)},
    "least_squares": {"a": (0.0, -1.0, 0.1), "b": (1.0, 0.9, 2.0), "c": (1.0, 0.0, 0.5)},
    "wasserstein": {"clip": (0.01, 0.05, 0.2)},
    "wasserstein_gp": {"weight": (10.0, 0.0, 1.0)},
}
"""Values of every option that may differ between lanes, in three configurations."""
SETTINGS = {
    "lr_d": (1e-3, 3e-4, 1e-3),
    "lr_g": (1e-3, 1e-3, 2e-3),
    "beta1": (0.5, 0.0, 0.9),
    "beta2": (0.999, 0.9, 0.99),
}
SEEDS = ((0, 1), (1, 0), (5,))
"""Of the three configurations: some in common, in another order, and not as many."""


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module in (training_loop, evaluation):
        monkeypatch.setattr(module, "as_float", lambda images: as_float(images).double())
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="module")
def small(digits: Dataset) -> Evaluator:
    return few(digits)


def few(data: Dataset) -> Evaluator:
    """Scores few samples, by their pixels."""
    labels = {"train_labels": None, "held_out_labels": None}
    cut = replace(
        data, train=data.train[:200], held_out=data.held_out[:100], class_names=None, **labels
    )
    measures = MeasuresConfig(samples=80, extractor="pixels")
    return Evaluator(cut, None, torch.device("cpu"), measures)


def three(names: list[str], loss: str = "non_saturating", **changes: Any) -> list[TrialConfig]:
    """Three configurations that differ in every number that they may differ in."""
    averaged = "virtual_batch_normalisation" in names
    made = []
    for index, seeds in enumerate(SEEDS):
        own = {
            name: SMALL.get(name, {}) | {o: v[index] for o, v in NUMBERS.get(name, {}).items()}
            for name in names
        }
        values: dict[str, Any] = {
            "data": {"name": "digits"},
            "model": {"name": "mlp", "latent_dim": 4, "width": 8, "batch_norm": averaged},
            "batch_size": 8,
            "k": "1",
            "loss": loss,
            "loss_options": {o: v[index] for o, v in NUMBERS.get(loss, {}).items()},
            "remedies": names,
            "remedy_options": own,
            "seeds": seeds,
            "budget": {"unit": "updates", "amount": STEPS},
            "evaluations": 2,
            "measures": {"game_steps": 0},
        }
        values |= {name: numbers[index] for name, numbers in SETTINGS.items()}
        made.append(TrialConfig(**(values | changes)))
    return made


def steps(trial: LanePack, number: int) -> None:
    for _ in range(number):
        trial.loop.train_step()


def deviation(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    """Largest difference of all numbers, each tensor's relative to its largest number."""
    assert found.keys() == expected.keys()
    largest = 0.0
    for name, value in expected.items():
        assert found[name].shape == value.shape, name
        a, b = found[name].detach().double(), value.detach().double()
        scale = float(b.abs().max()) or 1.0
        largest = max(largest, float((a - b).abs().max()) / scale)
    return largest


def assert_lanes_as_alone(
    configs: list[TrialConfig], evaluator: Evaluator, number: int = STEPS
) -> None:
    """All that is trained, and samples, of every configuration in a pack and alone."""
    pack = LanePack(configs, evaluator)
    steps(pack, number)
    alone = [Trial(config, evaluator) for config in configs]
    for (tensors, _), trial in zip(pack.states(), alone, strict=True):
        steps(trial, number)
        assert deviation(tensors, trial.tensors()) <= TOLERANCE
    expected = torch.cat([trial.evaluation.sample(trial.trainer) for trial in alone])
    samples = pack.evaluation.sample(pack.trainer)
    assert deviation({"samples": samples}, {"samples": expected}) <= TOLERANCE


QUICK = ("none", "gradient_penalty", "generator_ema")
"""No remedy, a term of the loss, and one with a state."""


def slow_but(names: Iterable[str], quick: tuple[str, ...]) -> list[Any]:
    return [pytest.param(n, marks=() if n in quick else pytest.mark.slow) for n in names]


@pytest.mark.parametrize("name", slow_but(["none", *REMEDIES], QUICK))
def test_a_lane_with_each_remedy_is_that_of_its_configuration_alone(
    name: str, double: None, small: Evaluator
) -> None:
    assert_lanes_as_alone(three([] if name == "none" else [name]), small)


@pytest.mark.parametrize("loss", slow_but(LOSSES, ("wasserstein",)))
def test_a_lane_with_each_loss_is_that_of_its_configuration_alone(
    loss: str, double: None, small: Evaluator
) -> None:
    assert_lanes_as_alone(three([], loss), small)


@pytest.mark.parametrize("optimiser", slow_but(["rmsprop", "sgd"], ("rmsprop",)))
@pytest.mark.parametrize("name", ["none", pytest.param("extragradient", marks=pytest.mark.slow)])
def test_a_lane_with_each_optimiser_is_that_of_its_configuration_alone(
    optimiser: str, name: str, double: None, small: Evaluator
) -> None:
    configs = three([] if name == "none" else [name], optimiser=optimiser)
    assert_lanes_as_alone(configs, small)


@pytest.mark.parametrize("method", slow_but(["autoencoder", "vae"], ("vae",)))
def test_a_lane_of_a_baseline_is_that_of_its_configuration_alone(
    method: str, double: None, small: Evaluator
) -> None:
    assert_lanes_as_alone(three([], method=method), small, 30)


NETWORKS: dict[str, tuple[tuple[int, ...], dict[str, int]]] = {
    "dcgan": ((1, 8, 8), {"latent_dim": 4, "width": 4}),
    "sndcgan": ((1, 8, 8), {"latent_dim": 4, "width": 4}),
    "resnet": ((1, 8, 8), {"latent_dim": 4, "width": 4}),
    "stacked_mnist": ((3, 28, 28), {"latent_dim": 4, "width": 2}),
    "pacgan_points": ((2,), {}),
}


@pytest.mark.parametrize("name", slow_but(NETWORKS, ("dcgan",)))
def test_a_lane_of_each_network_is_that_of_its_configuration_alone(name: str, double: None) -> None:
    shape, options = NETWORKS[name]
    images = 2 * torch.rand(200, *shape, generator=torch.Generator().manual_seed(0)) - 1
    data: Any = SimpleNamespace(train=images, shape=shape, bounded=len(shape) == 3, mirror=False)
    evaluator: Any = SimpleNamespace(dataset=data, num_generated=20)
    number = 20 if name == "dcgan" else STEPS
    # By plain gradients: a bias in front of batch normalisation has none but rounding, which Adam
    # would scale to whole steps, in a pack and alone in unlike directions.
    configs = three([], model={"name": name, **options}, optimiser="sgd")
    assert_lanes_as_alone(configs, evaluator, number)


OWN = """
import torch
from torch import nn


class Dropping(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.first, self.last = nn.Linear(inputs, 8), nn.Linear(8, outputs)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls = self.calls + 1
        return self.last(torch.dropout(self.first(x.flatten(1)).relu(), 0.2, self.training))


def build(shape, latent_dim):
    size = shape[0] * shape[1] * shape[2]
    generator = nn.Sequential(Dropping(latent_dim, size), nn.Unflatten(1, shape), nn.Tanh())
    return generator, Dropping(size, 1)
"""
"""Networks that draw random numbers in training, and count their calls."""


def test_a_lane_of_ones_own_networks_is_that_of_its_configuration_alone(
    double: None, small: Evaluator, tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    digest = register(tmp_path / "own.py")
    model = {"name": "own.py:build", "digest": digest, "latent_dim": 4}
    assert_lanes_as_alone(three([], model=model), small, 40)


def test_lanes_that_agree_train_as_before(small: Evaluator) -> None:
    """Where configurations differ in one number alone, the others are the plain floats of before."""
    configs = [config.model_copy(update=dict.fromkeys(SETTINGS, 0.5)) for config in three(["r1"])]
    pack = LanePack(configs, small)
    assert all(type(o) is torch.optim.Adam for o in pack.trainer.optimisers.values())
    assert isinstance(pack.trainer.remedies[0].number("gamma"), Tensor)
    assert Trial(configs[0], small).trainer.remedies[0].number("gamma") == 10.0


# --- one trial's own numbers


def test_every_configuration_has_its_own_rows_and_checkpoint(
    double: None, small: Evaluator
) -> None:
    configs = three(["lecam"])
    pack = LanePack(configs, small)
    made = [pack.advance_all() for _ in range(2)]
    spent = [each.counters.seconds for each in made[-1]]
    assert sum(spent) == pytest.approx(pack.loop.counters.seconds)
    # In proportion to their seeds: 2, 2 and 1.
    assert spent[0] == pytest.approx(2 * spent[2])
    for index, config in enumerate(configs):
        alone = Trial(config, small)
        expected = [alone.advance() for _ in range(2)]
        for one, other in zip([evaluations[index] for evaluations in made], expected, strict=True):
            assert_same(one, other)
        assert deviation(pack.states()[index][0], alone.tensors()) <= TOLERANCE
        position, by_itself = (
            each.to_json() for each in (pack.states()[index][1], alone.position())
        )
        for key in ("config", "evaluations_done", "loss_counts", "notes"):
            assert position[key] == by_itself[key]


TIMED = {"seconds", "evaluation_seconds", "device_seconds", "peak_memory_bytes"}


def assert_same(one: Evaluation, other: Evaluation) -> None:
    """All but times and memory."""
    assert one.index == other.index and one.verdicts() == other.verdicts()
    assert one.grid_png == other.grid_png and one.start_png == other.start_png
    for a, b in zip(one.rows, other.rows, strict=True):
        assert (a.seed, a.finite, a.histogram) == (b.seed, b.finite, b.histogram)
        measured = {name: value for name, value in b.measures.items() if value is not None}
        assert a.measures == {
            **b.measures,
            **{name: pytest.approx(value, rel=1e-6, abs=1e-6) for name, value in measured.items()},
        }
        assert {k: v for k, v in a.cost.items() if k not in TIMED} == {
            k: v for k, v in b.cost.items() if k not in TIMED
        }


# --- which may be trained together


def test_what_may_differ_is_what_is_declared() -> None:
    configs = three(["lecam"])
    assert len({structure_of(config) for config in configs}) == 1
    assert ("remedy_options", "lecam", "weight") in lane_numbers(configs[0])
    first = configs[0].model_dump(mode="json")
    for changes in (
        {"k": "2"},
        {"batch_size": 16},
        {"optimiser": "sgd"},
        {"evaluations": 5},
        {"remedies": [], "remedy_options": {}},
        {"remedy_options": {"lecam": {"start": 11}}},
        {"budget": {"unit": "updates", "amount": 2 * STEPS}},
        {"model": {"name": "mlp", "latent_dim": 5, "width": 8}},
        {"loss": "hinge", "loss_options": {}},
    ):
        other = TrialConfig(**(first | changes))
        assert structure_of(other) != structure_of(configs[0]), changes
        with pytest.raises(ValueError, match="differ in more than numbers"):
            together([configs[0], other])


def test_budgets_of_seconds_are_not_shared() -> None:
    seconds = {"unit": "seconds", "amount": 10}
    configs = three([], budget=seconds)
    with pytest.raises(ValueError, match="budget of seconds"):
        together(configs)
    assert together(configs[:1]) is configs[0]


def test_every_option_with_decimals_may_differ_between_lanes() -> None:
    """A new one that may not has to be named here, with the reason."""
    models = [*LOSSES.values(), *REMEDIES.values(), TrainingSettings]
    declared = {
        (getattr(model, "name", "train"), name): is_per_lane(model, name)
        for model in models
        for name, field in model.model_fields.items()
        if field.annotation is float
    }
    assert all(declared.values()), [name for name, per_lane in declared.items() if not per_lane]
    varied = {(owner, option) for owner, options in NUMBERS.items() for option in options}
    varied |= {("train", name) for name in SETTINGS}
    assert varied == set(declared), "each is varied in these tests"


def test_an_option_that_may_not_differ_is_not_read_as_one_that_may() -> None:
    with pytest.raises(TypeError, match=r"start is no LaneNumber"):
        remedies.build(REMEDIES["lecam"]()).number("start")
