"""An experiment in MLflow as a source, written by MLflow's own client."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from ganstudy.study.errors import UserError
from ganstudy.study.importing.history import History, history_of, read_history
from ganstudy.study.importing.mapping import Mapping
from ganstudy.study.importing.sources.reading import read_source
from ganstudy.study.importing.table import read_table

STEPS = {"step": "generator_steps"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture
def experiment(server: str, request: pytest.FixtureRequest) -> str:
    name = f"gans/{request.node.name}"
    MlflowClient(server).create_experiment(name)
    return name


def log(
    server: str,
    experiment: str,
    name: str,
    metrics: list[tuple[str, int, float]],
    status: str = "FINISHED",
    **params: Any,
) -> str:
    client = MlflowClient(server)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    run = client.create_run(found.experiment_id, run_name=name).info.run_id
    client.log_batch(
        run,
        metrics=[
            Metric(tag, value, 1000 + n, step) for n, (tag, step, value) in enumerate(metrics)
        ],
        params=[Param(key, str(value)) for key, value in params.items()],
    )
    client.set_terminated(run, status)
    return run


def history(server: str, experiment: str, **mapping: Any) -> History:
    given = Mapping(**{"columns": STEPS, **mapping})
    return history_of(read_source(f"mlflow:{experiment}", server, given))


def fid(*values: float, start: int = 100) -> list[tuple[str, int, float]]:
    return [("fid", start + 100 * n, value) for n, value in enumerate(values)]


def test_an_experiment_is_read_as_the_same_numbers_in_a_table_are(
    server: str, experiment: str, tmp_path: Path
) -> None:
    rows = ["trial,seed,lr_g,generator_steps,fid,loss_g"]
    for rate in (0.5, 2.0):
        for seed in (0, 1):
            scores = [(9.0, 1.0), (8.0 + seed, math.inf if rate > 1 and seed else -1.0)]
            scores += [(math.nan, math.nan)] if seed else []
            steps = list(enumerate(scores, 1))
            rows += [f"lr-{rate},{seed},{rate},{100 * n},{f},{g}" for n, (f, g) in steps]
            points = [
                (tag, 100 * n, value)
                for n, pair in steps
                for tag, value in zip(("fid", "loss_g"), pair, strict=True)
            ]
            log(server, experiment, f"lr-{rate}-seed{seed}", points, lr_g=rate, seed=seed)
    file = tmp_path / "table.csv"
    file.write_text("\n".join(rows) + "\n")
    assert history(server, experiment).trials == read_history(read_table(file), Mapping()).trials


def test_runs_keep_their_state(server: str, experiment: str) -> None:
    log(server, experiment, "a", fid(9, 8))
    log(server, experiment, "b", fid(7), status="FAILED")
    log(server, experiment, "c", fid(6), status="KILLED")
    deleted = log(server, experiment, "d", fid(5))
    MlflowClient(server).delete_run(deleted)
    log(server, experiment, "e", [("lr", 1, 0.5)])
    found = history(server, experiment)
    states = {str(t.params["trial_name"]): (t.state.value, t.error) for t in found.trials}
    assert states == {
        "a": ("complete", ""),
        "b": ("failed", "its status in MLflow is FAILED"),
        "c": ("complete", ""),
    }
    assert any(note.startswith("1 of 4 runs were killed") for note in found.notes)
    assert "1 runs have no measure and are left out: e" in found.notes


def test_a_resumed_run_follows_repeated(server: str, experiment: str) -> None:
    log(server, experiment, "a", [*fid(9, 8, 7), *fid(6, 5, start=200)])
    with pytest.raises(UserError, match=r"run 'a', step 200: .*--repeated last"):
        history(server, experiment)
    (trial,) = history(server, experiment, repeated="last").trials
    assert [row.measures["fid"] for row in trial.rows] == [9, 6, 5]


def test_runs_of_one_name_are_told_apart(server: str, experiment: str) -> None:
    runs = [log(server, experiment, "same", fid(value)) for value in (9, 8)]
    found = history(server, experiment)
    assert {t.params["trial_name"]: t.rows[0].measures["fid"] for t in found.trials} == {
        f"same-{run[:8]}": value for run, value in zip(runs, (9, 8), strict=True)
    }


def test_what_is_not_there_is_told(
    server: str, experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match=r"has no experiment 'absent'; it has: .*Default"):
        history(server, "absent")
    with pytest.raises(UserError, match="has no runs"):
        history(server, experiment)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UserError, match="no MLflow server is named: give --from URI, or set MLFL"):
        history("", "x")
    for uri in ("sqlite:///absent.db", "mlruns", f"file://{tmp_path}/absent"):
        with pytest.raises(UserError, match="does not exist"):
            history(uri, "x")
    assert not list(tmp_path.iterdir()), "nothing is made where nothing is"
    with pytest.raises(UserError, match="no user name or password") as told:
        history("http://me:secret@host:5000", "x")
    assert "secret" not in str(told.value)
    log(server, experiment, "a", fid(9))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    assert len(history("", experiment).trials) == 1, "the environment names the server"
    found = MlflowClient(server).get_experiment_by_name(experiment)
    assert found is not None
    MlflowClient(server).delete_experiment(found.experiment_id)
    with pytest.raises(UserError, match="was deleted; mlflow experiments restore --experiment-id"):
        history("", experiment)


def test_a_server_is_of_experiments_alone(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--from names the MLflow of mlflow:EXPERIMENT, and h.csv"):
        read_source("h.csv", "http://127.0.0.1:5000", Mapping())
