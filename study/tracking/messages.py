"""What the messages of the outbox say, as records: written as JSON, and read again by the publisher.

Messages of older versions lack fields, which then have their defaults.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.ledger.trial_row import StagePlace
from ganstudy.study.spec.keys import Params
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.documents import JsonObject
from ganstudy.trials.results.facts import StudyFacts
from ganstudy.trials.results.mlflow_tags import Tag
from ganstudy.trials.results.records import (
    STUDY_FILE,
    Evaluation,
    EvaluationRow,
    Stage,
    TrialState,
)
from ganstudy.trials.results.tagged_facts import facts_from_tags

SEARCH = StagePlace(Stage.SEARCH)


@dataclass(frozen=True)
class TrialStart:
    """Announcement of a trial that was proposed, or whose place in the study has changed."""

    params: Mapping[str, Any]
    """Values of the searched settings; of a trial that was trained elsewhere, all that is known."""
    digest: str
    """Of the configuration: equal where two trials are the same in everything."""
    config: Mapping[str, Any] | None
    """The configuration as plain JSON; None for a trial that was trained elsewhere."""
    place: StagePlace = SEARCH

    @classmethod
    def of(cls, params: Params, config: TrialConfig, place: StagePlace) -> Self:
        """Return the announcement of a trial with this configuration."""
        return cls(params, config.digest, config.model_dump(mode="json"), place)

    def to_json(self) -> JsonObject:
        """Return the announcement as plain JSON."""
        settings = {"params": self.params, "config": self.config, "digest": self.digest}
        return settings | self.place.to_json()

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the announcement that `to_json` was called on."""
        return cls(
            params=content["params"],
            digest=content["digest"],
            config=content.get("config"),
            place=StagePlace.from_json(content),
        )


@dataclass(frozen=True)
class TrialEvaluation:
    """Announcement of an evaluation, or of all those of a trial that was trained elsewhere."""

    rows: list[EvaluationRow]
    """One per seed."""
    history: list[EvaluationRow]
    """All of the trial's rows so far."""
    provenance: Mapping[str, Any]
    """What the scores were measured with; empty if there are none."""
    notes: list[str]
    grid: bytes | None = None
    """Samples of every seed, a PNG."""
    start_grid: bytes | None = None
    """The same before any training, with the first evaluation only."""
    nearest: bytes | None = None
    """The training images nearest to the samples, with the last evaluation of images only."""
    whole: bool = False
    """Whether the message announces every evaluation in `history`."""

    @classmethod
    def of(cls, evaluation: Evaluation, history: list[EvaluationRow]) -> Self:
        """Return the announcement of an evaluation; history: all the trial's rows so far."""
        return cls(
            rows=evaluation.rows,
            history=history,
            provenance=evaluation.provenance.to_json() if evaluation.provenance else {},
            notes=evaluation.notes,
            grid=evaluation.grid_png,
            start_grid=evaluation.start_png,
            nearest=evaluation.nearest_png,
        )

    def to_json(self) -> JsonObject:
        """Return the announcement as plain JSON."""
        return {
            "rows": [row.to_json() for row in self.rows],
            "history": [row.to_json() for row in self.history],
            "provenance": self.provenance or None,
            "grid": _text(self.grid),
            "start_grid": _text(self.start_grid),
            "nearest": _text(self.nearest),
            "notes": self.notes,
            "whole": self.whole,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the announcement that `to_json` was called on."""
        return cls(
            rows=[EvaluationRow.from_json(row) for row in content["rows"]],
            history=[EvaluationRow.from_json(row) for row in content["history"]],
            provenance=content["provenance"] or {},
            notes=content["notes"],
            grid=_png(content["grid"]),
            start_grid=_png(content["start_grid"]),
            nearest=_png(content.get("nearest")),
            whole=content.get("whole", False),
        )


@dataclass(frozen=True)
class TrialEnd:
    """Announcement of how a trial ended."""

    state: TrialState
    objective: float | None
    """Median over seeds at the last evaluation; None without one, or without a value."""
    verdicts: Mapping[str, int]
    """Number of seeds per verdict at the last evaluation."""
    feasible: bool
    """Whether it satisfies the study's constraints."""
    error: str
    """Why it failed; empty if it did not."""

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the announcement that `end_as_json` wrote."""
        outcome = content["outcome"] or {}
        return cls(
            state=TrialState(content["state"]),
            objective=outcome.get("objective"),
            verdicts=outcome.get("verdicts", {}),
            feasible=bool(content["feasible"]),
            error=content["error"] or "",
        )


def end_as_json(
    state: TrialState, outcome: Outcome | None, feasible: bool, error: str | None
) -> JsonObject:
    """Return the announcement of how a trial ended as plain JSON, with the whole outcome."""
    spent = asdict(outcome) if outcome else None
    return {"state": state.value, "outcome": spent, "feasible": feasible, "error": error}


@dataclass(frozen=True)
class StudyStart:
    """Description of a study, for its own run in MLflow."""

    facts: StudyFacts | None
    """What the analysis reads; None in a message of an older version without a study file."""
    study_file: str | None = None
    """Text of the file; None where only the facts are to be written anew."""
    file_name: str = STUDY_FILE
    params: Mapping[str, str] = field(default_factory=dict)
    floor: Mapping[str, float | None] = field(default_factory=dict)
    """Every measure of real training data scored as if generated; None where it has no value."""
    real_samples: str | None = None
    """Held-out images as a PNG in base64; None where the data are no images."""
    artifacts: list[str] = field(default_factory=list)
    """Paths of further files to keep with it: the user's own code."""

    def to_json(self) -> JsonObject:
        """Return the description as plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the description that `to_json` was called on, or one of an older version."""
        return cls(
            facts=_facts(content),
            study_file=content.get("study_file"),
            file_name=content.get("file_name", STUDY_FILE),
            params=content.get("params", {}),
            floor=content.get("floor", {}),
            real_samples=content.get("real_samples"),
            artifacts=content.get("artifacts", []),
        )


@dataclass(frozen=True)
class StudyEnd:
    """End of a study's run: what to show with it, and its state in MLflow."""

    status: str
    """MLflow's name of the state."""
    description: str
    """In Markdown."""
    artifacts: list[str]
    """Paths of files and folders."""

    def to_json(self) -> JsonObject:
        """Return the end as plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the end that `to_json` was called on."""
        return cls(content["status"], content["description"], content["artifacts"])


def _facts(content: Mapping[str, Any]) -> StudyFacts | None:
    if content.get("facts") is not None:
        return StudyFacts.from_json(content["facts"])
    tags = {key: str(value) for key, value in content.get("tags", {}).items()}
    return facts_from_tags(tags) if Tag.SPEC in tags else None


def _text(png: bytes | None) -> str | None:
    return base64.b64encode(png).decode() if png else None


def _png(text: str | None) -> bytes | None:
    return base64.b64decode(text) if text else None
