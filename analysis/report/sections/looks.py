"""When this report is made: before the planned end of the study, or after an earlier one."""

from __future__ import annotations

from ganstudy.analysis.report.blocks import Block, Results
from ganstudy.analysis.report.phrases import Brief, Conclusion, Rank
from ganstudy.analysis.tables.effects.looks import ends_reported, error_of_ends, interim

TITLE = "When this report was made"


def conclusions(results: Results) -> list[Conclusion]:
    """Return that the report is an interim one, or how often its study has been over.

    There is no conclusion at the first planned end.
    """
    study = results.whole
    if why := interim(study):
        basis = "What is found by now may change, and is looked for again at the end."
        brief = Brief(f"{why}; what is found by now may change.", Rank.NOTICE, size=1)
        return [Conclusion(f"{why}.", basis, first=True, brief=brief)]
    ends = ends_reported(study)
    if len(ends) < 2:
        return []
    *before, now = ends
    claim = (
        f"The study was over, and reported, at {' and at '.join(map(str, before))} trials before "
        f"it was continued to {now}:"
    )
    basis = (
        f"what is found now has been looked for {len(ends)} times, which finds up to "
        f"{error_of_ends(study):.1%} of effects that are none, where 5% is promised. All of it is "
        "exploratory."
    )
    brief = Brief(
        f"The study was reported {len(ends) - 1} times before it went on, so up to "
        f"{error_of_ends(study):.1%} of effects that are none would be found.",
        Rank.NOTICE,
        size=1,
    )
    return [Conclusion(claim, basis, first=True, brief=brief)]


def blocks(results: Results) -> list[Block]:
    """Return none: the sentence says all."""
    return []
