"""Remedies against no remedy, in matched pairs."""

from __future__ import annotations

import pandas as pd

from ganstudy.analysis.figures.forest import Effect, forest
from ganstudy.analysis.formatting import absent, between, count, label, listed
from ganstudy.analysis.frames import selection
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report import by_setting, phrases
from ganstudy.analysis.report.blocks import Block, Figure, Fold, Pair, Results, Table
from ganstudy.analysis.report.phrases import (
    Brief,
    Conclusion,
    Open,
    Rank,
    fitting,
    score_name,
    unit,
)
from ganstudy.analysis.stats.estimate import INCONCLUSIVE, PRACTICALLY_EQUAL
from ganstudy.analysis.tables.effects.contrasts import Contrast
from ganstudy.analysis.tables.effects.remedies import remedy_effects
from ganstudy.analysis.tables.effects.remedies_by_seed import (
    SingleConfiguration,
    remedies_paired_by_seed,
)
from ganstudy.trials.results.paired_seeds import fewest_seeds

TITLE = "Remedies"
MATCHING = {
    "exact": "pairs agree in all other settings",
    "balanced": "pairs are of the same point, where other factors have all their values equally often on both sides",
    "nearest": "each pair is the nearest in the other settings",
    "nearest + regression": "each pair is the nearest in the other settings, and what these predict is taken out",
    "exact + regression": "pairs agree in all other settings",
}


def blocks(results: Results) -> list[Block]:
    """Return score and failed seeds by remedy, and the effects of remedies against none."""
    by_remedy = by_setting.blocks(results, "remedies", "remedies")
    if results.contrasts.single:
        return [*by_remedy, *_by_seed_blocks(results)]
    table = _effects(results)
    if table.empty or not table["pairs"].any():
        return by_remedy
    note = EFFECTS.format(matching=_matching(table))
    title = "Effects of the remedies against none"
    return [
        *by_remedy,
        Fold("Effects as forest plots", [Pair(_forests(table, results.study, note))]),
        Table("remedy_effects", table, title, note, folded=True),
    ]


def _effects(results: Results) -> pd.DataFrame:
    return remedy_effects(results.study, results.contrasts.remedies)


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
            ("remedies_improvement", improvement, "", "the probability of improvement"),
            ("remedies", score, note, score_name(study)),
            ("remedies_failed_difference", failed, "", "the share of failed seeds"),
        )
        if table[effect.columns[0]].notna().any()
    ]


def _axis_title(study: Study, is_ratio: bool, where: str = "") -> str:
    """Return the title of the axis of a score against that without the remedy."""
    what = "as a factor of that without" if is_ratio else "minus that without"
    better = "left" if study.objective.sign > 0 else "right"
    return f"{score_name(study)} {what}{where} ({better}: better)"


def _by_seed_blocks(results: Results) -> list[Block]:
    """Return single configurations by seed, where they are too few for pairs of configurations."""
    study = results.study
    table = remedies_paired_by_seed(study, results.contrasts.single)
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
    "comparisons together with 95% (Bonferroni), and for other settings and other seeds than the "
    "study's: pairs and seeds are both taken as samples. Below three seeds, or six pairs (four "
    "points of a design, over which its twins are averaged), there is none. A run does better in the "
    "order diverged, collapsed, cycling, then by score; what is better or worse is decided by the "
    "score. Green triangles: "
    "better; red crosses: worse; blue diamonds: practically equal; grey circles: inconclusive."
)
BY_SEED = (
    "Single configurations with a remedy against the same ones without, paired by seed, at the "
    "last amount that every trial reached. Each interval holds alone with 95%, if differences are "
    "normal; the decisions, by exact sign-flip tests (green triangles: better; red crosses: worse; "
    "blue diamonds: practically equal; grey circles: inconclusive), hold for all {compared} together "
    "(Holm; practical equality from wider intervals, which hold together). They are about these "
    "configurations alone: at other settings a "
    "remedy may act differently."
)


