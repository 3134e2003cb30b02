"""How the sampler affects the comparisons of the sections above."""

from __future__ import annotations

from ganstudy.analysis.formatting import count, label
from ganstudy.analysis.frames.designed import has_design, is_fraction
from ganstudy.analysis.frames.selection import is_full_grid
from ganstudy.analysis.report.blocks import Block, Results
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.report.sections import k_ratio, remedies
from ganstudy.analysis.tables.effects.contrasts import CONFIRMED
from ganstudy.analysis.tables.effects.looks import held_back
from ganstudy.trials.results.claimed import Claim
from ganstudy.trials.results.records import Stage
from ganstudy.trials.results.samplers import facts_of

TITLE = "How the configurations were drawn"
MATCHED = (
    "Effects and pairs are matched on the settings that were searched; medians of whole groups "
    "are not."
)
TWINS = (
    "Every combination of the factors was trained at the same points and on the same seeds. Effects "
    "are differences of such twins, averaged over the other factors: the unit is the point."
)
FULL_GRID = "on a full grid, so groups of a setting have the same other settings"


def blocks(results: Results) -> list[Block]:
    """Return none: the conclusion says it all."""
    return []


FRACTION = (
    "Each point trained a part of the combinations of the factors, on the same seeds, and all points together "
    "each equally often. Effects are differences within a point, where any other factor has all its values "
    "equally often on both sides: the unit is the point. Interactions of factors are not estimated."
)


def conclusions(results: Results) -> list[Conclusion]:
    """Return the caveat, where settings were compared."""
    if not (k_ratio.conclusions(results) or remedies.conclusions(results)):
        return []
    study = results.study
    if has_design(study):
        return [_of_design(results), _families(results)]
    if is_full_grid(study):
        return [Conclusion(f"The configurations were drawn {FULL_GRID}."), _families(results)]
    drawn = facts_of(study.sampler).drawn
    return [Conclusion(f"The configurations were drawn {drawn}.", MATCHED), _families(results)]


def _of_design(results: Results) -> Conclusion:
    """Return what was planned, and which trials the effects above come from."""
    trials = results.study.of_stage(Stage.DESIGN).trials
    points = count(trials["point"].nunique(), "point")
    others = len(results.study.trials) - len(trials)
    text = f"The comparisons of settings are those of a planned design of {len(trials)} trials at {points}"
    how = FRACTION if is_fraction(results.study) else TWINS
    if not others:
        return Conclusion(f"{text}.", how)
    drawn = count(others, "trial")
    return Conclusion(f"{text}; the {drawn} that the search drew take no part in them.", how)


def _families(results: Results) -> Conclusion:
    """Return which comparisons the study was made for: all others are exploratory."""
    primary = results.contrasts.primary
    if not primary and (why := held_back(results.whole)):
        return Conclusion(f"No comparison counts as the one that the study was made for. {why}")
    if not primary and Claim.of_spec(results.whole.spec) is not None:
        return Conclusion(
            "The study was made for its claim, which no comparison of two values decides;",
            "all comparisons are exploratory; their corrections, where there are any, cover one table "
            "each.",
            first=True,
        )
    if not primary:
        return Conclusion(
            "All comparisons are exploratory:",
            "the study is neither a planned design nor a full grid, nor are its findings compared on "
            "fresh seeds. Corrections, where there are any, cover one table each.",
            first=True,
        )
    family = primary[0].family
    n = count(family.comparisons, "comparison")
    which = "on fresh seeds" if family.name == CONFIRMED else f"of {label(family.name)}"
    those = f"comparisons are those {which} ({n}, {family.correction})"
    if family.comparisons == 1:
        those = f"comparison is the one {which}"
    return Conclusion(
        f"The primary {those};",
        "all others are exploratory; their corrections, where there are any, cover one table each.",
        first=True,
    )
