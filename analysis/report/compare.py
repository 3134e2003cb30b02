"""Two studies side by side: best configurations, failed seeds, and scores at equal budget.

Refuses scores that were measured differently, and studies with different goals.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd

from ganstudy.analysis.figures.by_setting import by_setting
from ganstudy.analysis.figures.style import ScoreAxes, as_text
from ganstudy.analysis.formatting import count, number, p_value, rows, signed
from ganstudy.analysis.frames.designed import has_design
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.blocks import Block, Facts, Figure, Listing, Section, Table
from ganstudy.analysis.report.html import Report, tables_of_sections
from ganstudy.analysis.report.phrases import (
    ON_THESE_SEEDS,
    Conclusion,
    Tile,
    interval,
    percent,
    score_name,
    settings,
    unit,
    with_interval,
)
from ganstudy.analysis.stats.crossed.effect import MIN_SEEDS
from ganstudy.analysis.stats.estimate import MIN_CONFIGURATIONS
from ganstudy.analysis.tables.configurations import search
from ganstudy.analysis.tables.configurations.budget import expected_best_of_studies
from ganstudy.analysis.tables.configurations.compare import (
    COMPARED_PROVENANCE,
    DIFFERENCE,
    at_equal_budget,
    better_study,
    on_fresh_seeds,
    refuse_unlike,
    sides,
)
from ganstudy.analysis.tables.configurations.confirm import (
    ConfirmedConfiguration,
    confirmed,
    confirmed_configurations,
    first_choice,
    readable,
)
from ganstudy.trials.results.records import FAILURES, OWN_SEEDS, Stage


def conclusions(first: Study, second: Study) -> list[Conclusion]:
    """Return the conclusions about both studies, the most important one first."""
    searches = first.of_stage(*OWN_SEEDS), second.of_stage(*OWN_SEEDS)
    both = sides(*searches)
    # Scores of the searches' bests are too good by unlike amounts: fresh seeds decide if both have them.
    chosen = [first_choice(study, confirmed_configurations(study)) for study in (first, second)]
    fresh = [each for each in chosen if each]
    best = _on_fresh_seeds(first, second, fresh) if len(fresh) == 2 else _best(first, both)
    return [
        _at_equal_budget(first, second, at_equal_budget(*searches)),
        best,
        _failed(both),
        _samplers(first, second),
    ]


def _at_equal_budget(first: Study, second: Study, budget: pd.DataFrame) -> Conclusion:
    name = score_name(first)
    title = f"{name} at equal budget"
    if budget.empty:
        return Conclusion(
            "Scores cannot be compared at equal budget:",
            "the studies have no budget in common that every ended trial of both reached.",
            first=True,
            tile=Tile(title, "not comparable", "no budget in common"),
        )
    one, other, difference = rows(budget)
    where = f"at {one['progress']:g} {unit(first)}"
    medians = [
        f"{interval(row, 'median')} in {row['study']} "
        f"({count(row['configurations'], 'configuration')})"
        for row in (one, other)
    ]
    basis = (
        f"{where}, the last budget that every trial of both reached, the median {name} is "
        f"{' and '.join(medians)}"
    )
    low, high = difference["median_low"], difference["median_high"]
    claim, value = "Which study's configurations score better is inconclusive:", "inconclusive"
    if math.isnan(low):
        reason = "too many diverged for an interval"
        if min(one["configurations"], other["configurations"]) < MIN_CONFIGURATIONS:
            reason = f"below {MIN_CONFIGURATIONS} configurations there is no interval"
        elif difference["seeds"] < MIN_SEEDS:
            reason = f"fewer than {MIN_SEEDS} seeds carry no claim about others"
        basis += f", on these seeds; {reason}"
    else:
        basis += (
            f", on these seeds; the difference is {signed(difference['median'])} with 95% interval "
            f"[{signed(low)}, {signed(high)}] for other configurations and other seeds"
        )
        better = better_study(first, second, budget)
        if better is not None:
            claim = f"The configurations of {better.name} score better:"
            value = f"{better.name} better"
    tile = Tile(title, value, where)
    return Conclusion(claim, f"{basis}.", first=True, tile=tile, exploratory=True)


def _on_fresh_seeds(first: Study, second: Study, fresh: list[ConfirmedConfiguration]) -> Conclusion:
    """Compare the confirmed configurations that are quoted of both studies."""
    name, names = score_name(first), (first.name, second.name)
    parts = [
        f"{study} {with_interval(each.score)} ({count(each.num_seeds, 'fresh seed')}, trial "
        f"{each.confirms})"
        for study, each in zip(names, fresh, strict=True)
    ]
    one, other = fresh
    tested = on_fresh_seeds(first, second, (one.number, other.number))
    test = "signed-rank test, paired by seed" if tested.paired else "rank-sum test, unlike seeds"
    found = (
        f"that of {tested.better} scores better"
        if tested.better
        else ("which of the two scores better is inconclusive")
    )
    basis = (
        "Each is its search's first choice, trained again on seeds that the search never used; "
        f"{found} ({p_value(tested.p)}; {test})."
    )
    value = " · ".join(number(each.score.value) for each in fresh)
    tile = Tile(f"Confirmed {name}", value, " · ".join(names))
    claim = f"{name} on fresh seeds: {'; '.join(parts)}."
    return Conclusion(claim, basis, first=True, tile=tile, exploratory=True)


def _best(first: Study, both: pd.DataFrame) -> Conclusion:
    name, measure, parts = score_name(first), first.objective.measure, []
    for row in rows(both):
        if pd.isna(row["best_trial"]):
            parts.append(f"{row['study']} has none within its constraints")
            continue
        seeds = (
            f"median of {count(int(row['num_seeds']), 'seed')}, {number(row['lowest'])} to "
            f"{number(row['highest'])}"
        )
        which = f"trial {row['best_trial']}, the best of {row['candidates']}"
        parts.append(f"{row['study']} {number(row[measure])} ({seeds}; {which})")
    basis = (
        "Being chosen as the best makes a score look too good, the more so the more trials there "
        "were."
    )
    value = " · ".join("none" if math.isnan(score) else number(score) for score in both[measure])
    tile = Tile(f"Best {name}", value, " · ".join(both["study"]))
    return Conclusion(f"Best {name}: {'; '.join(parts)}.", basis, first=True, tile=tile)


def _failed(both: pd.DataFrame) -> Conclusion:
    if not both["configurations"].all():
        claim = "Failed seeds cannot be compared: a study has no evaluated configuration."
        return Conclusion(claim, first=True)
    unknown = [
        f"{count(row['unknown_seeds'], 'seed')} of {row['study']}"
        for row in rows(both)
        if row["unknown_seeds"]
    ]
    if unknown:
        return Conclusion(
            "Which study had more failed seeds is unknown:",
            f"no verdict is known of {' and of '.join(unknown)}.",
            first=True,
            tile=Tile("Failed seeds", "unknown", "verdicts are unknown"),
        )
    parts = [
        f"{percent(row, 'failed_share')} in {row['study']} "
        f"({count(row['configurations'], 'configuration')})"
        for row in rows(both)
    ]
    value = " · ".join(f"{share:.0%}" for share in both["failed_share"])
    return Conclusion(
        f"Seeds that {FAILURES}: {' and '.join(parts)}.",
        f"95% intervals {ON_THESE_SEEDS}, each at its trial's last evaluation.",
        first=True,
        tile=Tile("Failed seeds", value, " · ".join(both["study"])),
    )


def _samplers(first: Study, second: Study) -> Conclusion:
    drawn = [f"{study.name} {_how_drawn(study)}" for study in (first, second)]
    same = (
        "from the same space"
        if first.space == second.space
        else "from different spaces, which is part of any difference"
    )
    return Conclusion(f"The configurations come {same}: {', '.join(drawn)}.", first=True)


def _how_drawn(study: Study) -> str:
    """Return by what the configurations of a study were chosen: a design, a sampler or both."""
    sampler = f"by {study.sampler or 'an unknown sampler'}"
    if not has_design(study):
        return sampler
    searched = study.trials["stage"].eq(Stage.SEARCH.value).any()
    return f"by its design and {sampler}" if searched else "by its design"


def build(first: Study, second: Study) -> Report:
    """Return the report of both; raises as refuse_unlike does."""
    refuse_unlike(first, second)
    answer = conclusions(first, second)
    at_budget, best, failed, samplers = answer
    searches = first.of_stage(*OWN_SEEDS), second.of_stage(*OWN_SEEDS)
    both = Table("sides", _with_settings(*searches), "Both studies")
    sections = [
        Section("sides", "The studies", [best, failed], [both]),
        Section("budget", "Scores at equal budget", [at_budget], _budget_blocks(*searches)),
        Section("best", "Best configurations", [], _best_blocks(first, second)),
        Section("expected", "Expected best against budget", [], _expected_blocks(*searches)),
        Section("provenance", "How they were made", [samplers], _provenance_blocks(*searches)),
    ]
    return Report(
        title=f"{first.name} and {second.name}",
        question="Two studies side by side",
        subtitle=f"{len(searches[0].trials)} and {len(searches[1].trials)} trials",
        answer=answer,
        sections=sections,
        tables=tables_of_sections(sections),
    )


def _with_settings(first: Study, second: Study) -> pd.DataFrame:
    """Return `sides` with the settings of either best trial in words."""
    both, described = sides(first, second), []
    for study in (first, second):
        best = rows(search.best(study, 1))
        described.append(settings(study, best[0]) if best else "")
    both.insert(list(both.columns).index("best_trial") + 1, "settings", described)
    return both


def _budget_blocks(first: Study, second: Study) -> list[Block]:
    table = at_equal_budget(first, second)
    if table.empty:
        return []
    measure = first.objective.measure
    # The figure is that of one study's settings, with the study as the setting.
    drawn = table[table["study"] != DIFFERENCE].assign(evaluation=1)
    axes = ScoreAxes(measure, as_text(unit(first)), first.floor.get(measure))
    caption = f"Median over configurations of the median over seeds, with its 95% interval {ON_THESE_SEEDS}."
    alt = f"Median {score_name(first)} of both studies at equal budget."
    return [
        Figure("equal_budget", by_setting(drawn, "study", axes), caption, alt),
        Table("at_equal_budget", table, "Scores at equal budget"),
    ]


def _best_blocks(first: Study, second: Study) -> list[Block]:
    """Return the confirmed configurations of both, then the best ones of both searches."""
    fresh: list[Block] = []
    best: list[Block] = []
    for index, study in enumerate((first, second), 1):
        if len(table := confirmed(study)):
            title = f"Confirmed on fresh seeds: {study.name}"
            fresh.append(Table(f"confirmed_{index}", table, title, columns=readable(table)))
        table = search.best(study.of_stage(*OWN_SEEDS)).dropna(axis=1, how="all")
        if len(table):
            best.append(Table(f"best_{index}", table, f"The best configurations of {study.name}"))
    return [*fresh, *best]


def _expected_blocks(first: Study, second: Study) -> list[Block]:
    table = expected_best_of_studies([first, second])
    note = (
        "The best score to expect of so many trials of each study, and what they cost. Only where "
        "exchangeable says yes is it what a search of so many would find."
    )
    return [Table("expected_best", table, "Expected best", note, folded=True)] if len(table) else []


def _provenance_blocks(first: Study, second: Study) -> list[Block]:
    sources = [f"{study.name}: {study.origin.source}" for study in (first, second)]
    scores = [
        (column, str(first.provenance[column]))
        for column in COMPARED_PROVENANCE
        if column in first.provenance
    ]
    files = [
        Listing(f"{study.name}, defaults filled in (JSON)", json.dumps(study.spec, indent=2))
        for study in (first, second)
    ]
    return [Facts([*scores, ("ganstudy source", "\n".join(sources))]), *files]


def write(first: Study, second: Study, path: Path) -> list[str]:
    """Write the comparison to `path` and its tables beside it; return the answer's sentences."""
    report = build(first, second)
    path.parent.mkdir(parents=True, exist_ok=True)
    report.write(path)
    return [str(conclusion) for conclusion in report.answer]
