"""The Tree-structured Parzen Estimator, TPE (Bergstra et al. 2011), in its multivariate form."""

from __future__ import annotations

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler

from ganstudy.study.spec.samplers.base import Sampler, seed_of_trial
from ganstudy.study.spec.search_space import SearchSpace


def _draw(_space: SearchSpace, seed: int, number: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(
            seed=seed_of_trial(seed, number),
            multivariate=True,
            # Multivariate TPE needs it for the parameters that only some remedies have.
            group=True,
            # Several trials run at once: keep away from what is being tried already.
            constant_liar=True,
        )


SAMPLER = Sampler(_draw)
