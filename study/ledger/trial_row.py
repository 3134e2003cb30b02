"""One trial as status, best and scripts see it. Free of Optuna and Ray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from ganstudy.study.spec.keys import Params
from ganstudy.trials.results.documents import JsonObject
from ganstudy.trials.results.number_format import three_digits
from ganstudy.trials.results.records import Stage, remedy_label


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

    def to_json(self) -> JsonObject:
        """Return the row as plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class BestTrial:
    """The feasible complete trial with the best objective."""

    number: int
    value: float
    params: Mapping[str, object]
    run_id: str | None
    """MLflow run, once it is published."""


@dataclass(frozen=True, kw_only=True)
class StageStatus:
    """How far the trials of a stage, or of a whole search, are."""

    planned: int
    left: int
    trials: Mapping[str, int]
    """By state."""
    seeds: Mapping[str, int]
    """By verdict."""
    best: BestTrial | None = None
    trial_list: Sequence[TrialRow] | None = None
    """All trials, where they are asked for."""


@dataclass(frozen=True)
class StagePlace:
    """Where a trial stands in its study, as MLflow has it."""

    stage: Stage
    role: str | None = None
    """Of a confirm trial: why its configuration was selected."""
    confirms: int | None = None
    """Of a confirm trial: the search's trial of this configuration, if it drew it."""

    point: int | None = None
    """Of a designed trial: where all combinations of the factors are trained."""

    def to_json(self) -> dict[str, str | int]:
        """Return what is known as plain JSON."""
        known = {
            "stage": self.stage.value,
            "role": self.role,
            "confirms": self.confirms,
            "point": self.point,
        }
        return {name: value for name, value in known.items() if value is not None}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the place that `to_json` was called on; the search where none is named."""
        # Messages of older versions, from before there were stages, hold none.
        stage = Stage(content.get("stage", Stage.SEARCH))
        return cls(stage, content.get("role"), content.get("confirms"), content.get("point"))


@dataclass(frozen=True)
class ConfirmRow(TrialRow):
    """State and result of a trial of the confirm stage, and why it was selected."""

    stage: str
    role: str
    confirms: int | None
    """The search's trial of this configuration; None for a twin that the search never drew."""


@dataclass(frozen=True)
class DesignRow(TrialRow):
    """State and result of a designed trial."""

    stage: str
    point: int
    """Where all combinations of the factors are trained."""


def settings(params: Mapping[str, object]) -> str:
    """Return the settings of a trial in words: "k = 2, lr_d = 0.001, remedies = none"."""
    words = []
    for key, value in params.items():
        if isinstance(value, list | tuple) and key == "remedies":
            shown = remedy_label(list(value))
        else:
            shown = three_digits(value) if isinstance(value, float) else str(value)
        words.append(f"{key} = {shown}")
    return ", ".join(words)
