"""The search's findings on fresh seeds: the numbers to quote."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from ganstudy.analysis.figures import confirm as figures
from ganstudy.analysis.formatting import absent, count, label, listed, number, rows
from ganstudy.analysis.report import phrases
from ganstudy.analysis.report.blocks import Block, Figure, Results, Table
from ganstudy.analysis.report.phrases import Conclusion, Tile, score_name, settings
from ganstudy.analysis.tables import confirm as tables
from ganstudy.analysis.tables.confirm import ConfirmedContrast
from ganstudy.analysis.tables.contrasts import RATIO, Contrast
from ganstudy.trials.results.records import FAILURES
from ganstudy.trials.results.roles import BASELINE, BEST, has_role

TITLE = "Confirmed on fresh seeds"
# 1 - 2^(1 - n), the level from smallest to largest, passes few_seeds.MIN_LEVEL at five.
FEWEST_SEEDS = 5
"""For an interval of a median over fresh seeds."""


def quoted(results: Results) -> dict[str, Any] | None:
    """Return the row of tables.confirm.confirmed to quote; None before the stage got so far."""
    return tables.first_choice(results.whole, results.cached(tables.confirmed, results.whole))


def conclusions(results: Results) -> list[Conclusion]:
    """Return the conclusion from fresh seeds."""
    row = quoted(results)
    return [_conclusion(results, row)] if row else []


def _conclusion(results: Results, row: dict[str, Any]) -> Conclusion:
    study = results.whole
    name, floor = score_name(study), study.floor.get(study.objective.measure)
    seeds = count(row["num_seeds"], "fresh seed")
    over = "on" if row["num_seeds"] == 1 else "the median of"
    choice = (
        "the search's first choice"
        if has_role(row["role"], BEST)
        else "the nearest to the constraints, which none satisfied"
    )
    described = f": {text}" if (text := settings(study, row)) else ""
    claim = f"Confirmed on fresh seeds: {name} {_score_with_level(row)}, {over} {seeds}. "
    claim += f"Trial {row['confirms']}, {choice}{described}"
    value, note = number(row["score"]), f"median of {seeds}"
    if floor is not None:
        claim += f"; real against real scores {number(floor)} at the same n"
        note += f"; real against real {number(floor)}"
    parts = [
        f"{row['failed']} of {seeds} {FAILURES}.",
        *_against_baseline(results, row, name),
        *_optimism(results, row, name),
    ]
    if absent(row["score_low"]):
        parts.insert(0, f"Below {FEWEST_SEEDS} seeds there is no interval.")
    else:
        value += f" [{number(row['score_low'])}, {number(row['score_high'])}]"
    tile = Tile(f"Confirmed {name}", value, note)
    return Conclusion(f"{claim}.", " ".join(parts), first=True, tile=tile)


def _score_with_level(row: dict[str, Any]) -> str:
    # Order statistics have only certain levels: the one that is kept is rarely exactly 95%.
    if absent(row["score_low"]):
        return number(row["score"])
    ends = f"{number(row['score_low'])}, {number(row['score_high'])}"
    return f"{number(row['score'])} [{ends}; {100 * row['score_level']:.3g}% interval]"


def _against_baseline(results: Results, row: dict[str, Any], name: str) -> list[str]:
    if has_role(row["role"], BASELINE):
        return ["It is the plain baseline itself: it has no remedy."]
    for found in results.contrasts.confirmed:
        if found.number == row["number"]:
            return [_effect(found.contrast, name), *_baseline(results, row, found)]
    return ["There is no plain baseline to compare it with."]


def _effect(contrast: Contrast, name: str) -> str:
    decision = {
        "better": "It is better than the plain baseline",
        "worse": "It is worse than the plain baseline",
        "inconclusive": "Whether it differs from the plain baseline is inconclusive",
    }[contrast.decision]
    what = f"{name} {phrases.effect(contrast)}"
    if contrast.scale != RATIO:
        what = f"a difference in {what}"
    n = f"{count(contrast.effect.n, 'pair')} by seed; p = {contrast.p_adjusted:.2g}"
    if contrast.family.comparisons > 1:
        compared = count(contrast.family.comparisons, "comparison")
        n += f", Holm over {compared}, the interval alone"
    return f"{decision}: {what} ({n})."


def _baseline(results: Results, row: dict[str, Any], effect: ConfirmedContrast) -> list[str]:
    """Say which configuration the plain baseline is, and in which settings it differs.

    The effect is that of all these settings together.
    """
    study, table = results.whole, results.cached(tables.confirmed, results.whole)
    baseline = next((other for other in rows(table) if other["number"] == effect.baseline), None)
    if baseline is None:
        return []
    # Settings that only some remedies have are absent here and no difference of their own.
    unlike = [key for key in study.searched if not absent(row[key]) and row[key] != baseline[key]]
    if pd.isna(baseline["confirms"]):
        which = "the search's best with its remedies switched off"
    else:
        which = f"trial {baseline['confirms']}, the search's best without remedies"
    seeds = count(baseline["num_seeds"], "fresh seed")
    differs = f"; the two differ in {listed(unlike)}" if unlike else ""
    return [
        f"The baseline is {which} ({settings(study, baseline)}; {baseline['failed']} of its "
        f"{seeds} failed){differs}."
    ]


def _optimism(results: Results, row: dict[str, Any], name: str) -> list[str]:
    """Say whether the search's own score was too good, as the best of many scores is."""
    study = results.whole
    for found in rows(results.cached(tables.search_optimism, study)):
        # The last row is over all configurations, and its number is absent.
        if found["configurations"] != 1 or found["number"] != row["number"]:
            continue
        search = f"The search's own {name} of {number(found['search_score'])}"
        if math.isinf(found["optimism"]):
            return [f"{search} was too good: its median fresh seed diverged."]
        is_ratio = found["scale"] == "ratio"
        none = 1 if is_ratio else 0
        value = f"{number(found['optimism'])}{_ends(found)}"
        fresh = "the fresh median "
        fresh += f"is × {value} of it" if is_ratio else f"differs from it by {value}"
        if absent(found["low"]) or found["low"] <= none <= found["high"]:
            return [
                f"Whether {search[0].lower()}{search[1:]} was too good is inconclusive: {fresh}."
            ]
        too_good = (found["optimism"] > none) == (study.objective.sign > 0)
        return [f"{search} was {'too good' if too_good else 'not too good'}: {fresh}."]
    return []


