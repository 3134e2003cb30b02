"""The table of contrasts: families, orientation, and who leads."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from scipy import stats

from ganstudy.analysis.stats.estimate import Estimate
from ganstudy.analysis.stats.margin import Margin
from ganstudy.analysis.tables.effects.contrast_table import contrast_table
from ganstudy.analysis.tables.effects.contrasts import Contrast, Family, holm_family
from ganstudy.analysis.tables.effects.k_ratio import Answer, answers
from ganstudy.analysis.tables.effects.matched_contrasts import pairwise_contrasts, remedy_contrasts

MARGIN = Margin(0.15, is_ratio=True)


@pytest.fixture
def grid(study_over_time):
    """Two k, six learning rates and three sets of remedies, crossed, on three seeds."""
    points = itertools.product([1.0, 2.0], np.logspace(-4, -2, 6), ["none", "a", "b"])
    k, lr_d, remedies = (np.array(column) for column in zip(*points, strict=True))
    rng = np.random.default_rng(4)
    scores = np.exp(3 + np.log10(lr_d)[:, None] + 0.2 * rng.normal(size=(36, 3)))[:, :, None]
    settings = {"k": k, "lr_d": lr_d, "remedies": remedies}
    return study_over_time(np.repeat(scores, 2, axis=2), sampler="grid", **settings)


def test_in_a_design_the_factors_are_one_primary_family(grid):
    table = contrast_table(grid)
    own = [row for row in (*table.k, *table.remedies) if row.axis == "generator_steps"]
    assert [row.family.comparisons for row in own] == [3, 3, 3]
    assert {row.family.name for row in own} == {"k and remedies"}
    assert table.primary == own, "one family, one correction"
    assert all(row.effect.level == pytest.approx(1 - 0.05 / 3) for row in own)
    others = [row for row in table.k if row.axis != "generator_steps"]
    assert others and not any(row.family.primary for row in others)


@pytest.mark.parametrize("why", ["search", "confirm stage", "not all evaluated"])
def test_elsewhere_either_setting_is_a_family_of_its_own_and_exploratory(grid, why):
    spec, trials = grid.spec, grid.trials
    if why == "search":
        spec = {**spec, "search": {**spec["search"], "sampler": "tpe"}}
    elif why == "confirm stage":
        spec = {**spec, "confirm": {"top": 1}}
    else:
        trials = trials.assign(evaluations=[0] + [2] * 35)
    study = dataclasses.replace(grid, spec=spec, trials=trials)
    assert [row.family.comparisons for row in remedy_contrasts(study)] == [2, 2]
    assert not any(
        row.family.primary for row in (*remedy_contrasts(study), *pairwise_contrasts(study))
    )


def test_a_contrast_is_the_crossed_mean_of_the_exact_twins(grid):
    """Independently: log ratios of equal settings, by the sums of squares of a balanced two-way
    table and SciPy's quantiles.
    """
    wide = grid.seeds.pivot(index="number", columns="seed", values="fid")
    table = grid.trials.set_index("number")
    for row in remedy_contrasts(grid):
        keys = [
            table[table["remedies"] == value].sort_values(["k", "lr_d"]).index
            for value in (row.first, "none")
        ]
        d = np.log(wide.loc[keys[0]].to_numpy() / wide.loc[keys[1]].to_numpy())  # [12, 3]
        pairs, seeds = d.mean(axis=1), d.mean(axis=0)
        rest = ((d - pairs[:, None] - seeds + d.mean()) ** 2).sum() / (11 * 2)
        of_pairs = max(pairs.var(ddof=1) - rest / 3, 0) / 12
        of_seeds = max(seeds.var(ddof=1) - rest / 12, 0) / 3

        def half_width(alpha, of_pairs=of_pairs, of_seeds=of_seeds, rest=rest):
            t_pairs, t_seeds = stats.t.isf(alpha / 2, 11), stats.t.isf(alpha / 2, 2)
            return math.sqrt(
                t_pairs**2 * of_pairs + t_seeds**2 * of_seeds + t_seeds**2 * rest / (12 * 3)
            )

        effect = row.effect
        assert effect.value == pytest.approx(math.exp(d.mean()))
        assert half_width(row.p) == pytest.approx(abs(d.mean()), rel=1e-6)
        assert row.p_adjusted == pytest.approx(min(1, 3 * row.p))
        reach = half_width(1 - effect.level)
        assert effect.low == pytest.approx(math.exp(d.mean() - reach))
        assert effect.high == pytest.approx(math.exp(d.mean() + reach))
        assert effect.n == 12 and row.matching == "exact"


def test_of_two_values_the_one_that_looks_better_is_first(grid):
    known = [row for row in pairwise_contrasts(grid) if row.effect.n]
    assert known
    for row in known:
        assert row.worse_by <= 0 and row.effect.value <= 1
        back = row.reversed().reversed()
        assert (back.first, back.decision) == (row.first, row.decision)
        assert back.effect.value == pytest.approx(row.effect.value)
        turned = row.reversed().effect
        assert turned.low == pytest.approx(1 / row.effect.high)
        assert turned.high == pytest.approx(1 / row.effect.low)


def found(better: float, worse: float, size: float = 0.5, told: bool = True) -> Contrast:
    return Contrast(
        question="k",
        first=better,
        second=worse,
        axis="generator_steps",
        amount=100.0,
        scale="ratio",
        effect=Estimate(math.exp(-size), n=10, unit="pairs"),
        worse_by=-size,
        p=0.01,
        p_adjusted=0.01,
        family=Family("k", 3),
        decision="better" if told else "inconclusive",
        method="signed-rank",
        seeds=30,
    )


def equal(first: float, second: float, size: float = 0.01) -> Contrast:
    row = found(first, second, size, told=False)
    ends = math.exp(-size - 0.02), math.exp(0.02)
    effect = dataclasses.replace(row.effect, low=ends[0], high=ends[1])
    return dataclasses.replace(row, effect=effect).against(MARGIN)


def answer_of(grid, *rows: Contrast) -> Answer:
    trials = grid.trials.assign(k=[1.0, 2.0, 5.0] * 12)
    (answer,) = answers(dataclasses.replace(grid, trials=trials), "k", rows)
    return answer


def test_the_leader_is_who_none_is_found_to_beat(grid):
    """Though 5 looks best against 1, it is beaten by 2."""
    rows = found(5.0, 1.0, 2.0, told=False), found(2.0, 5.0, 0.1), found(1.0, 2.0, 0.1, told=False)
    answer = answer_of(grid, *rows)
    assert (answer.leader, answer.ahead_of, answer.not_separated) == (2.0, [5.0], [1.0])
    assert answer.decision == "ahead of some"


def test_of_those_that_none_beats_it_is_who_beats_most(grid):
    rows = found(2.0, 5.0, 0.1), found(2.0, 1.0, 0.1), found(5.0, 1.0, 3.0)
    answer = answer_of(grid, *rows)
    assert (answer.leader, set(answer.ahead_of), answer.decision) == (2.0, {5.0, 1.0}, "ahead")


def test_where_each_is_beaten_none_leads(grid):
    answer = answer_of(grid, found(1.0, 2.0), found(2.0, 5.0), found(5.0, 1.0))
    assert answer.leader is None and answer.decision == "inconclusive" and not answer.ahead_of


def test_a_value_without_a_pair_is_not_compared_and_not_beaten(grid):
    unpaired = dataclasses.replace(
        found(1.0, 5.0, told=False), effect=Estimate(math.nan), worse_by=math.nan
    )
    answer = answer_of(grid, found(1.0, 2.0), unpaired, dataclasses.replace(unpaired, first=2.0))
    assert (answer.leader, answer.ahead_of, answer.not_compared) == (1.0, [2.0], [5.0])
    assert answer.decision == "ahead of some"


def test_values_that_are_practically_equal_to_the_leader_are_no_open_ones(grid):
    answer = answer_of(grid, equal(2.0, 1.0), equal(2.0, 5.0), equal(5.0, 1.0))
    assert (answer.leader, answer.decision) == (2.0, "practically equal")
    assert sorted(answer.equal_to) == [1.0, 5.0] and not answer.not_separated
    answer = answer_of(grid, equal(2.0, 1.0), found(2.0, 5.0, told=False), equal(1.0, 5.0))
    assert (answer.leader, answer.equal_to, answer.not_separated) == (2.0, [1.0], [5.0])
    assert answer.decision == "inconclusive"
    answer = answer_of(grid, equal(2.0, 1.0), found(2.0, 5.0), found(1.0, 5.0, 0.1, told=False))
    assert (answer.leader, answer.ahead_of, answer.equal_to) == (2.0, [5.0], [1.0])
    assert answer.decision == "ahead of some"


@pytest.mark.parametrize(
    ("low", "high", "decision", "within"),
    [
        (1 / 1.15, 1.15, "practically equal", True),
        (1 / 1.15 - 1e-9, 1.15, "inconclusive", False),
        (1 / 1.15, 1.15 + 1e-9, "inconclusive", False),
        (0.9, 0.98, "better", True),
        (0.8, 0.98, "better", False),
        (math.nan, math.nan, "inconclusive", False),
    ],
)
def test_three_answers_come_from_one_interval(low, high, decision, within):
    """And two of them may hold together: better, and by less than the margin."""
    row = found(1.0, 2.0, told=decision == "better")
    row = dataclasses.replace(row, effect=Estimate(0.95, low, high, n=10, unit="pairs"))
    made = row.against(MARGIN)
    assert (made.decision, made.within_margin) == (decision, within)
    assert made.is_open == (decision == "inconclusive")
    turned = made.reversed()
    assert turned.within_margin == within
    assert turned.decision == {"better": "worse"}.get(decision, decision)
    without = row.against(None)
    assert not without.within_margin and without.decision != "practically equal"


def by_seed(differences: list[float], comparisons: int, scale: str = "ratio") -> Contrast:
    """Corrected by Holm, with the interval of one comparison."""
    d = np.array(differences)
    half = stats.t.ppf(0.975, len(d) - 1) * stats.sem(d)
    ends = [float(end) for end in (d.mean(), d.mean() - half, d.mean() + half)]
    value, low, high = np.exp(ends) if scale == "ratio" else ends
    row = dataclasses.replace(
        found(1.0, 2.0),
        scale=scale,
        effect=Estimate(float(value), float(low), float(high), n=len(d), unit="seeds"),
        worse_by=float(d.mean()),
        p=float(stats.ttest_1samp(d, 0).pvalue),
        differences=d,
    )
    family = dataclasses.replace(holm_family("f", [0.1], primary=True), comparisons=comparisons)
    return row.corrected(family, min(1.0, comparisons * row.p))


def test_with_holm_equality_comes_from_the_wider_intervals_that_hold_together():
    """Of four comparisons on nine seeds: 0.05 / 8 of 512 subsets are three, by enumeration."""
    d = [0.02, -0.03, 0.05, -0.06, 0.04, 0.0, 0.03, -0.01, -0.02]
    means = sorted(
        float(np.mean(subset)) for n in range(1, 10) for subset in itertools.combinations(d, n)
    )
    row = by_seed(d, 4)
    ends = row.simultaneous
    assert (ends.low, ends.high) == pytest.approx((math.exp(means[2]), math.exp(means[-3])))
    assert ends.low < row.effect.low < row.effect.high < ends.high
    edge = Margin(max(ends.high, 1 / ends.low) - 1 + 1e-12, True)
    assert row.against(edge).decision == "practically equal"
    assert row.against(Margin(edge.size - 1e-9, True)).decision == "inconclusive"
    assert by_seed(d, 1).against(Margin(edge.size - 1e-9, True)).decision == "practically equal"
    assert by_seed(d, 12).simultaneous.low == pytest.approx(math.exp(-0.06)), "0.05 / 24 of 512"
    assert not by_seed(d, 13).simultaneous.has_interval, "so few seeds cannot say it"


def test_nothing_is_equal_where_a_seed_has_no_value_or_there_is_no_test():
    row = by_seed([0.01, -0.01, 0.02, 0.0, -0.02, 0.01], 1)
    assert row.against(MARGIN).decision == "practically equal"
    for other in (
        dataclasses.replace(row, differences=np.array([0.01, -0.01, 0.02, 0.0, 0.01, np.inf])),
        dataclasses.replace(row, differences=np.zeros(6)),
        dataclasses.replace(row, p=math.nan),
    ):
        assert other.against(MARGIN).decision == "inconclusive"


def test_differences_keep_their_own_direction_in_the_wider_interval():
    """Of a maximised measure effects and differences have opposite signs."""
    row = by_seed([0.02, 0.01, 0.03, 0.02, 0.025, 0.015, 0.02], 1, scale="difference")
    effect = row.effect.in_direction(-1)
    turned = dataclasses.replace(row, effect=effect).simultaneous
    assert turned.low < effect.value < turned.high < 0
    assert turned.low == pytest.approx(-row.simultaneous.high)


@pytest.mark.parametrize("margin", [None, 0.15])
def test_of_two_k_that_do_the_same_equality_is_told_where_a_margin_is_stated(
    study_over_time, margin
):
    rng, k = np.random.default_rng(3), np.tile([1.0, 2.0], 12)
    lr_d = np.repeat(np.logspace(-4, -2, 12), 2)
    scores = np.exp(3 + np.log10(lr_d)[:, None] + 0.03 * rng.normal(size=(24, 6)))[:, :, None]
    objective = {"minimize": "fid"} | ({} if margin is None else {"margin": margin})
    study = study_over_time(np.repeat(scores, 2, axis=2), objective=objective, k=k, lr_d=lr_d)
    table = contrast_table(study).frame().query("axis == 'generator_steps'").iloc[0]
    expected = "inconclusive" if margin is None else "practically equal"
    assert (table["decision"], bool(table["within_margin"])) == (expected, margin is not None)
    assert 1 / 1.15 < table["low"] < 1 < table["high"] < 1.15
    zero = study.evaluations.assign(fid=study.evaluations["fid"].where(np.arange(288) > 0, 0.0))
    of_differences = contrast_table(dataclasses.replace(study, evaluations=zero)).frame()
    assert not of_differences["within_margin"].any(), "the margin is a factor"


def test_the_best_and_the_second_are_never_called_equal_by_the_scores_that_chose_them(
    study_over_time,
):
    rng = np.random.default_rng(2)
    scores = 10 * np.exp(0.01 * rng.normal(size=(8, 10)))[:, :, None]
    objective = {"minimize": "fid", "margin": 0.15}
    study = study_over_time(np.repeat(scores, 2, axis=2), objective=objective)
    (row,) = contrast_table(study).best
    assert 1 / 1.15 < row.effect.low < row.effect.high < 1.15
    assert row.decision != "practically equal" and not row.within_margin


def test_a_diverged_seed_of_the_second_best_stays_in_the_plan(study_over_time):
    """Left out, it would make the second look as good as the first."""
    scores = np.full((3, 6), 30.0) + np.arange(6)
    scores[0] -= 20
    scores[1] -= 15
    scores[1, 2] = np.nan
    study = study_over_time(np.repeat(scores[:, :, None], 2, axis=2), sampler="tpe", k=[1, 2, 3])
    (best,) = contrast_table(study).best
    assert (best.first, best.second, best.effect.n, best.seeds) == (0, 1, 6, 6)
    assert best.differences[2] == -np.inf and np.isfinite(np.delete(best.differences, 2)).all()
