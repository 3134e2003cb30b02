"""The record of an imported study, instead of a ledger: its source, and a summary for status.

Its trials are over, so there is nothing to propose or to resume; what was measured is in MLflow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from ganstudy.study.errors import UserError
from ganstudy.study.ledger.trial_row import BestTrial, StageStatus, TrialRow
from ganstudy.study.spec.tables import Tracking
from ganstudy.trials.results.atomic_file import write_whole
from ganstudy.trials.results.documents import parse_object


@dataclass(frozen=True)
class ImportedSpec:
    """What the protocol Published of study/spec/study_spec.py asks for."""

    name: str
    tracking: Tracking
    measure: str


@dataclass(frozen=True)
class ImportSource:
    """About the file of an imported study, and how it was read."""

    file: str
    digest: str
    """Of its content."""
    rows: int
    measures: list[str]
    """Those that it has."""
    derived: list[str]
    """Those that follow from what it has."""
    moments: int
    """Number of evaluation times; named as older versions wrote it."""
    reader: str
    """Digest of the code that read it."""


@dataclass(frozen=True, kw_only=True)
class ImportSummary(StageStatus):
    """What `ganstudy status` shows of an imported study."""

    question: str
    objective: str

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the summary whose fields are in a JSON object."""
        best, rows = content["best"], content["trial_list"]
        typed = {
            "best": None if best is None else BestTrial(**best),
            "trial_list": [TrialRow(**row) for row in rows],
        }
        return cls(**{**content, **typed})


class ImportRecord:
    """The file import.json.

    The publisher finds the runs of trials by their tags, so only the parent's run is stored.
    """

    def __init__(
        self,
        path: Path,
        digest: str,
        spec: ImportedSpec,
        source: ImportSource,
        summary: ImportSummary,
        parent_run: str | None = None,
    ) -> None:
        self._path = path
        self.id = digest
        """Equal for the same file read in the same way, on whatever machine."""
        self.spec = spec
        self.source = source
        self.summary = summary
        self._parent_run = parent_run
        # Only in memory: thousands of trials would mean as many writes of the whole file.
        self._runs: dict[int, str] = {}

    @classmethod
    def create(
        cls,
        path: Path,
        spec: ImportedSpec,
        digest: str,
        source: ImportSource,
        summary: ImportSummary,
    ) -> ImportRecord:
        """Return the record at `path`, written if absent.

        digest: of the file and of everything that decides how it is read. UserError if another file
        or mapping was imported under the name.
        """
        if path.exists():
            record = cls.open(path)
            if record.id != digest:
                same = record.source.digest == source.digest
                other = f"another file, {record.source.file}"
                what = "the same file, read in another way" if same else other
                raise UserError(
                    f"the name {spec.name!r} is taken: {what}, was imported under it. Give this "
                    f"import another name, or delete {path.parent} to begin anew."
                )
            return record
        record = cls(path, digest, spec, source, summary)
        record._write()
        return record

    @classmethod
    def open(cls, path: Path) -> ImportRecord:
        """Return the record at `path`; UserError if it cannot be read."""
        try:
            content = parse_object(path.read_text(encoding="utf-8"))
            summary = ImportSummary.from_json(content["summary"])
            return cls(
                path,
                content["id"],
                ImportedSpec(content["name"], Tracking(uri=content["tracking"]), summary.objective),
                ImportSource(**content["source"]),
                summary,
                content.get("parent_run"),
            )
        # A file that lacks a field is as unreadable as one that is no JSON.
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} cannot be read: {error}; import the file again") from None

    @property
    def parent_run_id(self) -> str | None:
        """MLflow run of the study itself."""
        return self._parent_run

    @parent_run_id.setter
    def parent_run_id(self, run_id: str) -> None:
        self._parent_run = run_id
        self._write()

    def run_ids(self) -> dict[int, str]:
        """Return MLflow's run id per trial number, of this process."""
        return dict(self._runs)

    def set_run_id(self, number: int, run_id: str) -> None:
        """Remember the run of a trial, for this process."""
        self._runs[number] = run_id

    def _write(self) -> None:
        content = {
            "id": self.id,
            "name": self.spec.name,
            "tracking": self.spec.tracking.uri,
            "source": asdict(self.source),
            "summary": asdict(self.summary),
        }
        if self._parent_run is not None:
            content["parent_run"] = self._parent_run
        write_whole(self._path, json.dumps(content, indent=1).encode())
