"""Exclusive driver lock: a file lock plus a heartbeat file.

On one machine the lock of the operating system decides: it goes with the process that holds it,
however that ends. A shared file system may not carry such locks from machine to machine, so a
driver also counts up in a heartbeat file; a newcomer on another machine takes over only after that
count has stood still for a while. No clock is compared with another. A driver that finds itself
replaced stops.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ganstudy.study.errors import UserError
from ganstudy.study.tune.stopping import handling
from ganstudy.trials.atomic_file import write_whole

# Both are guesses: six beats may be late, on a busy file server, before a driver counts as gone.
BEAT_SECONDS = 5.0
"""Between two heartbeats."""
WATCH_SECONDS = 30.0
"""How long a driver on another machine must give no heartbeat before it counts as gone."""
POLL_SECONDS = 0.5
BOOT = Path("/proc/sys/kernel/random/boot_id")


def machine() -> str:
    """Return an id of this machine since it was last started."""
    # A container may have the host name of another; the id also changes when the machine starts
    # anew, and with it every process is gone.
    return BOOT.read_text().strip() if BOOT.exists() else platform.node()


class DriverLock:
    """The right to drive the study whose files lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._record_file = folder / "driver.json"
        self._heartbeat = folder / "driver.beat"
        self._lock = FileLock(folder / "driver.lock")
        # Process ids come round again, and are unique on one machine only.
        self._token = uuid.uuid4().hex
        self._ended = threading.Event()
        self.replaced_by: str | None = None
        """The driver that has taken over, if one has."""

    def take(self, log: Callable[[str], None]) -> None:
        """Take the lock, or raise UserError naming the driver that holds it.

        log: called before a wait for the heartbeat of a driver on another machine.
        """
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise UserError(self._refusal(self._record_or_empty())) from None
        # The file lock is free, which tells nothing about a driver on another machine.
        last = self._record_or_empty()
        if last and not last.get("ended") and last.get("machine") != machine():
            log(
                f"the last driver ({_format(last)}) did not exit cleanly: waiting {WATCH_SECONDS:g} s for its heartbeat"
            )
            if self._beats():
                self._lock.release()
                raise UserError(self._refusal(last))
        self._write(
            {
                "host": platform.node(),
                "process": os.getpid(),
                "since": datetime.now().astimezone().isoformat(timespec="seconds"),
                "machine": machine(),
                "token": self._token,
            }
        )

    def keep(self) -> None:
        """Give heartbeats until `release`; interrupt the main thread if another driver takes over."""
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        count = 0
        while not self._ended.wait(BEAT_SECONDS):
            count += 1
            # A full disk, a server that is away, a record half written: others wait for more than
            # one heartbeat.
            with suppress(OSError, ValueError):
                record = self._record()
                if record.get("token") != self._token:
                    self.replaced_by = _format(record)
                    # A real signal: it also ends a wait, which _thread.interrupt_main does not.
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                    return
                write_whole(self._heartbeat, str(count).encode())

    def is_replaced(self) -> bool:
        """Return whether another driver has taken over."""
        return self.replaced_by is not None

    def release(self) -> None:
        """Record that this driver has ended, and release the lock."""
        self._ended.set()
        try:
            record = self._record_or_empty()
            if record.get("token") == self._token:
                with suppress(OSError):  # the file lock alone then says that this driver is gone
                    self._write({**record, "ended": True})
        finally:
            self._lock.release()

    def holder(self) -> str | None:
        """Return which driver holds the lock, as far as this machine can tell."""
        record = self._record_or_empty()
        if not record or record.get("ended"):
            return None
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return _format(record)
        self._lock.release()
        # The file lock of a driver on another machine may not reach here.
        return None if record.get("machine") == machine() else _format(record)

    def _beats(self) -> bool:
        """Watch the heartbeat for a while; return whether it goes on."""
        # Compared with itself, so the clocks of the two machines need not agree.
        before, deadline = self._count(), time.monotonic() + WATCH_SECONDS
        while time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            if self._count() != before:
                return True
        return False

    def _count(self) -> str:
        return self._heartbeat.read_text() if self._heartbeat.exists() else ""

    def _record(self) -> dict[str, Any]:
        if not self._record_file.exists():
            return {}
        record: dict[str, Any] = json.loads(self._record_file.read_text())
        return record

    def _record_or_empty(self) -> dict[str, Any]:
        try:
            return self._record()
        except (OSError, ValueError):
            return {}

    def _write(self, record: dict[str, Any]) -> None:
        write_whole(self._record_file, json.dumps(record).encode())

    def _refusal(self, record: dict[str, Any]) -> str:
        return (
            f"the study in {self._record_file.parent} is being run already ({_format(record)}); "
            "stop that one first (ganstudy stop), or follow it (ganstudy status)"
        )


def _format(record: dict[str, Any]) -> str:
    known = [f"{key} {record[key]}" for key in ("host", "process", "since") if key in record]
    return ", ".join(known) or "another process"


def _interruptible() -> AbstractContextManager[None]:
    """Context manager in which SIGINT interrupts even if it was ignored.

    A shell lets background commands ignore it; a driver that was replaced must still stop.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    return handling(signal.default_int_handler, signal.SIGINT) if ignored else nullcontext()


@contextmanager
def only_driver(folder: Path, log: Callable[[str], None]) -> Iterator[DriverLock]:
    """Context manager that holds the driver lock of the study in `folder`.

    Raises UserError if another driver holds it, or takes over meanwhile.
    """
    folder.mkdir(parents=True, exist_ok=True)
    driver_lock = DriverLock(folder)
    driver_lock.take(log)
    driver_lock.keep()
    try:
        with _interruptible():
            yield driver_lock
    except KeyboardInterrupt:
        if driver_lock.is_replaced():
            raise UserError(
                f"another driver has taken the study over ({driver_lock.replaced_by}); this one ends"
            ) from None
        raise
    finally:
        driver_lock.release()
