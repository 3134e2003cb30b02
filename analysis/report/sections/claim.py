"""The claim that the study puts to the test, and its verdicts: first in the report."""

from __future__ import annotations

import math

from ganstudy.analysis.formatting import absent, count, label, number, p_value
from ganstudy.analysis.report import phrases
from ganstudy.analysis.report.blocks import Block, Results, Table
from ganstudy.analysis.report.phrases import Brief, Conclusion, Rank
from ganstudy.analysis.stats.power import POWER
from ganstudy.analysis.tables.effects.claim_power import Planned
from ganstudy.analysis.tables.effects.claims import (
    LEVEL,
    Decided,
    Verdict,
    claim_frame,
    claim_verdicts,
)
from ganstudy.analysis.tables.effects.contrasts import text
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.claimed import LOWER, Claim, Criterion

TITLE = "The claim"
WORDS = {
    Verdict.HOLDS: "holds",
    Verdict.DOES_NOT_HOLD: "does not hold",
    Verdict.NO_EFFECT: "comes to practically no effect",
    Verdict.INCONCLUSIVE: "is inconclusive",
}


def conclusions(results: Results) -> list[Conclusion]:
    """Return one sentence per criterion of the study's claim, the first with the claim itself."""
    decided = _decided(results)
    claim = Claim.of_spec(results.whole.spec)
    if claim is None or not decided:
        return []
    made = []
    for position, each in enumerate(decided):
        stated = f'The claim "{claim.sentence.rstrip(".")}" {WORDS[each.verdict]}: {finding(each)}'
        if position:
            stated = f"By {subject(each.criterion)} it {WORDS[each.verdict]}: {estimate(each)}"
        made.append(
            Conclusion(
                f"{stated}{_where(each)}.",
                basis(each),
                first=True,
                exploratory=not each.primary,
                brief=_brief(each, "" if position else claim.sentence.rstrip(".")),
            )
        )
    return made


def blocks(results: Results) -> list[Block]:
    """Return the table of criteria."""
    decided = _decided(results)
    if not decided:
        return []
    return [Table("claim", claim_frame(decided), "What decides the claim", NOTE, folded=True)]


def _brief(decided: Decided, claimed: str) -> Brief:
    """Return the verdict in short; claimed: the claim's sentence, '' where it stands above already."""
    verdict, found, where = WORDS[decided.verdict], finding(decided), _where(decided)
    stated = f"By {subject(decided.criterion)} the claim {verdict}: {estimate(decided)}"
    texts = [f"{stated}{where}.", f"{stated}."]
    if claimed:
        texts = [
            f'"{claimed}" {verdict}: {found}{where}.',
            f'"{claimed}" {verdict}: {found}.',
            f"The claim {verdict}: {found}.",
        ]
    return Brief(phrases.fitting(*texts), Rank.CLAIM)


def subject(criterion: Criterion) -> str:
    """Return what a criterion is about, in words."""
    what = MEASURES[criterion.measure].label if criterion.measure else _share_name(criterion)
    if not criterion.is_contrast and criterion.measure:
        what = f"the mean {what}"
    if criterion.of:
        what += f" of {' and '.join(criterion.of)} seeds"
    if criterion.setting is not None:
        what += f", {_values(criterion)}"
    axis = "" if criterion.axis is None else f" at equal {label(criterion.axis)}"
    return f"{what}{axis}"


def finding(decided: Decided) -> str:
    """Return what was found, with its interval: k = 5 against 1: FID × 0.7 [0.6, 0.8]."""
    return f"{subject(decided.criterion)}: {estimate(decided)}"


def estimate(decided: Decided) -> str:
    """Return the estimate with its interval and, of a level, its bound."""
    found, criterion = decided.effect, decided.criterion
    if math.isnan(found.value):
        return "unknown"
    if decided.scale == LEVEL:
        side = "below" if criterion.says == LOWER else "above"
        if criterion.share is not None:
            return f"{phrases.share(found)}, claimed {side} {decided.none:.0%}"
        return f"{phrases.with_interval(found)}, claimed {side} {number(decided.none)}"
    if criterion.share is not None:
        return phrases.points(found) if found.has_interval else f"{100 * found.value:+.0f} points"
    return "unknown" if decided.contrast is None else phrases.effect(decided.contrast)


