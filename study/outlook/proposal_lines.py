"""What the terminal shows of a plan: what is asked, the table of designs, and the one that is proposed."""

from __future__ import annotations

import math

from ganstudy.analysis.stats.crossed.effect import MIN_POINTS
from ganstudy.analysis.stats.crossed.power import POWER
from ganstudy.study.driver.duration import format_duration
from ganstudy.study.outlook.detectable_effects import Question, designed, with_design
from ganstudy.study.outlook.expected_time import basis_lines
from ganstudy.study.outlook.planning import (
    MOST_POINTS,
    MOST_SEEDS,
    Proposal,
    Wanted,
    effect_in_words,
    effect_size,
    is_timed,
)
from ganstudy.study.outlook.spread import RATIO, Spread
from ganstudy.study.spec.domains import Range
from ganstudy.study.spec.study_spec import StudySpec

SHOWN = (3, 4, 6, 8, 10, 12, 16, 20)
"""Seeds of the table that is printed, beside the proposed ones."""


def proposal_lines(
    spec: StudySpec, wanted: Wanted, found: Proposal
) -> tuple[list[str], list[str], list[str]]:
    """Return what is asked and how it is known, the table of designs, and which is proposed."""
    asked = designed(with_design(spec, MIN_POINTS))
    named = ", ".join(_named(question) for question in asked)
    together = asked[0].together > asked[0].comparisons
    effect = effect_in_words(found.spread, effect_size(wanted.tell, found.spread, spec.measure))
    lines = [
        f"To tell {effect} in {spec.measure} with {POWER:.0%} power: {named}"
        + (", corrected together" if together else ""),
        f"Spread of effects ({found.spread.source}): {found.spread.words(asked[0].setting)}",
        *(line[0].upper() + line[1:] for line in _time_basis(spec, found)),
    ]
    if found.note:
        lines.append(found.note)
    if found.best is None:
        return lines, [], [] if found.note else ["", _none(spec)]
    return lines, ["", *_table(found), ""], [_proposed(found)]


def _named(question: Question) -> str:
    comparisons = f"{question.comparisons} comparison" + ("s" if question.comparisons > 1 else "")
    return f"{question.setting} ({comparisons})"


def _time_basis(spec: StudySpec, found: Proposal) -> list[str]:
    if found.times.times is None:
        return ["time not known here: the designs are ordered by their trainings (--no-time)"]
    lines = basis_lines(spec, found.times)
    return lines if is_timed(spec, found.times) else [f"time not known: {' '.join(lines)}"]


def _table(found: Proposal) -> list[str]:
    timed, best = is_timed(found.spec, found.times), found.best
    shown = [each for each in found.candidates if each.seeds in SHOWN or each == best]
    rows = [("", "seeds", "points", "trials", "tells", "time" if timed else "trainings")]
    for each in shown:
        tells = ", ".join(f"{name} {_value(found.spread, size)}" for name, size in each.tells)
        cost = format_duration(each.cost) if timed else f"{each.cost:,.0f}"
        mark = ">" if each == best else ""
        rows.append((mark, str(each.seeds), str(each.points), str(each.trials), tells, cost))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    left = (0, 4)
    return [
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _value(spread: Spread, size: float) -> str:
    return f"{math.exp(-size):.2f}" if spread.scale == RATIO else f"{size:.2g}"


def _proposed(found: Proposal) -> str:
    best, budget = found.best, found.spec.train.budget
    assert best is not None
    unit, design = budget.unit.replace("_", " "), found.spec.design
    at = 1.0 if design is None else design.at
    points = f"{best.points} point" + ("s" if best.points > 1 else "")
    text = (
        f"Proposed: {points} x {best.trials // best.points} combinations on {best.seeds} seeds, "
        f"{found.amount * at:g} {unit} each"
    )
    if design is not None and design.promote is not None:
        text += f", the best {design.promote} on to {found.amount:g}"
    if not is_timed(found.spec, found.times):
        return f"{text}: {best.cost:,.0f} trainings"
    return f"{text}: about {format_duration(best.cost)} on {found.times.machine}"


def _none(spec: StudySpec) -> str:
    if not any(isinstance(domain, Range) for domain in spec.space.domains.values()):
        return (
            f"No number of seeds up to {MOST_SEEDS} tells it: with lists alone there is one point. "
            "Give a setting a range (lr_d, lr_g), so that there are points to draw; an effect "
            f"needs {MIN_POINTS} of them."
        )
    return f"No design of up to {MOST_POINTS} points and {MOST_SEEDS} seeds tells it."
