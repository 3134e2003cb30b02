"""What was computed of a study is kept with it, and never with another."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from ganstudy.analysis.frames.compared_scores import compared_scores
from ganstudy.analysis.frames.kept import KeepsResults, kept
from ganstudy.analysis.frames.selection import distinct_configurations
from ganstudy.analysis.report.blocks import Results

CALLS: list[tuple[float, float]] = []


@dataclass
class Number(KeepsResults):
    value: float
    keeps_results: bool = True


@kept
def times(number: Number, factor: float = 1.0) -> Number:
    CALLS.append((number.value, factor))
    return number if factor == 1 else Number(factor * number.value)


def test_each_result_is_computed_once_for_each_object_and_arguments() -> None:
    CALLS.clear()
    two, three = Number(2.0), Number(3.0)
    assert times(two, factor=5.0) is times(two, factor=5.0) is not times(two, factor=7.0)
    assert times(three, factor=5.0).value == 15.0
    assert CALLS == [(2.0, 5.0), (2.0, 7.0), (3.0, 5.0)]
    assert times(replace(two, value=4.0), factor=5.0).value == 20.0, "a new object knows nothing"
    assert times(two) is two and not any(each is two for each in two._kept.values())


def test_what_may_still_be_changed_keeps_nothing(made_study) -> None:
    CALLS.clear()
    two = Number(2.0, keeps_results=False)
    assert times(two, factor=5.0).value == 10.0
    two.value = 3.0
    assert times(two, factor=5.0).value == 15.0 and len(CALLS) == 2
    study = made_study(np.array([[4.0, 5.0], [6.0, 7.0]]), {"k": [1.0, 2.0]})
    before = compared_scores(study).scores
    study.evaluations["fid"] *= 2
    assert (compared_scores(study).scores == 2 * before).all()


def test_a_report_compares_once_and_a_changed_study_anew(made_study) -> None:
    study = Results(made_study(np.array([[4.0, 5.0], [6.0, 7.0]]), {"k": [1.0, 2.0]})).study
    first = compared_scores(study)
    assert compared_scores(study, "generator_steps", "fid") is first, "the defaults by their names"
    assert compared_scores(study, "images") is not first
    assert compared_scores(study, complete=True) is not first
    with pytest.raises(ValueError, match="read-only"):
        first.scores[0, 0] = 0.0
    doubled = study.evaluations.assign(fid=2 * study.evaluations["fid"])
    again = compared_scores(replace(study, evaluations=doubled))
    assert (again.scores == 2 * first.scores).all()


def test_a_study_without_repetitions_is_itself(made_study) -> None:
    """So that all tables share what was computed of it."""
    study = made_study(np.array([[4.0, 5.0], [6.0, 7.0]]), {"k": [1.0, 2.0]})
    assert distinct_configurations(study) is study
