"""A study in Python: rows of its stages told apart, samples by seed, a view without scripts."""

from __future__ import annotations

import dataclasses
import io
import itertools
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ganstudy.analysis.formatting import number
from ganstudy.analysis.report.effects import effects, effects_figure
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home
from ganstudy.study.python.forest import LABELS, VALUES, WIDTH, forest_picture
from ganstudy.study.python.loaded_study import LoadedStudy
from ganstudy.study.python.sample_pictures import by_seed
from ganstudy.trials.training.sample_grid import join_grids


def grid_of(seeds: int, images: bool = True) -> bytes:
    """A sample grid whose seeds have a grey of their own."""
    pictures = []
    for seed in range(seeds):
        picture = Image.new("RGB", (100, 44) if images else (220, 220), (10 * seed + 5,) * 3)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        pictures.append(buffer.getvalue())
    return join_grids(pictures, images)


@pytest.fixture
def loaded(study_over_time, tmp_path: Path, monkeypatch) -> LoadedStudy:
    """A grid of k, rates and remedies, of which the last two trials were confirmed."""
    points = list(itertools.product([1.0, 2.0], np.logspace(-4, -3, 4), ["none", "a_b"]))
    k, lr_d, remedies = (np.array(column) for column in zip(*points, strict=True))
    rng = np.random.default_rng(0)
    final = np.exp(3 - 0.7 * (remedies == "a_b")[:, None] + 0.1 * rng.normal(size=(16, 3)))
    study = study_over_time(
        final[:, :, None] * np.array([4.0, 2.0, 1.0]), k=k, lr_d=lr_d, remedies=remedies
    )
    trials = study.trials.copy()
    trials["stage"] = ["design"] * 2 + ["search"] * 12 + ["confirm"] * 2
    trials["role"] = [""] * 14 + ["twin of trial 3", "best"]
    trials["confirms"] = pd.array([None] * 15 + [3], dtype="Int64")
    trials.loc[14:, ["k", "lr_d"]] = trials.loc[2:3, ["k", "lr_d"]].to_numpy()
    study = dataclasses.replace(study, trials=trials, question="Does <b>it</b> help?")
    monkeypatch.setattr(
        type(study), "sample_grids", lambda self, number: {100: grid_of(3), 300: grid_of(3)}
    )
    return LoadedStudy(study, Home(tmp_path).study("s"))


def test_rows_of_the_stages_are_told_apart(loaded: LoadedStudy) -> None:
    for frame in (loaded.trials, loaded.seeds, loaded.evaluations):
        assert set(frame["stage"]) == {"design", "search", "confirm"}
    assert len(loaded.seeds) == 48 and len(loaded.evaluations) == 144
    assert [len(s.seeds) for s in (loaded.design, loaded.search, loaded.confirm)] == [6, 36, 6]
    assert [len(s.trials) for s in (loaded.design, loaded.search, loaded.confirm)] == [2, 12, 2]
    assert set(loaded.confirm.evaluations["stage"]) == {"confirm"}
    assert repr(loaded) == "<study 'made': 12 of search, 2 of design, 2 of confirm>"


def test_a_study_without_trials_can_be_looked_at(study_over_time, tmp_path: Path) -> None:
    study = study_over_time([[[2.0], [3.0]]])
    empty = LoadedStudy(study.only(study.trials["number"] < 0), Home(tmp_path).study("s"))
    assert "no trial published yet" in repr(empty) and "no trial" in empty._repr_html_()
    assert empty.best is None and empty.forest().data[0].x.size == 0
    with pytest.raises(UserError, match="no complete trial"):
        empty.samples()


@pytest.mark.parametrize("images", [True, False])
@pytest.mark.parametrize("seeds", [1, 2, 3, 8])
def test_every_seed_has_its_own_part_of_the_grid(seeds: int, images: bool) -> None:
    grid = Image.open(io.BytesIO(grid_of(seeds, images)))
    parts = by_seed(grid, list(range(100, 100 + seeds)), images)
    for index, (seed, part) in enumerate(parts.items()):
        assert seed == 100 + index and part.size == ((100, 44) if images else (220, 220))
        assert part.getextrema() == ((10 * index + 5,) * 2,) * 3


