"""The line: its points lie where its mixture says."""

from __future__ import annotations

import pytest

from ganstudy.trials.config.data import DATA
from ganstudy.trials.data import load


def test_points_lie_near_their_means() -> None:
    data = load(DATA["line"]())
    assert data.train.shape == (100_000, 2) and len(data.mode_names or ()) == 5
    assert data.train[:, 1].std().item() == pytest.approx(0.05, rel=0.02)
    assert data.train[:, 0].var().item() == pytest.approx(2 + 0.05**2, rel=0.02)
