"""[design]: a planned experiment before the search, and the rules of its table.

Every combination of the factors is trained at the same points, and on the same seeds: a randomised
complete block design whose blocks are the points. study/spec/design_plan.py plans its trials.
"""

from __future__ import annotations

import math

from pydantic import Field, field_validator, model_validator

from ganstudy.trials.config.base import StrictModel, short_repr

# A power of 2, at which Sobol' points are balanced; of fewer than 4 no effect has an interval
# (analysis/stats/crossed/effect.py).
DEFAULT_POINTS = 8
# A guess: far more trials than a design of a few factors needs, and far fewer than a slip makes.
MOST_TRIALS = 1000
"""Of a design, unless the file allows more."""
FEWEST_POINTS = 4
"""With which an effect has an interval: MIN_POINTS of analysis/stats/crossed/effect.py."""
ROUNDING = 0.005
"""Of the budget: a third is written 0.33."""
SEEDS = (0, 1, 2, 3, 4, 5)
"""Of a study whose question is an effect, unless the file states others: of three, Student's quantile
is 4.3 rather than 2.6, and an interval so much wider."""
CLOSE = 0.1
"""Of the distance between two evaluations: no share may stand for either of them."""


class Design(StrictModel):
    """[design]: which combinations are trained at which points, and which of them go on."""

    points: int | None = Field(None, ge=1, le=10_000)
    """Settings of all that is no factor; DEFAULT_POINTS unless nothing else varies."""
    factors: tuple[str, ...] | None = None
    """Settings that are crossed; every setting that is a list unless stated."""
    at: float = Field(1.0, gt=0, le=1, allow_inf_nan=False)
    """Share of the budget at which all trials are compared."""
    promote: int | None = Field(None, ge=1, le=1_000_000)
    """How many of the best go on from there; all where `at` is the whole budget."""
    fraction: int = Field(1, ge=1, le=1000)
    """Combinations there are for each one that trains at a point (study/spec/fraction.py); 1: all do."""
    most: int = Field(MOST_TRIALS, ge=1, le=100_000)
    """Trials that the design may have."""

    @field_validator("factors")
    @classmethod
    def _distinct(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and not value:
            raise ValueError("at least one factor is needed, got an empty list")
        twice = [name for i, name in enumerate(value or ()) if name in (value or ())[:i]]
        if twice:
            raise ValueError(f"a factor may be named once, got {short_repr(twice[0])} twice")
        return value

    @model_validator(mode="after")
    def _promotion(self) -> Design:
        if self.at < 1 and self.promote is None:
            raise ValueError(
                f"promote is required where at < 1, got at={self.at:g}: it says how many of the "
                "best go on to the end of the budget"
            )
        if self.at == 1 and self.promote is not None:
            raise ValueError(
                f"promote needs at < 1, got promote={self.promote}: at the end of the budget "
                "nothing is left to go on with"
            )
        return self

    def at_evaluation(self, evaluations: int) -> Design:
        """Return this design with `at` exactly at the evaluation it stands for, if it has one."""
        try:
            at = self.evaluation(evaluations) / evaluations
        except ValueError:
            return self  # study/spec/design_plan.py reports it, with all that is wrong here
        return self.model_copy(update={"at": at})

    def evaluation(self, evaluations: int) -> int:
        """Return the evaluation, of so many, at which all trials are compared; 1 is the first.

        Raise ValueError, with the nearest shares, where no evaluation lies there.
        """
        position = self.at * evaluations
        nearest = round(position)
        off = abs(position - nearest)
        if nearest >= 1 and off <= min(ROUNDING * evaluations, CLOSE):
            return nearest
        below, above = math.floor(position), math.ceil(position)
        shares = " or ".join(f"{end / evaluations:g}" for end in (below, above) if end >= 1)
        raise ValueError(
            f"must lie on one of the {evaluations} evaluations, got {self.at:g}; the nearest: "
            f"{shares}"
        )
