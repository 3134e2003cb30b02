"""Pictures in Parquet files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from torch import Tensor

from ganstudy.trials.config.data import Parquet
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.data.gathering import gather
from ganstudy.trials.data.parquet_files import (
    ParquetFiles,
    RowPictures,
    is_label,
    is_picture,
    open_files,
)
from ganstudy.trials.data.ranges import grey_note
from ganstudy.trials.data.split import count_labels, shuffled, split

IMAGE_COLUMNS = ("image", "img")
LABEL_COLUMN = "label"
NO_LABELS = "none"


def parquet(options: Parquet) -> Dataset:
    """Return the picture in every row of the files, in a fixed order.

    Raises ValueError where there are no such files or columns, or a picture cannot be read or does
    not fit.
    """
    path = Path(options.path).expanduser()
    files = open_files(path, options.split)
    try:
        image_column = _image_column(files, options)
        label_column, labels_by = _label_column(files, options)
        order = shuffled(sum(files.rows), options.limit).numpy()
        if not len(order):
            raise ValueError("no row in any of the files")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    found = gather(RowPictures(files, image_column, order), options)
    notes = (*found.notes, *grey_note(found.pixels))
    labels, class_names = None, None
    if label_column is not None:
        try:
            labels, class_names = _labels(files, label_column, np.delete(order, found.skipped))
        except ValueError as error:
            raise ValueError(f"{path}: column {label_column!r}: {error}") from None
        if labels is None:
            notes = (*notes, f"no labels: column {label_column!r} has a single value")
    elif labels_by:
        notes = (*notes, f"no labels: {labels_by}")
    dataset = split("parquet", found.pixels, labels, class_names, options.held_out, notes)
    return replace(dataset, conversions=found.conversions, labels_by=labels_by)


def _image_column(files: ParquetFiles, options: Parquet) -> str:
    """Return the column with the pictures; raise ValueError where it is not known or of another type."""
    pictures = [field.name for field in files.schema if is_picture(field.type)]
    if options.image_column is not None:
        if options.image_column in pictures:
            return options.image_column
        found = f"of type {_type(files, options.image_column)}"
        if options.image_column not in files.schema.names:
            found = "not among them"
        raise ValueError(
            f"image_column must name a column of bytes, or of bytes and path, and {options.image_column!r} "
            f"is {found}; columns: {files.column_types()}"
        )
    usual = [name for name in IMAGE_COLUMNS if name in pictures]
    if usual or len(pictures) == 1:
        return (usual or pictures)[0]
    if pictures:
        raise ValueError(
            "image_column must be stated where several columns hold bytes: " + ", ".join(pictures)
        )
    raise ValueError(
        f"no column holds picture files (bytes, or bytes and path): {files.column_types()}; with the "
        'datasets library, cast_column("...", Image()) and to_parquet write such a column'
    )


def _label_column(files: ParquetFiles, options: Parquet) -> tuple[str | None, str]:
    """Return (the column with the labels or None, what would give labels then)."""
    asked = options.label_column
    if asked == NO_LABELS and asked not in files.schema.names:
        return None, ""
    name = asked or LABEL_COLUMN
    if name in files.schema.names:
        if is_label(_type(files, name)):
            return name, ""
        if asked is not None:
            raise ValueError(
                f"labels must be whole numbers or strings, and {name!r} is of type "
                f"{_type(files, name)}; columns: {files.column_types()}"
            )
    elif asked is not None:
        raise ValueError(f"label_column {asked!r} is not among the columns: {files.column_types()}")
    others = [
        field.name
        for field in files.schema
        if is_label(field.type)
        and (LABEL_COLUMN in field.name or files.class_names(field.name) is not None)
    ]
    ways = " or ".join(f'"{name}"' for name in others)
    return None, f"label_column = {ways} makes classes" if ways else ""


def _labels(
    files: ParquetFiles, column: str, rows: Any
) -> tuple[Tensor | None, tuple[str, ...] | None]:
    """Return (labels of the rows counted from 0, class names); None for both where all are equal.

    Raise ValueError where a row has none.
    """
    every = files.values(column)
    values = [every[row] for row in rows]
    missing = sum(value is None for value in values)
    if missing:
        raise ValueError(
            f'{missing} of {len(values)} rows have no label; label_column = "none" reads none'
        )
    if len(set(values)) < 2:
        return None, None
    labels, classes = count_labels(np.array(values))
    names = files.class_names(column)
    if names is not None and pa.types.is_integer(_type(files, column)):
        # Below 0 stands for no label, and has no name.
        known = {str(index): name for index, name in enumerate(names)}
        classes = tuple(known.get(value, value) for value in classes)
    return labels, classes


def _type(files: ParquetFiles, column: str) -> Any:
    return files.schema.field(column).type if column in files.schema.names else None
