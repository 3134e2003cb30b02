"""What a trial reserves and cannot use is said by `ganstudy check`."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganstudy.study.outlook.idle_resources import idle_cpus_line, idle_lines
from ganstudy.study.spec.reader import parse_study

STUDY = """
name = "s"
[data]
name = "ring"
[train]
budget = {{ generator_steps = 40 }}
[search]
trials = 2
[search.space]
k = [1, 2]
[resources]
{resources}
"""


def said(resources: str) -> str:
    spec = parse_study(STUDY.format(resources=resources), "study.toml", Path())
    return "\n".join(idle_lines(spec))


@pytest.mark.parametrize(
    ("gpus", "expected"),
    [
        ("0.6", "a GPU holds 1 trial, and 40% of it is left idle; 0.5 holds 2"),
        ("0.3", "a GPU holds 3 trials, and 10% of it is left idle; 0.25 holds 4"),
        ("0.7", "30% of it is left idle"),
    ],
)
def test_a_share_of_a_gpu_that_no_trial_gets(gpus: str, expected: str) -> None:
    assert expected in said(f"gpus = {gpus}")


@pytest.mark.parametrize("gpus", ["0", "1", "0.5", "0.25", "0.1", "0.33", "0.333"])
def test_shares_that_fill_a_gpu_are_no_matter(gpus: str) -> None:
    assert said(f"gpus = {gpus}") == ""


def test_cpus_beside_a_gpu() -> None:
    assert "a trial on a GPU uses one CPU" in said("gpus = 1\ncpus = 8")
    assert said("cpus = 8") == said("gpus = 1") == ""


@pytest.mark.parametrize(
    ("cpus", "speedup", "idle"),
    [(4, 1.1, True), (4, 2.3, True), (4, 2.5, False), (2, 1.0, True), (2, 1.3, False)],
)
def test_cpus_that_make_steps_no_faster(cpus: int, speedup: float, idle: bool) -> None:
    line = idle_cpus_line(cpus, speedup)
    assert (line is not None) == idle
    if line is not None:
        assert f"resources.cpus = {cpus}" in line and f"trains {cpus} trials at a time" in line
