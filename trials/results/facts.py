"""What the analysis reads of a study and its trials beside their histories.

It lies in artifacts of the study's run in MLflow, which may be of any length; MLflow cuts long tags
and parameters without an error, so these are for people alone. Written by study/tracking, read by
analysis/frames/stored_facts.py. Runs of older versions have tags instead, which are still read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from ganstudy.trials.results.documents import JsonObject, known_fields, parse_object
from ganstudy.trials.results.mlflow_tags import Tag
from ganstudy.trials.results.own_measures import declare_own
from ganstudy.trials.results.records import Stage, TrialState

STUDY_FACTS_FOLDER = "study_facts"
"""Of the artifacts that hold a StudyFacts; the tag FACTS names the one that counts."""
TRIAL_FACTS_FOLDER = "trial_facts"
"""Of the artifacts that hold a TrialFactsFile."""
TRIALS_PER_FILE = 100


@dataclass(frozen=True)
class Origin:
    """What the numbers of a study come from beside its file."""

    source: str = "unknown"
    """Digest of ganstudy's own source."""
    python: str = "unknown"
    packages: dict[str, str] = field(default_factory=dict)
    """Versions of the packages that numbers depend on."""
    changes: str = ""
    """Code, packages or data that changed on the way and were accepted, one line each."""
    imported: JsonObject | None = None
    """Of a study that was trained elsewhere: where it comes from, and how it was read."""


@dataclass(frozen=True)
class StudyFacts:
    """What the analysis reads of a study as a whole."""

    spec: JsonObject
    """The study file with every default filled in, as plain JSON."""
    question: str = ""
    provenance: JsonObject = field(default_factory=dict)
    """What its scores were measured with."""
    modes: list[str] = field(default_factory=list)
    """Names of the modes."""
    real_effective_modes: float | None = None
    origin: Origin = Origin()
    notes: list[str] = field(default_factory=list)
    """What of this is incomplete, in sentences: MLflow may have cut what older versions wrote."""

    def as_text(self) -> str:
        """Return the facts as JSON."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return the facts that `as_text` wrote; ValueError if they are not whole."""
        return cls.from_json(parse_object(text))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the facts whose fields are in a JSON object; ValueError if they are not whole."""
        if not isinstance(content.get("spec"), dict):
            raise ValueError("it has no spec")
        facts = cls(**known_fields(cls, content))
        declare_own(facts.spec.get("measures", {}).get("own", {}))
        return replace(facts, origin=Origin(**known_fields(Origin, content.get("origin", {}))))


@dataclass(frozen=True)
class TrialFacts:
    """What the analysis reads of one trial beside its history."""

    stage: str = Stage.SEARCH.value
    role: str = ""
    confirms: int | None = None
    point: int | None = None
    config_digest: str = ""
    state: str = TrialState.RUNNING.value
    feasible: bool = False
    objective: float | None = None
    error: str = ""
    params: dict[str, str] = field(default_factory=dict)
    """As MLflow shows them, but whole."""

    @classmethod
    def from_run(cls, tags: Mapping[str, str], params: Mapping[str, str]) -> Self:
        """Return the facts as tags and parameters of the trial's run have them.

        Those may be cut: for runs of older versions, which have nothing else.
        """
        return cls(
            stage=tags.get(Tag.STAGE, Stage.SEARCH.value),
            role=tags.get(Tag.ROLE, ""),
            confirms=int(tags[Tag.CONFIRMS]) if Tag.CONFIRMS in tags else None,
            point=int(tags[Tag.POINT]) if Tag.POINT in tags else None,
            config_digest=tags.get(Tag.CONFIG, ""),
            state=tags.get(Tag.STATE, TrialState.RUNNING.value),
            feasible=tags.get(Tag.FEASIBLE) == "true",
            objective=json.loads(tags.get(Tag.OBJECTIVE, "null")),
            error=tags.get(Tag.ERROR, ""),
            params=dict(params),
        )


@dataclass(frozen=True)
class TrialFactsFile:
    """The facts of up to TRIALS_PER_FILE trials, an artifact of the study's run.

    There are two files of the same trials, which are written in turn: whoever reads while one of
    them is being written, or after a crash in that moment, finds the other one whole.
    """

    index: int
    """Of the trials: number // TRIALS_PER_FILE."""
    version: int = 0
    """The file with the higher one counts."""
    trials: dict[int, TrialFacts] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Path among the artifacts."""
        return f"{TRIAL_FACTS_FOLDER}/{self.index:05d}-{'ab'[self.version % 2]}.json"

    def as_text(self) -> str:
        """Return the file's content."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return what `as_text` wrote; ValueError if it is not whole."""
        content = parse_object(text)
        trials = {
            int(number): TrialFacts(**known_fields(TrialFacts, of))
            for number, of in content.get("trials", {}).items()
        }
        return cls(int(content["index"]), int(content["version"]), trials)
