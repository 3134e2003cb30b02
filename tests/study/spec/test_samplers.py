"""Samplers by name: a file each for how they draw, a table of the facts that statistics need."""

from __future__ import annotations

import pkgutil

import optuna

from ganstudy.study.spec import samplers as package
from ganstudy.study.spec.domains import Range
from ganstudy.study.spec.samplers.base import Sampler
from ganstudy.study.spec.samplers.registry import SAMPLERS
from ganstudy.study.spec.search_space import SearchSpace
from ganstudy.study.spec.trial_template import TrialTemplate
from ganstudy.trials.results import samplers


def test_every_file_of_a_sampler_is_listed_with_its_facts() -> None:
    files = {module.name for module in pkgutil.iter_modules(package.__path__)}
    assert files - {"base", "registry"} == set(samplers.SAMPLERS) == set(SAMPLERS)
    assert samplers.DEFAULT_SAMPLER in SAMPLERS
    assert all(isinstance(sampler, Sampler) for sampler in SAMPLERS.values())


def test_an_unknown_sampler_is_taken_for_one_that_learns() -> None:
    facts = samplers.facts_of("sobol")
    assert not facts.exchangeable and facts.drawn.startswith("by sobol, ")


def test_trials_are_drawn_by_their_own_numbers() -> None:
    """The same trial gets the same draw in whatever order trials are drawn."""
    searched = SearchSpace({"lr_d": Range(1e-4, 1e-2, log=True)}, TrialTemplate({}))
    for name in ("tpe", "random"):
        draws = []
        for numbers in ((0, 1, 2), (2, 1, 0)):
            study = optuna.create_study()
            drawn = {}
            for number in numbers:
                study.sampler = SAMPLERS[name].draw(searched, 7, number)
                drawn[number] = searched.suggest(study.ask())["lr_d"]
            draws.append(drawn)
        assert draws[0] == draws[1] and len({*draws[0].values()}) == 3, name
