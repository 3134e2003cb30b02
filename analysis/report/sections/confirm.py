"""The search's findings on fresh seeds: the numbers to quote."""

from __future__ import annotations

import math
from dataclasses import replace

import pandas as pd

from ganstudy.analysis.figures import confirm as figures
from ganstudy.analysis.formatting import absent, count, label, listed, number, p_value
from ganstudy.analysis.frames import selection
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report import phrases
from ganstudy.analysis.report.blocks import Block, Figure, Heading, Pictures, Results, Table
from ganstudy.analysis.report.early_effects import short_lived
from ganstudy.analysis.report.exact_test import tested
from ganstudy.analysis.report.phrases import (
    Brief,
    Conclusion,
    Open,
    Rank,
    fitting,
    score_name,
    settings,
    with_interval,
)
from ganstudy.analysis.report.publication import FILES
from ganstudy.analysis.report.samples import of_configuration
from ganstudy.analysis.stats.estimate import Estimate
from ganstudy.analysis.tables.configurations import confirm as tables
from ganstudy.analysis.tables.configurations.confirm import ConfirmedConfiguration
from ganstudy.analysis.tables.configurations.search_optimism import (
    optimism_of_search,
    search_optimism,
)
from ganstudy.analysis.tables.effects.confirmed_contrasts import (
    Against,
    ConfirmedContrast,
    best_without_remedies,
    confirmed_comparisons,
)
from ganstudy.trials.results.records import FAILURES, Verdict
from ganstudy.trials.results.roles import BEST, has_role

TITLE = "Confirmed on fresh seeds"
# 1 - 2^(1 - n), the level from smallest to largest, passes few_seeds.MIN_LEVEL at five.
FEWEST_SEEDS = 5
"""For an interval of a median over fresh seeds."""


def quoted(results: Results) -> ConfirmedConfiguration | None:
    """Return the confirmed configuration to quote; None before the stage got so far."""
    found = results.cached(tables.confirmed_configurations, results.whole)
    return tables.first_choice(results.whole, found)


def conclusions(results: Results) -> list[Conclusion]:
    """Return the score to quote with what its remedies do, and what those of others do."""
    choice = quoted(results)
    found = []
    if choice:
        name = score_name(results.whole)
        found = [
            _conclusion(results, choice),
            *_exploratory_twin(results, choice, name),
            *_best_without(results, choice, name),
        ]
    others = [
        contrast
        for contrast in results.contrasts.confirmed
        if choice is None or contrast.number != choice.number
    ]
    return [*found, *short_lived(results), *_other_twins(results, others)]


def _other_twins(results: Results, others: list[ConfirmedContrast]) -> list[Conclusion]:
    """Return what remedies do that the first choice has not, each from a twin of its own."""
    name = score_name(results.whole)
    return [
        Conclusion(
            tested(row, name),
            f"At the settings of {row.contrast.at}.",
            exploratory=phrases.exploratory([row.contrast]),
            open=listed_below(row),
        )
        for row in others
    ]


def listed_below(found: ConfirmedContrast) -> Open | None:
    """Return what hides an inconclusive comparison here: the list of those has it."""
    return Open() if found.contrast.is_open else None


