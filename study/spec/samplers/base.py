"""What a sampler is: how it draws configurations, and what it asks of the study file.

A sampler is the `SAMPLER` in the file of its name beside this one, and an entry in
trials/results/samplers.py, which has what statistics and the report need to know of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from optuna.samplers import BaseSampler

from ganstudy.study.spec.search_space import SearchSpace


def no_problems(_space: SearchSpace, _trials: int) -> list[str]:
    """Return no problem: the sampler draws from every search space."""
    return []


@dataclass(frozen=True)
class Sampler:
    """One way to draw configurations."""

    draw: Callable[[SearchSpace, int, int], BaseSampler]
    """(space, seed of the study, number of the trial) -> the Optuna sampler that draws the trial.

    A trial has a sampler of its own, so that a study that is resumed draws what it would have
    drawn without the interruption.
    """
    problems: Callable[[SearchSpace, int], list[str]] = no_problems
    """(space, trials) -> the rules of this sampler that a study file breaks, with their place."""


def seed_of_trial(seed: int, number: int) -> int:
    """Return the seed of the sampler of one trial. The factor is a prime above most numbers."""
    # numpy's seeds, and with them Optuna's, end at 2^32 - 1.
    return (seed * 1_000_003 + number) % 2**32
