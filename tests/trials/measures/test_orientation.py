"""Each measure points the right way: samplers whose truth is known, seen by all measures at once.

Eight Gaussians on a circle, 1000 points to train on, 1000 held out, eight evaluations of 1000 samples:

    perfect     fresh draws
    memorised   the training points plus a noise far smaller than their distances
    collapsed   fresh draws of one component, always the same
    rotating    fresh draws of one component, the next one at every evaluation
    blurred     fresh draws of components three times as wide

`pytest tests/trials/measures/test_orientation.py -s` prints the table.
"""

from __future__ import annotations

import math

import pytest
import torch

from ganstudy.trials.data import Mixture
from ganstudy.trials.measures.bins import Bins
from ganstudy.trials.measures.copying import Copying
from ganstudy.trials.measures.cycling import cycling
from ganstudy.trials.measures.density_coverage import Neighbourhoods
from ganstudy.trials.measures.features.fidelity import FrechetDistance, PrecisionRecall
from ganstudy.trials.measures.kid import KernelDistance
from ganstudy.trials.measures.modes import assign_to_mixture, mode_scores
from ganstudy.trials.measures.ndb_jsd import jsd, ndb

MODES, NUM, EVALUATIONS, SIGMA = 8, 1000, 8, 0.05
SAMPLERS = ("perfect", "memorised", "collapsed", "rotating", "blurred")


def on_circle(num_modes: int, radius: float = 1.0) -> torch.Tensor:
    angles = torch.arange(num_modes) * (2 * torch.pi / num_modes)
    return radius * torch.stack([angles.cos(), angles.sin()], dim=1)


def on_grid() -> torch.Tensor:
    axis = torch.arange(-4.0, 5.0, 2.0)
    return torch.cartesian_prod(axis, axis)


def draw(means: torch.Tensor, num: int, sigma: float, seed: int) -> torch.Tensor:
    stream = torch.Generator().manual_seed(seed)
    which = torch.randint(len(means), (num,), generator=stream)
    return means[which] + sigma * torch.randn(num, 2, generator=stream)


def sampled(sampler: str, train: torch.Tensor, evaluation: int) -> torch.Tensor:
    means, seed = on_circle(MODES), 100 + evaluation
    if sampler == "memorised":
        stream = torch.Generator().manual_seed(seed)
        return train + 1e-5 * torch.randn(NUM, 2, generator=stream)
    if sampler == "collapsed":
        return draw(means[:1], NUM, SIGMA, seed)
    if sampler == "rotating":
        return draw(means[[evaluation % MODES]], NUM, SIGMA, seed)
    return draw(means, NUM, 3 * SIGMA if sampler == "blurred" else SIGMA, seed)


@pytest.fixture(scope="module")
def table() -> dict[str, dict[str, float]]:
    """Every measure at the last evaluation, by sampler."""
    means = on_circle(MODES)
    train, held_out = draw(means, NUM, SIGMA, 0), draw(means, NUM, SIGMA, 1)
    mixture = Mixture(means, SIGMA)
    frechet, manifold = FrechetDistance(held_out), PrecisionRecall(held_out)
    neighbourhoods, bins = Neighbourhoods(held_out), Bins(train, held_out)
    copying = Copying(train, held_out, assign_to_mixture(held_out, mixture).modes)
    rows: dict[str, dict[str, float]] = {}
    for sampler in SAMPLERS:
        histograms = []
        for evaluation in range(EVALUATIONS):
            points = sampled(sampler, train, evaluation)
            assignment = assign_to_mixture(points, mixture)
            scores, histogram = mode_scores(assignment, torch.full((MODES,), 1 / MODES))
            histograms.append(histogram)
        in_bins = bins.assign(points)
        counts = torch.bincount(in_bins.modes, minlength=len(bins.centres)).tolist()
        rows[sampler] = {
            "fid": frechet.distance(points),
            "kid": KernelDistance(held_out).distance(points),
            **dict(zip(("precision", "recall"), manifold.precision_recall(points), strict=True)),
            **dict(
                zip(("density", "coverage"), neighbourhoods.density_coverage(points), strict=True)
            ),
            **scores,
            "ndb": ndb(counts, bins.counts.tolist()),
            "jsd": jsd(counts, bins.counts.tolist()),
            "high_quality_in_bins": float(in_bins.high_quality.double().mean()),
            **dict(
                zip(
                    ("copying", "duplicates"), copying.scores(points, assignment.modes), strict=True
                )
            ),
            **cycling(histograms, window=EVALUATIONS),
        }
    print(f"\n{'':22}" + "".join(f"{sampler:>11}" for sampler in SAMPLERS))
    for measure in rows["perfect"]:
        print(f"{measure:22}" + "".join(f"{rows[sampler][measure]:11.3f}" for sampler in SAMPLERS))
    return rows


