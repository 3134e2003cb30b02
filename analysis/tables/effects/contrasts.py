"""Contrasts: every comparison of two values that a report makes, each estimated once.

The k section, the remedies, planning and the first screen read the same rows, so that a question
has one estimate, one interval and one answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np

from ganstudy.analysis.formatting import label, listed
from ganstudy.analysis.frames.designed import has_design
from ganstudy.analysis.frames.selection import NONE, groups, is_full_grid
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.crossed.effect import CrossedMean, NoClaim
from ganstudy.analysis.stats.estimate import (
    INCONCLUSIVE,
    NAN,
    PRACTICALLY_EQUAL,
    Comparison,
    Estimate,
    Floats,
)
from ganstudy.analysis.stats.margin import Margin
from ganstudy.analysis.stats.multiplicity import ALPHA, bonferroni_level
from ganstudy.analysis.stats.power import SampleSize, pairs_needed, seeds_needed
from ganstudy.analysis.stats.subset_means import symmetric_interval
from ganstudy.analysis.tables.effects.compared_settings import REMEDIES, primary_settings
from ganstudy.analysis.tables.rows import Cells
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.claimed import Claim
from ganstudy.trials.results.records import Stage

SINGLE = "remedies at single configurations"
CONFIRMED = "confirmed on fresh seeds"
BEST = "best against second"
CLAIM = "the claim"
"""Questions, as the table names them."""
RATIO, DIFFERENCE = "ratio", "difference"
BONFERRONI, HOLM = "Bonferroni", "Holm"
CONTRAST_COLUMNS = [
    "question",
    "first",
    "second",
    "at",
    "axis",
    "amount",
    "scale",
    "effect",
    "low",
    "high",
    "level",
    "method",
    "n",
    "unit",
    "seeds",
    "degrees_of_freedom",
    "sd_pairs",
    "sd_seeds",
    "sd_rest",
    "no_claim",
    "improvement",
    "improvement_low",
    "improvement_high",
    "configurations_first",
    "configurations_second",
    "p",
    "p_adjusted",
    "correction",
    "comparisons",
    "family",
    "primary",
    "margin",
    "simultaneous_low",
    "simultaneous_high",
    "within_margin",
    "decision",
]


@dataclass(frozen=True)
class Family:
    """Contrasts that are corrected together for their number."""

    name: str
    comparisons: int
    correction: str = BONFERRONI
    """With Bonferroni the intervals hold together; with Holm the decisions alone do."""
    primary: bool = False
    """Whether it is the one family that the study was made for; all others are exploratory."""


@dataclass(frozen=True, eq=False)
class Contrast:
    """One value against another: the estimate, and what it says."""

    question: str
    first: Any
    """A value of the setting that is compared, or the number of a trial."""
    second: Any
    axis: str
    """What was equal; '' where every trial trained to its end."""
    amount: float
    scale: str
    effect: Estimate
    """Of the first against the second, in the measure's own direction; a factor for ratios."""
    worse_by: float
    """The effect where smaller scores are better; a logarithm for ratios."""
    p: float
    """Of no effect, alone."""
    p_adjusted: float
    family: Family
    decision: str
    """Whether the first is better or worse than the second, else practically equal to it, else
    inconclusive."""
    method: str
    seeds: int
    """Different ones, on which both sides were trained."""
    at: str = ""
    """Which trials are compared, where the question is about single ones."""
    configurations: tuple[int, int] = (1, 1)
    """Of either side at that amount; n of a matched effect is the pairs among them."""
    matched: CrossedMean | None = None
    """Of an effect in matched pairs, where smaller scores are better."""
    differences: Floats | None = None
    """Of an effect by seed: [S], where smaller scores are better."""
    statistic: float = NAN
    """Of a test by seed: below 0 where the first is better, whatever the effect beside it says."""
    matching: str = ""
    matched_on: tuple[str, ...] = ()
    distance: float = NAN
    second_score: float = NAN
    """Median of the second side in the pairs, in the measure's own units."""
    improvement: Estimate | None = None
    """P(a seed of the first side does better), in the order that knows failure where it is known."""
    failed: Estimate | None = None
    """Difference of the probabilities that a seed fails."""
    margin: Margin | None = None
    """None where the study file states none that applies; see margin_of."""
    within_margin: bool = False
    """Whether the whole simultaneous interval lies within the margin. Where the decision is better
    or worse, both hold: it is so by less than the margin."""

    @property
    def is_open(self) -> bool:
        """Whether the comparison is inconclusive."""
        return self.decision == INCONCLUSIVE

    @property
    def better(self) -> Any:
        """The value that is found to be better; None where neither is."""
        return {"better": self.first, "worse": self.second}.get(self.decision)

    @property
    def no_claim(self) -> NoClaim | None:
        """Why matched pairs have no interval, if they have none."""
        return None if self.matched is None else self.matched.no_claim

    @property
    def simultaneous(self) -> Estimate:
        """The effect with the interval that holds together with those of its family.

        With Bonferroni its own. With Holm, whose intervals hold alone and decide nothing, the exact
        one of the same seeds at Bonferroni's level: none where a seed has no value, the seeds are
        too few, or the contrast takes no part in the correction.
        """
        if self.family.correction != HOLM:
            return self.effect
        d = self.differences
        if d is None or self.p != self.p or not np.isfinite(d).all() or d.std() == 0:
            return self.effect.without_interval()
        found = symmetric_interval(d, bonferroni_level(self.family.comparisons))
        if self.scale == RATIO:
            return found.as_ratio()
        # Differences are of scores of which smaller is better.
        return found.in_direction(1 if self.effect.value * found.value >= 0 else -1)

    def against(self, margin: Margin | None) -> Contrast:
        """Return the contrast with its decision by a margin.

        It is practically equal where its simultaneous interval lies within the margin.

        Call it after `corrected`. A true effect at the margin's edge or beyond is called
        practically equal in at most 2.5% of such families: the interval has to miss it on the one
        side.
        """
        within = margin is not None and margin.encloses(self.simultaneous)
        decision = self.decision
        if within and decision == INCONCLUSIVE:
            decision = PRACTICALLY_EQUAL
        return replace(self, margin=margin, within_margin=within, decision=decision)

    def sample_size(self) -> SampleSize:
        """Return how many pairs or seeds a conclusion takes.

        It follows from the margin, where one is stated, else from this very estimate.
        """
        margin = None if self.margin is None else self.margin.half_width
        if self.matched is not None:
            return pairs_needed(self.matched, self.family.comparisons, margin)
        if self.differences is not None:
            return seeds_needed(self.differences, self.family.comparisons, margin)
        return SampleSize()

    def corrected(self, family: Family, p_adjusted: float) -> Contrast:
        """Return the contrast as one of a family, decided by its corrected p-value."""
        decision = INCONCLUSIVE
        if p_adjusted < ALPHA:
            worse_by = self.worse_by if math.isnan(self.statistic) else self.statistic
            decision = "better" if worse_by < 0 else "worse"
        return replace(self, family=family, p_adjusted=p_adjusted, decision=decision)

    def reversed(self) -> Contrast:
        """Return the second against the first."""
        turned = self.effect.in_direction(-1)
        if self.scale == RATIO:
            with np.errstate(divide="ignore"):
                value, low, high = (
                    float(1 / np.float64(end))
                    for end in (self.effect.value, self.effect.high, self.effect.low)
                )
            turned = replace(self.effect, value=value, low=low, high=high)
        return replace(
            self,
            first=self.second,
            second=self.first,
            effect=turned,
            worse_by=-self.worse_by,
            decision={"better": "worse", "worse": "better"}.get(self.decision, self.decision),
            configurations=self.configurations[::-1],
            matched=None if self.matched is None else _reversed(self.matched),
            differences=None if self.differences is None else -self.differences,
            statistic=-self.statistic,
            second_score=NAN,
            improvement=None if self.improvement is None else _complement(self.improvement),
            failed=None if self.failed is None else self.failed.in_direction(-1),
        )

    def columns(self) -> Cells:
        """Return the row of the table of contrasts."""
        return {
            "question": self.question,
            "first": text(self.first),
            "second": text(self.second),
            "at": self.at,
            "axis": self.axis,
            "amount": self.amount,
            "scale": self.scale,
            "effect": self.effect.value,
            "low": self.effect.low,
            "high": self.effect.high,
            "level": self.effect.level,
            "method": self.method,
            "n": self.effect.n,
            "unit": self.effect.unit,
            "seeds": self.seeds,
            **self._matched_columns(),
            **(self.improvement or Estimate(NAN)).columns("improvement"),
            "configurations_first": self.configurations[0],
            "configurations_second": self.configurations[1],
            "p": self.p,
            "p_adjusted": self.p_adjusted,
            "correction": self.family.correction,
            "comparisons": self.family.comparisons,
            "family": self.family.name,
            "primary": self.family.primary,
            "margin": NAN if self.margin is None else self.margin.size,
            "simultaneous_low": self.simultaneous.low,
            "simultaneous_high": self.simultaneous.high,
            "within_margin": self.within_margin,
            "decision": self.decision,
        }

    def _matched_columns(self) -> Cells:
        matched = self.matched
        variances = None if matched is None else matched.variances
        parts = (NAN,) * 3 if variances is None else (*astuple(variances),)
        names = ("sd_pairs", "sd_seeds", "sd_rest")
        return {
            "degrees_of_freedom": NAN if matched is None else matched.degrees_of_freedom,
            **{name: math.sqrt(part) for name, part in zip(names, parts, strict=True)},
            "no_claim": self.no_claim or "",
        }


