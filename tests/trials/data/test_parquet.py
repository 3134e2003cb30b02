"""Parquet files of pictures: as the Hugging Face hub has them, and as other tools write them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from ganstudy.study.errors import UserError
from ganstudy.study.spec.reader import parse_study
from ganstudy.trials.config.data import Images, Parquet
from ganstudy.trials.data import Dataset, load

SIDE = 6
PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def pixels(seed: int, side: int = SIDE) -> np.ndarray:
    """Random colours [H, W, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def png(seed: int, side: int = SIDE) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels(seed, side)).save(file, "PNG")
    return file.getvalue()


def hub_metadata(**names: list[str]) -> dict[str, str]:
    """What the library `datasets` 5.2 writes of ClassLabel columns."""
    features = {column: {"names": of, "_type": "ClassLabel"} for column, of in names.items()}
    return {"huggingface": json.dumps({"info": {"features": features}})}


def write(path: Path, columns: dict[str, pa.Array], metadata: dict[str, str] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(columns).replace_schema_metadata(metadata)
    pq.write_table(table, path, row_group_size=4)
    return path


def column(seeds: Any, kind: pa.DataType = PICTURE) -> pa.Array:
    """Pictures as a column of the type."""
    data = [png(seed) for seed in seeds]
    return pa.array(
        data if kind != PICTURE else [{"bytes": d, "path": "x.png"} for d in data], kind
    )


def hub(folder: Path) -> Path:
    """Twelve pictures of two classes in two files of the split train, and others in test."""
    cats_and_dogs = hub_metadata(label=["cat", "dog"])
    for index, seeds in enumerate((range(7), range(7, 12))):
        labels = pa.array([seed % 2 for seed in seeds])
        columns = {"image": column(seeds), "label": labels}
        write(folder / f"data/train-0000{index}-of-00002.parquet", columns, cats_and_dogs)
    columns = {"image": column(range(20, 23)), "label": pa.array([0, 1, 0])}
    write(folder / "data/test-00000-of-00001.parquet", columns, cats_and_dogs)
    return folder


def read(path: Path, **options: Any) -> Dataset:
    return load(Parquet(path=str(path), **options))


def seeds_of(images: Any, most: int = 30) -> list[int]:
    """Which picture each image is, by its pixels."""
    known = {pixels(seed).transpose(2, 0, 1).tobytes(): seed for seed in range(most)}
    return [known[image.numpy().tobytes()] for image in images]


def test_rows_of_the_hub_are_images_with_their_labels(tmp_path: Path) -> None:
    data = read(hub(tmp_path), split="train")
    assert data.class_names == ("cat", "dog") and data.notes == ()
    assert data.train_labels is not None and data.held_out_labels is not None
    train, held_out = seeds_of(data.train), seeds_of(data.held_out)
    assert sorted(train + held_out) == list(range(12)) and len(held_out) == 2
    assert data.train_labels.tolist() == [seed % 2 for seed in train]
    assert data.held_out_labels.tolist() == [seed % 2 for seed in held_out]


def test_rows_have_the_order_of_files_of_the_same_names(tmp_path: Path) -> None:
    """So that a study of a folder and one of the same pictures as rows train on equal batches."""
    for seed in range(12):
        place = tmp_path / "pictures" / f"{seed:02d}.png"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(png(seed))
    rows = write(tmp_path / "rows.parquet", {"image": column(range(12))})
    for options in ({}, {"limit": 7}, {"size": 4, "channels": "grey", "held_out": 3}):
        folder = load(Images(path=str(tmp_path / "pictures"), **options))  # type: ignore[arg-type]
        assert read(rows, **options).digest == folder.digest


def test_all_splits_of_a_folder_are_read_unless_one_is_named(tmp_path: Path) -> None:
    data = read(hub(tmp_path))
    assert len(data.train) + len(data.held_out) == 15
    assert sorted(seeds_of(data.train) + seeds_of(data.held_out))[-3:] == [20, 21, 22]
    one = read(tmp_path / "data/test-00000-of-00001.parquet", held_out=1)
    assert sorted(seeds_of(one.train) + seeds_of(one.held_out)) == [20, 21, 22]
    with pytest.raises(
        ValueError, match=r"no file in .* is of the split 'dev'; there are data/test-"
    ):
        read(tmp_path, split="dev")


def test_plain_bytes_and_names_of_classes(tmp_path: Path) -> None:
    labels = pa.array(["no", "yes"] * 4).dictionary_encode()
    columns = {"img": column(range(8), pa.large_binary()), "what": labels, "raw": column(range(8))}
    data = read(write(tmp_path / "a.parquet", columns), label_column="what")
    assert data.class_names == ("no", "yes") and data.train_labels is not None
    assert data.train_labels.tolist() == [seed % 2 for seed in seeds_of(data.train)]
    other = read(tmp_path / "a.parquet", image_column="raw")
    assert seeds_of(other.train) == seeds_of(data.train) and other.train_labels is None


def test_labels_that_could_be_had_are_named(tmp_path: Path) -> None:
    columns = {
        "image": column(range(8)),
        "fine_label": pa.array([0, 1] * 4),
        "id": pa.array(range(8)),
    }
    data = read(write(tmp_path / "a.parquet", columns))
    assert data.labels_by == 'label_column = "fine_label" makes classes'
    assert data.notes == (f"no labels: {data.labels_by}",)
    assert read(tmp_path / "a.parquet", label_column="none").notes == ()
    hidden = {"image": column(range(8)), "label": pa.array([-1] * 8)}
    data = read(write(tmp_path / "b.parquet", hidden, hub_metadata(label=["cat", "dog"])))
    assert data.notes == ("no labels: column 'label' has a single value",)
    some = {"image": column(range(8)), "label": pa.array([-1, 0, 1, 1] * 2)}
    data = read(write(tmp_path / "c.parquet", some, hub_metadata(label=["cat", "dog"])))
    assert data.class_names == ("-1", "cat", "dog")
    assert any("2 of 8 images have the label '-1'" in note for note in data.notes)


def broken(folder: Path) -> Path:
    """Eight rows, of which two are no pictures."""
    rows = [{"bytes": png(seed), "path": None} for seed in range(8)]
    rows[2] = {"bytes": b"none", "path": None}
    rows[5] = {"bytes": None, "path": "cats/5.png"}
    columns = {"image": pa.array(rows, PICTURE), "label": pa.array([0, 1] * 4)}
    return write(folder / "a.parquet", columns)


def test_a_row_that_cannot_be_read_is_named_and_may_be_skipped(tmp_path: Path) -> None:
    path = broken(tmp_path)
    message = r"a\.parquet, row 2 cannot be read as a picture .*'skip'"
    with pytest.raises(ValueError, match=message):
        read(path)
    data = read(path, bad_files="skip")
    assert data.train_labels is not None
    assert sorted(seeds_of(data.train) + seeds_of(data.held_out)) == [0, 1, 3, 4, 6, 7]
    assert data.train_labels.tolist() == [seed % 2 for seed in seeds_of(data.train)]
    assert sorted(note.partition(":")[0] for note in data.notes) == [
        "skipped a.parquet, row 2",
        "skipped a.parquet, row 5",
    ]
    assert any("only the path cats/5.png" in note for note in data.notes)


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (
            {"pixels": pa.array([[1, 2]] * 4), "n": pa.array(range(4))},
            {},
            r"no column holds picture files .* pixels \(list<.*int64>\), n \(int64\); .*cast_column",
        ),
        (
            {"a": column(range(4)), "b": column(range(4))},
            {},
            r"image_column must be stated .*: a, b",
        ),
        (
            {"image": column(range(4))},
            {"image_column": "img"},
            r"'img' is not among them; columns: image",
        ),
        (
            {"image": column(range(4)), "n": pa.array(range(4))},
            {"image_column": "n"},
            r"'n' is of type int64",
        ),
        (
            {"image": column(range(4))},
            {"label_column": "x"},
            r"'x' is not among the columns: image",
        ),
        (
            {"image": column(range(4)), "x": pa.array([0.5] * 4)},
            {"label_column": "x"},
            r"must be whole numbers or strings, and 'x' is of type double",
        ),
        (
            {"image": column(range(4)), "label": pa.array([0, None, 1, None])},
            {},
            r"column 'label': 2 of 4 rows have no label; label_column = \"none\" reads none",
        ),
        ({"image": column([])}, {}, r"no row"),
    ],
)
def test_what_is_wrong_with_columns_is_one_message(
    tmp_path: Path, columns: dict[str, pa.Array], options: dict[str, str], message: str
) -> None:
    path = write(tmp_path / "a.parquet", columns)
    with pytest.raises(ValueError, match=message) as error:
        read(path, **options)
    assert str(path) in str(error.value)


