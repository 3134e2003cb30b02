"""The samplers, with what statistics and the report need to know of them; free of Optuna.

How each one draws: study/spec/samplers/, in the file of its name.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SamplerFacts:
    """How a sampler's configurations may be compared."""

    drawn: str
    """How they were drawn, as the end of a sentence "The configurations were drawn ..."."""
    exchangeable: bool
    """Whether no configuration depends on the scores before it, so that their order is arbitrary."""


SAMPLERS = {
    "tpe": SamplerFacts(
        drawn="by TPE, which goes where scores are good, so groups of a setting differ in their "
        "other settings too",
        exchangeable=False,
    ),
    "random": SamplerFacts(
        drawn="at random, so groups of a setting differ in their other settings by chance only",
        exchangeable=True,
    ),
    "grid": SamplerFacts(
        drawn="by grid, of which not every combination was evaluated equally often, so groups of a "
        "setting may differ in their other settings",
        exchangeable=True,
    ),
}
DEFAULT_SAMPLER = "tpe"
SAMPLER_NOT_STATED = "others"
"""Sampler of an imported study whose file does not say how its configurations were drawn."""


def facts_of(sampler: str) -> SamplerFacts:
    """Return the facts of a sampler; of an unknown one, as an import may name, the cautious ones."""
    how = (
        f"by {sampler}" if sampler and sampler != SAMPLER_NOT_STATED else "in a way that is unknown"
    )
    unknown = SamplerFacts(
        drawn=f"{how}, so groups of a setting may differ in their other settings too",
        exchangeable=False,
    )
    return SAMPLERS.get(sampler, unknown)
