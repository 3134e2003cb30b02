"""Samples of single seeds: which are shown, and that they are cut out of the right place."""

from __future__ import annotations

import dataclasses
import io
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report import samples
from ganstudy.analysis.report.blocks import Results
from ganstudy.analysis.tables.configurations.shown_samples import (
    median_seed,
    seeds_best_first,
    worst_seed,
)
from ganstudy.trials.results.records import NEAREST_KEY, REAL_SAMPLES_FILE, SAMPLES_KEY
from ganstudy.trials.results.sample_layout import GAP, PANEL

SEEDS = 5


def grid(is_images: bool, shift: int = 0) -> bytes:
    """Bands of 340 x 68 one below another, or panels side by side, each of one grey of its seed."""
    width, height = (340, 68) if is_images else (PANEL, PANEL)
    count = SEEDS - 1
    size = (width, SEEDS * height + GAP * count) if is_images else (
        SEEDS * width + GAP * count,
        height,
    )  # fmt: skip
    whole = Image.new("RGB", size, "white")
    for seed in range(SEEDS):
        place = (0, seed * (height + GAP)) if is_images else (seed * (width + GAP), 0)
        whole.paste((40 * seed + shift,) * 3, (*place, place[0] + width, place[1] + height))
    stream = io.BytesIO()
    whole.save(stream, "png")
    return stream.getvalue()


@pytest.fixture
def study(study_over_time, tmp_path) -> Study:
    """Two trials of five seeds with pictures; of the second seed 2 collapsed and seed 4 diverged."""
    scores = np.array([[30.0, 10, 50, 20, 40], [300, 100, 5, 200, np.nan]])
    verdicts = np.full((2, SEEDS, 1), "unsettled", dtype=object)
    verdicts[1, 2] = "collapsed"
    made = study_over_time(scores[:, :, None], verdicts, k=[1, 2])
    files = {
        f"images/{SAMPLES_KEY}+step+0+1+a.png": grid(True, 7),
        f"images/{SAMPLES_KEY}+step+100+1+a.png": grid(True),
        f"images/{NEAREST_KEY}+step+100+1+a.png": grid(True, 3),
        REAL_SAMPLES_FILE: grid(True),
    }

    def download(_run: str, name: str, _folder: str) -> str:
        path = tmp_path / name.replace("/", "_")
        path.write_bytes(files[name])
        return str(path)

    def listed(_run: str, _folder: str) -> list[Any]:
        return [SimpleNamespace(path=name) for name in files if name.startswith("images/")]

    client: Any = SimpleNamespace(list_artifacts=listed, download_artifacts=download)
    return dataclasses.replace(made, _client=client, provenance={"extractor": "e"})


def greys(picture) -> set[int]:
    return set(np.asarray(Image.open(io.BytesIO(picture.data)).convert("L")).ravel().tolist())


def test_seeds_are_ordered_as_runs_are(study: Study) -> None:
    assert [seed.seed for seed in seeds_best_first(study, 0)] == [1, 3, 0, 4, 2]
    # A collapsed seed is worse than any that did not fail, whatever its score; a diverged one is worst.
    assert [seed.seed for seed in seeds_best_first(study, 1)] == [1, 3, 0, 2, 4]
    middle = median_seed(study, 0)
    assert middle is not None and (middle.seed, middle.score) == (0, 30.0)


def test_the_worst_verdict_is_one_that_can_be_looked_at(study: Study) -> None:
    worst = worst_seed(study)
    assert worst is not None and (worst.number, worst.seed, worst.failed) == (1, 2, True)
    verdicts = study.evaluations["verdict"].replace("collapsed", "unsettled")
    only_gone = dataclasses.replace(study, evaluations=study.evaluations.assign(verdict=verdicts))
    worst = worst_seed(only_gone)
    assert worst is not None and (worst.seed, worst.verdict) == (4, "diverged")
    assert math.isnan(worst.score)
    calm = only_gone.only(only_gone.trials["number"] == 0)
    worst = worst_seed(calm)
    assert worst is not None and (worst.seed, worst.failed) == (2, False), "the worst score"


def test_a_configuration_is_shown_by_its_best_median_and_worst_seed(study: Study) -> None:
    made = samples.of_configuration(Results(study), 0)
    assert [picture.caption for picture in made] == [
        "Best seed (unsettled, FID 10)",
        "Median seed (unsettled, FID 30)",
        "Worst seed (unsettled, FID 50)",
        samples.NEAREST,
    ]
    # The last grid, not the first; the nearest images are those of the median seed.
    assert [greys(picture) for picture in made] == [{40}, {0}, {80}, {3}]


def test_points_are_cut_side_by_side(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    points = dataclasses.replace(study, provenance={"extractor": samples.POINTS})
    monkeypatch.setattr(Study, "last_samples", lambda *_: grid(False))
    (picture, *_) = samples.of_configuration(Results(points), 0)
    assert Image.open(io.BytesIO(picture.data)).size == (PANEL, PANEL) and greys(picture) == {40}


def test_the_same_latents_are_claimed_where_they_are_known_to_be(study: Study) -> None:
    assert samples.common_latents(study)
    changed = dataclasses.replace(
        study, origin=dataclasses.replace(study.origin, changes="source changed")
    )
    assert not samples.common_latents(changed), "begun by a version that drew them per seed"

    def no_file(*_: str) -> str:
        raise OSError

    client: Any = SimpleNamespace(list_artifacts=lambda *_: [], download_artifacts=no_file)
    before = dataclasses.replace(study, _client=client)
    assert not samples.common_latents(before)
    assert samples.of_configuration(Results(before), 0) == []
    assert samples.real_picture(Results(before)) == []
