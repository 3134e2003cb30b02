"""Write pictures as a data set for StyleGAN: a zip of square PNGs with dataset.json.

Pictures are 00000/img00000000.png and so on, a thousand to a folder, stored and not compressed;
dataset.json holds their labels. Source: NVlabs/stylegan3, dataset_tool.py and training/dataset.py.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ganstudy.trials.config.data import ZIP, Images
from ganstudy.trials.data.conversions import conversion_note
from ganstudy.trials.data.decoding import decoded
from ganstudy.trials.data.images import FilePictures, check_sub_folders, labels_of
from ganstudy.trials.data.picture_sources import PictureSource, open_source, pictures_among
from ganstudy.trials.data.pictures import Pixels
from ganstudy.trials.data.stylegan_labels import CLASS_NAMES, DATASET_JSON


@dataclass(frozen=True)
class Packed:
    """What was written."""

    num: int
    shape: tuple[int, ...]
    """[C, H, W] of every picture."""
    class_names: tuple[str, ...]
    notes: tuple[str, ...]


def pack(options: Images, out: Path) -> Packed:
    """Write the pictures that `options` describe to the zip `out`, in the order of their names.

    `images` reads from it, with the same size, what it reads from them. Raises ValueError where they
    cannot be read or are not square, and where `out` is there or is no .zip.
    """
    if out.suffix.lower() != ZIP:
        raise ValueError(f"the file to write must end in {ZIP}, got {out}")
    if out.exists():
        raise ValueError(f"{out} is there already; remove it, or give another name")
    partial = out.with_name(f"{out.name}.{os.getpid()}.partial")
    with open_source(Path(options.path).expanduser()) as source:
        try:
            with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
                packed = _write(source, options, archive)
            partial.replace(out)
        finally:
            partial.unlink(missing_ok=True)
    return packed


def _write(source: PictureSource, options: Images, archive: zipfile.ZipFile) -> Packed:
    files = pictures_among(source)
    if options.labels == "folders":
        check_sub_folders(source, files)
    shape: tuple[int, ...] = ()
    written: dict[Path, str] = {}
    notes: list[str] = []
    counted: Counter[str] = Counter()
    for made in decoded(FilePictures(source, files), source.path, options):
        file, pixels = files[made.position], made.pixels
        if pixels is None:
            notes.append(f"skipped {file}: {made.problem}")
            continue
        _check_shape(pixels, shape, source.path / file)
        shape = pixels.shape
        index = f"{len(written):08d}"
        written[file] = f"{index[:5]}/img{index}.png"
        archive.writestr(written[file], _png(pixels))
        counted.update(made.conversions)
    if not written:
        raise ValueError(f"none of the {len(files)} pictures in {source.path} can be read")
    labels, names = labels_of(source, list(written), options) or (None, ())
    document: dict[str, object] = {"labels": None}
    if labels is not None:
        document = {"labels": list(zip(written.values(), labels.tolist(), strict=True))}
        document[CLASS_NAMES] = list(names)
    archive.writestr(DATASET_JSON.as_posix(), json.dumps(document))
    notes += conversion_note(counted, len(written))
    return Packed(len(written), shape, names, tuple(notes))


def _check_shape(pixels: Pixels, first: tuple[int, ...], where: Path) -> None:
    height, width = pixels.shape[1:]
    if height != width:
        raise ValueError(
            f"pictures must be square, and {where} has {width} x {height}; say --size 64"
        )
    if first and pixels.shape != first:
        raise ValueError(
            f"pictures must have one size, and {where} has {width} x {height} after others of "
            f"{first[2]} x {first[1]}; say --size 64, for example"
        )


def _png(pixels: Pixels) -> bytes:
    """Return pixels [C, H, W] as an uncompressed PNG."""
    image = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(file, "PNG", compress_level=0)
    return file.getvalue()
