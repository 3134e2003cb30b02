"""What a measure of generated samples is, and what it is computed from.

A measure is a `SampleMeasure` in the file of its name, and an entry in trials/results/catalogue.py
for each of its scores, which names it. Trials (trials/measures/scoring/evaluator.py) and `ganstudy score`
(trials/measures/scoring/score.py) then report it wherever its inputs exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from ganstudy.trials.results.catalogue import MEASURES


@dataclass(frozen=True)
class Assignment:
    """The mode of each sample [N] and whether it is of high quality [N]."""

    modes: Tensor
    high_quality: Tensor


@dataclass(frozen=True)
class Samples:
    """Generated samples and what measures read of them."""

    values: Tensor
    """[n, ...] as the generator makes them, or as data sets hold them."""
    features: Tensor
    """[n, F]"""
    assignment: Assignment
    histogram: list[int]
    """[K], samples per mode."""
    logits: Tensor | None = None
    """[n, classes], where the feature space has classes."""
    pixels: Tensor | None = None
    """[n, P], where copies of training samples are looked for: see `TrainingSamples`."""


@dataclass(frozen=True)
class TrainingSamples:
    """The training samples, and real ones that were not trained on, where copies are looked for.

    They are principal components of pixels, or points.
    """

    train: Tensor
    """[N, P]"""
    held_out: Tensor
    """[M, P]"""
    held_out_modes: Tensor
    """[M]"""


@dataclass(frozen=True)
class RealSamples:
    """The real samples that generated ones are compared with."""

    values: Tensor
    """[N, ...] as data sets hold them."""
    features: Tensor
    """[N, F]"""
    mode_shares: Tensor
    """[K], expected share of samples per mode, sums to 1."""
    mode_counts: list[int]
    """[K], held-out samples per mode."""
    training: TrainingSamples | None = None
    """None where it is not known what the generator was trained on."""


Scores = dict[str, float | None]
Scorer = Callable[[Samples], Mapping[str, float | None]]
"""Scores by name of generated samples, against the real ones that it was made with."""


@dataclass(frozen=True)
class SampleMeasure:
    """One or several scores that are computed together.

    Raise ValueError for a name that the catalogue lacks.
    """

    title: str
    """As messages name it."""
    names: tuple[str, ...]
    """Of its scores in the catalogue."""
    against: Callable[[RealSamples], Scorer | None]
    """Prepare what depends on the real samples alone; None where the measure does not apply to
    them.
    """
    least_samples: Callable[[int], int] | None = None
    """Fewest samples by the number of features; with fewer the score says nothing, though an
    arithmetic result may exist."""
    needs: tuple[Literal["logits", "pixels"], ...] = ()
    """Fields of `Samples` without which it does not apply."""

    def __post_init__(self) -> None:
        # On import instead of at the end of a trial: a misspelt name would be a score that no table
        # shows.
        unknown = [name for name in self.names if name not in MEASURES]
        if unknown:
            raise ValueError(f"{self.title}: not in trials/results/catalogue.py: {unknown}")

    def applies_to(self, samples: Samples) -> bool:
        """Return whether the samples come with all that the measure needs."""
        return all(getattr(samples, field) is not None for field in self.needs)
