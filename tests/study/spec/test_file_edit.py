"""Single values of a study file are changed where they stand, and nothing else is."""

from __future__ import annotations

import tomllib

import pytest

from ganstudy.study.errors import UserError
from ganstudy.study.spec.file_edit import edited

TEXT = """# A study of mine.
name = "mine"   # its name

[train]
budget = { generator_steps = 2000 }  # long
seeds = [
    0, 1,   # two of them
    2,
]
lr_d = 1e-3

[search]  # behind the design
trials = 24
[search.space]
seeds_of_text = "seeds = [7] # no comment"
"""


def test_values_are_replaced_where_they_stand() -> None:
    changes = {
        ("train", "seeds"): [0, 1, 2, 3],
        ("train", "budget"): {"generator_steps": 600},
        ("design", "points"): 8,
        ("search", "trials"): 0,
    }
    assert (
        edited(TEXT, changes)
        == """# A study of mine.
name = "mine"   # its name

[train]
budget = { generator_steps = 600 }  # long
seeds = [0, 1, 2, 3]
lr_d = 1e-3

[design]
points = 8

[search]  # behind the design
trials = 0
[search.space]
seeds_of_text = "seeds = [7] # no comment"
"""
    )


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("[train]\nlr_d = 1\n", {("train", "seeds"): [1]}),
        ("[train]", {("train", "seeds"): [1]}),
        ("name = 'x'", {("design", "points"): 4}),
        ("[ train ]\nseeds=[3]#x\n[design]\npoints = 2", {("design", "points"): 4}),
        ("[train]\nseeds = [1]\n[train.more]\nseeds = [2]\n", {("train", "seeds"): [9]}),
        ("[train.more]\nseeds = [2]\n[train]\n", {("train", "seeds"): [9]}),
        ("[train]\nseedss = [1]\n", {("train", "seeds"): [9]}),
    ],
)
def test_the_rest_keeps_its_meaning(text: str, changes: dict[tuple[str, str], object]) -> None:
    wanted = tomllib.loads(text)
    for (table, key), value in changes.items():
        wanted.setdefault(table, {})[key] = value
    assert tomllib.loads(edited(text, changes)) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "train = { seeds = [0] }",
        "train.seeds = [0]",
        '[train]\n"seeds" = [0]',
        '[train]\nx = """\n[search]\nseeds = 4\n"""\nseeds = [0]',
    ],
)
def test_another_form_is_told_and_not_guessed(text: str) -> None:
    with pytest.raises(UserError, match=r"change by hand:\n  \[train\] seeds = \[1, 2\]"):
        edited(text, {("train", "seeds"): [1, 2]})
