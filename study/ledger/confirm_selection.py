"""Which configurations are trained again on fresh seeds: the best of the search, of each set of
remedies, the baseline.

Pure functions of the search's results, so that a study that is resumed chooses what it chose
before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.study.spec.tables import Confirm
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import NO_REMEDIES, TrialState

BEST, NEAREST, BASELINE = "best", "nearest", "baseline"
EARLIER = "chosen earlier"
"""Role of what was confirmed before the search went on and found something else."""
SEPARATOR = "; "
Rank = tuple[int, float, float, float, int]


@dataclass(frozen=True)
class Candidate:
    """A trial of the search that was evaluated and is over."""

    number: int
    params: dict[str, Any]
    state: TrialState
    outcome: Outcome


@dataclass(frozen=True)
class Choice:
    """A configuration to confirm."""

    params: dict[str, Any]
    config: TrialConfig
    """On the fresh seeds."""
    roles: tuple[str, ...]
    """Why it was chosen."""
    confirms: int | None
    """The search's trial of this configuration; None for a baseline that the search never drew."""

    @property
    def role(self) -> str:
        """All of them in words."""
        return SEPARATOR.join(self.roles)


def choose(spec: StudySpec, candidates: Iterable[Candidate]) -> list[Choice]:
    """What `spec.confirm` asks for, the best first; nothing where no trial of the search was
    evaluated.

    Complete trials within the constraints come first, by their objective. Where the study has none
    of them, the one nearest to that is confirmed in their place; so is it for a set of remedies,
    and for the baseline.
    """
    assert spec.confirm is not None
    confirm, space = spec.confirm, spec.space
    ranked = sorted(candidates, key=lambda candidate: rank(candidate, spec))
    chosen: dict[str, Choice] = {}

    def take(params: dict[str, Any], role: str, confirms: int | None) -> None:
        config = fresh(spec, params)
        before = chosen.get(config.digest, Choice(params, config, (), confirms))
        chosen[config.digest] = Choice(
            before.params, config, (*before.roles, role), before.confirms
        )

    for candidate in ranked:
        if len(chosen) == confirm.top or not _wins(candidate, spec):
            break
        if (
            fresh(spec, candidate.params).digest not in chosen
        ):  # the sampler may draw the same one twice
            take(candidate.params, BEST, candidate.number)
    if ranked and not chosen:
        take(ranked[0].params, NEAREST, ranked[0].number)
    by_label: dict[str, Candidate] = {}
    for candidate in ranked:
        by_label.setdefault(space.template.remedy_set(candidate.params), candidate)
    plain = by_label.pop(NO_REMEDIES, None)
    for label, candidate in [*by_label.items()][: confirm.remedy_sets]:
        take(candidate.params, f"{BEST} with {label}", candidate.number)
    if confirm.baseline and plain is not None:
        take(plain.params, BASELINE, plain.number)
    elif confirm.baseline and (stripped := _without_remedies(spec, ranked)) is not None:
        take(stripped, BASELINE, None)
    return list(chosen.values())


def most(spec: StudySpec) -> int:
    """Configurations that `choose` takes at most."""
    assert spec.confirm is not None
    confirm: Confirm = spec.confirm
    labels = spec.space.num_remedy_sets()
    sets = min(confirm.remedy_sets, labels - spec.space.includes_plain_gan)
    wanted = min(confirm.top, spec.search.trials) + sets + confirm.baseline
    # The best one is the best of its own set too.
    all_of_them = sets == labels - spec.space.includes_plain_gan and (
        confirm.baseline or not spec.space.includes_plain_gan
    )
    return max(1, wanted - all_of_them)


def fresh(spec: StudySpec, params: dict[str, Any]) -> TrialConfig:
    """The configuration of `params` on the fresh seeds."""
    assert spec.confirm is not None
    return spec.space.trial_config(params).model_copy(update={"seeds": spec.confirm.seeds})


def rank(candidate: Candidate, spec: StudySpec) -> Rank:
    """Smaller is better: complete within the constraints by objective; complete beyond them by the
    seeds in excess; stopped early, those first that came furthest; last those without a median."""
    outcome, number = candidate.outcome, candidate.number
    excess = float(outcome.excess(spec.objective.require))
    if outcome.objective is None:
        return 3, 0.0, excess, 0.0, number
    score = -outcome.objective if spec.objective.maximize else outcome.objective
    if candidate.state is TrialState.COMPLETE:
        return (1 if excess else 0), 0.0, excess, score, number
    return 2, -outcome.progress, excess, score, number


def _wins(candidate: Candidate, spec: StudySpec) -> bool:
    return rank(candidate, spec)[0] == 0


def _without_remedies(spec: StudySpec, ranked: list[Candidate]) -> dict[str, Any] | None:
    """The best GAN's parameters with its remedies switched off; None where there is none, or it
    cannot do without.
    """
    for candidate in ranked:
        params = spec.space.template.without_remedies(candidate.params)
        if params is not None:
            try:
                spec.space.trial_config(params)
            except ValidationError:
                continue
            return params
    return None
