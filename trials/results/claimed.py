"""A claim as a study's published file states it: its criteria, without the file's rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.outlook import Outlook
from ganstudy.trials.results.records import NO_REMEDIES, remedy_label

FAILED = "failed"
"""Share of the seeds that collapsed, cycled or diverged."""
LOWER, HIGHER = "lower", "higher"


@dataclass(frozen=True)
class Criterion:
    """What decides a claim; the fields are those of [[claim.decided_by]]."""

    says: str
    measure: str | None = None
    share: str | None = None
    setting: str | None = None
    value: Any = None
    against: Any = None
    axis: str | None = None
    of: tuple[str, ...] = ()
    than: float | None = None
    of_real: float | None = None
    margin: float | None = None
    effect: float | None = None
    spread: tuple[float, ...] | None = None

    @property
    def is_contrast(self) -> bool:
        """Whether two values of a setting are compared."""
        return self.against is not None

    @property
    def sign(self) -> int:
        """Sign with which the claimed direction is below 0."""
        return 1 if self.says == LOWER else -1

    def is_in_table(self, measure: str) -> bool:
        """Return whether a report on the study compares the two values whatever is claimed.

        measure: of the study's objective. It compares any two k on every axis, and every set of
        remedies with none on the budget's own.
        """
        if not self.is_contrast or self.measure != measure:
            return False
        if self.setting == "remedies":
            return self.against == NO_REMEDIES and self.axis is None
        return self.setting == "k"

    def is_of_factors(self, measure: str, unit: str) -> bool:
        """Return whether it is a contrast of a design's own family.

        unit: of the budget, at whose own amounts that family is.
        """
        return self.is_in_table(measure) and self.axis in (None, unit)

    @classmethod
    def from_json(cls, stated: Mapping[str, Any]) -> Self:
        """Return the criterion of a study's file as plain JSON."""
        known = {field.name for field in fields(cls)}
        kept = {key: value for key, value in stated.items() if key in known}
        for key in ("value", "against"):
            # Sets of remedies are lists in the file, and labels among the trials.
            if isinstance(kept.get(key), list):
                kept[key] = remedy_label(kept[key])
        kept["of"] = tuple(kept.get("of") or ())
        kept["spread"] = None if kept.get("spread") is None else tuple(kept["spread"])
        return cls(**kept)

    @property
    def is_ratio(self) -> bool:
        """Whether the effect is a factor where every score is positive."""
        return self.is_contrast and self.measure is not None and MEASURES[self.measure].is_ratio


@dataclass(frozen=True)
class Claim:
    """A sentence with its criteria."""

    sentence: str
    decided_by: tuple[Criterion, ...]

    def others(self, measure: str) -> tuple[Criterion, ...]:
        """Return the criteria that no report makes without the claim: a family of their own."""
        return tuple(each for each in self.decided_by if not each.is_in_table(measure))

    def is_of_factors(self, measure: str, unit: str) -> bool:
        """Return whether a contrast of the design's own family is among what decides it."""
        return any(each.is_of_factors(measure, unit) for each in self.decided_by)

    def comparisons(self, criterion: Criterion, measure: str, outlook: Outlook | None) -> int:
        """Return how many comparisons are corrected together with a criterion, before any trial."""
        if not criterion.is_in_table(measure):
            return len(self.others(measure))
        effects = () if outlook is None else outlook.effects
        found = [each.comparisons for each in effects if each.setting == criterion.setting]
        return found[0] if found else 1

    @classmethod
    def of_spec(cls, spec: Mapping[str, Any]) -> Self | None:
        """Return the claim of a study's file as plain JSON; None where it makes none."""
        stated = spec.get("claim")
        if not stated:
            return None
        criteria = tuple(map(Criterion.from_json, stated["decided_by"]))
        return cls(str(stated["sentence"]), criteria)
