"""Whether the budget was too short: by verdicts and by the fall of the score, and where that is said."""

from __future__ import annotations

import numpy as np
import pytest

from ganstudy.analysis.report import conclusions
from ganstudy.analysis.tables.trajectories.budget_length import STEEP, budget_length
from ganstudy.trials.results.records import Verdict
from ganstudy.trials.results.untrained import BEST, untrained_seeds

E = 10


def verdicts(untrained: int, configurations: int = 8, seeds: int = 3) -> np.ndarray:
    """[C, S, E] of text: of the best configurations (the first ones) so many seeds are not trained yet."""
    made = np.full((configurations, seeds, E), "unsettled", dtype=object)
    made.reshape(-1, E)[:untrained] = Verdict.NOT_TRAINED.value
    return made


def scores(configurations: int = 8, seeds: int = 3) -> np.ndarray:
    return np.broadcast_to(
        400.0 + np.arange(configurations)[:, None, None], (configurations, seeds, E)
    )


@pytest.mark.parametrize("untrained", range(0, 15))
def test_most_seeds_of_the_best_configurations_decide(study_over_time, untrained: int) -> None:
    """Of 15 seeds 8 are most; where none has converged 6 are enough, more than a third."""
    made = verdicts(untrained)
    for fewest, converged in ((6, 0), (8, 1)):
        if converged:
            made.reshape(-1, E)[3 * BEST - 1] = Verdict.CONVERGED.value
        found = budget_length(study_over_time(scores(), made))
        best = found.best
        assert (best.untrained, best.seeds, best.configurations) == (untrained, 3 * BEST, BEST)
        assert best.converged == converged
        assert best.is_many == found.too_short == (untrained >= fewest)
        assert ("none has converged" in str(best)) == (not converged and untrained < 8)


def test_the_first_sentence_of_the_report_says_so_with_its_n(study_over_time) -> None:
    study = study_over_time(scores(), verdicts(12), k=[1, 5] * 4)
    first = conclusions.sentences(study)[0]
    assert first.startswith(
        "The budget was too short: 12 of 15 seeds of the best 5 complete configurations are not "
        "trained yet. What follows is about trainings of 1000 generator steps"
    )
    enough = conclusions.sentences(study_over_time(scores(), verdicts(5), k=[1, 5] * 4))
    assert not any("too short" in sentence for sentence in enough)


def test_only_the_best_count_and_only_complete_ones(study_over_time) -> None:
    worst = verdicts(0)
    worst[BEST:] = Verdict.NOT_TRAINED.value
    assert not budget_length(study_over_time(scores(), worst)).too_short
    pruned = study_over_time(scores(), verdicts(24), reached=[3] * 8)
    assert budget_length(pruned).best.seeds == 0 and not budget_length(pruned).too_short
    larger = study_over_time(scores() / 1000, worst, objective={"maximize": "recall"})
    assert budget_length(larger).best.untrained == 9, "the largest are the best"
    # Seeds of unknown verdict count for neither side.
    unknown = verdicts(6)
    unknown[2:BEST] = "unknown"
    assert budget_length(study_over_time(scores(), unknown)).best.seeds == 6


@pytest.mark.parametrize(("power", "steep"), [(0.0, False), (0.5, False), (1.0, True), (2.0, True)])
def test_a_score_that_falls_as_fast_as_the_budget_grows_is_still_falling(
    study_over_time, power: float, steep: bool
) -> None:
    rng = np.random.default_rng(1)
    course = 100 * np.arange(1, E + 1.0) ** -power
    made = course * np.exp(0.03 * rng.normal(size=(12, 3, E)))
    found = budget_length(study_over_time(made))
    assert found.falls_steeply == found.too_short == steep
    expected = (course[-1] - course[6]) / np.median(course[6:])
    assert found.fall.value == pytest.approx(expected, abs=0.04)
    assert (expected <= -STEEP) == steep
    first = conclusions.sentences(study_over_time(made))[0]
    assert (
        first.startswith("The budget was too short: over its last third FID still changed") == steep
    )


def test_the_best_of_many_flat_ones_are_no_fall(study_over_time) -> None:
    """The best by their last score were lucky at it: over all, nothing falls."""
    rng = np.random.default_rng(2)
    told = [
        budget_length(study_over_time(50 * np.exp(0.3 * rng.normal(size=(24, 1, E))))).too_short
        for _ in range(60)
    ]
    assert sum(told) == 0


def test_in_words() -> None:
    one = untrained_seeds([{"not trained yet": 1}])
    assert str(one) == "1 of 1 seed of the only complete configuration is not trained yet"
    assert not untrained_seeds([]).is_many
