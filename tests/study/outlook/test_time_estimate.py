"""The time of a study, from times of steps that are given: by hand."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from ganstudy.study.errors import UserError
from ganstudy.study.outlook import expected_time, step_times
from ganstudy.study.outlook.cost_estimate import steps_of
from ganstudy.study.outlook.step_times import MeasuredTimes, StepSeconds, measure, structure
from ganstudy.study.outlook.time_estimate import (
    AROUND,
    Alone,
    Packs,
    estimate,
    makespan,
    structures,
)
from ganstudy.study.spec.reader import parse_document, parse_study
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config.k_ratio import as_schedule

D, G, E, LAST = 0.003, 0.002, 0.5, 1.5
ALONE = "[resources]\nlanes = 1"


def study(
    design: str = "",
    schedule: str = "fifo",
    budget: str = "{ generator_steps = 100 }",
    more: str = "",
    k: str = "[1, 5]",
) -> StudySpec:
    return parse_study(
        f"""
name = "s"
data = {{ name = "ring" }}
[model]
width = 8
[train]
budget = {budget}
evaluations = 5
seeds = [0, 1, 2]
{design}
[search]
sampler = "{"random" if design else "grid"}"
trials = {0 if design else 4}
[search.space]
k = {k}
remedies = [[], ["feature_matching"]]
{"lr_d = { low = 0.1, high = 0.2 }" if design else ""}
[schedule]
name = "{schedule}"
{more}
""",
        "s.toml",
    )


def times(spec: StudySpec) -> MeasuredTimes:
    """Feature matching takes twice as long as none, which comes first."""
    steps = {
        structure(config): StepSeconds(*(n * (1 + ("feature" in str(config))) for n in (D, G)))
        for config in sorted(structures(spec), key=lambda config: len(config.remedies))
    }
    return MeasuredTimes(steps, len(steps), 6, dict.fromkeys(steps, 1.5), E, LAST)


def trial(k: int, slow: bool) -> float:
    return (100 * (k * D + G) + LAST) * (1 + slow) + 5 * E


ALL = [trial(k, slow) for k in (1, 5) for slow in (False, True)]


def test_a_grid_on_one_slot_and_on_four() -> None:
    spec = study()
    one, four = (estimate(spec, times(spec), slots, 3) for slots in (1, 4))
    assert one is not None and four is not None
    assert one.low == one.high == pytest.approx(AROUND + sum(ALL))
    assert four.high == pytest.approx(AROUND + max(ALL))


def test_early_stopping_is_a_range() -> None:
    """Rungs at 1/9 and 1/3: at the evaluations at 20 and 40 of 100."""
    spec = study(schedule="asha")
    found = estimate(spec, times(spec), 1, 3)
    assert found is not None
    assert found.high == pytest.approx(AROUND + sum(ALL))
    assert found.low == pytest.approx(AROUND + sum(ALL) * (0.2 + 0.2 / 3 + 0.6 / 9))


def test_a_design_is_trained_once_per_point_and_its_best_go_on() -> None:
    whole = study("[design]\npoints = 3", schedule="asha", more=ALONE)
    found = estimate(whole, times(whole), 1, 3)
    assert found is not None
    assert found.low == found.high == pytest.approx(AROUND + 3 * sum(ALL))
    part = study("[design]\npoints = 3\nat = 0.4\npromote = 6", more=ALONE)
    found = estimate(part, times(part), 1, 3)
    assert found is not None
    assert found.high == pytest.approx(AROUND + 3 * sum(ALL) * (0.4 + 0.6 * 6 / 12))


@pytest.mark.parametrize(
    ("lanes", "packs"), [("", [3]), ("lanes = 24", [3]), ("lanes = 6", [2, 1])]
)
def test_points_of_one_combination_are_trained_together(lanes: str, packs: list[int]) -> None:
    """Three points of each of four combinations: three lanes more take half as long again."""
    spec = study("[design]\npoints = 3", more=f"[resources]\n{lanes}")
    found = estimate(spec, times(spec), 1, 3)
    assert found is not None
    steps = sum(ALL) - 4 * 5 * E
    shared = sum(1 + (n - 1) * 0.5 for n in packs) * steps
    assert found.high == pytest.approx(AROUND + shared + 3 * 4 * 5 * E)


def test_a_search_of_unlike_structures_in_packs_on_two_slots() -> None:
    """Of 12 left three, of 9 three, of 6 the two that are alike, of 4 two, then one each."""
    known = MeasuredTimes(more_lanes=6, more={"steps": 1.5})
    alone = [Alone(name, "steps", 6.0, 1.0) for name in "aaaaaaaabbbb"]
    ends = Packs(known, 3, 3, 3).makespan(alone, 2)
    three, two, one = 2 * 6 + 3, 1.5 * 6 + 2, 6 + 1
    assert ends == pytest.approx(three + two + one)
    assert Packs(known, 3, 3, 1).makespan(alone, 2) == pytest.approx(6 * 7)


def test_a_point_may_stand_for_many() -> None:
    """As a plan counts: on three slots, four trials at each of five points."""
    one, five = (study(f"[design]\npoints = {points}", more=ALONE) for points in (1, 5))
    found = estimate(one, times(one), 3, 3, times_design=5)
    assert found is not None
    assert found.high == pytest.approx(AROUND + makespan(sorted(ALL) * 5, 3), rel=0.1)
    alone = estimate(one, times(one), 1, 3, times_design=5)
    right = estimate(five, times(five), 1, 3)
    assert alone is not None and right is not None
    assert alone.high == pytest.approx(right.high) == pytest.approx(AROUND + 5 * sum(ALL))


def test_the_confirm_stage_comes_on_top() -> None:
    more = "[confirm]\ntop = 1\nremedy_sets = 0\nbaseline = false\nseeds = [7, 8, 9, 10, 11, 12]"
    spec = study(more=more)
    found = estimate(spec, times(spec), 2, 3)
    assert found is not None
    # One trial of an average kind, on six seeds: its steps 1.5 times as long, and of its five
    # evaluations twice as many.
    searched = makespan(ALL, 2)
    again = 1.5 * (sum(ALL) / 4 - 5 * E) + 2 * 5 * E
    assert found.high == pytest.approx(AROUND + searched + again)


def test_seeds_between_and_beyond_the_measured_numbers() -> None:
    known = MeasuredTimes(more_lanes=6, more={"a": 1.5})
    assert [known.factor(n, 3) for n in (3, 6, 9, 4)] == pytest.approx([1, 1.5, 2, 7 / 6])
    assert MeasuredTimes().factor(6, 3) == 2
    # Noise makes no step with more lanes free, and none dearer than one lane after another.
    odd = MeasuredTimes(more_lanes=6, more={"a": 0.8, "b": 2.2})
    assert [odd.factor(9, 3, name) for name in ("a", "b", "c")] == pytest.approx([1, 3, 2])


def test_a_budget_of_seconds_is_its_own_time() -> None:
    spec = study(budget="{ seconds = 10 }")
    found = estimate(spec, MeasuredTimes(evaluation=E), 2, 3)
    assert found is not None
    assert found.high == pytest.approx(AROUND + 2 * (10 + 5 * E))


def test_nothing_measured_is_no_time() -> None:
    assert estimate(study(), MeasuredTimes(), 2, 3) is None


def test_trials_begin_where_a_slot_is_free() -> None:
    assert makespan([3, 1, 1, 4], 2) == 6
    assert makespan([], 3) == 0


@pytest.mark.parametrize(
    ("budget", "k", "steps"),
    [
        ("{ generator_steps = 100 }", "2", (200, 100)),
        ("{ discriminator_steps = 100 }", "2", (100, 50)),
        ("{ updates = 300 }", "2", (200, 100)),
        ("{ images = 640 }", "0.5", (10, 20)),
    ],
)
def test_steps_of_either_player(budget: str, k: str, steps: tuple[float, float]) -> None:
    train = study(budget=budget).train.model_copy(update={"k": as_schedule(k)})
    assert steps_of(train) == pytest.approx(steps)


# Measuring


def test_measuring_a_small_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two kinds of trials, and without a file."""
    monkeypatch.setattr(step_times, "PER_STRUCTURE", 0.05)
    spec = study()
    # Much, as the tests' machine may be busy.
    found = measure(structures(spec), 4, tmp_path, 1, False, seconds=600)
    assert found.note == "" and set(found.steps) == {structure(c) for c in structures(spec)}
    each = [value for one in found.steps.values() for value in (one.discriminator, one.generator)]
    assert all(value > 0 for value in each)
    assert found.evaluation is not None and found.evaluation > 0
    assert found.more_lanes == 4 and {*found.more} == {*found.steps}
    assert list(tmp_path.iterdir()) == []


