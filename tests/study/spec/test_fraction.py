"""Balanced fractions of a design: strength, published resolutions, and what is refused."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest

from ganstudy.study.errors import UserError
from ganstudy.study.spec.design_plan import plan, planned_trials
from ganstudy.study.spec.fraction import find_fraction, possible_shares
from ganstudy.study.spec.reader import parse_study
from ganstudy.study.spec.study_spec import StudySpec

SPACE = """
k = [1, 2, 5]
lr_d = { low = 1e-4, high = 1e-2, log = true }
loss = ["hinge", "least_squares", "minimax"]
remedies = [[], ["historical_averaging"], ["minibatch_discrimination"]]
"historical_averaging.weight" = { low = 1e-3, high = 1.0, log = true }
"""


def study(design: str, space: str = SPACE) -> StudySpec:
    text = (
        'name = "s"\ndata = { name = "digits" }\n[train]\nbudget = { updates = 100 }\n'
        f"[search]\ntrials = 0\n[search.space]\n{space}[design]\n{design}"
    )
    return parse_study(text, "s.toml")


def refusal(design: str, space: str = SPACE) -> str:
    with pytest.raises(UserError) as caught:
        study(design, space)
    return str(caught.value)


@pytest.mark.parametrize(
    ("levels", "share", "resolution"),
    [
        # Two levels: Box, Hunter & Hunter 2005, table 6.22; three: Montgomery 2017, section 9.3.
        ([2] * 3, 2, 3),
        ([2] * 4, 2, 4),
        ([2] * 5, 2, 5),
        ([2] * 5, 4, 3),
        ([2] * 6, 4, 4),
        ([2] * 7, 8, 4),
        ([2] * 7, 16, 3),
        ([2] * 8, 16, 4),
        ([3] * 3, 3, 3),
        ([3] * 4, 3, 4),
        ([3] * 4, 9, 3),
        ([3] * 5, 9, 3),
    ],
)
def test_the_shortest_word_is_as_long_as_that_of_published_fractions(
    levels, share, resolution
) -> None:
    fraction = find_fraction(levels, share)
    assert fraction is not None and fraction.share == share
    assert len(fraction.words[0]) == resolution


@pytest.mark.parametrize(
    ("levels", "share"),
    [
        ([3, 3, 3], 3),
        ([2, 4, 2], 2),
        ([6, 2, 4, 3, 3], 6),
        ([2, 2, 2, 4, 5], 2),
        ([2, 2, 2, 2, 2], 4),
    ],
)
def test_fewer_factors_than_a_word_has_occur_in_all_combinations_equally_often(
    levels, share
) -> None:
    """By enumeration, in every part; and the parts together are the whole product, once."""
    fraction = find_fraction(levels, share)
    assert fraction is not None
    strength = len(fraction.words[0]) - 1
    assert strength >= 2
    whole = Counter[tuple[int, ...]]()
    for part in range(share):
        runs = list(fraction.combinations(part))
        assert len(runs) == math.prod(levels) // share
        whole.update(runs)
        for chosen in itertools.combinations(range(len(levels)), strength):
            seen = Counter(tuple(run[i] for i in chosen) for run in runs)
            assert len(seen) == math.prod(levels[i] for i in chosen) and len({*seen.values()}) == 1
    assert set(whole.values()) == {1} and len(whole) == math.prod(levels)


def test_the_factors_of_the_shortest_word_are_confounded() -> None:
    """A word is no word if its factors occur in all combinations in every part."""
    fraction = find_fraction([2, 2, 2, 2, 3, 2], 4)
    assert fraction is not None
    for word in fraction.words:
        for part in range(4):
            runs = {tuple(run[i] for i in word) for run in fraction.combinations(part)}
            assert len(runs) < math.prod([2, 2, 2, 2, 3, 2][i] for i in word)


@pytest.mark.parametrize("levels", [[2, 2], [3, 4, 5], [2, 3, 2], [7]])
def test_what_has_no_balanced_part_has_none(levels) -> None:
    assert possible_shares(levels) == []


def test_points_train_parts_in_random_turns_and_all_of_them_equally_often() -> None:
    spec = study("points = 12\nfraction = 3\n")
    trials = plan(spec)
    assert planned_trials(spec) == len(trials) == 12 * 9
    seen = Counter((t.params["k"], t.params["loss"], t.params["remedies"]) for t in trials)
    assert len(seen) == 27 and set(seen.values()) == {4}
    for start in (0, 3, 6, 9):
        turn = [t for t in trials if start <= t.point < start + 3]
        assert len({(t.params["k"], t.params["loss"], t.params["remedies"]) for t in turn}) == 27
    for point in range(12):
        at = [t.params for t in trials if t.point == point]
        for one, other in itertools.combinations(("k", "loss", "remedies"), 2):
            assert len({(params[one], params[other]) for params in at}) == 9
    turns = [
        t.params["remedies"] for t in trials if t.params["k"] == 1 and t.params["loss"] == "minimax"
    ]
    assert len({tuple(turns[i : i + 3]) for i in range(0, 12, 3)}) > 1, "in random order"
    assert plan(spec) == trials
    longer = plan(study("points = 15\nfraction = 3\n"))
    assert longer[: len(trials)] == trials, "more points begin with the same ones"


def test_a_product_that_is_too_large_is_offered_the_fraction_that_fits() -> None:
    found = refusal("points = 8\nmost = 100\n")
    assert "27 combinations of k, loss, remedies at 8 points are 216 trials" in found
    assert "set design.fraction = 3 (and points to 9)" in found
    assert planned_trials(study("points = 9\nfraction = 3\nmost = 100\n")) == 81


@pytest.mark.parametrize(
    ("design", "message"),
    [
        ("points = 8\nfraction = 3\n", "must be a multiple of design.fraction = 3"),
        ("points = 8\nfraction = 3\n", "got 8; the nearest: 6 or 9"),
        (
            "points = 3\nfraction = 3\n",
            "design.points: must be >= 4 with design.fraction = 3, got 3",
        ),
        (
            "points = 8\nfraction = 2\n",
            "no balanced part of one in 2 combinations of k, loss, remedies",
        ),
        ("points = 8\nfraction = 2\n", "possible here: 3"),
        ('factors = ["k", "loss"]\npoints = 9\nfraction = 3\n', "here there is none: leave it out"),
        ("fraction = 0\n", "design.fraction"),
    ],
)
def test_a_fraction_that_is_not_balanced_is_refused(design: str, message: str) -> None:
    assert message in refusal(design)


def test_factors_that_belong_to_others_have_no_fraction() -> None:
    space = SPACE.replace("{ low = 1e-3, high = 1.0, log = true }", "[0.1, 1.0, 3.0]")
    assert "some belong to a value of another" in refusal("points = 9\nfraction = 3\n", space)
