"""Quasi-random search: Sobol's sequence, scrambled (Owen 1998), which fills the space more evenly."""

from __future__ import annotations

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, QMCSampler

from ganstudy.study.spec.samplers.base import Sampler
from ganstudy.study.spec.search_space import SearchSpace


def _draw(_space: SearchSpace, seed: int, _number: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        # One seed for all numbers: trial n takes the sequence's n-th point.
        return QMCSampler(
            qmc_type="sobol", scramble=True, seed=seed, warn_independent_sampling=False
        )


SAMPLER = Sampler(_draw)
