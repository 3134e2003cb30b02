"""The remedies against no remedy, in matched pairs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ganstudy.analysis.figures import effects as effects_figures
from ganstudy.analysis.formatting import absent, between, count, label, number, rows, signed
from ganstudy.analysis.frames import selection
from ganstudy.analysis.report.blocks import Block, Figure, Pair, Results, Table
from ganstudy.analysis.report.phrases import Conclusion, Tile, unit
from ganstudy.analysis.report.sections import by_setting
from ganstudy.analysis.tables.remedies import remedy_effects
from ganstudy.analysis.tables.remedies_by_seed import remedies_paired_by_seed
from ganstudy.trials.results.catalogue import MEASURES

NAME, TITLE = "remedies", "Remedies"
MATCHING = {
    "exact": "pairs agree in all other settings",
    "nearest": "each pair is the nearest in the other settings",
    "nearest + regression": "each pair is the nearest in the other settings, and what these predict is taken out",
    "exact + regression": "pairs agree in all other settings",
}


def blocks(results: Results) -> list[Block]:
    """Score and lost seeds by remedy, and the effects against none."""
    made = by_setting.blocks(results, "remedies", "remedies")
    table, (measure, _) = (
        results.of(remedy_effects, results.study),
        results.study.objective,
    )
    if table.empty or not table["pairs"].any():
        return made
    note = (
        "Configurations with the remedy against the most alike ones without, paired by seed, at the last amount that "
        f"every trial reached; {_matching(table)}. The intervals hold for all comparisons together with 95% "
        "(Bonferroni); where so few pairs cannot keep that promise there is none. Green triangles: better; red "
        "crosses: worse; grey circles: cannot be told."
    )
    return [
        *made,
        *_twins(results, MEASURES[measure].label, measure),
        Pair(_forests(table, MEASURES[measure].label, measure, note)),
        Table("remedy_effects", table, "Effects of the remedies against none", note, folded=True),
    ]


def _twins(results: Results, name: str, measure: str) -> list[Block]:
    """Single configurations by seed, where there are too few of them for more."""
    table = _told_by_seed(results)
    if table.empty:
        return []
    repeated = table["remedies"].duplicated(keep=False)
    named = table.assign(
        name=table["remedies"]
        + (" (trial " + table["number"].astype(str) + ")").where(repeated, ""),
        pairs=1,
    )
    ratio = table["scale"].iloc[0] == "ratio"
    compared = count(int(table["comparisons"].iloc[0]), "comparison")
    note = (
        "Single configurations with a remedy against the same ones without, paired by seed, at the last amount that "
        f"every trial reached. Each interval holds alone with 95%; the verdicts (green triangles: better; red crosses: "
        f"worse; grey circles: cannot be told) hold for all {compared} together (Holm). They "
        "are about these configurations alone: that a remedy does the same at other settings, others must tell."
    )
    title = _axis(name, measure, ratio, ", same settings")
    ends = ("effect", "low", "high")
    figure = effects_figures.forest(
        named, "name", ends, "decision", title, none=1 if ratio else 0, factor=ratio
    )
    alt = f"Effect on {name} by seed, with interval, for {count(len(table), 'configuration')}."
    return [
        Figure("remedies_paired_by_seed", figure, note, alt),
        Table(
            "remedies_paired_by_seed",
            table,
            "Single configurations with and without remedies, by seed",
            note,
            folded=True,
        ),
    ]


def _told_by_seed(results: Results) -> pd.DataFrame:
    """remedies_paired_by_seed, where it can tell something and the pairs of configurations cannot; else empty."""
    if results.of(remedy_effects, results.study)["low"].notna().any():
        return pd.DataFrame()
    twins = results.of(remedies_paired_by_seed, results.study)
    return twins.iloc[:0] if twins["p_holm"].isna().all() else twins


def _axis(name: str, measure: str, ratio: bool, where: str = "") -> str:
    """Title of the axis of a score against that without the remedy."""
    what = "as a factor of that without" if ratio else "minus that without"
    better = "right" if MEASURES[measure].direction == "up" else "left"
    return f"{name} {what}{where} ({better}: better)"


def _forests(table: pd.DataFrame, name: str, measure: str, note: str) -> list[Figure]:
    ratio = bool(table["ratio"].notna().any())
    columns = ("ratio", "ratio_low", "ratio_high") if ratio else ("difference", "low", "high")
    count_of = count(len(table), "remedy label")
    score = effects_figures.forest(
        *(table, "remedies", columns, "decision", _axis(name, measure, ratio)),
        none=1 if ratio else 0,
        factor=ratio,
    )
    improved = effects_figures.forest(
        *(table, "remedies", ("improvement", "improvement_low", "improvement_high"), "decision"),
        title="P(a seed does better with it) (right: better)",
        none=0.5,
        style=".0%",
    )
    lost = effects_figures.forest(
        *(table, "remedies", ("failed_difference", "failed_low", "failed_high"), "failed_decision"),
        title="difference in P(seed lost) (left: fewer)",
        none=0,
        style="+.0%",
    )
    said = "Effect on {}, with interval, for " + count_of + "."
    return [
        Figure("remedies", score, note, said.format(name)),
        Figure("remedies_improvement", improved, "", said.format("the probability of improvement")),
        Figure("remedies_lost_difference", lost, "", said.format("the share of lost seeds")),
    ]


def _matching(table: pd.DataFrame) -> str:
    used = [kind for kind in table["matching"].unique() if kind]
    return (
        "; ".join(dict.fromkeys(MATCHING.get(kind, kind) for kind in used)) or "no pair was found"
    )


def conclusions(results: Results) -> list[Conclusion]:
    """Which remedies are better or worse than none, and of which it cannot be told."""
    study = results.study
    table = results.of(remedy_effects, study)
    if table.empty:
        control = "remedies" in study.searched and selection.NONE in set(study.trials["remedies"])
        asked = "remedies" in study.searched and study.trials["remedies"].nunique() > 1
        missing = Conclusion(
            "Remedies: no trial without remedy can be compared with, so nothing can be told.",
            first=True,
        )
        return [missing] if asked and not control else []
    each = rows(table)
    name = MEASURES[study.objective.measure].label
    where = f"at {each[0]['progress']:g} {unit(study)}" if not absent(each[0]["progress"]) else ""
    if not any(row["pairs"] for row in each):
        few = "no configuration with a remedy can be paired with one without"
        return [Conclusion(f"Remedies: {few}, so nothing can be told.", first=True)]
    twins = _told_by_seed(results)
    if len(twins):
        return [_by_seed(twins, name, where)]
    told = [row for row in each if row["decision"] != "inconclusive"]
    untold = [row for row in each if row["decision"] == "inconclusive"]
    parts = [_effect(row, name) for row in told]
    if untold:
        names = ", ".join(f"{label(row['remedies'])} ({_open(row)})" for row in untold)
        parts.append(f"no difference to no remedy can be told for {names}")
    lost = [row for row in each if row["failed_decision"] != "inconclusive"]
    parts += [_lost(row) for row in lost]
    claim, *rest = [f"Remedies {where}: {parts[0]}", *parts[1:]]
    claim, basis = f"{claim}{';' if rest else '.'}", f"{'; '.join(rest)}." if rest else ""
    together = (
        f"; the intervals hold for the {len(each)} comparisons together" if len(each) > 1 else ""
    )
    basis += f" Matched on {_listed(each[0]['matched_on'])}, paired by seed{together}."
    if table["low"].isna().any():
        basis += " Where there is no interval, the pairs are too few for one."
    value = (
        ", ".join(f"{label(row['remedies'])} {row['decision']}" for row in told) or "cannot be told"
    )
    pairs = between([row["pairs"] for row in each])
    tile = Tile("Remedies against none", value, f"{count(len(each), 'comparison')}, pairs: {pairs}")
    return [Conclusion(claim, basis.strip(), first=True, tile=tile)]


def _by_seed(twins: pd.DataFrame, name: str, where: str) -> Conclusion:
    """What the seeds say of single configurations."""
    each, parts, value = rows(twins), [], []
    several = bool(twins["remedies"].duplicated().any())
    for verdict in ("better", "worse"):
        found = [row for row in each if row["decision"] == verdict]
        if found:
            effects = ", ".join(
                f"{_named(row, several)} ({_twin_effect(row, name)})" for row in found
            )
            parts.append(f"{verdict} than without: {effects}")
            value.append(f"{len(found)} {verdict}")
    untold = [_named(row, several) for row in each if row["decision"] == "inconclusive"]
    if untold:
        parts.append(f"not told apart: {', '.join(untold)}")
    seeds = between([row["seeds"] for row in each])
    compared = count(each[0]["comparisons"], "comparison")
    rest = "; ".join(parts[1:])
    rest = f"{rest[0].upper()}{rest[1:]}. " if rest else ""
    return Conclusion(
        f"Remedies {where}, each at {'single configurations' if several else 'one configuration'}: {parts[0]}.",
        f"{rest}The same settings with and without, seed by seed ({seeds} each); Holm over {compared}, each interval "
        "alone. Whether a remedy does the same at other settings cannot be told from so few configurations.",
        first=True,
        tile=Tile(
            "Remedies against none",
            ", ".join(value) or "cannot be told",
            f"{compared} by {seeds} seeds, each at the same settings",
        ),
    )


def _named(row: dict[str, Any], several: bool) -> str:
    return label(row["remedies"]) + (f" in trial {row['number']}" if several else "")


def _twin_effect(row: dict[str, Any], name: str) -> str:
    return _size(name, row["scale"] == "ratio", row["effect"], row["low"], row["high"])


def _listed(names: str) -> str:
    return names.replace("; ", ", ") or "nothing else (nothing else was searched)"


def _score(row: dict[str, Any], name: str) -> str:
    """The effect with its interval, if there is one."""
    if absent(row["ratio"]):
        return _size(name, False, row["difference"], row["low"], row["high"])
    return _size(name, True, row["ratio"], row["ratio_low"], row["ratio_high"])


def _size(name: str, factor: bool, value: float, low: float, high: float) -> str:
    told = number if factor else signed
    ends = "" if absent(low) else f" [{told(low)}, {told(high)}]"
    return f"{name} {'× ' if factor else ''}{told(value)}{ends}"


def _effect(row: dict[str, Any], name: str) -> str:
    improved = f"P(improvement) {row['improvement']:.0%}" if not absent(row["improvement"]) else ""
    return (
        f"{label(row['remedies'])} is {row['decision']} than no remedy: {_score(row, name)} "
        f"({count(row['pairs'], 'pair')}{f', {improved}' if improved else ''})"
    )


def _open(row: dict[str, Any]) -> str:
    effect = (
        "" if absent(row["ratio"]) or absent(row["ratio_low"]) else f"{_score(row, '').strip()}, "
    )
    return f"{effect}{count(row['pairs'], 'pair')}"


def _lost(row: dict[str, Any]) -> str:
    points = [
        f"{100 * row[f'failed_{end}']:+.0f}".replace("-", "−")
        for end in ("difference", "low", "high")
    ]
    effect = f"{points[0]} points [{points[1]}, {points[2]}]"
    return f"{label(row['remedies'])} loses {row['failed_decision']} seeds than no remedy, {effect}"
