"""The answer in words: the conclusions of all sections that belong on the first screen.

Every one is made from a table, with its n and interval, by the section that shows the table. Where the data
cannot tell, that is the conclusion.
"""

from __future__ import annotations

from analysis.load import Study
from analysis.page import Evidence
from analysis.sections.order import PARTS
from analysis.wording import Said

NOTHING = Said("No trial has been published yet.", first=True)


def conclusions(evidence: Evidence) -> list[Said]:
    """The answer, most important first."""
    if evidence.study.trials.empty:
        return [NOTHING]
    return [said for part in PARTS for said in part.said(evidence) if said.first]


def sentences(study: Study) -> list[str]:
    """The answer as plain text, one conclusion each."""
    return [str(said) for said in conclusions(Evidence(study))]
