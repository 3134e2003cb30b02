"""Which configurations are trained again on fresh seeds.

They are the best of the search, the best with each set of remedies, the best without any, and
twins: the same with its remedies switched off, from which alone a remedy's effect is estimated. They
follow from the search's results alone, so that a study that is resumed selects what it selected
before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
from ganstudy.trials.results.roles import (
    BASELINE,
    BEST,
    NEAREST,
    best_with,
    is_best_with,
    joined,
    twin_of,
)


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
    """The search's trial of this configuration; None for a twin that the search never drew."""

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
    being one is confirmed instead; likewise for a set of remedies, and without remedies. Twins come
    last: of the first choice, then of the best of each set.
    """
    assert spec.confirm is not None
    confirm, template = spec.confirm, spec.space.template
    ranked = sorted(candidates, key=lambda candidate: rank(candidate, spec))
    selected = _Selection(spec)
    for candidate in ranked:
        if len(selected) == confirm.top or rank(candidate, spec).tier is not Tier.FEASIBLE:
            break
        # The sampler may draw the same configuration twice.
        if candidate.params not in selected:
            selected.add(candidate.params, BEST, candidate.number)
    if ranked and not len(selected):
        selected.add(ranked[0].params, NEAREST, ranked[0].number)
    # In the order of rank, so the first of a set is its best.
    best_of_set: dict[str, Candidate] = {}
    for candidate in ranked:
        best_of_set.setdefault(template.remedy_set(candidate.params), candidate)
    plain = best_of_set.pop(NO_REMEDIES, None)
    sets = [*best_of_set.items()][: confirm.remedy_sets]
    for remedy_set, candidate in sets:
        selected.add(candidate.params, best_with(remedy_set), candidate.number)
    if confirm.baseline and plain is not None:
        selected.add(plain.params, BASELINE, plain.number)
    for candidate, params in _twins(spec, ranked, [candidate for _, candidate in sets]):
        drawn = _drawn(spec, ranked, params)
        number = None if drawn is None else drawn.number
        selected.add(params, twin_of(selected.number_of(candidate)), number)
    return selected.configurations


class _Selection:
    """Configurations in the order of their first role, each once."""

    def __init__(self, spec: StudySpec) -> None:
        self._spec = spec
        self._by_digest: dict[str, SelectedConfiguration] = {}

    def __len__(self) -> int:
        return len(self._by_digest)

    def __contains__(self, params: Params) -> bool:
        return on_fresh_seeds(self._spec, params).digest in self._by_digest

    def add(self, params: Params, role: str, confirms: int | None) -> None:
        """Select a configuration, or give one that is selected already a further role."""
        config = on_fresh_seeds(self._spec, params)
        known = self._by_digest.get(config.digest)
        self._by_digest[config.digest] = SelectedConfiguration(
            params=params if known is None else known.params,
            config=config,
            roles=(role,) if known is None else (*known.roles, role),
            confirms=confirms if known is None else known.confirms,
        )

    def number_of(self, candidate: Candidate) -> int:
        """Return the search's trial that stands for a candidate: of equal ones the selected one."""
        known = self._by_digest.get(on_fresh_seeds(self._spec, candidate.params).digest)
        if known is None or known.confirms is None:
            return candidate.number
        return known.confirms

    @property
    def configurations(self) -> list[SelectedConfiguration]:
        """All of them."""
        return list(self._by_digest.values())


def _twins(
    spec: StudySpec, ranked: list[Candidate], of_sets: list[Candidate]
) -> list[tuple[Candidate, Params]]:
    """Return the candidates whose twins are trained, with the twins' parameters.

    The first choice, and the best of each set after it, up to `confirm.twins`. Where the search
    drew nothing without remedies and a baseline is asked for, the twin of the best GAN at least.
    """
    assert spec.confirm is not None
    # The first choice is the best of its own set, too; by number, as it must not count twice.
    wanted = {candidate.number: candidate for candidate in [*ranked[:1], *of_sets]}
    twins = [(c, params) for c in wanted.values() if (params := twin_params(spec, c.params))]
    twins = twins[: spec.confirm.twins]
    if not twins and spec.confirm.baseline and not any(_is_plain(spec, c) for c in ranked):
        return [(c, params) for c in ranked if (params := twin_params(spec, c.params))][:1]
    return twins


def no_twins(spec: StudySpec, selected: Sequence[SelectedConfiguration]) -> list[int]:
    """Return the search's trials that cannot do without their remedies.

    They are among those that get a twin: the first choice, and the best of each set.
    """
    return [
        chosen.confirms
        for chosen in selected
        if (chosen is selected[0] or is_best_with(chosen.role))
        and chosen.confirms is not None
        and chosen.config.remedies
        and twin_params(spec, chosen.params) is None
    ]


def twin_params(spec: StudySpec, params: Params) -> Params | None:
    """Return the parameters of the twin: all remedies off, all else equal.

    It is None where there is no remedy to switch off, or no such configuration can be.
    """
    template = spec.space.template
    without = template.without_remedies(params)
    if without is None or template.remedy_set(params) == NO_REMEDIES:
        return None
    # No rule needs a remedy today; one that did must not keep a study from its confirm stage.
    try:
        spec.space.trial_config(without)
    except ValidationError:
        return None
    return without


def _drawn(spec: StudySpec, ranked: list[Candidate], params: Params) -> Candidate | None:
    """Return the best candidate that is this configuration without remedies; None if not drawn."""
    without = spec.space.template.without_remedies
    return next((c for c in ranked if _is_plain(spec, c) and without(c.params) == params), None)


def _is_plain(spec: StudySpec, candidate: Candidate) -> bool:
    return spec.space.template.remedy_set(candidate.params) == NO_REMEDIES


def max_trials(spec: StudySpec) -> int:
    """Return the largest number of configurations that `select` can return."""
    assert spec.confirm is not None
    confirm, space = spec.confirm, spec.space
    with_remedies = space.num_remedy_sets() - space.includes_plain_gan
    sets = min(confirm.remedy_sets, with_remedies)
    twins = max_twins(spec)
    # What the search never draws without remedies is replaced by a twin.
    plain = confirm.baseline and (space.includes_plain_gan or not twins)
    wanted = min(confirm.top, planned_trials(spec) + spec.search.trials) + sets + plain + twins
    # If every set and the baseline are confirmed, the best trial is the best of one of them too.
    all_sets = sets == with_remedies and (confirm.baseline or not space.includes_plain_gan)
    return max(1, wanted - all_sets)


def max_twins(spec: StudySpec) -> int:
    """Return the largest number of twins that `select` can return.

    These are the comparisons that are made on fresh seeds.
    """
    assert spec.confirm is not None
    confirm, space = spec.confirm, spec.space
    gans = space.num_gan_remedy_sets() - space.includes_plain_gan
    trials = planned_trials(spec) + spec.search.trials
    # The first choice is the best of its set: with the sets it is counted already.
    return min(confirm.twins, gans, trials, max(1, confirm.remedy_sets))


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
