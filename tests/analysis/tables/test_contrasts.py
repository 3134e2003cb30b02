"""The table of contrasts: families, orientation, and who leads."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest
from scipy import stats

from ganstudy.analysis.stats.estimate import Estimate
from ganstudy.analysis.tables.contrast_table import contrast_table
from ganstudy.analysis.tables.contrasts import Contrast, Family
from ganstudy.analysis.tables.k_ratio import Answer, answers
from ganstudy.analysis.tables.matched_contrasts import pairwise_contrasts, remedy_contrasts


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
