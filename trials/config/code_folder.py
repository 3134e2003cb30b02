"""A folder of the user's own code, whose files import one another: read at once, known by one digest.

Its files are read when the study file is, so that all that follows has the same ones, whatever
happens to the folder meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from ganstudy.trials.results.atomic_file import write_whole

MARKER = ".ganstudy-code"
"""File beside the copies, which tells a folder from copies of single files."""
SOURCES = ("*.py", "*.pyi", "*.c", "*.cc", "*.cpp", "*.cu", "*.cuh", "*.h", "*.hpp")
"""What is taken of a folder: modules, and the sources that they compile."""
MOST_BYTES = 10 * 2**20
"""Of all files of a folder: they travel to every node, and into MLflow."""
MOST_FILES = 2000
NAMED = 3
"""Files that an error names, at most."""
IGNORED = ("__pycache__", "node_modules", "site-packages", "ganstudy-data", "mlruns", "wandb")
"""Folders beside hidden ones and virtual environments."""
LIBRARIES = [
    "ganstudy",
    "ray",
    "torch",
    "torchvision",
    "torch_fidelity",
    "numpy",
    "scipy",
    "sklearn",
    "optuna",
    "pandas",
    "pydantic",
    "safetensors",
    "PIL",
    "mlflow",
    "rich",
    "click",
    "pyarrow",
]
"""Packages of a worker that no folder may have a module's name of."""


@dataclass(frozen=True)
class CodeFolder:
    """The files of a folder, as they were when it was read."""

    origin: Path
    """Where the folder lies, or its copy."""
    files: dict[str, bytes]
    """By path in the folder, with slashes."""

    @property
    def manifest(self) -> dict[str, str]:
        """Digests of the files, by path."""
        return {name: _digest(content) for name, content in self.files.items()}

    @property
    def digest(self) -> str:
        """Hex digest of all files and their paths."""
        return _digest(json.dumps(self.manifest, sort_keys=True).encode())

    @property
    def modules(self) -> frozenset[str]:
        """Names under which the files import what lies at the top of the folder."""
        return frozenset(
            PurePosixPath(name).parts[0].removesuffix(".py")
            for name in self.files
            if name.endswith(".py")
        )

    def write(self, folder: Path) -> None:
        """Write copies of the files below `folder`, the marker last."""
        for name, content in self.files.items():
            path = folder / name
            if not path.is_file() or path.read_bytes() != content:
                write_whole(path, content)
        write_whole(folder / MARKER, b"")

    def relative(self, path: Path) -> str | None:
        """Return the path of a file in the folder, with slashes; None where it lies elsewhere."""
        base, found = self.origin.resolve(), path.resolve()
        return found.relative_to(base).as_posix() if found.is_relative_to(base) else None


def read_folder(
    origin: Path, include: Iterable[str] = (), exclude: Iterable[str] = ()
) -> CodeFolder:
    """Return the code in a folder.

    include: patterns of further files or folders, beside `SOURCES`. exclude: of those that stay out.
    Raise ValueError where there is none, where there is too much, and where a module has the name of
    one of Python's or of a package of ganstudy's.
    """
    if not origin.is_dir():
        raise ValueError(f"there is no folder {origin.absolute()}")
    sizes = _sizes(origin, (*SOURCES, *include), tuple(exclude))
    if not any(name.endswith(".py") for name in sizes):
        raise ValueError(f"there is no Python file in {origin.absolute()}")
    _refuse_too_much(sizes)
    files = {}
    for name in sorted(sizes):
        try:
            files[name] = (origin / name).read_bytes()
        except OSError as error:
            raise ValueError(f"{name} cannot be read: {error.strerror}") from None
    found = CodeFolder(Path(os.path.normpath(origin.absolute())), files)
    taken = sorted(found.modules & {*sys.stdlib_module_names, *LIBRARIES})
    if taken:
        raise ValueError(
            f"{taken[0]} at the top of the folder has the name of a module that Python or ganstudy "
            f'imports: rename it, or leave it out, exclude = ["{taken[0]}", "{taken[0]}.py"]'
        )
    return found


def read_copy(folder: Path) -> CodeFolder:
    """Return the folder of which `folder` has the copies that `CodeFolder.write` wrote."""
    return CodeFolder(
        folder,
        {name: (folder / name).read_bytes() for name in sorted(_sizes(folder, ("*",), (MARKER,)))},
    )


def _sizes(origin: Path, include: tuple[str, ...], exclude: tuple[str, ...]) -> dict[str, int]:
    """Return the bytes of the files that patterns choose, by path in the folder."""
    sizes = {}
    for place, folders, files in os.walk(origin):
        here = PurePosixPath(Path(place).relative_to(origin).as_posix())
        folders[:] = [
            name
            for name in folders
            if not _is_ignored(Path(place) / name) and not _matches(here / name, exclude)
        ]
        for name in files:
            path = here / name
            if _matches(path, exclude) or not _matches(path, include):
                continue
            file = Path(place) / name
            if file.is_file():
                sizes[str(path)] = file.stat().st_size
    return sizes


def _is_ignored(folder: Path) -> bool:
    """Return whether a folder holds no code of the user's: hidden, an environment, ganstudy's home."""
    return (
        folder.name.startswith(".")
        or folder.name in IGNORED
        or (folder / "pyvenv.cfg").exists()
        or ((folder / "studies").is_dir() and (folder / "cache").is_dir())
    )


def _matches(path: PurePosixPath, patterns: tuple[str, ...]) -> bool:
    """Return whether a pattern is of a file, of its name, or of a folder that it lies in."""
    places = [str(each) for each in (path, *path.parents)]
    return any(
        fnmatchcase(text, pattern.rstrip("/"))
        for pattern in patterns
        for text in (path.name, *places)
    )


def _refuse_too_much(sizes: dict[str, int]) -> None:
    total = sum(sizes.values())
    if total <= MOST_BYTES and len(sizes) <= MOST_FILES:
        return
    largest = sorted(sizes, key=lambda name: -sizes[name])[:NAMED]
    # What is small beside the largest is not what is too much.
    largest = [name for name in largest if 20 * sizes[name] >= sizes[largest[0]]]
    raise ValueError(
        f"it has {len(sizes)} files of {_megabytes(total)}, and at most {MOST_FILES} of "
        f"{_megabytes(MOST_BYTES)} travel to the workers and into MLflow; the largest: "
        + ", ".join(f"{name} ({_megabytes(sizes[name])})" for name in largest)
        + ". Leave out what is no code by exclude = [...] in [code], and name data and weights by paths "
        "that all nodes see"
    )


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.1f} MB"


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def changed_files(before: dict[str, str], now: dict[str, str]) -> Iterator[str]:
    """Iterate over what differs between two manifests, one sentence per file."""
    for name in sorted({*before, *now}):
        if name not in now:
            yield f"{name} is gone"
        elif name not in before:
            yield f"{name} is new"
        elif before[name] != now[name]:
            yield f"{name} has changed"
