"""Remedies against no remedy, in matched pairs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ganstudy.analysis.figures.forest import Effect, forest
from ganstudy.analysis.formatting import absent, between, count, label, number, rows, signed
from ganstudy.analysis.frames import selection
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report import by_setting
from ganstudy.analysis.report.blocks import Block, Figure, Pair, Results, Table
from ganstudy.analysis.report.phrases import Conclusion, Tile, score_name, unit
from ganstudy.analysis.tables.remedies import remedy_effects
from ganstudy.analysis.tables.remedies_by_seed import remedies_paired_by_seed
from ganstudy.trials.results.catalogue import MEASURES

TITLE = "Remedies"
TILE = "Remedies against none"
MATCHING = {
    "exact": "pairs agree in all other settings",
    "nearest": "each pair is the nearest in the other settings",
    "nearest + regression": "each pair is the nearest in the other settings, and what these predict is taken out",
    "exact + regression": "pairs agree in all other settings",
}


def blocks(results: Results) -> list[Block]:
    """Return score and failed seeds by remedy, and the effects of remedies against none."""
    by_remedy = by_setting.blocks(results, "remedies", "remedies")
    table = results.cached(remedy_effects, results.study)
    if table.empty or not table["pairs"].any():
        return by_remedy
    note = EFFECTS.format(matching=_matching(table))
    title = "Effects of the remedies against none"
    return [
        *by_remedy,
        *_by_seed_blocks(results),
        Pair(_forests(table, results.study, note)),
        Table("remedy_effects", table, title, note, folded=True),
    ]


def _matching(table: pd.DataFrame) -> str:
    kinds = [MATCHING.get(kind, kind) for kind in table["matching"].unique() if kind]
    return "; ".join(dict.fromkeys(kinds)) or "no pair was found"


def _forests(table: pd.DataFrame, study: Study, note: str) -> list[Figure]:
    is_ratio = bool(table["ratio"].notna().any())
    score = Effect(
        columns=("ratio", "ratio_low", "ratio_high") if is_ratio else ("difference", "low", "high"),
        decision="decision",
        title=_axis_title(study, is_ratio),
        none=1 if is_ratio else 0,
        factor=is_ratio,
    )
    improvement = Effect(
        columns=("improvement", "improvement_low", "improvement_high"),
        decision="decision",
        title="P(a seed does better with it) (right: better)",
        none=0.5,
        style=".0%",
    )
    failed = Effect(
        columns=("failed_difference", "failed_low", "failed_high"),
        decision="failed_decision",
        title="difference in P(seed fails) (left: fewer)",
        none=0,
        style="+.0%",
    )
    n = count(len(table), "remedy label")
    return [
        Figure(
            name,
            forest(table, "remedies", effect),
            caption,
            f"Effect on {on}, with interval, for {n}.",
        )
        for name, effect, caption, on in (
            ("remedies", score, note, score_name(study)),
            ("remedies_improvement", improvement, "", "the probability of improvement"),
            ("remedies_failed_difference", failed, "", "the share of failed seeds"),
        )
    ]


def _axis_title(study: Study, is_ratio: bool, where: str = "") -> str:
    """Return the title of the axis of a score against that without the remedy."""
    what = "as a factor of that without" if is_ratio else "minus that without"
    better = "right" if MEASURES[study.objective.measure].direction == "up" else "left"
    return f"{score_name(study)} {what}{where} ({better}: better)"


def _paired_by_seed(results: Results) -> pd.DataFrame:
    """Return remedies_paired_by_seed; empty where it is not needed, as pairs of configurations have
    intervals, or has no test.
    """
    # Pairs of configurations say more, as they cover many settings; seeds of single
    # configurations are the fallback of a study that tried each remedy once.
    if results.cached(remedy_effects, results.study)["low"].notna().any():
        return pd.DataFrame()
    table = results.cached(remedies_paired_by_seed, results.study)
    return table.iloc[:0] if table["p_holm"].isna().all() else table


def _by_seed_blocks(results: Results) -> list[Block]:
    """Return single configurations by seed, where they are too few for pairs of configurations."""
    table = _paired_by_seed(results)
    if table.empty:
        return []
    study = results.study
    several = table["remedies"].duplicated(keep=False)
    trial = (" (trial " + table["number"].astype(str) + ")").where(several, "")
    is_ratio = table["scale"].iloc[0] == "ratio"
    effect = Effect(
        columns=("effect", "low", "high"),
        decision="decision",
        title=_axis_title(study, is_ratio, ", same settings"),
        none=1 if is_ratio else 0,
        factor=is_ratio,
    )
    figure = forest(table.assign(name=table["remedies"] + trial, pairs=1), "name", effect)
    note = BY_SEED.format(compared=count(int(table["comparisons"].iloc[0]), "comparison"))
    n = count(len(table), "configuration")
    alt = f"Effect on {score_name(study)} by seed, with interval, for {n}."
    title = "Single configurations with and without remedies, by seed"
    return [
        Figure("remedies_paired_by_seed", figure, note, alt),
        Table("remedies_paired_by_seed", table, title, note, folded=True),
    ]


EFFECTS = (
    "Configurations with the remedy against the most similar ones without, paired by seed, at "
    "the last amount that every trial reached; {matching}. The intervals hold for all "
    "comparisons together with 95% (Bonferroni); where there are too few pairs for that, there "
    "is none. Green triangles: better; red crosses: worse; grey circles: inconclusive."
)
BY_SEED = (
    "Single configurations with a remedy against the same ones without, paired by seed, at the "
    "last amount that every trial reached. Each interval holds alone with 95%; the decisions "
    "(green triangles: better; red crosses: worse; grey circles: inconclusive) hold for all "
    "{compared} together (Holm). They are about these configurations alone: at other settings a "
    "remedy may act differently."
)


def conclusions(results: Results) -> list[Conclusion]:
    """Return which remedies are better or worse than none, and for which that is inconclusive."""
    study = results.study
    table = results.cached(remedy_effects, study)
    if table.empty:
        return _without_control(study)
    effects = rows(table)
    if not table["pairs"].any():
        few = "no configuration with a remedy can be paired with one without"
        return [Conclusion(f"Remedies are not compared: {few}.", first=True)]
    progress = effects[0]["progress"]
    where = "" if absent(progress) else f" at {progress:g} {unit(study)}"
    by_seed = _paired_by_seed(results)
    if len(by_seed):
        return [_of_single_configurations(by_seed, score_name(study), where)]
    return [_of_pairs(effects, score_name(study), where)]


def _without_control(study: Study) -> list[Conclusion]:
    if "remedies" not in study.searched:
        return []
    tried = study.trials["remedies"]
    # One value is no comparison, and needs no excuse.
    if tried.nunique() < 2 or selection.NONE in set(tried):
        return []
    return [Conclusion("Remedies are not compared: there is no trial without remedy.", first=True)]


def _of_pairs(effects: list[dict[str, Any]], name: str, where: str) -> Conclusion:
    conclusive = [row for row in effects if row["decision"] != "inconclusive"]
    inconclusive = [row for row in effects if row["decision"] == "inconclusive"]
    parts = [
        f"{label(row['remedies'])} is {row['decision']} than no remedy: "
        f"{_effect_on_score(row, name)} ({_n(row)})"
        for row in conclusive
    ]
    if inconclusive:
        names = ", ".join(
            f"{label(row['remedies'])} ({_effect_in_short(row)})" for row in inconclusive
        )
        parts.append(f"inconclusive against no remedy: {names}")
    parts += [_failed(row) for row in effects if row["failed_decision"] != "inconclusive"]
    basis = f"{'; '.join(parts[1:])}. " if parts[1:] else ""
    matched_on = (
        effects[0]["matched_on"].replace("; ", ", ") or "nothing, as nothing else was searched"
    )
    basis += f"Matched on {matched_on}, paired by seed"
    if len(effects) > 1:
        basis += f"; the intervals hold for the {len(effects)} comparisons together"
    basis += "."
    if any(absent(row["low"]) for row in effects):
        basis += " Where there is no interval, there are too few pairs for one."
    decisions = ", ".join(f"{label(row['remedies'])} {row['decision']}" for row in conclusive)
    pairs = between([row["pairs"] for row in effects])
    tile = Tile(
        TILE,
        decisions or "inconclusive",
        f"{count(len(effects), 'comparison')}, pairs: {pairs}",
    )
    end = ";" if parts[1:] else "."
    return Conclusion(f"Remedies{where}: {parts[0]}{end}", basis, first=True, tile=tile)


def _n(row: dict[str, Any]) -> str:
    pairs = count(row["pairs"], "pair")
    if absent(row["improvement"]):
        return pairs
    return f"{pairs}, P(improvement) {row['improvement']:.0%}"


def _effect_in_short(row: dict[str, Any]) -> str:
    pairs = count(row["pairs"], "pair")
    if absent(row["ratio"]) or absent(row["ratio_low"]):
        return pairs
    return f"{_effect_on_score(row, '').strip()}, {pairs}"


def _effect_on_score(row: dict[str, Any], name: str) -> str:
    if absent(row["ratio"]):
        return _size(name, False, row["difference"], row["low"], row["high"])
    return _size(name, True, row["ratio"], row["ratio_low"], row["ratio_high"])


def _size(name: str, is_ratio: bool, value: float, low: float, high: float) -> str:
    """Return an effect with its interval, if there is one."""
    # A ratio needs no sign, and a difference without one would read as a score.
    as_text = number if is_ratio else signed
    ends = "" if absent(low) else f" [{as_text(low)}, {as_text(high)}]"
    return f"{name} {'× ' if is_ratio else ''}{as_text(value)}{ends}"


def _failed(row: dict[str, Any]) -> str:
    points, low, high = (
        f"{100 * row[f'failed_{end}']:+.0f}".replace("-", "−")
        for end in ("difference", "low", "high")
    )
    return (
        f"{label(row['remedies'])} has {row['failed_decision']} failed seeds than no remedy, "
        f"{points} percentage points [{low}, {high}]"
    )


def _of_single_configurations(table: pd.DataFrame, name: str, where: str) -> Conclusion:
    effects = rows(table)
    several = bool(table["remedies"].duplicated().any())
    parts, counts = [], []
    for decision in ("better", "worse"):
        found = [row for row in effects if row["decision"] == decision]
        if found:
            sizes = ", ".join(
                f"{_named(row, several)} "
                f"({_size(name, row['scale'] == 'ratio', row['effect'], row['low'], row['high'])})"
                for row in found
            )
            parts.append(f"{decision} than without: {sizes}")
            counts.append(f"{len(found)} {decision}")
    rest = [_named(row, several) for row in effects if row["decision"] == "inconclusive"]
    if rest:
        parts.append(f"inconclusive: {', '.join(rest)}")
    seeds = between([row["seeds"] for row in effects])
    compared = count(effects[0]["comparisons"], "comparison")
    others = "; ".join(parts[1:])
    others = f"{others[0].upper()}{others[1:]}. " if others else ""
    each = "single configurations" if several else "one configuration"
    return Conclusion(
        f"Remedies{where}, each at {each}: {parts[0]}.",
        f"{others}The same settings with and without, seed by seed ({seeds} each); Holm over "
        f"{compared}, each interval alone. Whether a remedy does the same at other settings is "
        "unknown with so few configurations.",
        first=True,
        tile=Tile(
            TILE,
            ", ".join(counts) or "inconclusive",
            f"{compared} by {seeds} seeds, each at the same settings",
        ),
    )


def _named(row: dict[str, Any], several: bool) -> str:
    return label(row["remedies"]) + (f" in trial {row['number']}" if several else "")
