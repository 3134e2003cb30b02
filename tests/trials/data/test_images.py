"""Folders of pictures: every kind of picture becomes the pixels that a viewer would show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganstudy.trials.config.data import Images
from ganstudy.trials.data import load
from ganstudy.trials.data.picture_sources import open_source, pictures_among
from ganstudy.trials.data.pictures import Pile, prepare, resized
from ganstudy.trials.data.split import count_labels, shuffled

FOLDERS = 'no labels: labels = "folders" makes classes of the 2 sub-folders (cats, dogs)'
PASSED_OVER = "files passed over, since their names are not those of pictures: 1, such as read me.txt; .txt (1)"


def draw(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Random colours, uint8 [H, W, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def options(path: Path | str = "unused", **changes: object) -> Images:
    return Images(path=str(path), **changes)


def prepared(picture: Image.Image, **changes: object) -> np.ndarray:
    return prepare(picture, options(**changes))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten pictures of 6 x 6 in two sub-folders, one of them nested."""
    for index in range(10):
        place = tmp_path / ("cats" if index % 2 else "dogs/large")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw(6, 6, index)).save(place / f"{index}.{'PNG' if index % 3 else 'png'}")
    (tmp_path / "read me.txt").write_text("no picture")
    (tmp_path / ".hidden.png").write_text("no picture either")
    return tmp_path


# What one picture becomes.


@pytest.mark.parametrize(
    ("width", "height", "left", "top"), [(9, 5, 2, 0), (5, 9, 0, 2), (8, 5, 1, 0), (5, 5, 0, 0)]
)
def test_the_centre_crop_keeps_the_middle_square_untouched(
    width: int, height: int, left: int, top: int
) -> None:
    pixels = draw(width, height)
    expected = pixels[top : top + 5, left : left + 5].transpose(2, 0, 1)
    np.testing.assert_array_equal(prepared(Image.fromarray(pixels)), expected)


def test_without_a_crop_the_whole_picture_is_there_and_is_distorted() -> None:
    wide = np.zeros((8, 32, 3), np.uint8)
    wide[:, 16:] = 200
    for crop in ("centre", "none"):  # a vertical edge in the middle stays in the middle either way
        small = prepared(Image.fromarray(wide), crop=crop, size=8)
        assert (
            small.shape == (3, 8, 8)
            and (small[:, :, 0] == 0).all()
            and (small[:, :, -1] == 200).all()
        )
    marked = wide.copy()
    marked[:, :4] = 255  # outside the middle square
    assert (prepared(Image.fromarray(marked), crop="none", size=8)[:, :, 0] > 200).all()
    assert (prepared(Image.fromarray(marked), crop="centre", size=8)[:, :, 0] == 0).all()
    assert prepared(Image.fromarray(wide), crop="none").shape == (3, 8, 32)


def test_reducing_averages_what_it_covers_and_is_not_aliased() -> None:
    chequered = np.indices((64, 64)).sum(0) % 2 * 255
    small = prepared(Image.fromarray(chequered.astype(np.uint8)), size=16)
    assert (
        abs(small.astype(int) - 127.5) <= 2
    ).all()  # picking every fourth pixel would give 0 or 255


def test_a_picture_of_the_right_size_is_not_touched_by_resizing() -> None:
    pixels = draw(16, 16)
    np.testing.assert_array_equal(
        prepared(Image.fromarray(pixels), size=16), pixels.transpose(2, 0, 1)
    )


def test_grey_is_the_luma_of_the_standard() -> None:
    pixels = draw(12, 12)
    grey = prepared(Image.fromarray(pixels), channels="grey")
    expected = pixels.astype(float) @ [0.299, 0.587, 0.114]  # ITU-R BT.601
    assert grey.shape == (1, 12, 12) and abs(grey[0] - expected).max() <= 0.5 + 1e-3
    level = Image.fromarray(pixels[:, :, 0])
    np.testing.assert_array_equal(prepared(level, channels="grey")[0], pixels[:, :, 0])
    np.testing.assert_array_equal(prepared(level), np.repeat(pixels[None, :, :, 0], 3, 0))


