"""Select which trials are compared, and group them by the values of a setting."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from ganstudy.analysis.frames.kept import kept
from ganstudy.analysis.frames.study import Study
from ganstudy.trials.results.number_format import three_digits
from ganstudy.trials.results.records import (
    FAILURE_VERDICTS,
    NO_REMEDIES,
    OWN_SEEDS,
    TrialState,
)

COMPARED = ("k", "remedies")
"""Settings that a report compares value by value."""
NONE = NO_REMEDIES
"""Label of no remedy."""
EVERYTHING = "all"
"""Label of the one group where no setting splits the trials."""
FAILED = "failed"
"""Column: number of seeds with a failure verdict."""
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
"""States of the trials that are compared: how far a failed or running one got says nothing about
its setting.
"""
# A guess: more groups than this leave few trials to each.
MAX_GROUPS = 8
"""A setting with more numbers than this (drawn from a range) is compared by thirds."""


def search_stage(study: Study) -> Study:
    """Return the study without the trainings on fresh seeds of its confirm stage."""
    return study.of_stage(*OWN_SEEDS)


@kept
def distinct_configurations(study: Study) -> Study:
    """Return the search's trials with every configuration once.

    Of equal configurations it is the trial that got furthest, and the first of those.

    Equal configurations made the same numbers on the same seeds, as far as both went, so the longer
    one has all that is known; the shorter one would lower the amount at which all trials are
    compared. One that failed or still runs counts only where none has ended.
    """
    study = search_stage(study)
    trials = study.trials
    if "config_digest" not in trials or trials.empty:
        return study
    furthest = trials.assign(ended=trials["state"].isin(ENDED)).sort_values(
        ["ended", "evaluations", "number"], ascending=[False, False, True], kind="stable"
    )
    # duplicated() takes missing digests for equal ones.
    repeated = furthest["config_digest"].duplicated() & furthest["config_digest"].notna()
    if not repeated.any():
        return study
    return study.only(trials["number"].isin(furthest.loc[~repeated, "number"]))


def ended(study: Study) -> set[int]:
    """Return the numbers of the trials that can be compared: complete or pruned."""
    return set(study.trials.loc[study.trials["state"].isin(ENDED), "number"])


def ranked(study: Study) -> pd.DataFrame:
    """Return all trials with `failed` and `candidate`: candidates first, the best first.

    A candidate is complete, has a score and meets the constraints. The other trials follow by
    score.
    """
    trials = study.trials
    candidate = (
        (trials["state"] == TrialState.COMPLETE)
        & trials["feasible"].astype(bool)
        & trials["objective"].notna()
    )
    failed = trials[[verdict.value for verdict in FAILURE_VERDICTS]].sum(axis=1).astype(int)
    order = study.objective.sign * trials["objective"]
    return (
        trials.assign(candidate=candidate, order=order, **{FAILED: failed})
        .sort_values(["candidate", "order", "number"], ascending=[False, True, True])
        .drop(columns="order")
        .reset_index(drop=True)
    )


def is_full_grid(study: Study) -> bool:
    """Return whether every combination of the searched values was evaluated equally often.

    Settings that only some trials have make combinations incomplete: then it is not known.
    """
    study = search_stage(study)
    # Failed trials have no scores and are in no group.
    trials = study.trials.loc[study.trials["evaluations"] > 0, study.searched]
    if study.sampler != "grid" or trials.empty or trials.isna().any(axis=None):
        return False
    combinations = trials.value_counts()
    possible = math.prod(trials[name].nunique() for name in trials)
    return len(combinations) == possible and combinations.nunique() == 1


def groups(study: Study, setting: str | None) -> dict[Any, set[int]]:
    """Return the numbers of the trials by value of a hyperparameter, NONE first, the rest in order.

    Thirds, as 'low to high', where more than MAX_GROUPS numbers were tried; one group EVERYTHING
    where `setting` is None; empty where no trial knows the setting.
    """
    if setting is None:
        return {EVERYTHING: set(study.trials["number"])}
    if setting not in study.trials or study.trials[setting].isna().all():
        return {}
    asked = study.trials.dropna(subset=[setting])
    values, thirds = asked[setting], asked[setting].nunique() > MAX_GROUPS
    if thirds and pd.api.types.is_numeric_dtype(values):
        # Dense ranks, as a value may be frequent; where two thirds would end at it they are one.
        third = pd.qcut(values.rank(method="dense"), 3, labels=False, duplicates="drop")
        ends = values.groupby(third).agg(["min", "max"])
        values = third.map(
            {
                i: f"{three_digits(row['min'])} to {three_digits(row['max'])}"
                for i, row in ends.iterrows()
            }
        )
        order = values.iloc[third.argsort()].unique().tolist()
    else:
        order = sorted(
            values.unique().tolist(),
            # Numbers before texts, as Python does not order the two.
            key=lambda v: (v != NONE, *((0, v) if isinstance(v, int | float) else (1, str(v)))),
        )
    return {value: set(asked.loc[values == value, "number"]) for value in order}
