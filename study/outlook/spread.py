"""Estimate how much effects vary between pairs of configurations, between seeds and otherwise.

The estimate is that of earlier studies of the same data, else of those on digits.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ganstudy.analysis.stats.crossed.design import Design
from ganstudy.analysis.stats.crossed.effect import Variances
from ganstudy.analysis.stats.crossed.power import UPPER, upper_limits
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.results.catalogue import MEASURES

RATIO, DIFFERENCE = "ratio", "difference"
ON_DIGITS = Variances(pairs=0.38**2, seeds=0.162**2, rest=0.279**2)
"""Of the logarithm of FID: remedies against none on a grid of digits, 18 pairs on 3 seeds."""
QUESTIONS, PARTS = ("k", "remedies"), ("pairs", "seeds", "rest")


@dataclass(frozen=True)
class Spread:
    """Variances of an effect, where they come from, and on which scale."""

    source: str
    scale: str
    by_question: dict[str, Variances] = field(default_factory=dict)
    otherwise: Variances = ON_DIGITS
    by_point: bool = False
    """Whether they are of means over the points of a design, and not of single pairs."""

    def of(self, question: str) -> Variances:
        """Return the variances of a question's effects."""
        return self.by_question.get(question, self.otherwise)

    def of_points(self, question: str, twins: int) -> Variances:
        """Return the variances of means over `twins` pairs at each point of a design.

        What pairs vary is taken to belong to the point, and not to average out: how much of it does
        is known of no study yet.
        """
        found = self.of(question)
        return found if self.by_point else replace(found, rest=found.rest / twins)

    def words(self, question: str) -> str:
        """Return the standard deviations as text."""
        found = self.of(question)
        parts = {"pairs": found.pairs, "seeds": found.seeds, "rest": found.rest}
        return ", ".join(f"{name} {math.sqrt(part):.2g}" for name, part in parts.items())


def spread_of(spec: StudySpec, home: Home) -> Spread | None:
    """Return the spread of a study's effects; None where nothing is known of its measure."""
    found = sorted(_studies(spec, home), key=lambda each: (each.same_model, each.cells))
    if found:
        best = found[-1]
        return Spread(
            source=f"as in {best.name}, at its upper limits ({UPPER:.0%})",
            scale=best.scale,
            by_question=best.variances,
            otherwise=next(iter(best.variances.values())),
            by_point=best.by_point,
        )
    if MEASURES[spec.measure].direction != "down":
        return None
    return Spread(source="assumed, as of FID on a grid of digits", scale=RATIO)


@dataclass(frozen=True)
class _Found:
    """What the report of an earlier study says of the spread of its effects."""

    name: str
    same_model: bool
    cells: int
    scale: str
    by_point: bool
    variances: dict[str, Variances]


def _studies(spec: StudySpec, home: Home) -> Iterator[_Found]:
    for name in home.names():
        folder = home.study(name)
        table = folder.path / "tables" / "contrasts.csv"
        if not table.exists():
            continue
        try:
            earlier = Ledger.open(folder.ledger).spec
        except UserError:
            continue
        if earlier.data != spec.data or earlier.measure != spec.measure:
            continue
        found = _read(table, earlier)
        if found is not None:
            variances, scale, cells = found
            same_model, by_point = earlier.model == spec.model, earlier.design is not None
            yield _Found(name, same_model, cells, scale, by_point, variances)


def _read(table: Path, spec: StudySpec) -> tuple[dict[str, Variances], str, int] | None:
    """Return (upper limits by question, scale, differences) of a table of contrasts."""
    rows = defaultdict(list)
    try:
        with table.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                made = _row(row, spec.train.budget.unit)
                if made is not None:
                    rows[row["question"]].append((*made, row["scale"]))
    except (OSError, ValueError, KeyError):  # of another version, or damaged
        return None
    if not rows:
        return None
    variances, cells, scale = {}, 0, RATIO
    for question, found in rows.items():
        parts, designs, scales = zip(*found, strict=True)
        mean = Variances(
            *(sum(getattr(each, name) for each in parts) / len(parts) for name in PARTS)
        )
        # Comparisons share their seeds and a side: together they know little more than one.
        design = max(designs, key=lambda each: each.runs)
        variances[question] = upper_limits(mean, design)
        cells, scale = max(cells, design.runs), scales[0]
    return variances, scale, cells


def _row(row: dict[str, str], unit: str) -> tuple[Variances, Design] | None:
    """Return (variances, design) of a contrast in matched pairs on the budget's own axis."""
    if row["question"] not in QUESTIONS or row["axis"] not in ("", unit):
        return None
    deviations = [row[f"sd_{name}"] for name in PARTS]
    if not all(deviations) or row["no_claim"]:
        return None
    values = [float(text) for text in deviations]
    design = Design(int(row["n"]), int(row["seeds"]))
    if not all(map(math.isfinite, values)) or min(design.pairs, design.seeds) < 2:
        return None
    return Variances(*(value**2 for value in values)), design
