"""What the way in which configurations were drawn means for the comparisons above it."""

from __future__ import annotations

from ganstudy.analysis.report.blocks import Block, Results
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.report.sections import k_ratio, remedies
from ganstudy.trials.results.samplers import DEFAULT_SAMPLER, facts_of

NAME, TITLE = "sampling", "How the configurations were drawn"


def blocks(results: Results) -> list[Block]:
    """Words alone."""
    return []


def conclusions(results: Results) -> list[Conclusion]:
    """The caveat, where settings were compared."""
    if not (k_ratio.conclusions(results) or remedies.conclusions(results)):
        return []
    sampler = str(results.study.spec.get("search", {}).get("sampler", DEFAULT_SAMPLER))
    drawn = facts_of(sampler).drawn
    matched = "Effects and pairs are matched on those that were searched; medians of whole groups are not."
    return [Conclusion(f"The configurations were drawn {drawn}.", matched)]
