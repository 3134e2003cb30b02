"""The first configurations of a study, drawn without a ledger."""

from __future__ import annotations

from collections.abc import Iterator

import optuna

from ganstudy.study.spec.design_plan import plan
from ganstudy.study.spec.keys import Params
from ganstudy.study.spec.samplers.registry import SAMPLERS
from ganstudy.study.spec.study_spec import StudySpec


def sampler_of(spec: StudySpec, number: int) -> optuna.samplers.BaseSampler:
    """Return the sampler that draws trial `number`."""
    return SAMPLERS[spec.search.sampler].draw(spec.space, spec.search.seed, number)


def preview(spec: StudySpec, count: int) -> Iterator[Params]:
    """Draw the first configurations that the study would try."""
    designed = [] if spec.design is None else plan(spec)[:count]
    yield from (trial.params for trial in designed)
    # In memory: a preview must not begin a ledger.
    study = optuna.create_study(direction=spec.objective.direction)
    for number in range(min(count - len(designed), spec.search.trials)):
        study.sampler = sampler_of(spec, number)
        yield spec.space.suggest(study.ask())