def test_transparent_parts_are_white_whatever_colour_they_hide() -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[..., 0], pixels[:2, :, 3], pixels[2, :, 3] = (
        200,
        255,
        51,
    )  # opaque, a fifth, and not there
    colours = prepared(Image.fromarray(pixels))
    np.testing.assert_array_equal(colours[:, :2, 0], [[200, 200], [0, 0], [0, 0]])
    np.testing.assert_allclose(
        colours[:, 2, 0], [0.2 * 200 + 0.8 * 255, 0.8 * 255, 0.8 * 255], atol=1
    )
    assert (colours[:, 3] == 255).all()


def test_a_palette_with_a_transparent_colour_is_read_through() -> None:
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((0, 0), 0)
    np.testing.assert_array_equal(prepared(picture)[:, 0, :2], [[10, 40], [20, 50], [30, 60]])
    picture.info["transparency"] = 0
    np.testing.assert_array_equal(prepared(picture)[:, 0, :2], [[255, 40], [255, 50], [255, 60]])


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path, suffix: str) -> None:
    levels = np.linspace(0, 65535, 16).astype(np.uint16).reshape(4, 4)
    Image.fromarray(levels).save(tmp_path / f"deep.{suffix}")
    with Image.open(tmp_path / f"deep.{suffix}") as picture:
        np.testing.assert_array_equal(prepared(picture, channels="grey")[0], np.round(levels / 257))


def test_pictures_without_a_fixed_white_are_refused() -> None:
    with pytest.raises(ValueError, match="32-bit pictures have no fixed black and white"):
        prepared(Image.fromarray(np.ones((4, 4), np.float32)))


def test_pictures_are_turned_as_the_camera_was_held(tmp_path: Path) -> None:
    pixels = draw(6, 4)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as picture:
        shown = prepared(picture, crop="none")
    np.testing.assert_array_equal(shown, np.rot90(pixels, -1).transpose(2, 0, 1))


def test_stacks_of_images_are_resized_like_pictures() -> None:
    pixels = draw(12, 12)
    images = torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None]
    np.testing.assert_array_equal(resized(images, 8)[0], prepared(Image.fromarray(pixels), size=8))
    assert resized(images, 12) is images


# What a folder becomes.


def test_every_picture_is_read_once_and_lands_in_one_split(folder: Path) -> None:
    dataset = load(options(folder))
    assert (dataset.train.shape, dataset.held_out.shape) == ((8, 3, 6, 6), (2, 3, 6, 6))
    assert (dataset.name, dataset.num_generated, dataset.mode_names, dataset.notes) == (
        "images",
        2,
        None,
        (PASSED_OVER, FOLDERS),
    )
    got = {image.numpy().tobytes() for image in torch.cat([dataset.train, dataset.held_out])}
    assert got == {draw(6, 6, index).transpose(2, 0, 1).tobytes() for index in range(10)}


def test_the_split_is_the_same_wherever_the_folder_lies(folder: Path, tmp_path_factory) -> None:
    before = load(options(folder)).digest
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "moved"
    folder.rename(elsewhere)
    assert load(options(elsewhere)).digest == before


def test_sub_folders_are_classes(folder: Path) -> None:
    dataset = load(options(folder, labels="folders", held_out=5))
    assert (len(dataset.held_out), dataset.mode_names) == (5, ["cats", "dogs"])
    odd = {draw(6, 6, index).transpose(2, 0, 1).tobytes() for index in range(1, 10, 2)}
    for images, labels in (
        (dataset.train, dataset.train_labels),
        (dataset.held_out, dataset.held_out_labels),
    ):
        assert [0 if image.numpy().tobytes() in odd else 1 for image in images] == labels.tolist()


