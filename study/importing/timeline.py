"""The course of imported trials: when they were evaluated, how they end, and what follows from
their rows.

Evaluations are numbered by times of the whole study: rows with one number have spent the same
budget, so that comparing them is fair, and a seed that was not evaluated at a time has no row
there. Two steps are one time if they differ by at most 2% of the largest step and by less than half
the distance of any seed's consecutive rows.

A seed that diverged stays diverged until its trial ends. A seed that ends before its trial for no
stated reason gets a row without scores at the trial's end, and so ranks there as one without a
value: leaving it out would reward stopping the seeds that go badly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganstudy.study.importing.columns import SEED
from ganstudy.trials.measures.cycling import cycling, entropy
from ganstudy.trials.measures.mismatch import objective_mismatch
from ganstudy.trials.measures.verdict import verdict_where_certain, window_length
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import COUNTERS, EvaluationRow, Verdict

SAME_TIME = 0.02
"""Of the largest step: a guess at how far apart loggers of one study write the same evaluation."""
Rows = list[dict[str, Any]]


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


def with_ended_seeds(rows: Rows, axis: str) -> tuple[Rows, list[str]]:
    """Return (the rows of a trial by evaluation and seed, with further ones for seeds that ended
    before it; notes on those seeds).
    """
    by_evaluation = {row["evaluation"]: row for row in rows}
    last = max(by_evaluation)
    added: Rows = []
    notes = []
    for seed in sorted({row[SEED] for row in rows}):
        own = [row for row in rows if row[SEED] == seed]
        latest = max(own, key=lambda row: int(row["evaluation"]))
        if latest["evaluation"] == last:
            continue
        diverged = not latest["finite"]
        missing = [e for e in sorted(by_evaluation) if e > latest["evaluation"]]
        for evaluation in missing if diverged else [last]:
            row = {
                SEED: seed,
                "evaluation": evaluation,
                "finite": not diverged,
                "verdict": (Verdict.DIVERGED if diverged else Verdict.UNKNOWN).value,
                **dict.fromkeys((*MEASURES, "histogram")),
                # The cost of a trial is that of all its seeds together, so any row of the
                # evaluation has it.
                **{name: by_evaluation[evaluation][name] for name in COUNTERS},
            }
            added.append(row)
        if not diverged:
            notes.append(
                f"seed {seed} ends at {latest[axis]:g} of {by_evaluation[last][axis]:g} {axis}, "
                "and counts as one without scores at the end"
            )
    return sorted([*rows, *added], key=lambda row: (row["evaluation"], row[SEED])), notes


def add_derived(
    rows: Rows, derived: list[str], planned: int, floor: dict[str, float], given: bool
) -> None:
    """Fill in what follows from the rows of a trial: measures of its course, and its verdicts.

    derived: measures to fill in. planned: evaluations per seed. given: whether the file has
    verdicts, which are kept.
    """
    window = window_length(planned)
    for seed in {row[SEED] for row in rows}:
        own = [row for row in rows if row[SEED] == seed]
        filled: list[EvaluationRow] = []
        for index, row in enumerate(own):
            so_far = own[: index + 1]
            if row["histogram"] is not None:
                histograms = [r["histogram"] for r in so_far if r["histogram"] is not None]
                # From the start up to this row: a row says what was known at its evaluation.
                row |= _of_histograms(histograms, window, derived)
            if "mismatch" in derived:
                row["mismatch"] = objective_mismatch(
                    [r["loss_g"] for r in so_far], [r["fid"] for r in so_far]
                )
            filled.append(EvaluationRow.from_json(row))
            if not row["finite"]:
                row["verdict"] = Verdict.DIVERGED.value
            elif not given or row["verdict"] is None:
                row["verdict"] = verdict_where_certain(filled, planned, floor).value


def _of_histograms(histograms: list[list[int]], window: int, derived: list[str]) -> dict[str, Any]:
    effective = float(np.exp(entropy(np.array(histograms[-1]))))
    found: dict[str, Any] = {"effective_modes": effective} | cycling(histograms, window)
    return {name: value for name, value in found.items() if name in derived}
