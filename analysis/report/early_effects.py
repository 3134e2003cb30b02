"""Effects that the design or the search found early in training, and fresh seeds did not repeat.

Settings are compared at an amount that all trials reached, the confirmed ones at the end of the
budget: what speeds training up may gain nothing in the end.
"""

from __future__ import annotations

from collections.abc import Iterator

from ganstudy.analysis.formatting import count, label, number
from ganstudy.analysis.report import phrases
from ganstudy.analysis.report.blocks import Results
from ganstudy.analysis.report.phrases import Brief, Conclusion, Rank, fitting, score_name, unit
from ganstudy.analysis.tables.effects.confirmed_contrasts import Against, ConfirmedContrast
from ganstudy.analysis.tables.effects.contrasts import Contrast


def short_lived(results: Results) -> list[Conclusion]:
    """Return one conclusion per early effect of remedies that their twin does not repeat."""
    return [_conclusion(results, early, found) for early, found in _unlike(results)]


def _unlike(results: Results) -> Iterator[tuple[Contrast, ConfirmedContrast]]:
    """Yield early effects that were found, with the confirmed comparison that says otherwise."""
    end = results.whole.budget.amount
    for found in results.contrasts.confirmed:
        confirmed = found.contrast
        if found.against is not Against.TWIN or not confirmed.effect.n:
            continue
        for early in results.contrasts.remedies:
            is_early = early.amount < end and early.first == confirmed.first
            if is_early and early.better is not None and early.decision != confirmed.decision:
                yield early, found


def _conclusion(results: Results, early: Contrast, found: ConfirmedContrast) -> Conclusion:
    study, confirmed = results.whole, found.contrast
    name, first = score_name(study), label(early.first)
    when, end = (f"{number(at)} {unit(study)}" for at in (early.amount, study.budget.amount))
    # An interval that holds the early effect is no sign against it: then the seeds are too few.
    low, high = confirmed.effect.low, confirmed.effect.high
    gone = confirmed.effect.has_interval and not low <= early.effect.value <= high
    seeds, effect = count(confirmed.effect.n, "fresh seed"), phrases.effect(confirmed)
    decision = phrases.decision(confirmed)
    verb = "may not last" if gone else "is not confirmed"
    basis = (
        f"{first}, {early.decision} than no remedy there ({name} {phrases.effect(early)}), is "
        f"{decision} against its twin at {end} on {seeds} ({name} {effect}). The first is an average "
        "over settings on the study's own seeds, the second is about one configuration."
    )
    text = fitting(
        f"The early effect of {first} {verb}: at {end} on {seeds} it is {decision}, {effect}.",
        f"An early effect of remedies {verb}: at {end} on {seeds} they are {decision}, {effect}.",
    )
    # Right behind the effect that it is about.
    brief = Brief(text, Rank.EFFECT, abs(early.worse_by) * (1 - 1e-9))
    exploratory = phrases.exploratory([confirmed])
    claim = f"What was found at {when} {verb}:"
    return Conclusion(claim, basis, first=True, exploratory=exploratory, brief=brief)
