"""How many configurations are trained together where the study file does not say."""

from __future__ import annotations

import math
from pathlib import Path

import optuna
import pytest

from ganstudy.study.ledger.ledger import LANES, Ledger
from ganstudy.study.ledger.packing import (
    CPU_LANES,
    GPU_LANES,
    next_pack,
    pack_size,
    trials_per_pack,
    with_lanes,
)
from ganstudy.study.ledger.storage import open_storage
from ganstudy.study.spec.reader import parse_study
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.results.records import Stage


def study(
    budget: str = "generator_steps = 20",
    resources: str = "",
    sampler: str = "random",
    schedule: str = "fifo",
    seeds: int = 3,
    data: str = "ring",
    model: str = "mlp",
) -> StudySpec:
    text = f"""
name = "packs"
data = {{ name = "{data}" }}
model = {{ name = "{model}" }}
[train]
seeds = {list(range(seeds))}
budget = {{ {budget} }}
evaluations = 2
[search]
sampler = "{sampler}"
trials = 40
[search.space]
lr_d = {{ low = 1e-4, high = 3e-3, log = true }}
[schedule]
name = "{schedule}"
[resources]
{resources}
"""
    return parse_study(text, "test.toml")


@pytest.mark.parametrize(
    ("options", "lanes"),
    [
        ({}, CPU_LANES),
        ({"resources": "gpus = 0.5"}, GPU_LANES),
        ({"data": "digits", "model": "dcgan"}, CPU_LANES),
        ({"data": "mnist"}, CPU_LANES),
        ({"data": "mnist", "model": "dcgan"}, 1),
        ({"data": "mnist", "model": "dcgan", "resources": "gpus = 1"}, GPU_LANES),
        ({"budget": "seconds = 20"}, 1),
        ({"resources": "lanes = 1"}, 1),
        ({"resources": "lanes = 36"}, 36),
    ],
)
def test_by_device_unless_stated(options: dict[str, str], lanes: int) -> None:
    assert with_lanes(study(**options)).resources.lanes == lanes  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seeds", "left", "slots", "most"),
    [
        (3, 40, 2, 8),  # 24 lanes
        (6, 40, 2, 4),
        (10, 40, 2, 2),
        (13, 40, 2, 1),
        (3, 20, 2, 5),  # half of a slot's ten
        (3, 4, 2, 1),
        (3, 40, 10, 2),
        (3, 40, 40, 1),
    ],
)
def test_no_pack_is_more_than_half_of_what_a_slot_has_to_do(
    seeds: int, left: int, slots: int, most: int
) -> None:
    spec = with_lanes(study(seeds=seeds))
    assert trials_per_pack(spec, Stage.SEARCH, seeds, left, slots) == most
    stated = study(resources="lanes = 24", seeds=seeds)
    assert trials_per_pack(stated, Stage.SEARCH, seeds, left, slots) == max(1, 24 // seeds)


@pytest.mark.parametrize("options", [{"sampler": "tpe"}, {"schedule": "asha"}])
def test_a_search_that_looks_at_scores_is_never_packed(options: dict[str, str]) -> None:
    spec = with_lanes(study(**options))  # type: ignore[arg-type]
    assert trials_per_pack(spec, Stage.SEARCH, 3, 40, 2) == 1


def test_a_study_keeps_the_lanes_that_it_began_with(tmp_path: Path) -> None:
    path, spec = tmp_path / "ledger.db", study()
    assert Ledger.create(path, spec, "").spec.resources.lanes == CPU_LANES
    storage = open_storage(path)
    (made,) = optuna.get_all_study_names(storage)
    begun = optuna.load_study(study_name=made, storage=storage)
    # A ledger of another version, whose default was another one.
    begun.set_user_attr(LANES, 9)
    assert Ledger.open(path).spec.resources.lanes == 9
    assert Ledger.create(path, spec, "").spec.resources.lanes == 9
    stated = study(resources="lanes = 6")
    assert Ledger.create(path, stated, "").spec.resources.lanes == 6, "what is stated counts"
    # And of one that had none: its file said nothing, and each trial was trained by itself.
    older = tmp_path / "older" / "ledger.db"
    Ledger.create(older, spec, "")
    storage = open_storage(older)
    number = storage.get_study_id_from_name(made)
    attributes = storage.get_study_user_attrs(number)
    assert attributes[LANES] == CPU_LANES
    _forget(older)
    assert Ledger.open(older).spec.resources.lanes == 1
    assert Ledger.create(older, spec, "").spec.resources.lanes == 1


def _forget(path: Path) -> None:
    import sqlite3

    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM study_user_attributes WHERE key = ?", (LANES,))


def test_a_pack_is_the_first_trial_and_others_like_it() -> None:
    drawn = ["a1", "b1", "a2", "c1", "a3"]
    assert next_pack(drawn, 2, lambda each: each[0]) == (["a1", "a2"], ["b1", "c1", "a3"])
    assert next_pack(drawn, 9, lambda each: each[0]) == (["a1", "a2", "a3"], ["b1", "c1"])
    assert [pack_size(4, left, 2) for left in (72, 8, 7, 3, 1)] == [4, 4, 4, 2, 1]
    assert pack_size(1, 72, 2) == 1 and math.ceil(3 / 2) == pack_size(8, 3, 2)
