"""Effects in a fraction of a design: its points have no twins, and yet no effect is mixed with another."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from ganstudy.analysis.frames.compared_scores import own_axis
from ganstudy.analysis.report.blocks import Results
from ganstudy.analysis.report.sections import sampler
from ganstudy.analysis.tables.effects.interactions import interactions
from ganstudy.analysis.tables.effects.k_by_remedies import k_by_remedies
from ganstudy.analysis.tables.effects.matched_contrasts import pairwise_contrasts, remedy_contrasts
from ganstudy.study.spec.fraction import find_fraction

POINTS, SEEDS = 6, 4
KS, LOSSES = (1, 2, 5), ("hinge", "least_squares", "minimax")
REMEDIES = ("none", "feature_matching", "minibatch_discrimination")
K_EFFECT = {1: 0.0, 2: -0.3, 5: 0.4}
LOSS_EFFECT = dict(zip(LOSSES, (0.0, 1.5, -0.8), strict=True))
REMEDY_EFFECT = dict(zip(REMEDIES, (0.0, -0.5, 0.2), strict=True))


@pytest.fixture
def made(made_study):
    """Build a study of a third of 27 combinations at each point.

    interaction: what k = 5 and the loss minimax add to a logarithm together; noise: standard deviation.
    """

    def build(interaction: float = 0.0, noise: float = 0.0, seed: int = 0):
        fraction = find_fraction([3, 3, 3], 3)
        assert fraction is not None
        rng = np.random.default_rng(seed)
        by_point = rng.normal(size=(POINTS, SEEDS)) / 2
        cells, logs = [], []
        for point in range(POINTS):
            for i, j, r in fraction.combinations(fraction.part(point, seed)):
                k, loss, remedies = KS[i], LOSSES[j], REMEDIES[r]
                cells.append((point, k, loss, remedies))
                both = interaction * (k == 5 and loss == "minimax")
                logs.append(
                    by_point[point]
                    + K_EFFECT[k]
                    + LOSS_EFFECT[loss]
                    + REMEDY_EFFECT[remedies]
                    + both
                )
        values = np.exp(np.array(logs) + noise * rng.normal(size=(len(cells), SEEDS)))
        study = made_study(
            values[:, :, None] * np.ones(2),
            {
                "k": [cell[1] for cell in cells],
                "loss": [cell[2] for cell in cells],
                "lr_d": [1e-4 * 2 ** cell[0] for cell in cells],
                "remedies": [cell[3] for cell in cells],
            },
            space={
                "k": [*KS],
                "loss": [*LOSSES],
                "lr_d": {"low": 1e-4, "high": 1e-2},
                "remedies": [[], *([name] for name in REMEDIES[1:])],
            },
        )
        study.trials["stage"] = "design"
        study.trials["point"] = pd.array([cell[0] for cell in cells], dtype="Int64")
        study.trials = study.trials.assign(collapsed=0, cycling=0, diverged=0)
        study.spec["design"] = {"points": POINTS, "at": 1.0, "fraction": 3}
        study.spec["train"]["seeds"] = list(range(SEEDS))
        return study

    return build


def of_k(study):
    """Return the contrasts of k at the budget's own amount, by their two values."""
    rows = pairwise_contrasts(study)
    return {(row.first, row.second): row for row in rows if row.axis == own_axis(study)}


def test_every_effect_is_what_was_planted_however_large_the_others_are(made) -> None:
    """Without noise to the last digits: another factor has all its values on both sides of a point."""
    study = made()
    for row in remedy_contrasts(study):
        assert row.effect.value == pytest.approx(math.exp(REMEDY_EFFECT[row.first]), rel=1e-9)
        assert row.matching == "balanced" and "remedies" not in row.matched_on
    found = of_k(study)
    assert len(found) == 3
    for (one, other), row in found.items():
        assert row.effect.value == pytest.approx(
            math.exp(K_EFFECT[one] - K_EFFECT[other]), rel=1e-9
        )


def test_an_interaction_cancels_over_the_points_and_widens_the_interval(made) -> None:
    """The mean over all combinations is what remains: a third of it for k = 5 (one loss of three)."""
    plain, mixed = (of_k(made(i, noise=0.02)) for i in (0.0, 0.9))
    wide = 0
    for pair in plain:
        with_five = {5: 1, 2: 0, 1: 0}
        shift = 0.3 * (with_five[pair[0]] - with_five[pair[1]])
        planted = K_EFFECT[pair[0]] - K_EFFECT[pair[1]] + shift
        row = mixed.get(pair) or mixed[pair[::-1]].reversed()
        assert math.log(row.effect.value) == pytest.approx(planted, abs=0.05)
    remedies = [{r.first: r for r in remedy_contrasts(made(i, noise=0.02))} for i in (0.0, 0.9)]
    for name in REMEDIES[1:]:
        before, after = (each[name].effect for each in remedies)
        assert after.value == pytest.approx(before.value, rel=1e-9), (
            "it has no part in the remedies' effects"
        )
        wide += math.log(after.high / after.low) > 2 * math.log(before.high / before.low)
    assert wide, "at a point it is mixed with a remedy, which the spread over points shows"


def test_interactions_of_factors_are_not_estimated(made) -> None:
    study = made(noise=0.1)
    assert k_by_remedies(study) is None
    table = interactions(study)
    factors = {"k", "loss", *REMEDIES}
    assert not [
        *itertools.chain(table[table["first"].isin(factors) & table["second"].isin(factors)].index)
    ]


def test_of_all_combinations_twins_stay_alike_in_every_setting(made) -> None:
    study = made(noise=0.1)
    study.spec["design"]["fraction"] = 1
    assert all(not row.effect.n for row in remedy_contrasts(study)), "a third has no twins"


def test_a_report_of_a_fraction_speaks_of_no_twins(made) -> None:
    results = Results(made(noise=0.1))
    said = " ".join(f"{each.claim} {each.basis}" for each in sampler.conclusions(results))
    assert "Each point trained a part of the combinations" in said and "twins" not in said
