"""mirror = true: real training images turned left to right, each with a probability of 1/2."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganstudy.study.errors import UserError
from ganstudy.study.spec.reader import parse_study
from ganstudy.trials.config.data import DATA, Arrays, Digits, ImageOptions, PluginData
from ganstudy.trials.config.plugins import register
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data import MIRRORED, Dataset, load
from ganstudy.trials.ensemble.streams import Batches, Flips, derive, mirrored
from ganstudy.trials.gan.path_angle import path_angle
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.training.functions.function_trial import FunctionTrial
from ganstudy.trials.training.training_loop import TrainingLoop
from ganstudy.trials.training.trial import Trial

CPU = torch.device("cpu")
SMALL = {"samples": 70, "game_steps": 0, "extractor": "pixels", "path_batches": 0}
WRITES_BATCHES = """
import torch
from torch import nn

def train(run):
    net = nn.Linear(2, 64)
    run.keep(net=net)
    real, other = run.batches(16), run.batches(16, stream="generator")
    for step in run.steps():
        torch.save([next(real), next(other)], run.folder / f"{step}.pt")
        if run.due():
            run.evaluate(lambda z: net(z).tanh().reshape(-1, 1, 8, 8), latent_dim=2)
"""


def config(seeds: tuple[int, ...] = (0, 3), mirror: bool = True, **changes: Any) -> TrialConfig:
    values: dict[str, Any] = {
        "data": {"name": "digits", "mirror": mirror},
        "model": {"name": "mlp", "width": 8, "latent_dim": 2},
        "seeds": seeds,
        "batch_size": 16,
        "budget": {"unit": "generator_steps", "amount": 8},
        "evaluations": 2,
        "measures": {key: value for key, value in SMALL.items() if key != "path_batches"},
    }
    return TrialConfig(**(values | changes))


@pytest.fixture(scope="module")
def plain() -> Dataset:
    """70 grey images of 8 x 8, so that few steps go through several epochs; no labels."""
    digits = load(Digits())
    return replace(
        digits,
        train=digits.train[:70],
        held_out=digits.held_out[:70],
        train_labels=None,
        held_out_labels=None,
        class_names=None,
        num_generated=70,
    )


@pytest.fixture(scope="module")
def turned(plain: Dataset) -> Dataset:
    """The same with mirror."""
    return replace(plain, mirror=True)


def batches(data: Dataset, seeds: tuple[int, ...], steps: int) -> list[Tensor]:
    """Return the discriminator's real batches [S, 16, 1, 8, 8] of the first steps."""
    loop = TrainingLoop(config(seeds), data, CPU)
    found = []
    for step in range(steps):
        loop.counters.discriminator_steps = step
        real = loop.next_batch("discriminator").real
        assert real is not None
        found.append(real)
    return found


def test_each_image_is_as_it_was_or_turned_left_to_right(plain: Dataset, turned: Dataset) -> None:
    before, after = batches(plain, (0, 3), 100), batches(turned, (0, 3), 100)
    whole, now = torch.cat(before, 1), torch.cat(after, 1)
    reverse = whole[..., torch.arange(7, -1, -1)]
    same, flipped = ((now == each).flatten(2).all(2) for each in (whole, reverse))
    assert bool((same | flipped).all())
    assert not bool((same & flipped).any()), "no image of these is symmetric"
    # 1,600 draws a seed: five standard deviations are 0.0625.
    assert (flipped.double().mean(1) - 0.5).abs().max() < 0.0625
    assert (flipped[0] == flipped[1]).double().mean() == pytest.approx(0.5, abs=0.0625)


def test_flips_are_drawn_anew_by_epoch_and_by_image(plain: Dataset) -> None:
    flips = Flips([5], "batches/discriminator", num_images=20, batch=20, device=CPU)
    epochs = torch.cat([flips.at(epoch) for epoch in range(2000)]).double()
    # By position in the epoch and from one epoch to the next: five standard deviations are 0.056.
    assert (epochs.mean(0) - 0.5).abs().max() < 0.056
    assert ((epochs[1:] == epochs[:-1]).double().mean(0) - 0.5).abs().max() < 0.056
    assert ((epochs[:, 1:] == epochs[:, :-1]).double().mean(0) - 0.5).abs().max() < 0.056


def test_flips_are_addressed_by_seed_epoch_and_position() -> None:
    flips = Flips([5, 9], "batches/generator", num_images=10, batch=4, device=CPU)
    expected = []
    for epoch in range(2):
        stream = torch.Generator().manual_seed(derive(9, "batches/generator", "mirror", epoch))
        expected.append(torch.randint(2, (10,), generator=stream).bool())
    for step in (4, 2, 0, 1, 3):  # 2 straddles two epochs; in any order, as after a resume
        part = torch.cat(expected)[4 * step : 4 * step + 4]
        assert torch.equal(flips.at(step)[1], part)
    order = Batches([9], "batches/generator", 10, 4, CPU)
    assert order.at(0).shape == flips.at(0)[1:].shape


