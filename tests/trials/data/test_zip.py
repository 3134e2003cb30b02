"""Zips of pictures: read as folders are, and written so that StyleGAN's reader finds them."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from ganstudy.study.cli.main import main
from ganstudy.trials.config.data import Images
from ganstudy.trials.data import Dataset, load

SIDE = 6


def png(seed: int, width: int = SIDE, height: int = SIDE) -> bytes:
    """A picture of random colours."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve pictures in two sub-folders."""
    for index in range(12):
        place = tmp_path / "pets" / ("cats" if index % 3 else "dogs")
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{index}.png").write_bytes(png(index))
    return tmp_path / "pets"


def zipped(path: Path, members: dict[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def read(path: Path, **options: object) -> Dataset:
    return load(Images(path=str(path), **options))  # type: ignore[arg-type]


def labelled(num: int, **changes: object) -> dict[str, bytes | str]:
    """Members of a zip as StyleGAN's tools write it, with the labels 3 and 5 in turn."""
    names = [f"00000/img{index:08d}.png" for index in range(num)]
    document = {"labels": [[name, 3 + 2 * (i % 2)] for i, name in enumerate(names)]} | changes
    pictures = {name: png(index) for index, name in enumerate(names)}
    return {**pictures, "dataset.json": json.dumps(document)}


def test_a_zip_is_read_as_its_folder_is(folder: Path, tmp_path: Path) -> None:
    members: dict[str, bytes | str] = {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*.png")
    }
    hidden = {"__MACOSX/cats/._1.png": b"no picture", "cats/.x.png": b"none either"}
    path = zipped(tmp_path / "pets.zip", dict(reversed(members.items())) | hidden)
    for options in (
        {"labels": "folders"},
        {"labels": "none", "limit": 7},
        {"size": 4, "labels": "none"},
    ):
        here, there = read(folder, **options), read(path, **options)
        assert there.digest == here.digest and there.class_names == here.class_names
        assert there.notes == here.notes and there.labels_by == here.labels_by


def test_labels_are_those_of_dataset_json(tmp_path: Path) -> None:
    data = read(zipped(tmp_path / "a.zip", labelled(10)))
    assert data.class_names == ("3", "5") and data.notes == ()
    assert data.train_labels is not None and data.held_out_labels is not None
    # Which picture an image is, by its own pixels.
    of_pixels = {
        np.asarray(Image.open(io.BytesIO(png(i)))).transpose(2, 0, 1).tobytes(): i % 2
        for i in range(10)
    }
    for images, labels in ((data.train, data.train_labels), (data.held_out, data.held_out_labels)):
        assert [of_pixels[image.numpy().tobytes()] for image in images] == labels.tolist()
    assert read(tmp_path / "a.zip", labels="none").train_labels is None


@pytest.mark.parametrize(
    "members",
    [
        labelled(8, labels=None),
        {name: data for name, data in labelled(8).items() if name != "dataset.json"},
        labelled(8, labels=[[f"00000/img{i:08d}.png", 4] for i in range(8)]),
    ],
)
def test_without_labels_there_are_none_and_a_note(tmp_path: Path, members) -> None:
    data = read(zipped(tmp_path / "a.zip", members))
    assert data.train_labels is None and len(data.train) == 6
    assert data.notes == ("no labels: dataset.json has none, or a single one",)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"x.npy": b"1"}, r"a.zip holds no picture; known: .png"),
        ({"1.png": png(1), "2.png": b"broken"}, r"2.png cannot be read as a picture .*'skip'"),
        ({"1.png": png(1), "2.png": png(2, 5, 5)}, r"one size .* say size = 64"),
        ({"1.png": png(1), "dataset.json": "{"}, r"dataset.json is not JSON"),
        ({"1.png": png(1), "dataset.json": "[]"}, r"must be \{\"labels\": \[...\]\}, got \[\]"),
        (
            labelled(4, labels=[]),
            r"no label of 4 of the 4 pictures, such as 00000/img0000000\d.png",
        ),
        (
            labelled(4, labels=[["a.png", [0.5, 1]]]),
            r"whole numbers from 0, got \['a.png', \[0.5, 1\]\]",
        ),
        (labelled(4, labels={"a.png": 1}), r"labels must be pairs such as"),
    ],
)
def test_what_is_wrong_with_a_zip_is_one_message(tmp_path: Path, members, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        read(zipped(tmp_path / "a.zip", members))
    assert str(tmp_path) in str(error.value)


def test_a_file_that_is_no_zip(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(
        ValueError, match=r"a folder of pictures or a zip of them, and .*a\.zip is a file"
    ):
        read(tmp_path / "a.zip")


def test_labels_of_a_zip_are_part_of_its_options_and_a_folders_stay() -> None:
    zip_options, folder_options = Images(path="a.ZIP"), Images(path="a")
    assert zip_options.labels == "file" and folder_options.labels == "none"
    assert Images(path="a.zip", labels="none").labels == "none"
    assert Images.model_validate(zip_options.model_dump()) == zip_options


# ganstudy data pack


def packed(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["data", "pack", *map(str, arguments)])
    return result.exit_code, result.output


def as_stylegan_reads(path: Path) -> tuple[list[np.ndarray], list[int] | None]:
    """Read a zip by the rules of StyleGAN's reader: names sorted, labels by name."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        pictures = [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names]
        labels = json.loads(archive.read("dataset.json"))["labels"]
    return pictures, None if labels is None else [dict(labels)[name] for name in names]


def test_a_packed_folder_gives_the_same_data(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    code, said = packed(folder, out, "--size", 4, "--labels", "folders")
    assert (code, said.splitlines()) == (0, [f"{out}: 12 pictures of 4 x 4, colour, 2 classes"])
    here, there = read(folder, size=4, labels="folders"), read(out)
    assert there.digest == here.digest and there.class_names == ("cats", "dogs") == here.class_names
    pictures, labels = as_stylegan_reads(out)
    files = sorted(folder.rglob("*.png"))
    assert labels == [int(file.parent.name == "dogs") for file in files]
    expected = [np.asarray(Image.open(f).resize((4, 4), Image.Resampling.BICUBIC)) for f in files]
    assert all(np.array_equal(a, b) for a, b in zip(pictures, expected, strict=True))
    with zipfile.ZipFile(out) as archive:
        infos = archive.infolist()
        assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}
        assert infos[11].filename == "00000/img00000011.png"
    assert packed(out, tmp_path / "again.zip")[0] == 0
    again = read(tmp_path / "again.zip")
    assert again.digest == there.digest and again.class_names == there.class_names


def test_a_thousand_pictures_fill_a_folder(tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    data = png(0, 4, 4)
    for index in range(1001):
        (tmp_path / "many" / f"{index:04d}.png").write_bytes(data)
    code, said = packed(tmp_path / "many", tmp_path / "out.zip", "--grey")
    assert code == 0 and "1001 pictures of 4 x 4, grey, no labels" in said
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        names = archive.namelist()
        assert names[999:] == ["00000/img00000999.png", "00001/img00001000.png", "dataset.json"]
        assert json.loads(archive.read("dataset.json")) == {"labels": None}
        assert Image.open(io.BytesIO(archive.read(names[0]))).mode == "L"


def test_what_cannot_be_packed_is_one_message_and_leaves_nothing(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.zip"
    code, said = packed(folder, tmp_path / "out.tar")
    assert code == 2 and "must end in .zip" in said
    code, said = packed(tmp_path / "none", out)
    assert code == 2 and "none is not there" in said
    (folder / "cats" / "x.png").write_bytes(png(0, 9, 9))
    code, said = packed(folder, out)
    assert code == 2 and "must have one size" in said and "--size 64" in said
    (folder / "cats" / "x.png").write_bytes(b"broken")
    code, said = packed(folder, out)
    assert code == 2 and "x.png cannot be read as a picture" in said and "--skip-bad" in said
    assert sorted(file.name for file in tmp_path.iterdir()) == ["pets"]
    code, said = packed(folder, out, "--skip-bad")
    assert code == 0 and "12 pictures of 6 x 6" in said and "skipped cats/x.png" in said
    assert "power of two" in said
    code, said = packed(folder, out)
    assert code == 2 and "is there already" in said