def test_the_clock_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(*_arguments: object) -> None:
        while True:
            pass

    monkeypatch.setattr(step_times, "_step_seconds", endless)
    found = measure(structures(study()), 4, tmp_path, 1, False, seconds=0.5)
    assert found.steps == {} and "too few to measure" in found.note


def test_slow_steps_are_measured_without_warming_up_and_with_their_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps of 0.3 s, of which the clock leaves time for a few: there is an estimate, and what costs is named."""
    from ganstudy.trials.training.training_loop import TrainingLoop

    made, train_step = [], TrainingLoop.train_step

    def slow(loop: TrainingLoop) -> None:
        made.append(loop)
        time.sleep(0.3)
        train_step(loop)

    monkeypatch.setattr(TrainingLoop, "train_step", slow)
    monkeypatch.setattr(step_times, "PER_STRUCTURE", 0.1)
    spec = study()
    config = structures(spec)[0]
    found = measure([config], len(config.seeds), tmp_path, 1, False, seconds=3.0)
    (each,) = found.steps.values()
    assert [loop is made[0] for loop in made].count(True) == 2, "one of either player"
    assert each.discriminator >= 0.3 and each.generator >= 0.3
    assert found.evaluation is None and "an evaluation" in found.note
    steps = 2 * config.measures.game_steps
    assert found.last_evaluation == pytest.approx(steps * (each.discriminator + each.generator))
    lines = expected_time.time_lines(spec, expected_time.StudyTimes(found, len(config.seeds), 1))
    long = any("game_steps = 0" in line for line in lines)
    assert long == (steps > sum(steps_of(config)) / 2)


def test_data_are_not_downloaded(tmp_path: Path) -> None:
    text = study().document.replace('"name": "ring"', f'"name": "mnist", "root": "{tmp_path}"')
    spec = parse_document(text, "s.toml")
    found = measure(structures(spec), 4, tmp_path, 1, False)
    assert found.note == "mnist is not here yet: the first run downloads it"
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_trained_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_data: object) -> None:
        raise ValueError("ring is square")

    monkeypatch.setattr(step_times, "load_dataset", broken)
    with pytest.raises(UserError, match="ring is square"):
        measure(structures(study()), 4, tmp_path, 1, False)


def test_an_unknown_structure_takes_the_mean() -> None:
    known = MeasuredTimes(steps={"a": StepSeconds(1, 2), "b": StepSeconds(3, 6)})
    config = SimpleNamespace(function=None, model_dump=lambda **_: {}, batch_size=64)
    assert known.steps_of(config) == StepSeconds(2, 4)  # type: ignore[arg-type]
