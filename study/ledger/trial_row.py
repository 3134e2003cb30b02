"""One trial as status, best and scripts see it. Free of Optuna and Ray."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class TrialRow:
    """State and result of a trial of the search."""

    number: int
    state: str
    params: dict[str, Any]
    objective: float | None
    """Median over seeds at the last evaluation; None before one, or without a value."""
    feasible: bool
    """Whether the objective has a value and no verdict more seeds than the study file allows."""
    verdicts: dict[str, int]
    """Number of seeds per verdict at the last evaluation."""
    run_id: str | None
    """MLflow run, once it is published."""
    error: str | None
    """Why it failed, if it did."""

    def as_json(self) -> dict[str, Any]:
        """Return the row as plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class ConfirmRow(TrialRow):
    """State and result of a trial of the confirm stage, and why it was selected."""

    stage: str
    role: str
    confirms: int | None
    """The search's trial of this configuration; None for a baseline that the search never drew."""
