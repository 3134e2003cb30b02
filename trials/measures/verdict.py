"""The verdict on a seed, from its evaluations so far.

All but the first compare with the floor: real training data scored as if generated, at the same
number of samples, so that the generator is not blamed for what few samples cannot show.

    diverged         the latest evaluation found a parameter, sample or score that is not finite
    not trained yet  no evaluation was ever broad, the latest does not lie on the data, and FID is still falling
    cycling          narrow, and moving: while it was narrow the dominant mode changed at least twice, the last
                     time within the window
    collapsed        narrow: the latest evaluation and more than half of the window are narrow
    converged        every evaluation of the window is whole, and coverage moved by at most 20% of its median
    unsettled        anything else

    broad       an evaluation with at least 55% of the floor's effective modes and a quarter of its coverage
    on the data an evaluation with at least half of the floor's high-quality share and half of its density
    falling     over the latest half of the evaluations so far (at least five, if there are as many) FID goes
                down by the trend test of Mann and Kendall at 5% (of three evaluations: each is lower than the
                one before, 17%), from the first to the last by more than the floor's own FID, and to a value
                below all earlier ones
    narrow      an evaluation with less than 55% of the floor's effective modes (few modes); or with at least half
                of its density but less than a quarter of its coverage (few samples of every mode: they lie where
                real ones lie, yet reach hardly any)
    whole       an evaluation with at least 85% of the floor's effective modes, half of its high-quality share and
                half of its coverage
    window      the latest third of the evaluations that the trial will make, at least three; before three finite
                ones exist a seed is diverged or unsettled

Whether the dominant mode changed is decided as in trials/measures/cycling.py, beyond chance and to
at least twice its count. No return is asked for: with many modes a whole round can outlast the
budget.

A generator that has only begun is narrow too: what tells it from one that collapsed at the start is
that it still gets nearer to the data. One that stays on a mode of the data, however its score moves,
has collapsed, and so has one that was broad once.

Quality plays no part in being narrow, since a generator that hops off the data still hops. FID has
no part in what is narrow or whole: between draws of a perfect sampler it varies by most of its own
size, and on points it sees no more than the mean and covariance of all modes together. It decides
only whether a seed far from the data comes nearer. There those draws matter little (more than the
floor's FID is asked for), a nearer mean and covariance is what the beginning of a training brings,
and the measures that the other rules read are all next to 0 and tell nothing. The shares keep clear of
the fractions that losing whole modes of ten or eight leaves: 5 of 10 is narrow and 6 of 10 is not,
7 of 8 is whole and 8 of 10 is not.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

from scipy.stats import kendalltau

from ganstudy.trials.measures.cycling import cycling
from ganstudy.trials.results.records import EvaluationRow, Verdict

MIN_WINDOW = Verdict.COLLAPSED.earliest
"""Evaluations; two cannot tell a trend from a fluctuation."""
NARROW_MODES, WHOLE_MODES = 0.55, 0.85
"""Shares of the floor's effective modes. They lie between the shares that losing whole modes of ten
or eight leaves."""
# Choices as well. Between narrow and whole there is room on purpose: a seed in it is unsettled.
NARROW_DENSITY, NARROW_COVERAGE = 0.5, 0.25
WHOLE_QUALITY, WHOLE_COVERAGE = 0.5, 0.5
DATA_QUALITY, DATA_DENSITY = 0.5, 0.5
"""Shares of the floor's, from which samples lie on the data."""
MIN_TREND = 5
"""Evaluations over which FID must fall, if there are as many: the least of which one may stand out
of order at TREND_LEVEL."""
TREND_LEVEL = 0.05
"""Of the test whether FID falls. Three evaluations are in order by chance in one case of six."""
STEADY_RANGE = 0.2
"""Largest range of coverage over the window, as a share of its median, that counts as steady. A
choice, not a derivation: tests/trials/measures/test_verdict_calibration.py shows what it does."""
# A guess: a single switch may be the way into the mode where a collapsed seed then stays.
MOVING_SWITCHES = 2
MOVING_UNION = 1.5
"""Effective modes of the window's samples together, in units of its typical evaluation's. A choice,
as STEADY_RANGE is."""

