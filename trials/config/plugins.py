"""Users' own Python files.

They are found by content, imported under a name of their own, with errors that name file and line.

A study refers to "my_gan.py:build". The file is addressed by the digest of its bytes, so that a
trial cannot run other code than the study was given: the digest is part of the trial's
configuration, and the file travels to workers as `plugins/DIGEST/FILENAME` beside the packages. One
file travels; it may import installed packages, not its neighbours.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from ganstudy.trials.config.global_streams import IMPORT_SEED, kept_streams

SHIPPED = Path(__file__).parents[2] / "plugins"
"""Folder of the users' files on a worker."""

_registered: dict[str, Path] = {}


def split(reference: str) -> tuple[str, str]:
    """Split "my_gan.py:build" into ("my_gan.py", "build").

    Raise a ValueError where `reference` has another form.
    """
    file, separator, attribute = reference.rpartition(":")
    if not separator or not file.endswith(".py") or not attribute.isidentifier():
        raise ValueError(
            f"a reference to your own file must look like my_file.py:name, got {reference!r}"
        )
    return file, attribute


def register(path: Path) -> str:
    """Remember in this process where a user's file lies, and return the hex digest of its bytes.

    Raises ValueError where there is no such file.
    """
    if not path.is_file():
        raise ValueError(
            f"{path.name} must be a Python file of yours, and there is no file {path.absolute()}"
        )
    digest = _digest(path)
    _registered[digest] = path.absolute()
    return digest


def source(digest: str) -> Path:
    """Return the file whose bytes have `digest`, as registered in this process or shipped to it.

    Raises ValueError where there is no such file, or where it has changed since.
    """
    # A worker has the file beside the packages; the driver, where the user keeps it.
    shipped = sorted((SHIPPED / digest).glob("*.py")) if digest else []
    if not shipped and digest not in _registered:
        raise ValueError(
            "a file of yours must be registered before it is used, and none has the digest "
            f"{digest!r}"
        )
    path = shipped[0] if shipped else _registered[digest]
    now = _digest(path) if path.is_file() else "none: the file is gone"
    if now != digest:
        raise ValueError(
            f"{path.name} must not change while a study runs: its digest was {digest} and is {now}"
        )
    return path


def is_at_hand(digest: str) -> bool:
    """Return whether this process knows where the file of that digest lies."""
    return digest in _registered or (SHIPPED / digest).is_dir()


def load(reference: str, digest: str) -> Any:
    """Return the callable that `reference` names in the file of that digest.

    The file is imported once per process.

    Raises ValueError where the file is unknown or has changed, where it fails on import (with the
    line in the user's file), and where it holds no such callable (with those that it holds).
    """
    file, attribute = split(reference)
    module = _module(source(digest), digest)
    found = getattr(module, attribute, None)
    if not callable(found):
        raise ValueError(
            f"{Path(file).name} has no callable {attribute!r}; it has: "
            f"{', '.join(_callables(module))}"
        )
    return found


def where(error: BaseException, file: Path) -> str:
    """Return FILE:LINE of the innermost frame of `error` inside `file`.

    The file's name alone if no frame is.
    """
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename) == file
    ]
    if isinstance(error, SyntaxError) and error.filename == str(file):
        lines.append(error.lineno)
    return f"{file.name}:{lines[-1]}" if lines else file.name


def described(error: BaseException) -> str:
    """Return kind and first line of an error, for use inside a sentence: "KeyError: 'width'"."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def _digest(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()


def _module(path: Path, digest: str) -> ModuleType:
    name = f"plugin_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # a .py file always has one
    module = importlib.util.module_from_spec(spec)
    # Before the import: dataclasses and pickle look a class's module up while it runs.
    sys.modules[name] = module
    try:
        # Not by the loader: its bytecode cache knows a file by size and second, and could hold
        # other bytes.
        with kept_streams(IMPORT_SEED):
            exec(compile(path.read_bytes(), str(path), "exec"), vars(module))
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ValueError(f"{where(error, path)} fails on import: {described(error)}") from error
    return module


def _callables(module: ModuleType) -> list[str]:
    """Return the names of the public callables that the file itself defines."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and callable(value)
        and getattr(value, "__module__", None) == module.__name__
    ] or ["none"]
