"""Users' own Python files.

They are found by content, imported under a name of their own, with errors that name file and line.

A study refers to "my_gan.py:build". The file is addressed by the digest of its bytes, so that a
trial cannot run other code than the study was given: the digest is part of the trial's
configuration, and the file travels to workers as `plugins/DIGEST/FILENAME` beside the packages. One
file travels; it may import installed packages. Files that import one another travel as the folder
that [code] names (trials/config/code_folder.py): the digest is then that of all its files, and a
reference has the file's path in the folder.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import io
import os
import shutil
import sys
import tempfile
import traceback
import zipfile
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from ganstudy.trials.config.code_folder import MARKER, CodeFolder, read_copy
from ganstudy.trials.config.code_imports import CodeRoot, import_from
from ganstudy.trials.config.global_streams import IMPORT_SEED, kept_streams
from ganstudy.trials.results.atomic_file import write_whole

SHIPPED = Path(__file__).parents[2] / "plugins"
"""Folder of the users' files on a worker."""

_registered: dict[str, Path] = {}
_contents: dict[str, bytes] = {}
"""Of the registered files, as they were then."""
_folders: dict[str, CodeFolder] = {}
_roots: dict[str, CodeRoot] = {}


class ChangedError(ValueError):
    """A user's code is no longer that with which its study began."""


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
    content = path.read_bytes()
    digest = _digest_of(content)
    _registered[digest], _contents[digest] = path.absolute(), content
    return digest


def register_folder(folder: CodeFolder) -> str:
    """Remember the user's folder of code in this process, and return its hex digest."""
    digest = folder.digest
    _folders[digest] = folder
    return digest


def register_copies(folder: Path) -> None:
    """Register the copies that `copy_to` made below a folder."""
    for copies in folder.glob("*"):
        if (copies / MARKER).exists():
            register_folder(read_copy(copies))
        else:
            for file in copies.glob("*.py"):
                register(file)


def folder_of(digest: str) -> CodeFolder | None:
    """Return the folder of that digest, as registered in this process; None for a single file."""
    return _folders.get(digest)


def originals(digest: str) -> dict[Path, bytes]:
    """Return the contents of the file or folder of that digest, as registered, by original path."""
    folder = _folders.get(digest)
    if folder is not None:
        return {folder.origin / name: content for name, content in folder.files.items()}
    if digest not in _registered:
        source(digest)  # raises that it must be registered, or is one that was shipped
    return {_registered[digest]: _contents[digest]}


def copy_to(digest: str, folder: Path) -> None:
    """Write the file or folder of that digest, as it was registered, to `folder`/DIGEST."""
    if digest in _folders:
        _folders[digest].write(folder / digest)
        return
    for path, content in originals(digest).items():
        write_whole(folder / digest / path.name, content)


def write_zip(digests: Iterable[str], path: Path) -> None:
    """Write the files and folders of these digests into one archive, DIGEST/NAME each."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for digest in digests:
            folder = _folders.get(digest)
            files = folder.files if folder else {p.name: c for p, c in originals(digest).items()}
            for name, text in files.items():
                # Without its time, so that equal code gives equal archives.
                archive.writestr(zipfile.ZipInfo(f"{digest}/{name}"), text)
    write_whole(path, content.getvalue())


def folder_root(digest: str) -> CodeRoot | None:
    """Return where the folder of that digest lies, shipped or as a copy; None for a single file.

    Raise ChangedError where the shipped one is not what it was.
    """
    if digest in _roots:
        return _roots[digest]
    shipped = SHIPPED / digest
    if digest and (shipped / MARKER).exists():
        found, path = read_copy(shipped), shipped
        if found.digest != digest:
            raise ChangedError(
                f"a folder of code must not change while a study runs: its digest was {digest} and is "
                f"{found.digest}"
            )
    elif digest in _folders:
        found = _folders[digest]
        path = _private_folder() / digest
        found.write(path)
    else:
        return None
    root = _roots[digest] = CodeRoot(path, found.modules)
    return root


def _private_folder() -> Path:
    """Return a folder of this process's own, which goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="ganstudy-code-"))
    atexit.register(_remove, folder, os.getpid())
    return folder


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # not a child that was forked from it
        shutil.rmtree(folder, ignore_errors=True)


