"""What the driver and its workers send one another through Ray Tune: a task, and reports of its steps.

Tune carries dictionaries. Those of a trial hold one of these records under TASK or REPORT, those of
a pack a list of them under MEMBERS; a list, since Tune flattens dictionaries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ganstudy.study.ledger.outcome import Outcome
from ganstudy.trials.config.trial import TrialConfig

TASK, REPORT, MEMBERS = "task", "report", "members"


@dataclass(frozen=True)
class TrialTask:
    """One trial that a worker is to train."""

    number: int
    config: TrialConfig
    until: int | None = None
    """The evaluation at which it is to wait for others; None if it waits for none."""

    @property
    def folder_name(self) -> str:
        """Name of the folder of its checkpoints."""
        return f"{self.number:06d}-{self.config.digest}"


@dataclass(frozen=True)
class StepReport:
    """What came of one step of a trial: an evaluation, or an end without one."""

    outcome: Outcome | None = None
    """Of the evaluation, if one was made."""
    done: bool = True
    """Whether the worker trains this trial no further."""
    paused: str | None = None
    """Why it is to go on later, though it is done here."""
    error: str | None = None
    raised_at: str | None = None
    """FILE:LINE of the error."""


def report_of(result: dict[str, Any] | None) -> StepReport:
    """Return the report in a result of Tune's; an empty one where Tune has none."""
    report: StepReport = (result or {}).get(REPORT, StepReport())
    return report
