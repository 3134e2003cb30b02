"""How a seed is doing, from its evaluations so far. First rules; thresholds are named below.

    diverged    the latest evaluation found a non-finite parameter or sample
    cycling     narrow, and the narrow spot moves: the dominant mode changed at least twice within the
                window, and the window's union holds at least 1.5 times as many effective modes as its
                typical evaluation
    collapsed   narrow: over the window, the typical (median) number of effective modes is less than half
                that of the real data
    converged   not narrow, at least half as many high-quality samples as real data, and FID moved by no
                more than 25% of its median over the window
    unsettled   anything else

The window is the latest third of the evaluations that the trial will make, at least three; before three
evaluations exist a seed is diverged or unsettled, since a generator that has only begun draws from few
modes too. Effective modes are exp(entropy of the histogram), so
a mode that is hardly ever drawn hardly counts.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from typing import Any

from trials.records import Verdict

MIN_WINDOW = 3
NARROW_SHARE = 0.5
CYCLING_SWITCHES = 2
CYCLING_UNION = 1.5
CONVERGED_SPREAD = 0.25
CONVERGED_QUALITY = 0.5


def effective_modes(histogram: Sequence[float]) -> float:
    """exp of the entropy of a histogram of counts; 1 when all samples fall on one mode."""
    total = sum(histogram)
    return math.exp(-sum(c / total * math.log(c / total) for c in histogram if c > 0))


def window_length(planned_evaluations: int) -> int:
    """Evaluations that a verdict looks back on."""
    return max(MIN_WINDOW, math.ceil(planned_evaluations / 3))


def verdict(rows: Sequence[dict[str, Any]], planned: int, real_modes: float, real_quality: float) -> Verdict:
    """The verdict on one seed.

    rows: its evaluations in order, each with `finite`, `histogram`, `fid` and `high_quality`.
    planned: evaluations that the whole trial will make. real_modes, real_quality: effective modes and
    high-quality share of real data.
    """
    if not rows[-1]["finite"]:
        return Verdict.DIVERGED
    if len(rows) < MIN_WINDOW:
        return Verdict.UNSETTLED
    window = [row for row in rows[-window_length(planned) :] if row["finite"]]
    typical = statistics.median(effective_modes(row["histogram"]) for row in window)
    if typical < NARROW_SHARE * real_modes:
        return Verdict.CYCLING if len(window) >= MIN_WINDOW and _moves(window, typical) else Verdict.COLLAPSED
    distances = [row["fid"] for row in window]
    spread = max(distances) - min(distances)
    settled = len(window) >= MIN_WINDOW and spread <= CONVERGED_SPREAD * statistics.median(distances)
    if settled and rows[-1]["high_quality"] >= CONVERGED_QUALITY * real_quality:
        return Verdict.CONVERGED
    return Verdict.UNSETTLED


def _moves(window: Sequence[dict[str, Any]], typical: float) -> bool:
    histograms = [row["histogram"] for row in window]
    dominant = [max(range(len(h)), key=h.__getitem__) for h in histograms]
    switches = sum(before != after for before, after in itertools.pairwise(dominant))
    union = effective_modes([sum(counts) for counts in zip(*histograms, strict=True)])
    return switches >= CYCLING_SWITCHES and union >= CYCLING_UNION * typical
