"""The exact test of two arms on the same few seeds, by all ways of swapping them.

If the arms are alike, they may be swapped on every seed by itself without changing what could have
been seen: each of the 2^n outcomes is equally likely, whatever the scores' distribution (Fisher
1935, sec. 21; Pitman 1937). No normality is assumed, so a collapsed seed costs no validity, and the
statistic is bounded, so that it costs little power.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from ganstudy.analysis.stats.estimate import LEVEL, NAN, Estimate, Floats, Ints


@dataclass(frozen=True)
class SignFlips:
    """Outcome of the test."""

    statistic: float
    """Sum over seeds of the difference of places, treated - control: below 0 where the treated arm
    has the better ones.
    """
    p: float
    """Two-sided: share of all swaps whose statistic is as far from 0 or farther; NaN without seeds."""


def sign_flip_test(treated: Floats, control: Floats) -> SignFlips:
    """Test the places [S] of two arms on the same seeds, ranked among all 2 S runs together."""
    # Places may be halves, by ties; twice a place is whole, so that sums are compared exactly.
    differences = np.rint(2 * (treated - control)).astype(np.int64)
    statistic = int(differences.sum())
    if not len(differences):
        return SignFlips(0.0, NAN)
    return SignFlips(statistic / 2, _share_as_far(differences, abs(statistic)))


def _share_as_far(differences: Ints, size: int) -> float:
    """Return the share of the 2^n sums of +-d whose absolute value is at least `size`."""
    # All of them without listing them: the distribution of a sum is the convolution of those of its
    # terms. Probabilities are multiples of 2^-n, which floats hold exactly up to n = 52.
    chances = np.ones(1)
    for d in np.abs(differences).tolist():
        # Sums are counted from the smallest: -d adds 0 to the place, +d adds 2 d.
        wider = np.zeros(len(chances) + 2 * d)
        wider[: len(chances)] += chances / 2
        wider[2 * d :] += chances / 2
        chances = wider
    sums = np.arange(len(chances)) - np.abs(differences).sum()
    return float(min(1.0, chances[np.abs(sums) >= size].sum()))


def improved_share(treated: Floats, control: Floats) -> Estimate:
    """Estimate the probability of improvement: that a seed's place is better in the treated arm.

    Ties count a half. Clopper and Pearson's interval, with ties as losses at its lower end and as
    wins at its upper one, so that it holds the promised 95% at any n.
    """
    n = len(treated)
    if not n:
        return Estimate(NAN, unit="seeds")
    wins, ties = int((treated < control).sum()), int((treated == control).sum())
    tail, most = (1 - LEVEL) / 2, wins + ties
    low = float(beta.ppf(tail, wins, n - wins + 1)) if wins else 0.0
    high = float(beta.ppf(1 - tail, most + 1, n - most)) if most < n else 1.0
    return Estimate((wins + ties / 2) / n, low, high, n=n, unit="seeds")
