"""The confirm stage: what the search found, on seeds that it never saw.

Being chosen flatters a score, and the search chose for its scores: so these are the numbers to
quote. Fresh seeds know nothing of the choice, all configurations have the same ones, and each was
trained to the end of the budget. docs/confirm.md has how often the intervals cover, by simulation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.selection import ENDED, ranked, search_stage
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import NAN, Estimate
from ganstudy.analysis.stats.few_seeds import median_interval
from ganstudy.analysis.stats.proportions import binomial_proportion
from ganstudy.analysis.tables.rows import Cells
from ganstudy.trials.results.documents import Settings
from ganstudy.trials.results.records import FAILURE_VERDICTS, Stage, TrialState
from ganstudy.trials.results.roles import BEST, NEAREST, has_role

SCORE_COLUMNS = (
    "score",
    "score_low",
    "score_high",
    "score_level",
    "num_seeds",
    "valued_seeds",
    "failed",
    "failed_share",
    "failed_share_low",
    "failed_share_high",
    "search_score",
    "search_seeds",
    "state",
)


@dataclass(frozen=True)
class ConfirmedConfiguration:
    """A configuration on its fresh seeds, beside its score in the search."""

    number: int
    """Of the confirm trial."""
    confirms: int | None
    """Number of the search's trial; None for a twin that the search never drew."""
    role: str
    settings: Settings
    """Value by searched hyperparameter."""
    score: Estimate
    """Of the objective: the median over fresh seeds, its interval exact for the median of all seeds
    at its own level (NaN below 5 seeds)."""
    num_seeds: int
    valued_seeds: int
    """Seeds that have a value."""
    failed: int
    """Seeds that collapsed, cycled or diverged."""
    failed_share: Estimate
    """With Clopper and Pearson's 95% interval."""
    search_score: float
    """The search's score of the same configuration; NaN where it has none."""
    search_seeds: int
    state: str

    def columns(self) -> Cells:
        """Return the row of this configuration in the table of `confirmed`."""
        return {
            "number": self.number,
            "confirms": self.confirms,
            "role": self.role,
            **self.settings,
            **self.score.columns("score"),
            "score_level": self.score.level,
            "num_seeds": self.num_seeds,
            "valued_seeds": self.valued_seeds,
            "failed": self.failed,
            **self.failed_share.columns("failed_share"),
            "search_score": self.search_score,
            "search_seeds": self.search_seeds,
            "state": self.state,
        }


def confirmed_configurations(study: Study) -> list[ConfirmedConfiguration]:
    """Return the confirm trials that are over, in the order of the search's own scores.

    Twins that the search never drew come last. A trial that failed has no score.
    """
    sign = study.objective.sign
    in_search = search_stage(study).trials.set_index("number")
    found = in_search.reindex(columns=["objective", "num_seeds"]).to_dict("index")
    scores, made = scores_by_seed(study), []
    for trial in _over(study, failed=True).to_dict("records"):
        # A trial that failed has no scores and still is a row: that it does not train is a result.
        values = scores.get(trial["number"], pd.Series(dtype=float)).to_numpy()
        seeds = (
            study.seeds[study.seeds["number"] == trial["number"]]
            if len(values)
            else study.seeds[:0]
        )
        failed = int(seeds["verdict"].isin(FAILURE_VERDICTS).sum())
        confirms = None if pd.isna(trial["confirms"]) else int(trial["confirms"])
        search = {} if confirms is None else found.get(confirms, {})
        made.append(
            ConfirmedConfiguration(
                number=trial["number"],
                confirms=confirms,
                role=trial["role"],
                settings={key: trial[key] for key in study.searched},
                score=median_interval(values).in_direction(sign),
                num_seeds=len(values),
                valued_seeds=int(np.isfinite(values).sum()),
                failed=failed,
                failed_share=binomial_proportion(failed, len(seeds)),
                search_score=search.get("objective", NAN),
                search_seeds=search.get("num_seeds", 0),
                state=trial["state"],
            )
        )
    # Not by the fresh scores: the best of them would be flattered once more, by its fresh seeds.
    order = pd.Series([sign * each.search_score for each in made], dtype=float)
    return [made[i] for i in order.sort_values(kind="stable").index]


def confirmed(study: Study) -> pd.DataFrame:
    """Return the table of confirmed_configurations, one row each.

    number, confirms, role, the searched hyperparameters, score with score_low and score_high (at
    the level score_level), num_seeds, valued_seeds, failed, failed_share with its ends,
    search_score, search_seeds, state: the fields of ConfirmedConfiguration.
    """
    columns = ["number", "confirms", "role", *study.searched, *SCORE_COLUMNS]
    table = pd.DataFrame(
        [each.columns() for each in confirmed_configurations(study)], columns=columns
    )
    # Int64, as a twin that the search never drew would make floats of the others' numbers.
    return table.astype({"confirms": "Int64"})


def first_choice(
    study: Study, found: Sequence[ConfirmedConfiguration]
) -> ConfirmedConfiguration | None:
    """Return which of the confirmed configurations to quote: the first by the search's own scores.

    Where none met the constraints, it is what came nearest to them. The scores of fresh seeds do
    not change the choice. It is None where that one has no score, or not yet.
    """
    # Not the best of the confirmed: being chosen by fresh scores flatters these too
    # (docs/confirm.md has by how much).
    best = [each for each in found if has_role(each.role, BEST)]
    nearest = [each for each in found if has_role(each.role, NEAREST)]
    for choice in (*_first_of_search(study, best), *nearest):
        return choice if choice.num_seeds and not math.isnan(choice.score.value) else None
    return None


def _first_of_search(
    study: Study, found: Sequence[ConfirmedConfiguration]
) -> list[ConfirmedConfiguration]:
    """Return which of the confirmed are the search's first choice: others may end before it does."""
    search = search_stage(study)
    candidates = ranked(search)
    candidates = candidates[candidates["candidate"]]
    if candidates.empty:
        return []
    first = candidates.iloc[0]
    # By settings too: the configuration may have been drawn twice.
    return [
        each
        for each in found
        if each.confirms == first["number"]
        or all(str(each.settings[key]) == str(first[key]) for key in search.searched)
    ]


def readable(table: pd.DataFrame) -> list[str]:
    """Return the columns of a table of this module that say something to a reader.

    Empty ones are left out, and so are confirm trials' own numbers, which count from a million:
    readers know the trials that they confirm.
    """
    filled = table.dropna(axis=1, how="all").columns
    return [column for column in filled if column not in ("number", "other")]


def _over(study: Study, failed: bool = False) -> pd.DataFrame:
    """Return the confirm trials that ended with an evaluation, and those that failed if `failed`."""
    trials = study.of_stage(Stage.CONFIRM).trials
    ended = trials["state"].isin(ENDED) & (trials["evaluations"] > 0)
    return trials[ended | (trials["state"] == TrialState.FAILED) if failed else ended]


def scores_by_seed(study: Study) -> dict[int, pd.Series]:
    """Return by number of a confirm trial the objective at its end by seed.

    Smaller is better, and infinity stands where a seed has no value.
    """
    measure, sign = study.objective
    rows = study.seeds[study.seeds["number"].isin(_over(study)["number"])]
    # A seed without a value ranks worst: left out, divergence would improve the score.
    ranked = rows.assign(score=(sign * rows[measure].astype(float)).fillna(np.inf))
    return {
        n: ranked[ranked["number"] == n].set_index("seed")["score"]
        for n in ranked["number"].unique().tolist()
    }
