"""Whatever is wrong becomes one UserError, before Ray, without a traceback of ours."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

import ganstudy

GOOD = {
    "name": "s",
    "data": {"name": "ring"},
    "train": {"budget": {"updates": 10}, "seeds": [0]},
    "search": {"trials": 1, "space": {"lr_g": [1e-3]}},
}


@pytest.fixture(autouse=True)
def without_ray(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANSTUDY_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("ray.init", lambda *_, **__: pytest.fail("Ray was started"))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: ganstudy.run("nowhere.toml"), "nowhere.toml: no such study file"),
        (lambda: ganstudy.run(Path("nowhere.toml")), "nowhere.toml: no such study file"),
        (lambda: ganstudy.run(3), "a study file's path or a dict of its tables, got int"),
        (lambda: ganstudy.run({**GOOD, "trane": {}}), "study: trane: .*unknown"),
        (
            lambda: ganstudy.run({**GOOD, "train": {"budget": {"updates": -1}}}),
            "study: train.budget",
        ),
        (lambda: ganstudy.run({**GOOD, "question": None}), "question: .* leave the key out"),
        (lambda: ganstudy.run(GOOD, home=7), "home: a folder is a path, got int"),
        (lambda: ganstudy.run({**GOOD, "resources": {"cpus": 4000}}), "this machine has"),
        (lambda: ganstudy.load("nothing"), "no study named 'nothing'.*known: none yet"),
        (lambda: ganstudy.load(5), "loaded by its name, got int"),
        (lambda: ganstudy.load("a/../b"), "no study named"),
        (lambda: ganstudy.studies(home="\n"), "without control characters"),
    ],
)
def test_a_mistake_is_one_message_of_two_lines_of_traceback(call, said: str) -> None:
    umask = os.umask(0o077)
    try:
        with pytest.raises(ganstudy.UserError, match=said) as raised:
            call()
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(umask)
    ours = [
        frame
        for frame in traceback.extract_tb(raised.value.__traceback__)
        if Path(frame.filename).name != Path(__file__).name
    ]
    assert len(ours) == 1
    assert raised.value.__cause__ is None and raised.value.__suppress_context__


def test_a_notebook_shows_the_message_alone() -> None:
    with pytest.raises(ganstudy.UserError) as raised:
        ganstudy.load("nothing")
    (shown,) = raised.value._render_traceback_()
    assert shown.startswith("UserError: no study named 'nothing'")


def test_loading_a_study_needs_neither_torch_nor_ray() -> None:
    code = (
        "import sys, ganstudy; ganstudy.load, ganstudy.run, ganstudy.studies(); "
        "print([name for name in ('torch', 'ray') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr
