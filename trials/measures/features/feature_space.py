"""What a feature space is: samples are compared by their features in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class Identity:
    """Name and digest of a feature space. Scores by unlike identities are not comparable."""

    name: str
    digest: str
    accuracy: float | None = None
    """Held-out accuracy of a classifier, share of images."""


class Features(Protocol):
    """One feature space."""

    identity: Identity
    notes: tuple[str, ...]
    """Remarks for a reader of the scores; one sentence each."""

    def __call__(self, samples: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return (features [n, F], class logits [n, K] or None) on the CPU.

        samples: [n, ...] as data sets hold them.
        """
