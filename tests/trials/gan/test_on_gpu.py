"""On a GPU: the numbers of the CPU, replayed steps, exact resumption. Skipped where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ganstudy.trials.config.losses import LOSSES
from ganstudy.trials.config.remedies import REMEDIES
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.step_context import Batch, StepContext
from ganstudy.trials.ensemble.streams import Latents, draw, generator
from ganstudy.trials.gan.cuda_graphs import CudaGraphStepper
from ganstudy.trials.gan.trainer import GanTrainer
from ganstudy.trials.measures.base import Assignment, RealSamples, Samples
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.measures.scoring.sample_scorer import SampleScorer
from ganstudy.trials.remedies import build
from ganstudy.trials.training.trial import Trial

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
STEPS = 20
OPTIONS = {
    "lecam": {"start": 2},
    "unrolled_discriminator": {"steps": 2},
    "virtual_batch_normalisation": {"reference": 8},
}
NETWORKS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "mlp": ((1, 8, 8), {"width": 8, "latent_dim": 5, "batch_norm": True}),
    "dcgan": ((1, 28, 28), {"width": 4, "latent_dim": 5}),
    "sndcgan": ((3, 32, 32), {"width": 4, "latent_dim": 5}),
    "resnet": ((3, 32, 32), {"width": 4, "latent_dim": 5}),
    "stacked_mnist": ((3, 28, 28), {"width": 4, "latent_dim": 5}),
    "pacgan_points": ((2,), {"latent_dim": 3}),
}
REMEDY_SETS = {"none": []} | {name: [name] for name in REMEDIES}


@pytest.fixture
def double():
    """Double precision, in which devices agree to the last digits although they add in another order."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def config(**changes: Any) -> TrialConfig:
    values: dict[str, Any] = {
        "data": {"name": "digits"},
        "model": {"name": "mlp", "latent_dim": 8, "width": 16, "batch_norm": True},
        "batch_size": 16,
        "k": "2/3",
        "seeds": [0, 4],
        "budget": {"unit": "generator_steps", "amount": 60},
        "evaluations": 2,
        "measures": {"game_steps": 4},
    }
    return TrialConfig(**(values | changes))


def remedied(names: list[str], **changes: Any) -> TrialConfig:
    return config(
        remedies=names, remedy_options={name: OPTIONS.get(name, {}) for name in names}, **changes
    )


def trained(
    chosen: TrialConfig, shape: tuple[int, ...], device: torch.device, recorded: bool = False
) -> GanTrainer:
    """The players after STEPS steps of either, on noise in place of images; recorded: replayed where they can be."""
    trainer = GanTrainer(chosen, shape, True, device)
    steps = CudaGraphStepper(trainer) if recorded else trainer
    size, seeds = chosen.batch_size, chosen.seeds
    latents = {p: Latents(seeds, p, size, chosen.model.latent_dim, device) for p in trainer.players}
    for step in range(STEPS):
        real = torch.stack(
            [draw((size, *shape), "uniform", generator(seed, "real", step)) for seed in seeds]
        ).to(device)
        for player, take in (
            ("discriminator", steps.discriminator_step),
            ("generator", steps.generator_step),
        ):
            take(
                Batch(
                    real,
                    latents[player].at(step),
                    StepContext(player, step, step / STEPS, seeds, device),
                )
            )
    if isinstance(steps, CudaGraphStepper):
        assert steps.fallback_reason is None and len(steps._replays) == 2
    return trainer


def assert_alike(found: GanTrainer, expected: GanTrainer, bound: float = 1e-6) -> None:
    """Every parameter and running statistic, in units of the player's largest."""
    for player, ensemble in expected.players.items():
        state, other = ensemble.state(), found.players[player].state()
        largest = max(
            float(value.detach().abs().max())
            for value in state.values()
            if value.is_floating_point()
        )
        for name, value in state.items():
            gap = (value.detach().cpu() - other[name].detach().cpu()).abs().max()
            assert float(gap) <= bound * largest, (
                player,
                name,
            )


