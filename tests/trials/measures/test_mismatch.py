"""The objective mismatch: known orders, an independent version, and what cannot be correlated."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import rankdata

from ganstudy.trials.measures.mismatch import objective_mismatch


def test_orders_that_are_known() -> None:
    fid = [9.0, 7.0, 4.0, 3.5, 1.0]
    assert objective_mismatch([5.0, 4.0, 3.0, 2.0, 1.0], fid) == pytest.approx(1), (
        "falls as FID does"
    )
    assert objective_mismatch([0.1, 0.5, 2.0, 2.1, 9.0], fid) == pytest.approx(-1), (
        "rises while samples improve"
    )
    assert objective_mismatch([2, 1, 4, 3], [1, 2, 3, 4]) == pytest.approx(1 - 6 * 4 / (4 * 15)), (
        "1 - 6 sum d^2 / n(n^2-1)"
    )


def test_it_is_pearson_on_the_ranks_with_ties(conformance) -> None:
    rng = np.random.default_rng(0)
    losses, fids = rng.integers(0, 5, 30).astype(float), rng.normal(size=30)
    expected = np.corrcoef(rankdata(losses), rankdata(fids))[0, 1]
    deviation = abs(objective_mismatch(losses.tolist(), fids.tolist()) - expected)
    conformance("measure mismatch", "Pearson on ranks, numpy", deviation, 1e-12)


def test_missing_evaluations_are_left_out() -> None:
    losses = [1.0, None, 2.0, math.nan, 3.0, 4.0, math.inf]
    fids = [10.0, 1.0, 20.0, 2.0, 30.0, 40.0, 3.0]
    assert objective_mismatch(losses, fids) == pytest.approx(1)
    assert objective_mismatch([1.0, 2.0, 3.0, None], [1.0, 2.0, 3.0, 4.0]) is None, (
        "three pairs are too few"
    )


def test_constant_input_has_no_order() -> None:
    assert objective_mismatch([1.0] * 5, [1.0, 2.0, 3.0, 4.0, 5.0]) is None
    assert objective_mismatch([1.0, 2.0, 3.0, 4.0, 5.0], [7.0] * 5) is None
    assert objective_mismatch([], []) is None
