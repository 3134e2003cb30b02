"""What a study trains seed by seed is told before it begins: the same numbers, in more time."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganstudy.study.spec.reader import parse_study
from ganstudy.study.tune.evaluator_setup import describe

TOGETHER = "all networks train the seeds of a configuration together"
OWN = """
import random
import torch
from torch import nn


class Signs(torch.optim.SGD):
    def step(self, closure=None):
        for p in self.param_groups[0]["params"]:
            p.grad.sign_()
        super().step()


class Random(nn.Linear):
    def forward(self, latents):
        return super().forward(latents) + 0.01 * random.random()


def build(shape, latent_dim):
    return Random(latent_dim, 2), nn.Linear(2, 1)
"""
TRAIN = (
    "seeds = [0, 1]\nbudget = { generator_steps = 4 }\nevaluations = 2\nbatch_size = 4\nlr_g = 0.01"
)


@pytest.mark.parametrize(
    ("train", "space", "model", "told"),
    [
        ("", "lr_d = [1e-3, 1e-4]", "", [TOGETHER]),
        (
            'optimiser = "own.py:Signs"',
            "lr_d = [1e-3, 1e-4]",
            "",
            [r"Signs makes its steps seed by seed, which is slower than adam"],
        ),
        (
            'method = "vae"\noptimiser = "own.py:Signs"',
            "lr_g = [1e-3, 1e-4]",
            "",
            [r"Signs makes its steps seed by seed"],
        ),
        # One of the two: the note is of that alone.
        ("", 'optimiser = ["adam", "own.py:Signs"]', "", [r"Signs makes its steps seed by seed"]),
        (
            'optimiser = "own.py:Signs"',
            "lr_d = [1e-3, 1e-4]",
            '[model]\nname = "own.py:build"\nlatent_dim = 2\n',
            [
                r"the generator runs as a loop over seeds, the same numbers but slower",
                r"Signs makes its steps seed by seed",
            ],
        ),
    ],
    ids=["nothing", "optimiser", "vae", "searched", "both"],
)
def test_what_is_made_seed_by_seed(
    tmp_path: Path, train: str, space: str, model: str, told: list[str]
) -> None:
    (tmp_path / "own.py").write_text(OWN)
    text = (
        f'name = "s"\n[data]\nname = "ring"\n{model}[train]\n{TRAIN}\n{train}\n[search]\ntrials = 2\n'
        f'sampler = "random"\n[search.space]\n{space}\n'
    )
    if "lr_g = [" in space:
        text = text.replace("\nlr_g = 0.01", "")
    lines = describe(parse_study(text, "study.toml", tmp_path).distinct_architectures())
    notes = [line for line in lines if "seed by seed" in line or "loop over" in line]
    found = notes or [line for line in lines if line == TOGETHER]
    assert [line[: len(start)] for line, start in zip(found, told, strict=True)] == told