def conclusions(results: Results) -> list[Conclusion]:
    """Return which remedies are better or worse than none, and for which that is inconclusive."""
    study, table = results.study, results.contrasts
    contrasts = [*table.remedies, *(row.contrast for row in table.single)]
    if not contrasts:
        return _without_control(study)
    if not any(row.effect.n for row in contrasts):
        few = "no configuration with a remedy can be paired with one without"
        claim = f"Remedies are not compared: {few}."
        return [Conclusion(claim, first=True, brief=Brief(claim, Rank.OPEN))]
    amount = contrasts[0].amount
    where = "" if absent(amount) else f" at {amount:g} {unit(study)}"
    if table.single:
        return [_of_single_configurations(list(table.single), score_name(study), where)]
    failed = [text for row in contrasts if (text := _failed(row))]
    return [_of_pairs(contrasts, score_name(study), where), *_of_failed(contrasts, failed, where)]


def _without_control(study: Study) -> list[Conclusion]:
    if "remedies" not in study.searched:
        return []
    tried = study.trials["remedies"]
    # One value is no comparison, and needs no excuse.
    if tried.nunique() < 2 or selection.NONE in set(tried):
        return []
    claim = "Remedies are not compared: there is no trial without remedy."
    return [Conclusion(claim, first=True, brief=Brief(claim, Rank.OPEN))]


def _of_pairs(effects: list[Contrast], name: str, where: str) -> Conclusion:
    differ = [row for row in effects if row.better is not None]
    equal = [row for row in effects if row.decision == PRACTICALLY_EQUAL]
    inconclusive = [row for row in effects if row.is_open]
    parts = [
        f"{label(row.first)} is {row.decision} than no remedy{_by_little(row)}: "
        f"{phrases.wins(row)}{name} {phrases.effect(row)} ({phrases.pairs(row)})"
        for row in differ
    ]
    for answer, found in (
        ("practically equal to no remedy", equal),
        ("inconclusive against no remedy", inconclusive),
    ):
        if found:
            named = ", ".join(f"{label(row.first)} ({_effect_in_short(row)})" for row in found)
            parts.append(f"{answer}: {named}")
    basis = f"{'; '.join(parts[1:])}. " if parts[1:] else ""
    matched_on = ", ".join(effects[0].matched_on) or "nothing, as nothing else was searched"
    basis += f"Matched on {matched_on}, paired by seed"
    basis += f"{phrases.together(effects)}.{phrases.generality(effects)}"
    basis += phrases.within_margin(effects)
    end = ";" if parts[1:] else "."
    return Conclusion(
        claim=f"Remedies{where}: {parts[0]}{end}",
        basis=basis,
        first=True,
        exploratory=phrases.exploratory(effects),
        brief=_in_short(effects, name, where, "no remedy"),
        open=None if differ or equal else Open(),
    )


def _in_short(effects: list[Contrast], name: str, where: str, than: str) -> Brief:
    """Return the largest effects with their intervals: of two, of one, or that there is none."""
    for decision in ("better", "worse"):
        found = phrases.largest_first(row for row in effects if row.decision == decision)
        if not found:
            continue
        first, *others = found
        texts = [
            f"{phrases.sentence(label(first.first))} is {decision} than {than}{where}: {name} "
            f"{phrases.effect(first)}{_by_little(first)}."
        ]
        if others and not any(row.within_margin for row in found[:2]):
            both = listed([label(row.first) for row in found[:2]])
            sizes = listed([phrases.effect(row) for row in found[:2]])
            texts.insert(
                0,
                f"{phrases.sentence(both)} are {decision} than {than}{where}: {name} {sizes}.",
            )
        texts.append(
            f"One remedy is {decision} than {than}{where}: {name} {phrases.effect(first)}."
        )
        return Brief(fitting(*texts), Rank.EFFECT, abs(first.worse_by), question="remedies")
    equal = [row for row in effects if row.decision == PRACTICALLY_EQUAL]
    if equal:
        named = listed([label(row.first) for row in equal])
        texts = [
            f"{phrases.sentence(named)} {'is' if len(equal) == 1 else 'are'} practically equal to "
            f"{than}{where}.",
            f"{count(len(equal), 'remedy').replace('remedys', 'remedies')} of {len(effects)} "
            f"practically equal to {than}{where}.",
        ]
        return Brief(fitting(*texts), Rank.EFFECT, question="remedies")
    # Of single configurations a remedy has an effect at each.
    remedies = len({row.first for row in effects})
    tried = "1 remedy" if remedies == 1 else f"any of {remedies} remedies"
    texts = [f"Whether {tried} acts{where} is inconclusive."]
    if (nearest := phrases.nearest_to_answer(effects)) is not None:
        effect = f"{name} {phrases.effect(nearest)}"
        question = f"Whether {tried} acts{where} is inconclusive; nearest to an answer is "
        texts.insert(0, f"{question}{label(nearest.first)}: {effect}.")
        if len(effects) == 1:
            texts.insert(
                0, f"Whether {label(nearest.first)} acts{where} is inconclusive: {effect}."
            )
    return Brief(fitting(*texts), Rank.OPEN, question="remedies")


