"""What the search found, on fresh seeds: the numbers to quote."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from analysis import confirmed as stage
from analysis import figures_effects, tables
from analysis.load import Study
from analysis.page import Block, Evidence, Figure, Table
from analysis.wording import Said, Tile, absent, count, label, number, rows, settings
from trials.catalogue import MEASURES

NAME, TITLE = "confirmed", "Confirmed on fresh seeds"
ROLES = (stage.BEST, "nearest")
"""Which configuration is quoted: the search's first choice, or what came nearest to the constraints."""


def first_choice(study: Study, table: pd.DataFrame) -> dict[str, Any] | None:
    """The row of confirmed.confirmed to quote: what the search's own scores put first, whatever the fresh seeds said
    of the others. None where it has no score."""
    for role in ROLES:
        named = table[table["role"].map(lambda roles, role=role: role in str(roles).split("; "))]
        if len(named):
            row = rows(named)[0]
            return row if row["num_seeds"] and not absent(row["score"]) else None
    return None


def quoted(evidence: Evidence) -> dict[str, Any] | None:
    """`first_choice` of the study, where it has a confirm stage that got so far."""
    table = evidence.of(stage.confirmed, evidence.whole)
    return first_choice(evidence.whole, table) if len(table) else None


def said(evidence: Evidence) -> list[Said]:
    """The conclusion from fresh seeds."""
    row = quoted(evidence)
    return [_conclusion(evidence, row)] if row else []


def _conclusion(evidence: Evidence, row: dict[str, Any]) -> Said:
    study = evidence.whole
    measure, _ = tables.objective(study)
    name = MEASURES[measure].label
    seeds = count(row["num_seeds"], "fresh seed")
    score = f"{name} {_interval(row, 'score')}, {'on' if row['num_seeds'] == 1 else 'the median of'} {seeds}"
    nearest = stage.BEST not in str(row["role"]).split("; ")
    what = "the nearest to the constraints, which none satisfied" if nearest else "the search's first choice"
    described = f": {text}" if (text := settings(study, row)) else ""
    floor = f"; real against real scores {number(study.floor[measure])} at the same n" if measure in study.floor else ""
    claim = f"Confirmed on fresh seeds: {score}. Trial {row['confirms']}, {what}{described}{floor}."
    parts = [
        f"{row['lost']} of {seeds} collapsed, cycled or diverged.",
        *_against(evidence, row, name),
        *_too_good(evidence, row, name),
    ]
    if absent(row["score_low"]):
        parts.insert(0, "Below 5 seeds there is no interval.")
    value = number(row["score"])
    ends = "" if absent(row["score_low"]) else f" [{number(row['score_low'])}, {number(row['score_high'])}]"
    note = f"median of {seeds}{f'; real against real {number(study.floor[measure])}' if floor else ''}"
    return Said(claim, " ".join(parts), first=True, tile=Tile(f"Confirmed {name}", f"{value}{ends}", note))


def _interval(row: dict[str, Any], column: str) -> str:
    """With the level that it holds."""
    if absent(row[f"{column}_low"]):
        return number(row[column])
    ends = f"{number(row[f'{column}_low'])}, {number(row[f'{column}_high'])}"
    return f"{number(row[column])} [{ends}; {100 * row[f'{column}_level']:.3g}% interval]"


def _against(evidence: Evidence, row: dict[str, Any], name: str) -> list[str]:
    """Against the plain baseline."""
    if stage.BASELINE in str(row["role"]).split("; "):
        return ["It is the plain baseline itself: it has no remedy."]
    for found in rows(evidence.of(stage.confirmed_against_baseline, evidence.whole)):
        if found["number"] == row["number"]:
            return [_compared(found, name)]
    return ["There is no plain baseline to compare it with."]


