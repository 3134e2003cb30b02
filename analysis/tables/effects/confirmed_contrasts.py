"""Comparisons on fresh seeds: the primary family of a study that has a confirm stage.

What a remedy does is estimated from twins alone: a configuration with its remedies and the same one
without, on the same fresh seeds. The best configuration without remedies is no such control: it is
the best of other trials, often of far fewer, so that it is mostly less well tuned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.designed import has_design
from ganstudy.analysis.frames.paired_runs import runs_of_pair
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.frames.trial_record import TrialRecord, trial_records
from ganstudy.analysis.stats.estimate import NAN, Estimate
from ganstudy.analysis.stats.multiplicity import holm
from ganstudy.analysis.tables.configurations.confirm import confirmed_configurations, first_choice
from ganstudy.analysis.tables.effects.contrasts import (
    CONFIRMED,
    Contrast,
    holm_family,
    margin_of,
)
from ganstudy.analysis.tables.effects.seed_contrasts import contrast_by_seed
from ganstudy.analysis.tables.rows import Cells
from ganstudy.trials.results.records import (
    NO_REMEDIES,
    OWN_SEEDS,
    Stage,
    remedies_of,
    trial_name,
)
from ganstudy.trials.results.roles import BASELINE, BEST, has_role, is_best_with

REMEDIES, METHOD = "remedies", "method"
ITS_TWIN = "its twin"
COMPARISON_COLUMNS = (
    "number",
    "confirms",
    "role",
    "first",
    "second",
    "other",
    "effect",
    "low",
    "high",
    "level",
    "scale",
    "method",
    "statistic",
    "p",
    "p_holm",
    "comparisons",
    "decision",
    "improved_share",
    "improved_low",
    "improved_high",
    "num_seeds",
)


class Against(StrEnum):
    """What a confirmed configuration is compared with."""

    TWIN = "twin"
    """Itself, with its remedies switched off."""
    SECOND = "second"
    """The search's second choice, where there is no twin."""


@dataclass(frozen=True)
class ConfirmedContrast:
    """Two configurations on the same fresh seeds."""

    contrast: Contrast
    against: Against
    number: int
    """Of the confirm trial."""
    confirms: int | None
    """Number of the search's trial."""
    role: str
    other: int
    """Number of the other's confirm trial."""
    other_confirms: int | None
    """Number of the search's trial; None where the search never drew it."""

    @property
    def improved(self) -> Estimate:
        """Probability of improvement, in the order that knows failure; ties are halves."""
        return self.contrast.improvement or Estimate(NAN)


def confirmed_contrasts(study: Study) -> list[ConfirmedContrast]:
    """Compare the first choice, and the best of each set of remedies, with their twins.

    Both are trained on the same fresh seeds. Where no twin was trained, the first choice is
    compared with the search's second.

    These alone are corrected together (Holm), as the primary family. Of the first choice first.
    """
    if study.of_stage(Stage.CONFIRM).trials.empty:
        return []
    found = confirmed_configurations(study)
    known = [each.number for each in found if each.num_seeds]
    trials = study.of_stage(Stage.CONFIRM).trials.set_index("number", drop=False)
    # In the order of the search's own scores.
    ordered = trial_records(study, trials.loc[known])
    choice = first_choice(study, found)
    first = next((t for t in ordered if choice and t.number == choice.number), None)
    treated = [trial for trial in ordered if trial is first or is_best_with(trial.role)]
    pairs = [
        (trial, twin, Against.TWIN)
        for trial in sorted(treated, key=lambda trial: trial is not first)
        if (twin := _twin_among(ordered, trial)) is not None
    ]
    if not pairs and first is not None:
        seconds = (t for t in ordered if has_role(t.role, BEST) and t is not first)
        pairs = [(first, second, Against.SECOND) for second in [*seconds][:1]]
    made = [_compared(study, *pair) for pair in pairs]
    # Holm, which finds more than Bonferroni: decisions are corrected, each interval holds alone.
    p_values = np.array([row.contrast.p for row in made])
    family = holm_family(CONFIRMED, p_values, primary=not has_design(study))
    margin = margin_of(study)
    return [
        replace(row, contrast=row.contrast.corrected(family, float(p)).against(margin))
        for row, p in zip(made, holm(p_values), strict=True)
    ]


