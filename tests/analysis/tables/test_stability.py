"""The trend at the end of the budget, of trials that a scheduler let go on for their scores: flat scores are
not told to rise or fall, and what falls is."""

from __future__ import annotations

import numpy as np
import pytest

from ganstudy.analysis.report.blocks import Results
from ganstudy.analysis.report.sections import convergence as section
from ganstudy.analysis.tables.trajectories import convergence

NOISE, CONFIGURATIONS, SEEDS = 0.2, 24, 3


def survivors(scores: np.ndarray, rungs: tuple[int, ...]) -> np.ndarray:
    """[C] evaluations made where at each rung the better third by the median over seeds goes on."""
    reached = np.full(len(scores), scores.shape[2])
    alive = np.arange(len(scores))
    for rung in rungs:
        order = np.argsort(np.median(scores[alive, :, rung - 1], axis=1), kind="stable")
        kept = alive[order[: max(1, len(alive) // 3)]]
        reached[np.setdiff1d(alive, kept)] = rung
        alive = kept
    return reached


def change_told(study) -> str:
    table = convergence.stability_by(study)
    if table.empty:
        return ""
    row = table.iloc[0]
    return "rising" if row["change_low"] > 0 else "falling" if row["change_high"] < 0 else ""


@pytest.mark.parametrize(
    ("evaluations", "rungs"), [(3, (1,)), (6, (2, 5)), (9, (3,)), (12, (8,)), (12, (9,))]
)
def test_flat_scores_that_a_rung_selected_are_not_told_to_rise(
    study_over_time, evaluations: int, rungs: tuple[int, ...]
) -> None:
    """Of 80 studies 5% is 4; with a rate of 5% at most 9 are told with a probability of 99.5%. At rung 8 of 12 the last
    third begins after it."""
    rng = np.random.default_rng(evaluations)
    told = []
    # Where the window would hold a rung, or fewer than three evaluations, nothing is told at all.
    silent = evaluations < 7 or rungs[-1] > evaluations * 2 / 3
    for _ in range(15 if silent else 80):
        shape = (CONFIGURATIONS, SEEDS, evaluations)
        scores = 50 * np.exp(NOISE * rng.normal(size=shape))
        study = study_over_time(scores, reached=survivors(scores, rungs))
        told.append(change_told(study))
    assert len(told) - told.count("") <= (0 if silent else 9), (told.count("rising"), told)


def test_what_falls_is_told_after_the_last_rung_and_not_over_it(study_over_time) -> None:
    rng = np.random.default_rng(0)
    course = 100 * 0.85 ** np.arange(12)
    scores = course * np.exp(0.05 * rng.normal(size=(CONFIGURATIONS, SEEDS, 12)))
    assert change_told(study_over_time(scores, reached=survivors(scores, (3,)))) == "falling"
    late = study_over_time(scores, reached=survivors(scores, (9,)))
    assert convergence.stability(late).empty
    text = " ".join(map(str, section.conclusions(Results(late))))
    assert "over the last third" not in text
    assert not any(
        getattr(block, "name", "") == "stability" for block in section.blocks(Results(late))
    )


@pytest.mark.parametrize(("evaluations", "looked_at"), [(6, 0), (7, 3), (9, 3), (10, 4), (30, 10)])
def test_the_last_third_is_that_of_the_budget(
    study_over_time, evaluations: int, looked_at: int
) -> None:
    table = convergence.stability(study_over_time(np.full((2, 1, evaluations), 9.0)))
    assert table["evaluations"].tolist() == [looked_at] * (2 if looked_at else 0)
