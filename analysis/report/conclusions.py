"""The answer in words: the main findings of all sections, in full and in five short sentences.

Each is drawn by the section that shows its table, with n and interval. Where the data are
inconclusive, that is the conclusion.
"""

from __future__ import annotations

from dataclasses import replace

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.blocks import Results, conclusions_of
from ganstudy.analysis.report.phrases import Brief, Conclusion, Rank
from ganstudy.analysis.report.sections.registry import SECTIONS

NO_TRIALS = Conclusion("No trial has been published yet.", first=True)
MOST_SENTENCES = 5
ALWAYS = (Rank.SCORE, Rank.FAILURES)
"""Of these one sentence each is never left out for others, nor of the questions k and remedies."""


def conclusions(results: Results) -> list[Conclusion]:
    """Return the main findings in full, in the order of the sections."""
    if results.study.trials.empty:
        return [NO_TRIALS]
    return [
        conclusion
        for section in SECTIONS
        for conclusion in conclusions_of(section, results)
        if conclusion.first
    ]


def answer(results: Results) -> list[Conclusion]:
    """Return the answer in at most MOST_SENTENCES short sentences, the largest effect first."""
    found = conclusions(results)
    briefs = [(each, one) for one in found for each in (one.brief, one.also) if each is not None]
    briefs.sort(key=lambda pair: (pair[0].rank, -pair[0].size))
    kept = _chosen([brief for brief, _ in briefs])
    short = [
        replace(one, claim=brief.text, basis="", brief=brief, also=None)
        for brief, one in briefs
        if brief in kept
    ]
    return short or found[:1]


def _chosen(briefs: list[Brief]) -> list[Brief]:
    kept: list[Brief] = []
    for rank in ALWAYS:
        kept += [brief for brief in briefs if brief.rank is rank][:1]
    for question in sorted({brief.question for brief in briefs} - {""}):
        kept += [brief for brief in briefs if brief.question == question][:1]
    kept = kept[:MOST_SENTENCES]
    others = [brief for brief in briefs if brief not in kept]
    return kept + others[: MOST_SENTENCES - len(kept)]


def sentences(study: Study) -> list[str]:
    """Return the main findings in full as plain text."""
    return [str(conclusion) for conclusion in conclusions(Results(study))]