def _twin_among(trials: Sequence[TrialRecord], trial: TrialRecord) -> TrialRecord | None:
    """Return which of `trials` is like `trial` in all settings but its remedies, and has none."""
    # By settings and not by role: a grid has drawn twins by itself, and studies of before have a
    # twin that is called a baseline.
    if trial.remedies is None or trial.remedies == NO_REMEDIES:
        return None
    own = {REMEDIES, *remedies_of(trial.remedies)}
    others = [key for key in trial.settings if key.split(".")[0] not in own]
    return next(
        (
            other
            for other in trials
            if other.remedies == NO_REMEDIES
            and all(_alike(trial.settings[key], other.settings[key]) for key in others)
        ),
        None,
    )


def _alike(one: Any, other: Any) -> bool:
    if pd.isna(one) or pd.isna(other):
        return bool(pd.isna(one) and pd.isna(other))
    return bool(one == other)


def _compared(
    study: Study, trial: TrialRecord, other: TrialRecord, against: Against
) -> ConfirmedContrast:
    is_twin = against is Against.TWIN
    contrast = contrast_by_seed(
        study,
        runs_of_pair(study, trial.number, other.number),
        question=CONFIRMED,
        first=trial.remedies if is_twin else _name(trial),
        second=ITS_TWIN if is_twin else _name(other),
        at=f"{_name(trial)}, fresh seeds" if is_twin else "fresh seeds",
    )
    return ConfirmedContrast(
        contrast=contrast,
        against=against,
        number=trial.number,
        confirms=trial.confirms,
        role=trial.role,
        other=other.number,
        other_confirms=other.confirms,
    )


def _name(trial: TrialRecord) -> str:
    return trial_name(trial.number if trial.confirms is None else trial.confirms)


def confirmed_comparisons(
    study: Study, contrasts: Sequence[ConfirmedContrast] | None = None
) -> pd.DataFrame:
    """Compare configurations on the same fresh seeds; empty where there is nothing to compare.

    number, confirms, role, first (a set of remedies, or a trial), second ("its twin", the same
    configuration with its remedies off; or a trial), other (its number);

    effect with low and high, level: on the scale "ratio" (geometric mean over seeds of score /
    the other's) or "difference" (mean of score - the other's) with Student's interval, which holds
    if differences are normal; where a seed has no value in one of the two (`method` says so), the
    median over seeds with its exact interval. It decides nothing;

    statistic (below 0: better places), p, of the exact sign-flip test of places, p_holm (corrected
    for `comparisons`), decision (better or worse where p_holm < 0.05, else practically equal
    where the interval that holds for all together lies within the margin, else inconclusive);
    improved_share (probability of improvement, in the same order of runs; ties are halves) with
    Clopper and Pearson's 95% interval, num_seeds (pairs).

    contrasts: those of confirmed_contrasts, if they have been made already.
    """
    found = confirmed_contrasts(study) if contrasts is None else contrasts
    return pd.DataFrame(map(_row, found), columns=list(COMPARISON_COLUMNS))


def _row(row: ConfirmedContrast) -> Cells:
    contrast = row.contrast
    return {
        "number": row.number,
        "confirms": row.confirms,
        "role": row.role,
        "first": contrast.first,
        "second": contrast.second,
        "other": row.other,
        "effect": contrast.effect.value,
        "low": contrast.effect.low,
        "high": contrast.effect.high,
        "level": contrast.effect.level,
        "scale": contrast.scale,
        "method": contrast.method,
        "statistic": contrast.statistic,
        "p": contrast.p,
        "p_holm": contrast.p_adjusted,
        "comparisons": contrast.family.comparisons,
        "decision": contrast.decision,
        "improved_share": row.improved.value,
        "improved_low": row.improved.low,
        "improved_high": row.improved.high,
        "num_seeds": contrast.effect.n,
    }


@dataclass(frozen=True)
class BestWithout:
    """The best configuration without remedies, beside the best with any.

    This is no comparison of remedies, as each is the best of its own trials.
    """

    number: int
    """Of the confirm trial."""
    tried: int
    """Trials of the search without remedies that were evaluated."""
    tried_with: int
    """Those with remedies."""


def best_without_remedies(study: Study) -> BestWithout | None:
    """Return the confirmed configuration that was the search's best without remedies.

    It is None where the search never drew one, or that has no score yet.
    """
    plain = [
        each
        for each in confirmed_configurations(study)
        # A baseline that the search never drew was the best's twin, in studies of before.
        if has_role(each.role, BASELINE) and each.confirms is not None and each.num_seeds
    ]
    if not plain:
        return None
    own = study.of_stage(*OWN_SEEDS).trials
    gans = own[own["evaluations"] > 0]
    if METHOD in gans:
        gans = gans[gans[METHOD] == "gan"]
    labels = gans[REMEDIES] if REMEDIES in gans else gans.index[:0]
    without = int((labels == NO_REMEDIES).sum())
    return BestWithout(plain[0].number, without, len(labels) - without)
