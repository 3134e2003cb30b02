"""A dict is the study file that it stands for."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganstudy.study.errors import UserError
from ganstudy.study.python.toml_text import toml_text

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
SCALARS = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text()
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(), TREES, max_size=4))
def test_what_is_written_is_read_again(tables) -> None:
    assert tomllib.loads(toml_text(tables)) == tables


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_every_example_may_be_a_dict(path: Path) -> None:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    assert tomllib.loads(toml_text(tables)) == tables


def test_what_python_has_beside_becomes_what_toml_has() -> None:
    tables = {
        "name": "x",
        "data": {"path": Path("photos")},
        "train": {"seeds": range(3), "lr_d": np.float64(1e-4), "k": np.int64(2)},
        "search": {"space": {"k": np.array([1, 2]), "lecam.weight": (0.1, 0.2)}},
    }
    assert tomllib.loads(toml_text(tables)) == {
        "name": "x",
        "data": {"path": "photos"},
        "train": {"seeds": [0, 1, 2], "lr_d": 1e-4, "k": 2},
        "search": {"space": {"k": [1, 2], "lecam.weight": [0.1, 0.2]}},
    }


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"train": {"k": None}}, "train.k: .* leave the key out"),
        ({"train": {"seeds": {1, 2}}}, "train.seeds: .* this is a set"),
        ({"search": {"space": {"k": [1, [object()]]}}}, "search.space.k: .* a object"),
        ({"question": "\ud800"}, "question: .* UTF-8"),
        ({"search": {2: 1}}, "search: keys of a study are text, got 2"),
    ],
)
def test_anything_else_is_named_with_its_place(tables, said: str) -> None:
    with pytest.raises(UserError, match=said):
        toml_text(tables)