def _conclusion(results: Results, choice: ConfirmedConfiguration) -> Conclusion:
    study = results.whole
    name, floor = score_name(study), study.floor.get(study.objective.measure)
    seeds = count(choice.num_seeds, "fresh seed")
    over = "on" if choice.num_seeds == 1 else "the median of"
    chosen = (
        "the search's first choice"
        if has_role(choice.role, BEST)
        else "the nearest to the constraints, which none satisfied"
    )
    described = f": {text}" if (text := settings(study, choice.settings)) else ""
    claim = f"Confirmed on fresh seeds: {name} {_with_level(choice.score)}, {over} {seeds}. "
    claim += f"Trial {choice.confirms}, {chosen}{described}"
    if floor is not None:
        claim += f"; real against real scores {number(floor)} at the same n"
    parts = [
        f"{choice.failed or 'None'} of {seeds} {FAILURES}.",
        *_remedies(results, choice, name),
        *_optimism(results, choice, name),
    ]
    if math.isnan(choice.score.low):
        parts.insert(0, f"Below {FEWEST_SEEDS} seeds there is no interval.")
    brief = Brief(_score_in_short(study, choice, name), Rank.SCORE)
    own = _own_contrast(results, choice)
    # Where it is a finding to be marked, it stands by itself: see _exploratory_twin.
    is_planned = own is not None and not phrases.exploratory([own.contrast])
    also = _twin_in_short(results, own, name) if own is not None and is_planned else None
    return Conclusion(f"{claim}.", " ".join(parts), first=True, brief=brief, also=also)


def _score_in_short(study: Study, choice: ConfirmedConfiguration, name: str) -> str:
    over = "on a single fresh seed"
    if choice.num_seeds > 1:
        over = f"the median of {choice.num_seeds} fresh seeds"
    score = f"has {name} {_with_level(choice.score)}, {over}"
    failed = f"{choice.failed or 'none'} failed"
    named = f"The chosen trial {choice.confirms}"
    in_brackets = phrases.in_short(study, choice.settings)
    floor = study.floor.get(study.objective.measure)
    short = []
    if floor is not None:
        # A score alone shows nobody how far it is from that of real data.
        real = f"{_with_level(choice.score, '')} (real {number(floor)})"
        short = [f"{named}{in_brackets} has {name} {real}, {over.removeprefix('the ')}; {failed}."]
    return fitting(
        *short,
        f"{named}{in_brackets} {score}; {failed}.",
        f"{named} {score}; {failed}.",
    )


def _with_level(score: Estimate, word: str = " interval") -> str:
    # Order statistics have only certain levels: the one that is kept is rarely exactly 95%.
    if math.isnan(score.low):
        return number(score.value)
    ends = f"{number(score.low)}, {number(score.high)}"
    return f"{number(score.value)} [{ends}; {100 * score.level:.3g}%{word}]"


def _own_contrast(results: Results, choice: ConfirmedConfiguration) -> ConfirmedContrast | None:
    found = results.contrasts.confirmed
    return next((one for one in found if one.number == choice.number), None)


def _exploratory_twin(
    results: Results, choice: ConfirmedConfiguration, name: str
) -> list[Conclusion]:
    """Return what the remedies of the first choice do, where that is a finding to be marked.

    So it is beside a design, whose comparisons are the primary ones.
    """
    found = _own_contrast(results, choice)
    if found is None or not phrases.exploratory([found.contrast]):
        return []
    brief = _twin_in_short(results, found, name)
    twin = Conclusion(tested(found, name), first=True, exploratory=True, brief=brief)
    return [replace(twin, open=listed_below(found))]


def _twin_in_short(results: Results, found: ConfirmedContrast, name: str) -> Brief | None:
    """Return what remedies do on fresh seeds, in short; None where another sentence says it."""
    contrast = found.contrast
    if found.against is not Against.TWIN or any(short_lived(results)):
        return None
    first, seeds = label(contrast.first), count(contrast.effect.n, "fresh seed")
    decision = phrases.decision(contrast)
    decision += "" if contrast.is_open else " than without" if contrast.better else " to without"
    numbers = f"{name} {phrases.effect(contrast)}"
    start = phrases.sentence(f"{first} on {seeds}, all else equal, is {decision}")
    text = fitting(
        f"{start}: {numbers} ({p_value(contrast.p_adjusted)}).",
        f"The remedies on {seeds}, all else equal, are {decision}: {numbers}.",
    )
    if contrast.is_open:
        return Brief(text, Rank.OPEN)
    return Brief(text, Rank.EFFECT, abs(contrast.worse_by))


