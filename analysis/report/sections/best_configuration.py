"""The recommended configuration, how good it is, and how far that can be trusted."""

from __future__ import annotations

from typing import Any

from ganstudy.analysis.formatting import absent, count, number, rows
from ganstudy.analysis.frames import selection
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.blocks import Block, Fold, Pictures, Results, Table
from ganstudy.analysis.report.phrases import (
    Brief,
    Conclusion,
    Rank,
    fitting,
    in_short,
    score_name,
    settings,
)
from ganstudy.analysis.report.samples import of_configuration
from ganstudy.analysis.report.sections import confirm
from ganstudy.analysis.tables.configurations import search
from ganstudy.trials.results.records import TrialState, Verdict

TITLE = "Best configurations of the search"
SHOWN = 3
"""Trials with samples."""


def blocks(results: Results) -> list[Block]:
    """Return the table of the best configurations."""
    best = results.cached(search.best, results.study)
    if best.empty:
        return []
    name = score_name(results.study)
    note = (
        f"Complete trials within the study's constraints. {name} and recall are medians over "
        f"seeds at the last evaluation; lowest and highest are the {name} of single seeds; fewest "
        "modes is the smallest number of modes that a seed covers."
    )
    measure = results.study.objective.measure
    first = ["number", measure, "lowest", "highest"]
    columns = [*first, *results.study.searched, *(str(name) for name in best if name not in first)]
    return [
        Table("best", best, "The best configurations", note, columns=list(dict.fromkeys(columns))),
        *_samples(results, best["number"].tolist()[:SHOWN]),
    ]


def _samples(results: Results, numbers: list[int]) -> list[Block]:
    """Return samples of each trial: the best, the median and the worst seed."""
    found = [(number, of_configuration(results, int(number))) for number in numbers]
    shown = [(number, pictures) for number, pictures in found if pictures]
    first: list[Block] = [Pictures(pictures) for _, pictures in shown[:1]]
    others = [Fold(f"Samples of trial {number}", [Pictures(made)]) for number, made in shown[1:]]
    return [*first, *others]


def conclusions(results: Results) -> list[Conclusion]:
    """Return the recommendation, or why there is none."""
    study = results.study
    if study.trials.empty:
        return []
    best = rows(results.cached(search.best, study))
    return [_recommendation(results, best[0]) if best else _no_recommendation(study)]


def _recommendation(results: Results, best: dict[str, Any]) -> Conclusion:
    study = results.study
    measure = study.objective.measure
    name, score = score_name(study), number(best[measure])
    spread = f"{number(best['lowest'])} to {number(best['highest'])}"
    if best["diverged"]:
        spread += f", {count(best['diverged'], 'seed')} diverged"
    median = f"the median of {best['num_seeds']} seeds ({spread})"
    if best["num_seeds"] == 1:
        median = "on a single seed"
    floor = ""
    if measure in study.floor:
        floor = f"real against real scores {number(study.floor[measure])}"
    described = f": {text}" if (text := settings(study, best)) else ""
    claim = f"Best configuration (trial {best['number']}){described}. {name} {score}, {median}"
    claim += f"; {floor} at the same n." if floor else "."
    fresh = confirm.quoted(results) is not None
    basis = []
    if study.mode_names and not absent(best["fewest_modes"]):
        basis.append(f"{_modes(best, len(study.mode_names))}.")
    candidates = int(results.cached(selection.ranked, study)["candidate"].sum())
    if candidates > 1:
        basis.append(
            f"It is the best of {candidates} complete trials{study.qualified}, and being "
            f"chosen as the best makes a score look too good: {_advice(study, fresh)}"
        )
    named = f"Trial {best['number']}"
    best_of = f"has the best {name}, {score}" if candidates > 1 else f"has {name} {score}"
    again = "; being chosen flatters it: confirm it on fresh seeds." if candidates > 1 else "."
    short = fitting(
        f"{named}{in_short(study, best)} {best_of}, of {count(candidates, 'trial')}{study.qualified}{again}",
        f"{named} {best_of}, of {count(candidates, 'trial')}{study.qualified}{again}",
    )
    # The first screen has one score to quote: that on fresh seeds, where there is one.
    brief = None if fresh else Brief(short, Rank.SCORE)
    return Conclusion(claim, " ".join(basis), first=not fresh, brief=brief)


def _advice(study: Study, fresh: bool) -> str:
    if fresh:
        return "quote its score on fresh seeds, above."
    how = "" if study.origin.imported is not None else ", as [confirm] in the study file does"
    return f"train it again on fresh seeds before quoting it{how}."


def _modes(best: dict[str, Any], known: int) -> str:
    # Diverged seeds have no samples to count modes in.
    every = "Every seed covers" if best["num_seeds"] > 1 else "It covers"
    if best["diverged"]:
        every = "Every other seed covers"
    fewest = int(best["fewest_modes"])
    if fewest == known:
        return f"{every} all {known} modes"
    return f"{every} at least {fewest} of {known} modes"


def _no_recommendation(study: Study) -> Conclusion:
    name = score_name(study)
    claim = "No configuration can be recommended: "
    complete = int((study.trials["state"] == TrialState.COMPLETE).sum())
    if not complete:
        claim += "no trial has spent its whole budget."
        return Conclusion(claim, first=True, brief=Brief(claim, Rank.SCORE))
    text = f"{claim}none of {count(complete, 'complete trial')} meets the constraints."
    claim += (
        f"of {count(complete, 'trial')} that ran to the end, none has a score within the study's "
        "constraints"
    )
    claim += f" ({limits})." if (limits := _limits(study)) else "."
    basis = ""
    for trial in rows(search.nearest(study)):
        basis = (
            f"Nearest to it: trial {trial['number']} ({settings(study, trial)}), of which "
            f"{trial[selection.FAILED]} of {trial['num_seeds']} seeds failed; {name} "
            f"{number(trial['objective'])}."
        )
    return Conclusion(claim, basis, first=True, brief=Brief(text, Rank.SCORE))


def _limits(study: Study) -> str:
    constraints = study.constraints
    none = " or ".join(Verdict(name).past for name, limit in constraints.items() if not limit)
    some = [
        f"at most {count(limit, 'seed')} that {Verdict(name).past}"
        for name, limit in constraints.items()
        if limit
    ]
    return ", ".join([*([f"no seed that {none}"] if none else []), *some])
