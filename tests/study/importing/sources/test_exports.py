"""Exports of charts: wide ones of Weights & Biases, scalars of TensorBoard, repeated steps."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from ganstudy.study.errors import UserError
from ganstudy.study.importing.history import History, read_history
from ganstudy.study.importing.mapping import Mapping, read_mapping
from ganstudy.study.importing.table import read_table

STEPS = {"Step": "generator_steps"}
WANDB = (
    '"Step","calm-sun-1 - fid","calm-sun-1 - fid__MIN","calm-sun-1 - fid__MAX",'
    '"late - fog-2 - fid","late - fog-2 - fid__MIN","late - fog-2 - fid__MAX"',
    '"100","85.5","85.5","85.5","90.25","90.25","90.25"',
    '"200","80","80","80","","",""',
    '"300","74","74","74","NaN","NaN","NaN"',
)
RESUMED = ((100, 84.5), (200, 81), (300, 74), (200, 79.5), (300, 75), (400, 70))
"""Steps and scores of a run that stopped after 300 and went on from its checkpoint of 100."""


def history(tmp_path: Path, *lines: str, name: str = "h.csv", **mapping: Any) -> History:
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_history(read_table(path), Mapping(**mapping))


def refused(tmp_path: Path, *lines: str, **mapping: Any) -> str:
    with pytest.raises(UserError) as error:
        history(tmp_path, *lines, **mapping)
    assert "\n" not in str(error.value)
    return str(error.value)


def scores(found: History, measure: str = "fid") -> dict[str, list[tuple[float, float | None]]]:
    return {
        trial.params["trial_name"]: [
            (row.cost["generator_steps"], row.measures[measure]) for row in trial.rows
        ]
        for trial in found.trials
    }


def as_told(tmp_path: Path, told: str, name: str) -> History:
    """Read the file again with the options that a message names."""
    options = re.search(r"as it applies: (.*) \(", told)
    assert options is not None
    words = shlex.split(options[1])
    given = list(zip(words[::2], words[1::2], strict=True))
    pairs = [value for option, value in given if option == "--map"]
    settings: dict[str, Any] = {
        "ignore": [value for option, value in given if option == "--ignore"],
        "repeated": dict(given).get("--repeated"),
    }
    return read_history(read_table(tmp_path / name), read_mapping(None, pairs, settings))


# --- a column per run


def test_a_wide_export_has_a_trial_per_run(tmp_path: Path) -> None:
    found = history(tmp_path, *WANDB, columns=STEPS)
    assert scores(found) == {
        "calm-sun-1": [(100, 85.5), (200, 80), (300, 74)],
        "late - fog-2": [(100, 90.25), (300, None)],
    }
    assert [row.verdict for row in found.trials[1].rows] == ["unknown", "diverged"]
    assert found.times == [100, 200, 300] and found.measures == ["fid"]
    assert [trial.params for trial in found.trials] == [
        {"trial_name": "calm-sun-1"},
        {"trial_name": "late - fog-2"},
    ]
    assert any("each of its 2 runs is a trial" in note for note in found.notes)


def test_a_mapping_may_name_the_metric_or_the_column_of_a_run(tmp_path: Path) -> None:
    plain = history(tmp_path, *WANDB, columns=STEPS)
    by_column = history(tmp_path, *WANDB, columns=STEPS | {"calm-sun-1 - fid": "fid"})
    assert scores(by_column) == scores(plain)
    lines = [line.replace(" - fid", " - val/FID") for line in WANDB]
    assert scores(history(tmp_path, *lines, columns=STEPS | {"val/FID": "fid"})) == scores(plain)
    one = history(tmp_path, *lines, columns=STEPS | {"late - fog-2 - val/FID": "fid"})
    assert scores(one) == scores(plain)
    told = refused(
        tmp_path, *WANDB, columns=STEPS | {"calm-sun-1 - fid": "fid", "late - fog-2 - fid": "kid"}
    )
    assert "'fid' is one metric of all runs, and is mapped to both fid and kid" in told


def test_a_run_can_be_left_out(tmp_path: Path) -> None:
    found = history(tmp_path, *WANDB, columns=STEPS, ignore=["late - fog-2 - fid"])
    assert list(scores(found)) == ["calm-sun-1"]


def test_one_message_says_all_that_a_wide_export_does_not(tmp_path: Path) -> None:
    told = refused(tmp_path, *WANDB)
    assert "h.csv is a wide export of Weights & Biases" in told
    assert "Add, as it applies: --map Step=generator_steps (" in told
    assert scores(as_told(tmp_path, told, "h.csv"))["calm-sun-1"][0] == (100, 85.5)
    lines = (
        "Step,a - val/score,a - acc,a - _step,b - val/score,b - acc,b - _step",
        "1,9,0.5,10,8,0.5,10",
        "2,7,0.6,20,6,0.7,20",
    )
    told = refused(tmp_path, *lines)
    assert "--map Step=generator_steps --map val/score=fid --ignore acc (" in told
    assert scores(as_told(tmp_path, told, "h.csv")) == {
        "a": [(1, 9), (2, 7)],
        "b": [(1, 8), (2, 6)],
    }


def test_several_metrics_are_several_columns_and_constant_ones_parameters(tmp_path: Path) -> None:
    lines = (
        "Step,a - fid,a - generator_steps,a - lr,b - fid,b - KID,b - generator_steps,b - lr",
        "1,9,100,1e-3,8,0.25,100,1e-4",
        "2,7,200,0.001,,,,",
    )
    found = history(tmp_path, *lines, ignore=["Step"])
    assert scores(found) == {"a": [(100, 9), (200, 7)], "b": [(100, 8)]}
    assert scores(found, "kid")["b"] == [(100, 0.25)]
    assert [trial.params["lr"] for trial in found.trials] == ["0.001", "0.0001"]


def test_errors_name_the_column_of_the_run(tmp_path: Path) -> None:
    lines = [line.replace('"90.25"', '"bad"', 1) for line in WANDB]
    told = refused(tmp_path, *lines, columns=STEPS)
    assert told == "h.csv, line 2, column 'late - fog-2 - fid': must be a number, got 'bad'"


def test_means_over_a_group_are_noted(tmp_path: Path) -> None:
    lines = [line.replace('"85.5","85.5"', '"85.5","80.5"') for line in WANDB]
    assert any("__MIN and __MAX" in note for note in history(tmp_path, *lines, columns=STEPS).notes)
    assert not any("__MIN" in note for note in history(tmp_path, *WANDB, columns=STEPS).notes)
    told = refused(tmp_path, "Step,a - fid__MIN,a - fid__MAX", "1,2,3", columns=STEPS)
    assert "no run has a value" in told


def test_a_table_with_trials_is_no_chart(tmp_path: Path) -> None:
    lines = ("trial,generator_steps,fid,EMA - fid", "0,1,9,5", "1,1,8,6")
    found = history(tmp_path, *lines)
    assert [trial.params for trial in found.trials] == [{"EMA - fid": "5"}, {"EMA - fid": "6"}]


# --- a scalar of TensorBoard, and steps that a resumption repeats


def tensorboard(head: str = "Wall time,Step,Value", before: str = "") -> list[str]:
    rows = [f"{before}{1.7e9 + n},{step},{fid}" for n, (step, fid) in enumerate(RESUMED)]
    return [head, *rows]


def test_one_message_says_all_that_a_scalar_of_tensorboard_does_not(tmp_path: Path) -> None:
    told = refused(tmp_path, *tensorboard())
    assert "--map Step=generator_steps --map Value=fid --repeated last (" in told
    assert "line 5 repeats the step of line 3" in told
    last = {"h": [(100, 84.5), (200, 79.5), (300, 75), (400, 70)]}
    assert scores(as_told(tmp_path, told, "h.csv")) == last
    told = refused(tmp_path, *tensorboard(), name="run-dcgan-tag-fid.csv")
    assert "Add, as it applies: --map Step=generator_steps --repeated last (" in told
    found = as_told(tmp_path, told, "run-dcgan-tag-fid.csv")
    assert scores(found) == {"dcgan": last["h"]}
    assert any("Value is fid, by the name of the file" in note for note in found.notes)


@pytest.mark.parametrize("more", [{}, {"ignore": ["Wall time"]}])
def test_of_repeated_steps_the_last_is_kept_when_asked_for(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    lines = tensorboard("trial,Wall time,Step,Value", "7,")
    columns = STEPS | {"Value": "fid"}
    told = refused(tmp_path, *lines, columns=columns, **more)
    assert told.startswith("h.csv, line 5: trial 7, seed 0, step 200 stands there already (line 3)")
    assert "--repeated last keeps the last row of each" in told
    found = history(tmp_path, *lines, columns=columns, repeated="last", **more)
    (trial,) = found.trials
    assert [row.measures["fid"] for row in trial.rows] == [84.5, 79.5, 75, 70] and trial.number == 7
    assert any(note.startswith("2 rows repeat a step") for note in found.notes)


def test_the_last_is_kept_whole_and_of_each_seed(tmp_path: Path) -> None:
    head = "trial,seed,generator_steps,fid,kid"
    rows = ["0,0,1,9,0.5", "0,1,1,8,0.25", "0,0,1,7,", "0,0,2,nan,", "0,0,2,6,", "0,1,2,5,1"]
    (trial,) = history(tmp_path, head, *rows, repeated="last").trials
    assert [(row.seed, row.measures["fid"], row.measures["kid"]) for row in trial.rows] == [
        (0, 7, None),
        (1, 8, 0.25),
        (0, 6, None),
        (1, 5, 1),
    ]
    assert all(row.finite for row in trial.rows), "the nan was of the part that was given up"


def test_only_what_is_known_can_be_kept(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown row to keep 'first'; known: last"):
        read_mapping(None, (), {"repeated": "first"})


def test_a_step_by_its_common_name_is_named_in_the_message(tmp_path: Path) -> None:
    told = refused(tmp_path, "trial,global_step,fid", "0,1,2")
    assert "--map global_step=generator_steps" in told
