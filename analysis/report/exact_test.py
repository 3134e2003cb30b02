"""The exact test of two configurations on the same fresh seeds, in words."""

from __future__ import annotations

from ganstudy.analysis.formatting import count, label, p_value
from ganstudy.analysis.report import phrases
from ganstudy.analysis.stats.estimate import INCONCLUSIVE, PRACTICALLY_EQUAL
from ganstudy.analysis.stats.few_seeds import MEDIAN
from ganstudy.analysis.tables.effects.confirmed_contrasts import Against, ConfirmedContrast
from ganstudy.analysis.tables.effects.contrasts import RATIO, Contrast
from ganstudy.trials.results.paired_seeds import fewest_seeds


def tested(found: ConfirmedContrast, name: str) -> str:
    """Return the result of the exact test of two configurations on the same fresh seeds.

    The estimate stands beside it; it holds under an assumption that few seeds cannot check.
    """
    contrast = found.contrast
    seeds = count(contrast.effect.n, "fresh seed")
    first, second = label(contrast.first), label(contrast.second)
    is_twin = found.against is Against.TWIN
    what = f"{first}, all else equal" if is_twin else f"{first} against {second}"
    than = "without" if is_twin else second
    decision = f"{contrast.decision} than {than}"
    if contrast.decision == PRACTICALLY_EQUAL:
        decision = f"{PRACTICALLY_EQUAL} to {'the same without' if is_twin else second}"
    elif contrast.is_open:
        decision = INCONCLUSIVE
    elif contrast.within_margin:
        decision += f", though {name} differs by less than the margin"
    what = f"{what[0].upper()}{what[1:]}"
    margin = phrases.within_margin([contrast])
    return f"{what}, on {seeds}: {decision} ({_test(found)}). {_estimate(contrast, name)}{margin}"


def _test(found: ConfirmedContrast) -> str:
    contrast, improved = found.contrast, found.improved
    parts = [p_value(contrast.p_adjusted) if contrast.effect.n else "no seed in common"]
    if contrast.family.comparisons > 1:
        parts.append(f"Holm over {count(contrast.family.comparisons, 'comparison')}")
    if contrast.effect.n:
        share = f"P(improvement) {improved.value:.0%} [{improved.low:.0%}, {improved.high:.0%}]"
        parts.append(share)
    needed = fewest_seeds(contrast.family.comparisons)
    if contrast.effect.n < needed:
        parts.append(f"no difference can be found with fewer than {needed} seeds")
    return ", ".join(parts)


def _estimate(contrast: Contrast, name: str) -> str:
    what = f"{name} {phrases.effect(contrast)}"
    if contrast.scale != RATIO:
        what = f"The difference in {what}"
    if not contrast.effect.has_interval:
        return f"{what}."
    if contrast.method == MEDIAN:
        return f"{what} (median over seeds, as some have no score)."
    kind = "differences of logarithms" if contrast.scale == RATIO else "differences"
    other_way = contrast.statistic * contrast.worse_by < 0
    but = ", the mean drawn the other way by few seeds" if other_way else ""
    # Else a reader would see an interval that says something else than the decision before it.
    low, high, none = contrast.effect.low, contrast.effect.high, float(contrast.scale == RATIO)
    is_conclusive = contrast.decision in ("better", "worse")
    agrees = (low <= none <= high) != is_conclusive
    decides = "" if agrees else "; the exact test, which does not assume it, decides"
    return f"{what}, if {kind} are normal{but}{decides}."
