"""The publisher's process: it publishes until the driver has gone and the outbox is empty.

Neither training nor Tune's control loop waits for MLflow. The process ends when its standard input
is closed and the outbox is empty, so it also finishes its work after the driver has died.
study/tracking/publisher_process.py starts it.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from ganstudy.study.home import IMPORT_FILE, private_files
from ganstudy.study.ledger.import_record import ImportRecord
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.tracking.mlflow_store import MlflowStore
from ganstudy.study.tracking.outbox import Outbox
from ganstudy.study.tracking.publisher import Publisher
from ganstudy.trials.results.removed import RemovedFromMlflowError

POLL_SECONDS = 0.2
MAX_BACKOFF_SECONDS = 10.0
GIVE_UP_SECONDS = 60.0
"""How long MLflow may fail after the driver has gone."""


def publish_until_closed(
    publisher_for: Callable[[], Publisher],
    closed: threading.Event,
    refuse: Callable[[str], None] = logging.error,
) -> int:
    """Publish until `closed` is set and nothing is pending; return 1 if messages are left, else 0.

    Failures of MLflow are retried with growing pauses: without end while the driver lives, and for
    GIVE_UP_SECONDS once it has gone. refuse: called with what only a user can mend.
    """
    publisher: Publisher | None = None
    backoff, failing_since = POLL_SECONDS, None
    while True:
        closing = closed.is_set()
        try:
            publisher = publisher or publisher_for()
            if failing_since is not None:
                publisher.check()
            published = publisher.publish_pending()
            backoff, failing_since = POLL_SECONDS, None
            if closing and not published:
                return 0
        except RemovedFromMlflowError as error:
            refuse(str(error))
            if closing:
                return 1
            # Training goes on, and what was deleted may be restored meanwhile.
            failing_since, backoff, published = time.monotonic(), MAX_BACKOFF_SECONDS, 0
        except Exception:
            logging.exception("MLflow did not take the records; they wait in the outbox")
            if not closing or failing_since is None:
                failing_since = time.monotonic()
            if closing and time.monotonic() - failing_since > GIVE_UP_SECONDS:
                return 1
            # Doubled: a server that is away for hours is not asked five times a second.
            backoff = min(2 * backoff, MAX_BACKOFF_SECONDS)
            published = 0
        if not published:
            time.sleep(backoff)


def main() -> int:
    """Run the publisher's process; its argument is JSON: ledger, outbox, uri, artifacts."""
    private_files()
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s publisher %(levelname)s %(message)s"
    )
    arguments = json.loads(sys.argv[1])
    # One publisher per study: that of a driver that was killed may still be publishing.
    lock = FileLock(Path(arguments["ledger"]).with_name("publisher.lock"))
    lock.acquire()  # held until the process ends
    closed = threading.Event()

    def wait_for_end_of_input() -> None:
        # Returns when the driver closes the pipe or dies, whichever comes first.
        sys.stdin.read()
        closed.set()

    threading.Thread(target=wait_for_end_of_input, daemon=True).start()

    outbox = Outbox(Path(arguments["outbox"]))

    def publisher() -> Publisher:
        path = Path(arguments["ledger"])
        ledger = ImportRecord.open(path) if path.name == IMPORT_FILE else Ledger.open(path)
        return Publisher(ledger, outbox, arguments["uri"], arguments["artifacts"])

    return publish_until_closed(publisher, closed, outbox.refuse)


def check_main() -> int:
    """Print why MLflow would take nothing of a study, and return 1; 0 if it does, or is not there.

    The argument is JSON: name, uri, run_id.
    """
    arguments = json.loads(sys.argv[1])
    try:
        MlflowStore(arguments["name"], arguments["uri"]).check(arguments["run_id"])
    except RemovedFromMlflowError as error:
        print(error)
        return 1
    except Exception:  # records wait for a server that is away
        return 0
    return 0