def _complement(share: Estimate) -> Estimate:
    return replace(share, value=1 - share.value, low=1 - share.high, high=1 - share.low)


def _reversed(matched: CrossedMean) -> CrossedMean:
    compared = matched.comparison
    turned = replace(compared, effect=compared.effect.in_direction(-1))
    return replace(matched, comparison=turned)


def text(value: Any) -> str:
    """Return a value of a setting, or the number of a trial, as the tables name it."""
    return value if isinstance(value, str) else label(value)


def in_units(compared: Comparison, study: Study) -> tuple[str, Estimate]:
    """Return (scale, effect) of a comparison as it is shown.

    It is in the measure's own direction, and a factor for ratios.
    """
    effect = compared.effect.in_direction(study.objective.sign)
    return (RATIO, effect.as_ratio()) if study.is_ratio else (DIFFERENCE, effect)


def margin_of(study: Study) -> Margin | None:
    """Return the margin of the study file, or None where it states none that can be used.

    A margin that is a factor cannot be used where some score is 0 or less, so that differences are
    compared.
    """
    is_ratio = MEASURES[study.objective.measure].is_ratio
    if study.margin is None or is_ratio != study.is_ratio:
        return None
    return Margin(study.margin, is_ratio)


def couples(study: Study, setting: str) -> list[tuple[Any, Any]]:
    """Return the values that are compared: each set of remedies with none, any two of k."""
    values = list(groups(study, setting))
    if setting == REMEDIES:
        return [(value, NONE) for value in values if value != NONE] if NONE in values else []
    return [(one, other) for i, one in enumerate(values) for other in values[i + 1 :]]


