"""The course of imported trials: at which moments they were measured, how they end, and what
follows from their rows.

Evaluations are numbered by moments of the whole study: rows with one number have spent the same
budget, so that comparing them is fair, and a seed that was not measured at a moment has no row
there. Two steps are one moment if they differ by at most 2% of the largest step and by less than
half the distance of any seed's consecutive rows.

A seed that diverged stays diverged until its trial ends. A seed that ends before its trial for no
stated reason gets a row without scores at the trial's end, and so ranks there as one without a
value: leaving it out would reward who stops the seeds that go badly.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganstudy.study.importing.columns import SEED
from ganstudy.trials.measures.cycling import cycling, entropy
from ganstudy.trials.measures.mismatch import objective_mismatch
from ganstudy.trials.measures.verdict import verdict_where_certain, window_length
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import COUNTERS, Verdict

SAME_MOMENT = 0.02
"""Of the largest step."""
Rows = list[dict[str, Any]]


def moments_of(
    steps: NDArray[np.float64], trials: NDArray[np.int64], seeds: NDArray[np.int64]
) -> tuple[list[float], NDArray[np.int64]]:
    """(the study's moments, the number of each row's, 1 being the first)."""
    order = np.lexsort((steps, seeds, trials))
    same = (np.diff(trials[order]) == 0) & (np.diff(seeds[order]) == 0)
    gaps = np.diff(steps[order])[same]
    tolerance = min(
        SAME_MOMENT * float(steps.max()), float(gaps.min()) / 2 if len(gaps) else math.inf
    )
    starts: list[float] = []
    ends: list[float] = []
    for step in np.unique(steps).tolist():
        if not starts or step - starts[-1] > tolerance:
            starts.append(step)
            ends.append(step)
        ends[-1] = step
    return ends, np.searchsorted(np.array(starts), steps, side="right")


def to_the_end(rows: Rows, axis: str) -> tuple[Rows, list[str]]:
    """The rows by evaluation and seed, with those of seeds that ended before their trial."""
    when = {row["evaluation"]: row for row in rows}
    last = max(when)
    added: Rows = []
    notes = []
    for seed in sorted({row[SEED] for row in rows}):
        latest = max(
            (row for row in rows if row[SEED] == seed), key=lambda row: int(row["evaluation"])
        )
        if latest["evaluation"] == last:
            continue
        gone = not latest["finite"]
        for evaluation in sorted(e for e in when if e > latest["evaluation"]) if gone else [last]:
            verdict = Verdict.DIVERGED if gone else Verdict.UNKNOWN
            counters = {name: when[evaluation][name] for name in COUNTERS}
            empty = dict.fromkeys((*MEASURES, "histogram"))
            added.append(
                {
                    SEED: seed,
                    "evaluation": evaluation,
                    "finite": not gone,
                    "verdict": verdict.value,
                    **empty,
                    **counters,
                }
            )
        if not gone:
            notes.append(
                f"seed {seed} ends at {latest[axis]:g} of {when[last][axis]:g} {axis}, and counts as one without "
                "scores at the end"
            )
    return sorted([*rows, *added], key=lambda row: (row["evaluation"], row[SEED])), notes


def complete(
    rows: Rows, derived: list[str], planned: int, floor: dict[str, float], given: bool
) -> None:
    """Fills in what follows from the rows of a trial: measures of its course, and verdicts unless
    they are given.
    """
    window = window_length(planned)
    for seed in {row[SEED] for row in rows}:
        own = [row for row in rows if row[SEED] == seed]
        for index, row in enumerate(own):
            so_far = own[: index + 1]
            if row["histogram"] is not None:
                row |= _of_histograms(
                    [r["histogram"] for r in so_far if r["histogram"] is not None], window, derived
                )
            if "mismatch" in derived:
                row["mismatch"] = objective_mismatch(
                    [r["loss_g"] for r in so_far], [r["fid"] for r in so_far]
                )
            if not row["finite"]:
                row["verdict"] = Verdict.DIVERGED.value
            elif not given or row["verdict"] is None:
                row["verdict"] = verdict_where_certain(so_far, planned, floor).value


def _of_histograms(histograms: list[list[int]], window: int, derived: list[str]) -> dict[str, Any]:
    effective = float(np.exp(entropy(np.array(histograms[-1]))))
    found: dict[str, Any] = {"effective_modes": effective} | cycling(histograms, window)
    return {name: value for name, value in found.items() if name in derived}