def _remedies(results: Results, choice: ConfirmedConfiguration, name: str) -> list[str]:
    """Say what the remedies of the first choice do: from its twin, and from nothing else."""
    if found := _own_contrast(results, choice):
        return [] if phrases.exploratory([found.contrast]) else [tested(found, name)]
    if not _has_remedies(results, choice):
        return ["It has no remedy."]
    return [
        "The effect of its remedies is not estimated: its twin, the same without them and all else equal, "
        "has no score on fresh seeds."
    ]


def _has_remedies(results: Results, choice: ConfirmedConfiguration) -> bool:
    trials = results.whole.trials
    if "remedies" not in trials:
        return False
    (remedies,) = trials.loc[trials["number"] == choice.number, "remedies"]
    return bool(remedies != selection.NONE)


def _best_without(results: Results, choice: ConfirmedConfiguration, name: str) -> list[Conclusion]:
    """Return how the best without remedies did: two searches side by side, and no effect."""
    study = results.whole
    without = results.cached(best_without_remedies, study)
    if without is None or without.number == choice.number or not _has_remedies(results, choice):
        return []
    others = results.cached(tables.confirmed_configurations, study)
    plain = next(other for other in others if other.number == without.number)
    # Settings that only some remedies have are absent here and no difference of their own.
    unlike = [
        key
        for key, value in choice.settings.items()
        if not absent(value) and value != plain.settings[key]
    ]
    seeds = count(plain.num_seeds, "fresh seed")
    sentence = (
        f"The best without remedies, out of {count(without.tried, 'trial')}, has {name} "
        f"{_with_level(plain.score)} (trial {plain.confirms}: {settings(study, plain.settings)}; "
        f"{plain.failed} of its {seeds} failed); this is the best of "
        f"{count(without.tried_with, 'trial')} with remedies"
    )
    because = f"they differ in {listed(unlike)}" if unlike else "each is the best of its own trials"
    if without.tried != without.tried_with:
        because += ", and the more trials there are, the better tuned is the best"
    return [Conclusion(f"{sentence}.", f"That is no effect of remedies: {because}.")]


def _optimism(results: Results, choice: ConfirmedConfiguration, name: str) -> list[str]:
    """Say whether the search's own score was too good, as the best of many scores is."""
    study = results.whole
    for found in results.cached(optimism_of_search, study):
        if found.number != choice.number:
            continue
        optimism = found.optimism
        search = f"The search's own {name} of {number(found.search_score)}"
        if math.isinf(optimism.value):
            return [f"{search} was too good: its median fresh seed diverged."]
        is_ratio = found.scale == "ratio"
        none = 1 if is_ratio else 0
        value = with_interval(optimism)
        fresh = "the fresh median "
        fresh += f"is × {value} of it" if is_ratio else f"differs from it by {value}"
        if math.isnan(optimism.low) or optimism.low <= none <= optimism.high:
            return [
                f"Whether {search[0].lower()}{search[1:]} was too good is inconclusive: {fresh}."
            ]
        too_good = (optimism.value > none) == (study.objective.sign > 0)
        return [f"{search} was {'too good' if too_good else 'not too good'}: {fresh}."]
    return []


def blocks(results: Results) -> list[Block]:
    """Return fresh scores beside the search's, comparisons on the same seeds, and the optimism."""
    study = results.whole
    table = results.cached(tables.confirmed, study)
    if table.empty:
        return []
    columns = [
        "confirms",
        "role",
        "score",
        "score_low",
        "score_high",
        "score_level",
        "num_seeds",
        "failed",
        "search_score",
        *study.searched,
    ]
    compared = confirmed_comparisons(study, results.contrasts.confirmed)
    optimism = results.cached(search_optimism, study)
    return [
        *_figure(results, table),
        Table(
            name="confirmed",
            frame=table,
            title="Confirmed configurations",
            note=CONFIRMED,
            columns=columns,
            texts=FILES,
        ),
        *_samples(results),
        Table(
            name="confirmed_comparisons",
            frame=compared,
            title="On the same fresh seeds",
            note=COMPARISONS,
            columns=COMPARED,
        ),
        Table(
            name="search_optimism",
            frame=optimism,
            title="How much the search's own scores were too good",
            note=OPTIMISM,
            folded=True,
            columns=tables.readable(optimism),
        ),
    ]


