"""How the sampler affects the comparisons of the sections above."""

from __future__ import annotations

import math

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.blocks import Block, Results
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.report.sections import k_ratio, remedies
from ganstudy.trials.results.samplers import facts_of

TITLE = "How the configurations were drawn"
MATCHED = (
    "Effects and pairs are matched on the settings that were searched; medians of whole groups "
    "are not."
)
FULL_GRID = "on a full grid, so groups of a setting have the same other settings"


def blocks(results: Results) -> list[Block]:
    """Return none: the conclusion says it all."""
    return []


def conclusions(results: Results) -> list[Conclusion]:
    """Return the caveat, where settings were compared."""
    if not (k_ratio.conclusions(results) or remedies.conclusions(results)):
        return []
    study = results.study
    if is_full_grid(study):
        return [Conclusion(f"The configurations were drawn {FULL_GRID}.")]
    drawn = facts_of(study.sampler).drawn
    return [Conclusion(f"The configurations were drawn {drawn}.", MATCHED)]


def is_full_grid(study: Study) -> bool:
    """Return whether every combination of the searched values was evaluated equally often.

    Settings that only some trials have make combinations incomplete: then it is not known.
    """
    # Failed trials have no scores and are in no group.
    trials = study.trials.loc[study.trials["evaluations"] > 0, study.searched]
    if study.sampler != "grid" or trials.empty or trials.isna().any(axis=None):
        return False
    combinations = trials.value_counts()
    possible = math.prod(trials[name].nunique() for name in trials)
    return len(combinations) == possible and combinations.nunique() == 1
