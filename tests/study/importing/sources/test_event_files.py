"""TensorBoard's event files as a source, written by another library than the one that reads them."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
from tensorboardX import SummaryWriter

from ganstudy.study.errors import UserError
from ganstudy.study.importing.history import History, history_of, read_history
from ganstudy.study.importing.imported_study import read_import
from ganstudy.study.importing.mapping import Mapping
from ganstudy.study.importing.sources.reading import read_source
from ganstudy.study.importing.table import read_table
from ganstudy.study.spec.tables import Tracking

pytestmark = pytest.mark.filterwarnings("ignore")  # tensorboardX warns of NaN and of NumPy
STEPS = {"step": "generator_steps"}
Point = tuple[str, int, float]


def write(
    folder: Path, points: Iterable[Point], settings: dict[str, Any] | None = None, suffix: str = ""
) -> Path:
    """Write one event file, a config.json beside it, and return the event file."""
    writer = SummaryWriter(str(folder), filename_suffix=suffix)
    for time, (tag, step, value) in enumerate(points):
        writer.add_scalar(tag, value, step, walltime=1e9 + time)
    writer.close()
    if settings is not None:
        (folder / "config.json").write_text(json.dumps(settings))
    (file,) = folder.glob(f"*tfevents*{suffix}")
    return file


def history(source: Path, **mapping: Any) -> History:
    return history_of(read_source(str(source), None, Mapping(columns=STEPS, **mapping)))


def refused(source: Path, **mapping: Any) -> str:
    with pytest.raises(UserError) as error:
        history_of(read_source(str(source), None, Mapping(**mapping)))
    return str(error.value)


def course(found: History, *measures: str) -> dict[str, list[tuple[Any, ...]]]:
    return {
        str(trial.params.get("trial_name", trial.number)): [
            (row.seed, row.cost["generator_steps"], *(row.to_json()[name] for name in measures))
            for row in trial.rows
        ]
        for trial in found.trials
    }


def fid(*values: float, start: int = 100) -> list[Point]:
    return [("fid", start + 100 * n, value) for n, value in enumerate(values)]


# --- the same as a table


def test_a_folder_is_read_as_the_same_numbers_in_a_table_are(tmp_path: Path) -> None:
    """Divergence, derived measures, unlike lengths, seeds and verdicts: one code path."""
    courses = {
        (0.5, 0): [(9.5, 0.75, 1.0), (7, 0.5, 2.0), (6, 0.25, 1.5)],
        (0.5, 1): [(9, 0.75, 1.0), (math.nan, math.nan, math.nan), (math.nan, math.nan, math.nan)],
        (2.0, 0): [(8, 0.5, math.inf), (8.5, 0.25, 1.0)],
        (2.0, 1): [(7.5, 0.5, 0.5), (8.25, 0.25, 0.25)],
    }
    table = tmp_path / "table.csv"
    with table.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["trial", "seed", "lr_g", "generator_steps", "fid", "precision", "loss_g"])
        for (rate, seed), values in courses.items():
            for n, scores in enumerate(values):
                out.writerow([f"lr{rate}", seed, rate, 100 * (n + 1), *scores])
    for (rate, seed), values in courses.items():
        points = [
            (tag, 100 * (n + 1), value)
            for n, scores in enumerate(values)
            for tag, value in zip(("FID", "precision", "loss_g"), scores, strict=True)
        ]
        folder = tmp_path / "runs" / f"lr{rate}" / f"seed{seed}"
        write(folder, points, {"lr_g": rate, "seed": seed})
    of_table = read_history(read_table(table), Mapping())
    found = history(tmp_path / "runs")
    assert found.trials == of_table.trials and found.times == of_table.times
    assert found.measures == ["fid", "precision", "loss_g"] or set(found.measures) == {
        "fid",
        "precision",
        "loss_g",
    }
    assert any("4 runs are 2 trials" in note for note in found.notes)
    assert any("end before 300" in note for note in found.notes)


def test_shares_and_numbers_keep_their_bounds(tmp_path: Path) -> None:
    write(tmp_path / "a", [("fid", 5, 9.0), ("precision", 5, 62.5)])
    told = refused(tmp_path, columns=STEPS)
    assert told.startswith(f"{tmp_path.name}, run 'a', step 5, column 'precision': precision (")
    assert "divide them by 100" in told


# --- tags that are logged at unlike steps


def test_the_rows_are_those_of_the_objective(tmp_path: Path) -> None:
    losses = [("loss_g", step, step / 1000) for step in range(1, 1001)]
    scores = [("fid", 500, 9.0), ("kid", 501, 0.5), ("fid", 1000, 7.0), ("kid", 1100, 0.25)]
    write(tmp_path / "a", sorted([*losses, *scores], key=lambda point: point[1]))
    found = history(tmp_path)
    assert course(found, "fid", "kid", "loss_g") == {
        "a": [(0, 500, 9.0, 0.5, 0.5), (0, 1000, 7.0, None, 1.0)]
    }, "KID at 501 is that of 500: at most 2% away. That at 1100 is of no row"
    assert any("the steps at which fid was logged" in note for note in found.notes)


def test_a_run_that_diverges_between_two_evaluations_has_diverged(tmp_path: Path) -> None:
    losses = [("loss_g", step, math.nan if step > 730 else 1.0) for step in range(10, 1000, 10)]
    write(tmp_path / "a", [*fid(9, 8, 7, 6, 5, 4, 3), *losses])
    write(tmp_path / "b", fid(9, 8, 7, 6, 5, 4, 3, 2, 1))
    found = history(tmp_path)
    a, b = found.trials
    assert [
        (row.cost["generator_steps"], row.measures["fid"], row.verdict) for row in a.rows[-2:]
    ] == [
        (700, 3, "unknown"),
        (740, None, "diverged"),
    ]
    assert [row.finite for row in b.rows] == [True] * 9


def test_a_run_that_died_before_its_first_score_is_not_forgotten(tmp_path: Path) -> None:
    write(tmp_path / "a", [("loss_g", 10, 1.0), ("loss_g", 20, math.nan), ("loss_g", 30, math.nan)])
    write(tmp_path / "b", fid(9, 8))
    write(tmp_path / "c", [("lr", 10, 1.0)])
    found = history(tmp_path)
    assert course(found, "fid", "finite") == {
        "a": [(0, 20, None, False)],
        "b": [(0, 100, 9, True), (0, 200, 8, True)],
    }
    assert "without any value of fid: a" in found.notes
    assert "1 runs have no measure and are left out: c" in found.notes


# --- restarts and kills


def restarted(tmp_path: Path) -> Path:
    first = [*fid(9, 8, 7), ("loss_g", 340, 5.0)]
    write(tmp_path / "a", first, suffix=".1")
    write(tmp_path / "a", [("loss_g", 190, 4.0), *fid(6, 5, 4, start=200)], suffix=".2")
    return tmp_path


def test_a_restarted_run_follows_repeated(tmp_path: Path) -> None:
    told = refused(restarted(tmp_path), columns=STEPS)
    assert "run 'a', step 200: trial 'a', seed 0, step 200 stands there already" in told
    assert "--repeated last keeps the last row of each" in told
    found = history(tmp_path, repeated="last")
    assert course(found, "fid", "loss_g") == {
        "a": [(0, 100, 9, None), (0, 200, 6, None), (0, 300, 5, None), (0, 400, 4, None)]
    }
    assert any(note.startswith("2 rows repeat a step") for note in found.notes)


def test_a_restart_between_two_evaluations_repeats_nothing(tmp_path: Path) -> None:
    write(tmp_path / "a", [*fid(9), ("loss_g", 140, math.nan)], suffix=".1")
    write(tmp_path / "a", [("loss_g", 110, 4.0), *fid(6, start=200)], suffix=".2")
    found = history(tmp_path)
    assert course(found, "fid", "finite") == {"a": [(0, 100, 9, True), (0, 200, 6, True)]}, (
        "the NaN is of the part that was given up"
    )


def test_two_writers_in_one_folder_are_no_restart(tmp_path: Path) -> None:
    write(tmp_path / "a", fid(9, 8), suffix=".scores")
    write(tmp_path / "a", [("loss_g", 100, 1.0), ("loss_g", 200, 2.0)], suffix=".losses")
    assert course(history(tmp_path), "fid", "loss_g") == {"a": [(0, 100, 9, 1), (0, 200, 8, 2)]}


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path, cut: int) -> None:
    file = write(tmp_path / "a", fid(9, 8, 7))
    data = file.read_bytes()
    file.write_bytes(data[:-cut])
    found = history(tmp_path)
    assert course(found, "fid") == {"a": [(0, 100, 9), (0, 200, 8)]}
    (note,) = [note for note in found.notes if "cut off" in note]
    assert note.startswith(f"run a: {file.name} is cut off or damaged after ")
    assert f"of {len(data) - cut} bytes" in note
    damaged = bytearray(data)
    damaged[-10] ^= 1
    file.write_bytes(damaged)
    assert course(history(tmp_path), "fid") == {"a": [(0, 100, 9), (0, 200, 8)]}
    file.write_bytes(data)
    assert not any("cut off" in note for note in history(tmp_path).notes)


# --- configurations and seeds


def test_hyperparameters_come_from_the_plug_in_and_from_files(tmp_path: Path) -> None:
    writer = SummaryWriter(str(tmp_path / "a"))
    for tag, step, value in fid(9, 8):
        writer.add_scalar(tag, value, step)
    writer.add_hparams({"lr_g": 0.0002, "width": 64, "ema": True, "loss": "hinge"}, {"fid": 8})
    writer.close()
    (tmp_path / "a" / "hparams.yaml").write_text("lr_g: 2e-4\nadam:\n  betas: [0.0, 0.9]\nk: 1\n")
    (tmp_path / "args.json").write_text('{"k": 2, "fid": "clean"}')
    found = history(tmp_path)
    (trial,) = found.trials
    assert trial.params == {
        "trial_name": "a",
        "lr_g": "0.0002",
        "width": "64",
        "ema": "True",
        "loss": "hinge",
        "adam.betas": "[0.0, 0.9]",
        "k": 1.0,
        "config/fid": "clean",
    }
    assert "run a: k is 1 in a/hparams.yaml, not 2 of args.json" in found.notes
    assert course(found, "fid") == {"a": [(0, 100, 9), (0, 200, 8)]}


def test_a_setting_and_a_schedule_may_have_one_name(tmp_path: Path) -> None:
    write(tmp_path / "a", [*fid(9), ("lr", 100, 0.125)], {"lr": 0.5})
    (trial,) = history_of(
        read_source(str(tmp_path), None, Mapping(columns=STEPS | {"lr": "lr_g"}))
    ).trials
    assert trial.params == {"trial_name": "a", "lr_g": "0.5"}


def test_what_is_no_configuration_is_said(tmp_path: Path) -> None:
    write(tmp_path / "a", fid(9))
    (tmp_path / "a" / "config.yaml").write_text("a: !!python/object:os.system {}\n")
    (tmp_path / "a" / "params.json").write_text("[1, 2]")
    notes = history(tmp_path).notes
    assert any("a/config.yaml is left out: could not determine a constructor" in n for n in notes)
    assert "run a: a/params.json is left out: it is no table of settings" in notes


@pytest.mark.parametrize("names", [("x/seed0", "x/seed1"), ("x_seed-0", "x_seed-1")])
def test_seeds_stand_in_names_too(tmp_path: Path, names: tuple[str, str]) -> None:
    for name in names:
        write(tmp_path / name, fid(9))
    assert course(history(tmp_path), "fid") == {"x": [(0, 100, 9), (1, 100, 9)]}


def test_runs_of_equal_seeds_are_not_merged(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, fid(9), {"seed": 3, "lr_g": 0.5})
    write(tmp_path / "c", fid(7), {"seed": 4, "lr_g": 0.5})
    found = history(tmp_path)
    assert course(found, "fid") == {"a": [(3, 100, 9)], "b": [(3, 100, 9)], "c": [(4, 100, 7)]}
    assert any("a and b have equal hyperparameters" in note for note in found.notes)


def test_a_run_of_which_only_the_seed_is_known_is_a_trial(tmp_path: Path) -> None:
    for seed, name in enumerate(("hinge", "wgan")):
        write(tmp_path / name, fid(9), {"seed": seed})
    assert course(history(tmp_path), "fid") == {"hinge": [(0, 100, 9)], "wgan": [(1, 100, 9)]}


# --- what is refused


def test_one_message_says_all_that_a_folder_does_not(tmp_path: Path) -> None:
    write(tmp_path / "a", [("Loss/d", 1, 1.0), ("Metrics/fid50k_full", 1, 9.0)])
    told = refused(tmp_path)
    assert "is a folder of TensorBoard's event files, and does not say all that is needed" in told
    assert "--map step=generator_steps --map Metrics/fid50k_full=fid (" in told
    columns = STEPS | {"Metrics/fid50k_full": "fid"}
    assert "has no 'FID', which the mapping names; it has: Loss/d, Metrics/fid50k_full" in refused(
        tmp_path, columns=columns | {"FID": "fid"}
    )
    found = history_of(read_source(str(tmp_path), None, Mapping(columns=columns)))
    assert course(found, "fid") == {"a": [(0, 1, 9)]}
    assert any(note.startswith("left out, being no known measure or") for note in found.notes)
    assert "a history of numbers" in refused(tmp_path, columns=columns | {"Loss/d": "lr_d"})


def test_a_tag_may_be_the_axis(tmp_path: Path) -> None:
    write(
        tmp_path / "a", [("fid", 1, 9.0), ("images", 1, 640.0), ("fid", 2, 8), ("images", 2, 1e3)]
    )
    found = history_of(read_source(str(tmp_path), None, Mapping()))
    assert found.axis == "images" and found.times == [640, 1000]


def test_an_empty_folder_and_a_missing_library_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "is one of TensorBoard's event files" in refused(tmp_path)
    assert "no such file" in refused(tmp_path / "absent")
    write(tmp_path / "a", fid(9))
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    assert "pip install 'ganstudy[tensorboard]'" in refused(tmp_path)


def test_the_same_folder_is_the_same_study(tmp_path: Path) -> None:
    write(tmp_path / "runs" / "a", fid(9, 8), {"lr_g": 0.5})

    def digest() -> str:
        return read_import(tmp_path / "runs", "x", Mapping(columns=STEPS), Tracking()).digest

    before = digest()
    assert digest() == before
    (tmp_path / "runs" / "a" / "config.json").write_text('{"lr_g": 0.25}')
    changed = digest()
    write(tmp_path / "runs" / "b", fid(9))
    assert len({before, changed, digest()}) == 3