def _compared(found: dict[str, Any], name: str) -> str:
    effect = f"{number(found['effect'])}{'' if absent(found['low']) else _ends(found)}"
    what = f"{name} × {effect}" if found["scale"] == "ratio" else f"a difference in {name} of {effect}"
    told = {
        "better": "It is better than the plain baseline",
        "worse": "It is worse than the plain baseline",
        "open": "That it differs from the plain baseline cannot be told",
    }[found["verdict"]]
    corrected = f", Holm over {count(found['comparisons'], 'comparison')}" if found["comparisons"] > 1 else ""
    return f"{told}: {what} ({count(found['num_seeds'], 'pair')} by seed; p = {found['p_holm']:.2g}{corrected})."


def _ends(found: dict[str, Any]) -> str:
    return f" [{number(found['low'])}, {number(found['high'])}]"


def _too_good(evidence: Evidence, row: dict[str, Any], name: str) -> list[str]:
    """How much the search's own figure flattered it."""
    for found in rows(evidence.of(stage.search_optimism, evidence.whole)):
        if found["configurations"] == 1 and found["number"] == row["number"]:
            ends = "" if absent(found["low"]) else _ends(found)
            search = f"The search's own {name} of {number(found['search_score'])}"
            if math.isinf(found["optimism"]):
                return [f"{search} was too good: its median fresh seed diverged."]
            if found["scale"] == "ratio":
                return [f"{search} was too good by a factor of {number(found['optimism'])}{ends}."]
            return [f"{search} was off by {number(found['optimism'])}{ends}."]
    return []


NOTE = (
    "The configurations that the search chose, trained again to the end of the budget on seeds that it never saw; in "
    "the order of the search's own scores. The score is the median over the fresh seeds, its interval exact at the "
    "level in the table (below 5 seeds there is none). Quoted is the search's first choice: the best of the confirmed "
    "would be flattered again."
)


def blocks(evidence: Evidence) -> list[Block]:
    """Fresh scores beside those of the search, against the baseline, and how much the search flattered."""
    study = evidence.whole
    table = evidence.of(stage.confirmed, study)
    if table.empty:
        return []
    measure, _ = tables.objective(study)
    name = MEASURES[measure].label
    columns = ["confirms", "role", *tables.searched(study), "search_score", "score", "score_low", "score_high"]
    columns += ["score_level", "num_seeds", "lost", "state"]
    baseline = evidence.of(stage.confirmed_against_baseline, study)
    made: list[Block] = []
    if table["score"].notna().any():
        named = table.assign(name=[_name(row) for row in rows(table)])
        of_seeds = study.seeds.merge(named[["number", "name"]], on="number")
        of_seeds = of_seeds.assign(score=of_seeds[measure])[["name", "score"]].dropna()
        caption = (
            "Small strokes: single fresh seeds; blue: their median with its interval; open diamond: what the search "
            "had said of the same configuration on its own seeds. The dashed line is the plain baseline's median."
        )
        alt = f"{name} of {len(table)} configurations on fresh seeds and in the search."
        figure = figures_effects.confirmed(named, of_seeds, measure, study.floor.get(measure))
        made.append(Figure("confirmed", figure, caption, alt))
    against = (
        "Paired by fresh seed: a ratio is the geometric mean over seeds of score / baseline, a difference the mean "
        "of score − baseline; p_holm is corrected for all comparisons in the table, the intervals are not."
    )
    flattered = (
        "Score on fresh seeds over the search's own figure (or minus it, on the scale difference); the last row is "
        "over all that were chosen as best."
    )
    optimism = evidence.of(stage.search_optimism, study)
    return [
        *made,
        Table("confirmed", table, "Confirmed configurations", NOTE, columns=columns),
        Table(
            "confirmed_against_baseline",
            baseline,
            "Against the plain baseline",
            against,
            columns=stage.readable(baseline),
        ),
        Table(
            "search_optimism", optimism, "How much the search flattered", flattered, columns=stage.readable(optimism)
        ),
    ]


def _name(row: dict[str, Any]) -> str:
    which = f"trial {row['confirms']}" if not pd.isna(row["confirms"]) else f"trial {row['number']}"
    return f"{which}: {label(row['role'])}"