def _by_little(row: Contrast) -> str:
    return ", but by less than the margin" if row.within_margin else ""


def _of_failed(effects: list[Contrast], found: list[str], where: str) -> list[Conclusion]:
    """Return the sets of remedies with fewer or more failed seeds.

    This is not the primary question, and these comparisons are corrected by themselves.
    """
    if not found:
        return []
    together = phrases.together(effects).removeprefix("; ")
    basis = f"{together[0].upper()}{together[1:]}." if together else ""
    claim = f"Failed seeds{where}: {'; '.join(found)}."
    short = fitting(f"{phrases.sentence(found[0])}.", "A remedy changes how many seeds fail.")
    brief = Brief(short, Rank.EFFECT)
    return [Conclusion(claim, basis, first=True, exploratory=True, brief=brief)]


def _effect_in_short(row: Contrast) -> str:
    return f"{phrases.effect(row)}, {phrases.pairs(row)}" if row.effect.n else phrases.pairs(row)


def _failed(row: Contrast) -> str:
    failed = row.failed
    if failed is None or (decision := failed.decide("fewer", "more")) == INCONCLUSIVE:
        return ""
    return (
        f"{label(row.first)} has {decision} failed seeds than no remedy, {phrases.points(failed)}"
    )


def _of_single_configurations(
    effects: list[SingleConfiguration], name: str, where: str
) -> Conclusion:
    several = len({row.contrast.first for row in effects}) < len(effects)
    parts = []
    for decision in ("better", "worse", PRACTICALLY_EQUAL):
        found = [row for row in effects if row.contrast.decision == decision]
        if found:
            sizes = ", ".join(
                f"{_named(row, several)} ({name} {phrases.effect(row.contrast)}"
                f"{'' if row.contrast.better is None else _by_little(row.contrast)})"
                for row in found
            )
            than = "" if decision == PRACTICALLY_EQUAL else " than without"
            parts.append(f"{decision}{than}: {sizes}")
    rest = [_named(row, several) for row in effects if row.contrast.is_open]
    if rest:
        parts.append(f"inconclusive: {', '.join(rest)}")
    seeds = between([row.contrast.effect.n for row in effects])
    compared = count(effects[0].contrast.family.comparisons, "comparison")
    others = "; ".join(parts[1:])
    others = f"{others[0].upper()}{others[1:]}. " if others else ""
    each = "single configurations" if several else "one configuration"
    contrasts = [row.contrast for row in effects]
    return Conclusion(
        f"Remedies{where}, each at {each}: {parts[0]}.",
        f"{others}The same settings with and without, seed by seed ({seeds} each); exact sign-flip "
        f"tests, Holm over {compared}, each interval alone and if differences are normal."
        f"{_too_few(effects)} Whether a remedy does the same at other settings is "
        f"unknown with so few configurations.{phrases.within_margin(contrasts)}",
        first=True,
        exploratory=phrases.exploratory(contrasts),
        brief=_in_short(contrasts, name, where, "without, at one setting"),
        open=Open() if all(row.is_open for row in contrasts) else None,
    )


def _too_few(effects: list[SingleConfiguration]) -> str:
    """Return the sentence, with a space before it, where the seeds cannot tell anything."""
    comparisons = effects[0].contrast.family.comparisons
    seeds, needed = max(row.contrast.effect.n for row in effects), fewest_seeds(comparisons)
    if seeds >= needed:
        return ""
    return (
        f" However large, no difference of {comparisons} can be found on {seeds} seeds: {needed} or "
        "more can."
    )


def _named(row: SingleConfiguration, several: bool) -> str:
    return label(row.contrast.first) + (f" in trial {row.number}" if several else "")
