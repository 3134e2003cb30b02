"""Cycling: does the generator move from mode to mode instead of holding them all?

From the mode histograms of a seed's evaluations so far, p_t the share of samples per mode (K
modes):

    movement           TV(p_t, p_t-1) = 1/2 sum_k |p_t[k] - p_t-1[k]| of the last two; 0 to 1, share of samples
                       that changed their mode. Independent draws of n samples from an even, unmoving
                       distribution score sqrt((K - 1) / (pi n)): 0.047 for 8 modes and n = 1000
    dominant switches  times that another mode became the dominant one, over all evaluations
    returns            switches to a mode that had been dominant before: the sign of a cycle rather than a drift
    hidden coverage    effective modes of the window's samples taken together minus those of the latest
                       evaluation, but not below 0: what the generator can make and does not make now

The dominant mode is sticky. Among even modes the largest count changes hands by chance at nearly
every evaluation, so another mode takes over only when its count c exceeds the dominant one's count
d

    by more than chance explains: P(Binomial(c + d, 1/2) >= c) < 0.001 / (K - 1), which bounds false switches
    of a perfect sampler at one per 1000 evaluations for any K and n (the plain bound, z > 3, would be crossed
    by one of 1000 modes at every evaluation);
    and to at least twice d: at large n the first test sees every wobble of an imperfect but steady generator.

Effective modes are exp of the entropy, corrected for its bias (Miller 1955: + (modes seen - 1) /
2n), since the window holds more samples than one evaluation and would seem richer for that alone.
Free of torch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import bdtrc, entr

FALSE_SWITCHES = 1e-3
"""Per evaluation of a perfect sampler, at most."""
TAKEOVER = 2
"""Times the count of the dominant mode that another one needs to take its place. A choice: twice is
beyond the wobble of an imperfect but steady generator."""


def cycling(histograms: Sequence[Sequence[int]], window: int) -> dict[str, float | None]:
    """Return the measures of cycling by name.

    They are movement (share), dominant_switches and returns (counts), and hidden_coverage
    (effective modes).

    histograms: samples per mode of one seed's evaluations in order, oldest first, [T][K];
    evaluations without one (a diverged seed) are left out by the caller. window: evaluations that
    hidden coverage looks back on, the latest included. What needs two evaluations is None before
    there are two; all are None without any.
    """
    names = ("movement", "dominant_switches", "returns", "hidden_coverage")
    if len(histograms) == 0:
        return dict.fromkeys(names)
    counts = np.asarray(histograms)
    switches, returns = _switches(counts)
    if len(counts) == 1:
        return dict(zip(names, (None, switches, returns, None), strict=True))
    before, latest = counts[-2] / counts[-2].sum(), counts[-1] / counts[-1].sum()
    movement = float(np.abs(latest - before).sum() / 2)
    # A window whose earlier evaluations were narrower has fewer effective modes than the latest
    # one.
    hidden = max(0.0, _effective_modes(counts[-window:].sum(axis=0)) - _effective_modes(counts[-1]))
    return dict(zip(names, (movement, switches, returns, hidden), strict=True))


def _effective_modes(counts: np.ndarray) -> float:
    """Return exp(H + (modes seen - 1) / 2n) for counts [K], at most K: Miller's correction."""
    bias = (np.count_nonzero(counts) - 1) / (2 * counts.sum())
    return min(float(len(counts)), float(np.exp(entropy(counts) + bias)))


def entropy(counts: np.ndarray) -> float:
    """Return the plug-in entropy of counts [K], nats."""
    # scipy.stats.entropy spends nearly all its time on checking its arguments where counts are few.
    return float(entr(counts / counts.sum()).sum())


def _switches(counts: np.ndarray) -> tuple[float, float]:
    """Return (dominant switches, returns) over counts [T, K]."""
    num_modes = counts.shape[1]
    # Which of several equal counts argmax takes does not matter: none of the others is twice as
    # large.
    dominant = int(counts[0].argmax())
    left: set[int] = set()
    switches = returns = 0
    for histogram in counts[1:]:
        largest = int(histogram.argmax())
        c, d = int(histogram[largest]), int(histogram[dominant])
        # The cheap test first: histories are long, and few evaluations have a candidate at all.
        if largest == dominant or c < TAKEOVER * d:
            continue
        if bdtrc(c - 1, c + d, 0.5) * (num_modes - 1) < FALSE_SWITCHES:  # P(Binomial > c - 1)
            switches += 1
            returns += largest in left
            left.add(dominant)
            dominant = largest
    return float(switches), float(returns)
