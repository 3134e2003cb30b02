"""Judge whether a budget was too short, by the verdicts of the best configurations.

The report and `ganstudy status` read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from ganstudy.trials.results.records import Verdict

# A guess: as many as the report's table of the best trials has rows.
BEST = 5
"""Configurations that are looked at."""


@dataclass(frozen=True)
class Untrained:
    """Seeds of the best configurations at the end of their budget."""

    untrained: int
    """Whose verdict is "not trained yet"."""
    converged: int
    seeds: int
    """With a known verdict."""
    configurations: int

    @property
    def is_many(self) -> bool:
        """Whether more than half are not trained yet, or more than a third where none has converged."""
        return self.untrained * (2 if self.converged else 3) > self.seeds

    def __str__(self) -> str:
        """Return it in words: "12 of 15 seeds of the best 5 complete configurations are ..."."""
        n = f"best {self.configurations} complete configurations"
        if self.configurations == 1:
            n = "only complete configuration"
        seeds = "seed" if self.seeds == 1 else "seeds"
        are = "is" if self.untrained == 1 else "are"
        none = (
            "" if self.converged or 2 * self.untrained > self.seeds else ", and none has converged"
        )
        return f"{self.untrained} of {self.seeds} {seeds} of the {n} {are} not trained yet{none}"


def untrained_seeds(best_first: Iterable[Mapping[str, int]]) -> Untrained:
    """Count the seeds that are not trained yet in the best configurations.

    best_first: seeds by verdict of each complete configuration, in the order of their scores.
    """
    best = list(islice(best_first, BEST))
    known = [verdict for verdict in Verdict if verdict is not Verdict.UNKNOWN]
    return Untrained(
        untrained=sum(int(trial.get(Verdict.NOT_TRAINED, 0)) for trial in best),
        converged=sum(int(trial.get(Verdict.CONVERGED, 0)) for trial in best),
        seeds=sum(int(trial.get(verdict, 0)) for trial in best for verdict in known),
        configurations=len(best),
    )
