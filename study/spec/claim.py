"""[claim]: a sentence that the study puts to the test, and what decides it.

Each entry of `decided_by` is one criterion: a contrast of two values of a setting, or a level that
is held against a bound. Both are of a measure or of a share of seeds. What is claimed, the margin
and the planned effect stand in the file before the first trial; analysis/tables/effects/claims.py draws the
verdicts.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from ganstudy.study.spec.tables import LARGEST_FACTOR_MARGIN, LARGEST_SHARE_MARGIN
from ganstudy.trials.config.base import StrictModel, one_of, short_repr
from ganstudy.trials.config.k_ratio import as_schedule
from ganstudy.trials.config.trial import BUDGET_UNITS
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.claimed import FAILED
from ganstudy.trials.results.records import WORST_FIRST

VERDICTS = tuple(verdict.value for verdict in WORST_FIRST)
SHARES = (FAILED, *VERDICTS)
MOST_CRITERIA = 8
"""Of one claim: all of them share one family."""


class Criterion(StrictModel):
    """[[claim.decided_by]]: what is compared, and which way the claim says that it is."""

    measure: str | None = None
    """In the catalogue; of contrasts and levels alike."""
    share: str | None = None
    """Of seeds that have failed, or have one verdict."""
    setting: str | None = None
    """Whose values are compared, or which picks the trials of a level."""
    value: Any = None
    against: Any = None
    """The other value of a contrast."""
    axis: str | None = None
    """What is equal in a contrast; the budget's own unit unless stated."""
    of: tuple[str, ...] = ()
    """Verdicts: the seeds that a level is taken of; all unless stated."""
    says: Literal["lower", "higher"]
    than: float | None = Field(None, allow_inf_nan=False)
    """Bound of a level."""
    of_real: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Bound of a level as a multiple of what real training images score."""
    margin: float | None = Field(None, gt=0, allow_inf_nan=False)
    """As [objective] margin, of a contrast in anything but the objective."""
    effect: float | None = Field(None, gt=0, allow_inf_nan=False)
    """What the study is planned to find: a factor for ratios, else a distance from no effect or
    from the bound.
    """
    spread: tuple[float, float, float] | None = None
    """Standard deviations that it is planned with: between points, between seeds, and the rest."""

    @property
    def is_contrast(self) -> bool:
        """Whether two values of a setting are compared."""
        return self.against is not None

    @property
    def is_ratio(self) -> bool:
        """Whether the effect is a factor."""
        return self.is_contrast and self.measure is not None and MEASURES[self.measure].is_ratio

    @field_validator("value", "against")
    @classmethod
    def _as_shown(cls, value: Any, info: ValidationInfo) -> Any:
        # As trials show k: the report finds them by it.
        if info.data.get("setting") != "k" or value is None:
            return value
        return as_schedule(value).shown

    @field_validator("measure")
    @classmethod
    def _known_measure(cls, value: str | None) -> str | None:
        return None if value is None else one_of("measure", value, MEASURES)

    @field_validator("share")
    @classmethod
    def _known_share(cls, value: str | None) -> str | None:
        return None if value is None else one_of("share of seeds", value, SHARES)

    @field_validator("axis")
    @classmethod
    def _known_axis(cls, value: str | None) -> str | None:
        return None if value is None else one_of("axis", value, BUDGET_UNITS)

    @field_validator("of")
    @classmethod
    def _known_verdicts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            one_of("verdict", name, VERDICTS)
        return value

    @field_validator("spread")
    @classmethod
    def _not_negative(
        cls, value: tuple[float, float, float] | None
    ) -> tuple[float, float, float] | None:
        if value is not None and not all(0 <= part < math.inf for part in value):
            raise ValueError(
                "spread has three standard deviations (between points, between seeds, the rest), "
                f"each >= 0, got {short_repr(list(value))}"
            )
        if value is not None and not any(value):
            raise ValueError("spread must not be all 0: nothing would be left to chance")
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> Criterion:
        if (self.measure is None) == (self.share is None):
            raise ValueError(
                "name one of measure and share, got "
                + ("neither" if self.measure is None else f"{self.measure!r} and {self.share!r}")
            )
        if (self.setting is None) != (self.value is None):
            raise ValueError("setting and value go together: the value of which setting")
        if self.is_contrast:
            self._check_contrast()
        else:
            self._check_level()
        return self

    def _check_contrast(self) -> None:
        if self.setting is None:
            raise ValueError("against needs a setting and a value to compare with")
        given = [key for key in ("than", "of_real") if getattr(self, key) is not None]
        given += ["of"] if self.of else []
        if given:
            raise ValueError(
                f"{given[0]} belongs to a level, and against makes this a contrast; leave out one"
            )
        if self.share is not None and self.axis is not None:
            raise ValueError("axis is for measures: shares of seeds are compared at evaluations")
        self._check_margin()
        if self.effect is not None and self.is_ratio:
            is_lower = self.effect < 1
            if self.effect == 1 or is_lower != (self.says == "lower"):
                raise ValueError(
                    f"effect must be a factor {'below' if self.says == 'lower' else 'above'} 1 "
                    f"where the claim says {self.says!r} of {self.measure}, got {self.effect:g}"
                )

    def _check_margin(self) -> None:
        if self.margin is None:
            return
        bounded = self.share is not None or MEASURES[str(self.measure)].is_share
        most = LARGEST_FACTOR_MARGIN if self.is_ratio else LARGEST_SHARE_MARGIN
        if (bounded or self.is_ratio) and self.margin > most:
            raise ValueError(
                f"margin must be <= {most:g} for {self.measure or 'a share of seeds'}, "
                f"got {self.margin:g}"
            )

    def _check_level(self) -> None:
        if (self.than is None) == (self.of_real is None):
            raise ValueError(
                "a level needs one bound, than or of_real; a contrast needs setting, value and "
                "against"
            )
        given = [key for key in ("axis", "margin") if getattr(self, key) is not None]
        if given:
            raise ValueError(f"{given[0]} belongs to a contrast, which needs against")
        if self.share is not None and self.of_real is not None:
            raise ValueError("of_real is for measures: real images have no share of failed seeds")
        if self.share is not None and self.than is not None and not 0 < self.than < 1:
            raise ValueError(f"than must be between 0 and 1 for a share, got {self.than:g}")
        if self.of_real is not None and MEASURES[str(self.measure)].implementation is None:
            raise ValueError(f"of_real: real images have no {self.measure}; state a bound by than")


class Claim(StrictModel):
    """[claim]: a sentence, and the criteria that decide it, each with a verdict of its own."""

    sentence: str = Field(min_length=1, max_length=1000)
    decided_by: tuple[Criterion, ...] = Field(min_length=1, max_length=MOST_CRITERIA)
