"""Mistakes in a training function: found before a study trains, each by file and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ganstudy.trials.training.functions.rehearsal import rehearse

RIGHT = """import torch
from torch import nn
from torch.optim import Adam

def train(run):
    G = nn.Linear(2, 2)
    o = Adam(G.parameters(), run.params["lr_g"])
    run.keep(G=G, o=o)
    real, z = run.batches(8), run.latents(8, 2)
    for step in run.steps():
        loss = (G(next(z)) - next(real)).square().mean()
        o.zero_grad()
        loss.backward()
        o.step()
        run.count(images=8, discriminator_steps=1, loss_g=loss)
        if run.due():
            run.evaluate(G, latent_dim=2)
"""


@pytest.fixture
def rehearsed(config_of, write, ring) -> Callable[..., list[str]]:
    def notes(text: str, resume: bool = False, **changes: Any) -> list[str]:
        file: Path = write(text)
        config = config_of(file, {"lr_g": 0.01}, **changes)
        return rehearse(config, ring, torch.device("cpu"), resume)

    return notes


def test_the_right_one_is_taken(rehearsed) -> None:
    assert rehearsed(RIGHT, resume=True) == []


MISTAKES = {
    "no argument": (
        "train(run)",
        "train()",
        r":5: a training function takes one argument, run, got train\(\)",
    ),
    "two arguments": (
        "train(run)",
        "train(run, data)",
        r":5: a training function takes one argument",
    ),
    "import": (
        "from torch.optim",
        "from torch.optimal",
        r":3 fails on import: ModuleNotFoundError",
    ),
    "syntax": ("def train(run):", "def train(run:", r":5 fails on import: SyntaxError"),
    "another name": ("def train", "def fit", r"has no callable 'train'; it has: fit"),
    "a yield": (
        "    G = nn",
        "    yield\n    G = nn",
        r":5: train must be an ordinary function, without yield",
    ),
    "unknown parameter": (
        '["lr_g"]',
        '["lr"]',
        r":7: the call with params lr_g=0.01 fails: KeyError: 'lr'",
    ),
    "a metric's name": (
        "run.count(",
        'run.log(**{"fid 50k": 1})\n        run.count(',
        r":15: an own metric's name has letters, .* got 'fid 50k'",
    ),
    "a metric that is no number": (
        "run.count(",
        'run.log(fid="good")\n        run.count(',
        r":15: fid must be one number, got str 'good'",
    ),
    "a metric of many numbers": (
        "run.count(",
        "run.log(fid=G.weight)\n        run.count(",
        r":15: fid must be one number, got a tensor of shape \[2, 2\]",
    ),
    "a metric before the loop": (
        "    real, z =",
        "    run.log(fid=1)\n    real, z =",
        r":9: run.log must be called in the loop over run.steps\(\)",
    ),
    "nothing kept": (
        "run.keep(G=G, o=o)",
        "pass",
        r":10: run.keep\(...\) must name networks and optimisers",
    ),
    "kept too late": (
        "        o.step()",
        "        o.step()\n        run.keep(p=G)",
        r":15: run.keep must be called before",
    ),
    "kept twice": ("o=o)", "o=o)\n    run.keep(G=G)", r":9: run.keep has G already"),
    "no state": ("o=o)", "o=3)", r":8: run.keep takes anything with state_dict .* got o=int"),
    "no steps": (
        "run.steps()",
        "range(3)",
        r":15: run.count must be called in the loop over run.steps\(\)",
    ),
    "steps twice": (
        "for step in run.steps():",
        "next(run.steps())\n    for step in run.steps():",
        r":11: run.steps\(\) must be gone through once",
    ),
    "never evaluated": (
        "            run.evaluate(G, latent_dim=2)",
        "            pass",
        r":10: an evaluation was due at 2 steps of a rehearsal, and run.evaluate",
    ),
    "never due": ("if run.due():", "if False:", r":10: an evaluation was due"),
    "not due": ("if run.due():", "if True:", r":17: run.evaluate comes before it is due"),
    "broken off": (
        "        if run.due()",
        "        break\n        if run.due()",
        r":5: returned before the end of run.steps\(\)",
    ),
    "no loop": ("for step in run.steps():", "for step in []:", r":5: returned without a step"),
    "no latent_dim": ("G, latent_dim=2", "G", r":17: run.evaluate needs latent_dim"),
    "no sampler": (
        "G, latent_dim=2",
        "",
        r":17: run.evaluate takes a sampler and its latent_dim, or images=..., got neither",
    ),
    "other latents": (
        "G, latent_dim=2",
        "G, latent_dim=3",
        r":17: the call .* fails: RuntimeError: mat1 and mat2",
    ),
    "strange latents": (
        "latent_dim=2",
        'latent_dim=2, latent="gauss"',
        r":17: latent must be 'normal' or 'uniform', got 'gauss'",
    ),
    "wrong shape": (
        "evaluate(G,",
        "evaluate(lambda z: G(z)[:, :1],",
        r":17: the sampler must return of shape \[8, 2\], got \[8, 1\]",
    ),
    "flat": (
        "evaluate(G,",
        "evaluate(lambda z: G(z).flatten(),",
        r":17: .*got \[16\]; reshape it by .view\(-1, 2\)",
    ),
    "no tensor": (
        "evaluate(G,",
        "evaluate(lambda z: G(z).tolist(),",
        r":17: the sampler must return a tensor",
    ),
    "whole numbers": (
        "evaluate(G,",
        "evaluate(lambda z: G(z).long(),",
        r":17: samples must be floats",
    ),
    "too few images": (
        "G, latent_dim=2",
        "images=torch.randn(100, 2)",
        r":17: an evaluation scores 200 samples .* and images has 100",
    ),
    "a folder of points": ("G, latent_dim=2", 'images="samples"', r":17: the data are points"),
    "images of nothing": (
        "G, latent_dim=2",
        "images=object()",
        r":17: images must be a tensor, an array or a folder",
    ),
    "negative counts": ("images=8", "images=-8", r":15: run.count takes amounts >= 0"),
    "a loss per image": (
        "loss_g=loss",
        "loss_g=loss.expand(8)",
        r":15: loss_g must be one number, got a tensor of shape \[8\]",
    ),
    "batches of none": (
        "run.batches(8)",
        "run.batches(0)",
        r":9: n must be a whole number >= 1, got 0",
    ),
    "one stream twice": (
        "run.latents(8, 2)",
        "run.latents(8, 2); run.latents(4, 2)",
        r":9: the stream 'generator' gives batches of \(8, 2, 'normal'\)",
    ),
    "exit": ("        o.step()", "        exit()", r":14: ended by SystemExit"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(name: str, rehearsed) -> None:
    right, wrong, message = MISTAKES[name]
    assert right in RIGHT
    with pytest.raises(
        ValueError, match=rf"^my_trainer\.py{message}" if message[0] == ":" else message
    ) as found:
        rehearsed(RIGHT.replace(right, wrong, 1))
    assert "\n" not in str(found.value)


def test_a_state_that_no_checkpoint_holds_is_named(rehearsed) -> None:
    own = "class Own:\n    def state_dict(self):\n        return {'f': print}\n    load_state_dict = None\n"
    text = RIGHT.replace("def train", own.replace("None", "print") + "\ndef train")
    text = text.replace("o=o)", "o=o, own=Own())")
    with pytest.raises(ValueError, match=r"my_trainer\.py:\d+: run.keep: kept.own.f is a builtin"):
        rehearsed(text, resume=True)


@pytest.mark.parametrize(
    ("unit", "counted", "said"),
    [
        ("images", "discriminator_steps=1", r"run.count\(images=...\)"),
        ("discriminator_steps", "images=8", r"run.count\(discriminator_steps=...\)"),
    ],
)
def test_a_budget_of_what_is_never_counted(unit: str, counted: str, said: str, rehearsed) -> None:
    text = RIGHT.replace("images=8, discriminator_steps=1", counted)
    with pytest.raises(
        ValueError, match=rf"the budget counts {unit}, and 2 steps have counted none: say {said}"
    ):
        rehearsed(text, budget={"unit": unit, "amount": 100})


# --- what is doubtful


UNLIKE = {
    "an optimiser that is not kept": ("run.keep(G=G, o=o)", "run.keep(G=G)"),
    "a batch that is drawn elsewhere": ("next(real)", "run.data[next(order)].mean()"),
    "a number that is not kept": (
        "        o.step()",
        "        o.step(); G.weight.data += 0.01 * count; count += 1",
    ),
}


@pytest.mark.parametrize("name", UNLIKE)
def test_a_training_that_goes_on_to_other_numbers_is_noted(name: str, rehearsed) -> None:
    text = RIGHT.replace(*UNLIKE[name])
    text = text.replace("    for step", "    count, order = 0, iter(range(1000))\n    for step")
    (note,) = rehearsed(text, resume=True)
    assert note.startswith(
        "my_trainer.py:5: after an interruption this function trains to other numbers (G."
    )


def test_global_random_numbers_go_on_where_they_were(rehearsed) -> None:
    text = RIGHT.replace("next(real)", "torch.randn(8, 2)")
    assert rehearsed(text, resume=True) == []


IMAGES = RIGHT.replace(
    "nn.Linear(2, 2)", "nn.Sequential(nn.Linear(2, 64), nn.Unflatten(1, (1, 8, 8)))"
)


@pytest.mark.parametrize(
    ("sampler", "said"),
    [
        ("lambda z: G(z).sigmoid()", "samples are never below 0, and real images are"),
        ("lambda z: (127 * (G(z).tanh() + 1)).round()", None),
        ("lambda z: G(z).permute(0, 2, 3, 1)", "channels come first: images.permute"),
    ],
)
def test_values_of_images(sampler: str, said: str | None, config_of, write, digits) -> None:
    config = config_of(write(IMAGES.replace("evaluate(G,", f"evaluate({sampler},")), {"lr_g": 0.01})
    if said is not None and said.startswith("samples"):
        (note,) = rehearse(config, digits, torch.device("cpu"), False)
        assert said in note and "my_trainer.py:5" in note
        return
    with pytest.raises(
        ValueError, match=said or "images must lie in .-1, 1., got whole numbers up to"
    ):
        rehearse(config, digits, torch.device("cpu"), False)