def _ends(row: dict[str, Any]) -> str:
    return "" if absent(row["low"]) else f" [{number(row['low'])}, {number(row['high'])}]"


def blocks(results: Results) -> list[Block]:
    """Return fresh scores beside the search's, effects against the baseline, and the optimism."""
    study = results.whole
    table = results.cached(tables.confirmed, study)
    if table.empty:
        return []
    columns = [
        "confirms",
        "role",
        *study.searched,
        "search_score",
        "score",
        "score_low",
        "score_high",
        "score_level",
        "num_seeds",
        "failed",
        "state",
    ]
    baseline = tables.confirmed_against_baseline(study, results.contrasts.confirmed)
    optimism = results.cached(tables.search_optimism, study)
    return [
        *_figure(results, table),
        Table("confirmed", table, "Confirmed configurations", CONFIRMED, columns=columns),
        Table(
            name="confirmed_against_baseline",
            frame=baseline,
            title="Against the plain baseline",
            note=AGAINST_BASELINE,
            columns=tables.readable(baseline),
        ),
        Table(
            name="search_optimism",
            frame=optimism,
            title="How much the search's own scores were too good",
            note=OPTIMISM,
            columns=tables.readable(optimism),
        ),
    ]


def _figure(results: Results, table: pd.DataFrame) -> list[Figure]:
    if table["score"].isna().all():
        return []
    study, name = results.whole, score_name(results.whole)
    measure = study.objective.measure
    named = table.assign(name=[_row_name(row) for row in rows(table)])
    seeds = study.seeds.merge(named[["number", "name"]], on="number")
    seeds = seeds.assign(score=seeds[measure])[["name", "score"]].dropna()
    figure = figures.fresh_scores(named, seeds, measure, study.floor.get(measure))
    alt = f"{name} of {len(table)} configurations on fresh seeds and in the search."
    return [Figure("confirmed", figure, FIGURE, alt)]


def _row_name(row: dict[str, Any]) -> str:
    trial = row["number"] if pd.isna(row["confirms"]) else row["confirms"]
    return f"trial {trial}: {label(row['role'])}"


FIGURE = (
    "Small strokes: single fresh seeds; blue: their median with its interval; open diamond: the "
    "score of the same configuration in the search, on the search's seeds. The dashed line is "
    "the plain baseline's median."
)
CONFIRMED = (
    "The configurations that the search chose, trained again to the end of the budget on seeds "
    "that it never used; in the order of the search's own scores. The score is the median over "
    f"the fresh seeds, its interval exact at the level in the table (below {FEWEST_SEEDS} seeds "
    "there is none). The one to quote is the search's first choice: the best of the confirmed "
    "would again look too good."
)
AGAINST_BASELINE = (
    "Paired by fresh seed: a ratio is the geometric mean over seeds of score / baseline, a "
    "difference the mean of score − baseline; p_holm is corrected for all comparisons in the "
    "table, the intervals are not."
)
OPTIMISM = (
    "Score on fresh seeds divided by the search's own score (or minus it, where the scale is "
    "difference); the last row is over all that were chosen as best."
)
