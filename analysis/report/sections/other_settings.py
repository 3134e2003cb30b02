"""Every searched setting that has no section of its own: scores, matched effects, failed seeds."""

from __future__ import annotations

import re

from ganstudy.analysis.figures import by_setting as figures
from ganstudy.analysis.figures.style import ScoreAxes, as_text
from ganstudy.analysis.formatting import count, label, listed, number
from ganstudy.analysis.report import phrases
from ganstudy.analysis.report.blocks import Block, Figure, Fold, Note, Pair, Results, Table
from ganstudy.analysis.report.by_setting import table as values_of
from ganstudy.analysis.report.phrases import (
    ON_THESE_SEEDS,
    Brief,
    Conclusion,
    Open,
    Rank,
    fitting,
    score_name,
    unit,
    with_interval,
)
from ganstudy.analysis.stats.estimate import INCONCLUSIVE, MIN_CONFIGURATIONS
from ganstudy.analysis.tables.effects.compared_settings import other_settings
from ganstudy.analysis.tables.effects.contrasts import Contrast
from ganstudy.analysis.tables.effects.k_ratio import Answer
from ganstudy.analysis.tables.effects.k_ratio import answers as answers_of
from ganstudy.analysis.tables.effects.other_settings import (
    OtherSettingRow,
    effects,
    responses,
)
from ganstudy.analysis.tables.rows import rows_of
from ganstudy.trials.results.records import Verdict

TITLE = "Other settings"
MOST_TOLD = 3
"""Of the inconclusive differences in failed seeds of one setting; the table has all."""


def _contrasts(results: Results) -> dict[str, list[Contrast]]:
    """Return the contrasts by setting."""
    found: dict[str, list[Contrast]] = {}
    for row in results.contrasts.others:
        found.setdefault(row.question, []).append(row)
    return found


def own_answers(results: Results) -> dict[str, Answer]:
    """Return which value of each setting leads; without those of which no pair was found."""
    # Contrasts have no hash: the results that they come from are the key.
    return results.cached(_compute_answers, results)


def _compute_answers(results: Results) -> dict[str, Answer]:
    found = {}
    for name, rows in _contrasts(results).items():
        for answer in answers_of(results.study, name, rows):
            found[name] = answer
    return found


def conclusions(results: Results) -> list[Conclusion]:
    """Return per setting which value leads in matched pairs, else its scores by value.

    The settings of the largest effects come first.
    """
    if results.study.trials.empty:
        return []
    contrasts, answers = _contrasts(results), own_answers(results)
    order = sorted(answers, key=lambda name: -phrases.size(contrasts[name]))
    leading = [_effects_of(results, name, contrasts[name], answers[name]) for name in order]
    failed = [one for name in order for one in _failed(name, contrasts[name])]
    table = rows_of(OtherSettingRow, results.cached(responses, results.study))
    by_value = [
        one
        for name in other_settings(results.study)
        if name not in answers
        for one in _by_value(results, name, [row for row in table if row.setting == name])
    ]
    return [*leading, *failed, *by_value]


def _effects_of(
    results: Results, name: str, contrasts: list[Contrast], answer: Answer
) -> Conclusion:
    """Return which value leads in matched pairs, with its effects."""
    shown = [row for row in contrasts if answer.leader in (None, row.first, row.second)]
    if all(row.is_open for row in shown):
        # What other values are found to do is conclusive; else the table alone has it, as lists
        # may be long.
        shown += [row for row in contrasts if not row.is_open and row not in shown]
    amount = f"{number(answer.amount)} {label(answer.axis)}"
    score = score_name(results.study)
    effects = "; ".join(_effect(row, score) for row in shown if row.effect.n)
    basis = f"at {amount}, {phrases.equal_amount(results.study)}, in matched pairs {effects}"
    basis += f"{phrases.together(shown)}. Matched on {_matched_on(shown)}, paired by seed."
    basis += f"{phrases.generality(shown)}{phrases.within_margin(shown)}"
    if answer.not_compared:
        missing = _listed(answer.not_compared)
        basis += f" Not compared for want of pairs: {name} = {missing}."
    is_open = not answer.ahead_of and not answer.equal_to
    exploratory = phrases.exploratory(contrasts)
    if is_open and exploratory:
        brief = None
    elif is_open:
        brief = _open_in_short(name, answer, contrasts, score)
    else:
        brief = _in_short(name, answer, shown, score)
    return Conclusion(
        claim=f"{_claim(name, answer)}:",
        basis=basis,
        first=True,
        exploratory=exploratory,
        brief=brief,
        # Where nothing is conclusive, its comparisons are questions of the list one by one.
        open=Open() if is_open and all(row.is_open for row in shown) else None,
    )


