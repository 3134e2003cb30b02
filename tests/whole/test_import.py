"""An imported study through the command line: MLflow, frames, report, status, and the same file again."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from ganstudy.analysis.frames.export import COLUMNS, OPTIONAL, frames
from ganstudy.analysis.frames.load import load_study
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report import html
from ganstudy.analysis.report.sections.caveats import caveats
from ganstudy.study.cli.main import main
from ganstudy.study.home import Home
from ganstudy.trials.results.mlflow_tags import Tag

NAME = "theirs"
HOME = "what? #1; 50%20 {é} @a:b"
"""Characters that mean something in addresses, and in templates of such."""
ATTACK = "<img src=x onerror=alert(1)>"


def table(last: float = 5.0) -> str:
    """Three configurations: one whole, one whose second seed diverges, one of a single seed that ends early."""
    lines = ["run,seed,iteration,FID,loss_g,k,lr_d,note,mode_0,mode_1,mode_2"]
    for run, seed in ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0)):
        for step in (10, 20, 50, 100):
            if run == 2 and step > 20:
                continue
            # A collapsed seed, whose FID does not fall: else it might have hardly begun.
            fid = f"{last + run + (step / 100 if run == 1 else 100 / step)}"
            fid = "nan" if (run, seed) == (1, 1) and step > 10 else fid
            modes = "300,0,0" if run == 1 else "100,110,90"
            note = ATTACK if run else "x"
            lines.append(
                f"{run},{seed},{step},{fid},{1 / step},{1 + run % 2},{1e-3 * (run + 1)},{note},{modes}"
            )
    return "\n".join(lines) + "\n"


def ganstudy(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--home", str(home)])


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("import")
    (folder / "theirs.csv").write_text(table())
    (folder / "map.toml").write_text(
        'floor = { effective_modes = 3.0 }\n[columns]\nrun = "trial"\n'
    )
    command = [
        "import",
        str(folder / "theirs.csv"),
        "--name",
        NAME,
        "--mapping",
        str(folder / "map.toml"),
    ]
    command += ["--map", "iteration=generator_steps", "--question", "Is it so?"]
    result = ganstudy(folder / HOME, *command)
    assert result.exit_code == 0, result.output
    return {"folder": folder, "home": folder / HOME, "command": command, "output": result.output}


@pytest.fixture(scope="module")
def study(imported) -> Study:
    return load_study(NAME, Home(imported["home"]).tracking_uri(None))


def test_the_frames_hold_what_the_file_held(study: Study) -> None:
    assert study.trials["number"].tolist() == [0, 1, 2] and study.question == "Is it so?"
    assert study.trials["state"].tolist() == ["complete"] * 3, "each at its own length"
    assert study.trials["lr_d"].tolist() == [0.001, 0.002, 0.003]
    assert study.trials["fid"].tolist()[0] == 6.0 and pd.isna(study.trials["fid"][1]), (
        "the median falls on a lost seed"
    )
    assert study.trials["num_seeds"].tolist() == [2, 2, 1] and study.trials[
        "evaluations"
    ].tolist() == [4, 4, 2]
    rows = study.evaluations[(study.evaluations["number"] == 1) & (study.evaluations["seed"] == 1)]
    assert (
        rows["finite"].tolist() == [True, False, False, False]
        and rows["verdict"].tolist()[1:] == ["diverged"] * 3
    )
    assert (
        rows["generator_steps"].tolist() == [10, 20, 50, 100]
        and study.evaluations["seconds"].isna().all()
    )
    whole = study.evaluations[(study.evaluations["number"] == 1) & (study.evaluations["seed"] == 0)]
    assert (
        whole["verdict"].tolist()[-1] == "collapsed" and whole["effective_modes"].tolist()[-1] == 1
    )
    assert study.mode_names == ["0", "1", "2"] and study.floor == {"effective_modes": 3.0}
    assert set(study.evaluations["extractor"]) == {"imported"}
    assert study.modes.groupby(["number", "seed"])["count"].sum()[(0, 0)] == 1200


def test_the_head_of_the_report_counts_the_seeds_of_a_trial(study: Study) -> None:
    """Not those of all trials together, which differ from trial to trial in what others trained."""
    assert html._subtitle(study).startswith("3 trials of 1 to 2 seeds each · 100 generator steps")
    one_each = study.trials.assign(num_seeds=1)
    assert len(study.planned_seeds) == 2
    assert html._subtitle(dataclasses.replace(study, trials=one_each)).startswith(
        "3 trials of 1 seed each · "
    )


def test_every_column_of_every_frame_is_documented(study: Study) -> None:
    settings = {"k", "lr_d", "note", "seeds"}
    for name, frame in frames(study):
        told, there = set(COLUMNS[name]), set(frame.columns) - settings
        assert there - told == set(), f"{name}: not documented"
        assert told - there <= OPTIONAL, f"{name}: documented, but absent"


def test_what_cannot_be_said_is_said(study: Study, imported) -> None:
    told = " ".join(caveats(study))
    for part in (
        "imported from theirs.csv",
        "What the scores were measured with was not stated",
        "of 5 seeds collapsed, cycled or converged is unknown",
        "1 of 3 configurations were trained on a single seed",
        "none of the counters",
        "1 of 3 trials end before the longest, at 20 of 100 generator steps the earliest: each is",
    ):
        assert part in told, told
        assert part in imported["output"].replace("\n", " ")


def test_trials_with_unlike_numbers_of_seeds_are_compared(study: Study) -> None:
    from ganstudy.analysis.tables.configurations.search import by_setting

    table = by_setting(study, "k")
    assert table["configurations"].tolist()[:2] == [2, 1]
    first = table.iloc[0]
    # Trial 0 on two seeds and trial 2 on one, at 20 steps: 5 + 0 + 5 and 5 + 2 + 5.
    assert first["num_seeds"] == 3 and first["median"] == 11.0


def test_the_report_is_written_and_escapes(imported) -> None:
    html = Home(imported["home"]).study(NAME).report.read_text()
    assert "Is it so?" in html and "was not stated" in html
    assert ATTACK not in html.replace("\\u003c", "<").split("<script")[0]
    again = ganstudy(imported["home"], "report", NAME)
    assert again.exit_code == 0 and "Report:" in again.output


def test_mlflow_has_a_run_per_trial_under_a_parent(imported) -> None:
    client = mlflow.MlflowClient(Home(imported["home"]).tracking_uri(None))
    runs = client.search_runs([client.get_experiment_by_name(NAME).experiment_id])
    parent = next(run for run in runs if run.data.tags[Tag.KIND] == "study")
    children = [
        run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id
    ]
    assert len(runs) == 4 and sorted(run.info.status for run in children) == ["FINISHED"] * 3
    assert json.loads(parent.data.tags[Tag.IMPORTED])["file"] == "theirs.csv"
    first = next(run for run in children if run.data.tags[Tag.TRIAL] == "0")
    metrics = client.get_metric_history(first.info.run_id, "fid")
    assert [(m.step, m.value) for m in metrics] == [(10, 15.0), (20, 10.0), (50, 7.0), (100, 6.0)]


def test_the_same_file_again_changes_nothing(imported) -> None:
    client = mlflow.MlflowClient(Home(imported["home"]).tracking_uri(None))
    experiment = client.get_experiment_by_name(NAME).experiment_id

    def state() -> dict[str, int]:
        runs = client.search_runs([experiment])
        return {
            run.info.run_id: len(client.get_metric_history(run.info.run_id, "fid")) for run in runs
        }

    before = state()
    result = ganstudy(imported["home"], *imported["command"])
    assert result.exit_code == 0, result.output
    assert state() == before and sum(before.values()) > 0


def test_another_file_or_reading_under_the_name_is_refused(imported, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text(table(last=4.0))
    command = list(imported["command"])
    result = ganstudy(imported["home"], command[0], str(other), *command[2:])
    assert (
        result.exit_code == 2
        and "is taken: another file, theirs.csv, was imported under it" in result.output
    )
    result = ganstudy(imported["home"], *command, "--objective", "effective_modes")
    assert result.exit_code == 2 and "the same file, read in another way" in result.output
    assert "Traceback" not in result.output


def test_list_status_and_best(imported) -> None:
    listed = " ".join(ganstudy(imported["home"], "list").output.split())
    assert f"{NAME} imported 3/3 trials, FID 6 by the seeds that chose it (trial 0" in listed
    status = json.loads(ganstudy(imported["home"], "status", NAME, "--json").output)
    assert (
        status["trials"]["complete"] == 3
        and status["seeds"]["diverged"] == 1
        and status["left"] == 0
    )
    assert status["imported"]["file"] == "theirs.csv" and len(status["trial_list"]) == 3
    assert "3 complete; 0 of 3 to go" in ganstudy(imported["home"], "status", NAME).output
    best = json.loads(ganstudy(imported["home"], "best", NAME, "--json").output)
    assert best["number"] == 0 and best["value"] == 6.0 and best["seeds"] == {"0": 6.0, "1": 6.0}
    result = ganstudy(imported["home"], "best", NAME, "--export", str(imported["folder"] / "out"))
    assert result.exit_code == 2 and "its generators were trained elsewhere" in result.output


@pytest.mark.parametrize("command", ["resume", "stop", "publish"])
def test_there_is_nothing_to_train(imported, command: str) -> None:
    result = ganstudy(imported["home"], command, NAME)
    assert result.exit_code == 2 and "was imported: it was trained elsewhere" in result.output


def test_a_study_file_cannot_take_the_name(imported, small_study, tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(small_study().replace('"small"', f'"{NAME}"'))
    result = ganstudy(imported["home"], "check", str(file))
    assert result.exit_code == 2 and "belongs to an imported study" in result.output


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_frames_are_written_as_files(imported, study: Study, tmp_path: Path, kind: str) -> None:
    result = ganstudy(
        imported["home"], "export", NAME, "--out", str(tmp_path / "out"), "--format", kind
    )
    assert result.exit_code == 0, result.output
    read = pd.read_csv if kind == "csv" else pd.read_parquet
    for name, frame in frames(study):
        written = read(tmp_path / "out" / f"{name}.{kind}")
        assert list(written.columns) == list(frame.columns) and len(written) == len(frame)
        assert written["number"].tolist() == frame["number"].tolist()
    held = read(tmp_path / "out" / f"evaluations.{kind}")["histogram"].tolist()[0]
    assert (json.loads(held) if kind == "csv" else list(held)) == [100, 110, 90]
    (tmp_path / "file").write_text("")
    result = ganstudy(imported["home"], "export", NAME, "--out", str(tmp_path / "file"))
    assert result.exit_code == 2 and "cannot be written" in result.output


def test_a_study_that_never_was(imported, tmp_path: Path) -> None:
    for command in (["best", "nobody"], ["export", "nobody", "--out", str(tmp_path)]):
        result = ganstudy(imported["home"], *command)
        assert result.exit_code == 2 and f"known: {NAME}" in result.output
    result = ganstudy(imported["home"], "import", "x.csv", "--name", "../up")
    assert result.exit_code == 2 and "a name has 1 to 80 letters" in result.output
    result = ganstudy(
        imported["home"], "import", "x.csv", "--name", "a", "--tracking", "file:///etc"
    )
    assert result.exit_code == 2 and "--tracking must be an MLflow server's" in result.output
