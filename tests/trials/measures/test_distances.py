"""Distances and all measures of points: SciPy's in double precision, whatever the offset and scale."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from scipy.stats import mannwhitneyu

from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.data import Dataset, Mixture
from ganstudy.trials.measures import distances
from ganstudy.trials.measures.base import RealSamples, Samples, TrainingSamples
from ganstudy.trials.measures.bins import Bins
from ganstudy.trials.measures.distances import nearest, neighbour_radii, pairwise
from ganstudy.trials.measures.mode_definition import define_modes
from ganstudy.trials.measures.scoring.sample_scorer import SampleScorer

OF_LENGTHS = ("fid",)
"""Scores that grow with the square of the scale; KID's kernel has a scale of its own."""
OF_BINS = (
    *("modes_covered", "high_quality", "reverse_kl", "effective_modes", "ndb", "jsd", "copying"),
)
LEAST_OFFSET, MOST_OFFSET = -(2**18), 2**18


def points(seed: int, num: int, features: int, spread: float, steps: float) -> np.ndarray:
    """Return Gaussian points rounded to 1/steps, so that single precision holds them at any offset
    below 2^23 / steps.
    """
    drawn = np.random.default_rng(seed).normal(0, spread, (num, features)).clip(-7, 7)
    return np.round(drawn * steps) / steps


def tensor(values: np.ndarray) -> torch.Tensor:
    held = values.astype(np.float32)
    assert (held == values).all(), "the test's own values must survive single precision"
    return torch.from_numpy(held)


def scores(real: np.ndarray, fake: np.ndarray, train: np.ndarray) -> dict[str, float | None]:
    """Return every measure of points, with k-means bins of the training points as modes."""
    held_out, generated, trained = tensor(real), tensor(fake), tensor(train)
    bins = Bins(trained, held_out, 8)
    training = TrainingSamples(trained, held_out, bins.assign(held_out).modes)
    of_real = RealSamples(held_out, held_out, bins.expected, bins.counts.tolist(), training)
    assigned = bins.assign(generated)
    histogram = torch.bincount(assigned.modes, minlength=len(bins.expected)).tolist()
    samples = Samples(generated, generated, assigned, histogram, pixels=generated)
    found = SampleScorer(of_real).scores(samples)
    # In one cell it is SciPy's own test statistic.
    one_cell = replace(training, held_out_modes=torch.zeros_like(training.held_out_modes))
    one = replace(assigned, modes=torch.zeros_like(assigned.modes))
    alone = SampleScorer(replace(of_real, training=one_cell))
    again = alone.scores(replace(samples, assignment=one))
    return {**found, "copying in one cell": again["copying"]}


