"""What the way in which configurations were drawn means for the comparisons above it."""

from __future__ import annotations

from ganstudy.analysis.report.blocks import Block, Evidence
from ganstudy.analysis.report.phrases import Said
from ganstudy.analysis.report.sections import k_ratio, remedies

NAME, TITLE = "sampling", "How the configurations were drawn"
SAMPLERS = {
    "random": "at random, so groups of a setting differ in their other settings by chance only",
    "tpe": "by TPE, which goes where scores are good, so groups of a setting differ in their other settings too",
}


def blocks(evidence: Evidence) -> list[Block]:
    """Words alone."""
    return []


def said(evidence: Evidence) -> list[Said]:
    """The caveat, where settings were compared."""
    if not (k_ratio.said(evidence) or remedies.said(evidence)):
        return []
    sampler = str(evidence.study.spec.get("search", {}).get("sampler", "tpe"))
    drawn = SAMPLERS.get(
        sampler, f"by {sampler}, so groups of a setting may differ in their other settings too"
    )
    matched = "Effects and pairs are matched on those that were searched; medians of whole groups are not."
    return [Said(f"The configurations were drawn {drawn}.", matched)]
