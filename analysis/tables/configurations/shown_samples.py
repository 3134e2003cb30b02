"""Which seeds of which trials have their samples shown: the best, the median and the worst."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ganstudy.analysis.formatting import rows
from ganstudy.analysis.frames.study import Study
from ganstudy.trials.results.records import FAILURE_VERDICTS, WORST_FIRST, Verdict


@dataclass(frozen=True)
class ShownSeed:
    """A seed at its last evaluation."""

    number: int
    """Of its trial."""
    seed: int
    verdict: str
    score: float
    """NaN where it has none."""

    @property
    def failed(self) -> bool:
        """Whether its verdict is a failure."""
        return self.verdict in FAILURE_VERDICTS


def seeds_best_first(study: Study, number: int) -> list[ShownSeed]:
    """Return the seeds of a trial in the order of runs: unfailed ones by score, then the failed."""
    return _ordered(study, study.seeds[study.seeds["number"] == number])


def median_seed(study: Study, number: int) -> ShownSeed | None:
    """Return the seed in the middle, of an even number the better one of the two there."""
    found = seeds_best_first(study, number)
    return found[(len(found) - 1) // 2] if found else None


def worst_seed(study: Study) -> ShownSeed | None:
    """Return a typical seed of the worst verdict in a study; without failures the one of worst score.

    One that has diverged has no samples to show, and stands only where no other seed failed.
    """
    found = _ordered(study, study.seeds)
    for verdict in WORST_FIRST:
        of_it = [seed for seed in found if seed.verdict == verdict.value]
        if verdict.is_failure and verdict is not Verdict.DIVERGED and of_it:
            return of_it[(len(of_it) - 1) // 2]
    return found[-1] if found else None


def _ordered(study: Study, seeds: pd.DataFrame) -> list[ShownSeed]:
    if seeds.empty:
        return []
    measure, sign = study.objective
    worst_first = [verdict.value for verdict in WORST_FIRST if verdict.is_failure]
    badness = {verdict: len(worst_first) - i for i, verdict in enumerate(worst_first)}
    verdicts = seeds["verdict"].fillna("") if "verdict" in seeds else pd.Series("", seeds.index)
    score = pd.to_numeric(seeds[measure]).astype(float)
    frame = pd.DataFrame(
        {
            "number": seeds["number"].astype(int),
            "seed": seeds["seed"].astype(int),
            "verdict": verdicts,
            "score": score,
            "badness": verdicts.map(badness).fillna(0),
            "order": (sign * score).fillna(float("inf")),
        }
    )
    frame = frame.sort_values(["badness", "order", "number", "seed"], kind="stable")
    shown = frame[["number", "seed", "verdict", "score"]]
    return [ShownSeed(**row) for row in rows(shown)]