COMPARED = ("effective_modes", "density", "coverage", "high_quality")
"""Measures that the rules compare with the floor."""

Scores = Mapping[str, float | None]
"""By the catalogue's names: of an evaluation, or the floor."""


def window_length(planned_evaluations: int) -> int:
    """Return the number of evaluations that a verdict looks back on."""
    return max(MIN_WINDOW, math.ceil(planned_evaluations / 3))


def verdict(rows: Sequence[EvaluationRow], planned: int, floor: Scores) -> Verdict:
    """Return the verdict on one seed.

    rows: its evaluations in order, each with a histogram, the measures in COMPARED and FID, which
    are not read where it is not finite. planned: evaluations that the whole trial will make. floor:
    the same measures of real data.
    """
    return _verdict(rows, planned, floor, bool(_falling(rows, floor)))


def _verdict(rows: Sequence[EvaluationRow], planned: int, floor: Scores, falling: bool) -> Verdict:
    """Return the verdict on a seed whose FID is still falling, or is not."""
    if not rows[-1].finite:
        return Verdict.DIVERGED
    # Samples can be so far away that no score is finite, and come back: such rows are left out.
    earlier = [row for row in rows[: -window_length(planned)] if row.finite]
    window = [row for row in rows[-window_length(planned) :] if row.finite]
    if len(window) < MIN_WINDOW:
        return Verdict.UNSETTLED
    begun = any(_broad(row.measures, floor) for row in (*earlier, *window))
    if falling and not begun and not _on_the_data(window[-1].measures, floor):
        return Verdict.NOT_TRAINED
    narrow = [is_narrow(row.measures, floor) for row in window]
    if narrow[-1] and sum(narrow) > len(window) / 2:
        return Verdict.CYCLING if _moves(earlier, window, floor) else Verdict.COLLAPSED
    if not all(_whole(row.measures, floor) for row in window):
        return Verdict.UNSETTLED
    coverage = [_number(row.measures, "coverage") for row in window]
    is_steady = max(coverage) - min(coverage) <= STEADY_RANGE * statistics.median(coverage)
    return Verdict.CONVERGED if is_steady else Verdict.UNSETTLED


def verdict_where_certain(
    rows: Sequence[EvaluationRow], planned: int, floor: Mapping[str, float]
) -> Verdict:
    """Return the verdict on a seed for which some of what the rules read was not measured.

    It is that of the rules if it is the same whatever the missing numbers are, else
    Verdict.UNKNOWN. Arguments as in `verdict`; measures and histograms may be None or absent, and
    the floor may lack any of them.
    """
    if not rows[-1].finite:
        return Verdict.DIVERGED
    compared = [name for name in COMPARED if name in floor]
    measured = [
        row
        for row in rows
        if not row.finite or any(row.measures.get(name) is not None for name in compared)
    ]
    if not measured or measured[-1] is not rows[-1]:
        return Verdict.UNKNOWN
    whole = {name: floor.get(name, 1.0) for name in COMPARED}
    falling = _falling(measured, floor)
    # The best and the worst that unknown numbers could be; density apart, as dense samples speak
    # against a beginning and for a collapse.
    cases = {
        _verdict([_filled(row, floor, *shares) for row in measured], planned, whole, falls)
        for shares in product((1.0, 0.0), (1.0, 0.0))
        for falls in ((True, False) if falling is None else (falling,))
    }
    if len(cases) > 1:
        return Verdict.UNKNOWN
    # Only histograms show whether a narrow seed moves (cycling) or not (collapsed).
    has_histograms = all(row.histogram is not None for row in measured if row.finite)
    if cases <= {Verdict.COLLAPSED, Verdict.CYCLING} and not has_histograms:
        return Verdict.UNKNOWN
    return cases.pop()


