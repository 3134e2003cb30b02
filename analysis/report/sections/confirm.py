"""What the search found, on fresh seeds: the numbers to quote."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from ganstudy.analysis.figures import effects as effects_figures
from ganstudy.analysis.formatting import absent, count, label, listed, number, rows
from ganstudy.analysis.report.blocks import Block, Figure, Results, Table
from ganstudy.analysis.report.phrases import Conclusion, Tile, settings
from ganstudy.analysis.tables import confirm as stage
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import FAILURES

NAME, TITLE = "confirmed", "Confirmed on fresh seeds"


def quoted(results: Results) -> dict[str, Any] | None:
    """What to quote of the study, where it has a confirm stage that got so far."""
    return stage.first_choice(results.whole, results.of(stage.confirmed, results.whole))


def conclusions(results: Results) -> list[Conclusion]:
    """The conclusion from fresh seeds."""
    row = quoted(results)
    return [_conclusion(results, row)] if row else []


def _conclusion(results: Results, row: dict[str, Any]) -> Conclusion:
    study = results.whole
    measure, _ = study.objective
    name = MEASURES[measure].label
    seeds = count(row["num_seeds"], "fresh seed")
    score = f"{name} {_interval(row, 'score')}, {'on' if row['num_seeds'] == 1 else 'the median of'} {seeds}"
    nearest = not stage.has_role(row["role"], stage.BEST)
    what = (
        "the nearest to the constraints, which none satisfied"
        if nearest
        else "the search's first choice"
    )
    described = f": {text}" if (text := settings(study, row)) else ""
    floor = (
        f"; real against real scores {number(study.floor[measure])} at the same n"
        if measure in study.floor
        else ""
    )
    claim = f"Confirmed on fresh seeds: {score}. Trial {row['confirms']}, {what}{described}{floor}."
    parts = [
        f"{row['failed']} of {seeds} {FAILURES}.",
        *_against(results, row, name),
        *_too_good(results, row, name),
    ]
    if absent(row["score_low"]):
        parts.insert(0, "Below 5 seeds there is no interval.")
    value = number(row["score"])
    ends = (
        ""
        if absent(row["score_low"])
        else f" [{number(row['score_low'])}, {number(row['score_high'])}]"
    )
    note = (
        f"median of {seeds}{f'; real against real {number(study.floor[measure])}' if floor else ''}"
    )
    return Conclusion(
        claim, " ".join(parts), first=True, tile=Tile(f"Confirmed {name}", f"{value}{ends}", note)
    )


def _interval(row: dict[str, Any], column: str) -> str:
    """With the level that it holds."""
    if absent(row[f"{column}_low"]):
        return number(row[column])
    ends = f"{number(row[f'{column}_low'])}, {number(row[f'{column}_high'])}"
    return f"{number(row[column])} [{ends}; {100 * row[f'{column}_level']:.3g}% interval]"


def _against(results: Results, row: dict[str, Any], name: str) -> list[str]:
    """Against the plain baseline."""
    if stage.has_role(row["role"], stage.BASELINE):
        return ["It is the plain baseline itself: it has no remedy."]
    for found in rows(results.of(stage.confirmed_against_baseline, results.whole)):
        if found["number"] == row["number"]:
            return [_compared(found, name), *_baseline(results, row, found)]
    return ["There is no plain baseline to compare it with."]


def _baseline(results: Results, row: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Which configuration the plain baseline is, and in what else it differs: an effect of all that
    together.
    """
    study, table = results.whole, results.of(stage.confirmed, results.whole)
    plain = next((other for other in rows(table) if other["number"] == found["baseline"]), None)
    if plain is None:
        return []
    unlike = [key for key in study.searched if not absent(row[key]) and row[key] != plain[key]]
    drawn = not pd.isna(plain["confirms"])
    which = (
        "the search's best without remedies"
        if drawn
        else "the search's best with its remedies switched off"
    )
    of_trial = f"trial {plain['confirms']}, " if not pd.isna(plain["confirms"]) else ""
    lost = f"{plain['failed']} of its {count(plain['num_seeds'], 'fresh seed')} lost"
    differs = f"; the two differ in {listed(unlike)}" if unlike else ""
    return [f"The baseline is {of_trial}{which} ({settings(study, plain)}; {lost}){differs}."]


