"""The folder in which a Ray of our own keeps its sockets and logs.

Ray takes RAY_TMPDIR, else TMPDIR, whatever its name. But a socket's path has at most 107 bytes, a
colon parts the entries of the search path on which workers find our code, and Ray's own processes
take ASCII alone. Batch systems name such folders by the job, the user and the project.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ganstudy.study.errors import UserError

LONGEST_SOCKET = 107 if sys.platform.startswith("linux") else 103
"""Bytes of a Unix socket's path (sun_path of sockaddr_un, less the null byte)."""
BELOW = f"/ray/session_2000-01-01_00-00-00_000000_{2**22}/sockets/plasma_store"
"""What Ray puts below the folder at its longest; 2^22 is the largest process id of Linux."""
LONGEST_FOLDER = LONGEST_SOCKET - len(BELOW)
PLAIN = re.compile(r"/[\w/.+=@,~-]*", re.ASCII)
SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
"""Where a folder with a short name is looked for, each only if this user can write there."""


@contextmanager
def session_folder(log: Callable[[str], None]) -> Iterator[str | None]:
    """Context manager that gives Ray a folder of its own where the usual one cannot be used.

    None where it can be. The folder is this user's alone, and deleted at the end. Raises UserError
    if RAY_TMPDIR names one that cannot be used, or if no short one can be made.
    """
    trouble = _trouble("RAY_TMPDIR", os.environ.get("RAY_TMPDIR"))
    if trouble is not None:
        raise UserError(f"{trouble}; name another one")
    usual = None if "RAY_TMPDIR" in os.environ else os.environ.get("TMPDIR")
    trouble = _trouble("TMPDIR", usual)
    if trouble is None:
        yield None
        return
    folder = _make_short(trouble)
    log(f"{trouble}: Ray's files go to {folder} meanwhile")
    try:
        yield str(folder)
    finally:
        # Ray's processes may write a last line while they end.
        shutil.rmtree(folder, ignore_errors=True)


def _trouble(variable: str, folder: str | None) -> str | None:
    """Return why Ray cannot work in the folder that a variable names, or None if it can."""
    if folder is None:
        return None
    length = len(os.fsencode(folder))
    if length > LONGEST_FOLDER:
        return (
            f"{variable} has {length} bytes, and Ray's sockets need a folder of at most "
            f"{LONGEST_FOLDER} (a socket's path has at most {LONGEST_SOCKET})"
        )
    if not PLAIN.fullmatch(folder):
        return (
            f"{variable} is {folder!r}, and Ray works only in an absolute folder named by letters, "
            "digits and any of . _ + = @ , ~ -"
        )
    return None


def _make_short(trouble: str) -> Path:
    for parent in SHORT_FOLDERS:
        try:
            return Path(tempfile.mkdtemp(prefix="ganstudy-", dir=parent))
        except OSError:
            continue
    raise UserError(
        f"{trouble}; no shorter one can be made in {', '.join(SHORT_FOLDERS)}: set RAY_TMPDIR to a "
        f"folder that can be written, of at most {LONGEST_FOLDER} bytes"
    )
