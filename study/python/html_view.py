"""A study as HTML for notebooks: the answer, samples, the forest plot. It needs no script and no network."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from ganstudy.analysis.formatting import count
from ganstudy.analysis.report.blocks import Results
from ganstudy.analysis.report.templates import template_environment
from ganstudy.study.errors import UserError
from ganstudy.study.python.forest import forest_picture
from ganstudy.trials.results.records import OWN_SEEDS, Stage, Verdict
from ganstudy.trials.results.roles import has_role, twin_of

if TYPE_CHECKING:
    from PIL.Image import Image

    from ganstudy.analysis.frames.study import Study
    from ganstudy.analysis.tables.configurations.best_configuration import BestConfiguration

TALLEST = 180
"""Pixels of a picture in the view; larger ones are shown smaller."""


@dataclass(frozen=True)
class ShownStudy:
    """What the view shows of a study."""

    study: Study
    sentences: list[str]
    best: BestConfiguration | None
    samples: Callable[[int], dict[int, Image]]
    """Returns the pictures of a trial's samples by seed; raises UserError where there are none."""


@dataclass(frozen=True)
class ShownSamples:
    """Samples of one seed, and whose they are."""

    uri: str
    caption: str


def view(shown: ShownStudy, results: Results) -> str:
    """Return the HTML of a study."""
    templates = template_environment("ganstudy.study.python")
    return templates.get_template("study.html.jinja").render(
        study=shown.study,
        sentences=shown.sentences,
        stages=_stages(shown.study),
        samples=_samples(shown),
        forest=forest_picture(results),
        tallest=TALLEST,
    )


def _stages(study: Study) -> str:
    if study.trials.empty:
        return "no trial published yet"
    counts = study.trials["stage"].value_counts(sort=False)
    return ", ".join(f"{stage}: {count(int(n), 'trial')}" for stage, n in counts.items())


def _samples(shown: ShownStudy) -> list[ShownSamples]:
    """Return samples of the best, of its twin, and of a seed with the worst verdict."""
    wanted: list[tuple[int, int, str]] = []
    if shown.best is not None:
        number, seed = shown.best.number, shown.best.default_seed
        wanted.append((number, seed, "the best, its median seed"))
        if (twin := _twin(shown.study, number)) is not None:
            wanted.append((twin, seed, "the same without remedies"))
    if worst := _worst(shown.study):
        wanted.append(worst)
    found = [_picture(shown, *each) for each in wanted]
    return [picture for picture in found if picture is not None]


def _picture(shown: ShownStudy, number: int, seed: int, what: str) -> ShownSamples | None:
    try:
        picture = shown.samples(number).get(seed)
    except UserError:  # imported studies have none, and a server may have lost them
        return None
    if picture is None:
        return None
    return ShownSamples(_uri(picture), f"{what} (trial {number}, seed {seed})")


def _twin(study: Study, number: int) -> int | None:
    """Return the twin of a confirm trial: the same configuration with its remedies off."""
    trials = study.of_stage(Stage.CONFIRM).trials.to_dict("records")
    of = next((row["confirms"] for row in trials if row["number"] == number), None)
    if of is None or pd.isna(of):
        return None
    twins = [int(row["number"]) for row in trials if has_role(row["role"], twin_of(int(of)))]
    return twins[0] if twins else None


def _worst(study: Study) -> tuple[int, int, str] | None:
    """Return a failed seed with what it did, collapse first; a diverged one has no samples to show."""
    seeds = study.of_stage(*OWN_SEEDS).seeds
    if seeds.empty:
        return None
    for verdict in (Verdict.COLLAPSED, Verdict.CYCLING):
        rows = seeds[(seeds["verdict"] == verdict.value) & seeds["finite"].astype(bool)]
        if len(rows):
            first = rows.iloc[0]
            return int(first["number"]), int(first["seed"]), f"a seed that {verdict.past}"
    return None


def _uri(picture: Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
