"""A driver that is killed in each pass of a design: the same numbers as a study that was left alone."""

from __future__ import annotations

import json
import time

import pytest
from pandas.testing import assert_frame_equal

from ganstudy.analysis.frames.load import load_study

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
EVALUATIONS, STOPPED_AT, PROMOTED = 4, 2, 2
DESIGN = f"\n[design]\npoints = 2\nat = 0.5\npromote = {PROMOTED}\n"
FREE = '\n[schedule]\nname = "fifo"\n[objective]\nrequire = { collapsed = 3, cycling = 3, diverged = 3 }\n'


@pytest.fixture(params=[1, 100])
def lanes(request: pytest.FixtureRequest) -> int:
    """Every trial by itself, and those of one k together."""
    return int(request.param)


@pytest.fixture
def study(operator, small_study, lanes: int):
    """Four designed trials on points and one of the search."""
    text = small_study(steps=200, trials=1, sampler="random", schedule="fifo")
    space = "k = [1, 2]\nlr_g = { low = 1e-3, high = 1e-2, log = true }\n"
    resources = f"\n[resources]\nmax_concurrent = 1\nlanes = {lanes}\n"
    start = text[: text.index("[search.space]")]
    operator.write(start + "[search.space]\n" + space + DESIGN + FREE + resources)
    return operator


def evaluations(study, name: str, without_the_machine):
    return without_the_machine(load_study(name, study.home.tracking_uri(None)))


def test_killed_in_each_pass(study, lanes, without_the_machine) -> None:
    """Promoted trials are bit for bit what training without a stop gives, by themselves; in packs up to rounding."""
    running = study.start()
    running.wait_for(r"^\[1/4\] trial 0")
    time.sleep(1)
    running.kill()
    running = study.start("resume", "small")
    running.wait_for("^promoted: 2 of 4")
    running.kill()
    code, output = study.run("resume", "small")
    assert code == 0, output
    assert "promoted" not in output, "decided once"
    rows = study.rows()
    assert [rows[n].get("point") for n in range(5)] == [0, 0, 1, 1, None]
    states = [rows[n]["state"] for n in range(5)]
    assert states.count("complete") == PROMOTED + 1 and states.count("pruned") == 2
    frames = load_study("small", study.home.tracking_uri(None))
    assert frames.trials["stage"].tolist() == ["design"] * 4 + ["search"]
    assert frames.trials["point"].dropna().tolist() == [0, 0, 1, 1]
    assert not frames.evaluations[["number", "seed", "evaluation"]].duplicated().any()
    ends = frames.trials.set_index("number")["evaluations"]
    for number in range(5):
        assert ends[number] == (EVALUATIONS if states[number] == "complete" else STOPPED_AT)
    assert not list(study.home.study("small").outbox.glob("*.json")), "nothing waits"
    status = json.loads(study.run("status", "small", "--json")[1])
    assert status["design"]["compared"] == 4 and status["design"]["promoted"] == PROMOTED
    logs = [(study.home.study("small").logs / f"trial-00000{n}.txt").read_text() for n in range(4)]
    assert all(("in a pack of trials" in log) == (lanes > 1) for log in logs)
    # The same trials, all to the end at once, and each by itself.
    text = (study.folder / "study.toml").read_text().replace(f"lanes = {lanes}", "lanes = 1")
    whole = text.replace('name = "small"', 'name = "whole"').replace("at = 0.5\n", "")
    (study.folder / "whole.toml").write_text(whole.replace(f"promote = {PROMOTED}\n", ""))
    code, output = study.run("run", "whole.toml")
    assert code == 0, output
    found = evaluations(study, "small", without_the_machine)
    expected = evaluations(study, "whole", without_the_machine)
    keys = ["number", "seed", "evaluation"]
    expected = expected[expected["number"] < 4].merge(found[keys], on=keys)
    found = found[found["number"] < 4].reset_index(drop=True)
    assert len(expected) == len(found)
    if lanes == 1:
        assert found.equals(expected[found.columns])
    else:
        assert_frame_equal(found, expected[found.columns], rtol=1e-3, atol=1e-3)