@pytest.mark.parametrize(
    ("measure", "expected", "tolerance"),
    [
        ("fid", 0, 0.005),
        ("kid", 0, 0.02),
        ("precision", 0.95, 0.05),
        ("recall", 0.95, 0.05),
        ("density", 1, 0.1),
        ("coverage", 0.969, 0.02),
        ("modes_covered", 8, 0),
        ("high_quality", 1 - math.exp(-4.5), 0.008),
        ("reverse_kl", 7 / 2000, 0.005),
        ("ndb", 0.05, 0.05),
        ("high_quality_in_bins", 0.95, 0.02),
        ("copying", 0, 1.1),
        ("duplicates", 0.01, 0.01),
        ("movement", 0.047, 0.03),
        ("dominant_switches", 0, 0),
        ("returns", 0, 0),
        ("hidden_coverage", 0, 0.05),
    ],
)
def test_perfect_sampler_scores_what_it_should(
    table, measure: str, expected: float, tolerance: float
) -> None:
    assert table["perfect"][measure] == pytest.approx(expected, abs=tolerance)


def test_memorising_shows_in_copying_alone(table) -> None:
    perfect, memorised = table["perfect"], table["memorised"]
    assert memorised["copying"] < -5 and memorised["duplicates"] > 0.95
    for measure in ("precision", "recall", "density", "high_quality", "high_quality_in_bins"):
        assert memorised[measure] == pytest.approx(perfect[measure], abs=0.06)
    assert (
        memorised["fid"] < 0.005
        and memorised["modes_covered"] == 8
        and memorised["dominant_switches"] == 0
    )


@pytest.mark.parametrize("sampler", ["collapsed", "rotating"])
def test_one_mode_is_precise_and_covers_little(table, sampler: str) -> None:
    perfect, narrow = table["perfect"], table[sampler]
    assert narrow["precision"] > 0.9 and narrow["recall"] < 0.2
    assert narrow["density"] == pytest.approx(1, abs=0.35) and narrow["coverage"] == pytest.approx(
        1 / 8, abs=0.04
    )
    assert narrow["modes_covered"] == 1 and narrow["effective_modes"] == pytest.approx(1)
    assert narrow["reverse_kl"] == pytest.approx(math.log(8))
    assert narrow["high_quality"] > 0.97, "quality is not what it lacks"
    assert narrow["fid"] > 100 * abs(perfect["fid"]) and narrow["kid"] > 10 * abs(perfect["kid"])
    assert narrow["ndb"] > 0.8 and narrow["jsd"] > 0.4
    assert abs(narrow["copying"]) < 4 and narrow["duplicates"] < 0.03, "collapse is not copying"


def test_only_the_rotating_sampler_cycles(table) -> None:
    assert table["rotating"]["movement"] == 1
    assert table["rotating"]["dominant_switches"] == EVALUATIONS - 1
    assert table["rotating"]["hidden_coverage"] == pytest.approx(MODES - 1, abs=0.01)
    for sampler in ("perfect", "memorised", "collapsed", "blurred"):
        assert table[sampler]["dominant_switches"] == table[sampler]["returns"] == 0
        assert table[sampler]["movement"] < 0.1 and table[sampler]["hidden_coverage"] < 0.1


def test_blur_costs_quality_and_not_modes(table) -> None:
    perfect, blurred = table["perfect"], table["blurred"]
    for measure in ("precision", "density", "coverage", "high_quality", "high_quality_in_bins"):
        assert blurred[measure] < perfect[measure] - 0.2
    assert blurred["modes_covered"] == 8 and blurred["effective_modes"] > 7.8
    assert blurred["copying"] > 2, "further from the training data than new real samples are"
    assert blurred["ndb"] > 0.2


@pytest.mark.parametrize(
    ("means", "sigma", "num", "draws", "kl"),
    [
        (on_circle(8), 0.01, 2_500, 40, 0.0014),
        (on_grid(), 0.05, 2_500, 40, 0.0048),
        (on_circle(1000, radius=100.0), 0.01, 26_000, 3, 0.0192),
    ],
    ids=["ring", "grid", "1000 modes"],
)
def test_floors_of_the_published_protocols(
    means: torch.Tensor, sigma: float, num: int, draws: int, kl: float
) -> None:
    """A perfect sampler under PacGAN's sample sizes: 98.89% within 3 sigma, KL at its plug-in floor (K - 1) / 2N."""
    even = torch.full((len(means),), 1 / len(means))
    scores = []
    for seed in range(draws):
        assignment = assign_to_mixture(draw(means, num, sigma, seed), Mixture(means, sigma))
        scores.append(mode_scores(assignment, even)[0])
        assert scores[-1]["modes_covered"] == len(means)
    assert sum(s["reverse_kl"] for s in scores) / draws == pytest.approx(kl, rel=0.15)
    assert sum(s["high_quality"] for s in scores) / draws == pytest.approx(0.9889, abs=0.001)