def _compared(found: dict[str, Any], name: str) -> str:
    effect = f"{number(found['effect'])}{'' if absent(found['low']) else _ends(found)}"
    what = (
        f"{name} × {effect}" if found["scale"] == "ratio" else f"a difference in {name} of {effect}"
    )
    told = {
        "better": "It is better than the plain baseline",
        "worse": "It is worse than the plain baseline",
        "inconclusive": "That it differs from the plain baseline cannot be told",
    }[found["decision"]]
    corrected = (
        f", Holm over {count(found['comparisons'], 'comparison')}"
        if found["comparisons"] > 1
        else ""
    )
    return f"{told}: {what} ({count(found['num_seeds'], 'pair')} by seed; p = {found['p_holm']:.2g}{corrected})."


def _ends(found: dict[str, Any]) -> str:
    return f" [{number(found['low'])}, {number(found['high'])}]"


def _too_good(results: Results, row: dict[str, Any], name: str) -> list[str]:
    """How much the search's own figure flattered it."""
    for found in rows(results.of(stage.search_optimism, results.whole)):
        if found["configurations"] == 1 and found["number"] == row["number"]:
            ends = "" if absent(found["low"]) else _ends(found)
            search = f"The search's own {name} of {number(found['search_score'])}"
            if math.isinf(found["optimism"]):
                return [f"{search} was too good: its median fresh seed diverged."]
            ratio, (low, high) = found["scale"] == "ratio", (found["low"], found["high"])
            value = f"{number(found['optimism'])}{ends}"
            fresh = (
                f"the fresh median is × {value} of it"
                if ratio
                else f"the fresh median differs by {value}"
            )
            none, (_, sign) = 1 if ratio else 0, results.whole.objective
            if absent(low) or low <= none <= high:
                return [
                    f"Whether {search[0].lower()}{search[1:]} was too good cannot be told: {fresh}."
                ]
            if (found["optimism"] > none) != (sign > 0):
                return [f"{search} was not too good: {fresh}."]
            return [f"{search} was too good: {fresh}."]
    return []


NOTE = (
    "The configurations that the search chose, trained again to the end of the budget on seeds that it never saw; in "
    "the order of the search's own scores. The score is the median over the fresh seeds, its interval exact at the "
    "level in the table (below 5 seeds there is none). Quoted is the search's first choice: the best of the confirmed "
    "would be flattered again."
)


def blocks(results: Results) -> list[Block]:
    """Fresh scores beside those of the search, against the baseline, and how much the search
    flattered.
    """
    study = results.whole
    table = results.of(stage.confirmed, study)
    if table.empty:
        return []
    measure, _ = study.objective
    name = MEASURES[measure].label
    columns = [
        "confirms",
        "role",
        *study.searched,
        "search_score",
        "score",
        "score_low",
        "score_high",
    ]
    columns += ["score_level", "num_seeds", "failed", "state"]
    baseline = results.of(stage.confirmed_against_baseline, study)
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
        figure = effects_figures.confirmed(named, of_seeds, measure, study.floor.get(measure))
        made.append(Figure("confirmed", figure, caption, alt))
    against = (
        "Paired by fresh seed: a ratio is the geometric mean over seeds of score / baseline, a difference the mean "
        "of score − baseline; p_holm is corrected for all comparisons in the table, the intervals are not."
    )
    flattered = (
        "Score on fresh seeds over the search's own figure (or minus it, on the scale difference); the last row is "
        "over all that were chosen as best."
    )
    optimism = results.of(stage.search_optimism, study)
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
            "search_optimism",
            optimism,
            "How much the search flattered",
            flattered,
            columns=stage.readable(optimism),
        ),
    ]


def _name(row: dict[str, Any]) -> str:
    which = f"trial {row['confirms']}" if not pd.isna(row["confirms"]) else f"trial {row['number']}"
    return f"{which}: {label(row['role'])}"
