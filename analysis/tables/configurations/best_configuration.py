"""Describe the configuration that a study recommends, or any other trial, with seeds' scores."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from ganstudy.analysis.formatting import listed, number
from ganstudy.analysis.frames import selection
from ganstudy.analysis.frames.comparable_verdicts import too_early
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.frames.trial_record import TrialRecord, trial_records
from ganstudy.analysis.tables.configurations.confirm import confirmed_configurations, first_choice
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.documents import JsonObject, Settings
from ganstudy.trials.results.records import FAILURES, OWN_SEEDS, Stage, TrialState, Verdict
from ganstudy.trials.results.roles import BEST, has_role


@dataclass(frozen=True)
class ScoreOverSeeds:
    """One measure over the seeds of a trial, at its last evaluation."""

    median: float | None
    """A missing value counts as the worst; None where the median is one."""
    lowest: float
    highest: float
    n: int
    """Seeds that have a value."""
    floor: float | None
    """The same measure of real training data scored as if generated."""


@dataclass(frozen=True)
class BestConfiguration:
    """One trial with the scores of its seeds and where they come from."""

    number: int
    run_id: str
    config_digest: str
    role: str
    """What the trial was for, in words."""
    params: Settings
    """Value by hyperparameter that the study searched."""
    objective: str
    direction: str
    value: float | None
    """Of the objective: median over seeds."""
    seeds: dict[int, float | None]
    """Value of the objective by seed; None for a diverged one."""
    default_seed: int
    """The seed of median value."""
    num_seeds: int
    diverged: str
    """Which seeds failed, in words."""
    scores: dict[str, ScoreOverSeeds]
    """By measure."""
    verdicts: dict[str, int]
    """Number of seeds by verdict; those that no seed has are absent."""
    budget: str
    question: str
    provenance: JsonObject
    notes: list[str]
    """What keeps the scores from being what they seem; one sentence each."""
    source: str
    python: str

    def to_json(self) -> JsonObject:
        """Return all fields as plain JSON."""
        return asdict(self)


def _failed(study: Study, trial: TrialRecord, without_score: str) -> str:
    """Return which seeds failed: "of which 1 collapsed and seed 2 diverged", or that none did.

    without_score: the seeds that have none, which diverged.
    """
    row = study.trials[study.trials["number"] == trial.number]
    unknown = int(too_early(row).sum()) + trial.verdicts.get(Verdict.UNKNOWN, 0)
    kinds = [
        f"{seeds} {verdict.past}"
        for verdict in (Verdict.CYCLING, Verdict.COLLAPSED)
        if (seeds := trial.verdicts.get(verdict, 0))
    ]
    if without_score:
        kinds.append(f"seed{'s' if ',' in without_score else ''} {without_score} diverged")
    if not kinds:
        return "of which nobody knows whether any failed" if unknown else "none of which failed"
    return f"of which {'at least ' if unknown else ''}{listed(kinds)}"


def best_configuration(study: Study, number: int | None = None) -> BestConfiguration | None:
    """Return the best trial, or the trial `number`; None where no trial qualifies.

    The best is the search's first choice, with the scores of fresh seeds where it was trained again
    on such ([confirm]), whatever they are: the best of the confirmed trials would have been
    selected for a good score once more.

    Raise KeyError for a trial that the study does not have, ValueError for one without any
    evaluation.
    """
    trial = _trial(study, number)
    if trial is None:
        return None
    measure, sign = study.objective
    seeds = study.seeds[study.seeds["number"] == trial.number]
    if seeds.empty:
        raise ValueError(f"trial {trial.number} has no evaluation")
    values = {
        int(seed): _plain(value) for seed, value in zip(seeds["seed"], seeds[measure], strict=True)
    }
    finite = sorted((sign * value, seed) for seed, value in values.items() if value is not None)
    diverged = ", ".join(str(seed) for seed, value in values.items() if value is None)
    return BestConfiguration(
        number=trial.number,
        run_id=trial.run_id,
        config_digest=trial.config_digest,
        role=_role(trial),
        params={key: _plain(value) for key, value in trial.settings.items() if not pd.isna(value)},
        objective=measure,
        direction=MEASURES[measure].direction,
        value=_plain(trial.objective),
        seeds=values,
        # Of an even number of seeds the better one in the middle: a median between two is no seed's.
        default_seed=finite[(len(finite) - 1) // 2][1] if finite else next(iter(values)),
        num_seeds=len(values),
        diverged=_failed(study, trial, diverged),
        scores=_scores(study, trial, seeds),
        verdicts={verdict.value: seeds for verdict, seeds in trial.verdicts.items()},
        budget=f"{study.budget.amount:g} {study.budget.unit.replace('_', ' ')}",
        question=study.question,
        provenance=study.provenance,
        notes=_notes(study, trial),
        source=study.origin.source,
        python=study.origin.python,
    )


def _trial(study: Study, number: int | None) -> TrialRecord | None:
    """Return the trial to show."""
    trials = selection.ranked(study)
    fresh = first_choice(study, confirmed_configurations(study)) if number is None else None
    # What came nearest to the constraints is recommended only if it satisfies them on fresh seeds.
    if fresh is not None and (
        has_role(fresh.role, BEST) or fresh.number in set(trials.loc[trials["candidate"], "number"])
    ):
        number = fresh.number
    if number is not None:
        found = trials[trials["number"] == number]
        if found.empty:
            known = ", ".join(map(str, sorted(trials["number"])[:20])) or "none"
            raise KeyError(f"the study {study.name!r} has no trial {number}; it has: {known}")
        return trial_records(study, found)[0]
    return next(iter(trial_records(study, _candidates(study).head(1))), None)


def _candidates(study: Study) -> pd.DataFrame:
    """Return the search's complete trials within the constraints, the best first."""
    searched = selection.ranked(study.of_stage(*OWN_SEEDS))
    return searched[searched["candidate"]]


