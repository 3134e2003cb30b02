"""Optuna samplers by name, and a preview of what one proposes first."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import optuna

from ganstudy.study.spec.study_spec import StudySpec


def sampler(spec: StudySpec, number: int) -> optuna.samplers.BaseSampler:
    """The sampler that draws trial `number`."""
    seed = (spec.search.seed * 1_000_003 + number) % 2**32
    if spec.search.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    if spec.search.sampler == "grid":
        # One seed for all numbers: it orders the grid, and trial n takes its n-th point.
        return optuna.samplers.GridSampler(spec.space.grid(), seed=spec.search.seed)
    with warnings.catch_warnings():
        # `group` is what lets multivariate TPE handle the parameters that only some remedies have.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            seed=seed, multivariate=True, group=True, constant_liar=True
        )


def preview(spec: StudySpec, count: int) -> Iterator[dict[str, Any]]:
    """The first configurations that the study would try."""
    study = optuna.create_study(direction=spec.objective.direction)
    for number in range(min(count, spec.search.trials)):
        study.sampler = sampler(spec, number)
        yield spec.space.suggest(study.ask())