def test_a_lane_meets_the_batches_of_its_seed_alone_to_the_bit(turned: Dataset) -> None:
    beside, alone = batches(turned, (0, 3), 5), batches(turned, (3,), 5)
    for pack, single in zip(beside, alone, strict=True):
        assert torch.equal(pack[1:], single)


def test_an_interrupted_trial_goes_on_to_the_same_numbers(turned: Dataset, tmp_path: Path) -> None:
    evaluator = Evaluator(turned, None, CPU, config().measures)
    whole = Trial(config(), evaluator)
    found = [[row.measures for row in whole.advance().rows] for _ in range(2)]
    first = Trial(config(), evaluator)
    first.advance()
    first.save(tmp_path)
    again = Trial(config(), evaluator)
    assert again.restore(tmp_path)
    assert [row.measures for row in again.advance().rows] == found[1]
    other = Trial(
        config(mirror=False), Evaluator(replace(turned, mirror=False), None, CPU, config().measures)
    )
    assert [row.measures for row in other.advance().rows] != found[0]


def test_a_training_functions_batches_are_those_of_built_in_training(
    turned: Dataset, tmp_path: Path
) -> None:
    file = tmp_path / "my_trainer.py"
    file.write_text(
        WRITES_BATCHES.replace("run.folder", f"__import__('pathlib').Path({str(tmp_path)!r})")
    )
    own = config((3,)).model_dump(include={"seeds", "budget", "evaluations", "data", "measures"})
    function = {"digest": register(file), "params": {}}
    own_config = TrialConfig(**own, method="my_trainer.py:train", function=function)
    trial = FunctionTrial(own_config, Evaluator(turned, None, CPU, own_config.measures))
    while not trial.finished:
        trial.advance()
    expected = batches(turned, (3,), 8)
    for step in range(8):
        real, other = torch.load(tmp_path / f"{step}.pt")
        assert torch.equal(real, expected[step][0]) and not torch.equal(real, other)


def test_the_path_angle_sees_mirrored_images_too(plain: Dataset, turned: Dataset) -> None:
    found = []
    for data in (plain, turned):
        loop = TrainingLoop(config(), replace(data, mirror=False), CPU)
        for _ in range(4):
            loop.train_step()
        assert hasattr(loop.trainer, "players")
        scores = path_angle(loop.trainer, data, 2)  # type: ignore[arg-type]
        found.append([torch.as_tensor(value) for value in scores])
    assert not all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_loaded_data_say_so_and_stay_as_they_were() -> None:
    plain, turned = load(Digits()), load(Digits(mirror=True))
    assert turned.mirror and not plain.mirror
    assert turned.digest == plain.digest, "what scores compare with is the same"
    assert turned.notes == (*plain.notes, MIRRORED)


def test_points_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "points.npz", x=np.random.default_rng(0).normal(size=(50, 2)))
    with pytest.raises(ValueError, match="mirror is for images, and the data are points"):
        load(Arrays(path=str(tmp_path / "points.npz"), mirror=True))
    with pytest.raises(UserError, match="unknown key 'mirror'"):
        parse_study(study("ring"), "study.toml", tmp_path)


def test_a_command_that_makes_its_own_batches_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.py").write_text("")
    command = (
        'command = ["{python}", "t.py", "--seed={seed}"]\n[train.watch]\nsamples = "{images}.npy"\n'
    )
    text = study("digits", more=command).replace("generator_steps", "images")
    with pytest.raises(UserError, match=r"data\.mirror: a command makes its own batches"):
        parse_study(text, "study.toml", tmp_path)


def study(data: str, mirror: str = "mirror = true", more: str = "") -> str:
    return (
        f'name = "s"\n[data]\nname = "{data}"\n{mirror}\n[search]\ntrials = 2\n[search.space]\n'
        f"[train]\nseeds = [0, 1]\nbudget = {{ generator_steps = 8 }}\nevaluations = 2\n{more}"
    )


def test_what_is_off_leaves_no_trace_in_digests_and_identities(tmp_path: Path) -> None:
    of_old = {name for name, kind in DATA.items() if not issubclass(kind, ImageOptions)}
    assert of_old == {"ring", "grid"}
    assert "mirror" not in Digits(mirror=False).model_dump_json()
    assert "mirror" not in PluginData(name="my.py:d").model_dump()
    assert Digits.model_validate(Digits(mirror=True).model_dump()) == Digits(mirror=True)
    off, on, silent = (config(mirror=m).digest for m in (False, True, False))
    assert off == silent != on
    assert config(data={"name": "digits"}).digest == off
    found = {
        said: parse_study(
            study("digits", said).replace("[search.space]", "[search.space]\nk = [1, 2]"),
            "s",
            tmp_path,
        ).identity()
        for said in ("", "mirror = false", "mirror = true")
    }
    assert found[""] == found["mirror = false"] and "data.mirror" not in found[""]
    assert found["mirror = true"] == {**found[""], "data.mirror": True}


def test_mirrored_turns_the_last_axis_alone() -> None:
    images = torch.arange(12.0).reshape(2, 1, 2, 3)
    found = mirrored(images, torch.tensor([True, False]))
    assert found[0, 0].tolist() == [[2, 1, 0], [5, 4, 3]] and torch.equal(found[1], images[1])