def test_what_is_wrong_with_files_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"a Parquet file or a folder of them, and .*none is not there"
    ):
        read(tmp_path / "none")
    with pytest.raises(ValueError, match=r"holds no file whose name ends in \.parquet"):
        read(tmp_path)
    (tmp_path / "a.parquet").write_bytes(b"PAR1 cut off")
    with pytest.raises(ValueError, match=r"a\.parquet cannot be read as a Parquet file"):
        read(tmp_path)
    write(tmp_path / "a.parquet", {"image": column(range(4))})
    write(tmp_path / "b.parquet", {"img": column(range(4))})
    with pytest.raises(ValueError, match=r"b\.parquet has other columns than .*a\.parquet"):
        read(tmp_path)


def test_pictures_of_several_sizes_need_one(tmp_path: Path) -> None:
    rows = pa.array([png(seed, 6 if seed else 5) for seed in range(4)], pa.binary())
    path = write(tmp_path / "a.parquet", {"image": rows})
    with pytest.raises(ValueError, match=r"pictures must have one size .*row \d"):
        read(path)
    assert read(path, size=4).shape == (3, 4, 4)


def test_a_study_file_names_them(tmp_path: Path) -> None:
    def study(data: str) -> str:
        return f"""
name = "s"
[data]
{data}
[train]
budget = {{ generator_steps = 10 }}
[search.space]
k = [1, 2]
"""

    spec = parse_study(study('name = "parquet"\npath = "rows"'), "s", tmp_path)
    assert spec.data == Parquet(path=str(tmp_path / "rows"))
    with pytest.raises(UserError, match="label_colum"):
        parse_study(study('name = "parquet"\npath = "a"\nlabel_colum = "x"'), "s", tmp_path)