def _samples(results: Results) -> list[Block]:
    """Return samples of the first choice and of its twin: the best, the median and the worst seed."""
    choice, made = quoted(results), list[Block]()
    if choice is None:
        return []
    found = _own_contrast(results, choice)
    twin = None if found is None or found.against is not Against.TWIN else found.other
    for name, number_ in (("The first choice", choice.number), ("Its twin", twin)):
        if number_ is not None and (pictures := of_configuration(results, number_)):
            made += [Heading(f"{name} on fresh seeds"), Pictures(pictures)]
    return made


def _figure(results: Results, table: pd.DataFrame) -> list[Figure]:
    if table["score"].isna().all():
        return []
    study, name = results.whole, score_name(results.whole)
    measure = study.objective.measure
    found = results.cached(tables.confirmed_configurations, study)
    named = _twins_below(table.assign(name=[_name(each) for each in found]), results)
    seeds = study.seeds.merge(named[["number", "name"]], on="number")
    verdicts = seeds.get("verdict", Verdict.UNKNOWN.value)
    seeds = seeds.assign(score=seeds[measure].astype(float), verdict=verdicts)
    seeds = seeds[["name", "seed", "score", "verdict"]]
    figure = figures.fresh_scores(named, seeds, measure, study.floor.get(measure))
    alt = f"{name} of {len(table)} configurations on fresh seeds and in the search."
    return [Figure("confirmed", figure, FIGURE, alt)]


def _twins_below(table: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Return the rows with each twin right below the configuration that it is compared with."""
    twins = {
        row.other: row.number
        for row in reversed(results.contrasts.confirmed)
        if row.against is Against.TWIN
    }
    place = {number: i for i, number in enumerate(table["number"])}
    order = table["number"].map(lambda n: (place[twins.get(n, n)], n in twins))
    return table.loc[order.sort_values(kind="stable").index]


def _name(found: ConfirmedConfiguration) -> str:
    trial = found.number if found.confirms is None else found.confirms
    return f"trial {trial}: {label(found.role)}"


COMPARED = [
    "confirms",
    "first",
    "second",
    "effect",
    "low",
    "high",
    "decision",
    "p_holm",
    "num_seeds",
]
FIGURE = (
    "Strokes: single fresh seeds; blue: their median with its interval; diamond: in the search. "
    "Crosses: seeds that failed, those without a score beyond the worst; the search's score is that "
    "of the same configuration on the search's seeds. A twin stands below its configuration."
)
CONFIRMED = (
    "The configurations that the search chose, trained again to the end of the budget on seeds "
    "that it never used; in the order of the search's own scores. The score is the median over "
    f"the fresh seeds, its interval exact at the level in the table (below {FEWEST_SEEDS} seeds "
    "there is none). The one to quote is the search's first choice: the best of the confirmed "
    "would again look too good."
)
COMPARISONS = (
    "A configuration against its twin, which is the same without its remedies and equal in all "
    "else, on the same fresh seeds; without any twin, the search's first choice against its "
    "second. The decision is that of the exact sign-flip test of places, in the order that knows "
    "failure (diverged, collapsed, cycling, then by score), with p_holm corrected for all "
    "comparisons in the table. The effect decides nothing: a ratio is the geometric mean over "
    "seeds, a difference the mean, its interval Student's, which holds alone and if differences "
    "are normal. The best without remedies is not compared: it was tuned by its own trials."
)
OPTIMISM = (
    "Score on fresh seeds divided by the search's own score (or minus it, where the scale is "
    "difference); the last row is over all that were chosen as best."
)
