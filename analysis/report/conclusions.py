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
ALWAYS = (Rank.NOTICE, Rank.CLAIM, Rank.SCORE, Rank.FAILURES)
"""Of these one sentence each is never left out for others. Then come the questions, the most
conclusive first."""


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
    """Return the sentences of the first screen: briefs are in the order in which they are shown."""
    first: dict[Rank | str, Brief] = {}
    for brief in briefs:
        for group in (brief.rank, brief.question):
            first.setdefault(group, brief)
    always = [first[rank] for rank in ALWAYS if rank in first]
    questions = [brief for group, brief in first.items() if isinstance(group, str) and group]
    ordered = dict.fromkeys([*always, *questions, *briefs])
    return list(ordered)[:MOST_SENTENCES]


def sentences(study: Study) -> list[str]:
    """Return the main findings in full as plain text."""
    return [str(conclusion) for conclusion in conclusions(Results(study))]
