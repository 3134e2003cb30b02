"""The distance of means in a closed form: a shift by a vector is its length."""

from __future__ import annotations

import pytest
import torch

from ganstudy.trials.measures.base import Assignment, RealSamples, Samples
from ganstudy.trials.measures.mean_distance import MEAN_DISTANCE


def test_a_shift_is_as_far_as_it_is_long(conformance) -> None:
    real = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    one = torch.ones(50)
    score = MEAN_DISTANCE.against(RealSamples(real, real, one[:1], [50]))
    moved = real + torch.tensor([2.0, 3.0, 6.0])
    found = score(Samples(moved, moved, Assignment(one, one), [50]))["mean_distance"]
    assert found == pytest.approx(7.0, abs=1e-5)
    conformance("measure mean_distance", "length of a shift", abs(found - 7.0), 1e-5)
