"""Every rule of the verdicts, on rows whose story is known; real scores: test_verdict_calibration.py."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from scipy.stats import entropy

from ganstudy.trials.measures.verdict import (
    MIN_WINDOW,
    verdict,
    verdict_where_certain,
    window_length,
)
from ganstudy.trials.results.records import EvaluationRow, Verdict

MODES, SAMPLES, PLANNED = 10, 1000, 9
EVEN = np.ones(MODES)
FLOOR = {
    "effective_modes": 9.95,
    "density": 1.05,
    "coverage": 0.96,
    "high_quality": 0.98,
    "fid": 2.0,
}
LOST = EvaluationRow(0, 1, finite=False, measures=dict.fromkeys(FLOOR), histogram=None)


def row(
    shares: np.ndarray | list[float], rng: np.random.Generator | None = None, **scores: float
) -> EvaluationRow:
    """An evaluation of a generator that draws from the modes in these shares, otherwise as good as real."""
    rng = rng or np.random.default_rng(0)
    histogram = rng.multinomial(SAMPLES, np.asarray(shares) / np.sum(shares))
    measures = {**FLOOR, "effective_modes": math.exp(entropy(histogram)), **scores}
    return EvaluationRow(0, 1, finite=True, measures=measures, histogram=histogram.tolist())


def only(*modes: int) -> np.ndarray:
    return np.isin(np.arange(MODES), modes).astype(float)


def discriminate(rows: list[EvaluationRow], planned: int = PLANNED) -> Verdict:
    return verdict(rows, planned, FLOOR)


def test_real_data_have_converged() -> None:
    assert discriminate([row(EVEN)] * PLANNED) is Verdict.CONVERGED


@pytest.mark.parametrize("mode", range(MODES))
def test_a_one_mode_sampler_has_collapsed(mode: int) -> None:
    rows = [row(only(mode), coverage=0.1)] * PLANNED
    for seen in range(1, PLANNED + 1):
        assert discriminate(rows[:seen]) is (
            Verdict.COLLAPSED if seen >= MIN_WINDOW else Verdict.UNSETTLED
        )


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        (5, Verdict.COLLAPSED),
        (6, Verdict.UNSETTLED),
        (8, Verdict.UNSETTLED),
        (9, Verdict.CONVERGED),
    ],
)
def test_how_many_modes_may_be_lost(modes: int, expected: Verdict) -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        assert discriminate([row(only(*range(modes)), rng) for _ in range(PLANNED)]) is expected


def test_few_samples_of_every_mode_are_a_collapse() -> None:
    """One image per class: all modes, even, of high quality, dense, and hardly any real image reached."""
    assert discriminate([row(EVEN, coverage=0.07)] * PLANNED) is Verdict.COLLAPSED
    assert discriminate([row(EVEN, coverage=0.3)] * PLANNED) is Verdict.UNSETTLED


def test_poor_samples_of_every_mode_are_none() -> None:
    """They reach as little, but do not lie where real ones lie either."""
    assert (
        discriminate([row(EVEN, coverage=0.07, density=0.1, high_quality=0.1)] * PLANNED)
        is Verdict.UNSETTLED
    )


@pytest.mark.parametrize("stride", [1, 3, 7])
def test_a_one_mode_sampler_that_moves_is_cycling(stride: int) -> None:
    rows = [row(only(t * stride % MODES), coverage=0.1) for t in range(PLANNED)]
    for seen in range(MIN_WINDOW, PLANNED + 1):
        assert discriminate(rows[:seen]) is Verdict.CYCLING
    assert discriminate(rows[:2]) is Verdict.UNSETTLED, "two looks cannot tell a cycle"


def test_quality_plays_no_part_in_cycling() -> None:
    poor = {"coverage": 0.0, "density": 0.0, "high_quality": 0.0}
    assert discriminate([row(only(t % 2), **poor) for t in range(PLANNED)]) is Verdict.CYCLING


def test_halves_in_turn_are_cycling() -> None:
    rng = np.random.default_rng(0)
    halves = (only(0, 1, 2, 3, 4), only(5, 6, 7, 8, 9))
    assert discriminate([row(halves[t % 2], rng) for t in range(PLANNED)]) is Verdict.CYCLING
    slow = [row(halves[t // 2 % 2], rng) for t in range(PLANNED)]
    assert discriminate(slow) is Verdict.CYCLING, "a switch in every other evaluation"


def test_a_slow_cycle_is_one_though_the_window_sees_a_single_switch() -> None:
    modes = [0, 0, 0, 1, 1, 1, 0, 0, 0, 1]
    assert discriminate([row(only(m)) for m in modes], planned=10) is Verdict.CYCLING


def test_a_single_hop_is_collapse() -> None:
    for hop in range(1, PLANNED):
        rows = [row(only(0))] * hop + [row(only(1))] * (PLANNED - hop)
        assert discriminate(rows) is Verdict.COLLAPSED


def test_a_drift_from_one_mode_to_another_is_collapse() -> None:
    shares = np.linspace(1, 0, PLANNED)
    assert discriminate([row(s * only(0) + (1 - s) * only(1)) for s in shares]) is Verdict.COLLAPSED


def test_what_moved_once_and_stands_still_now_has_collapsed() -> None:
    assert (
        discriminate([row(only(t % 2)) for t in range(6)] + [row(only(0))] * 4, planned=10)
        is Verdict.COLLAPSED
    )


def test_hops_before_it_held_all_modes_do_not_count() -> None:
    begun = [row(only(0)), row(only(1)), row(only(2))]
    assert (
        discriminate([*begun, *[row(EVEN)] * 4, *[row(only(3))] * 2, row(only(4))], planned=9)
        is Verdict.COLLAPSED
    )


def test_noise_on_one_broad_spot_is_not_cycling() -> None:
    """Alike modes exchange the lead by chance."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        assert (
            discriminate([row(only(0, 1, 2, 3), rng) for _ in range(PLANNED)]) is Verdict.COLLAPSED
        )


