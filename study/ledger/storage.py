"""The ledger's file: an SQLite database that survives a killed process whole, and its copy.

A write-ahead log keeps it whole when a process dies at any moment; the disk's own damage, or a file
that was cut short, it cannot undo. So a copy is made while a study runs, at most once a minute and
at its end.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.storages import RDBStorage
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from ganstudy.study.errors import UserError

if TYPE_CHECKING:
    pass


LOCK_SECONDS = 60
"""How long a write waits for another process's."""
BACK_UP_SECONDS = 60.0
"""Between two copies."""


def storage(path: Path) -> RDBStorage:
    """Optuna's storage in the file at `path`, made if absent."""
    made = RDBStorage(
        f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": LOCK_SECONDS}}
    )

    # A write-ahead log survives a killed process whole, and does not wait for the disk at each
    # step.
    @event.listens_for(made.engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    made.engine.dispose()
    return made


def holds_study(path: Path, attribute: str) -> bool:
    """Whether the file holds a study with that attribute, the last that is written when one is
    made.
    """
    try:
        studies = storage(path).get_all_studies()
    except SQLAlchemyError as error:
        raise UserError(unreadable(path, error)) from None
    return any(attribute in study.user_attrs for study in studies)


def copy_of(path: Path) -> Path:
    """Where the ledger's copy lies."""
    return path.with_name(f"{path.stem}.copy{path.suffix}")


def unreadable(path: Path, error: Exception) -> str:
    """Why the ledger at `path` could not be used, and the way back."""
    said = str(error.__cause__ or error).splitlines()[0]
    if "locked" in said:
        return (
            f"{path} is locked by another process ({said}, after {LOCK_SECONDS} s); nothing is lost: "
            "let that process finish, or end it, and give the same command again"
        )
    copy = copy_of(path)
    if not copy.exists():
        return f"{path} is no ledger that can be read ({said}), and no copy of it lies beside it"
    made = datetime.fromtimestamp(copy.stat().st_mtime).astimezone().isoformat(timespec="seconds")
    return (
        f"{path} is no ledger that can be read ({said}). A whole copy of {made} lies beside it; to go on from that:\n"
        f"  rm -f {path}-wal {path}-shm && cp {copy} {path}\n"
        "and resume the study: trials that began later are drawn again, and go on from their checkpoints."
    )


def database_trouble(error: BaseException | None) -> SQLAlchemyError | None:
    """The database's own complaint, where that is the cause of `error`."""
    while error is not None and not isinstance(error, SQLAlchemyError):
        error = error.__cause__ or error.__context__
    return error


class LedgerBackup:
    """Keeps a copy of the ledger at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._made: float | None = None

    def keep(self, every: float = BACK_UP_SECONDS) -> None:
        """Copy the ledger whole, unless that was done less than `every` seconds ago.

        A copy that fails does not stop the study, and leaves the one before.
        """
        now = time.monotonic()
        if self._made is not None and now - self._made < every:
            return
        copy = copy_of(self._path)
        partial = copy.with_suffix(".partial")
        try:
            with (
                closing(sqlite3.connect(self._path)) as source,
                closing(sqlite3.connect(partial)) as target,
            ):
                source.backup(target)
            partial.replace(copy)
        except (sqlite3.Error, OSError):
            partial.unlink(missing_ok=True)
        self._made = now


def name_of(study: str) -> str:
    """Of the Optuna study; no study of a user's can have it."""
    return f"{study}/confirm"