def basis(decided: Decided) -> str:
    """Return n, margin, planned power, limits and, where it is open, what it would take."""
    sentences = [f"{_n(decided)}."]
    if decided.reason and decided.verdict is not Verdict.INCONCLUSIVE:
        p = p_value(decided.sign_p)
        sentences.append(f"{phrases.sentence(decided.reason)}: an exact sign test of points, {p}.")
    elif decided.reason:
        sentences.append(f"Nothing is decided: {decided.reason}.")
    elif decided.comparisons > 1:
        sentences.append(f"The interval holds for {decided.comparisons} comparisons together.")
    margin = None if decided.contrast is None else decided.contrast.margin
    if margin is not None:
        within = phrases.margin(margin)
        if decided.criterion.share is not None:
            within = f"{100 * margin.size:g} percentage points"
        sentences.append(f"Practically no effect is within {within}.")
    sentences.append(planned(decided))
    sentences.append(takes(decided))
    if decided.left_out and decided.effect.n:
        sentences.append(f"{count(decided.left_out, 'seed')} without such a value take no part.")
    if decided.effect.has_interval:
        sentences.append(
            "The interval holds for other settings and other seeds of the file's kind."
        )
    return " ".join(filter(None, sentences))


def planned(decided: Decided) -> str:
    """Return the planned power in a sentence; '' where none was planned."""
    plan = decided.planned
    return "" if plan is None else f"Planned: {planned_words(decided.criterion, plan)}."


def planned_words(criterion: Criterion, plan: Planned) -> str:
    """Return how often the planned effect is found."""
    size = f"a difference of {plan.effect:g}"
    if criterion.is_ratio:
        size = f"a factor of {plan.effect:g}"
    elif not criterion.is_contrast:
        size = f"a mean {plan.effect:g} from the bound"
    equal = "" if absent(plan.equal) else f"; without any effect, {plan.equal:.0%} say so"
    return (
        f"{size} is found in {plan.power:.0%} of such studies{equal} ({plan.points} points on "
        f"{plan.seeds} seeds, spread {plan.source})"
    )


def takes(decided: Decided) -> str:
    """Return what a conclusion takes where the criterion is inconclusive; '' elsewhere."""
    if decided.verdict is not Verdict.INCONCLUSIVE or decided.size is None:
        return ""
    design = decided.size.design
    if design is None:
        return (
            ""
            if math.isnan(decided.size.needed)
            else "No number of points and seeds within reach would settle it."
        )
    return (
        f"About {design.pairs} points on {design.seeds} seeds would settle it "
        f"({POWER:.0%} power, from this spread)."
    )


def _decided(results: Results) -> list[Decided]:
    found: list[Decided] = results.cached(claim_verdicts, results.whole, results.contrasts)
    return found


def _n(decided: Decided) -> str:
    n = count(decided.effect.n, decided.effect.unit.removesuffix("s"))
    return f"{n} on {count(decided.seeds, 'seed')}" if decided.effect.n else n


def _where(decided: Decided) -> str:
    if absent(decided.amount):
        return ""
    return f", at {number(decided.amount)} {label(decided.axis)}"


def _share_name(criterion: Criterion) -> str:
    name = str(criterion.share)
    return f"the share of {name} seeds" if not criterion.of else f"the share that is {name}"


def _values(criterion: Criterion) -> str:
    if criterion.setting == "remedies":
        first = label(text(criterion.value))
        return (
            f"{first} against {label(text(criterion.against))}" if criterion.is_contrast else first
        )
    first = f"{criterion.setting} = {label(text(criterion.value))}"
    return f"{first} against {label(text(criterion.against))}" if criterion.is_contrast else first


NOTE = (
    "What the study file states that decides the claim, with the verdicts: holds (the whole "
    "interval lies on the claimed side), does not hold (on the other side, or, with a margin, any "
    "effect as large as the margin on the claimed side is excluded), practically no effect (within "
    "the margin), else inconclusive. Contrasts are those of the table of contrasts; a level is a "
    "mean over points and seeds, both random. needed_points: on the present seeds, for 80% power."
)
