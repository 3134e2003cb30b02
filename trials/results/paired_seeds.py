"""How many paired seeds a comparison needs before an exact test of their signs can tell anything.

Two arms that are alike are as likely to be swapped on any seed as not, so of n seeds the most
extreme outcome has a two-sided p-value of 2 / 2^n, whatever the scores are (Fisher 1935, sec. 21).
"""

from __future__ import annotations

import math

SIGNIFICANCE = 0.05
"""Level of every test, after correction for the number of comparisons."""


def smallest_p(seeds: int) -> float:
    """Return the smallest two-sided p-value that so many paired seeds can have."""
    return min(1.0, 2.0 ** (1 - seeds))


def fewest_seeds(comparisons: int) -> int:
    """Return the fewest paired seeds with which one of so many comparisons can be conclusive.

    The correction is Bonferroni's, or the first step of Holm's.
    """
    return 1 + math.ceil(math.log2(max(1, comparisons) / SIGNIFICANCE))


def most_comparisons(seeds: int) -> int:
    """Return the largest number of comparisons of which so many paired seeds can tell one."""
    return math.floor(SIGNIFICANCE / smallest_p(seeds))
