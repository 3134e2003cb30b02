"""Random search."""

from __future__ import annotations

from optuna.samplers import BaseSampler, RandomSampler

from ganstudy.study.spec.samplers.base import Sampler, seed_of_trial
from ganstudy.study.spec.search_space import SearchSpace


def _draw(_space: SearchSpace, seed: int, number: int) -> BaseSampler:
    return RandomSampler(seed=seed_of_trial(seed, number))


SAMPLER = Sampler(_draw)