def _falling(rows: Sequence[EvaluationRow], floor: Scores) -> bool | None:
    """Return whether FID is still falling.

    It is None where it, or the floor's, was not measured and could decide.
    """
    finite = [row for row in rows if row.finite]
    known = [fid for row in finite if (fid := row.measures.get("fid")) is not None]
    if len(finite) < MIN_WINDOW:
        return False
    if len(known) < len(finite):
        return None
    latest = max(MIN_TREND, math.ceil(len(known) / 2))
    before, late = known[:-latest], known[-latest:]
    if late[-1] >= late[0] or min(late) >= min(before, default=math.inf):
        return False
    trend = kendalltau(range(len(late)), late, alternative="less").pvalue
    if trend > max(TREND_LEVEL, 1 / math.factorial(len(late))) * (1 + 1e-9):
        return False
    noise = floor.get("fid")
    return None if noise is None else late[0] - late[-1] > noise


def _filled(
    row: EvaluationRow, floor: Mapping[str, float], share: float, density: float
) -> EvaluationRow:
    """Return the row with shares of the floor in place of unknown values.

    They are `share` of it for effective modes, coverage and high quality, and `density` of it for
    density.
    """
    unknown = {
        "density": density,
        "coverage": share,
        "high_quality": share,
        "effective_modes": share,
    }
    filled = {name: part * floor.get(name, 1.0) for name, part in unknown.items()}
    known = {
        name: row.measures[name]
        for name in COMPARED
        if row.measures.get(name) is not None and name in floor
    }
    return replace(
        row, measures={**row.measures, **filled, **known}, histogram=row.histogram or [1, 1]
    )


def is_narrow(scores: Scores, floor: Scores) -> bool:
    """Return whether an evaluation shows few modes, or few samples of every mode."""
    few_modes = _below(scores, NARROW_MODES, floor, "effective_modes")
    dense = not _below(scores, NARROW_DENSITY, floor, "density")
    return few_modes or (dense and _below(scores, NARROW_COVERAGE, floor, "coverage"))


def _broad(scores: Scores, floor: Scores) -> bool:
    """Return whether the evaluation shows many modes, and many samples of them."""
    few_modes = _below(scores, NARROW_MODES, floor, "effective_modes")
    return not few_modes and not _below(scores, NARROW_COVERAGE, floor, "coverage")


def _on_the_data(scores: Scores, floor: Scores) -> bool:
    """Return whether most of the samples lie where real ones do."""
    poor = _below(scores, DATA_QUALITY, floor, "high_quality")
    return not poor and not _below(scores, DATA_DENSITY, floor, "density")


def _whole(scores: Scores, floor: Scores) -> bool:
    """Return whether the evaluation comes near the floor in modes, quality and coverage."""
    shares = {
        "effective_modes": WHOLE_MODES,
        "high_quality": WHOLE_QUALITY,
        "coverage": WHOLE_COVERAGE,
    }
    return not any(_below(scores, share, floor, measure) for measure, share in shares.items())


def _below(scores: Scores, share: float, floor: Scores, measure: str) -> bool:
    return _number(scores, measure) < share * _number(floor, measure)


def _number(scores: Scores, measure: str) -> float:
    """Return a measure that every finite evaluation has."""
    value = scores[measure]
    assert value is not None, measure
    return value


def _moves(
    earlier: Sequence[EvaluationRow], window: Sequence[EvaluationRow], floor: Scores
) -> bool:
    """Return whether a narrow seed goes from mode to mode.

    The dominant mode changed often enough since it became narrow, and modes are still left behind.
    """
    # Before it was narrow a seed may have changed its dominant mode as healthy seeds do.
    since = len(earlier)
    while since and is_narrow(earlier[since - 1].measures, floor):
        since -= 1
    before = _number(_cycling([*earlier[since:], window[0]]), "dominant_switches")
    # The latest switch must lie in the window: a seed that no longer moves has collapsed.
    during = _number(_cycling([*earlier[since:], *window]), "dominant_switches")
    effective = [_number(row.measures, "effective_modes") for row in window]
    together = effective[-1] + _number(_cycling(window), "hidden_coverage")
    typical = statistics.median(effective)
    return during >= MOVING_SWITCHES and during > before and together >= MOVING_UNION * typical


def _cycling(rows: Sequence[EvaluationRow]) -> Scores:
    """Return the measures of cycling over all of the rows, each of which has a histogram."""
    histograms = [row.histogram for row in rows if row.histogram is not None]
    return cycling(histograms, len(histograms))
