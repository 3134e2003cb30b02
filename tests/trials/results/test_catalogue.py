"""The catalogue's own words about directions, which every reader takes from it."""

from __future__ import annotations

import pytest

from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.roles import BASELINE, BEST, NEAREST, has_role, joined


@pytest.mark.parametrize("name", MEASURES)
def test_sign_and_word_of_a_measure_are_those_of_its_direction(name: str) -> None:
    measure = MEASURES[name]
    expected = {"down": (1, "lower"), "up": (-1, "higher"), "none": (1, "")}
    assert (measure.sign, measure.better) == expected[measure.direction]


def test_larger_recall_and_smaller_fid_are_better() -> None:
    assert MEASURES["recall"].sign * 0.9 < MEASURES["recall"].sign * 0.1
    assert MEASURES["fid"].sign * 1.0 < MEASURES["fid"].sign * 2.0


def test_roles_of_a_trial_are_read_as_they_were_joined() -> None:
    roles = joined((BEST, f"{BEST} with lecam", BASELINE))
    assert has_role(roles, BEST) and has_role(roles, BASELINE)
    assert not has_role(roles, NEAREST)
    assert not has_role(f"{BEST} with lecam", BEST), "the best of a set need not be the best of all"
