"""The one table of contrasts that all sections of a report read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pandas as pd

from ganstudy.analysis.frames.paired_runs import runs_of_pair
from ganstudy.analysis.frames.selection import ranked, search_stage
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import NAN
from ganstudy.analysis.stats.power import MIN_PAIRED_SEEDS
from ganstudy.analysis.tables.effects.claimed_contrasts import claimed_contrasts
from ganstudy.analysis.tables.effects.compared_settings import K
from ganstudy.analysis.tables.effects.confirmed_contrasts import (
    ConfirmedContrast,
    confirmed_contrasts,
)
from ganstudy.analysis.tables.effects.contrasts import BEST, CONTRAST_COLUMNS, Contrast, margin_of
from ganstudy.analysis.tables.effects.k_by_remedies import effects_by_k, k_by_remedies
from ganstudy.analysis.tables.effects.looks import held_back
from ganstudy.analysis.tables.effects.matched_contrasts import pairwise_contrasts, remedy_contrasts
from ganstudy.analysis.tables.effects.other_settings import other_contrasts
from ganstudy.analysis.tables.effects.remedies_by_seed import (
    SingleConfiguration,
    single_configurations,
)
from ganstudy.analysis.tables.effects.seed_contrasts import contrast_by_seed
from ganstudy.trials.results.claimed import Criterion


@dataclass(frozen=True, eq=False)
class ContrastTable:
    """All contrasts of a report, each computed once; compared by identity."""

    confirmed: tuple[ConfirmedContrast, ...]
    """On fresh seeds, against twins; without any, the first choice against the second."""
    k: tuple[Contrast, ...]
    """Any two values, on every axis."""
    remedies: tuple[Contrast, ...]
    """Every set of remedies against none, in matched pairs; empty where `single` answers."""
    single: tuple[SingleConfiguration, ...]
    """The same at single configurations, by seed: where pairs are too few for any interval."""
    best: tuple[Contrast, ...]
    """The search's best against its second, unless another row compares the two."""
    by_k: tuple[Contrast, ...] = ()
    """Remedies against none at each k, where a design finds that the two interact; apart from
    `rows`, whose remedies are averages over k.
    """
    others: tuple[Contrast, ...] = ()
    """Any two values of each other setting that is a list; exploratory unless a design crosses it."""
    claimed: Mapping[Criterion, Contrast] = field(default_factory=dict)
    """What the study's claim is decided by and no other row says, by criterion."""

    @property
    def rows(self) -> list[Contrast]:
        """All of them, the confirmed first."""
        return [
            *(row.contrast for row in self.confirmed),
            *self.k,
            *self.remedies,
            *(row.contrast for row in self.single),
            *self.best,
            *self.others,
        ]

    @property
    def primary(self) -> list[Contrast]:
        """The contrasts of the one primary family; empty where all is exploratory."""
        return [row for row in (*self.rows, *self.claimed.values()) if row.family.primary]

    def frame(self) -> pd.DataFrame:
        """Return one row per contrast."""
        rows = [*self.rows, *self.by_k, *self.claimed.values()]
        return pd.DataFrame([row.columns() for row in rows], columns=CONTRAST_COLUMNS)


def contrast_table(study: Study) -> ContrastTable:
    """Return all contrasts of a study, of both its stages."""
    confirmed = confirmed_contrasts(study)
    remedies, single = remedy_contrasts(study), list[SingleConfiguration]()
    # Pairs of configurations say more, as they cover many settings; seeds of single configurations
    # are the fallback of a study that tried each remedy once. Never both: they would be two
    # estimates of one question.
    if not any(row.effect.has_interval for row in remedies):
        single = single_configurations(study)
        if all(math.isnan(row.contrast.p) for row in single):
            single = []
    elsewhere = [{row.confirms, row.other_confirms} for row in confirmed]
    elsewhere += [{row.number, row.control} for row in single]
    interaction = k_by_remedies(study)
    table = ContrastTable(
        confirmed=tuple(confirmed),
        k=tuple(pairwise_contrasts(study)) if K in search_stage(study).searched else (),
        remedies=() if single else tuple(remedies),
        single=tuple(single),
        best=tuple(best_contrast(study, elsewhere)),
        by_k=tuple(effects_by_k(study)) if interaction and interaction.is_found else (),
        others=tuple(other_contrasts(study)),
        claimed=claimed_contrasts(study),
    )
    return _without_claims(table) if held_back(study) else table


def _without_claims(table: ContrastTable) -> ContrastTable:
    """Return the contrasts with the primary family as an exploratory one."""
    of_fields = {each.name: getattr(table, each.name) for each in fields(table)}
    claimed = {key: _as_exploratory(row) for key, row in of_fields.pop("claimed").items()}
    made = {name: tuple(map(_as_exploratory, rows)) for name, rows in of_fields.items()}
    return replace(table, **made, claimed=claimed)


def _as_exploratory(row: Any) -> Any:
    if not isinstance(row, Contrast):
        return replace(row, contrast=_as_exploratory(row.contrast))
    return replace(row, family=replace(row.family, primary=False))


def best_contrast(study: Study, elsewhere: Sequence[set[Any]] = ()) -> list[Contrast]:
    """Compare the search's two best candidates on the seeds that they share.

    There is none where the two are among the pairs of trials that are compared `elsewhere`.
    """
    study = search_stage(study)
    measure = study.objective.measure
    if "objective" not in study.trials or measure not in study.evaluations:
        return []
    trials = ranked(study)
    top = trials[trials["candidate"]].head(2)
    if len(top) < 2 or study.evaluations.empty:
        return []
    first, second = top["number"].tolist()
    if {first, second} in elsewhere:
        return []
    runs, at = runs_of_pair(study, first, second), "the search's own seeds"
    contrast = contrast_by_seed(study, runs, BEST, first, second, at)
    # For planning alone. Practically equal they are never called: they were chosen by these very
    # scores, both for being at the top and so for being near each other.
    contrast = replace(contrast, margin=margin_of(study))
    if contrast.seeds < MIN_PAIRED_SEEDS:
        contrast = replace(contrast, effect=contrast.effect.without_interval(), p=NAN)
    return [contrast.corrected(contrast.family, contrast.p)]