def _matched_on(contrasts: list[Contrast]) -> str:
    return ", ".join(contrasts[0].matched_on) or "nothing, as nothing else was searched"


def _listed(values: list[object]) -> str:
    return listed([label(value) for value in values])


def _few(differences: dict[str, float]) -> str:
    """Return the largest differences by what they say, and how many there are beside them."""
    largest = sorted(differences, key=lambda text: -abs(differences[text]))
    rest = len(largest) - MOST_TOLD
    return "; ".join(largest[:MOST_TOLD]) + (f"; and {rest} smaller ones" if rest > 0 else "")


def _claim(name: str, answer: Answer) -> str:
    clauses = []
    if answer.ahead_of:
        clauses.append(f"better than {_listed(answer.ahead_of)}")
        if answer.within_margin:
            clauses[0] += f" (than {_listed(answer.within_margin)} by less than the margin)"
    if answer.equal_to:
        clauses.append(f"practically equal to {_listed(answer.equal_to)}")
    if not clauses:
        return f"Which {name} is best is inconclusive"
    if answer.not_separated:
        clauses.append(f"inconclusive against {_listed(answer.not_separated)}")
    return f"{name} = {label(answer.leader)} is {'; '.join(clauses)}"


def _effect(row: Contrast, score: str) -> str:
    values = f"{label(row.first)} against {label(row.second)}"
    within = f"; {phrases.decision(row)}" if row.within_margin else ""
    return (
        f"{values}: {phrases.wins(row)}{score} {phrases.effect(row)} ({phrases.pairs(row)}{within})"
    )


def _in_short(name: str, answer: Answer, contrasts: list[Contrast], score: str) -> Brief:
    """Return the answer with its largest effect, behind those of k and the remedies."""
    conclusive = answer.ahead_of or answer.equal_to
    own = [row for row in contrasts if answer.leader in (row.first, row.second)]
    own = [row if row.first == answer.leader else row.reversed() for row in own]
    largest, *_ = phrases.largest_first(row for row in own if row.second in conclusive)
    verb = "better than" if answer.ahead_of else "practically equal to"
    start = f"{name} = {label(answer.leader)} is {verb} {label(largest.second)}"
    little = " (less than the margin)" if largest.second in answer.within_margin else ""
    effect = f"{score} {phrases.effect(largest)}{little}"
    amount = f"{number(answer.amount)} {label(answer.axis)}"
    text = fitting(f"{start} at {amount}: {effect}.", f"{start}: {effect}.")
    if phrases.exploratory(own):
        return Brief(text, Rank.EFFECT)
    size = abs(largest.worse_by) if answer.ahead_of else 0.0
    return Brief(text, Rank.EFFECT, size, question=name)


def _open_in_short(name: str, answer: Answer, contrasts: list[Contrast], score: str) -> Brief:
    """Return that a factor of the design is inconclusive, with what is nearest to an answer."""
    amount = f"{number(answer.amount)} {label(answer.axis)}"
    which = f"Which {name} is best at {amount} is inconclusive"
    nearest = phrases.nearest_to_answer(contrasts)
    if nearest is None:
        return Brief(f"{which}.", Rank.OPEN, question=name)
    pair = f"{label(nearest.first)} against {label(nearest.second)}"
    text = fitting(f"{which}; nearest is {pair}: {score} {phrases.effect(nearest)}.", f"{which}.")
    return Brief(text, Rank.OPEN, question=name)


