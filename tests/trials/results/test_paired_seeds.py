"""How many seeds an exact test needs."""

from __future__ import annotations

import pytest

from ganstudy.trials.results.paired_seeds import (
    SIGNIFICANCE,
    fewest_seeds,
    most_comparisons,
    smallest_p,
)


@pytest.mark.parametrize(
    ("comparisons", "seeds"), [(0, 6), (1, 6), (2, 7), (3, 7), (4, 8), (6, 8), (7, 9), (17, 10)]
)
def test_fewest_seeds(comparisons: int, seeds: int) -> None:
    """2^(n - 1) >= m / 0.05."""
    assert fewest_seeds(comparisons) == seeds
    m = max(1, comparisons)
    assert m * smallest_p(seeds) < SIGNIFICANCE < m * smallest_p(seeds - 1)


def test_the_same_the_other_way_round() -> None:
    assert [most_comparisons(n) for n in (5, 6, 7, 8, 10)] == [0, 1, 3, 6, 25]
    for seeds in range(6, 40):
        assert fewest_seeds(most_comparisons(seeds)) == seeds
