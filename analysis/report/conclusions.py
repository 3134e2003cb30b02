"""The answer in words: the conclusions of all sections that belong on the first screen.

Each is drawn by the section that shows its table, with n and interval. Where the data are
inconclusive, that is the conclusion.
"""

from __future__ import annotations

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.blocks import Results, conclusions_of
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.report.sections.registry import SECTIONS

NO_TRIALS = Conclusion("No trial has been published yet.", first=True)


def conclusions(results: Results) -> list[Conclusion]:
    """Return the answer, the most important conclusion first."""
    if results.study.trials.empty:
        return [NO_TRIALS]
    return [
        conclusion
        for section in SECTIONS
        for conclusion in conclusions_of(section, results)
        if conclusion.first
    ]


def sentences(study: Study) -> list[str]:
    """Return the answer as plain text, one string per conclusion."""
    return [str(conclusion) for conclusion in conclusions(Results(study))]
