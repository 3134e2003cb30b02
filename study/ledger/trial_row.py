"""One trial as status, best and scripts see it. Free of Optuna and Ray."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ganstudy.study.spec.keys import Params
from ganstudy.trials.results.records import Stage


@dataclass(frozen=True)
class TrialRow:
    """State and result of a trial of the search."""

    number: int
    state: str
    params: Params
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

    def to_json(self) -> dict[str, Any]:
        """Return the row as plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class StagePlace:
    """Where a trial stands in its study, as MLflow has it."""

    stage: Stage
    role: str | None = None
    """Of a confirm trial: why its configuration was selected."""
    confirms: int | None = None
    """Of a confirm trial: the search's trial of this configuration, if it drew it."""

    def to_json(self) -> dict[str, str | int]:
        """Return what is known as plain JSON."""
        known = {"stage": self.stage.value, "role": self.role, "confirms": self.confirms}
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True)
class ConfirmRow(TrialRow):
    """State and result of a trial of the confirm stage, and why it was selected."""

    stage: str
    role: str
    confirms: int | None
    """The search's trial of this configuration; None for a twin that the search never drew."""
