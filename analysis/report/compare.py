"""Two studies side by side: their best configurations, what they lost, and their scores at equal
budget.

Scores that were measured unlike each other are refused, and so are studies that pursue different
goals.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd

from ganstudy.analysis.figures import search as search_figures
from ganstudy.analysis.figures import style
from ganstudy.analysis.formatting import count, label, number, rows, signed
from ganstudy.analysis.frames import selection
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.blocks import Block, Facts, Figure, Listing, Section, Table
from ganstudy.analysis.report.html import Report, tables_of_sections
from ganstudy.analysis.report.over_time import percent
from ganstudy.analysis.report.phrases import Conclusion, Tile, interval
from ganstudy.analysis.stats.intervals import (
    MIN_CONFIGURATIONS,
)
from ganstudy.analysis.tables import search
from ganstudy.analysis.tables.budget import expected_best_of_studies
from ganstudy.analysis.tables.compare import (
    COMPARED,
    DIFFERENCE,
    at_equal_budget,
    refuse_unlike,
    sides,
)
from ganstudy.analysis.tables.confirm import confirmed, first_choice, readable
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.mlflow_tags import Tag
from ganstudy.trials.results.records import Stage


def conclusions(first: Study, second: Study) -> list[Conclusion]:
    """What can be said of the two, most important first."""
    searches = first.of_stage(Stage.SEARCH), second.of_stage(Stage.SEARCH)
    both, budget = sides(*searches), at_equal_budget(*searches)
    fresh = _fresh(first, second)
    bests = (
        [_confirmed(first, fresh, (first.name, second.name))]
        if len(fresh) == 2
        else _bests(first, both)
    )
    return [_compared(first, second, budget), *bests, _lost(both), _caveat(first, second)]


def _fresh(first: Study, second: Study) -> list[dict[str, Any]]:
    """Of the studies that have one: the search's first choice on fresh seeds, a row of
    confirmed.confirmed.
    """
    chosen = [first_choice(study, confirmed(study)) for study in (first, second)]
    return [row for row in chosen if row]


def _confirmed(first: Study, fresh: list[dict[str, Any]], names: tuple[str, str]) -> Conclusion:
    measure, _ = selection.objective(first)
    name = MEASURES[measure].label
    parts = [
        f"{study} {interval(row, 'score')} ({count(row['num_seeds'], 'fresh seed')}, trial {row['confirms']})"
        for study, row in zip(names, fresh, strict=True)
    ]
    ends = [(row["score_low"], row["score_high"]) for row in fresh]
    apart = ends[0][1] < ends[1][0] or ends[1][1] < ends[0][0]
    basis = "Each is its search's first choice, trained again on seeds that the search never saw; "
    basis += (
        "the intervals do not overlap."
        if apart
        else "no difference between them can be told from these intervals."
    )
    value = " · ".join(number(row["score"]) for row in fresh)
    tile = Tile(f"Confirmed {name}", value, " · ".join(names))
    return Conclusion(f"{name} on fresh seeds: {'; '.join(parts)}.", basis, first=True, tile=tile)


def _compared(first: Study, second: Study, budget: pd.DataFrame) -> Conclusion:
    measure, sign = selection.objective(first)
    name = MEASURES[measure].label
    if budget.empty:
        return Conclusion(
            "Scores at equal budget cannot be told:",
            "the studies have no budget in common that every ended trial of both reached.",
            first=True,
            tile=Tile(f"{name} at equal budget", "cannot be told", "no budget in common"),
        )
    one, other, difference = rows(budget)
    where = f"at {one['progress']:g} {label(first.spec['train']['budget']['unit'])}"
    parts = [
        f"{interval(row, 'median')} in {row['study']} ({count(row['configurations'], 'configuration')})"
        for row in (one, other)
    ]
    basis = f"{where}, the last budget that every trial of both reached, the median {name} is {' and '.join(parts)}"
    low, high = difference["median_low"], difference["median_high"]
    if math.isnan(low):
        claim, value = "Which study's configurations score better cannot be told:", "cannot be told"
        few = min(one["configurations"], other["configurations"]) < MIN_CONFIGURATIONS
        basis += (
            f"; below {MIN_CONFIGURATIONS} configurations there is no interval"
            if few
            else "; too many diverged"
        )
    else:
        basis += f"; the difference is {signed(difference['median'])} with 95% interval [{signed(low)}, {signed(high)}]"
        if low <= 0 <= high:
            claim, value = (
                "No difference between the studies' configurations can be told:",
                "no difference told",
            )
        else:
            # The difference is in the measure's own direction: below 0 the second is better where
            # small is.
            better = second.name if (high < 0) == (sign > 0) else first.name
            claim, value = f"The configurations of {better} score better:", f"{better} better"
    return Conclusion(
        claim, f"{basis}.", first=True, tile=Tile(f"{name} at equal budget", value, where)
    )


def _bests(first: Study, both: pd.DataFrame) -> list[Conclusion]:
    measure, _ = selection.objective(first)
    name, parts = MEASURES[measure].label, []
    for row in rows(both):
        if pd.isna(row["best_trial"]):
            parts.append(f"{row['study']} has none within its constraints")
            continue
        seeds = f"median of {count(int(row['num_seeds']), 'seed')}, {number(row['lowest'])} to {number(row['highest'])}"
        which = f"trial {row['best_trial']}, the best of {row['candidates']}"
        parts.append(f"{row['study']} {number(row[measure])} ({seeds}; {which})")
    basis = "Each was chosen as the best of its study, which flatters it, the more the more trials there were."
    value = " · ".join(number(v) if not math.isnan(v) else "none" for v in both[measure])
    tile = Tile(f"Best {name}", value, " · ".join(both["study"]))
    return [Conclusion(f"Best {name}: {'; '.join(parts)}.", basis, first=True, tile=tile)]


def _lost(both: pd.DataFrame) -> Conclusion:
    if not both["configurations"].all():
        return Conclusion(
            "Seeds lost cannot be compared: a study has no evaluated configuration.", first=True
        )
    if both["unknown_seeds"].any():
        without = [
            f"{count(row['unknown_seeds'], 'seed')} of {row['study']}"
            for row in rows(both)
            if row["unknown_seeds"]
        ]
        basis = f"no verdict is known of {' and of '.join(without)}."
        tile = Tile("Seeds lost", "cannot be told", "verdicts are unknown")
        return Conclusion(
            "Which study lost more seeds cannot be told from these data:",
            basis,
            first=True,
            tile=tile,
        )
    parts = [
        f"{percent(row, 'lost_share')} in {row['study']} ({count(row['configurations'], 'configuration')})"
        for row in rows(both)
    ]
    value = " · ".join(f"{share_:.0%}" for share_ in both["lost_share"])
    return Conclusion(
        f"Seeds that collapsed, cycled or diverged: {' and '.join(parts)}.",
        "95% intervals with configurations as the unit, each at its trial's last evaluation.",
        first=True,
        tile=Tile("Seeds lost", value, " · ".join(both["study"])),
    )


def _caveat(first: Study, second: Study) -> Conclusion:
    drawn = [
        f"{study.name} by {study.spec.get('search', {}).get('sampler', 'tpe')}"
        for study in (first, second)
    ]
    spaces = [study.spec.get("search", {}).get("space") for study in (first, second)]
    same = (
        "from the same space"
        if spaces[0] == spaces[1]
        else "from different spaces, which is part of any difference"
    )
    return Conclusion(f"The configurations were drawn {same}: {', '.join(drawn)}.", first=True)


def build(first: Study, second: Study) -> Report:
    """The report of both; raises as refuse_unlike does."""
    refuse_unlike(first, second)
    said = conclusions(first, second)
    whole = first, second
    first, second = first.of_stage(Stage.SEARCH), second.of_stage(Stage.SEARCH)
    both, budget = sides(first, second), at_equal_budget(first, second)
    made = [
        Section("sides", "The studies", said[1:3], [Table("sides", both, "Both studies")]),
        Section("budget", "Scores at equal budget", said[:1], _budget_blocks(first, budget)),
        Section(
            "leaders",
            "Best configurations",
            [],
            [*_on_fresh_seeds(whole), *_leaders(first, second)],
        ),
        Section("expected", "Expected best against budget", [], _expected(first, second)),
        Section("making", "How they were made", said[3:], _making(first, second)),
    ]
    subtitle = f"{len(first.trials)} and {len(second.trials)} trials"
    title = f"{first.name} and {second.name}"
    return Report(title, "Two studies side by side", subtitle, said, made, tables_of_sections(made))


def _budget_blocks(first: Study, budget: pd.DataFrame) -> list[Block]:
    if budget.empty:
        return []
    measure, _ = selection.objective(first)
    alone = budget[budget["study"] != DIFFERENCE]
    unit = label(first.spec["train"]["budget"]["unit"])
    drawn = alone.assign(evaluation=1, num_seeds=len(first.spec["train"].get("seeds", [])))
    figure = search_figures.by_setting(
        drawn, "study", measure, style.as_text(unit), first.floor.get(measure)
    )
    caption = "Median over configurations of the median over seeds, with its 95% bootstrap interval over both."
    alt = f"Median {MEASURES[measure].label} of both studies at equal budget."
    return [
        Figure("equal_budget", figure, caption, alt),
        Table("at_equal_budget", budget, "Scores at equal budget"),
    ]


def _leaders(first: Study, second: Study) -> list[Block]:
    made: list[Block] = []
    for index, study in enumerate((first, second), 1):
        best = search.best(study).dropna(axis=1, how="all")
        if len(best):
            made.append(Table(f"best_{index}", best, f"The best configurations of {study.name}"))
    return made


def _on_fresh_seeds(studies: tuple[Study, Study]) -> list[Block]:
    made: list[Block] = []
    for index, study in enumerate(studies, 1):
        if len(table := confirmed(study)):
            title = f"Confirmed on fresh seeds: {study.name}"
            made.append(Table(f"confirmed_{index}", table, title, columns=readable(table)))
    return made


def _expected(first: Study, second: Study) -> list[Block]:
    note = (
        "The best score to expect of so many trials of each study, and what they cost; where the studies sampled "
        "differently, this is how their samplers compare."
    )
    table = expected_best_of_studies([first, second])
    return [Table("expected_best", table, "Expected best", note, folded=True)] if len(table) else []


def _making(first: Study, second: Study) -> list[Block]:
    sources = [
        f"{study.name}: {study.tags.get(Tag.SOURCE, 'unknown')}" for study in (first, second)
    ]
    scores = [
        (column, str(first.provenance[column])) for column in COMPARED if column in first.provenance
    ]
    files = [
        Listing(f"{study.name}, defaults filled in (JSON)", json.dumps(study.spec, indent=2))
        for study in (first, second)
    ]
    return [Facts([*scores, ("ganstudy source", "\n".join(sources))]), *files]


def write(first: Study, second: Study, path: Path) -> list[str]:
    """Writes the comparison to `path`, its tables beside it; the answer's sentences."""
    report = build(first, second)
    path.parent.mkdir(parents=True, exist_ok=True)
    report.write(path)
    return [str(said) for said in report.answer]
