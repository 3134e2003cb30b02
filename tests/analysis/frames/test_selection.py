"""Which trials are compared, at which amount, and what their scores are there."""

from __future__ import annotations

import numpy as np
import pytest

from ganstudy.analysis.frames.compared_scores import axes, common_budgets, compared_scores, own_axis
from ganstudy.analysis.frames.selection import distinct_configurations, search_stage
from ganstudy.analysis.stats.order_statistics import median_over_seeds
from ganstudy.analysis.tables.configurations.compare import at_equal_budget
from ganstudy.analysis.tables.configurations.search import by_setting
from ganstudy.analysis.tables.trajectories.seeds import overall


def test_everybody_is_compared_where_the_shortest_ended(made_study):
    scores = np.array([[[80.0, 40.0, 20.0]], [[90.0, 50.0, 30.0]]])
    frame = compared_scores(
        made_study(scores, {"k": [1, 1]}, reached=[3, 2], states=["complete", "pruned"])
    )
    assert (frame.axis, frame.amount) == ("generator_steps", 200.0)
    assert frame.scores.tolist() == [[40.0], [50.0]]
    study = made_study(scores, {"k": [1, 1]}, reached=[3, 2], states=["complete", "pruned"])
    whole = compared_scores(study, complete=True)
    assert (
        whole.amount == 300.0
        and whole.numbers.tolist() == [0]
        and whole.scores.tolist() == [[20.0]]
    )


def test_failed_and_running_trials_do_not_shorten_the_comparison(made_study):
    states = ["complete", "failed", "running"]
    study = made_study(np.full((3, 1, 3), 9.0), {"k": [1, 1, 1]}, reached=[3, 1, 2], states=states)
    assert compared_scores(study).amount == 300.0 and compared_scores(study).numbers.tolist() == [0]


def test_equal_discriminator_steps_are_unequal_generator_steps_and_scores_between_are_geometric_means(
    made_study,
):
    """k = 2 makes 200, 400, 600 discriminator steps, k = 1 makes 100, 200, 300: all reached 300, halfway for k = 2."""
    study = made_study(np.array([[[64.0, 16.0, 4.0]], [[64.0, 32.0, 16.0]]]), {"k": [2, 1]})
    frame = compared_scores(study, "discriminator_steps")
    assert frame.amount == 300.0
    assert frame.scores[:, 0] == pytest.approx([32.0, 16.0])


def test_scores_that_may_be_zero_are_interpolated_linearly(made_study):
    study = made_study(
        np.array([[[0.0, 0.5, 1.0]], [[0.1, 0.2, 0.3]]]),
        {"k": [2, 1]},
        measure="recall",
        maximize="recall",
    )
    assert not study.is_ratio
    assert compared_scores(study, "discriminator_steps").scores[:, 0] == pytest.approx(
        [-0.25, -0.3]
    )


def test_a_seed_that_diverges_next_keeps_its_score_and_verdict_until_then(made_study):
    study = made_study(
        np.array([[[64.0, np.nan, np.nan], [8.0, 8.0, 8.0]], [[9.0] * 3] * 2]), {"k": [2, 1]}
    )
    between = compared_scores(study, "discriminator_steps")
    assert between.scores[0].tolist() == [64.0, 8.0]
    # The values stand at different evaluations: verdicts do not compare.
    assert np.isnan(between.failed).all()
    after = compared_scores(study)
    assert after.scores[0].tolist() == [np.inf, 8.0] and after.failed[0].tolist() == [1.0, 0.0]


def test_a_trial_whose_seeds_have_all_diverged_counts_at_every_later_amount(made_study):
    study = made_study(
        np.array([[[9.0, np.nan, np.nan]], [[9.0, 8.0, 7.0]]]), {"k": [1, 1]}, reached=[2, 3]
    )
    frame = compared_scores(study)
    assert frame.amount == 300.0
    assert frame.scores.tolist() == [[np.inf], [7.0]] and frame.failed.tolist() == [[1.0], [0.0]]


def test_what_was_not_evaluated_by_then_is_counted_and_left_out(made_study):
    frame = compared_scores(
        made_study(np.full((2, 1, 3), 9.0), {"k": [5, 1]}), "discriminator_steps"
    )
    assert (frame.amount, frame.numbers.tolist(), frame.not_yet) == (300.0, [1], 1)


def test_a_configuration_drawn_twice_counts_once(made_study):
    study = made_study(np.full((3, 2), 9.0), {"k": [1, 1, 2]})
    study.trials["config_digest"] = ["a", "a", "b"]
    assert compared_scores(study).numbers.tolist() == [0, 2]


def test_of_equal_configurations_the_one_that_got_furthest_counts(made_study):
    """The first was pruned at the first evaluation, the third has failed further on: neither may shorten what is
    compared, nor take its configuration out of it."""
    states = ["pruned", "complete", "failed", "complete"]
    study = made_study(
        np.full((4, 1, 3), 9.0), {"k": [1, 1, 1, 2]}, reached=[1, 3, 3, 3], states=states
    )
    study.trials["config_digest"] = ["a", "a", "a", "b"]
    frame = compared_scores(study)
    assert frame.numbers.tolist() == [1, 3] and frame.amount == 300.0
    assert distinct_configurations(study).trials["number"].tolist() == [1, 3]


