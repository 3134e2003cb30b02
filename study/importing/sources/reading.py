"""What can be imported: one line for each kind of source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ganstudy.study.errors import UserError
from ganstudy.study.importing.mapping import Mapping
from ganstudy.study.importing.sources.event_files import is_event_folder, read_event_folder
from ganstudy.study.importing.sources.exports import Reading, read_export
from ganstudy.study.importing.sources.mlflow_experiment import is_experiment, read_experiment
from ganstudy.study.importing.sources.run_logs import read_run_logs, wanted_by
from ganstudy.study.importing.table import read_table

Reader = Callable[[str, str | None, Mapping], Reading]


@dataclass(frozen=True)
class Kind:
    """A kind of source."""

    takes: Callable[[str], bool]
    read: Reader
    """Of a source, the server that it is on (None if not given), and the mapping."""


def _experiment(source: str, server: str | None, mapping: Mapping) -> Reading:
    return read_run_logs(read_experiment(source, server, wanted_by(mapping)), mapping)


def _event_folder(source: str, server: str | None, mapping: Mapping) -> Reading:
    return read_run_logs(read_event_folder(source, wanted_by(mapping)), mapping)


def _file(source: str, server: str | None, mapping: Mapping) -> Reading:
    return read_export(read_table(Path(source)), mapping)


KINDS = (
    Kind(is_experiment, _experiment),
    Kind(is_event_folder, _event_folder),
    Kind(lambda source: True, _file),
)
"""The first that takes a source reads it."""


def read_source(source: str, server: str | None, mapping: Mapping) -> Reading:
    """Return a source as a table of a row per trial, seed and step; UserError if it is none."""
    if server is not None and not is_experiment(source):
        raise UserError(f"--from names the MLflow of mlflow:EXPERIMENT, and {source} is none")
    kind = next(kind for kind in KINDS if kind.takes(source))
    return kind.read(source, server, mapping)
