"""The answer in words: the conclusions of all sections that belong on the first screen.

Every one is made from a table, with its n and interval, by the section that shows the table. Where
the data cannot tell, that is the conclusion.
"""

from __future__ import annotations

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.blocks import Results
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.report.sections.registry import PARTS

NOTHING = Conclusion("No trial has been published yet.", first=True)


def conclusions(results: Results) -> list[Conclusion]:
    """The answer, most important first."""
    if results.study.trials.empty:
        return [NOTHING]
    return [said for part in PARTS for said in part.conclusions(results) if said.first]


def sentences(study: Study) -> list[str]:
    """The answer as plain text, one conclusion each."""
    return [str(said) for said in conclusions(Results(study))]
