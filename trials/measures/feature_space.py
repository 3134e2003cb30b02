"""Feature spaces in which samples are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class Identity:
    """What a feature space is called, and what holds its numbers."""

    name: str
    digest: str
    accuracy: float | None = None
    """Held-out accuracy of a classifier, share of images."""


class Features(Protocol):
    """One feature space."""

    identity: Identity
    notes: tuple[str, ...]
    """What a reader of the scores should know; one sentence each."""

    def __call__(self, samples: Tensor) -> tuple[Tensor, Tensor | None]:
        """(features [n, F], class logits [n, K] or None) on the CPU, for samples [n, ...] as data
        sets hold them.
        """