def test_a_picture_beside_the_classes_is_named(folder: Path) -> None:
    Image.fromarray(draw(6, 6)).save(folder / "stray.png")
    with pytest.raises(
        ValueError, match=r"needs every picture in a sub-folder, and .*stray\.png is in none"
    ):
        load(options(folder, labels="folders"))


def test_one_class_is_no_class(folder: Path) -> None:
    for path in (folder / "dogs").rglob("*.*"):
        path.unlink()
    with pytest.raises(ValueError, match=r"at least 2 classes, got \['cats'\]"):
        load(options(folder, labels="folders"))


def test_pictures_of_several_sizes_need_one_stated(folder: Path) -> None:
    Image.fromarray(draw(7, 9)).save(folder / "odd.png")
    with pytest.raises(ValueError, match=r"one size where no size is stated, but .* gives 6 x 6 and .*odd\.png 7 x 9|"
                       r"odd\.png gives 7 x 9 and .* 6 x 6"):  # fmt: skip
        load(options(folder, crop="none"))
    assert load(options(folder, size=4)).shape == (3, 4, 4)


def test_a_bad_file_is_refused_by_name_or_skipped_and_noted(folder: Path) -> None:
    whole = (folder / "cats" / "1.PNG").read_bytes()
    (folder / "cats" / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "cats" / "text.jpg").write_text("no picture")
    with pytest.raises(
        ValueError, match=r"(cut\.png|text\.jpg) cannot be read as a picture .*bad_files = 'skip'"
    ):
        load(options(folder))
    dataset = load(options(folder, bad_files="skip", labels="folders"))
    assert (
        len(dataset.train) + len(dataset.held_out)
        == len(dataset.train_labels) + len(dataset.held_out_labels)
        == 10
    )
    assert sorted(note.split(":")[0] for note in dataset.notes if note != PASSED_OVER) == [
        "skipped cats/cut.png",
        "skipped cats/text.jpg",
    ]


