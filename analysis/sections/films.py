"""Modes over time, for the best configuration and for one seed of each verdict."""

from __future__ import annotations

import io

from PIL import Image

from analysis import figures, tables
from analysis.load import Study
from analysis.page import Block, Evidence, Figure, Heading, Note, Picture, Pictures
from analysis.wording import Said
from trials.catalogue import MEASURES

NAME, TITLE = "films", "Modes over time"
MOMENTS = 3
"""Sample grids shown per film: the first, the last, and between."""
LARGEST_PNG = 100_000
"""Bytes; larger pictures are carried as JPEG."""


def said(evidence: Evidence) -> list[Said]:
    """Examples prove nothing."""
    return []


def blocks(evidence: Evidence) -> list[Block]:
    """A film of the modes, and samples at a few moments, for each typical seed."""
    study = evidence.study
    made: list[Block] = []
    for row in tables.typical_seeds(study).to_dict("records"):
        number, seed = int(row["number"]), int(row["seed"])
        title = f"{row['verdict']}: trial {number}, seed {seed} ({row['why']})"
        film = tables.mode_film(study, number, seed)
        shown: list[Block] = []
        if film.size:
            alt = f"Share of the samples in each of {len(film)} modes at {film.shape[1]} moments; {title}."
            figure = figures.mode_film(film, study.mode_names)
            shown.append(Figure(f"film_{number}_{seed}", figure, "", alt))
        if pictures := _pictures(study, number):
            shown.append(Pictures(pictures))
        made += [Heading(title), *shown] if shown else []
    if not made:
        return []
    name = MEASURES[tables.objective(study)[0]].label
    note = (
        "Which modes a seed draws from, evaluation by evaluation, and samples of all its trial's seeds (one band or "
        "panel each, in the order of the seeds) from latents that never change. First the median seed of the best "
        f"configuration, then one example per verdict, of median {name} among the longest trials."
    )
    return [Note(note), *made]


def _pictures(study: Study, number: int) -> list[Picture]:
    grids = study.sample_grids(number)
    steps = sorted(grids)
    if not steps:
        return []
    moments = sorted({steps[round(i * (len(steps) - 1) / (MOMENTS - 1))] for i in range(MOMENTS)})
    return [
        Picture(
            *_carried(grids[step]), f"{step} generator steps", f"samples after {step} generator steps, trial {number}"
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
