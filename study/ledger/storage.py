"""The ledger's file: an SQLite database that survives a killed process whole, and its copy.

A write-ahead log keeps it whole when a process dies at any moment; the disk's own damage, or a file
that was cut short, it cannot undo. So a copy is made while a study runs, at most once a minute and
at its end.
"""

from __future__ import annotations

import logging
import shlex
import sqlite3
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RDBStorage
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from ganstudy.study.errors import UserError
from ganstudy.trials.results.database_url import sqlite_url

# Optuna logs every trial, which the driver's own progress display shows already.
optuna.logging.set_verbosity(optuna.logging.ERROR)
# A guess. Python's own default is 5 s, which a busy disk on a network exceeds.
LOCK_SECONDS = 60
"""How long a write waits for another process's."""
BACK_UP_SECONDS = 60.0
"""Between two copies."""


def open_storage(path: Path) -> RDBStorage:
    """Return Optuna's storage in the file at `path`, created if absent."""
    storage = RDBStorage(
        sqlite_url(path), engine_kwargs={"connect_args": {"timeout": LOCK_SECONDS}}
    )

    # A write-ahead log survives a killed process whole, and does not wait for the disk at each
    # step.
    @event.listens_for(storage.engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        # A loss of power may take the last commits, but it never damages the file.
        connection.execute("PRAGMA synchronous=NORMAL")

    logger = storage.engine.pool.logger
    assert isinstance(logger, logging.Logger)  # another kind is for engines that echo
    logger.addFilter(_is_no_interruption)
    # RDBStorage has connected already; those connections have no pragmas.
    storage.engine.dispose()
    return storage


def _is_no_interruption(record: logging.LogRecord) -> bool:
    """Return False for what SQLAlchemy logs of a Ctrl-C within a transaction.

    The interruption goes on to the command, which tells it without a traceback.
    """
    return not (record.exc_info and record.exc_info[0] is KeyboardInterrupt)


def confirm_study_name(study: str) -> str:
    """Return the name of the Optuna study of a confirm stage.

    No study of a user's can have it: names have no slash.
    """
    return f"{study}/confirm"


def storage_of_study(path: Path, attribute: str) -> RDBStorage | None:
    """Return the storage at `path` if it has a study with that attribute, else None.

    Raise UserError if the file is unreadable.
    """
    try:
        storage = open_storage(path)
        studies = storage.get_all_studies()
    except SQLAlchemyError as error:
        raise UserError(unreadable(path, error)) from None
    return storage if any(attribute in study.user_attrs for study in studies) else None


def backup_path(path: Path) -> Path:
    """Return the path of the ledger's copy."""
    return path.with_name(f"{path.stem}.copy{path.suffix}")


def unreadable(path: Path, error: Exception) -> str:
    """Return why the ledger at `path` could not be used, and what to do about it."""
    message = str(error.__cause__ or error).splitlines()[0]
    if "locked" in message:
        return (
            f"{path} is locked by another process ({message}, after {LOCK_SECONDS} s); nothing is "
            "lost: let that process finish, or end it, and give the same command again"
        )
    copy = backup_path(path)
    if not copy.exists():
        return f"{path} is no readable ledger ({message}), and no copy of it lies beside it"
    made = datetime.fromtimestamp(copy.stat().st_mtime).astimezone().isoformat(timespec="seconds")
    wal, shm, source, target = (
        shlex.quote(f"{name}") for name in (f"{path}-wal", f"{path}-shm", copy, path)
    )
    recover = f"rm -f {wal} {shm} && cp {source} {target}"
    return (
        f"{path} is no readable ledger ({message}). A whole copy of {made} lies beside it; to go "
        "on from that:\n"
        f"  {recover}\n"
        "and resume the study: trials that began later are drawn again, and go on from their "
        "checkpoints."
    )


def database_trouble(error: BaseException | None) -> SQLAlchemyError | None:
    """Return the database's own error, if that is what `error` goes back to."""
    while error is not None and not isinstance(error, SQLAlchemyError):
        error = error.__cause__ or error.__context__
    return error


class LedgerBackup:
    """Keeps a copy of the ledger at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._copied_at: float | None = None

    def keep(self, every: float = BACK_UP_SECONDS) -> None:
        """Copy the ledger whole, unless that was done less than `every` seconds ago.

        A copy that fails does not stop the study, and leaves the one before.
        """
        now = time.monotonic()
        if self._copied_at is not None and now - self._copied_at < every:
            return
        copy = backup_path(self._path)
        partial = copy.with_suffix(".partial")
        try:
            # sqlite's own backup takes what is still in the write-ahead log along.
            with (
                closing(sqlite3.connect(self._path)) as source,
                closing(sqlite3.connect(partial)) as target,
            ):
                source.backup(target)
            # In one step: a whole copy is there at any time.
            partial.replace(copy)
        except (sqlite3.Error, OSError):
            partial.unlink(missing_ok=True)
        # After a failure too: on a full disk every call would try again otherwise.
        self._copied_at = now