def test_at_a_later_amount_only_those_that_reached_it_are_compared(made_study):
    scores = np.array([[[80.0, 40.0, 20.0]], [[90.0, 50.0, 30.0]], [[9.0, np.nan, np.nan]]])
    states = ["complete", "pruned", "complete"]
    study = made_study(scores, {"k": [1, 1, 1]}, reached=[3, 2, 2], states=states)
    assert common_budgets(study) == [200.0, 300.0]
    frame = compared_scores(study, amount=300.0)
    assert frame.numbers.tolist() == [0, 2] and frame.scores.tolist() == [[20.0], [np.inf]]


def test_a_study_is_compared_by_ratio_where_both_of_its_stages_can_be(made_study):
    study = made_study(np.full((3, 2), 9.0), {"k": [1, 1, 2]}, measure="jsd", minimize="jsd")
    study.trials["stage"] = ["search", "confirm", "search"]
    assert study.is_ratio and search_stage(study).is_ratio
    study.evaluations.loc[study.evaluations["number"] == 1, "jsd"] = 0.0
    assert not study.is_ratio and not search_stage(study).is_ratio


def test_on_the_budgets_axis_an_evaluation_lies_where_it_was_planned(made_study):
    """Counters are rounded up to whole steps of the generator, and imports may be evaluated at uneven times."""
    study = made_study(
        np.array([[[64.0, 16.0]], [[64.0, 32.0]]]),
        {"k": [1, 1]},
        reached=[1, 2],
        states=["pruned"] * 2,
    )
    study.evaluations["generator_steps"] += study.evaluations["number"]
    assert compared_scores(study).amount == 100.0 and compared_scores(study).scores.tolist() == [
        [64.0],
        [64.0],
    ]
    study.spec["train"]["moments"] = [30.0, 200.0]
    assert compared_scores(study).amount == 30.0


def test_a_missing_seed_is_no_diverged_one(made_study):
    study = made_study([[1.0, 2.0, 9.0], [4.0, 5.0, 6.0]], {"k": [1, 1]})
    study.evaluations = study.evaluations.drop(index=1).reset_index(drop=True)
    frame = compared_scores(study)
    assert np.isnan(frame.scores[0, 1]) and np.isnan(frame.failed[0, 1])
    assert median_over_seeds(frame.scores).tolist() == [5.0, 5.0]


def test_the_confirm_stage_is_kept_out(made_study):
    study = made_study(np.full((3, 2), 9.0), {"k": [1, 1, 2]})
    study.trials["stage"] = ["search", "confirm", "search"]
    assert compared_scores(study).numbers.tolist() == [0, 2]
    assert set(search_stage(study).evaluations["number"]) == {0, 2}


def test_an_imported_study_without_counters_is_compared_by_evaluation(made_study):
    study = made_study(np.full((2, 1, 2), 9.0), {"k": [1, 1]}, reached=[2, 1])
    study.evaluations[
        ["generator_steps", "discriminator_steps", "updates", "images", "seconds"]
    ] = np.nan
    study.spec = {}
    assert own_axis(study) == "evaluation" and axes(study) == []
    assert compared_scores(study).amount == 1.0


def test_a_measure_that_was_never_taken_compares_nothing(made_study):
    frame = compared_scores(made_study(np.full((2, 3), 9.0), {"k": [1, 1]}), measure="recall")
    assert len(frame.numbers) == 0 and np.isnan(frame.amount)


def test_the_median_of_a_group_has_one_interval_in_every_table(study_over_time) -> None:
    """Of seven configurations only the least and the greatest enclose the median with 95%: the second
    ones would with 1 - 2 P(Bin(7, 1/2) <= 1) = 87.5%. What a seed does to all changes nothing."""
    middles = np.array([8.0, 3.0, 5.0, 13.0, 21.0, 2.0, 34.0])
    scores = middles[:, None] + np.array([-1.0, 0.0, 900.0])
    study = study_over_time(np.repeat(scores[:, :, None], 2, axis=2), k=[2] * 7)
    found = compared_scores(study).median()
    assert (found.value, found.low, found.high, found.n) == (8.0, 2.0, 34.0, 7)
    whole = overall(study).set_index("statistic").loc["median"]
    (by_k,) = by_setting(study, "k").tail(1).to_dict("records")
    same_budget = at_equal_budget(study, study).iloc[0]
    for row, name in ((by_k, "median"), (same_budget, "median")):
        assert (row[f"{name}_low"], row[name], row[f"{name}_high"]) == (2.0, 8.0, 34.0)
    assert (whole["low"], whole["value"], whole["high"]) == (2.0, 8.0, 34.0)