def _failed(name: str, contrasts: list[Contrast]) -> list[Conclusion]:
    """Return the differences in failed seeds in matched pairs, where these have intervals."""
    fewer, rest = list[str](), dict[str, float]()
    known = [row for row in contrasts if row.failed is not None and row.failed.has_interval]
    for row in known:
        decision, effect = _fails(row)
        first, second = label(row.first), label(row.second)
        if decision == INCONCLUSIVE:
            rest[f"{first} against {second} {effect}"] = row.failed.value if row.failed else 0.0
        else:
            fewer.append(
                f"{name} = {first} has {decision} failed seeds than {name} = {second}, {effect}"
            )
    if not known:
        return []
    if not fewer:
        unknown = Open(f"which {name} has fewer failed seeds", observed=_few(rest))
        claim = f"Which {name} has fewer failed seeds is inconclusive:"
        basis = f"in matched pairs {_few(rest)}{phrases.together(known)}."
        return [Conclusion(claim, basis, exploratory=True, open=unknown)]
    basis = f"Inconclusive: {_few(rest)}{phrases.together(known)}." if rest else ""
    return [Conclusion(f"{'; '.join(fewer)}.", basis, exploratory=True)]


def _fails(row: Contrast) -> tuple[str, str]:
    """Return whether the first value has fewer or more failed seeds, and by how much."""
    if row.failed is None:
        return INCONCLUSIVE, ""
    effect = f"{phrases.points(row.failed)} ({phrases.pairs(row)})"
    return row.failed.decide("fewer", "more"), effect


def _by_value(results: Results, name: str, rows: list[OtherSettingRow]) -> list[Conclusion]:
    """Return the median score by group, of a setting of which nothing is matched."""
    # At the amount that all trials reached, the first one: who went on was chosen.
    first = [row for row in rows if row.evaluation == rows[0].evaluation and row.configurations]
    if len(first) < 2:
        return []
    parts = [
        f"{with_interval(row.median)} at {row.value} ({count(row.configurations, 'configuration')})"
        for row in first
    ]
    at = f"{number(first[0].progress)} {unit(results.study)}"
    claim = f"Median {score_name(results.study)} by {name} at {at}: {'; '.join(parts)}."
    basis = f"95% intervals {ON_THESE_SEEDS}; these groups are not matched on their other settings."
    return [Conclusion(claim, basis, exploratory=True)]


def blocks(results: Results) -> list[Block]:
    """Return score and failed seeds by value of each setting, and the matched effects."""
    names = other_settings(results.study)
    table = results.cached(responses, results.study)
    if table.empty:
        return []
    score, matched = score_name(results.study), effects(results.contrasts.others)
    title = f"{score} and failed seeds by value of each other setting"
    shown = [block for i, name in enumerate(names) for block in _figures(results, name, i)]
    return [
        Note(NOTE),
        *(shown[:1] if len(names) == 1 else [Fold(f"By value: {', '.join(names)}", shown)]),
        Table("other_settings", table, title, folded=True),
        Table(
            "other_setting_effects",
            matched,
            "Every two values of each other setting",
            EFFECTS,
            folded=True,
        ),
    ]


def _figures(results: Results, setting: str, index: int) -> list[Block]:
    """Return the figures of score and failed seeds of one setting, side by side."""
    made = values_of(results, setting)
    if made.empty:
        return []
    study = results.study
    axis, measure = as_text(unit(study)), study.objective.measure
    # Any text can be the name of an imported setting, and these become identifiers of the page.
    stem = f"setting{index + 1}_{re.sub(r'[^A-Za-z0-9]+', '_', setting)}"
    groups = f"each of {made[setting].nunique()} groups of {setting}."
    score = figures.by_setting(made, setting, ScoreAxes(measure, axis, study.floor.get(measure)))
    alt = f"Median {score_name(study)} for {groups}"
    shown = [Figure(f"{stem}_score", score, as_text(setting), alt)]
    if made["failed_share"].notna().any():
        failed = figures.failed_by_setting(made, setting, axis)
        alt = f"Share of failed seeds for {groups}"
        shown.append(Figure(f"{stem}_failed", failed, as_text(setting), alt))
    return [Pair(shown)]


NOTE = (
    "By value, or by third of a range: the median over configurations of the median over seeds, "
    f"and the share of failed seeds, each with its 95% interval {ON_THESE_SEEDS}; none below "
    f"{MIN_CONFIGURATIONS} configurations, and no share before evaluation "
    f"{Verdict.COLLAPSED.earliest}. These groups are not matched on their other settings; the "
    "comparisons of values below are."
)
EFFECTS = (
    "Of settings with few values, in pairs matched on the other settings and paired by seed, the "
    "value that looks better first. Each setting is a family of its own, whose intervals hold "
    "together (Bonferroni), for other settings and other seeds than the study's. None of these "
    "families is the primary one, in a design neither."
)