@pytest.mark.parametrize("names", REMEDY_SETS.values(), ids=REMEDY_SETS)
def test_every_remedy_trains_on_a_gpu_as_on_the_cpu(names: list[str], double: None) -> None:
    assert_alike(
        trained(remedied(names), (1, 8, 8), CUDA), trained(remedied(names), (1, 8, 8), CPU)
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_trains_on_a_gpu_as_on_the_cpu(loss: str, double: None) -> None:
    assert_alike(
        trained(config(loss=loss), (1, 8, 8), CUDA), trained(config(loss=loss), (1, 8, 8), CPU)
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_trains_on_a_gpu_as_on_the_cpu(name: str, double: None) -> None:
    shape, options = NETWORKS[name]
    data = "ring" if len(shape) == 1 else "digits"
    chosen = config(data={"name": data}, model={"name": name, **options}, batch_size=8)
    assert_alike(trained(chosen, shape, CUDA), trained(chosen, shape, CPU))


RECORDABLE = {name: [name] for name, options in REMEDIES.items() if build(options()).recordable} | {
    "none": []
}


@pytest.mark.parametrize("names", RECORDABLE.values(), ids=RECORDABLE)
def test_replayed_steps_are_those_made_eagerly(names: list[str], double: None) -> None:
    """Beside the CPU's, the largest gradients: what each remedy adds to them is in the recording."""
    eager, replayed = (
        trained(remedied(names), (1, 8, 8), CUDA, recorded) for recorded in (False, True)
    )
    assert replayed.recordable
    assert_alike(replayed, eager, 1e-9)
    for player, norms in eager.gradient_norms.items():
        assert len(norms) == 2
        assert torch.allclose(
            torch.stack(norms), torch.stack(replayed.gradient_norms[player]), rtol=1e-6
        )


@pytest.mark.parametrize("loss", LOSSES)
def test_replayed_steps_of_every_loss_are_those_made_eagerly(loss: str, double: None) -> None:
    assert_alike(
        trained(config(loss=loss), (1, 8, 8), CUDA, True),
        trained(config(loss=loss), (1, 8, 8), CUDA),
        1e-9,
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_replayed_steps_of_every_network_are_those_made_eagerly(name: str, double: None) -> None:
    shape, options = NETWORKS[name]
    data = "ring" if len(shape) == 1 else "digits"
    chosen = config(data={"name": data}, model={"name": name, **options}, batch_size=8)
    assert_alike(trained(chosen, shape, CUDA, True), trained(chosen, shape, CUDA), 1e-8)


@pytest.mark.parametrize("optimiser", ["adam", "rmsprop"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_seed_trains_in_an_ensemble_on_a_gpu_as_alone(
    name: str, optimiser: str, double: None
) -> None:
    """Steps of rmsprop are never recorded, so convolutions are stacked."""
    shape, options = NETWORKS[name]
    data = {"name": "ring" if len(shape) == 1 else "digits"}
    changes = {"optimiser": optimiser, "data": data, "model": {"name": name, **options}}
    ensemble, alone = (
        trained(config(seeds=seeds, batch_size=8, **changes), shape, CUDA)
        for seeds in ([0, 4], [4])
    )
    for player, together in ensemble.players.items():
        other = alone.players[player].state()
        for key, value in together.state().items():
            assert torch.allclose(value[1], other[key][0], rtol=1e-6, atol=1e-8), (player, key)


@pytest.mark.parametrize("names", REMEDY_SETS.values(), ids=REMEDY_SETS)
def test_going_on_is_exact_on_a_gpu(
    digits_evaluator: Any, tmp_path: Path, names: list[str]
) -> None:
    """2N updates against N, a checkpoint, and N, some of each replayed. To the bit where the GPU's own sums are the
    same twice."""

    def updated(trial: Trial, updates: int) -> Trial:
        for _ in range(updates):
            trial.loop.train_step()
        return trial

    chosen = remedied(names)
    through, again = (
        updated(Trial(chosen, digits_evaluator, CUDA), 24).tensors() for _ in range(2)
    )
    updated(Trial(chosen, digits_evaluator, CUDA), 12).save(tmp_path)
    resumed = Trial(chosen, digits_evaluator, CUDA)
    assert resumed.restore(tmp_path)
    found = updated(resumed, 12).tensors()
    assert found.keys() == through.keys()
    for name, value in through.items():
        if torch.equal(value, again[name]):
            assert torch.equal(value, found[name]), name
        else:
            assert torch.allclose(value, found[name], rtol=1e-4, atol=1e-6), name


def test_a_checkpoint_made_on_the_cpu_goes_on_on_a_gpu(
    digits_evaluator: Any, tmp_path: Path
) -> None:
    first = Trial(config(), digits_evaluator)
    for _ in range(7):
        first.loop.train_step()
    first.save(tmp_path)
    moved = Trial(config(), digits_evaluator, CUDA)
    assert moved.restore(tmp_path) and moved.counters.updates == 7
    moved.loop.train_step()
    first.loop.train_step()
    for name, value in first.tensors().items():
        assert torch.allclose(value, moved.tensors()[name].cpu(), rtol=1e-3, atol=1e-5), name


def test_scores_on_a_gpu_are_those_on_the_cpu(digits: Any, classifier: Any) -> None:
    """The whole trial: trained, sampled and scored. Single precision, so that only a rough agreement can be asked."""
    rows = [
        Trial(config(), Evaluator(digits, classifier, device), device).advance().rows
        for device in (CPU, CUDA)
    ]
    for row, other in zip(*rows, strict=True):
        for name in ("fid", "loss_d", "loss_g"):
            assert other.measures[name] == pytest.approx(row.measures[name], rel=0.02), name
        assert (
            other.cost["device_seconds"] > 0
            and not row.cost["device_seconds"]
            and other.cost["peak_memory_bytes"] > 0
        )


def test_features_are_compared_on_a_gpu_as_on_the_cpu() -> None:
    """Doubled real samples have balls of radius 0 on both."""
    torch.manual_seed(0)
    real, images = torch.randn(600, 40), torch.rand(600, 1, 8, 8)
    real[300:450], fake = real[:150], 1.1 * torch.randn(700, 40)
    one_mode = Assignment(torch.zeros(700, dtype=torch.int64), torch.ones(700) > 0)
    compared = RealSamples(images, real, torch.ones(1), [600])
    samples = Samples(images, fake, one_mode, [700])
    on_cpu, on_gpu = (SampleScorer(compared, device).scores(samples) for device in (CPU, CUDA))
    assert on_cpu == {name: pytest.approx(value, rel=1e-6) for name, value in on_gpu.items()}
    assert 0 < on_cpu["recall"] < 1 and 0 < on_cpu["coverage"] < 1


def test_nothing_of_a_trial_stays_on_the_cpu(digits_evaluator: Any) -> None:
    trial = Trial(config(), digits_evaluator, CUDA)
    trial.loop.train_step()
    tensors: list[Tensor] = [
        value for ensemble in trial.trainer.players.values() for value in ensemble.state().values()
    ]
    assert {value.device.type for value in tensors} == {"cuda"}