def test_a_seesaw_of_two_modes_that_both_stay_is_not_cycling() -> None:
    rows = [row(only(0) * (7 - 4 * (t % 2)) + only(1) * (3 + 4 * (t % 2))) for t in range(PLANNED)]
    assert discriminate(rows) is Verdict.COLLAPSED


def test_recovered_collapse_is_forgotten() -> None:
    rows = [row(only(0))] * 6 + [row(EVEN)] * 3
    assert [discriminate(rows[:seen]) for seen in (6, 7, 9)] == [
        "collapsed",
        "unsettled",
        "converged",
    ]


OFF = {"coverage": 0.004, "density": 0.3, "high_quality": 0.0}
"""Of a generator that has hardly begun: its samples lie nowhere near the data."""


def begun(*fids: float, **scores: float) -> list[EvaluationRow]:
    """Evaluations of such a generator, all in one mode."""
    return [row(only(0), fid=fid, **{**OFF, **scores}) for fid in fids]


FALLING = (465.0, 462.0, 457.0, 452.0, 449.0, 447.0, 446.0, 445.0, 442.0)


def test_a_seed_that_has_hardly_begun_is_not_trained_yet() -> None:
    """FID of a DCGAN over its first 60 steps: 5% in all."""
    rows = begun(*FALLING)
    for seen in range(1, PLANNED + 1):
        expected = Verdict.NOT_TRAINED if seen >= MIN_WINDOW else Verdict.UNSETTLED
        assert discriminate(rows[:seen]) is expected
    assert not Verdict.NOT_TRAINED.is_failure
    moving = [row(only(t % 3), fid=fid, **OFF) for t, fid in enumerate(FALLING)]
    assert discriminate(moving) is Verdict.NOT_TRAINED, "blobs wander on their way"
    noise = [row(EVEN, fid=fid, **OFF) for fid in FALLING]
    assert discriminate(noise) is Verdict.NOT_TRAINED, "noise over all modes is as far away"


@pytest.mark.parametrize(
    ("name", "fids"),
    [
        ("flat", (447.307, 447.367, 447.394, 447.419, 447.432, 447.445, 447.455, 447.463, 447.467)),
        ("rising", FALLING[::-1]),
        ("fell at first and stands", (465, 420, 401, 400.5, 401, 400, 401.5, 401, 400.8)),
        ("wanders", (446, 428, 461, 576, 445, 439, 480, 389, 417)),
        ("falls by less than the floor's FID", tuple(440 - 0.2 * at for at in range(PLANNED))),
        ("had been better", (300, *FALLING[1:])),
    ],
)
def test_a_seed_that_comes_no_nearer_has_collapsed(name: str, fids: tuple[float, ...]) -> None:
    assert discriminate(begun(*fids)) is Verdict.COLLAPSED


def test_a_seed_that_stays_on_one_mode_has_collapsed_however_its_score_falls() -> None:
    rows = begun(*FALLING, density=1.2, high_quality=0.9, coverage=0.1)
    assert discriminate(rows) is Verdict.COLLAPSED
    assert discriminate(begun(*FALLING, density=0.3, high_quality=0.9)) is Verdict.NOT_TRAINED


