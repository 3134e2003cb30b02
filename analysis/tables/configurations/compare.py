"""Two studies side by side at equal budgets."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import PermutationMethod, mannwhitneyu, rankdata, wilcoxon

from ganstudy.analysis.formatting import rows
from ganstudy.analysis.frames import selection
from ganstudy.analysis.frames.compared_scores import SEED, common_budgets, compared_scores, diverged
from ganstudy.analysis.frames.study import PROVENANCE_COLUMNS, Study, UnlikeScoresError
from ganstudy.analysis.stats.estimate import Estimate
from ganstudy.analysis.stats.multiplicity import ALPHA
from ganstudy.analysis.stats.proportions import proportion_over_configurations
from ganstudy.analysis.stats.unpaired import difference_of_medians
from ganstudy.analysis.tables.configurations import search
from ganstudy.analysis.tables.rows import rows_of, table_of
from ganstudy.trials.results.records import Verdict

COMPARED_PROVENANCE = (*PROVENANCE_COLUMNS, "modes")


class UnlikeStudiesError(ValueError):
    """Studies that cannot be compared, with what differs."""


def refuse_unlike(first: Study, second: Study) -> None:
    """Raise an error that says in what scores, goal or budget of the studies differ.

    It is an UnlikeScoresError or an UnlikeStudiesError; where they are alike, none is raised.
    """
    pairs = [
        (column, first.provenance.get(column), second.provenance.get(column))
        for column in COMPARED_PROVENANCE
    ]
    unlike = [
        f"{column} is {one} in {first.name} and {other} in {second.name}"
        for column, one, other in pairs
        if one != other
    ]
    if unlike:
        raise UnlikeScoresError(
            f"scores of unlike provenance cannot be compared: {'; '.join(unlike)}"
        )
    goals = first.objective.measure, second.objective.measure
    units = first.budget.unit, second.budget.unit
    for what, (one, other) in (("objective", goals), ("unit of the budget", units)):
        if one != other:
            raise UnlikeStudiesError(
                f"studies of unlike {what} cannot be compared: {one} in {first.name}, {other} in {second.name}"
            )


def sides(first: Study, second: Study) -> pd.DataFrame:
    """Return one row per study: its best configuration and its failed seeds.

    study, trials, configurations, best_trial, the objective's measure of the best (median over
    seeds), lowest, highest, num_seeds, candidates (complete within the constraints, of which it is
    the best), failed_share with failed_share_low and failed_share_high (at the last evaluation,
    configurations as the unit; NaN where a verdict is unknown), unknown_seeds (whose verdict is).
    """
    made = []
    for study in (first, second):
        measure = study.objective.measure
        best = search.best(study, 1)
        evaluated = selection.ranked(selection.distinct_configurations(study))
        evaluated = evaluated[evaluated["num_seeds"] > 0]
        winner = rows(best)[0] if len(best) else {}
        unknown = int(evaluated[Verdict.UNKNOWN.value].sum())
        failed = proportion_over_configurations(
            evaluated[selection.FAILED].to_numpy(), evaluated["num_seeds"].to_numpy()
        )
        made.append(
            {
                "study": study.name,
                "trials": len(study.trials),
                "configurations": len(evaluated),
                "best_trial": winner.get("number"),
                measure: winner.get(measure, math.nan),
                "lowest": winner.get("lowest", math.nan),
                "highest": winner.get("highest", math.nan),
                "num_seeds": winner.get("num_seeds"),
                "candidates": int(selection.ranked(study)["candidate"].sum()),
                # Seeds with a known verdict are mostly those that diverged: their share would be no
                # estimate.
                **(failed if not unknown else Estimate(math.nan)).columns("failed_share"),
                "unknown_seeds": unknown,
            }
        )
    return pd.DataFrame(made).astype({"best_trial": "Int64", "num_seeds": "Int64"})


DIFFERENCE = "second minus first"
"""Name of the row of the difference in at_equal_budget."""


def better_study(first: Study, second: Study, table: pd.DataFrame) -> Study | None:
    """Return the study whose configurations score better by the difference in at_equal_budget.

    It is None where the interval contains no difference, or where there is no row of one.
    """
    for row in rows_of(EqualBudgetRow, table[table["study"] == DIFFERENCE]):
        decision = row.median.in_direction(first.objective.sign).decide("second", "first")
        return {"second": second, "first": first}.get(decision)
    return None


@dataclass(frozen=True)
class EqualBudgetRow:
    """One of two studies, or their difference, at an equal budget."""

    progress: float
    study: str
    configurations: int
    num_seeds: int
    seeds: int
    median: Estimate


def at_equal_budget(first: Study, second: Study) -> pd.DataFrame:
    """Return one row per study and one for the difference (second minus first), at an equal budget.

    It is the last budget at which every ended trial of both was evaluated.

    progress, study, configurations, num_seeds (of these together), seeds (different ones; of the
    difference the fewer), median over configurations of the median over seeds with median_low and
    median_high (95%; infinite where diverged): of a study on its own seeds, of the difference for
    other seeds too (stats.unpaired), paired where the studies have the same. Empty where the
    studies have no such budget in common.
    """
    made = []
    shared = _shared_budgets(first, second)
    if shared:
        compared = [compared_scores(s, amount=shared[-1]) for s in (first, second)]
        # Configurations are not paired: two studies need have none in common. Seeds are, as the
        # same seed brings the same luck to both.
        same_seeds = set(compared[0].seeds) == set(compared[1].seeds)
        difference = difference_of_medians(
            compared[1].scores, compared[0].scores, same_seeds=same_seeds
        ).in_direction(compared[0].sign)
        seeds = [len(side.seeds) for side in compared]
        for name, estimate, num_seeds, different in (
            (first.name, compared[0].median(), compared[0].num_seeds, seeds[0]),
            (second.name, compared[1].median(), compared[1].num_seeds, seeds[1]),
            (DIFFERENCE, difference, sum(side.num_seeds for side in compared), min(seeds)),
        ):
            made.append(
                EqualBudgetRow(
                    progress=shared[-1],
                    study=name,
                    configurations=estimate.n,
                    num_seeds=num_seeds,
                    seeds=different,
                    median=estimate,
                )
            )
    return table_of(EqualBudgetRow, made)


@dataclass(frozen=True)
class FreshSeeds:
    """Test of two configurations, each of its study's confirm stage, on their fresh seeds."""

    p: float
    """Of no difference, two-sided."""
    paired: bool
    """Whether both have the same seeds."""
    better: str
    """Name of the study whose configuration is found to score better; '' where it is inconclusive."""


