"""What a file says of how a training went.

That is scores, samples per mode, verdicts, and which seeds have diverged.

A score that is not finite (nan, inf) and is never finite again means a seed that diverged, whatever
the rest of its column holds. An empty cell was not measured, and says nothing.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganstudy.study.errors import UserError
from ganstudy.study.importing.bounds import check_bounds
from ganstudy.study.importing.columns import SEED
from ganstudy.study.importing.modes import histograms_of, sampled_rows
from ganstudy.study.importing.source import Source
from ganstudy.study.importing.trials import TrialColumns
from ganstudy.trials.config.base import short_repr
from ganstudy.trials.results.catalogue import CYCLING, GAME, MEASURES, MODES, QUALITY
from ganstudy.trials.results.records import Verdict

FATAL = tuple(
    name
    for name, measure in MEASURES.items()
    if measure.group in (QUALITY, MODES) or (measure.group == GAME and name.startswith("loss_"))
)
"""Measures that show, by not being finite, that a seed has diverged."""
FINITE_WORDS = {
    "true": True,
    "1": True,
    "yes": True,
    "false": False,
    "0": False,
    "no": False,
    "": True,
}
"""What a column `finite` may contain."""


class ScoreColumns:
    """The columns of a file with scores, verdicts and samples per mode, row by row.

    UserError, with line and column, if one cannot be read.
    """

    def __init__(self, source: Source, columns: TrialColumns) -> None:
        self._source, self._table, self._roles = source, source.table, source.roles
        self._steps = columns.steps
        self._seed_rows = pd.DataFrame({"trial": columns.trials, SEED: columns.seeds})
        scores = {name: self._scores(name, column) for name, column in self._roles.measures.items()}
        self.values = {name: values for name, (values, _) in scores.items()}
        """By measure; NaN for a row without a value."""
        check_bounds(self._table, self._roles.measures, self.values)
        self.verdicts = self._verdicts()
        """As the file has them; None if it has none."""
        sampled, not_finite_samples = sampled_rows(self._table, self._roles.modes)
        self.diverged = self._diverged(
            [
                *(rows for name, (_, rows) in scores.items() if name in FATAL),
                self._to_the_end(sampled, not_finite_samples),
            ]
        )
        self.histograms = histograms_of(self._table, self._roles.modes)
        self.floor = self._floor()
        self.derived = self._derived()
        """Measures that follow from what the file has."""

    def _scores(self, name: str, column: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return (values, whether scores are not finite from a row on to the seed's end).

        A value is NaN if there is none.
        """
        values, given = self._table.numbers(column)
        finite = given & np.isfinite(values)
        if name in FATAL and given.any() and not finite.any():
            self._source.notes.append(
                f"{column} has no finite number in any row: its nan and inf count as divergence. "
                "If it was never measured, leave its cells empty, or leave it out with --ignore"
            )
        clean = np.where(finite, values, np.nan)
        return clean, self._to_the_end(finite, given & ~finite)

    def _to_the_end(
        self, finite: NDArray[np.bool_], not_finite: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Return the rows of `not_finite` after which their seed is never finite again."""
        # Only at the end: a gap between finite scores is an evaluation that failed, not a seed.
        last_finite = self._per_seed(np.where(finite, self._steps, -np.inf), "max")
        return np.asarray(not_finite & (self._steps > last_finite))

    def _diverged(self, not_finite: list[NDArray[np.bool_]]) -> NDArray[np.bool_]:
        """Return the rows of seeds that have diverged: by scores, a column finite, or a verdict."""
        diverged = np.zeros(self._source.num_rows, dtype=bool)
        for rows in not_finite:
            diverged |= rows
        column = self._roles.identifiers.get("finite")
        if column is not None:
            for row, text in enumerate(self._table.texts(column)):
                if text.lower() not in FINITE_WORDS:
                    raise UserError(
                        f"{self._table.place(row, column)}: finite must be true or false, "
                        f"got {short_repr(text)}"
                    )
                diverged[row] |= not FINITE_WORDS[text.lower()]
        if self.verdicts:
            diverged |= np.array([word == Verdict.DIVERGED.value for word in self.verdicts])
        # What has diverged once stays so: a later row without any score is no recovery.
        first = self._per_seed(np.where(diverged, self._steps, np.inf), "min")
        measured = np.zeros(self._source.num_rows, dtype=bool)
        for name in FATAL:
            if name in self.values:
                measured |= np.isfinite(self.values[name])
        return np.asarray(diverged | ((self._steps >= first) & ~measured))

    def _per_seed(
        self, numbers: NDArray[np.float64], reduce: Literal["min", "max"]
    ) -> NDArray[np.float64]:
        """Return in each row the minimum or maximum of the numbers of its trial and seed."""
        groups = self._seed_rows.assign(number=numbers).groupby(["trial", SEED])["number"]
        return np.asarray(groups.transform(reduce))

    def _verdicts(self) -> list[str] | None:
        column = self._roles.identifiers.get("verdict")
        if column is None:
            return None
        names = [verdict.value for verdict in Verdict]
        words = self._source.mapping.verdicts
        found = []
        for row, text in enumerate(self._source.texts(column)):
            word = words.get(text.lower(), text.lower()) or Verdict.UNKNOWN.value
            if word not in names:
                raise UserError(
                    f"{self._table.place(row, column)}: unknown verdict {short_repr(text)}; "
                    f"known: {', '.join(names)}. Other words are translated by [verdicts] of a "
                    "mapping file"
                )
            found.append(word)
        return found

    def _floor(self) -> dict[str, float]:
        floor = dict(self._source.mapping.floor)
        modes = self._roles.modes
        if modes and "effective_modes" not in floor:
            self._source.notes.append(
                "no verdicts by modes: they need how many effective modes real data have; a "
                f"mapping file says it: [floor] effective_modes = {len(modes)}.0 where all modes "
                "are equally frequent"
            )
        return floor

    def _derived(self) -> list[str]:
        possible = []
        if self.histograms is not None:
            cycling = (name for name, m in MEASURES.items() if m.group == CYCLING)
            possible = ["effective_modes", *cycling]
        if {"loss_g", "fid"} <= set(self._roles.measures):
            possible.append("mismatch")
        return [name for name in possible if name not in self._roles.measures]
