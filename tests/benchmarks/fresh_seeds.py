"""What the exact test of twins on fresh seeds keeps of what it promises: false findings and power.

    python tests/benchmarks/fresh_seeds.py [--studies 2000]

Written without analysis/stats: places by SciPy's ranks, p-values by listing all 2^n swaps, all studies at once.
tests/analysis/stats/test_fresh_seeds.py holds it to what compare_by_seed says of single studies.
"""

from __future__ import annotations

import argparse
import itertools
import math

import numpy as np
from scipy.stats import rankdata

Array = np.ndarray
NOISES = {
    "normal": lambda rng, shape: rng.normal(0, 0.2, shape),
    "heavy": lambda rng, shape: 0.15 * rng.standard_t(3, shape),
    "skewed": lambda rng, shape: np.exp(rng.normal(0, 0.6, shape)) - 1,
}
"""How the log of FID spreads over seeds, beside a half as much that both twins share."""
COLLAPSED, DIVERGED = 1e6, 1e9
"""Added to the log of FID of a failed seed, so that ranks know failure first."""
SCORE = math.log(10)
"""And of its score itself."""


def p_values(treated: Array, control: Array) -> Array:
    """Return two-sided p-values [R, M] of [R, M, S] against [R, M, S]; larger numbers are worse."""
    n = treated.shape[-1]
    places = rankdata(np.concatenate([treated, control], axis=-1), axis=-1)
    d = (places[..., :n] - places[..., n:]).astype(np.float32)
    swaps = np.array(list(itertools.product((1, -1), repeat=n)), dtype=np.float32).T
    found = [
        (np.abs(some @ swaps) >= np.abs(some.sum(axis=-1))[..., None] - 1e-3).mean(axis=-1)
        for some in np.array_split(d, max(1, len(d) // 100))
    ]
    return np.concatenate(found)


def holm(p: Array) -> Array:
    """Return adjusted p-values [R, M]."""
    order = np.argsort(p, axis=-1, kind="stable")
    factors = p.shape[-1] - np.arange(p.shape[-1])
    adjusted = np.maximum.accumulate(factors * np.take_along_axis(p, order, -1), axis=-1)
    made = np.empty_like(p)
    np.put_along_axis(made, order, np.minimum(adjusted, 1), -1)
    return made


def scores(
    rng: np.random.Generator,
    noise: str,
    shape: tuple[int, int, int],
    collapse: Array | float = 0.0,
    diverge: float = 0.0,
) -> Array:
    """Return [R, 2 M, S]: M configurations, then their twins, on the same seeds."""
    draw, (studies, _, seeds) = NOISES[noise], shape
    made = 0.5 * draw(rng, (studies, 1, seeds)) + draw(rng, shape)
    made = made + (SCORE + COLLAPSED) * (rng.random(shape) < collapse)
    return np.where(rng.random(shape) < diverge, DIVERGED, made)


def false_findings(
    noise: str, studies: int, twins: int, seeds: int, collapse: float = 0.0, diverge: float = 0.0
) -> float:
    """Return the share of studies that tell any of so many twins apart that are alike."""
    rng = np.random.default_rng(2)
    made = scores(rng, noise, (studies, 2 * twins, seeds), collapse, diverge)
    p = holm(p_values(made[:, :twins], made[:, twins:]))
    return float((p < 0.05).any(axis=-1).mean())


def power(
    studies: int, twins: int, seeds: int, ratio: float = 1.0, collapse: tuple[float, float] = (0, 0)
) -> float:
    """Return the share of studies that tell the first twin, whose FID is the ratio of the other's, or which
    collapses less often.
    """
    rng = np.random.default_rng(3)
    shares = np.full((1, 2 * twins, 1), collapse[1])
    shares[0, 0] = collapse[0]
    made = scores(rng, "normal", (studies, 2 * twins, seeds), shares)
    made[:, 0] += math.log(ratio)
    return float((holm(p_values(made[:, :twins], made[:, twins:]))[:, 0] < 0.05).mean())


def main() -> None:
    """Print the tables of docs/confirm.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--short", action="store_true", help="whether it runs")
    arguments = parser.parse_args()
    studies = 20 if arguments.short else arguments.studies
    print("| twins, seeds | spread | none fails | 30% collapse | 15% collapse, 15% diverge |")
    for (twins, seeds), noise in itertools.product(((1, 6), (3, 8), (6, 8), (3, 10)), NOISES):
        fails = ((0.0, 0.0), (0.3, 0.0), (0.15, 0.15))
        rates = [false_findings(noise, studies, twins, seeds, *shares) for shares in fails]
        print(f"| {twins}, {seeds} | {noise} |", *(f"{rate:.1%} |" for rate in rates))
    print("| seeds | twins | FID x 0.8 | x 0.65 | x 0.5 | 50% against 10% collapse | 80% |")
    for seeds, twins in itertools.product((6, 8, 10, 12), (1, 3)):
        rates = [power(studies, twins, seeds, ratio) for ratio in (0.8, 0.65, 0.5)]
        rates += [power(studies, twins, seeds, collapse=(0.1, share)) for share in (0.5, 0.8)]
        print(f"| {seeds} | {twins} |", *(f"{rate:.0%} |" for rate in rates))


if __name__ == "__main__":
    main()
