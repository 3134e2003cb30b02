"""What objects keep, as tensors and JSON and back: nothing of it is pickled."""

from __future__ import annotations

import json
from collections import OrderedDict
from enum import IntEnum
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.optim import Adam

from ganstudy.trials.training.functions.kept import KeptObjects
from ganstudy.trials.training.functions.state_tree import decode, encode


class Colour(IntEnum):
    RED = 3


def through_file(value: Any) -> Any:
    tensors: dict[str, Tensor] = {}
    held = json.loads(json.dumps(encode(value, tensors, "x")))
    return decode(held, load(save(tensors)) if tensors else {})


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        1 << 80,
        -0.1,
        float("inf"),
        "text",
        [1, (2, [3.5]), {"a": None}],
        {0: "whole keys", "0": "and text", (1, 2): "pairs"},
        {"a": {"b": 1}, "a.b": 2},
        {},
        (),
    ],
)
def test_plain_values(value: Any) -> None:
    assert through_file(value) == value


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.zeros((0, 3), dtype=np.uint32),
        np.array(2**60),
        np.array([True, False]),
        np.array([1 + 2j]),
        np.random.default_rng(0).integers(0, 2**32, 624, dtype=np.uint32),
    ],
)
def test_arrays(array: Any) -> None:
    found = through_file({"a": array})["a"]
    assert found.dtype == array.dtype and found.shape == array.shape
    assert (found == array).all()


def test_values_of_subclasses_are_the_values() -> None:
    found = through_file([Colour.RED, np.float64(0.5), OrderedDict(a=1)])
    assert found == [3, 0.5, {"a": 1}] and type(found[0]) is int


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64])
def test_tensors(dtype: torch.dtype) -> None:
    shared = torch.arange(6).to(dtype)
    value = {"a": {"b": shared}, "a.b": shared.view(2, 3).t(), "scalar": shared[3]}
    found = through_file(value)
    assert torch.equal(found["a"]["b"], shared) and found["scalar"] == 3
    assert torch.equal(found["a.b"], shared.view(2, 3).t())


def test_a_copy_is_kept() -> None:
    tensors: dict[str, Tensor] = {}
    value = torch.zeros(2)
    encode(value, tensors, "x")
    value += 1
    assert not tensors["x"].any()


@pytest.mark.parametrize("value", [print, object(), {1, 2}, b"x", 1 + 2j])
def test_what_a_checkpoint_cannot_hold_is_named(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^sched\.lr_lambdas\.0 is a \w+, and a checkpoint can"):
        encode({"lr_lambdas": [value]}, {}, "sched")


def test_networks_and_optimisers_come_back_to_the_bit() -> None:
    def built() -> dict[str, Any]:
        network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
        return {"network": network, "optimiser": Adam(network.parameters(), 0.1), "seen": {}}

    def step(objects: dict[str, Any]) -> None:
        loss = objects["network"](torch.ones(4, 2) + torch.arange(8.0).view(4, 2)).square().mean()
        objects["optimiser"].zero_grad()
        loss.backward()
        objects["optimiser"].step()

    first, again = built(), built()
    step(first)
    first["seen"]["loss"] = 0.25
    kept, tensors = KeptObjects(None, {}), dict[str, Tensor]()
    kept.add(first)
    held = json.loads(json.dumps(kept.state(tensors, "kept.")))
    KeptObjects(held, load(save(tensors))).add(again)
    assert again["seen"] == {"loss": 0.25}
    for objects in (first, again):
        step(objects)
    for one, other in zip(
        first["network"].state_dict().values(), again["network"].state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)


def test_the_same_objects_must_be_kept_in_every_call() -> None:
    kept, tensors = KeptObjects(None, {}), dict[str, Tensor]()
    kept.add({"G": nn.Linear(2, 2), "D": nn.Linear(2, 1)})
    held = kept.state(tensors, "")
    later = KeptObjects(held, tensors)
    later.add({"G": nn.Linear(2, 2)})
    with pytest.raises(ValueError, match=r"the checkpoint has D, which run.keep did not name"):
        later.check_complete()
    with pytest.raises(ValueError, match=r"the checkpoint has no E, and run.keep names it"):
        later.add({"E": nn.Linear(1, 1)})
    with pytest.raises(ValueError, match="D cannot be restored from the checkpoint: RuntimeError"):
        KeptObjects(held, tensors).add({"D": nn.Linear(3, 1)})
