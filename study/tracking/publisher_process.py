"""The publisher's process as the driver sees it, and the end of a study: report, and goodbye to
MLflow.
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
from ganstudy.study.home import Home, StudyFolder
from ganstudy.study.spec.study_spec import Published
from ganstudy.study.tracking.outbox import END, Outbox

STALLED_SECONDS = 60
"""How long the driver waits at the end for MLflow without any message being taken."""


@dataclass(frozen=True)
class Ending:
    """What a finished study leaves in MLflow: files, and the answer as the parent run's
    description.
    """

    description: str = ""
    artifacts: list[Path] = field(default_factory=list)


Conclude = Callable[[], Ending]


@contextmanager
def publisher(spec: Published, home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """The publisher's process; closing its input tells it to finish what is in the spool."""
    folder = home.study(spec.name)
    embedded = home.embedded(spec.tracking.uri)
    arguments = {
        "ledger": str(folder.imported if folder.imported.exists() else folder.ledger),
        "spool": str(folder.outbox),
        "uri": home.tracking_uri(spec.tracking.uri),
        "artifacts": (home.mlflow_artifacts / spec.name).as_uri() if embedded else None,
    }
    if embedded:
        home.mlflow_artifacts.mkdir(parents=True, exist_ok=True)
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); from ganstudy.study.tracking.publisher import main; "
        "sys.exit(main())"
    )
    our_code = str(Path(str(ganstudy.__file__)).parent.parent)
    with folder.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", code, json.dumps(arguments), our_code],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the driver
        )
    assert process.stdin is not None
    try:
        yield process
    except BaseException:
        process.stdin.close()  # it finishes by itself, and who stops at once shall not wait for it
        raise
    process.stdin.close()
    if Outbox(folder.outbox).waiting():
        process.terminate()  # it had its time, and what waits is safe where it is
    try:
        process.wait(STALLED_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def finish(
    spec: Published,
    home: Home,
    process: subprocess.Popen[bytes],
    left: int,
    conclude: Conclude | None,
    console: Console,
) -> int:
    """Waits until everything is published, writes the report and says goodbye; the records that
    still wait.

    left: trials that the study still lacks.
    """
    folder = home.study(spec.name)
    outbox = Outbox(folder.outbox)
    _wait_until_published(outbox, process, console)
    if not outbox.waiting():
        ending = _concluded(conclude, spec, folder, console)
        artifacts = [str(path) for path in ending.artifacts]
        status = "FINISHED" if left == 0 else "KILLED"
        outbox.put_study(
            END, {"status": status, "description": ending.description, "artifacts": artifacts}
        )
        _wait_until_published(outbox, process, console)
    return outbox.waiting()


def _concluded(
    conclude: Conclude | None, spec: Published, folder: StudyFolder, console: Console
) -> Ending:
    """The report; its failure is said and logged, and leaves the study as complete as it is."""
    try:
        return conclude() if conclude is not None else Ending()
    except Exception as error:
        with folder.log.open("a", encoding="utf-8") as log:
            log.write(traceback.format_exc())
        console.print(
            f"The report could not be written: {type(error).__name__}: {error} (details in {folder.log}). "
            f"Nothing of the study is lost; to try again: ganstudy report {spec.name}",
            soft_wrap=True,
        )
        return Ending()


def _wait_until_published(
    outbox: Outbox, process: subprocess.Popen[bytes], console: Console
) -> None:
    """Until the spool is empty, the publisher is gone, or nothing moves any more."""
    pending, since = outbox.waiting(), time.monotonic()
    with console.status("publishing to MLflow"):
        while pending and process.poll() is None and time.monotonic() - since < STALLED_SECONDS:
            time.sleep(0.1)
            now = outbox.waiting()
            if now != pending:
                pending, since = now, time.monotonic()
