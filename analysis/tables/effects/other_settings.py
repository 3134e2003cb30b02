"""Settings that have no section of their own: scores by value, and matched contrasts of lists.

Whatever a study searches beside k, the learning rates and remedies: parameters of training
functions and commands, options of networks, losses and remedies, the loss, the optimiser, the batch
size.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from ganstudy.analysis.frames.compared_scores import compared_scores
from ganstudy.analysis.frames.designed import compared_trials
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import NAN, Estimate
from ganstudy.analysis.tables.configurations.search import by_settings
from ganstudy.analysis.tables.effects.compared_settings import is_list, other_settings
from ganstudy.analysis.tables.effects.contrasts import Contrast, couples, factor_family, text
from ganstudy.analysis.tables.effects.matched_contrasts import contrasts_among
from ganstudy.analysis.tables.rows import table_of


def other_contrasts(study: Study) -> list[Contrast]:
    """Compare any two values of each such list, at the budget's own amount.

    The value that looks better comes first. A setting is a family of its own, and exploratory,
    unless a design crosses it; one without a pair is left out.
    """
    study = compared_trials(study)
    listed = [name for name in other_settings(study) if is_list(study, name)]
    if not listed or study.evaluations.empty:
        return []
    frame, made = compared_scores(study), list[Contrast]()
    for name in listed:
        rows = contrasts_among(study, frame, name, factor_family(study, name), couples(study, name))
        # A setting that is no factor of a design has one value at each point, and no pair at all.
        if any(row.effect.n for row in rows):
            made += [row.reversed() if row.worse_by > 0 else row for row in rows]
    return made


@dataclass(frozen=True)
class OtherSettingRow:
    """The objective and the failed seeds of one value of a setting, at one evaluation."""

    setting: str
    value: str
    evaluation: int
    progress: float
    configurations: int
    num_seeds: int
    median: Estimate
    failed_share: Estimate


def responses(study: Study) -> pd.DataFrame:
    """Return search.by_setting of all other settings.

    setting, value (of a range its third), then the columns of by_setting.
    """
    found = by_settings(study, other_settings(study))
    return table_of(
        OtherSettingRow,
        [
            OtherSettingRow(
                setting=name,
                value=text(row.group),
                evaluation=row.evaluation,
                progress=row.progress,
                configurations=row.configurations,
                num_seeds=row.num_seeds,
                median=row.median,
                failed_share=row.failed_share,
            )
            for name, rows in found.items()
            for row in rows
        ],
    )


@dataclass(frozen=True)
class OtherEffectRow:
    """One value of a setting against another, in matched pairs."""

    setting: str
    first: str
    second: str
    effect: Estimate
    scale: str
    decision: str
    within_margin: bool
    p: float
    improvement: Estimate
    failed_difference: Estimate
    failed_decision: str
    pairs: int
    seeds: int
    comparisons: int
    axis: str
    progress: float
    matching: str
    matched_on: str
    distance: float


def effects(contrasts: Iterable[Contrast]) -> pd.DataFrame:
    """Return the contrasts of other settings, one row each.

    setting, first, second (the first looks better); effect of the first against the second with its
    ends (simultaneous over the setting's comparisons), scale, decision, within_margin and p as in
    the table of contrasts; improvement and failed_difference: P(a seed of the first does better),
    and the difference of the probabilities that a seed fails; pairs (n), seeds (different ones),
    comparisons (of the setting); matching, matched_on, distance as in remedies.setting_effects.
    """
    return table_of(OtherEffectRow, map(_effect_row, contrasts))


def _effect_row(row: Contrast) -> OtherEffectRow:
    failed = row.failed or Estimate(NAN)
    return OtherEffectRow(
        setting=row.question,
        first=text(row.first),
        second=text(row.second),
        effect=row.effect,
        scale=row.scale,
        decision=row.decision,
        within_margin=row.within_margin,
        p=row.p_adjusted,
        improvement=row.improvement or Estimate(NAN),
        failed_difference=failed,
        failed_decision=failed.decide("fewer", "more"),
        pairs=row.effect.n,
        seeds=row.seeds,
        comparisons=row.family.comparisons,
        axis=row.axis,
        progress=row.amount,
        matching=row.matching,
        matched_on="; ".join(row.matched_on),
        distance=row.distance,
    )
