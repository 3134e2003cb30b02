"""Which configuration is recommended, how good it is, and how far that may be trusted."""

from __future__ import annotations

from typing import Any

from ganstudy.analysis.formatting import absent, count, number, rows
from ganstudy.analysis.frames import selection
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.blocks import Block, Results, Table
from ganstudy.analysis.report.phrases import Conclusion, Tile, settings
from ganstudy.analysis.report.sections import confirm
from ganstudy.analysis.tables import search
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.mlflow_tags import Tag
from ganstudy.trials.results.records import TrialState

NAME, TITLE = "best", "Best configurations of the search"


def blocks(results: Results) -> list[Block]:
    """The leaders."""
    name = MEASURES[results.study.objective.measure].label
    note = (
        f"Complete trials within the study's constraints. {name} and recall are medians over seeds at the last "
        f"evaluation; lowest and highest are the {name} of single seeds; fewest modes is the least that any covers."
    )
    best = results.of(search.best, results.study)
    return (
        [Table("best", best.dropna(axis=1, how="all"), "The best configurations", note)]
        if len(best)
        else []
    )


def conclusions(results: Results) -> list[Conclusion]:
    """The recommendation, or why there is none."""
    study = results.study
    if study.trials.empty:
        return []
    winners = rows(results.of(search.best, study))
    return [_best(results, winners[0]) if winners else _none_recommended(study)]


def _best(results: Results, winner: dict[str, Any]) -> Conclusion:
    study = results.study
    measure, _ = study.objective
    name = MEASURES[measure].label
    candidates = int(results.of(selection.ranked, study)["candidate"].sum())
    spread = f"{number(winner['lowest'])} to {number(winner['highest'])}"
    if winner["diverged"]:
        spread += f", {count(winner['diverged'], 'seed')} diverged"
    alone = winner["num_seeds"] == 1
    median = (
        "on a single seed" if alone else f"the median of {winner['num_seeds']} seeds ({spread})"
    )
    claim = f"Best configuration (trial {winner['number']})"
    claim += f": {described}. " if (described := settings(study, winner)) else ". "
    claim += f"{name} {number(winner[measure])}, {median}"
    floor = (
        f"real against real scores {number(study.floor[measure])}" if measure in study.floor else ""
    )
    claim += f"; {floor} at the same n." if floor else "."
    counted = study.mode_names and not absent(winner["fewest_modes"])
    basis = [f"{_modes(winner, len(study.mode_names))}."] if counted else []
    fresh = confirm.quoted(results) is not None
    how = "" if Tag.IMPORTED in study.tags else ", as [confirm] in the study file does"
    if candidates > 1:
        advice = (
            "quote what fresh seeds say of it, above."
            if fresh
            else f"train it again on fresh seeds before quoting it{how}."
        )
        basis.append(
            f"It is the best of {candidates} complete trials within the constraints, and being chosen flatters a "
            f"score: {advice}"
        )
    note = "a single seed" if alone else f"median of {winner['num_seeds']} seeds, {spread}"
    tile = Tile(f"Best {name}", number(winner[measure]), f"{note}; {floor}" if floor else note)
    return Conclusion(claim, " ".join(basis), first=not fresh, tile=tile)


def _modes(winner: dict[str, Any], known: int) -> str:
    every = "Every seed covers" if winner["num_seeds"] > 1 else "It covers"
    if winner["diverged"]:
        every = "Every other seed covers"
    fewest = int(winner["fewest_modes"])
    return (
        f"{every} all {known} modes"
        if fewest == known
        else f"{every} at least {fewest} of {known} modes"
    )


def _none_recommended(study: Study) -> Conclusion:
    claim = "No configuration can be recommended: "
    complete = int((study.trials["state"] == TrialState.COMPLETE).sum())
    measure, _ = study.objective
    name = MEASURES[measure].label
    tile = Tile(f"Best {name}", "none", "no complete trial within the constraints")
    if not complete:
        return Conclusion(f"{claim}no trial has spent its whole budget.", first=True, tile=tile)
    claim += f"of {count(complete, 'trial')} that ran to the end, none has a score within the study's constraints"
    claim += f" ({limits})." if (limits := _limits(study)) else "."
    basis = ""
    for trial in rows(search.nearest(study)):
        basis = (
            f"Nearest to it: trial {trial['number']} ({settings(study, trial)}), which lost "
            f"{trial[selection.FAILED]} of "
            f"{trial['num_seeds']} seeds; {name} {number(trial['objective'])}."
        )
    return Conclusion(claim, basis, first=True, tile=tile)


def _limits(study: Study) -> str:
    require = study.spec.get("objective", {}).get("require", {})
    none = " or ".join(name for name, limit in require.items() if not limit)
    some = [f"at most {count(limit, 'seed')} {name}" for name, limit in require.items() if limit]
    return ", ".join([*([f"no seed {none}"] if none else []), *some])
