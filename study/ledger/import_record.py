"""What is kept of a study that was trained elsewhere, in the ledger's place: where it comes from,
and where it stands.

Its trials are over, so there is nothing to propose and nothing to go on with; what was measured is
in MLflow.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganstudy.study.errors import UserError
from ganstudy.study.spec.tables import Tracking
from ganstudy.trials.atomic_file import write_whole


@dataclass(frozen=True)
class ImportedSpec:
    """What study.spec.Published asks for."""

    name: str
    tracking: Tracking
    measure: str


class ImportRecord:
    """The file import.json. The publisher finds the runs of trials by their tags, so only the
    parent's is kept.
    """

    def __init__(self, path: Path, kept: dict[str, Any]) -> None:
        self._path, self._kept = path, kept
        self._runs: dict[int, str] = {}

    @classmethod
    def create(
        cls,
        path: Path,
        spec: ImportedSpec,
        digest: str,
        source: dict[str, Any],
        summary: dict[str, Any],
    ) -> ImportRecord:
        """The record at `path`, written if absent.

        digest: of the file and of everything that decides how it is read. source: about the file,
        plain JSON. summary: what study.status tells. UserError where another file or mapping was
        imported under the name.
        """
        if path.exists():
            record = cls.open(path)
            if record.id != digest:
                same = record.source["digest"] == source["digest"]
                what = (
                    "the same file, read in another way"
                    if same
                    else f"another file, {record.source['file']}"
                )
                raise UserError(
                    f"the name {spec.name!r} is taken: {what}, was imported under it. Give this import another name, "
                    f"or delete {path.parent} to begin anew."
                )
            return record
        kept = {
            "id": digest,
            "name": spec.name,
            "tracking": spec.tracking.uri,
            "source": source,
            "summary": summary,
        }
        record = cls(path, kept)
        record._write()
        return record

    @classmethod
    def open(cls, path: Path) -> ImportRecord:
        """The record at `path`; UserError where it cannot be read."""
        try:
            return cls(path, json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read: {error}; import the file again") from None

    @property
    def spec(self) -> ImportedSpec:
        """Name and tracking server."""
        return ImportedSpec(
            self._kept["name"],
            Tracking(uri=self._kept["tracking"]),
            self._kept["summary"]["objective"],
        )

    @property
    def id(self) -> str:
        """Equal where the same file is read in the same way, wherever that is done."""
        return str(self._kept["id"])

    @property
    def source(self) -> dict[str, Any]:
        """About the file."""
        return dict(self._kept["source"])

    @property
    def summary(self) -> dict[str, Any]:
        """Trials by state, seeds by verdict, the best trial, as study.status tells them."""
        return dict(self._kept["summary"])

    @property
    def parent_run_id(self) -> str | None:
        """MLflow run of the study itself."""
        run_id: str | None = self._kept.get("parent_run")
        return run_id

    @parent_run_id.setter
    def parent_run_id(self, run_id: str) -> None:
        self._kept["parent_run"] = run_id
        self._write()

    def run_ids(self) -> dict[int, str]:
        """MLflow run id per trial number, of this process."""
        return dict(self._runs)

    def set_run_id(self, number: int, run_id: str) -> None:
        """Remembers the run of a trial, for this process."""
        self._runs[number] = run_id

    def _write(self) -> None:
        write_whole(self._path, json.dumps(self._kept, indent=1).encode())