def test_a_folder_of_bad_files_is_no_data(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(
        ValueError, match=r"none of the 1 pictures in .* can be read; the first: skipped text\.jpg"
    ):
        load(options(tmp_path, bad_files="skip"))


def test_a_folder_must_be_there_and_hold_pictures(tmp_path: Path) -> None:
    (tmp_path / "read me.txt").write_text("no picture")
    with pytest.raises(ValueError, match=r"holds no picture; known: \.png, \.jpg"):
        load(options(tmp_path))
    with pytest.raises(
        ValueError, match=r"must be a folder of pictures or a zip of them, and .* is a file"
    ):
        load(options(tmp_path / "read me.txt"))
    with pytest.raises(
        ValueError, match=r"must be a folder of pictures or a zip of them, and .* is not there"
    ):
        load(options(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [
        ("jfif", "JPEG"),
        ("avif", "AVIF"),
        ("jp2", "JPEG2000"),
        ("TGA", "TGA"),
        ("pnm", "PPM"),
        ("dib", "DIB"),
        ("apng", "PNG"),
    ],
)
def test_what_pillow_reads_is_read(tmp_path: Path, suffix: str, kind: str) -> None:
    smooth = [np.full((8, 8, 3), level, np.uint8) for level in (0, 60, 120, 180, 255)]
    for index, pixels in enumerate(smooth):
        Image.fromarray(pixels).save(tmp_path / f"{index}.{suffix}", format=kind)
    dataset = load(options(tmp_path))
    got = torch.cat([dataset.train, dataset.held_out]).float().mean((1, 2, 3)).sort().values
    assert got.tolist() == pytest.approx([0, 60, 120, 180, 255], abs=2)
    assert all(note.startswith("all pictures are grey") for note in dataset.notes)


def test_grey_pictures_and_sub_folders_are_told_what_they_could_be(tmp_path: Path) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (6, 5, 5), dtype=np.uint8)
    grey[:, 0, :2] = 0, 255
    for index, pixels in enumerate(grey):
        place = tmp_path / f"{index % 3}"
        place.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(place / f"{index}.png")
    first, second = load(options(tmp_path)).notes
    assert 'channels = "grey"' in first and 'labels = "folders"' in second and "0, 1, 2" in second
    cured = load(options(tmp_path, channels="grey", labels="folders"))
    assert cured.notes == () and cured.shape == (1, 5, 5) and cured.labels_by == ""
    # One picture of colour, or one outside of the sub-folders, and nothing is said.
    Image.fromarray(draw(5, 5)).save(tmp_path / "colour.png")
    assert load(options(tmp_path)).notes == ()


def test_files_passed_over_are_noted_once(folder: Path) -> None:
    for name in ("cats/no suffix", "b.txt", "c.xml", "Thumbs.db", "d.heic", "e.h5", "f.mp4"):
        (folder / name).write_text("no picture")
    note, folders = load(options(folder)).notes
    assert folders == FOLDERS
    assert note.startswith(
        "files passed over, since their names are not those of pictures: 8, such as Thumbs.db; "
    )
    assert ".txt (2), " in note and note.endswith(" and 2 kinds more")


def test_linked_folders_are_followed_once(folder: Path, tmp_path_factory) -> None:
    linked = tmp_path_factory.mktemp("linked")
    (linked / "pets").symlink_to(folder)
    (folder / "cats" / "round").symlink_to(folder)
    with open_source(linked) as source:
        assert len(pictures_among(source)) == 10


def test_the_limit_takes_the_first_of_the_same_shuffle(folder: Path) -> None:
    some, everything = load(options(folder, limit=5, held_out=1)), load(options(folder, held_out=1))
    assert torch.equal(some.held_out, everything.held_out) and torch.equal(
        some.train, everything.train[:4]
    )
    assert sorted(shuffled(10, None).tolist()) == list(range(10))


def test_what_is_held_out_must_leave_something_to_train_on(folder: Path) -> None:
    with pytest.raises(
        ValueError, match="must leave at least 2 images to train on, got held_out = 9 of 10"
    ):
        load(options(folder, held_out=9))
    assert len(load(options(folder, held_out=0.01)).held_out) == 1


def test_repeated_pictures_across_the_split_are_noted(folder: Path) -> None:
    for index in range(10):
        Image.fromarray(draw(6, 6, index)).save(folder / f"again {index}.png")
    dataset = load(options(folder, held_out=0.5))
    train = [image.numpy().tobytes() for image in dataset.train]
    repeated = sum(image.numpy().tobytes() in train for image in dataset.held_out)
    assert repeated > 0
    assert dataset.notes == (
        PASSED_OVER,
        f"{repeated} of the 10 held-out images are among the training images too",
    )


def test_equal_pictures_are_refused(tmp_path: Path) -> None:
    for index in range(5):
        Image.fromarray(draw(6, 6)).save(tmp_path / f"{index}.png")
    with pytest.raises(
        ValueError, match="images: the images must differ, but all 4 to train on are equal"
    ):
        load(options(tmp_path))


def test_labels_are_counted_from_0_in_the_order_of_their_values() -> None:
    labels, names = count_labels(np.array([[30], [4], [30], [5]]))
    assert (labels.tolist(), names) == ([2, 0, 2, 1], ("4", "5", "30"))
    assert count_labels(np.array(["b", "a"]))[1] == ("a", "b")
    with pytest.raises(
        ValueError, match=r"whole numbers or strings, one per image, got float64 \[2\]"
    ):
        count_labels(np.array([0.0, 1.0]))


def test_a_pile_gives_back_what_was_added() -> None:
    pile = Pile(5)
    pixels = [draw(4, 4, seed).transpose(2, 0, 1) for seed in range(3)]
    for index, image in enumerate(pixels):
        pile.add(image, f"item {index}")
    np.testing.assert_array_equal(pile.tensor(), np.stack(pixels))