def _role(trial: TrialRecord) -> str:
    """Return what the trial was for, as a sentence."""
    if trial.stage == Stage.CONFIRM.value:
        of = "" if trial.confirms is None else f", trial {trial.confirms} of the search"
        role = trial.role or Stage.CONFIRM.value
        return f"Trained again on fresh seeds after the search ({role}{of})."
    if trial.state != TrialState.COMPLETE:
        return f"A trial of the search that is {trial.state}: it did not spend its whole budget."
    return "A trial of the search."


def _notes(study: Study, trial: TrialRecord) -> list[str]:
    """Return what keeps the scores from being what they seem; one sentence each."""
    if trial.stage == Stage.CONFIRM.value:
        failed = trial.failed
        return [f"{failed} of {trial.num_seeds} fresh seeds {FAILURES}."] if failed else []
    candidates = _candidates(study)
    if trial.number not in set(candidates["number"]):
        return []
    for fresh in confirmed_configurations(study):
        if fresh.confirms != trial.number or math.isnan(fresh.score.value):
            continue
        name = MEASURES[study.objective.measure].label
        return [
            "The search selected by these scores, which flatters them. On "
            f"{fresh.num_seeds} fresh seeds: {name} {number(fresh.score.value)}, "
            f"{fresh.failed} failed (trial {fresh.number}); quote that."
        ]
    return [
        f"Chosen from {len(candidates)} complete trials{study.qualified} by these very scores, "
        "which flatters them: train it again on fresh seeds before quoting it."
    ]


def _scores(study: Study, trial: TrialRecord, seeds: pd.DataFrame) -> dict[str, ScoreOverSeeds]:
    """Return the measures that any seed has a value of."""
    scores = {}
    for name in MEASURES:
        known = seeds[name].dropna()
        if len(known):
            scores[name] = ScoreOverSeeds(
                median=_plain(trial.medians[name]),
                lowest=float(known.min()),
                highest=float(known.max()),
                n=len(known),
                floor=study.floor.get(name),
            )
    return scores


def _plain(value: Any) -> Any:
    """Return the value as JSON has it, None for a missing number."""
    if isinstance(value, str):
        return value
    # JSON knows no numbers of NumPy.
    return None if pd.isna(value) else value.item() if hasattr(value, "item") else value