def source(digest: str, reference: str = "") -> Path:
    """Return the file whose bytes have `digest`, as registered in this process or shipped to it.

    reference: says which file of a folder with that digest. Raises ValueError where there is no such
    file, ChangedError where it has changed since.
    """
    root = folder_root(digest)
    if root is not None:
        return root.path / split(reference)[0]
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
        raise ChangedError(
            f"{path.name} must not change while a study runs: its digest was {digest} and is {now}"
        )
    return path


def is_at_hand(digest: str) -> bool:
    """Return whether this process knows where the file of that digest lies."""
    return digest in _registered or digest in _folders or (SHIPPED / digest).is_dir()


def load(reference: str, digest: str) -> Any:
    """Return the callable that `reference` names in the file of that digest.

    The file is imported once per process.

    Raises ValueError where the file is unknown or has changed, where it fails on import (with the
    line in the user's file), and where it holds no such callable (with those that it holds).
    """
    file, attribute = split(reference)
    path = source(digest, reference)
    module = _module(path, digest) if folder_root(digest) is None else _in_folder(file, digest)
    found = getattr(module, attribute, None)
    if not callable(found):
        raise ValueError(
            f"{Path(file).name} has no callable {attribute!r}; it has: "
            f"{', '.join(_callables(module))}"
        )
    return found


def where(error: BaseException, file: Path) -> str:
    """Return FILE:LINE of the innermost frame of `error` inside `file`, or in the folder it is of.

    The file's name alone if no frame is.
    """
    places = [(Path(f.filename), f.lineno) for f in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        places.append((Path(error.filename), error.lineno))
    root = next((each.path for each in _roots.values() if file.is_relative_to(each.path)), None)
    if root is None:
        found = [f"{file.name}:{line}" for path, line in places if path == file]
    else:
        found = [
            f"{path.relative_to(root).as_posix()}:{line}"
            for path, line in places
            if path.is_relative_to(root)
        ]
    return found[-1] if found else file.name


def described(error: BaseException) -> str:
    """Return kind and first line of an error, for use inside a sentence: "KeyError: 'width'"."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def _digest(path: Path) -> str:
    return _digest_of(path.read_bytes())


def _digest_of(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def _in_folder(file: str, digest: str) -> ModuleType:
    """Return the module of a file in the folder of that digest."""
    root = folder_root(digest)
    assert root is not None
    path = root.path / file
    try:
        with kept_streams(IMPORT_SEED):
            return import_from(root, file)
    except (Exception, SystemExit) as error:
        hint = ""
        if isinstance(error, ImportError) and "relative import" in str(error):
            hint = "; a relative import needs [code] folder to be the folder above"
        raise ValueError(
            f"{where(error, path)} fails on import: {described(error)}{hint}"
        ) from error


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
        hint = _neighbour(error, path)
        raise ValueError(
            f"{where(error, path)} fails on import: {described(error)}{hint}"
        ) from error
    return module


def _neighbour(error: BaseException, path: Path) -> str:
    """Return what to do where a file imports one that lies beside it."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    first = error.name.partition(".")[0]
    if not ((path.parent / f"{first}.py").is_file() or (path.parent / first).is_dir()):
        return ""
    return (
        f"; {first} lies beside it, and one file travels alone: name the folder of both in the study "
        'file, [code] folder = "..."'
    )


def _callables(module: ModuleType) -> list[str]:
    """Return the names of the public callables that the file itself defines."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and callable(value)
        and getattr(value, "__module__", None) == module.__name__
    ] or ["none"]
