"""The whole chain on real parts: study file, Ray, packs on real digits, MLflow, report."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from click.testing import CliRunner

from ganstudy.analysis.frames.load import load_study
from ganstudy.study.cli.main import main
from ganstudy.study.home import Home
from ganstudy.study.ledger.ledger import Ledger

HOME = "what? #1; 50%20 {é} @a:b [x]"
"""Characters that mean something in addresses, templates and globs."""
GANSTUDY = [sys.executable, "-P", "-c", "from ganstudy.study.cli.main import main; main()"]


def ganstudy(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*GANSTUDY, *arguments], cwd=cwd, capture_output=True, text=True, timeout=800
    )


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, small_study, classifier_cache: Path
) -> dict[str, Any]:
    """One study run by the command line, from a folder with files that shadow our packages."""
    folder = tmp_path_factory.mktemp("chain")
    shutil.copytree(classifier_cache, folder / HOME / "cache")
    (folder / "small.toml").write_text(small_study(steps=120, trials=6))
    (folder / "trials.py").write_text("raise RuntimeError('the user's own trials.py was imported')")
    (folder / "study.py").write_text("raise RuntimeError('the user's own study.py was imported')")
    result = ganstudy("run", "small.toml", "--home", HOME, cwd=folder)
    assert result.returncode == 0, result.stdout + result.stderr
    return {"folder": folder, "output": result.stdout, "home": Home(folder / HOME)}


def test_all_trials_end_in_a_state_and_none_fails(finished) -> None:
    ledger = Ledger.open(finished["home"].study("small").ledger)
    counts = ledger.search.counts()
    assert counts["running"] == counts["failed"] == 0
    assert counts["complete"] + counts["pruned"] == 6
    assert counts["pruned"] > 0, "asha stops something of six unlike configurations"


def test_ledger_and_mlflow_tell_the_same(finished) -> None:
    home = finished["home"]
    ledger, study = (
        Ledger.open(home.study("small").ledger),
        load_study("small", home.tracking_uri(None)),
    )
    rows = {row.number: row for row in ledger.trials()}
    assert sorted(rows) == study.trials["number"].tolist() == list(range(6))
    for trial in study.trials.to_dict("records"):
        row = rows[trial["number"]]
        assert (trial["run_id"], trial["state"], trial["feasible"]) == (
            row.run_id,
            row.state,
            row.feasible,
        )
        assert trial["objective"] == pytest.approx(row.objective)
        assert trial["fid"] == pytest.approx(row.objective)
        assert sum(row.verdicts.values()) == 3
        assert trial["k"] == row.params["k"] and trial["lr_d"] == pytest.approx(row.params["lr_d"])


def test_pruned_trials_stopped_at_a_rung_and_complete_ones_spent_the_budget(finished) -> None:
    study = load_study("small", finished["home"].tracking_uri(None))
    for trial in study.trials.to_dict("records"):
        if trial["state"] == "complete":
            assert trial["generator_steps"] == 120 and trial["evaluations"] == 4
        else:
            assert trial["generator_steps"] in (30, 60)


def test_every_evaluation_is_there_once(finished) -> None:
    study = load_study("small", finished["home"].tracking_uri(None))
    keys = study.evaluations[["number", "seed", "evaluation"]]
    assert not keys.duplicated().any()
    for number, rows in study.evaluations.groupby("number"):
        assert sorted(rows["evaluation"].unique()) == list(
            range(1, rows["evaluation"].max() + 1)
        ), number
        assert set(rows["seed"]) == {0, 1, 2}
        assert list(study.sample_grids(number)) == [0, *sorted(rows["generator_steps"].unique())]


def test_counters_are_exact_for_every_k(finished) -> None:
    study = load_study("small", finished["home"].tracking_uri(None))
    rows = study.evaluations.merge(study.trials[["number", "k"]], on="number")
    assert (rows["discriminator_steps"] == rows["generator_steps"] * rows["k"]).all()
    assert (rows["images"] == 32 * rows["discriminator_steps"]).all()


def test_mlflow_shows_what_people_look_for(finished) -> None:
    home = finished["home"]
    client = mlflow.MlflowClient(home.tracking_uri(None))
    parent = client.get_run(Ledger.open(home.study("small").ledger).parent_run_id)
    artifacts = {artifact.path for artifact in client.list_artifacts(parent.info.run_id)}
    assert {"study.toml", "report.html", "tables"} <= artifacts
    described = parent.data.tags["mlflow.note.content"]
    assert parent.info.status == "FINISHED" and described.startswith(
        "**Does the whole chain work?**\n\n- "
    )
    assert parent.data.metrics["floor/fid"] > 0


def test_report_and_tables_are_written(finished) -> None:
    folder = finished["home"].study("small")
    html = folder.report.read_text()
    assert "Does the whole chain work?" in html and len(html) < 15e6
    assert len(pd.read_parquet(folder.path / "tables" / "trials.parquet")) == 6
    assert len(pd.read_csv(folder.path / "tables" / "trials.csv")) == 6


def test_what_the_terminal_says(finished) -> None:
    output = finished["output"]
    assert "[6/6]" in output and "held-out accuracy" in output
    assert str(finished["home"].study("small").report) in output and "ganstudy ui" in output


def status(finished) -> dict[str, Any]:
    """What `ganstudy status` says, without a process of its own."""
    home = str(finished["home"].root)
    done = CliRunner().invoke(main, ["status", "small", "--json", "--home", home])
    return json.loads(done.stdout)


def test_status_and_list_as_json(finished) -> None:
    folder = finished["folder"]
    command = ("status", "small", "--json", "--home", HOME)
    found = json.loads(ganstudy(*command, cwd=folder).stdout)
    assert found == status(finished)
    assert found["left"] == 0 and found["unpublished"] == 0
    assert sum(found["trials"].values()) == 6 == len(found["trial_list"])
    assert all(trial["run_id"] for trial in found["trial_list"])
    assert Path(found["paths"]["report"]).exists()
    listed = json.loads(ganstudy("list", "--json", "--home", HOME, cwd=folder).stdout)
    assert [study["name"] for study in listed] == ["small"]


def test_nothing_is_written_outside_the_home(finished) -> None:
    assert {path.name for path in finished["folder"].iterdir()} <= {
        HOME, "small.toml", "trials.py", "study.py", "__pycache__"
    }  # fmt: skip


def test_other_file_under_the_same_name_is_refused_with_the_difference(
    finished, small_study
) -> None:
    (finished["folder"] / "other.toml").write_text(small_study(steps=240, trials=6))
    folder = finished["home"].study("small").path
    before = (
        status(finished),
        (folder / "study.toml").read_text(),
        (folder / "report.html").stat(),
    )
    result = ganstudy("run", "other.toml", "--home", HOME, cwd=finished["folder"])
    (finished["folder"] / "other.toml").unlink()
    assert result.returncode == 2
    assert (
        "train.budget.amount: 120.0 -> 240.0" in result.stderr and "Traceback" not in result.stderr
    )
    assert before == (
        status(finished),
        (folder / "study.toml").read_text(),
        (folder / "report.html").stat(),
    )


def test_more_cpus_than_there_are(finished, small_study) -> None:
    text = small_study() + f"\n[resources]\ncpus = {2 + (os.cpu_count() or 1)}\n"
    (finished["folder"] / "greedy.toml").write_text(text.replace('"small"', '"greedy"'))
    result = ganstudy("run", "greedy.toml", "--home", HOME, cwd=finished["folder"])
    (finished["folder"] / "greedy.toml").unlink()
    assert (
        result.returncode == 2
        and "resources.cpus" in result.stderr
        and "Traceback" not in result.stderr
    )
    assert not (finished["folder"] / HOME / "studies" / "greedy").exists()
