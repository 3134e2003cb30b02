"""A trainer whose steps are replayed gives the numbers of one whose steps are made eagerly.

What a CUDA graph does is test_on_gpu.py's to try; here its place is taken by the step itself, on the CPU, so that
all around it is tried: what is held in place, drawn anew, noted and forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ganstudy.trials.config.losses import LOSSES
from ganstudy.trials.config.remedies import REMEDIES
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.ensemble.step_context import Batch, StepContext
from ganstudy.trials.ensemble.streams import Latents, draw, generator
from ganstudy.trials.gan.cuda_graphs import EAGER_FIRST, CudaGraphStepper, Step
from ganstudy.trials.gan.trainer import NORM_EVERY, GanTrainer
from ganstudy.trials.remedies import build
from ganstudy.trials.training.trial import Trial

CPU, SHAPE = torch.device("cpu"), (1, 8, 8)
STEPS = NORM_EVERY + 2
RECORDABLE = sorted(name for name, options in REMEDIES.items() if build(options()).recordable)
SETS = {
    "none": [],
    **{name: [name] for name in RECORDABLE},
    "two": ["diff_augment", "gradient_penalty"],
}


def config(**changes: Any) -> TrialConfig:
    values: dict[str, Any] = {
        "data": {"name": "digits"},
        "model": {"name": "mlp", "latent_dim": 6, "width": 16, "batch_norm": True},
        "batch_size": 12,
        "seeds": [0, 4],
        "budget": {"unit": "generator_steps", "amount": 60},
        "evaluations": 2,
    }
    return TrialConfig(**(values | changes))


def as_itself() -> Callable[[Step], Step]:
    return lambda step: step


def trained(chosen: TrialConfig, recorded: bool) -> tuple[GanTrainer, list[torch.Tensor]]:
    """The trainer after STEPS steps of either player on noise, and the losses."""
    trainer = GanTrainer(chosen, SHAPE, True, CPU)
    steps = CudaGraphStepper(trainer, as_itself) if recorded else trainer
    size, seeds, losses = chosen.batch_size, chosen.seeds, []
    latents = {p: Latents(seeds, p, size, chosen.model.latent_dim, CPU) for p in trainer.players}
    for step in range(STEPS):
        real = torch.stack(
            [draw((size, *SHAPE), "uniform", generator(seed, "real", step)) for seed in seeds]
        )
        for player, take in (
            ("discriminator", steps.discriminator_step),
            ("generator", steps.generator_step),
        ):
            losses.append(
                take(
                    Batch(
                        real,
                        latents[player].at(step),
                        StepContext(player, step, step / STEPS, seeds, CPU),
                    )
                )
            )
    if isinstance(steps, CudaGraphStepper):
        assert steps.fallback_reason is None and len(steps._replays) == 2
    return trainer, losses


def assert_same(found: GanTrainer, expected: GanTrainer) -> None:
    for player, ensemble in expected.players.items():
        for name, value in ensemble.state().items():
            assert torch.equal(value, found.players[player].state()[name]), (player, name)
        assert len(expected.gradient_norms[player]) == 2
        for norm, other in zip(
            expected.gradient_norms[player], found.gradient_norms[player], strict=True
        ):
            assert torch.equal(norm, other)


@pytest.mark.parametrize("names", SETS.values(), ids=SETS)
def test_all_that_a_step_reads_reaches_the_replay(names: list[str]) -> None:
    chosen = config(remedies=names, remedy_options={name: {} for name in names})
    (eager, losses), (replayed, others) = (trained(chosen, recorded) for recorded in (False, True))
    assert_same(replayed, eager)
    assert all(torch.equal(loss, other) for loss, other in zip(losses, others, strict=True))
    assert len({loss.data_ptr() for loss in others}) == len(others), (
        "a loss that is kept stays what it was"
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_can_be_replayed(loss: str) -> None:
    assert_same(trained(config(loss=loss), True)[0], trained(config(loss=loss), False)[0])


def test_what_counts_or_looks_at_the_moment_is_not_recorded() -> None:
    """One that reads the share of the budget spent would be given that of the step that was recorded."""
    assert set(REMEDIES) - set(RECORDABLE) == {
        "extragradient",
        "generator_ema",
        "historical_averaging",
        "instance_noise",
        "lecam",
        "unrolled_discriminator",
    }
    chosen = config(remedies=["instance_noise"], remedy_options={"instance_noise": {}})
    (eager, _), (replayed, _) = (trained(chosen, recorded) for recorded in (False, True))
    with pytest.raises(AssertionError):
        assert_same(replayed, eager)


def test_steps_on_the_cpu_are_not_recorded(digits_evaluator: Any) -> None:
    trial = Trial(config(), digits_evaluator)
    assert not trial.trainer.recordable and trial.loop.stepper is trial.trainer  # type: ignore[union-attr]


def test_a_step_that_cannot_be_captured_is_made_eagerly() -> None:
    def refuse(step: Step) -> Step:
        try:
            raise RuntimeError("operation not permitted when stream is capturing\nand much more")
        finally:
            raise RuntimeError("nor could the recording be ended")

    trainer, expected = (
        GanTrainer(config(), SHAPE, True, CPU),
        GanTrainer(config(), SHAPE, True, CPU),
    )
    steps = CudaGraphStepper(trainer, lambda: refuse)
    for step in range(EAGER_FIRST + 2):
        batch = Batch(
            torch.zeros(2, 12, *SHAPE),
            torch.ones(2, 12, 6),
            StepContext("discriminator", step, 0.0, (0, 4), CPU),
        )
        assert torch.equal(steps.discriminator_step(batch), expected.discriminator_step(batch))
    assert (
        steps.fallback_reason == "operation not permitted when stream is capturing"
        and not steps._replays
    )
    assert steps.notes() == [
        f"the GPU's steps run eagerly, without CUDA graphs: {steps.fallback_reason}"
    ]


def test_recordings_are_given_up_where_memory_is_scarce(
    digits_evaluator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they held is free for the evaluation; afterwards steps are recorded anew, to the same numbers."""
    rows, kept = [], []
    for scarce in (False, True):
        monkeypatch.setattr(
            "ganstudy.trials.training.training_loop.is_scarce", lambda device, scarce=scarce: scarce
        )
        trial = Trial(config(measures={"game_steps": 2}), digits_evaluator)
        trial.loop.stepper = CudaGraphStepper(trial.trainer, as_itself)  # type: ignore[arg-type]
        trial.advance()
        kept.append(len(trial.loop.stepper._replays))
        rows.append(
            [
                row.to_json() | {"seconds": 0, "evaluation_seconds": 0, "peak_memory_bytes": 0}
                for row in trial.advance().rows
            ]
        )
    assert kept == [2, 0] and str(rows[0]) == str(rows[1])


def test_a_checkpoint_that_is_read_ends_the_recording(
    digits_evaluator: Any, tmp_path: Path
) -> None:
    """Its moments are other tensors than those that the recording updates."""
    trial = Trial(config(), digits_evaluator)
    trial.loop.stepper = steps = CudaGraphStepper(trial.trainer, as_itself)  # type: ignore[arg-type]
    for _ in range(2 * EAGER_FIRST + 2):
        trial.loop.train_step()
    assert len(steps._replays) == 2
    trial.save(tmp_path)
    trial.restore(tmp_path)
    assert not steps._replays
    trial.loop.train_step()
    assert not steps._replays
