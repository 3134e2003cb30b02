"""One trial of a study as a record, for those who look at single trials rather than at columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import pandas as pd

from ganstudy.analysis.frames.study import Study
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.documents import Settings
from ganstudy.trials.results.records import FAILURE_VERDICTS, Stage, Verdict


@dataclass(frozen=True)
class TrialRecord:
    """A row of Study.trials."""

    number: int
    run_id: str
    config_digest: str
    stage: str
    role: str
    """Of a confirm trial: why it was chosen; '' for the others."""
    confirms: int | None
    """Of a confirm trial: the search's trial of the same configuration, if it drew it."""
    state: str
    objective: float
    """Median over seeds at the last evaluation; NaN without one."""
    num_seeds: int
    verdicts: Mapping[Verdict, int]
    """Number of seeds by verdict; those that no seed has are absent."""
    medians: Mapping[str, float]
    """Median over seeds by measure, as `objective`."""
    remedies: str | None
    """Label of the set of remedies; None where the study does not say."""
    settings: Settings
    """Value by searched hyperparameter; NaN where the trial was not asked for it."""

    @classmethod
    def of(cls, row: Mapping[Any, Any], searched: Sequence[str]) -> Self:
        """Return the record of a row, given as its cells by column."""
        confirms, remedies = row.get("confirms"), row.get("remedies")
        return cls(
            number=int(row["number"]),
            run_id=row.get("run_id", ""),
            config_digest=row.get("config_digest", ""),
            stage=row.get("stage", Stage.SEARCH.value),
            role=row.get("role", ""),
            confirms=None if pd.isna(confirms) else int(confirms),
            state=row["state"],
            objective=float(row["objective"]),
            num_seeds=int(row["num_seeds"]),
            verdicts={v: int(row[v.value]) for v in Verdict if row.get(v.value)},
            medians={name: float(row[name]) for name in MEASURES if name in row},
            remedies=remedies if isinstance(remedies, str) else None,
            settings={key: row[key] for key in searched},
        )

    @property
    def failed(self) -> int:
        """Number of seeds that collapsed, cycled or diverged."""
        return sum(self.verdicts.get(verdict, 0) for verdict in FAILURE_VERDICTS)


def trial_records(study: Study, trials: pd.DataFrame) -> list[TrialRecord]:
    """Return a record of each row of `trials`, which are trials of the study, in their order."""
    searched = study.searched
    return [TrialRecord.of(row, searched) for row in trials.to_dict("records")]
