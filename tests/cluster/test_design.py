"""A driver that is killed in each pass of a design: the same numbers as a study that was left alone."""

from __future__ import annotations

import json
import time

import pytest

from ganstudy.analysis.frames.load import load_study

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
EVALUATIONS, STOPPED_AT, PROMOTED = 4, 2, 2
DESIGN = f"\n[design]\npoints = 2\nat = 0.5\npromote = {PROMOTED}\n"
FREE = '\n[schedule]\nname = "fifo"\n[objective]\nrequire = { collapsed = 3, cycling = 3, diverged = 3 }\n'


@pytest.fixture
def study(operator, small_study):
    """Four designed trials on points and one of the search."""
    text = small_study(steps=200, trials=1, sampler="random", schedule="fifo")
    space = "k = [1, 2]\nlr_g = { low = 1e-3, high = 1e-2, log = true }\n"
    operator.write(
        text[: text.index("[search.space]")] + "[search.space]\n" + space + DESIGN + FREE
    )
    return operator


def evaluations(study, name: str, without_the_machine):
    return without_the_machine(load_study(name, study.home.tracking_uri(None)))


def test_killed_in_each_pass(study, without_the_machine) -> None:
    """Promoted trials are bit for bit what training without a stop gives."""
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
    # The same trials, all to the end at once.
    text = (study.folder / "study.toml").read_text()
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
    assert found.equals(expected[found.columns])
