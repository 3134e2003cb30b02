"""Which configurations are trained again on fresh seeds.

They are the best of the search, the best with each set of remedies, and the baseline. They
follow from the search's results alone, so that a study that is resumed selects what it selected
before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from pydantic import ValidationError

from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.spec.design_plan import planned_trials
from ganstudy.study.spec.keys import Params
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import NO_REMEDIES, TrialState
from ganstudy.trials.results.roles import BASELINE, BEST, NEAREST, joined

EARLIER = "chosen earlier"
"""Role of what was confirmed before the search went on and found something else."""


@dataclass(frozen=True)
class Candidate:
    """A trial of the search that was evaluated and is over."""

    number: int
    params: Params
    state: TrialState
    outcome: Outcome


@dataclass(frozen=True)
class SelectedConfiguration:
    """A configuration to confirm."""

    params: Params
    config: TrialConfig
    """On the fresh seeds."""
    roles: tuple[str, ...]
    """Why it was selected."""
    confirms: int | None
    """The search's trial of this configuration; None for a baseline that the search never drew."""

    @property
    def role(self) -> str:
        """All roles as one text."""
        return joined(self.roles)


class Tier(IntEnum):
    """What decides the rank of a candidate first; smaller is better."""

    FEASIBLE = 0
    """Complete, and within the constraints."""
    INFEASIBLE = 1
    """Complete, with more seeds of some verdict than allowed."""
    STOPPED = 2
    """Stopped early, so that its score is one of less training."""
    NO_MEDIAN = 3
    """Without an objective, as its median falls on a diverged seed."""


class Rank(NamedTuple):
    """Sort key of a candidate; smaller is better."""

    tier: Tier
    remaining: float
    """Minus the progress, of those that were stopped early."""
    excess: float
    """Seeds beyond the allowed ones."""
    score: float
    number: int


def select(spec: StudySpec, candidates: Iterable[Candidate]) -> list[SelectedConfiguration]:
    """Return what `spec.confirm` asks for, the best first; nothing if no trial was evaluated.

    Feasible complete trials come first, by their objective. If the study has none, the nearest to
    being one is confirmed instead; likewise for a set of remedies, and for the baseline.
    """
    assert spec.confirm is not None
    confirm, template = spec.confirm, spec.space.template
    ranked = sorted(candidates, key=lambda candidate: rank(candidate, spec))
    selected: dict[str, SelectedConfiguration] = {}

    def add(params: Params, role: str, confirms: int | None) -> None:
        """Select a configuration, or give one that is selected already a further role."""
        config = on_fresh_seeds(spec, params)
        known = selected.get(config.digest)
        selected[config.digest] = SelectedConfiguration(
            params=params if known is None else known.params,
            config=config,
            roles=(role,) if known is None else (*known.roles, role),
            confirms=confirms if known is None else known.confirms,
        )

    for candidate in ranked:
        if len(selected) == confirm.top or rank(candidate, spec).tier is not Tier.FEASIBLE:
            break
        # The sampler may draw the same configuration twice.
        if on_fresh_seeds(spec, candidate.params).digest not in selected:
            add(candidate.params, BEST, candidate.number)
    if ranked and not selected:
        add(ranked[0].params, NEAREST, ranked[0].number)
    # In the order of rank, so the first of a set is its best.
    best_of_set: dict[str, Candidate] = {}
    for candidate in ranked:
        best_of_set.setdefault(template.remedy_set(candidate.params), candidate)
    plain = best_of_set.pop(NO_REMEDIES, None)
    for remedy_set, candidate in [*best_of_set.items()][: confirm.remedy_sets]:
        add(candidate.params, f"{BEST} with {remedy_set}", candidate.number)
    if confirm.baseline and plain is not None:
        add(plain.params, BASELINE, plain.number)
    elif confirm.baseline:
        params = _best_without_its_remedies(spec, ranked)
        if params is not None:
            add(params, BASELINE, None)
    return list(selected.values())


def max_trials(spec: StudySpec) -> int:
    """Return the largest number of configurations that `select` can return."""
    assert spec.confirm is not None
    confirm, space = spec.confirm, spec.space
    with_remedies = space.num_remedy_sets() - space.includes_plain_gan
    sets = min(confirm.remedy_sets, with_remedies)
    wanted = min(confirm.top, planned_trials(spec) + spec.search.trials) + sets + confirm.baseline
    # If every set and the baseline are confirmed, the best trial is the best of one of them too.
    all_sets = sets == with_remedies and (confirm.baseline or not space.includes_plain_gan)
    return max(1, wanted - all_sets)


def on_fresh_seeds(spec: StudySpec, params: Params) -> TrialConfig:
    """Return the configuration of `params` on the fresh seeds."""
    assert spec.confirm is not None
    return spec.space.trial_config(params).model_copy(update={"seeds": spec.confirm.seeds})


def rank(candidate: Candidate, spec: StudySpec) -> Rank:
    """Return the sort key of a candidate.

    Feasible ones by objective; infeasible ones by the seeds in excess; stopped ones by how far they
    came; last those without a median.
    """
    outcome, number = candidate.outcome, candidate.number
    excess = float(outcome.excess(spec.objective.require))
    if outcome.objective is None:
        return Rank(Tier.NO_MEDIAN, 0.0, excess, 0.0, number)
    score = -outcome.objective if spec.objective.maximize else outcome.objective
    if candidate.state is not TrialState.COMPLETE:
        return Rank(Tier.STOPPED, -outcome.progress, excess, score, number)
    tier = Tier.INFEASIBLE if excess else Tier.FEASIBLE
    # The number last: equal scores have one order, whichever process ranks them.
    return Rank(tier, 0.0, excess, score, number)


def _best_without_its_remedies(spec: StudySpec, ranked: list[Candidate]) -> Params | None:
    """Return the parameters of the best GAN with its remedies off, of those that can do without."""
    for candidate in ranked:
        params = spec.space.template.without_remedies(candidate.params)
        if params is None:
            continue
        # No rule needs a remedy today; one that did must not keep a study from its confirm stage.
        try:
            spec.space.trial_config(params)
        except ValidationError:
            continue
        return params
    return None
