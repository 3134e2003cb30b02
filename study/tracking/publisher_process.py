"""The publisher's process as the driver sees it, and the end of a study.

That end is the report and the end of the study's MLflow run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

import ganstudy
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home, StudyFolder
from ganstudy.study.spec.study_spec import Published
from ganstudy.study.tracking.messages import StudyEnd
from ganstudy.study.tracking.outbox import END, Outbox

STALLED_SECONDS = 60
"""How long the driver waits at the end while MLflow takes no message."""
CHECK_SECONDS = 15
"""How long a run waits for MLflow to say whether it has deleted the study."""


@dataclass(frozen=True)
class StudyArtifacts:
    """What a finished study leaves on its MLflow run."""

    description: str = ""
    """The conclusions, in Markdown."""
    files: list[Path] = field(default_factory=list)
    """Files and folders: the report and its tables."""


ReportBuilder = Callable[[], StudyArtifacts]
"""Writes the report, once everything that it reads has been published."""


@contextmanager
def publisher(spec: Published, home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """Context manager that runs the publisher's process, and lets it publish the rest at the end."""
    folder = home.study(spec.name)
    embedded = home.embedded(spec.tracking.uri)
    arguments = {
        "ledger": str(folder.imported if folder.imported.exists() else folder.ledger),
        "outbox": str(folder.outbox),
        "uri": home.tracking_uri(spec.tracking.uri),
        "artifacts": (home.mlflow_artifacts / spec.name).as_uri() if embedded else None,
    }
    if embedded:
        home.mlflow_artifacts.mkdir(parents=True, exist_ok=True)
    Outbox(folder.outbox).forget_refusal()
    with folder.log.open("ab") as log:
        process = subprocess.Popen(
            _command("main", arguments),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the driver
        )
    assert process.stdin is not None
    # The pipe closes however this process ends; the publisher then finishes its work and ends too.
    try:
        yield process
    except BaseException:
        # Closing its input tells it to finish by itself; whoever stops at once does not wait for it.
        process.stdin.close()
        raise
    process.stdin.close()
    if Outbox(folder.outbox).waiting():
        process.terminate()  # it had its time, and what waits is safe in the outbox
    try:
        process.wait(STALLED_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _command(function: str, arguments: dict[str, str | None]) -> list[str]:
    """Return the command line that calls a function of study/tracking/publisher_main.py."""
    # -P and -c: no folder but that of our own package comes onto the path.
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); "
        f"from ganstudy.study.tracking.publisher_main import {function}; sys.exit({function}())"
    )
    our_code = str(Path(str(ganstudy.__file__)).parent.parent)
    return [sys.executable, "-P", "-c", code, json.dumps(arguments), our_code]


class MlflowCheck:
    """Asks MLflow, in a process of its own, whether it has deleted a study.

    MLflow takes seconds to import, which pass while Ray starts.
    """

    def __init__(self, spec: Published, home: Home, run_id: str | None) -> None:
        """Begin to ask. run_id: MLflow's run of the study, if it has one."""
        self._process: subprocess.Popen[str] | None = None
        uri = home.tracking_uri(spec.tracking.uri)
        # Nothing can have been deleted from a store that is yet to be made.
        if not home.embedded(spec.tracking.uri) or home.mlflow_database.exists():
            self._process = subprocess.Popen(
                _command("check_main", {"name": spec.name, "uri": uri, "run_id": run_id}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # Ctrl-C is for the driver
            )

    def wait(self) -> None:
        """Raise UserError if MLflow has deleted the study; a server that does not answer has not."""
        if self._process is None:
            return
        try:
            message, _ = self._process.communicate(timeout=CHECK_SECONDS)
        except subprocess.TimeoutExpired:
            self.close()
            return
        if self._process.returncode == 1 and message:
            raise UserError(message.strip())

    def close(self) -> None:
        """End the process, if it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


def finish(
    spec: Published,
    home: Home,
    process: subprocess.Popen[bytes],
    left: int,
    build_report: ReportBuilder | None,
    console: Console,
) -> int:
    """Flush the outbox, write the report and end the study's MLflow run.

    left: trials that the study still lacks. Returns the number of unpublished records.
    """
    folder = home.study(spec.name)
    outbox = Outbox(folder.outbox)
    _wait_until_published(outbox, process, console)
    if not outbox.waiting():
        # Before the last message: the report reads what has been published, and goes with it.
        made = _build(build_report, spec, folder, console)
        status = "FINISHED" if left == 0 else "KILLED"
        end = StudyEnd(status, made.description, [str(path) for path in made.files])
        outbox.put_study(END, end.to_json())
        _wait_until_published(outbox, process, console)
    return outbox.waiting()


def _build(
    build_report: ReportBuilder | None, spec: Published, folder: StudyFolder, console: Console
) -> StudyArtifacts:
    """Build the report; print and log its failure, which leaves the study as complete as it is."""
    try:
        return build_report() if build_report is not None else StudyArtifacts()
    except Exception as error:
        with folder.log.open("a", encoding="utf-8") as log:
            log.write(traceback.format_exc())
        console.print(
            f"The report could not be written: {type(error).__name__}: {error} (details in {folder.log}). "
            f"Nothing of the study is lost; to try again: ganstudy report {spec.name}",
            soft_wrap=True,
        )
        return StudyArtifacts()


def _wait_until_published(
    outbox: Outbox, process: subprocess.Popen[bytes], console: Console
) -> None:
    """Wait until the outbox is empty, the publisher has ended, or MLflow takes nothing any more."""
    pending, since = outbox.waiting(), time.monotonic()
    with console.status("Publishing to MLflow"):
        while (
            pending
            and process.poll() is None
            and outbox.refusal() is None
            and time.monotonic() - since < STALLED_SECONDS
        ):
            time.sleep(0.1)
            now = outbox.waiting()
            if now != pending:
                # Slow is not stalled: the clock begins anew with every message that is taken.
                pending, since = now, time.monotonic()
