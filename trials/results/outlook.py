"""What a study was expected to tell and to take before its first trial: what it promises."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Self

from ganstudy.trials.results.documents import JsonObject


@dataclass(frozen=True)
class PlannedEffect:
    """The smallest effect of a setting that the study was to find, and what that rests on."""

    setting: str
    smallest: float | None
    """With the outlook's power, on the scale on which effects are computed: a logarithm for ratios.
    None where none could be found.
    """
    unit: str
    """pairs, points (of a design), or seeds (of single configurations)."""
    n: int
    seeds: int
    comparisons: int
    """Corrected together."""
    sd_pairs: float
    """Standard deviations of an effect: between pairs or points, between seeds, and the rest."""
    sd_seeds: float
    sd_rest: float


@dataclass(frozen=True)
class Outlook:
    """The promise of a study, as it was when its first driver began."""

    power: float
    scale: str
    """ratio or difference."""
    source: str
    """Where the standard deviations are from, in words."""
    effects: tuple[PlannedEffect, ...]
    trials: int
    """Of the design and the search together."""
    seconds: tuple[float, float] | None = None
    """Wall time from start to report, at least and at most; None where it was not known."""

    def as_text(self) -> str:
        """Return the outlook as JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return the outlook that `as_text` wrote."""
        content: JsonObject = json.loads(text)
        effects = tuple(PlannedEffect(**each) for each in content.pop("effects"))
        seconds = content.pop("seconds")
        return cls(**content, effects=effects, seconds=None if seconds is None else tuple(seconds))
