"""What the study promised before it began, and what it came to."""

from __future__ import annotations

import math

from ganstudy.analysis.formatting import count, duration, number
from ganstudy.analysis.report.blocks import Block, Results, Table
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.tables.effects.contrasts import RATIO
from ganstudy.analysis.tables.effects.looks import interim
from ganstudy.analysis.tables.effects.planned_and_found import (
    PlannedAndFound,
    as_frame,
    planned_and_found,
    trials_over,
)

TITLE = "Planned and found"


def conclusions(results: Results) -> list[Conclusion]:
    """Return how narrow the intervals of effects are, and how long it took, against what was planned."""
    outlook, found = results.whole.outlook, _rows(results)
    if outlook is None:
        return []
    made = []
    if found:
        is_ratio = outlook.scale == RATIO
        claim = f"Smallest effect found with {outlook.power:.0%} power: "
        claim += "; ".join(_precision(row, is_ratio) for row in found)
        needed = [text for row in found if (text := _needed(row))]
        basis = f"Planned with the spread of effects {outlook.source}"
        basis += "; found with the spread that came out."
        if needed:
            basis += f" For what was planned it would have taken {'; '.join(needed)}."
        made.append(Conclusion(f"{claim}.", basis))
    return [*made, *_time(results)]


def _rows(results: Results) -> list[PlannedAndFound]:
    # Contrasts have no hash: the results that they come from are the key.
    return results.cached(_computed, results)


def _computed(results: Results) -> list[PlannedAndFound]:
    return planned_and_found(results.whole, results.contrasts)


def _precision(row: PlannedAndFound, is_ratio: bool) -> str:
    planned, found = (_size(side.smallest, is_ratio) for side in (row.planned, row.found))
    if math.isnan(row.planned.smallest):
        return f"for {row.setting} {found}, where none was planned"
    return f"for {row.setting} {found}, where {planned} was planned"


def _size(size: float, is_ratio: bool) -> str:
    if math.isnan(size):
        return "none"
    return f"a factor of {math.exp(-size):.2f}" if is_ratio else number(size)


def _needed(row: PlannedAndFound) -> str:
    """Return what would have been needed, or that nothing would do alone; '' where it was reached."""
    ways = []
    if math.isfinite(row.needed_n):
        ways.append(f"{row.needed_n:.0f} {row.unit} on {count(int(row.found.seeds), 'seed')}")
    if math.isfinite(row.needed_seeds):
        there = f" in {row.found.n:.0f} {row.unit}" if row.unit != "seeds" else ""
        ways.append(f"{row.needed_seeds:.0f} seeds{there}")
    if ways:
        return f"{' or '.join(ways)} for {row.setting}"
    if math.isinf(row.needed_n) or math.isinf(row.needed_seeds):
        return f"both more {row.unit} and more seeds for {row.setting}"
    return ""


def _time(results: Results) -> list[Conclusion]:
    """Return the wall time that the study took, and what had been expected of it."""
    study = results.whole
    outlook, taken = study.outlook, study.seconds_taken
    if outlook is None or taken is None or results.cached(interim, study):
        return []
    claim = f"The study took {duration(taken)}"
    over = trials_over(study)
    if outlook.seconds is None:
        return [Conclusion(f"{claim}; no earlier study had shown what to expect.")]
    low, high = (duration(end) for end in outlook.seconds)
    expected = low if low == high else f"{low} to {high}"
    basis = "Wall time from the start of each run to its last trial; breaks do not count."
    if over != outlook.trials:
        basis += f" It has {over} trials, and was expected to have {outlook.trials}."
    return [Conclusion(f"{claim}, where {expected} were expected.", basis)]


def blocks(results: Results) -> list[Block]:
    """Return what was planned and what was found, side by side."""
    outlook, found = results.whole.outlook, _rows(results)
    if outlook is None or not found:
        return []
    is_ratio = outlook.scale == RATIO
    note = NOTE.format(power=outlook.power, scale=FACTORS if is_ratio else DIFFERENCES)
    return [Table("planned_and_found", as_frame(found, is_ratio), TITLE, note)]


NOTE = (
    "The smallest true effect that {power:.0%} of such studies find, simulated as this report "
    "analyses: with the spread of effects that was planned with, and with the mean of what was "
    "estimated here. The size of the effects found takes no part in it. {scale}"
)
FACTORS = (
    "The smallest effect is a factor, the interval one to either side, and the spreads are "
    "standard deviations of logarithms."
)
DIFFERENCES = "All are in the units of the measure; the spreads are standard deviations."