def test_samples_are_those_of_the_last_evaluation_unless_asked(loaded: LoadedStudy) -> None:
    assert loaded.best.number == 15 and list(loaded.samples()) == [0, 1, 2]
    assert loaded.samples(3, steps=100)[1].getpixel((0, 0)) == (15, 15, 15)
    with pytest.raises(UserError, match="samples at 100, 300 generator steps"):
        loaded.samples(3, steps=50)
    with pytest.raises(UserError, match="has no trial 99; it has: 0, 1"):
        loaded.samples(99)


def test_the_forest_is_the_reports_own(loaded: LoadedStudy) -> None:
    results = loaded._results
    of_report = effects_figure(results)
    assert of_report is not None and loaded.forest() == of_report.figure
    picture = forest_picture(results)
    assert picture is not None and picture.caption == of_report.caption
    (drawn,) = [trace for trace in of_report.figure.data if trace.customdata is not None]
    assert [mark.label for mark in picture.marks] == [name.replace("<br>", " ") for name in drawn.y]
    assert [mark.label for mark in picture.marks] == [row.label for row in effects(results).rows]


def test_the_forest_has_the_contrasts_on_a_log_axis(loaded: LoadedStudy) -> None:
    results = loaded._results
    rows, picture = effects(results).rows, forest_picture(results)
    labels = [row.label for row in rows]
    assert labels[0] == "a b, fresh seeds" and set(labels[1:]) == {"a b", "k = 1 against 2"}
    (remedy,) = [row for row in rows if row.label == "a b"]
    (contrast,) = results.contrasts.remedies
    assert remedy.contrast is contrast and not remedy.is_fresh
    assert picture is not None and len(picture.marks) == 3
    at = {mark.label: mark for mark in picture.marks}["a b"]
    # Equal ratios are equal lengths: the scale follows from two ticks.
    (x1, t1), (x2, t2) = picture.ticks[0], picture.ticks[-1]
    v1, v2 = float(t1.removeprefix("× ")), float(t2.removeprefix("× "))
    per_unit = (x2 - x1) / math.log(v2 / v1)
    assert at.x == pytest.approx(x1 + per_unit * math.log(contrast.effect.value / v1), abs=0.2)
    assert picture.none == pytest.approx(x1 + per_unit * math.log(1 / v1), abs=0.2)
    assert LABELS <= at.left < at.x < at.right <= WIDTH - VALUES
    assert number(contrast.effect.low) in at.text
    (drawn,) = [trace for trace in loaded.forest().data if trace.customdata is not None]
    assert list(drawn.x) == [row.contrast.effect.value for row in rows]


class Tags(HTMLParser):
    """Collects the tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag, attributes) -> None:
        self.seen.append(tag)
        if tag not in ("br", "img", "rect", "line"):
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        if tag not in ("rect", "line"):
            assert self.open.pop() == tag


def test_the_view_has_answer_samples_and_forest_and_needs_nothing_else(loaded: LoadedStudy) -> None:
    html = loaded._repr_html_()
    tags = Tags()
    tags.feed(html)
    assert not tags.open and "script" not in tags.seen and not re.search(r"(src|href)=\"http", html)
    assert "&lt;b&gt;it&lt;/b&gt;" in html
    assert 1 <= tags.seen.count("li") <= 5
    assert tags.seen.count("img") == 2 and tags.seen.count("circle") == 3
    for sentence in loaded.sentences:
        assert sentence.split(":")[0].split("'")[0] in html


def test_sentences_are_five_at_most_and_whole(loaded: LoadedStudy) -> None:
    assert 1 <= len(loaded.sentences) <= 5
    assert not [sentence for sentence in loaded.sentences if sentence.endswith(":")]


def test_frames_without_modes_have_no_rows_there(loaded: LoadedStudy) -> None:
    assert isinstance(loaded.modes, pd.DataFrame) and loaded.modes.empty
