"""The confirm stage on real parts: study file, Ray, packs, MLflow, frames; then the search goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlflow
import pytest

from ganstudy.analysis.frames.load import load_study
from ganstudy.analysis.tables.configurations.confirm import confirmed
from ganstudy.analysis.tables.effects.confirmed_contrasts import confirmed_comparisons
from ganstudy.study.home import Home
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.trials.results.records import FIRST_CONFIRM, confirm_name

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
GANSTUDY = [sys.executable, "-P", "-c", "from ganstudy.study.cli.main import main; main()"]
STUDY = """
name = "ring"
[data]
name = "ring"
[model]
width = 16
[train]
batch_size = 32
budget = { generator_steps = 40 }
evaluations = 2
[measures]
samples = 200
game_steps = 0
[search]
sampler = "random"
trials = TRIALS
[search.space]
lr_g = { low = 1e-4, high = 1e-3, log = true }
remedies = [[], ["feature_matching"]]
[objective]
minimize = "reverse_kl"
require = { collapsed = 3, cycling = 3, diverged = 3 }
[schedule]
grace = 20
[confirm]
top = 2
seeds = [100, 101, 102, 103, 104]
"""


def ganstudy(*arguments: str, cwd: Path) -> str:
    result = subprocess.run(
        [*GANSTUDY, *arguments], cwd=cwd, capture_output=True, text=True, timeout=800
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


class Finished:
    """The study after a run."""

    def __init__(self, folder: Path, output: str) -> None:
        home = Home(folder / "data")
        self.output, self.uri = output, home.tracking_uri(None)
        ledger = Ledger.open(home.study("ring").ledger)
        self.best, self.counts = ledger.search.best().number, ledger.search.counts()
        self.study = load_study("ring", self.uri)
        self.status: dict[str, Any] = json.loads(
            ganstudy("status", "ring", "--json", "--home", "data", cwd=folder)
        )
        self.rows = self.status["confirm"]["trial_list"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Finished]:
    """With three trials of the search, and with five."""
    folder, finished = tmp_path_factory.mktemp("confirm"), []
    for trials in ("3", "5"):
        (folder / "ring.toml").write_text(STUDY.replace("TRIALS", trials))
        finished.append(
            Finished(folder, ganstudy("run", "ring.toml", "--home", "data", cwd=folder))
        )
    return finished


def test_what_the_search_found_is_trained_again_on_fresh_seeds(runs) -> None:
    first, frames = runs[0], runs[0].study
    confirm = frames.trials[frames.trials["stage"] == "confirm"]
    assert len(confirm) == len(first.rows) >= 2 and set(confirm["state"]) == {"complete"}
    assert confirm["number"].tolist() == [FIRST_CONFIRM + k for k in range(len(confirm))]
    assert (confirm["generator_steps"] == 40).all() and (confirm["num_seeds"] == 5).all(), (
        "no early stop"
    )
    rows = frames.evaluations[frames.evaluations["number"] >= FIRST_CONFIRM]
    assert set(rows["seed"]) == {100, 101, 102, 103, 104} and len(rows) == len(confirm) * 5 * 2
    best = first.best
    (again,) = confirm[confirm["confirms"] == best].to_dict("records")
    assert "best" in again["role"].split("; ")
    search = frames.trials[frames.trials["number"] == best].iloc[0]
    assert (again["lr_g"], again["remedies"]) == (search["lr_g"], search["remedies"])
    without = confirm["role"].str.contains("baseline|twin")
    assert without.any() and set(confirm.loc[without, "remedies"]) == {"none"}


def test_the_search_knows_nothing_of_it(runs) -> None:
    first = runs[0]
    assert sum(first.counts.values()) == 3 == first.status["planned"]
    assert first.status["left"] == 0 and first.status["confirm"]["planned"] == len(first.rows)
    assert len(first.status["trial_list"]) == 3 and len(
        first.status["confirm"]["trial_list"]
    ) == len(first.rows)
    assert set(first.study.trials.loc[first.study.trials["stage"] == "search", "role"]) == {""}
    assert f"confirming {len(first.rows)} configurations on 5 fresh seeds each" in first.output


def test_tables_of_it(runs) -> None:
    table = confirmed(runs[0].study)
    assert len(table) == len(runs[0].rows) and (table["score_level"] == 0.9375).all()
    assert ((table["score_low"] <= table["score"]) & (table["score"] <= table["score_high"])).all()
    compared = confirmed_comparisons(runs[0].study)
    twins = table["role"].str.contains("twin of trial")
    assert len(compared) == twins.sum() <= 1, "one set of remedies"
    if len(compared):
        assert compared["other"].tolist() == table.loc[twins, "number"].tolist()


def test_the_search_goes_on_and_nothing_is_trained_twice(runs) -> None:
    first, second = runs
    before = {row["number"]: row for row in first.status["confirm"]["trial_list"]}
    after = {row["number"]: row for row in second.status["confirm"]["trial_list"]}
    same = ("state", "params", "objective", "run_id", "confirms")
    assert all(after[number][key] == row[key] for number, row in before.items() for key in same)
    digests = second.study.trials.loc[second.study.trials["stage"] == "confirm", "config_digest"]
    assert digests.is_unique and len(digests) == len(after)
    roles = second.study.trials.set_index("number")["role"]
    assert all(roles[number] == row["role"] for number, row in after.items()), (
        "MLflow has the roles of now"
    )
    best = second.best
    assert any(row["confirms"] == best and row["role"].startswith("best") for row in after.values())
    assert len(second.study.trials) == 5 + len(after)


def test_runs_are_named_by_what_they_are_for(runs) -> None:
    client = mlflow.MlflowClient(runs[1].uri)
    for row in runs[1].status["confirm"]["trial_list"]:
        info = client.get_run(row["run_id"]).info
        assert info.run_name == f"{confirm_name(row['number'], row['confirms'])} ({row['role']})"
        assert info.status == "FINISHED"