def is_design(study: Study) -> bool:
    """Return whether the study was made for effects of settings.

    It was in a planned design, and in a full grid without a confirm stage, which would be its
    primary family.
    """
    return has_design(study) or (is_full_grid(study) and not has_confirm_stage(study))


def has_confirm_stage(study: Study) -> bool:
    """Return whether the study trains configurations on fresh seeds, or has done so."""
    if study.spec.get("confirm"):
        return True
    return "stage" in study.trials and bool((study.trials["stage"] == Stage.CONFIRM).any())


def factor_family(study: Study, setting: str) -> Family:
    """Return the family of a setting's contrasts at the budget's own amount.

    Those of a design's factors are one family, and so are those of k and of the remedies in a full
    grid: the primary one unless the study was made for a claim that others decide. Of any other
    setting they are a family of their own, and exploratory.
    """
    together = primary_settings(study) if is_design(study) else []
    if setting in together:
        comparisons = sum(len(couples(study, name)) for name in together)
        claim = Claim.of_spec(study.spec)
        decides = claim is None or claim.is_of_factors(study.objective.measure, study.budget.unit)
        return Family(listed(together), comparisons, primary=decides)
    return Family(setting, len(couples(study, setting)))


def claim_family(study: Study, claim: Claim) -> Family:
    """Return the family of what decides a claim and is compared for the claim alone."""
    measure = study.objective.measure
    decides = claim.is_of_factors(measure, study.budget.unit)
    return Family(CLAIM, len(claim.others(measure)), primary=not decides)


def holm_family(name: str, p_values: Iterable[float], primary: bool) -> Family:
    """Return the family of contrasts that Holm corrects: those that have a p-value."""
    return Family(name, sum(p == p for p in p_values), HOLM, primary)
