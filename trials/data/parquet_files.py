"""Parquet files as the Hugging Face hub has data sets of pictures: rows of bytes, and labels.

A picture is a column of bytes, or of {bytes, path}. Names of labels stand in the file's metadata,
under "huggingface". Source: huggingface/datasets, features/image.py and features/features.py.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ganstudy.trials.data.decoding import Picture
from ganstudy.trials.data.picture_sources import file_mark

SUFFIX = ".parquet"
ROWS = 64
"""Rows read at once: pictures of some megabytes must fit too."""
READ = 2**20
"""Bytes read at once."""
METADATA = b"huggingface"


@dataclass(frozen=True)
class ParquetFiles:
    """Files of one data set in a fixed order; rows are counted through all of them."""

    root: Path
    """The folder in which they lie."""
    files: list[Path]
    """Relative to it."""
    rows: list[int]
    """Rows of each."""
    schema: Any
    """Names and types of the columns, those of the first file."""

    def column_types(self) -> str:
        """Return the columns with their types, for messages."""
        return ", ".join(f"{field.name} ({_short(field.type)})" for field in self.schema)

    def class_names(self, column: str) -> list[str] | None:
        """Return the names of the labels in a column where the metadata have them."""
        try:
            document = json.loads((self.schema.metadata or {})[METADATA])
            names = document["info"]["features"][column]["names"]
        except (KeyError, TypeError, ValueError):
            return None
        return [str(name) for name in names] if isinstance(names, list) else None

    def values(self, column: str) -> list[Any]:
        """Return the values of all rows in a column."""
        return [
            value
            for file in self.files
            for value in pq.read_table(self.root / file, columns=[column])[column].to_pylist()
        ]


def open_files(path: Path, split: str | None) -> ParquetFiles:
    """Return the file at `path`, or those in the folder and its sub-folders that are of the split.

    Raise ValueError where there is none, one cannot be read, or their columns differ.
    """
    if path.is_file():
        root, files = path.parent, [path.relative_to(path.parent)]
    elif path.is_dir():
        found = (file.relative_to(path) for file in path.rglob(f"*{SUFFIX}"))
        visible = (file for file in found if not any(p.startswith(".") for p in file.parts))
        root, files = path, sorted(visible, key=Path.as_posix)
    else:
        raise ValueError(
            f"path must be a Parquet file or a folder of them, and {path} is not there"
        )
    if not files:
        raise ValueError(f"{path} holds no file whose name ends in {SUFFIX}")
    chosen = [file for file in files if split is None or _is_of(file, split)]
    if not chosen:
        raise ValueError(
            f"no file in {path} is of the split {split!r}; there are {', '.join(map(str, files[:5]))}"
        )
    opened = [_metadata(root / file) for file in chosen]
    schema = opened[0].schema.to_arrow_schema()
    for file, metadata in zip(chosen, opened, strict=True):
        if not metadata.schema.to_arrow_schema().equals(schema):
            raise ValueError(
                f"{root / file} has other columns than {root / chosen[0]}; name a split, or a folder "
                "with the files of one data set"
            )
    return ParquetFiles(root, chosen, [metadata.num_rows for metadata in opened], schema)


class RowPictures:
    """Some rows of a column as pictures to decode, in the order of the files."""

    def __init__(self, files: ParquetFiles, column: str, order: NDArray[np.int64]) -> None:
        """order: the row of each image, by position."""
        self.root, self.num = files.root, len(order)
        self._files, self._column = files, column
        self._positions = np.full(sum(files.rows), -1)
        self._positions[order] = np.arange(len(order))

    def __iter__(self) -> Iterator[Picture]:
        """Iterate over the pictures."""
        first = 0
        for file, rows in zip(self._files.files, self._files.rows, strict=True):
            if (self._positions[first : first + rows] >= 0).any():
                for row, value in enumerate(self._read(file)):
                    position = int(self._positions[first + row])
                    if position >= 0:
                        yield Picture(position, f"{file}, row {row}", partial(_data, value))
            first += rows

    def marks(self) -> Iterator[str]:
        """Iterate over the names, sizes and times of the files."""
        yield self._column
        yield from (f"{file} {file_mark(self.root / file)}" for file in self._files.files)

    def _read(self, file: Path) -> Iterator[Any]:
        # By default all of a file is read ahead, or else all of a row group, which may be one.
        with pq.ParquetFile(self.root / file, pre_buffer=False, buffer_size=READ) as opened:
            for batch in opened.iter_batches(ROWS, columns=[self._column]):
                yield from batch.column(0).to_pylist()
        pa.default_memory_pool().release_unused()


def is_picture(kind: Any) -> bool:
    """Return whether a column of this type holds bytes, or {bytes, path}."""
    if pa.types.is_struct(kind):
        names = [field.name for field in kind]
        return "bytes" in names and _is_bytes(kind.field("bytes").type)
    return _is_bytes(kind)


def is_label(kind: Any) -> bool:
    """Return whether a column of this type holds whole numbers or strings."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)
    )


def _is_bytes(kind: Any) -> bool:
    return bool(
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
    )


def _is_of(file: Path, split: str) -> bool:
    return any(part.startswith(split) for part in file.parts)


def _metadata(path: Path) -> Any:
    try:
        return pq.read_metadata(path)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"{path} cannot be read as a Parquet file ({reason})") from None


def _data(value: Any) -> io.BytesIO:
    """Return the bytes in a row."""
    data = value["bytes"] if isinstance(value, dict) else value
    if data is None:
        path = value["path"] if isinstance(value, dict) and value.get("path") else None
        raise ValueError(
            f"the row has no bytes, only the path {path}" if path else "the row is empty"
        )
    return io.BytesIO(data)


def _short(kind: Any) -> str:
    text = str(kind)
    return text if len(text) <= 40 else f"{text[:37]}..."
