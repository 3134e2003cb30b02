"""One driver per study, on whatever machine: a lock that goes with its process, and signs of life
beside it.

On one machine the lock of the operating system decides: it goes with the process that holds it,
however that ends. A shared file system may not carry such locks from machine to machine, so a
driver also counts in a file; a newcomer on another machine takes over only after watching that
count stand still. No clock is compared with another. A driver that finds itself replaced stops.
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

BEAT_SECONDS = 5.0
"""Between two signs of life."""
WATCH_SECONDS = 30.0
"""How long a driver on another machine must give none before it counts as gone."""
POLL_SECONDS = 0.5
BOOT = Path("/proc/sys/kernel/random/boot_id")


def machine() -> str:
    """Unlike that of any other machine, and of this one before it was last started."""
    return BOOT.read_text().strip() if BOOT.exists() else platform.node()


class DriverLock:
    """The right to drive the study whose files lie in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._holder, self._beat = folder / "driver.json", folder / "driver.beat"
        self._lock = FileLock(folder / "driver.lock")
        self._token = uuid.uuid4().hex
        self._ended = threading.Event()
        self.lost_to: str | None = None
        """Who has taken the study over."""

    def take(self, watching: Callable[[str], None]) -> None:
        """Takes the study over, or UserError naming who holds it.

        watching: told, in words, whose signs of life are being waited for.
        """
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise UserError(self._refusal(self._told_if_whole())) from None
        told = self._told_if_whole()
        if told and not told.get("ended") and told.get("machine") != machine():
            watching(
                f"the last driver ({_words(told)}) has not said goodbye: waiting {WATCH_SECONDS:g} s for a sign"
            )
            if self._gives_signs():
                self._lock.release()
                raise UserError(self._refusal(told))
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        here = {
            "host": platform.node(),
            "process": os.getpid(),
            "since": since,
            "machine": machine(),
        }
        self._write({**here, "token": self._token})

    def keep(self) -> None:
        """Gives signs of life until `release`; the main thread is interrupted once another driver
        has taken over.
        """
        threading.Thread(target=self._keep, daemon=True).start()

    def _keep(self) -> None:
        count = 0
        while not self._ended.wait(BEAT_SECONDS):
            count += 1
            try:
                told = self._told()
                if told.get("token") != self._token:
                    self.lost_to = _words(told)
                    # A real signal: it also ends a wait, which _thread.interrupt_main does not.
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                    return
                write_whole(self._beat, str(count).encode())
            except (OSError, ValueError):
                continue  # a full disk, a server that is away, a card half written: others wait longer than one sign

    def release(self) -> None:
        """Says goodbye."""
        self._ended.set()
        try:
            told = self._told_if_whole()
            if told.get("token") == self._token:
                with suppress(OSError):  # the lock alone then says that this driver is gone
                    self._write({**told, "ended": True})
        finally:
            self._lock.release()

    def _gives_signs(self) -> bool:
        before, until = self._count(), time.monotonic() + WATCH_SECONDS
        while time.monotonic() < until:
            time.sleep(POLL_SECONDS)
            if self._count() != before:
                return True
        return False

    def _count(self) -> str:
        return self._beat.read_text() if self._beat.exists() else ""

    def _told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._holder.read_text()) if self._holder.exists() else {}
        return told

    def _told_if_whole(self) -> dict[str, Any]:
        """The card; nothing where it cannot be read."""
        try:
            return self._told()
        except (OSError, ValueError):
            return {}

    def _write(self, told: dict[str, Any]) -> None:
        write_whole(self._holder, json.dumps(told).encode())

    def _refusal(self, told: dict[str, Any]) -> str:
        return (
            f"the study in {self._holder.parent} is being run already ({_words(told)}); "
            "stop that one first (ganstudy stop), or follow it (ganstudy status)"
        )


def _words(told: dict[str, Any]) -> str:
    shown = ", ".join(f"{key} {told[key]}" for key in ("host", "process", "since") if key in told)
    return shown or "another process"


def driver_of(folder: Path) -> str | None:
    """Who runs the study in `folder`, in words; None where nobody does, as far as this machine can
    tell.
    """
    driver_lock = DriverLock(folder)
    told = driver_lock._told_if_whole()
    if not told or told.get("ended"):
        return None
    try:
        driver_lock._lock.acquire(timeout=0)
    except Timeout:
        return _words(told)
    driver_lock._lock.release()
    return None if told.get("machine") == machine() else _words(told)


def _not_deaf() -> AbstractContextManager[None]:
    """SIGINT interrupts what is inside, though a shell's background commands ignore it: a driver
    that was replaced must learn of it there, too."""
    deaf = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    return handling(signal.default_int_handler, signal.SIGINT) if deaf else nullcontext()


@contextmanager
def only_driver(folder: Path, watching: Callable[[str], None]) -> Iterator[DriverLock]:
    """Holds the lease of the study in `folder`; UserError as of `DriverLock.take`, and when it was lost."""
    folder.mkdir(parents=True, exist_ok=True)
    driver_lock = DriverLock(folder)
    driver_lock.take(watching)
    driver_lock.keep()
    try:
        with _not_deaf():
            yield driver_lock
    except KeyboardInterrupt:
        if driver_lock.lost_to is not None:
            raise UserError(
                f"another driver has taken the study over ({driver_lock.lost_to}); this one ends"
            ) from None
        raise
    finally:
        driver_lock.release()