def by_scipy(real: np.ndarray, fake: np.ndarray, train: np.ndarray) -> dict[str, float]:
    def radii(values: np.ndarray, k: int) -> np.ndarray:
        return np.sort(cdist(values, values), axis=1)[:, k]

    between = cdist(real, fake)
    inside = between < radii(real, 5)[:, None]
    of_real, of_fake = (np.sort(cdist(values, train), axis=1)[:, :2] for values in (real, fake))
    ratios = [
        np.divide(first, second, out=np.zeros_like(first), where=second > 0)
        for first, second in (of_real.T, of_fake.T)
    ]
    product, total = len(real) * len(fake), len(real) + len(fake)
    u = mannwhitneyu(of_fake[:, 0], of_real[:, 0], method="asymptotic").statistic
    covariances = [np.cov(values, rowvar=False) for values in (real, fake)]
    root = sqrtm(covariances[0] @ covariances[1]).real
    gap = (real.mean(0) - fake.mean(0)) ** 2
    return {
        "precision": (between <= radii(real, 3)[:, None]).any(0).mean(),
        "recall": (between <= radii(fake, 3)).any(1).mean(),
        "density": inside.sum() / (5 * len(fake)),
        "coverage": inside.any(1).mean(),
        "copying in one cell": (u - product / 2) / np.sqrt(product * (total + 1) / 12),
        "duplicates": (ratios[1] < np.quantile(ratios[0], 0.01)).mean(),
        "fid": gap.sum() + np.trace(covariances[0] + covariances[1] - 2 * root),
    }


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    features=st.sampled_from([2, 3, 20]),
    spread=st.sampled_from([0.2, 1.0]),
    offset=st.integers(LEAST_OFFSET, MOST_OFFSET),
    scale=st.sampled_from([2.0**-30, 0.001953125, 3.0, 1000.0, 2.0**20]),
)
def test_measures_of_points_do_not_depend_on_offset_and_scale(
    seed: int, features: int, spread: float, offset: int, scale: float
) -> None:
    """They are SciPy's; every measure but KID moves with the points, FID with the scale's square."""
    steps = 32  # as coarse as single precision is at 2^18
    groups = [
        points(seed + index, num, features, width, steps)
        for index, (num, width) in enumerate(((120, 1.0), (120, spread), (200, 1.0)))
    ]
    found = scores(*groups)
    for name, value in by_scipy(*groups).items():
        assert found[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name
    del found["kid"]
    moved = scores(*(values + offset for values in groups))
    scaled = scores(*(values * scale for values in groups))
    for name, value in found.items():
        assert moved[name] == pytest.approx(value, rel=1e-6, abs=1e-7), name
        # Coarse points tie, and k-means breaks ties by the last bit, which only powers of 2 keep.
        if name in OF_BINS and not math.log2(scale).is_integer():
            continue
        unit = scale**2 if name in OF_LENGTHS else 1.0
        assert scaled[name] / unit == pytest.approx(value, rel=1e-6, abs=1e-9), name


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    features=st.sampled_from([1, 2, 16, 17, 64, 300]),
    offset=st.sampled_from([0.0, 1e3, 5e5, -1e9]),
    apart=st.sampled_from([0.0, 1e3, 1e6]),
    copied=st.sampled_from([0, 3, 40]),
)
def test_distances_are_those_of_scipy(
    seed: int, features: int, offset: float, apart: float, copied: int
) -> None:
    """Far from the origin, in clusters far from each other, and exactly 0 between equal samples."""
    stream = np.random.default_rng(seed)
    rows, others = stream.normal(size=(50, features)), stream.normal(size=(60, features))
    rows[::2] += apart
    others[::3] += apart
    rows, others = rows + offset, others + offset
    others[:copied] = rows[:copied]
    found, expected = (
        pairwise(torch.from_numpy(rows), torch.from_numpy(others)).numpy(),
        cdist(rows, others),
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert (found == 0).tolist() == (expected == 0).tolist()
    radii = neighbour_radii(torch.from_numpy(others), 3).numpy()
    np.testing.assert_allclose(radii, np.sort(cdist(others, others), 1)[:, 3], rtol=1e-9)


@pytest.mark.parametrize("features", [2, 64])
def test_equal_samples_are_at_distance_0(features: int) -> None:
    one = torch.full((500, features), 0.1) * torch.arange(1, features + 1)
    assert (pairwise(one, one) == 0).all() and (neighbour_radii(one, 3) == 0).all()


def test_a_mixture_far_from_the_origin_has_its_modes() -> None:
    """8 sigma lie between neighbours and 3 within a mode."""
    means = torch.tensor([[500_000.0, 480_000.0], [500_008.0, 480_000.0]])
    steps = torch.tensor([[0.0, 0.0], [2.0, 2.0], [3.0, 1.0], [4.0, 0.0]])
    samples = (means[0] + steps).repeat(20, 1)
    dataset = Dataset("far", samples, samples, 80, mixture=Mixture(means, 1.0))
    modes = define_modes(dataset, MeasuresConfig(), samples, samples, None)
    assigned = modes.assign(samples, samples, None)
    distances = cdist(samples.double(), means.double())
    assert (assigned.modes[3::4] <= 1).all()
    assert assigned.high_quality.tolist() == (distances.min(1) < 3).tolist()
    assert assigned.high_quality.tolist() == [True, True, False, False] * 20


@pytest.mark.parametrize("compared", [1, 7, 64, 1000])
def test_the_nearest_are_found_in_parts(compared: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "COMPARED", compared)
    rows, others = (
        np.random.default_rng(seed).normal(size=(n, 20)) for seed, n in ((0, 30), (1, 200))
    )
    found, places = nearest(torch.from_numpy(rows), torch.from_numpy(others), 3)
    expected = cdist(rows, others)
    order = expected.argsort(1)[:, :3]
    np.testing.assert_array_equal(places.numpy(), order)
    np.testing.assert_allclose(found.numpy(), np.take_along_axis(expected, order, 1), rtol=1e-12)
