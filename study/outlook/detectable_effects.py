"""Compute the smallest effects that a study's report would find, by simulation.

The simulation uses the report's own statistics.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np

from ganstudy.analysis.stats.crossed.design import Design
from ganstudy.analysis.stats.crossed.effect import MIN_POINTS, MIN_SEEDS
from ganstudy.analysis.stats.crossed.power import (
    MIN_SINGLE_SEEDS,
    POWER,
    Effects,
    made_single_studies,
    made_studies,
)
from ganstudy.analysis.stats.estimate import MIN_CONFIGURATIONS
from ganstudy.analysis.stats.multiplicity import bonferroni_level
from ganstudy.study.ledger.trials_ahead import TrialsAhead, searched_ahead
from ganstudy.study.outlook.spread import Spread
from ganstudy.study.spec.design import Design as DesignTable
from ganstudy.study.spec.design_plan import factors, num_points, planned_trials
from ganstudy.study.spec.domains import Choices
from ganstudy.study.spec.keys import Params
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config.k_ratio import as_schedule
from ganstudy.trials.results.function_params import reported_name
from ganstudy.trials.results.records import NO_REMEDIES
from ganstudy.trials.results.samplers import facts_of

K, REMEDIES, RATES = "k", "remedies", ("lr_d", "lr_g")
# As many groups as the report makes of a setting (analysis/frames/selection.py).
MAX_GROUPS, THIRDS = 8, 3
# A guess: the pairs of so many comparisons say what the others have.
MOST_MATCHED = 30
SEED = 0
MOST_TRIALS = 100_000
"""Of a design that is only planned."""


@dataclass(frozen=True)
class Question:
    """The values of a setting, compared with one another."""

    setting: str
    values: int
    comparisons: int
    """Of this setting."""
    together: int
    """Comparisons that are corrected together."""
    pairs: int
    """Matched configurations in a comparison, as the search draws them; of a design its points."""
    twins: int | None = None
    """Of a design: pairs at a point, over which the report takes the mean. None elsewhere."""
    single: bool = False
    """Whether single configurations are compared, seed by seed, as they have no equals."""

    def effects(self, spread: Spread, seeds: int) -> Effects | None:
        """Return what made-up studies would find; None where they would claim nothing."""
        level, variances = bonferroni_level(self.together), spread.of(self.setting)
        if self.single:
            return made_single_studies(variances, seeds, level)
        if self.twins is None:
            return made_studies(variances, Design(self.pairs, seeds), level)
        variances = spread.of_points(self.setting, self.twins)
        return made_studies(variances, Design(self.pairs, seeds), level, MIN_POINTS)

    def smallest(self, spread: Spread, seeds: int) -> float | None:
        """Return the smallest effect that is found with POWER."""
        found = self.effects(spread, seeds)
        return None if found is None else found.smallest(POWER)

    @property
    def fewest(self) -> int:
        """Fewest pairs, or points, with which anything can be found."""
        return MIN_CONFIGURATIONS if self.twins is None else MIN_POINTS

    @property
    def fewest_seeds(self) -> int:
        """Fewest seeds with which anything can be found."""
        return MIN_SINGLE_SEEDS if self.single else MIN_SEEDS


def questions(spec: StudySpec) -> list[Question]:
    """Return what the report will compare: any two k, and each set of remedies with none.

    Where there are designed trials, they alone are compared.
    """
    if spec.design is not None:
        return designed(spec)
    planned = searched_ahead(spec)
    settings = {setting: _labels(spec, planned.params, setting) for setting in (K, REMEDIES)}
    couples = {setting: _couples(setting, labels) for setting, labels in settings.items()}
    asked = {setting: found for setting, found in couples.items() if found}
    whole_grid = _is_whole_grid(spec, planned)
    # One primary family on a full grid without [confirm] (analysis/tables/effects/contrasts.py).
    together = sum(map(len, asked.values())) if whole_grid and spec.confirm is None else None
    made = []
    for setting, found in asked.items():
        labels = settings[setting]
        values = len(set(labels))
        key = spec.space.template.key_of(setting)
        pairs = planned.total // values if whole_grid else _pairs(planned, key, labels, found)
        made.append(
            Question(
                setting=setting,
                values=values,
                comparisons=len(found),
                together=together or len(found),
                pairs=pairs,
            )
        )
    return [_by_seed(question) for question in made] if whole_grid else made


def with_design(spec: StudySpec, points: int) -> StudySpec:
    """Return the study with as many points of its design, and nothing searched behind it.

    Without a design it is given one of all its lists.
    """
    changed = {"points": points, "most": MOST_TRIALS}
    design = (spec.design or DesignTable()).model_copy(update=changed)
    search = spec.search.model_copy(update={"trials": 0})
    return spec.model_copy(update={"design": design, "search": search})


def designed(spec: StudySpec) -> list[Question]:
    """Return what the report compares in the trials of a design."""
    trials, points = planned_trials(spec), num_points(spec)
    made = []
    for setting, domain in _compared_factors(spec).items():
        found = _couples(setting, list(map(str, domain.values)))
        if found:
            twins = trials // points // len(domain.values)
            made.append(Question(setting, len(domain.values), len(found), 0, points, twins))
    # One primary family (analysis/tables/effects/contrasts.py).
    together = sum(question.comparisons for question in made)
    made = [replace(question, together=together) for question in made]
    return [_by_seed(question) for question in made]


def _compared_factors(spec: StudySpec) -> dict[str, Choices]:
    """Return the factors of a design whose values the report compares, k and remedies first.

    As analysis/tables/effects/compared_settings.py has them of the finished trials.
    """
    domains = {
        reported_name(key): domain
        for key in factors(spec)
        if isinstance(domain := spec.space.domains.get(key), Choices) and len(domain.values) > 1
    }
    main = {name: domains[name] for name in (K, REMEDIES) if name in domains}
    searched = {reported_name(key) for key in spec.space.domains}
    elsewhere = {*main, *(RATES if set(RATES) <= searched else ()), *spec.space.template.keys.flags}
    others = {
        name: domain
        for name, domain in domains.items()
        if name not in elsewhere and len(domain.values) <= MAX_GROUPS
    }
    return main | others


def is_adaptive(spec: StudySpec) -> bool:
    """Return whether effects are estimated from a search that goes where scores are good."""
    return spec.design is None and not facts_of(spec.search.sampler).exchangeable


def _by_seed(question: Question) -> Question:
    """Return the question of a grid or a design as the report asks it where remedies have too few pairs."""
    if question.setting != REMEDIES or question.pairs >= question.fewest:
        return question
    comparisons = (question.values - 1) * question.pairs * (question.twins or 1)
    return replace(question, comparisons=comparisons, together=comparisons, single=True)


def _labels(spec: StudySpec, params: list[Params], setting: str) -> list[str]:
    """Return the value of a setting per trial, in thirds where there are many."""
    if setting == REMEDIES:
        return [spec.space.template.remedy_set(each) for each in params]
    key = spec.space.template.key_of(setting)
    if key not in spec.space.domains:
        return [""] * len(params)
    values = [as_schedule(each[key]) if key in each else None for each in params]
    if len(set(values)) <= MAX_GROUPS:
        return [str(value) for value in values]
    # A schedule of several parts has no size: each is a value of its own.
    if any(value is None or value.segments for value in values):
        return [str(value) for value in values]
    sizes = np.array([float(value.last) for value in values if value is not None])
    ends = np.quantile(sizes, np.arange(1, THIRDS) / THIRDS)
    return [str(third) for third in np.searchsorted(ends, sizes)]


def _couples(setting: str, labels: list[str]) -> list[tuple[str, str]]:
    values = list(dict.fromkeys(labels))
    if setting == REMEDIES:
        return (
            [(v, NO_REMEDIES) for v in values if v != NO_REMEDIES] if NO_REMEDIES in values else []
        )
    return list(itertools.combinations(values, 2))


def _is_whole_grid(spec: StudySpec, planned: TrialsAhead) -> bool:
    lists = [d.values for d in spec.space.domains.values() if isinstance(d, Choices)]
    return spec.search.sampler == "grid" and math.prod(map(len, lists)) == planned.total


def _pairs(
    planned: TrialsAhead, setting: str, labels: list[str], couples: list[tuple[str, str]]
) -> int:
    """Return how many pairs the report would match of two values, a usual one of all couples."""
    import pandas as pd

    from ganstudy.analysis.stats.matching import coordinates, match

    table = pd.DataFrame(planned.params)
    others = [
        name
        for name in table
        if name != setting
        and not table[name].isna().any()
        and table[name].nunique() > 1
        and not (setting == REMEDIES and all(isinstance(value, bool) for value in table[name]))
    ]
    points, arms = coordinates(table[others]), np.array(labels)
    rng = np.random.default_rng(SEED)
    step = -(-len(couples) // MOST_MATCHED)
    found = [
        len(match(points[arms == one], points[arms == other], len(others), rng).treated)
        for one, other in couples[::step]
    ]
    return int(np.median(found) * planned.total / len(planned.params))
