"""A driver that is killed, and one that is stopped, while the confirm stage trains: nothing is lost, nothing twice."""

from __future__ import annotations

import time

import pytest

from ganstudy.analysis.frames.load import load_study
from ganstudy.trials.results.records import FIRST_CONFIRM

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive, pytest.mark.timeout(1500)]
CONFIRM = "\n[confirm]\ntop = 3\nremedy_sets = 0\nseeds = [10, 11, 12, 13, 14]\n"
TRIALS, EVALUATIONS, SEEDS = 4, 4, 5


@pytest.fixture
def study(operator, small_study):
    """Four short trials, of which the best are confirmed; what is lost on the way must not decide who that is."""
    text = small_study(steps=400, trials=TRIALS, sampler="random", schedule="fifo") + CONFIRM
    operator.write(text + "[objective]\nrequire = { collapsed = 3, cycling = 3, diverged = 3 }\n")
    return operator


def confirm_rows(study) -> dict[int, dict]:
    return {row.number: row.to_json() for row in study.ledger().confirm.rows()}


def assert_whole(study) -> None:
    rows, frames = confirm_rows(study), load_study("small", study.home.tracking_uri(None))
    assert set(study.rows()) == set(range(TRIALS)) and {
        r["state"] for r in study.rows().values()
    } == {"complete"}
    assert {row["state"] for row in rows.values()} == {"complete"} and len(rows) in (3, 4)
    expected = [*range(TRIALS), *rows]
    assert frames.trials["number"].tolist() == expected, "one run per trial"
    assert frames.trials["config_digest"].is_unique
    assert not frames.evaluations[["number", "seed", "evaluation"]].duplicated().any()
    confirm = frames.evaluations[frames.evaluations["number"] >= FIRST_CONFIRM]
    assert len(confirm) == len(rows) * SEEDS * EVALUATIONS and set(confirm["seed"]) == {
        10,
        11,
        12,
        13,
        14,
    }
    assert not list(study.home.study("small").outbox.glob("*.json")), "nothing waits"


def test_killed_and_resumed(study) -> None:
    running = study.start()
    running.wait_for(r"^\[1/\d\] confirm 0")
    time.sleep(2)
    running.kill()
    before, searched = confirm_rows(study), study.rows()
    assert before[FIRST_CONFIRM]["state"] == "complete"
    code, output = study.run("resume", "small")
    assert code == 0, output
    after = confirm_rows(study)
    assert after[FIRST_CONFIRM] == before[FIRST_CONFIRM], "what was confirmed is not trained again"
    assert all(after[number]["params"] == row["params"] for number, row in before.items())
    assert study.rows() == searched, "and the search stays as it was"
    assert_whole(study)


def test_killed_between_the_stages_and_stopped_within(study) -> None:
    running = study.start()
    running.wait_for("confirming")
    running.kill()
    running = study.start("resume", "small")
    running.wait_for(r"^\[1/\d\] confirm")
    code, output = study.run("stop", "small")
    assert code == 0, output
    code, output = running.wait()
    assert code == 130 and "resume small" in output, output
    code, output = study.run("resume", "small")
    assert code == 0, output
    assert_whole(study)
    code, output = study.run("resume", "small")
    assert code == 0 and "[1/" not in output, "a finished study is not run again"