def on_fresh_seeds(first: Study, second: Study, numbers: tuple[int, int]) -> FreshSeeds:
    """Test whether the confirm trial of either study with that number scores better.

    By rank, so that a seed which diverged is worst and no distribution is assumed: the signed-rank
    test where both have the same seeds, else the rank-sum test; exact up to 13 pairs of seeds, and
    wherever no scores are tied (all scores, of unlike seeds), else by 9,999 permutations.
    """
    one, other = (
        _by_seed(study, number) for study, number in zip((first, second), numbers, strict=True)
    )
    paired = set(one.index) == set(other.index)
    permuted = PermutationMethod(n_resamples=9999, random_state=SEED)
    if paired:
        # Of ranks over both sides: infinities would differ by NaN.
        ranks = pd.concat([one, other], keys=[0, 1]).rank()
        differences = (ranks[0] - ranks[1]).to_numpy()
        p = 1.0
        if differences.any():
            p = float(wilcoxon(differences, zero_method="zsplit", method=permuted).pvalue)
        higher = float(rankdata(np.abs(differences)) @ np.sign(differences))
    else:
        tied = pd.concat([one, other]).duplicated().any()
        found = mannwhitneyu(one, other, method=permuted if tied else "exact")
        p, higher = float(found.pvalue), float(found.statistic) - len(one) * len(other) / 2
    better = ""
    if p <= ALPHA and higher:
        better = (second if higher > 0 else first).name
    return FreshSeeds(p, paired, better)


def _by_seed(study: Study, number: int) -> pd.Series:
    """Return a trial's scores at its end by seed; smaller is better, infinite where diverged."""
    measure, sign = study.objective
    rows = study.seeds[study.seeds["number"] == number].set_index("seed")
    scores = sign * pd.to_numeric(rows[measure])
    return scores.mask(diverged(rows)).fillna(np.inf)


def _shared_budgets(first: Study, second: Study) -> list[float]:
    """Return the planned evaluation times that every ended trial of both studies reached."""
    reached = []
    for study in (first, second):
        common = common_budgets(study)[:1]
        # Rounded, since each study multiplies and divides its own budget.
        reached.append(
            {round(at, 6) for at in study.evaluation_times if common and at <= common[0]}
        )
    return sorted(reached[0] & reached[1])
