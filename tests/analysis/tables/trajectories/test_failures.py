"""Tables over time on made-up courses whose truth is known: curves, time to a score, failures, cycling, the game."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ganstudy.analysis.frames import trajectories
from ganstudy.analysis.frames.compared_scores import dead_trials, own_axis
from ganstudy.analysis.frames.selection import distinct_configurations, search_stage
from ganstudy.analysis.stats.correlation import MIN_FOR_SPEARMAN, spearman
from ganstudy.analysis.tables.trajectories import convergence, cycling, failures, game
from ganstudy.analysis.tables.trajectories.failures import EventRule
from ganstudy.trials.results.records import Verdict

E = 10


def falling(final, start=100.0):
    """[C, S, E] courses that fall evenly from `start` to `final` [C, S]."""
    final = np.asarray(final, dtype=float)[:, :, None]
    return start + (final - start) * np.arange(1, E + 1) / E


def verdicts_of(*kinds):
    """[C, 1, E] from strings of one letter per evaluation: u c y x v."""
    names = {"u": "unsettled", "c": "collapsed", "y": "cycling", "v": "converged", "x": "diverged"}
    return np.array([[[names[letter] for letter in kind]] for kind in kinds])


# Courses


def test_confirm_trials_and_second_draws_of_a_configuration_are_left_out(study_over_time):
    study = study_over_time(falling(np.full((4, 2), 10.0)), reached=[10, 4, 10, 10])
    study.trials["config_digest"] = ["a", "b", "b", "c"]
    study.trials["stage"] = ["search", "search", "search", "confirm"]
    kept = distinct_configurations(study)
    assert kept.trials["number"].tolist() == [0, 2]  # of two alike the one that got further
    assert set(kept.evaluations["number"]) == {0, 2}
    assert search_stage(study).trials["number"].tolist() == [0, 1, 2]


def test_values_at_moments_go_on_until_the_next_evaluation_and_not_beyond_the_last(study_over_time):
    study = study_over_time(np.array([[[5.0, 4, 3, 2]], [[9.0, 8, 7, 6]]]), reached=[4, 2])
    rows = trajectories.trajectories(study)
    at = trajectories.at_times(rows, rows["score"], np.array([50.0, 100.0, 250.0, 300.0, 400.0]))
    np.testing.assert_array_equal(at, [[np.nan, 5, 4, 3, 2], [np.nan, 9, 8, np.nan, np.nan]])


def test_a_trial_whose_seeds_all_diverged_has_no_end_and_no_score(study_over_time):
    study = study_over_time(
        np.array([[[5.0, np.nan, np.nan, np.nan]], [[9.0, 8, 7, 6]]]), reached=[2, 4]
    )
    rows = trajectories.trajectories(study)
    assert dead_trials(rows) == {0}
    at = trajectories.at_times(rows, rows["score"], trajectories.evaluation_grid(rows))
    np.testing.assert_array_equal(at, [[5, np.inf, np.inf, np.inf], [9, 8, 7, 6]])
    assert trajectories.common_times(rows) == [400.0]


def test_a_score_that_was_not_measured_is_not_a_divergence(study_over_time):
    scores = np.array([[[5.0, 4, 3, 2]]])
    study = study_over_time(scores)
    study.evaluations.loc[1, "fid"] = np.nan  # finite, but without a score
    rows = trajectories.trajectories(study)
    at = trajectories.at_times(rows, rows["score"], trajectories.evaluation_grid(rows))
    np.testing.assert_array_equal(at, [[5, 5, 3, 2]])


def test_an_axis_of_uneven_moments_becomes_an_even_grid(study_over_time):
    study = study_over_time(falling(np.full((30, 2), 10.0)))
    rows = trajectories.trajectories(study, "seconds")
    points = trajectories.evaluation_grid(rows)
    assert len(points) == trajectories.EVEN_TIMES and points[-1] == rows["progress"].max()
    assert len(trajectories.evaluation_grid(trajectories.trajectories(study))) == E


# Convergence


def test_curves_of_groups_are_medians_with_exact_ends(study_over_time):
    final = np.array([[10.0 + c, 11.0 + c, 60.0] for c in range(16)])
    table = convergence.group_curves(study_over_time(falling(final), k=[1] * 8 + [5] * 8), "k")
    last = table[table["progress"] == 1000.0].set_index("k")
    assert (
        last.loc[1, "median"] == 14.5 and last.loc[5, "median"] == 22.5
    )  # the middle seed, then the middle of 8
    assert (last.loc[1, "median_low"], last.loc[1, "median_high"]) == (
        11.0,
        18.0,
    )  # of 8 values the first and last
    assert last["configurations"].tolist() == [8, 8] and last["num_seeds"].tolist() == [24, 24]
    assert table.groupby("k")["median"].apply(lambda curve: curve.is_monotonic_decreasing).all()


def test_curves_count_who_is_left_and_rank_divergence_worst(study_over_time):
    scores = falling(np.full((8, 1), 10.0))
    scores[:5, :, 4:] = np.nan
    reached = np.array([5] * 5 + [10] * 2 + [3])
    table = convergence.group_curves(study_over_time(scores, reached=reached)).set_index("progress")
    assert table.loc[300.0, "configurations"] == 8 and table.loc[1000.0, "configurations"] == 7
    assert table.loc[1000.0, "median"] == np.inf and (table["started"] == 8).all()


def test_larger_is_better_keeps_its_direction(study_over_time):
    recall = 1 - falling(np.linspace(0.1, 0.4, 8)[:, None], start=1.0)
    study = study_over_time(recall, objective={"maximize": "recall"})
    last = convergence.group_curves(study).iloc[-1]
    assert last["median_low"] <= last["median"] <= last["median_high"]
    assert last["median"] == pytest.approx(0.75)
    threshold = convergence.default_threshold(study)
    row = convergence.time_to_score(study, threshold=threshold).iloc[0]
    assert row["reached"] == (study.trials["objective"] >= threshold).sum()


def test_time_to_a_score_knows_seeds_that_never_get_there(study_over_time):
    """Of 8 configurations 4 fall to 10 and pass 55 at half time; 2 stay above, 2 diverge early."""
    scores = falling(np.array([[10.0]] * 4 + [[90.0]] * 4))
    scores[6:, :, 1:] = np.nan
    reached = np.array([10] * 6 + [2] * 2)
    table = convergence.time_to_score(
        study_over_time(scores, reached=reached, states=["complete"] * 8), threshold=55.0
    )
    row = table.iloc[0]
    assert (row["reached"], row["num_seeds"], row["pruned"]) == (4, 8, 0)
    assert (
        row["share"] == 0.5 == row["share_if_pruned_never"]
    )  # the diverged ones stay in the denominator
    assert row["median_time"] == 500.0 and row["horizon"] == 1000.0
    assert row["share_low"] < 0.5 < row["share_high"]
    curve = convergence.reach_curves(study_over_time(scores, reached=reached), threshold=55.0)
    assert curve["share"].tolist()[:1] == [0.0] and curve["share"].is_monotonic_increasing
    assert curve["share"].iloc[-1] == 0.5 and (curve["low"] <= curve["share"]).all()


def test_staying_there_is_later_than_first_reaching_it(study_over_time):
    scores = np.tile([60.0, 40, 60, 40, 40, 40, 40, 40, 40, 40], (8, 1, 1))
    study = study_over_time(scores)
    assert convergence.time_to_score(study, threshold=50.0)["median_time"].iloc[0] == 200.0
    assert (
        convergence.time_to_score(study, threshold=50.0, stays=True)["median_time"].iloc[0] == 400.0
    )
    scores[:, :, -1] = 60.0
    left = convergence.time_to_score(study_over_time(scores), threshold=50.0)
    assert left["left_again"].iloc[0] == 8 and left["reached"].iloc[0] == 8
    stays = convergence.time_to_score(study_over_time(scores), threshold=50.0, stays=True)
    assert stays["reached"].iloc[0] == 0 and stays["median_time"].iloc[0] == math.inf


def test_default_threshold_is_what_half_of_the_complete_configurations_reach(study_over_time):
    study = study_over_time(falling(np.arange(10.0, 19.0)[:, None]), reached=[10] * 8 + [4])
    threshold = convergence.default_threshold(study)
    assert threshold == 13.0
    assert convergence.time_to_score(study)["reached"].iloc[0] == 4
    assert math.isnan(convergence.default_threshold(study_over_time(falling([[9.0]]), reached=[3])))


def test_a_faster_value_is_told_by_the_log_rank_test(study_over_time):
    rng = np.random.default_rng(5)
    final = np.where(np.arange(24)[:, None] < 12, 10.0, 60.0) + 5 * rng.normal(size=(24, 3))
    told = convergence.reach_tests(
        study_over_time(falling(final), k=np.arange(24) // 12), threshold=70.0
    )
    assert told["decision"].tolist() == ["differ"] and told["p_adjusted"].iloc[0] < 0.01
    open_ = convergence.reach_tests(
        study_over_time(falling(final), k=np.arange(24) % 2), threshold=70.0
    )
    assert open_["decision"].tolist() == ["inconclusive"]


def test_stability_is_the_relative_spread_of_the_last_third(study_over_time):
    scores = np.full((7, 1, E), 50.0)
    scores[:, :, :6] = 1000.0  # before the last third: 4 of 10 evaluations, rounded up
    scores[1, 0, 6:] = [40.0, 50.0, 60.0, 50.0]
    scores[2, 0, -1] = np.nan
    table = convergence.stability(study_over_time(scores, reached=[10] * 6 + [5])).set_index(
        "number"
    )
    assert table.loc[0, "spread"] == 0.0 and table.loc[1, "spread"] == pytest.approx(0.4)
    assert table.loc[1, "change"] == pytest.approx(0.2)
    assert 2 not in table.index and 6 not in table.index  # diverged; pruned
    assert (table["evaluations"] == 4).all()
    by = convergence.stability_by(study_over_time(scores, reached=[10] * 6 + [5]))
    assert by["configurations"].tolist() == [5] and by["spread"].tolist() == [0.0]


# Survival

COURSES = (
    "uuuuuuuuuv",  # held
    "uuuucccccc",  # lost at 5
    "uuuuccuuuu",  # came back
    "uuccuucyyy",  # lost at 3, back, lost for good at 7
    "uuuuuuuuux",  # diverged at 10
    "uuyyyyyyyy",  # lost at 3
)


def times_of(study, **options):
    watched = failures.failure_times(study, **options)
    return [
        (time / 100, bool(event))
        for time, event in zip(watched.times, watched.happened, strict=True)
    ]


def test_a_loss_for_good_begins_the_run_of_lost_verdicts_that_the_course_ends_with(study_over_time):
    study = study_over_time(np.full((6, 1, E), 9.0), verdicts_of(*COURSES))
    assert times_of(study) == [
        (10, False),
        (5, True),
        (10, False),
        (7, True),
        (10, True),
        (3, True),
    ]
    first = [(10, False), (5, True), (5, True), (3, True), (10, True), (3, True)]
    assert times_of(study, rule=EventRule.FIRST) == first
    row = failures.survival_summary(study).iloc[0]
    assert (row["failed"], row["recovered"], row["num_seeds"]) == (4, 1, 6)
    assert row["survival"] == pytest.approx(2 / 6) and row["median_time"] == 700.0


def test_collapse_alone_is_censored_by_divergence(study_over_time):
    study = study_over_time(np.full((6, 1, E), 9.0), verdicts_of(*COURSES))
    only = times_of(study, kinds=[Verdict.COLLAPSED], rule=EventRule.FIRST)
    assert only == [(10, False), (5, True), (5, True), (3, True), (9, False), (10, False)]


def test_what_pruning_may_hide_is_bounded(study_over_time):
    kinds = verdicts_of(*["uuuuuuuuuu"] * 4, *["uuuccccccc"] * 4)
    study = study_over_time(np.full((8, 1, E), 9.0), kinds, reached=[10, 10, 3, 3, 10, 10, 4, 4])
    row = failures.survival_summary(study).iloc[0]
    assert (row["failed"], row["pruned"], row["failed_when_pruned"]) == (4, 2, 2)
    assert row["if_pruned_failed"] == 0.25 and row["if_pruned_survived"] == 0.75
    assert row["if_pruned_failed"] <= row["survival"] <= row["if_pruned_survived"]
    first = failures.survival_summary(study, rule=EventRule.FIRST).iloc[0]
    assert first["if_pruned_survived"] == 0.5  # a first loss cannot be undone


def test_curves_hold_every_evaluation_with_numbers_at_risk(study_over_time):
    study = study_over_time(
        np.full((6, 1, E), 9.0), verdicts_of(*COURSES), reached=[10, 10, 10, 10, 10, 8]
    )
    table = failures.survival_curves(study)
    # From the third evaluation on: before it no seed can have collapsed.
    assert table["progress"].tolist() == [100.0 * i for i in range(3, E + 1)]
    assert table["at_risk"].tolist() == [6, 5, 5, 4, 4, 3, 3, 3]
    assert table["events"].sum() == 4 and (table["configurations"] == 6).all()
    assert table["survival"].is_monotonic_decreasing
    assert (table["low"] <= table["survival"]).all() and (table["survival"] <= table["high"]).all()


def test_no_curve_begins_before_its_event_can_be_seen_nor_has_fewer_than_five_moments(
    study_over_time,
):
    for evaluations in range(1, 10):
        study = study_over_time(np.full((6, 1, evaluations), 9.0), k=[1, 5] * 3)
        table = failures.survival_curves(study, "k")
        assert set(table["k"]) == ({1, 5} if evaluations - 2 >= 5 else set())
        assert (table["progress"] >= 300).all()
        row = failures.survival_summary(study).iloc[0]
        assert row["survival"] == 1.0 if evaluations >= 3 else math.isnan(row["survival"])
        # A score can be reached at any evaluation, and a seed can diverge at any.
        reach = convergence.reach_curves(study, "k", threshold=5.0)
        only = failures.survival_curves(study, "k", kinds=[Verdict.DIVERGED])
        for curve in (reach, only):
            assert len(curve) == (2 * evaluations if evaluations >= 5 else 0)
    # Histories made elsewhere may have verdicts earlier: then they can be seen earlier.
    early = study_over_time(np.full((6, 1, 8), 9.0), np.array([[["collapsed"] * 8]]))
    assert failures.survival_curves(early)["progress"].min() == 100.0


def test_where_all_events_lie_at_two_moments_the_test_counts_them(study_over_time):
    kinds = np.array([[["u"] * E]]).repeat(24, 0)
    names = np.where(kinds == "u", "unsettled", "")
    late = names.copy()
    late[:10, :, 8:] = "collapsed"
    late[10:12, :, 9:] = "collapsed"
    told = failures.survival_tests(
        study_over_time(np.full((24, 1, E), 9.0), late, k=[1] * 12 + [5] * 12)
    )
    assert told["moments"].tolist() == [2] and told["decision"].tolist() == ["differ"]
    late[9, :, 7:] = "collapsed"
    spread = study_over_time(np.full((24, 1, E), 9.0), late, k=[1] * 12 + [5] * 12)
    assert failures.survival_tests(spread)["moments"].tolist() == [3]


def test_no_share_of_cycling_seeds_before_one_can_cycle(study_over_time):
    scores = np.full((6, 1, E), 9.0)
    for reached in (2, 3):
        study = study_over_time(scores, reached=[E] * 3 + [reached] * 3)
        table = cycling.cycling_by(study)
        assert table["progress"].tolist() == [100.0 * reached, 1000.0]
        assert np.isnan(table["cycling"]).tolist() == [reached < 3, False]


def planted(study_over_time, rng, by, share_lost, configurations=24):
    """A study in which a share of the configurations of each value of `by` loses all seeds early."""
    lost = rng.random(configurations) < np.asarray(share_lost)[by]
    kinds = np.where(lost[:, None, None], verdicts_of("uuccccuccc"), verdicts_of("uuuuuuuuuu"))
    return study_over_time(np.full((configurations, 3, E), 9.0), np.repeat(kinds, 3, axis=1), k=by)


def test_a_value_that_loses_its_seeds_is_told_and_equal_ones_are_not(study_over_time):
    rng = np.random.default_rng(3)
    by = np.arange(24) % 2
    told = failures.survival_tests(planted(study_over_time, rng, by, (0.05, 0.9)))
    assert told[["setting", "groups", "configurations", "num_seeds"]].iloc[0].tolist() == [
        "k",
        2,
        24,
        72,
    ]
    assert told["decision"].tolist() == ["differ"] and told["method"].tolist() == ["permutation"]
    equal = failures.survival_tests(planted(study_over_time, rng, by, (0.4, 0.4)))
    assert equal["decision"].tolist() == ["inconclusive"]


def test_an_a_a_study_finds_a_difference_at_the_stated_rate(study_over_time, monkeypatch):
    """Frames in, verdict out, at 5%: of 40 studies without any difference 99.9% tell at most 7."""
    monkeypatch.setattr("ganstudy.analysis.stats.log_rank.PERMUTATIONS", 199)
    rng = np.random.default_rng(8)
    by = np.arange(20) % 2
    made = [
        failures.survival_tests(planted(study_over_time, rng, by, (0.5, 0.5), 20))
        for _ in range(40)
    ]
    assert sum(table["decision"].iloc[0] == "differ" for table in made) <= 7


def test_several_settings_are_corrected_for(study_over_time):
    rng = np.random.default_rng(3)
    study = planted(study_over_time, rng, np.arange(24) % 2, (0.2, 0.6))
    study.trials["lr_d"] = np.arange(24) // 12
    study.spec["search"]["space"]["lr_d"] = [0, 1]
    table = failures.survival_tests(study)
    assert (table["comparisons"] == 2).all()
    np.testing.assert_allclose(table["p_adjusted"], np.minimum(1, 2 * table["p"]))


# Cycling


def test_share_of_cycling_seeds_and_returns_by_setting(study_over_time):
    kinds = np.where(
        np.arange(12)[:, None, None] < 6, verdicts_of("uuyyyyyyyy"), verdicts_of("uuuuuuuuuu")
    )
    more = {
        "returns": np.where(np.arange(12)[:, None, None] < 6, 3.0, 0.0),
        "dominant_switches": 4.0,
    }
    study = study_over_time(
        np.full((12, 3, E), 9.0), np.repeat(kinds, 3, axis=1), more=more, k=np.arange(12) // 6
    )
    table = cycling.cycling_by(study, "k").set_index("k")
    assert table["progress"].tolist() == [1000.0, 1000.0] and table["num_seeds"].tolist() == [
        18,
        18,
    ]
    assert table["cycling"].tolist() == [1.0, 0.0] and table["returned"].tolist() == [1.0, 0.0]
    assert (
        table["cycling_low"].iloc[0] < 0.7 < table["cycling_high"].iloc[0]
    )  # of 6 configurations, not of 18 seeds
    assert table["returns"].tolist() == [3.0, 0.0] and table["switches"].tolist() == [4.0, 4.0]


def test_films_show_typical_seeds_as_shares_that_sum_to_one(study_over_time):
    study = study_over_time(
        np.full((3, 2, E), 9.0), np.repeat(verdicts_of(*COURSES[:3]), 2, axis=1)
    )
    study = replace(study, mode_names=["a", "b"])
    study.evaluations["histogram"] = [[10, 30]] * len(study.evaluations)
    study.evaluations["movement"] = 0.5
    film = cycling.mode_heatmaps(study)
    assert set(film["verdict"]) == {"converged", "collapsed", "unsettled"}
    np.testing.assert_allclose(
        film.groupby(["number", "seed", "generator_steps"])["share"].sum(), 1.0
    )
    assert film.groupby("mode_name")["share"].first().to_dict() == {"a": 0.25, "b": 0.75}
    course = cycling.cycling_trajectories(study)
    assert (course.groupby(["number", "seed"]).size() == E).all()
    assert (course["movement"] == 0.5).all() and course["returns"].isna().all()
    assert (
        course[course["verdict"] == "collapsed"]["verdict_then"].tolist()
        == ["unsettled"] * 4 + ["collapsed"] * 6
    )


# The game beside the score


def test_a_measure_of_the_game_that_goes_with_the_score_is_told(study_over_time):
    rng = np.random.default_rng(2)
    final = rng.uniform(10, 90, size=(40, 1))
    gap = np.broadcast_to((final + 5 * rng.normal(size=(40, 1)))[:, :, None], (40, 1, E))
    noise = np.broadcast_to(rng.normal(size=(40, 1, 1)), (40, 1, E))
    study = study_over_time(
        falling(final), more={"duality_gap": gap, "path_rotation": noise, "d_auc": -gap}
    )
    table = game.game_against_score(study).set_index("measure")
    assert table["decision"].to_dict() == {
        "duality_gap": "high is worse",
        "path_rotation": "inconclusive",
        "d_auc": "high is better",
    }
    assert table.loc["duality_gap", "low"] > 0.8 and (table["comparisons"] == 3).all()
    assert table["configurations"].tolist() == [40, 40, 40]


@pytest.mark.parametrize("n", [MIN_FOR_SPEARMAN, 24, 100])
def test_interval_of_a_rank_correlation_covers(n):
    """Of a normal pair correlated by 0.6, whose rank correlation is 6 / pi asin(0.6 / 2).

    At a true 95%, 99.9% of 400 cover in 91% or more.
    """
    rng = np.random.default_rng(n)
    truth, hits = 6 / math.pi * math.asin(0.3), 0
    for _ in range(400):
        x = rng.normal(size=n)
        found = spearman(x, 0.6 * x + 0.8 * rng.normal(size=n))
        hits += found.low <= truth <= found.high
    assert 0.91 <= hits / 400 <= 0.9825


def test_unrelated_measures_are_told_at_the_stated_rate():
    """Ten at once, of 24 configurations: any of them in at most 5%. At a true 5%, 99.9% of 150 find at most 11.3%."""
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(150):
        score = rng.normal(size=24)
        intervals = [spearman(rng.normal(size=24), score, 10) for _ in range(10)]
        found += any(interval.low > 0 or interval.high < 0 for interval in intervals)
    assert found / 150 <= 0.1134


def test_mismatch_by_setting_counts_the_seeds_it_misleads(study_over_time):
    values = np.where(np.arange(12)[:, None, None] < 6, -0.5, 0.8)
    study = study_over_time(
        falling(np.full((12, 2), 10.0)), more={"mismatch": values}, k=np.arange(12) // 6
    )
    table = game.mismatch_by(study, "k").set_index("k")
    assert table["mismatch"].tolist() == [-0.5, 0.8] and table["misleads"].tolist() == [1.0, 0.0]
    assert table["configurations"].tolist() == [6, 6] and table["num_seeds"].tolist() == [12, 12]


# Studies that lack things

TABLES = {
    "group_curves": lambda study: convergence.group_curves(study, "k"),
    "time_to_score": lambda study: convergence.time_to_score(study, "k"),
    "reach_curves": lambda study: convergence.reach_curves(study, "k"),
    "reach_tests": convergence.reach_tests,
    "stability": convergence.stability,
    "stability_by": lambda study: convergence.stability_by(study, "k"),
    "survival_curves": lambda study: failures.survival_curves(study, "k"),
    "survival_summary": lambda study: failures.survival_summary(study, "k"),
    "survival_tests": failures.survival_tests,
    "films": cycling.mode_heatmaps,
    "cycling_trajectories": cycling.cycling_trajectories,
    "cycling_by": lambda study: cycling.cycling_by(study, "k"),
    "game_against_score": game.game_against_score,
    "mismatch_by": lambda study: game.mismatch_by(study, "k"),
}


def imported(study_over_time):
    """One seed, uneven evaluations, no counters, no verdicts, no histograms, nothing known of the budget."""
    study = study_over_time(
        falling(np.linspace(10, 40, 9)[:, None]),
        reached=[10, 4, 3, 10, 7, 10, 2, 10, 10],
        k=[1] * 9,
    )
    study.evaluations[["generator_steps", "seconds", "device_seconds"]] = np.nan
    study.evaluations["verdict"] = ""
    study.trials["remedies"] = np.nan
    return replace(study, spec={"name": "imported", "search": {"space": {"k": [1, 2]}}})


def nothing(study_over_time):
    study = study_over_time(falling([[10.0]]), k=[1])
    trials, rows = study.trials.head(0), study.evaluations.head(0)
    return replace(study, trials=trials, evaluations=rows)


def without_k(study_over_time):
    return study_over_time(falling(np.full((3, 1), 10.0)))


def never_evaluated(study_over_time):
    study = study_over_time(
        falling(np.full((3, 1), 10.0)), reached=[0, 0, 0], states=["failed"] * 3, k=[1, 1, 2]
    )
    return replace(study, evaluations=study.evaluations.head(0))


def all_diverged(study_over_time):
    return study_over_time(
        np.full((7, 2, E), np.nan), reached=[1] * 7, states=["complete"] * 7, k=[1] * 7
    )


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("lack", [imported, nothing, without_k, never_evaluated, all_diverged])
def test_every_table_is_honest_about_a_study_that_lacks_things(
    table, lack, study_over_time, tmp_path
):
    study = lack(study_over_time)
    made = TABLES[table](study)
    whole = TABLES[table](study_over_time(falling(np.full((8, 2), 10.0)), k=[0, 1] * 4))
    assert isinstance(made, pd.DataFrame) and made.columns.tolist() == whole.columns.tolist()
    made.to_parquet(tmp_path / "table.parquet")


def test_imported_courses_are_counted_in_evaluations(study_over_time):
    study = imported(study_over_time)
    assert own_axis(study) == "evaluation"
    curves = convergence.group_curves(study, "k")
    assert curves["unit"].unique().tolist() == ["evaluation"] and curves["progress"].max() == 10
    assert failures.survival_curves(study).empty  # no verdicts, nothing to say
