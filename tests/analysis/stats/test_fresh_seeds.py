"""Whole confirm stages in which twins are alike: how often the exact test tells them apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ganstudy.analysis.stats.few_seeds import compare_by_seed
from ganstudy.analysis.stats.multiplicity import holm


@pytest.fixture(scope="module")
def simulated(benchmark_module: Any) -> Any:
    return benchmark_module("fresh_seeds")


def test_the_simulation_says_what_the_test_says(simulated: Any) -> None:
    """Of single studies, in which seeds collapse and diverge, by independent ranks and enumeration."""
    rng = np.random.default_rng(0)
    made = simulated.scores(rng, "heavy", (12, 6, 8), 0.3, 0.15)
    listed = simulated.p_values(made[:, :3], made[:, 3:])
    gone, collapsed = made == simulated.DIVERGED, made > simulated.COLLAPSED / 2
    logs = np.where(gone, np.inf, made - simulated.COLLAPSED * (collapsed & ~gone))
    verdicts = np.where(gone, "diverged", np.where(collapsed, "collapsed", "unsettled"))
    for study, p in enumerate(listed):
        exact = [
            compare_by_seed(logs[study, i], logs[study, i + 3], verdicts[study, [i, i + 3]]).p
            for i in range(3)
        ]
        assert exact == pytest.approx(p.tolist(), abs=1e-6)
        assert holm(np.array(exact)) == pytest.approx(simulated.holm(p[None])[0], abs=1e-6)


@pytest.mark.parametrize("noise", ["normal", "heavy", "skewed"])
@pytest.mark.parametrize(("twins", "seeds"), [(1, 6), (3, 8), (6, 8)])
def test_alike_twins_are_told_apart_in_five_percent_at_most(
    simulated: Any, noise: str, twins: int, seeds: int
) -> None:
    """With 30% collapsed. A true rate of 7.5% would fail here with a probability of 93%, of 8% with 99%."""
    found = simulated.false_findings(noise, 2000, twins, seeds, collapse=0.3)
    assert found <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / 2000)


def test_large_effects_are_told(simulated: Any) -> None:
    assert simulated.power(400, 3, 8, ratio=0.5) > 0.9
    assert simulated.power(400, 3, 6, ratio=0.1) == 0, "six seeds can tell one comparison only"
    assert simulated.power(400, 1, 8, collapse=(0.1, 0.8)) > 0.5