def test_a_seed_that_was_broad_once_has_collapsed_whatever_its_score_does() -> None:
    rows = begun(*FALLING)
    for when in range(5):
        broad = row(EVEN, fid=FALLING[when], coverage=0.3, high_quality=0.1)
        assert discriminate([*rows[:when], broad, *rows[when + 1 :]]) is Verdict.COLLAPSED
    modes_alone = row(EVEN, fid=FALLING[4], **OFF)
    assert discriminate([*rows[:4], modes_alone, *rows[5:]]) is Verdict.NOT_TRAINED


@pytest.mark.parametrize(("evaluations", "false"), [(3, 1 / 6), (4, 1 / 24), (5, 5 / 120)])
def test_chance_alone_falls_as_rarely_as_stated(evaluations: int, false: float) -> None:
    """All orders of as many scores, counted: in so many the trend test sees a fall."""
    orders = list(permutations(range(evaluations)))
    found = [discriminate(begun(*(400.0 + 10 * at for at in order)), 3) for order in orders]
    assert found.count(Verdict.NOT_TRAINED) == pytest.approx(false * len(orders))


def test_without_fid_a_fall_is_not_certain() -> None:
    rows = begun(*FALLING)
    assert verdict_where_certain(rows, PLANNED, FLOOR) is Verdict.NOT_TRAINED
    no_floor = {name: value for name, value in FLOOR.items() if name != "fid"}
    assert verdict_where_certain(rows, PLANNED, no_floor) is Verdict.UNKNOWN
    blind = [replace(r, measures={**r.measures, "fid": None}) for r in rows]
    assert verdict_where_certain(blind, PLANNED, FLOOR) is Verdict.UNKNOWN
    flat = begun(*[440.0] * PLANNED)
    assert verdict_where_certain(flat, PLANNED, no_floor) is Verdict.COLLAPSED
    on_one = [replace(r, measures={**r.measures, "density": 1, "high_quality": 1}) for r in blind]
    assert verdict_where_certain(on_one, PLANNED, FLOOR) is Verdict.COLLAPSED
    no_density = [replace(r, measures={**r.measures, "density": None}) for r in rows]
    no_density = [replace(r, measures={**r.measures, "high_quality": 0.9}) for r in no_density]
    assert verdict_where_certain(no_density, PLANNED, FLOOR) is Verdict.UNKNOWN


def test_a_glimpse_of_one_mode_is_no_collapse_yet() -> None:
    rows = [row(EVEN)] * 7 + [row(only(0))] * 2
    assert [discriminate(rows[:seen]) for seen in (7, 8, 9)] == [
        "converged",
        "unsettled",
        "collapsed",
    ]


def test_still_improving_is_unsettled() -> None:
    coverage = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    assert discriminate([row(EVEN, coverage=c) for c in coverage]) is Verdict.UNSETTLED
    assert (
        discriminate([row(EVEN, coverage=c) for c in (*coverage, 0.85, 0.88)]) is Verdict.CONVERGED
    )


@pytest.mark.parametrize("short", [{"high_quality": 0.4}, {"coverage": 0.4}])
def test_steady_but_poor_is_unsettled(short: dict[str, float]) -> None:
    assert discriminate([row(EVEN, **short)] * PLANNED) is Verdict.UNSETTLED


def test_one_poor_evaluation_in_the_window_unsettles() -> None:
    assert (
        discriminate([row(EVEN)] * 7 + [row(EVEN, high_quality=0.1), row(EVEN)])
        is Verdict.UNSETTLED
    )


def test_fid_plays_no_part_in_being_whole() -> None:
    assert discriminate([row(EVEN, fid=fid) for fid in (9.0, 1.0, 5.0)]) is Verdict.CONVERGED


def test_non_finite_is_diverged_whatever_came_before() -> None:
    assert discriminate([row(EVEN)] * 5 + [LOST]) is Verdict.DIVERGED
    assert discriminate([LOST]) is Verdict.DIVERGED


def test_back_from_overflow_begins_anew() -> None:
    """Samples can be too far away for a score and come back."""
    rows = [row(EVEN)] * 3 + [LOST] * 2 + [row(EVEN)] * 3
    assert [discriminate(rows[:seen]) for seen in (5, 6, 7, 8)] == [
        "diverged",
        "unsettled",
        "unsettled",
        "converged",
    ]


def test_a_trial_of_fewer_evaluations_than_a_window_stays_unsettled() -> None:
    assert discriminate([row(EVEN)] * 2, planned=2) is Verdict.UNSETTLED
    assert discriminate([row(only(0))], planned=1) is Verdict.UNSETTLED


@pytest.mark.parametrize(("planned", "length"), [(1, 3), (9, 3), (10, 4), (30, 10)])
def test_window(planned: int, length: int) -> None:
    assert window_length(planned) == length
