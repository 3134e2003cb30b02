"""Where pictures lie: in a folder and its sub-folders, or in a zip of them."""

from __future__ import annotations

import functools
import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Protocol

from PIL import Image

USUAL = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
NO_PICTURES = {"BUFR", "GRIB", "HDF5", "MPEG", "WMF", "EPS", "IPTC"}
"""Formats that Pillow recognises and cannot read, at least not by itself."""
MAC = "__MACOSX"
"""Folder that macOS adds to a zip, with a file of its own beside each picture."""


class PictureSource(Protocol):
    """Files by their paths relative to a folder or a zip."""

    path: Path
    files: list[Path]
    """All that are not hidden, sorted."""

    def data(self, file: Path) -> Path | io.BytesIO:
        """Return what Pillow opens; raise whatever reading raises."""

    def mark(self, file: Path) -> str:
        """Return what changes when the file's content does."""


class Folder:
    """A folder, with its sub-folders."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = sorted(_visible_in_folder(path), key=Path.as_posix)

    def data(self, file: Path) -> Path:
        """Return the file's whole path."""
        return self.path / file

    def mark(self, file: Path) -> str:
        """Return the size and the time of the last change."""
        return file_mark(self.path / file)


class Zip:
    """A zip, whose members are read without being unpacked."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._archive = archive
        self._members = {
            Path(PurePosixPath(member.filename.replace("\\", "/"))): member
            for member in archive.infolist()
            if not member.is_dir()
        }
        self.files = sorted(
            (
                file
                for file in self._members
                if not any(part.startswith((".", MAC)) for part in file.parts)
            ),
            key=Path.as_posix,
        )

    def data(self, file: Path) -> io.BytesIO:
        """Return the member's bytes."""
        return io.BytesIO(self._archive.read(self._members[file]))

    def mark(self, file: Path) -> str:
        """Return the size and the checksum."""
        member = self._members[file]
        return f"{member.file_size} {member.CRC:08x}"


def file_mark(path: Path) -> str:
    """Return the size of a file and the time of its last change; empty where it cannot be had."""
    try:
        found = path.stat()
    except OSError:
        return ""
    return f"{found.st_size} {found.st_mtime_ns}"


@contextmanager
def open_source(path: Path) -> Iterator[PictureSource]:
    """Context manager that gives the files at `path`; raise ValueError where there are none."""
    if path.is_dir():
        yield Folder(path)
    elif path.is_file() and zipfile.is_zipfile(path):
        try:
            archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise ValueError(f"{path} cannot be read as a zip ({error})") from None
        with archive:
            yield Zip(path, archive)
    else:
        found = "a file of another kind" if path.exists() else "not there"
        raise ValueError(
            f"path must be a folder of pictures or a zip of them, and {path} is {found}"
        )


@functools.cache
def suffixes() -> tuple[str, ...]:
    """Return the suffixes of the pictures that Pillow can read here, the usual ones first."""
    Image.init()
    readable = {
        suffix
        for suffix, kind in Image.registered_extensions().items()
        if kind in Image.OPEN and kind not in NO_PICTURES
    }
    return (*USUAL, *sorted(readable - set(USUAL)))


def is_picture(file: Path) -> bool:
    """Return whether the file's name is that of a picture."""
    return file.name.lower().endswith(suffixes())


def pictures_among(source: PictureSource) -> list[Path]:
    """Return the pictures among the files of the source; raise ValueError where there are none."""
    pictures = [file for file in source.files if is_picture(file)]
    if not pictures:
        raise ValueError(f"{source.path} holds no picture; known: {', '.join(suffixes())}")
    return pictures


def _visible_in_folder(folder: Path) -> list[Path]:
    """Return the paths, relative to `folder`, of all files in it that are not hidden."""
    found: list[Path] = []
    seen: set[str] = set()
    for directory, subdirectories, names in os.walk(folder, followlinks=True):
        subdirectories[:] = [name for name in subdirectories if not name.startswith(".")]
        real = os.path.realpath(directory)
        if real in seen:  # a link to a folder above would repeat everything
            subdirectories.clear()
            continue
        seen.add(real)
        inner = Path(directory).relative_to(folder)
        found += [inner / name for name in names if not name.startswith(".")]
    return found
