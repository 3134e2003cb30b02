"""Course of imported trials: evaluation times, how seeds end, and what follows from the rows.

Evaluations are numbered by times of the whole study: rows with one number have spent the same
budget, so that comparing them is fair, and a seed that was not evaluated at a time has no row
there. Two steps are one time if they differ by at most 2% of the largest step and by less than half
the distance of any seed's consecutive rows.

A seed that diverged stays diverged until its trial ends. A seed that ends before its trial for no
stated reason gets a row without scores at the trial's end, and so ranks there as one without a
value: leaving it out would reward stopping the seeds that go badly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ganstudy.trials.measures.cycling import cycling, entropy
from ganstudy.trials.measures.mismatch import objective_mismatch
from ganstudy.trials.measures.verdict import verdict_where_certain, window_length
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import EvaluationRow, Verdict

SAME_TIME = 0.02
"""Of the largest step: a guess at how far apart loggers of one study write the same evaluation."""


def evaluation_times(
    steps: NDArray[np.float64], trials: NDArray[np.int64], seeds: NDArray[np.int64]
) -> tuple[list[float], NDArray[np.int64]]:
    """Return (the study's evaluation times, the number of each row's time, 1 being the first)."""
    order = np.lexsort((steps, seeds, trials))
    same = (np.diff(trials[order]) == 0) & (np.diff(seeds[order]) == 0)
    gaps = np.diff(steps[order])[same]
    tolerance = SAME_TIME * float(steps.max())
    if len(gaps):
        tolerance = min(tolerance, float(gaps.min()) / 2)
    starts: list[float] = []
    ends: list[float] = []
    # Steps in order; one that is further than the tolerance from the first of a time begins the
    # next. The time of an evaluation is its latest step: all rows have spent at most that.
    for step in np.unique(steps).tolist():
        if not starts or step - starts[-1] > tolerance:
            starts.append(step)
            ends.append(step)
        ends[-1] = step
    return ends, np.searchsorted(np.array(starts), steps, side="right")


def with_ended_seeds(rows: list[EvaluationRow], axis: str) -> tuple[list[EvaluationRow], list[str]]:
    """Return (the rows of a trial by evaluation and seed, notes on seeds that end before it).

    Seeds that ended before their trial have further rows.
    """
    by_evaluation = {row.evaluation: row for row in rows}
    last = max(by_evaluation)
    added = []
    notes = []
    for seed in sorted({row.seed for row in rows}):
        latest = max((row for row in rows if row.seed == seed), key=lambda row: row.evaluation)
        if latest.evaluation == last:
            continue
        missing = [e for e in sorted(by_evaluation) if e > latest.evaluation]
        for evaluation in [last] if latest.finite else missing:
            row = EvaluationRow(
                seed=seed,
                evaluation=evaluation,
                finite=latest.finite,
                measures=dict.fromkeys(MEASURES),
                histogram=None,
                # The cost of a trial is that of all its seeds together, so any row of the
                # evaluation has it.
                cost=by_evaluation[evaluation].cost,
                verdict=Verdict.UNKNOWN if latest.finite else Verdict.DIVERGED,
            )
            added.append(row)
        if latest.finite:
            notes.append(
                f"seed {seed} ends at {latest.cost[axis]:g} of "
                f"{by_evaluation[last].cost[axis]:g} {axis}, and counts as one without scores at "
                "the end"
            )
    return sorted([*rows, *added], key=lambda row: (row.evaluation, row.seed)), notes


def with_derived(
    rows: list[EvaluationRow], derived: list[str], planned: int, floor: dict[str, float]
) -> list[EvaluationRow]:
    """Return the rows of a trial with what follows from them: measures of its course, and verdicts.

    derived: measures to fill in. planned: evaluations per seed. Verdicts of the file are kept.
    """
    window = window_length(planned)
    so_far: dict[int, list[EvaluationRow]] = {}
    found = []
    for row in rows:
        own = so_far.setdefault(row.seed, [])
        own.append(row)
        # From the start up to this row: a row says what was known at its evaluation.
        own[-1] = replace(row, measures={**row.measures, **_of_course(own, window, derived)})
        known = row.verdict if row.finite else Verdict.DIVERGED
        verdict = known or verdict_where_certain(own, planned, floor)
        found.append(replace(own[-1], verdict=verdict))
    return found


def _of_course(
    own: Sequence[EvaluationRow], window: int, derived: list[str]
) -> Mapping[str, float | None]:
    """Return the derived measures of the last of a seed's rows."""
    found: dict[str, float | None] = {}
    if own[-1].histogram is not None:
        histograms = [row.histogram for row in own if row.histogram is not None]
        found["effective_modes"] = float(np.exp(entropy(np.array(histograms[-1]))))
        found |= cycling(histograms, window)
    if "mismatch" in derived:
        found["mismatch"] = objective_mismatch(
            [row.measures["loss_g"] for row in own], [row.measures["fid"] for row in own]
        )
    return {name: value for name, value in found.items() if name in derived}
