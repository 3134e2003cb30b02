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
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ganstudy.study.errors import UserError
from ganstudy.study.tune.stopping import handling
from ganstudy.trials.results.atomic_file import write_whole

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


@dataclass(frozen=True)
class DriverRecord:
    """Which process drives a study, as driver.json says; what it does not say is None."""

    host: str | None = None
    process: int | None = None
    since: str | None = None
    machine: str | None = None
    token: str | None = None
    ended: bool = False
    """Whether it released the lock by itself."""

    def __str__(self) -> str:
        known = (("host", self.host), ("process", self.process), ("since", self.since))
        text = ", ".join(f"{name} {value}" for name, value in known if value is not None)
        return text or "another process"

    @classmethod
    def from_json(cls, text: str) -> DriverRecord:
        """Return the record in `text`; ValueError if there is none."""
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError(f"a driver's record is a JSON object, got {text!r}")
        names = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in names})


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
            raise UserError(self._refusal(self._readable_record())) from None
        # The file lock is free, which tells nothing about a driver on another machine.
        last = self._readable_record()
        if last is not None and not last.ended and last.machine != machine():
            log(
                f"the last driver ({last}) did not exit cleanly: "
                f"waiting {WATCH_SECONDS:g} s for its heartbeat"
            )
            if self._beats():
                self._lock.release()
                raise UserError(self._refusal(last))
        self._write(
            DriverRecord(
                host=platform.node(),
                process=os.getpid(),
                since=datetime.now().astimezone().isoformat(timespec="seconds"),
                machine=machine(),
                token=self._token,
            )
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
                if record is None or record.token != self._token:
                    self.replaced_by = str(record or DriverRecord())
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
            record = self._readable_record()
            if record is not None and record.token == self._token:
                with suppress(OSError):  # the file lock alone then says that this driver is gone
                    self._write(replace(record, ended=True))
        finally:
            self._lock.release()

    def holder(self) -> str | None:
        """Return which driver holds the lock, as far as this machine can tell."""
        record = self._readable_record()
        if record is None or record.ended:
            return None
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return str(record)
        self._lock.release()
        # The file lock of a driver on another machine may not reach here.
        return None if record.machine == machine() else str(record)

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

    def _record(self) -> DriverRecord | None:
        if not self._record_file.exists():
            return None
        return DriverRecord.from_json(self._record_file.read_text())

    def _readable_record(self) -> DriverRecord | None:
        try:
            return self._record()
        except (OSError, ValueError):
            return None

    def _write(self, record: DriverRecord) -> None:
        write_whole(self._record_file, json.dumps(asdict(record)).encode())

    def _refusal(self, record: DriverRecord | None) -> str:
        return (
            f"the study in {self._record_file.parent} is being run already "
            f"({record or DriverRecord()}); stop that one first (ganstudy stop), or follow it "
            "(ganstudy status)"
        )


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
