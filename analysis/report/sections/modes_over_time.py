"""Modes over time, for the best configuration and for one seed of each verdict."""

from __future__ import annotations

import io

import pandas as pd
from PIL import Image

from ganstudy.analysis.figures import over_time as over_time_figures
from ganstudy.analysis.figures import search as search_figures
from ganstudy.analysis.formatting import count, rows
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.blocks import (
    Block,
    Figure,
    Heading,
    Note,
    Picture,
    Pictures,
    Results,
    Table,
)
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.report.sections import over_time
from ganstudy.analysis.tables import cycling, failures, search
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import Verdict

NAME, TITLE = "films", "Modes over time"
MOMENTS = 3
"""Sample grids shown per film: the first, the last, and between."""
LARGEST_PNG = 100_000
"""Bytes; larger pictures are carried as JPEG."""


def conclusions(results: Results) -> list[Conclusion]:
    """How many seeds cycle, and whether settings differ in it; the films themselves prove nothing."""
    study = results.study
    if why := over_time.unknown(results):
        return [Conclusion("How many seeds cycled cannot be told from these data:", f"{why}.")]
    table = rows(results.of(cycling.cycling_by, study))
    if not table:
        return []
    row, unit = table[0], over_time.axis(results)
    n = f"{count(row['num_seeds'], 'seed')} of {count(row['configurations'], 'configuration')}"
    returned = (
        f" The dominant mode had come back at least once in {over_time.percent(row, 'returned')}."
        if row["configurations_with_modes"]
        else " Modes were not counted, so nothing is known of their return."
    )
    made = [
        Conclusion(
            f"{over_time.percent(row, 'cycling')} of the seeds were cycling at {row['progress']:g} {unit}, the last "
            "moment that every ended trial reached.",
            f"Of {n}, with configurations as the unit of the interval.{returned}",
        )
    ]
    tests = results.of(failures.survival_tests, study, kinds=(Verdict.CYCLING,))
    events = int(tests["events"].max()) if len(tests) else 0
    claim, basis = over_time.tested(
        tests, "how soon they cycle", f"{count(events, 'seed')} cycling at the end"
    )
    return [*made, Conclusion(claim, basis)] if claim else made


def blocks(results: Results) -> list[Block]:
    """A film of the modes, how they moved, and samples at a few moments, for each typical seed;
    cycling by setting.
    """
    study, made = results.study, list[Block]()
    courses = results.of(cycling.cycling_trajectories, study)
    for row in search.typical_seeds(study).to_dict("records"):
        number, seed = int(row["number"]), int(row["seed"])
        title = f"{row['verdict']}: trial {number}, seed {seed} ({row['why']})"
        film = search.mode_shares(study, number, seed)
        shown: list[Block] = []
        if film.size:
            alt = f"Share of the samples in each of {len(film)} modes at {film.shape[1]} moments; {title}."
            figure = search_figures.mode_film(film, study.mode_names)
            shown.append(Figure(f"film_{number}_{seed}", figure, "", alt))
        course = courses[(courses["number"] == number) & (courses["seed"] == seed)]
        if course[list(cycling.MOVES)].notna().any(axis=None):
            shown.append(_moves(results, course, title))
        if pictures := _pictures(study, number):
            shown.append(Pictures(pictures))
        made += [Heading(title), *shown] if shown else []
    by = [
        Table(f"cycling_{setting}", table, f"Cycling by {setting}", BY, folded=True)
        for setting in over_time.split_by(results)
        if not over_time.unknown(results)
        and len(table := results.of(cycling.cycling_by, study, setting))
    ]
    if not made:
        return [*by]
    name = MEASURES[study.objective.measure].label
    note = (
        "Which modes a seed draws from, evaluation by evaluation, and samples of all its trial's seeds (one band or "
        "panel each, in the order of the seeds) from latents that never change. First the median seed of the best "
        f"configuration, then one example per verdict, of median {name} among the longest trials."
    )
    moved = Table(
        "cycling_trajectories", courses, "How the modes of these seeds moved", folded=True
    )
    return [Note(note), *made, *by, moved]


def _moves(results: Results, course: pd.DataFrame, title: str) -> Figure:
    number, seed = int(course["number"].iloc[0]), int(course["seed"].iloc[0])
    drawn = over_time_figures.moves(course, over_time.axis(results))
    alt = f"Movement, hidden coverage, switches and returns of the modes at {len(course)} moments; {title}."
    return Figure(f"moves_{number}_{seed}", drawn, MOVES, alt)


MOVES = (
    "Above: the share of the samples that moved to other modes since the evaluation before. Below: how often the "
    "dominant mode has changed, how often one came back, and how many effective modes the last evaluations together "
    "cover beyond this one (hidden coverage: made, then forgotten). "
    "Red crosses: the verdict was a lost one."
)
BY = (
    "At the last moment that every ended trial reached, and at the end, where only those arrive that were not stopped "
    "before. cycling: share of seeds whose verdict was cycling then; returns and switches: so far; returned: share of "
    "seeds with at least one return."
)


def _pictures(study: Study, number: int) -> list[Picture]:
    grids = study.sample_grids(number)
    steps = sorted(grids)
    if not steps:
        return []
    moments = sorted({steps[round(i * (len(steps) - 1) / (MOMENTS - 1))] for i in range(MOMENTS)})
    return [
        Picture(
            *_carried(grids[step]),
            f"{step} generator steps",
            f"samples after {step} generator steps, trial {number}",
        )
        for step in moments
    ]


def _carried(png: bytes) -> tuple[bytes, str]:
    if len(png) <= LARGEST_PNG:
        return png, "image/png"
    stream = io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").save(stream, "jpeg", quality=88)
    return stream.getvalue(), "image/jpeg"
