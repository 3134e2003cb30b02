"""Folders of TensorBoard's event files: every folder with event files is a run.

Read by TensorBoard's own library. The configuration is that of its hparams plug-in and of files
such as config.json and hparams.yaml beside the events or above them. A record that a killed run did
not finish ends its file, with a note.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganstudy.study.errors import UserError
from ganstudy.study.importing.sources.config_files import configuration_of
from ganstudy.study.importing.sources.run_logs import RunLog, RunLogs
from ganstudy.trials.results.documents import Settings

KIND = "a folder of TensorBoard's event files"
RECORD_FRAME = 16
"""Bytes of a record beside its content: length, two checksums."""
SCALARS = "scalars"
"""TensorBoard's name for a tag with one number per step, whoever wrote it."""


def is_event_folder(source: str) -> bool:
    """Return whether a source is a folder, and so one of event files."""
    return Path(source).is_dir()


def read_event_folder(source: str, wanted: Callable[[str], bool]) -> RunLogs:
    """Return the runs in a folder; UserError if it has none, or TensorBoard is not installed."""
    root = Path(source)
    folders = _event_folders(root)
    if not folders:
        raise UserError(
            f"{source}: no file in this folder or below it is one of TensorBoard's event files "
            "(events.out.tfevents...)"
        )
    _require_tensorboard()
    name = root.resolve().name or str(root)
    found = {folder: _Events.of(files, wanted) for folder, files in folders.items()}
    _give_to_parents(found)
    runs, notes = [], []
    for folder, events in found.items():
        inside = folder.relative_to(root).as_posix()
        run = name if inside == "." else inside
        params, of_files = configuration_of(folder, root, events.params)
        runs.append(RunLog(run, frozenset(events.tags), events.points, params))
        notes += [f"run {run}: {note}" for note in [*events.notes, *of_files]]
    return RunLogs(name, KIND, runs, list(dict.fromkeys(notes)))


def _event_folders(root: Path) -> dict[Path, list[Path]]:
    """Return the event files of each folder that has some, folders and files in order."""
    found = {}
    for folder, below, names in os.walk(root):
        below.sort()
        events = sorted(
            name for name in names if "tfevents" in name and ".profile-empty" not in name
        )
        if events:
            found[Path(folder)] = [Path(folder, name) for name in events]
    return dict(sorted(found.items()))


def _require_tensorboard() -> None:
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        raise UserError(
            "reading TensorBoard's event files needs TensorBoard: pip install "
            "'ganstudy[tensorboard]'"
        ) from None


@dataclass
class _Events:
    """What the event files of one folder hold."""

    tags: set[str] = field(default_factory=set)
    points: list[tuple[str, float, float]] = field(default_factory=list)
    params: Settings = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, files: list[Path], wanted: Callable[[str], bool]) -> _Events:
        """Read files in the order in which they were begun."""
        from tensorboard.plugins.hparams.metadata import SESSION_START_INFO_TAG

        events = cls()
        parts = []
        for file in files:
            begun, points = None, []
            for event in _events_of(file, events.notes):
                begun = event.wall_time if begun is None else begun
                for value in event.summary.value:
                    if value.tag == SESSION_START_INFO_TAG:
                        events.params |= _hyperparameters(value)
                    elif value.metadata.plugin_data.plugin_name == SCALARS:
                        events.tags.add(value.tag)
                        if wanted(value.tag):
                            points.append((value.tag, float(event.step), _number(value)))
            parts.append((begun or 0.0, file.name, points))
        # Names begin with the time too, but not everybody's.
        for _, _, points in sorted(parts, key=lambda part: part[:2]):
            events.points += points
        return events


def _events_of(file: Path, notes: list[str]) -> Iterator[Any]:
    """Yield the events of a file as far as they can be read; what is left is added to `notes`."""
    from google.protobuf.message import DecodeError
    from tensorboard import data_compat, dataclass_compat
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto import event_pb2

    first_metadata: dict[str, object] = {}
    read = 0
    try:
        for record in RawEventFileLoader(str(file)).Load():
            event = data_compat.migrate_event(event_pb2.Event.FromString(record))
            yield from dataclass_compat.migrate_event(event, first_metadata)
            read += len(record) + RECORD_FRAME
    except DecodeError:
        pass  # the checksum was right, so something else wrote this record
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror or error}") from None
    size = file.stat().st_size
    if read < size:
        notes.append(
            f"{file.name} is cut off or damaged after {read} of {size} bytes, and read up to there"
        )


def _number(value: Any) -> float:
    from tensorboard.util.tensor_util import make_ndarray

    return float(make_ndarray(value.tensor).item())


def _hyperparameters(value: Any) -> Settings:
    """Return what the hparams plug-in says of a session; none in a version that is not known."""
    from google.protobuf.json_format import MessageToDict
    from tensorboard.plugins.hparams import error, metadata

    try:
        content = value.metadata.plugin_data.content
        given = metadata.parse_session_start_info_plugin_data(content).hparams
    except error.HParamsError:
        return {}
    # Numbers, texts, truth values, and null, as JSON has them.
    return {name: MessageToDict(given[name]) for name in given}


def _give_to_parents(found: dict[Path, _Events]) -> None:
    """Give a session of hyperparameters to the run in whose folder it stands.

    PyTorch's SummaryWriter.add_hparams writes it so: in a folder of its own, with scores of the end
    alone.
    """
    for folder in list(found):
        parent = found.get(folder.parent)
        if found[folder].params and parent is not None and parent.tags and not parent.params:
            parent.params = found.pop(folder).params
