"""Looks at a study: the sizes that it had when reports on it were made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Look:
    """The size of a study when a report was made; reports at equal sizes are one look."""

    planned: int
    """Trials of the search that the study file asked for."""
    ended: tuple[tuple[str, int], ...]
    """(stage, trials that were over), for every stage."""
    finished: bool
    """Whether no trial of any stage was left: the planned end, at which claims are made."""

    def as_text(self) -> str:
        """Return the look as JSON; equal looks have equal texts."""
        content = {"planned": self.planned, "ended": dict(self.ended), "finished": self.finished}
        return json.dumps(content, sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return the look that `as_text` wrote."""
        content: Mapping[str, Any] = json.loads(text)
        ended = sorted((str(stage), int(count)) for stage, count in content["ended"].items())
        return cls(int(content["planned"]), tuple(ended), bool(content["finished"]))


@dataclass(frozen=True)
class Looks:
    """All looks at a study, the present one among them."""

    present: Look
    all: tuple[Look, ...]

    @property
    def finished(self) -> tuple[Look, ...]:
        """Looks at a planned end, the smallest first; more than one where the study was continued."""
        return tuple(
            sorted(
                (look for look in self.all if look.finished),
                key=lambda look: (look.planned, look.ended),
            )
        )
