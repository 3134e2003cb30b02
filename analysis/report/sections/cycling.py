"""Modes over time, for the best configuration and for one seed of each verdict."""

from __future__ import annotations

import math
from typing import Any

from ganstudy.analysis.figures import cycling as figures
from ganstudy.analysis.formatting import count, rows
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report import over_time
from ganstudy.analysis.report.blocks import (
    Block,
    Figure,
    Fold,
    Heading,
    Note,
    Picture,
    Pictures,
    Results,
    Table,
)
from ganstudy.analysis.report.phrases import Conclusion, score_name, share
from ganstudy.analysis.report.samples import embedded
from ganstudy.analysis.tables.configurations import search
from ganstudy.analysis.tables.rows import rows_of
from ganstudy.analysis.tables.trajectories import cycling, failures
from ganstudy.trials.results.records import Verdict

TITLE = "Modes over time"
GRIDS = 3
"""Sample grids shown per seed: the first, the last, and one between."""


def conclusions(results: Results) -> list[Conclusion]:
    """Return how many seeds cycle, and whether settings differ in it."""
    study = results.study
    if unknown := over_time.unknown_verdicts(results):
        return [Conclusion("How many seeds cycled is unknown:", f"{unknown}.")]
    table = rows_of(cycling.CyclingRow, results.cached(cycling.cycling_by, study))
    if not table:
        return []
    row = table[0]
    if math.isnan(row.cycling.value):
        when = f"{row.progress:g} {over_time.axis(results)}, the last time of all ended trials"
        return [
            Conclusion(f"How many seeds cycle is unknown at {when}:", f"{over_time.TOO_EARLY}.")
        ]
    claim = (
        f"{share(row.cycling)} of the seeds were cycling at {row.progress:g} "
        f"{over_time.axis(results)}, the last time that every ended trial reached."
    )
    n = f"{count(row.num_seeds, 'seed')} of {count(row.configurations, 'configuration')}"
    returned = (
        f"The dominant mode had come back at least once in {share(row.returned)}."
        if row.configurations_with_modes
        else "Modes were not counted, so whether one came back is unknown."
    )
    basis = f"Of {n}, with configurations as the unit of the interval. {returned}"
    # Cycling alone as the event: collapsed seeds are not events here.
    tests = results.cached(failures.survival_tests, study, kinds=(Verdict.CYCLING,))
    events = int(tests["events"].max()) if len(tests) else 0
    cycled = f"{count(events, 'seed')} cycling at the end"
    return [Conclusion(claim, basis), *over_time.tested(tests, "seeds cycle", cycled)]


def blocks(results: Results) -> list[Block]:
    """Return what the modes of typical seeds did, then cycling by setting.

    Each typical seed has a heat map of its modes, how they moved, and samples at a few times.
    """
    study = results.study
    tables = _by_setting(results)
    found = [(seed, _seed(results, seed)) for seed in rows(search.typical_seeds(study))]
    found = [(seed, made) for seed, made in found if made]
    if not found:
        return tables
    # In the order of verdicts, so that the worst comes last: that and the best are shown open.
    open_ones = (0, len(found) - 1)
    shown = [
        block
        for place, (seed, made) in enumerate(found)
        for block in (
            [Heading(_title(seed)), *made] if place in open_ones else [Fold(_title(seed), made)]
        )
    ]
    trajectories = results.cached(cycling.cycling_trajectories, study)
    title = "How the modes of these seeds moved"
    moved = Table("cycling_trajectories", trajectories, title, folded=True)
    return [Note(NOTE.format(name=score_name(study))), *shown, *tables, moved]


def _seed(results: Results, typical: dict[str, Any]) -> list[Block]:
    study = results.study
    number, seed = int(typical["number"]), int(typical["seed"])
    title = _title(typical)
    shown: list[Block] = []
    shares = search.mode_shares(study, number, seed)
    if shares.size:
        figure = figures.mode_heatmap(shares, study.mode_names)
        alt = (
            f"Share of the samples in each of {len(shares)} modes at {shares.shape[1]} times; "
            f"{title}."
        )
        shown.append(Figure(f"modes_{number}_{seed}", figure, "", alt))
    trajectories = results.cached(cycling.cycling_trajectories, study)
    own = trajectories[(trajectories["number"] == number) & (trajectories["seed"] == seed)]
    if own[list(cycling.MOVES)].notna().any(axis=None):
        figure = figures.mode_changes(own, over_time.axis(results))
        alt = (
            f"Movement, hidden coverage, switches and returns of the modes at {len(own)} times; "
            f"{title}."
        )
        moves = Figure(f"moves_{number}_{seed}", figure, MOVES, alt)
        shown.append(Fold("How the modes moved", [moves]))
    if pictures := _pictures(study, number):
        shown.append(Pictures(pictures))
    return shown


def _title(typical: dict[str, Any]) -> str:
    number, seed = int(typical["number"]), int(typical["seed"])
    return f"{typical['verdict']}: trial {number}, seed {seed} ({typical['why']})"


def _by_setting(results: Results) -> list[Block]:
    if over_time.unknown_verdicts(results):
        return []
    made: list[Block] = []
    for setting in over_time.split_by(results):
        table = results.cached(cycling.cycling_by, results.study, setting)
        if len(table):
            title = f"Cycling by {setting}"
            made.append(Table(f"cycling_{setting}", table, title, BY_SETTING, folded=True))
    return made


def _pictures(study: Study, number: int) -> list[Picture]:
    grids = study.sample_grids(number)
    steps = sorted(grids)
    if not steps:
        return []
    chosen = sorted({steps[round(i * (len(steps) - 1) / (GRIDS - 1))] for i in range(GRIDS)})
    return [
        Picture(
            *embedded(grids[step]),
            caption=f"{step} generator steps",
            alt=f"samples after {step} generator steps, trial {number}",
        )
        for step in chosen
    ]


NOTE = (
    "Which modes a seed draws from, evaluation by evaluation, and samples of all seeds of its trial. "
    "They are one band or panel each, in the order of the seeds, from latents that never change. "
    "First the median seed of the best configuration, then one example per verdict, of median "
    "{name} among the longest trials."
)
MOVES = (
    "Above: the share of the samples that moved to other modes since the previous evaluation. "
    "Below: how often the dominant mode has changed, how often one came back, and how many "
    "effective modes the last evaluations together cover beyond this one (hidden coverage: made, "
    "then forgotten). Red crosses: the verdict was collapsed, cycling or diverged."
)
BY_SETTING = (
    "At the last time that every ended trial reached, and at the end, which only the trials "
    "reach that were not stopped before. cycling: share of seeds whose verdict was cycling then; "
    "returns and switches: so far; returned: share of seeds with at least one return."
)
