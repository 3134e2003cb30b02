"""`ganstudy score`: torch-fidelity's numbers from folders and npz files, floors, provenance, refusals."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch_fidelity
from click.testing import CliRunner, Result
from PIL import Image
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from ganstudy.study.cli.main import main
from ganstudy.trials.measures.features.extractor import classifier
from ganstudy.trials.results.catalogue import MEASURES

REAL = Path(os.environ.get("GANSTUDY_REAL_DATA", "not set"))
TRUNK, CIFAR = REAL / "weights" / "inception-2015-12-05-trunk.pth", REAL / "cifar10.npz"
OF_PICTURES = {
    *("fid", "kid", "precision", "recall", "density", "coverage", "sharpness"),
    *("modes_covered", "high_quality", "reverse_kl", "effective_modes", "ndb", "jsd"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real digits (400 and 600 to train on) and 400 noisy ones, as npz files and as folders of colour pictures."""
    folder, raw = tmp_path_factory.mktemp("digits"), load_digits()
    pixels, labels = (raw.images * 15).astype(np.uint8), raw.target
    stream = np.random.default_rng(0)
    order = stream.permutation(len(pixels))
    groups = {"real": order[:400], "train": order[400:1000], "fake": order[1000:1400]}
    for name, indices in groups.items():
        images = pixels[indices]
        if name == "fake":
            images = np.clip(images + stream.normal(0, 30, images.shape), 0, 255).astype(np.uint8)
        np.savez(folder / f"{name}.npz", x=images, y=labels[indices])
        for number, (image, label) in enumerate(zip(images, labels[indices], strict=True)):
            place = folder / name / f"class {label}"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).convert("RGB").save(place / f"{number}.png")
    return folder


@pytest.fixture(autouse=True)
def _in_that_folder_with_a_quick_classifier(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    monkeypatch.setattr(classifier, "EPOCHS", 6)


class Untrained(FeatureExtractorInceptionV3):
    """The network as it is before any weights are loaded."""

    def load_state_dict(self, *_unused, **_options):
        return None


def score(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["score", *arguments])


def scored(tmp_path: Path, *arguments: str) -> dict:
    result = score(*arguments, "--json", str(tmp_path / "score.json"))
    assert result.exit_code == 0, result.stderr
    return json.loads((tmp_path / "score.json").read_text())


def refusal(*arguments: str) -> str:
    result = score(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("ganstudy: ") and result.stderr.count("\n") == 1
    return result.stderr


def test_folders_score_as_torch_fidelity_scores_them(tmp_path: Path) -> None:
    """It reads both folders itself, through the classifier that this command trained on the third."""
    found = scored(
        tmp_path,
        *("--real", "real", "--fake", "fake", "--train", "train", "--extractor", "classifier"),
    )
    provenance = found["provenance"]
    expected = torch_fidelity.calculate_metrics(
        input1="fake",
        input2="real",
        samples_find_deep=True,
        fid=True,
        isc=True,
        kid=True,
        kid_subset_size=400,
        kid_subsets=1,
        prc=True,
        feature_extractor=f"{provenance['extractor']}-{provenance['extractor_digest']}",
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
    )
    measures = found["measures"]
    assert measures["fid"] == pytest.approx(expected["frechet_inception_distance"], rel=1e-4)
    assert measures["precision"] == pytest.approx(expected["precision"], abs=1e-6)
    assert measures["recall"] == pytest.approx(expected["recall"], abs=1e-6)
    assert measures["kid"] == pytest.approx(expected["kernel_inception_distance_mean"], rel=1e-4)
    assert measures["inception_score"] == pytest.approx(expected["inception_score_mean"], rel=1e-5)
    assert (
        set(measures) == OF_PICTURES | {"inception_score", "copying", "duplicates"} <= set(MEASURES)
    )
    assert found["floor"]["fid"] < 0.6 * measures["fid"]
    assert (found["floor_num_generated"], found["floor_num_real"]) == (400, 400)
    assert (provenance["num_generated"], provenance["num_real"], provenance["split"]) == (
        400,
        400,
        "all",
    )
    assert provenance["modes"] == "classes (10)" and provenance["extractor_accuracy"] > 0.8
    assert found["versions"]["torch-fidelity"].startswith("0.4")
    assert (found["real"], found["fake"], found["train"]) == ("real", "fake", "train")


def wide_folders(place: Path, kind: str) -> tuple[str, str]:
    """Real and generated pictures twice as wide as high, alike in the middle, unlike at the sides; in
    sub-folders by class.
    """
    for name in ("real", "fake"):
        arrays = np.load(f"{name}.npz")
        for number, (image, label) in enumerate(zip(arrays["x"], arrays["y"], strict=True)):
            wide = np.concatenate([image[:, 4:], image, image[:, :4]], axis=1)
            if name == "fake":
                wide[:, :4] = wide[:, 12:] = 0
            if kind != "grey.png":
                wide = np.stack([wide, wide // 2, 255 - wide], axis=2)
            folder = place / name / f"class {label}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(wide).save(folder / f"{number}.{kind.split('.')[1]}")
    return str(place / "real"), str(place / "fake")


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("colour.png", marks=pytest.mark.slow),
        "grey.png",
        pytest.param("colour.jpg", marks=pytest.mark.slow),
    ],
)
def test_pictures_that_are_not_square_score_as_torch_fidelity_scores_them(
    tmp_path: Path, kind: str
) -> None:
    """Whole: their middles are alike, and cut to those they would score as well as real ones."""
    real, fake = wide_folders(tmp_path, kind)
    arguments = ("--real", real, "--fake", fake, "--train", real, "--extractor", "classifier")
    found = scored(tmp_path, *arguments)
    provenance, measures = found["provenance"], found["measures"]
    expected = torch_fidelity.calculate_metrics(
        input1=fake,
        input2=real,
        samples_find_deep=True,
        fid=True,
        isc=True,
        kid=True,
        kid_subset_size=400,
        kid_subsets=1,
        prc=True,
        feature_extractor=f"{provenance['extractor']}-{provenance['extractor_digest']}",
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
    )
    assert measures["fid"] == pytest.approx(expected["frechet_inception_distance"], rel=1e-4)
    assert measures["kid"] == pytest.approx(expected["kernel_inception_distance_mean"], rel=1e-4)
    assert measures["inception_score"] == pytest.approx(expected["inception_score_mean"], rel=1e-5)
    assert measures["precision"] == pytest.approx(expected["precision"], abs=1e-6)
    assert measures["recall"] == pytest.approx(expected["recall"], abs=1e-6)
    assert provenance["preparation"] == "as they are"


def test_what_was_done_to_pictures_was_asked_for_and_is_in_the_provenance(tmp_path: Path) -> None:
    real, fake = wide_folders(tmp_path, "grey.png")
    assert "must have one shape, got 3 x 8 x 16 and 3 x 8 x 8; size, crop and channels" in refusal(
        "--real", real, "--fake", "fake"
    )
    pixels = ("--real", real, "--extractor", "pixels", "--channels", "grey")
    cut = scored(tmp_path, "--fake", fake, *pixels, "--crop", "centre")
    same = scored(tmp_path, "--fake", "fake", *pixels, "--crop", "centre")
    whole = scored(tmp_path, "--fake", fake, *pixels)
    small = scored(tmp_path, "--fake", fake, *pixels, "--size", "4")
    assert cut["provenance"] == same["provenance"]
    assert cut["measures"] == pytest.approx(same["measures"], rel=1e-5)
    assert whole["measures"]["fid"] > 2 * cut["measures"]["fid"]
    assert [each["provenance"]["preparation"] for each in (cut, whole, small)] == [
        "cut to the middle square, made grey",
        "made grey",
        "resized to 4 x 4, made grey",
    ]
    shown = score("--fake", fake, *pixels, "--crop", "centre").stdout
    assert "Pictures    cut to the middle square, made grey" in shown


def test_what_pictures_needed_is_in_the_provenance_too(tmp_path: Path, files: Path) -> None:
    """One generated picture with a transparent corner is no longer scored as torch-fidelity reads it."""
    shutil.copytree("fake", tmp_path / "fake")
    first = min((tmp_path / "fake").rglob("*.png"))
    picture = Image.open(first).convert("RGBA")
    picture.putpixel((0, 0), (9, 9, 9, 0))
    picture.save(first)
    fake = str(tmp_path / "fake")
    found = scored(tmp_path, "--real", "real", "--fake", fake, "--extractor", "pixels")
    assert found["provenance"]["preparation"] == (
        "real as they are; generated transparency laid on white"
    )
    note = "done to pictures without being asked: transparency laid on white (1 of 400)"
    assert f"of the generated samples: {note}" in found["notes"]
    back = scored(
        tmp_path, "--real", fake, "--fake", "real", "--train", fake, "--extractor", "pixels"
    )
    assert back["provenance"]["preparation"] == (
        "real transparency laid on white; generated as they are; "
        "training transparency laid on white"
    )
    assert f"of the training samples: {note}" in back["notes"]


def test_the_table_shows_every_measure_its_floor_and_what_it_was_measured_with(
    tmp_path: Path,
) -> None:
    arguments = ("--real", "real.npz", "--fake", "fake.npz", "--extractor", "pixels")
    found, lines = scored(tmp_path, *arguments), score(*arguments).stdout.splitlines()
    assert set(found["measures"]) == set(found["floor"]) == OF_PICTURES
    for name, value in found["measures"].items():
        (row,) = [line for line in lines if line.startswith(f"{MEASURES[name].label} ")]
        assert f"{value:.4g}" in row and f"{found['floor'][name]:.4g}" in row
        assert MEASURES[name].unit.split()[0] in row
    provenance = found["provenance"]
    assert "Generated   400 generated samples against 400 real ones" in lines
    assert "Real        200 real samples against 200 others: the floor" in lines
    assert f"Extractor   pixels-64, digest {provenance['extractor_digest']}" in lines
    assert "Note        IS is not available: extractor 'pixels' has no classes" in lines
    assert any(
        line.startswith("Note        generated and real are scored on unlike numbers")
        for line in lines
    )


def test_npz_files_and_folders_are_the_same_pictures(tmp_path: Path) -> None:
    """The folders hold them in colour, in another order."""
    arguments = ("--extractor", "pixels", "--channels", "grey")
    folders = scored(tmp_path, "--real", "real", "--fake", "fake", *arguments)
    mixed = scored(tmp_path, "--real", "real", "--fake", "fake.npz", *arguments)
    assert mixed["measures"] == pytest.approx(folders["measures"], rel=1e-5)
    files = scored(tmp_path, "--real", "real.npz", "--fake", "fake.npz", "--extractor", "pixels")
    assert files["measures"]["sharpness"] == pytest.approx(
        folders["measures"]["sharpness"], rel=1e-5
    )
    # The halves differ with the order, and so do the principal components fitted on the first.
    assert files["measures"]["fid"] == pytest.approx(folders["measures"]["fid"], rel=0.2)


def test_real_against_itself_is_zero_and_the_distances_are_symmetric(tmp_path: Path) -> None:
    pixels = ("--extractor", "pixels")
    same = scored(tmp_path, "--real", "real.npz", "--fake", "real.npz", *pixels)["measures"]
    assert (
        same["fid"] == pytest.approx(0, abs=1e-4)
        and same["precision"] == same["recall"] == same["coverage"] == 1
    )
    assert same["sharpness"] == pytest.approx(1)
    # With training data the features do not depend on which of the two is called real.
    forth = scored(
        tmp_path, *("--real", "real.npz", "--fake", "fake.npz", "--train", "train.npz"), *pixels
    )["measures"]
    back = scored(
        tmp_path, *("--real", "fake.npz", "--fake", "real.npz", "--train", "train.npz"), *pixels
    )["measures"]
    assert forth["fid"] == pytest.approx(back["fid"], rel=1e-5)
    assert (forth["precision"], forth["recall"]) == (back["recall"], back["precision"])
    assert (
        forth["sharpness"] == pytest.approx(1 / back["sharpness"], rel=1e-6)
        and forth["sharpness"] > 1
    )


def test_copies_of_the_training_data_are_seen_and_fresh_ones_are_not(tmp_path: Path) -> None:
    against = ("--real", "real.npz", "--train", "train.npz", "--extractor", "pixels")
    copies = scored(tmp_path, "--fake", "train.npz", *against)["measures"]
    fresh = scored(tmp_path, "--fake", "real.npz", *against)["measures"]
    assert copies["copying"] < -5 and copies["duplicates"] > 0.99
    assert abs(fresh["copying"]) < 1e-6 and fresh["duplicates"] == pytest.approx(0.01, abs=0.005)


def test_without_training_data_the_classifier_keeps_half_of_the_real_images_to_itself(
    tmp_path: Path,
) -> None:
    found = scored(
        tmp_path,
        *(
            "--real",
            "real",
            "--fake",
            "fake.npz",
            "--channels",
            "grey",
            "--extractor",
            "classifier",
        ),
    )
    provenance = found["provenance"]
    assert (provenance["num_generated"], provenance["num_real"], provenance["split"]) == (
        400,
        200,
        "held_out",
    )
    assert (
        "trained on 200 of the real images, so that only the other 200 are compared with"
        in found["notes"][0]
    )
    assert set(found["measures"]) == OF_PICTURES | {"inception_score"}


def test_provenance_is_equal_for_the_same_yardstick_and_for_no_other(tmp_path: Path) -> None:
    def provenance(
        *changes: str, extractor: str = "pixels", real: str = "real.npz", fake: str = "fake.npz"
    ) -> dict:
        return scored(
            tmp_path, *("--real", real, "--fake", fake, "--extractor", extractor), *changes
        )["provenance"]

    first = provenance()
    assert provenance() == first
    assert provenance(fake="real.npz") == first, (
        "what is measured is no part of what it is measured with"
    )
    changed = [
        provenance("--limit", "299"),
        provenance(extractor="classifier"),
        provenance(real="train.npz"),
        provenance("--train", "train.npz"),
    ]
    assert first not in changed


def test_arrays_of_floats_and_of_other_names(tmp_path: Path, files: Path) -> None:
    fake = np.load("fake.npz")["x"]
    plain = scored(tmp_path, "--real", "real.npz", "--fake", "fake.npz", "--extractor", "pixels")[
        "measures"
    ]
    np.savez(tmp_path / "named.npz", samples=fake / np.float32(127.5) - 1, more=fake)
    arguments = ("--real", "real.npz", "--extractor", "pixels", "--fake")
    floats = scored(
        tmp_path, *arguments, f"{tmp_path}/named.npz:samples", "--fake-range", "-1", "1"
    )["measures"]
    assert floats == pytest.approx(plain, rel=1e-3, abs=1e-6)
    assert scored(tmp_path, *arguments, f"{tmp_path}/named.npz:more")["measures"] == plain
    named = np.load("real.npz")
    np.savez(tmp_path / "labelled.npz", images_a=named["x"], kinds=named["y"].astype(str))
    real = f"{tmp_path}/labelled.npz:images_a:kinds"
    found = scored(tmp_path, "--real", real, "--fake", "fake.npz", "--extractor", "classifier")
    assert found["provenance"]["modes"] == "classes (10)"
    assert "need a range" in refusal(
        "--real", "real.npz", "--fake", f"{tmp_path}/named.npz:samples"
    )


def test_points_are_scored_as_they_are(tmp_path: Path) -> None:
    stream = np.random.default_rng(0)
    real, fake = stream.normal(0, 1, (2000, 2)), stream.normal(0.5, 2, (2000, 2))
    np.savez(tmp_path / "real.npz", x=real)
    np.savez(tmp_path / "fake.npz", x=fake)
    found = scored(tmp_path, "--real", f"{tmp_path}/real.npz", "--fake", f"{tmp_path}/fake.npz")
    assert found["provenance"]["extractor"] == "points" and "sharpness" not in found["measures"]
    assert found["measures"]["fid"] == pytest.approx(
        2 * 0.5**2 + 2 * (2 - 1) ** 2, rel=0.1
    )  # Dowson and Landau 1982
    assert found["floor"]["fid"] < 0.05
    assert not any("KID means nothing" in note for note in found["notes"])


def test_points_far_from_the_origin_are_compared_exactly(tmp_path: Path) -> None:
    """Map coordinates: the generator is off by 8 standard deviations. By SciPy in double precision."""
    stream = np.random.default_rng(5)
    origin = np.array([480_000.0, 520_000.0])
    groups = [stream.normal(size=(600, 2)) * 30 + shift + origin for shift in ([0, 0], [240.0, 0])]
    real, fake = (values.astype(np.float32).astype(np.float64) for values in groups)
    between = cdist(real, fake)
    for name, values in (("real", real), ("fake", fake)):
        np.savez(tmp_path / f"map_{name}.npz", x=values)
    paths = ("--real", f"{tmp_path}/map_real.npz", "--fake", f"{tmp_path}/map_fake.npz")
    found = scored(tmp_path, *paths)
    measures = found["measures"]
    radii = np.sort(cdist(real, real), 1)[:, 3]
    fake_radii = np.sort(cdist(fake, fake), 1)[:, 3]
    assert measures["precision"] == (between <= radii[:, None]).any(0).mean() == 0
    assert measures["recall"] == (between <= fake_radii).any(1).mean() == 0
    assert measures["fid"] == pytest.approx(240**2, rel=0.05)
    assert any("KID means nothing for these points" in note for note in found["notes"])
    assert not any("collapsed" in note for note in found["notes"]), "they are off, and not alike"


def test_points_that_single_precision_would_round_together_are_refused(tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(100, 2)) + np.array([0, 1e8])
    np.savez(tmp_path / "far.npz", x=points)
    told = refusal("--real", f"{tmp_path}/far.npz", "--fake", f"{tmp_path}/far.npz")
    assert "single precision, which moves column 1 by up to" in told
    assert "subtract its mean first" in told


def notes_of(tmp_path: Path, *arguments: str, about: str) -> list[str]:
    """Return the notes on one thing, each of which the terminal shows too."""
    found = scored(tmp_path, "--extractor", "pixels", *arguments)
    shown = score("--extractor", "pixels", *arguments).stdout
    notes = [note for note in found["notes"] if about in note]
    assert all(f"Note        {note}" in shown for note in notes)
    return notes


def test_a_generator_of_one_image_is_scored_and_called_collapsed(tmp_path: Path) -> None:
    real = np.load("real.npz")["x"]
    np.savez(tmp_path / "one.npz", x=real[:1].repeat(400, 0), y=np.zeros(400, int))
    fake = f"{tmp_path}/one.npz"
    found = scored(tmp_path, "--real", "real.npz", "--fake", fake, "--extractor", "pixels")
    measures, notes = found["measures"], found["notes"]
    assert (measures["precision"], measures["effective_modes"]) == (1, 1)
    distances = cdist(real[:1].reshape(1, -1), real.reshape(400, -1))
    assert measures["recall"] == (distances == 0).mean() == 1 / 400
    assert "all 400 generated samples are equal: the generator has collapsed" in notes
    assert any(
        "narrow, as a collapsed generator's: effective modes 1, of" in note for note in notes
    )
    # Copies with noise are unlike one another, and collapsed all the same.
    noisy = real[:1] + np.random.default_rng(0).integers(0, 3, (400, 8, 8))
    np.savez(tmp_path / "one.npz", x=np.minimum(noisy, 255).astype(np.uint8))
    again = notes_of(tmp_path, "--real", "real.npz", "--fake", fake, about="collapsed")
    assert [note[:30] for note in again] == ["the generated samples are narr"]
    assert not notes_of(tmp_path, "--real", "real.npz", "--fake", "train.npz", about="collapsed")


def test_values_that_fill_a_small_part_of_the_range_are_noted(tmp_path: Path) -> None:
    shades = np.load("fake.npz")["x"] / 255
    arrays = {
        "cast": np.uint8(shades),
        "unit": np.float32(shades),
        "symmetric": np.float32(shades * 2 - 1),
        "bytes": np.float32(shades * 255),
        "dim": np.uint8(shades * 99),
    }
    for name, values in arrays.items():
        np.savez(tmp_path / f"{name}.npz", x=values)

    def told(name: str, *span: str) -> list[str]:
        stated = ("--fake-range", *span) if span else ()
        paths = ("--real", "real.npz", "--fake", f"{tmp_path}/{name}.npz")
        return notes_of(tmp_path, *paths, *stated, about="of the range")

    of = "of the generated samples: the images use"
    assert told("cast") == [
        f"{of} 0.4% of the range from 0 to 255, 0 to 1: they look like values in [0, 1] that were made "
        "whole numbers without a factor of 255"
    ]
    assert told("unit", "-1", "1") == [
        f"{of} 50% of the range from -1 to 1, 0 to 1: they look like values in [0, 1], which would be "
        "the range to state"
    ]
    assert told("unit", "0", "255")[0].startswith(
        f"{of} 0.4% of the range from 0 to 255, 0 to 1: they"
    )
    assert told("dim") == [
        f"{of} 39% of the range from 0 to 255, 0 to 99: if that is not how dark or flat they are, "
        "another range is meant"
    ]
    for name, *span in (("unit", "0", "1"), ("symmetric", "-1", "1"), ("bytes", "0", "255")):
        assert told(name, *span) == []
    real = ("--real", f"{tmp_path}/cast.npz", "--fake", "fake.npz")
    assert notes_of(tmp_path, *real, about="0.4% of the range")[0].startswith(
        "of the real samples: the"
    )


def test_twelve_bits_in_files_of_sixteen_are_noted(tmp_path: Path) -> None:
    shades = np.load("fake.npz")["x"] / 255
    for bits in (12, 16):
        (tmp_path / f"{bits}").mkdir()
        for number, image in enumerate(shades):
            deep = np.uint16(np.round(image * (2**bits - 1)))
            Image.fromarray(deep).save(tmp_path / f"{bits}" / f"{number}.png")
    grey = ("--real", "real", "--channels", "grey")
    (note,) = notes_of(tmp_path, *grey, "--fake", f"{tmp_path}/12", about="of the range")
    assert note.startswith(
        "of the generated samples: the images use 6% of the range from 0 to 65535,"
    )
    assert "they look like 12-bit values in files of 16 bits" in note
    assert not notes_of(tmp_path, *grey, "--fake", f"{tmp_path}/16", about="of the range")


def test_labels_that_mean_none_are_noted(tmp_path: Path) -> None:
    arrays = np.load("real.npz")
    labels = np.where(np.arange(400) % 7 == 0, -1, arrays["y"])
    np.savez(tmp_path / "labelled.npz", x=arrays["x"], y=labels)
    paths = ("--real", f"{tmp_path}/labelled.npz", "--fake", "fake.npz")
    assert notes_of(tmp_path, *paths, about="label") == [
        "of the real samples: 58 of 400 images have the label '-1', which counts as a class like any "
        "other; leave out what has no label"
    ]
    assert not notes_of(tmp_path, "--real", "real.npz", "--fake", "fake.npz", about="label")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--real", "none", "--fake", "fake"),
            "real samples: path must be a folder of pictures or a zip of them, and none is not there",
        ),
        (
            ("--real", "real", "--fake", "none.npz"),
            "generated samples: path must be an npz file, and none.npz is not th",
        ),
        (
            ("--real", "real", "--fake", "fake.npz:z"),
            "generated samples: fake.npz: unknown array 'z'; known: x, y",
        ),
        (
            ("--real", "real", "--fake", "fake.npz"),
            "must have one shape, got 3 x 8 x 8 and 1 x 8 x 8; size, crop and channels",
        ),
        (
            ("--real", "real", "--fake", "mixed"),
            "generated samples: pictures must have one size where no size is stated",
        ),
        (
            ("--real", "one colour", "--fake", "fake"),
            "real samples: images: the images must differ",
        ),
        (
            ("--real", "nan.npz", "--fake", "fake.npz"),
            "real samples: nan.npz: arrays: images must be finite, but 1 of",
        ),
        (
            ("--real", "real.npz", "--fake", "few.npz"),
            "IS needs >= 10 generated samples, got 9; take more",
        ),
        (
            ("--real", "few.npz", "--fake", "few.npz", "--extractor", "pixels"),
            "density and coverage needs >= 6 real (in either half) samples, got 4; take more",
        ),
        (
            ("--real", "few.npz", "--fake", "fake.npz"),
            "IS needs >= 10 real (in either half) samples, got 4; take more",
        ),
        (
            ("--real", "real.npz", "--fake", "fake.npz", "--train", "few.npz"),
            "IS needs >= 10 training samples, got 9; take more",
        ),
        (
            ("--real", "real.npz", "--fake", "fake.npz", "--size", "16"),
            "--size, --crop and --channels are for pictures in folders; arrays in npz files stay as they are",
        ),
        (
            ("--real", "bare.npz", "--fake", "fake.npz", "--extractor", "classifier"),
            "extractor 'classifier' needs labels, and arrays has none; take inception-v3-compat or pixels",
        ),
        (
            (
                "--real",
                "real.npz",
                "--fake",
                "fake.npz",
                "--train",
                "bare.npz",
                "--extractor",
                "classifier",
            ),
            "needs labels of the same classes for training and real images, got [] and ['0', '1',",
        ),
        (
            ("--real", "one colour", "--fake", "fake", "--extractor", "classifier"),
            "labels = 'folders' needs every picture in a sub-folder, and one colour/",
        ),
        (
            ("--real", "real", "--fake", "fake", "--weights", "none.pth"),
            "weights must be a file that can be read, and no",
        ),
        (
            ("--real", "real", "--fake", "fake", "--weights", "none.pth", "--extractor", "pixels"),
            "weights are those of extractor 'inception-v3-compat', and the extractor here is 'pixels'",
        ),
        (
            ("--real", "real", "--fake", "fake", "--weights-digest", "12"),
            "--weights-digest: String should match pattern",
        ),
        (
            ("--real", "real.npz", "--fake", "fake.npz", "--fake-range", "1", "0"),
            "--fake: range must be [low, high] with low < high",
        ),
        (
            (
                "--real",
                "real.npz",
                "--fake",
                "fake.npz",
                "--extractor",
                "pixels",
                "--json",
                "real/class 1",
            ),
            "real/class 1 cannot be written: Is a directory",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused_in_one_sentence(
    files: Path, arguments: tuple[str, ...], message: str
) -> None:
    if not Path("few.npz").exists():
        real = np.load("real.npz")["x"]
        np.savez("few.npz", x=real[:9])
        np.savez("bare.npz", x=real)
        floats = real / np.float32(255)
        floats[7, 0, 0] = np.nan
        np.savez("nan.npz", x=floats)
        for name, pictures in (
            ("mixed", [real[0], real[1], np.zeros((9, 9), np.uint8)]),
            ("one colour", [real[0]] * 12),
        ):
            Path(name).mkdir()
            for number, picture in enumerate(pictures):
                Image.fromarray(picture).save(Path(name) / f"{number}.png")
    if "nan.npz" in arguments:
        arguments = (*arguments, "--real-range", "0", "1")
    if "--json" in arguments:
        result = score(*arguments)
        assert (result.exit_code, message in result.stderr) == (2, True)
        return
    assert message in refusal(*arguments)


@pytest.mark.skipif(
    not (TRUNK.exists() and CIFAR.exists()),
    reason="GANSTUDY_REAL_DATA has no weights or no cifar10.npz",
)
@pytest.mark.slow
def test_photographs_by_inception(tmp_path: Path) -> None:
    """20 against 20: too few for FID, so n/a; KID and precision are those of calculate_metrics."""
    photographs = np.load(CIFAR)["test_x"]
    coarse = photographs[20:40, ::4, ::4].repeat(4, 1).repeat(4, 2)
    for name, images in (("real", photographs[:20]), ("fake", coarse)):
        (tmp_path / name).mkdir()
        for number, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / name / f"{number}.png")
    paths = {"real": str(tmp_path / "real"), "fake": str(tmp_path / "fake")}
    found = scored(
        tmp_path, *("--real", paths["real"], "--fake", paths["fake"], "--weights", str(TRUNK))
    )
    expected = torch_fidelity.calculate_metrics(
        input1=paths["fake"],
        input2=paths["real"],
        kid=True,
        kid_subset_size=20,
        kid_subsets=1,
        prc=True,
        feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(TRUNK),
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
    )
    assert found["measures"]["kid"] == pytest.approx(
        expected["kernel_inception_distance_mean"], abs=1e-6
    )
    assert found["measures"]["kid"] > 0.1 > abs(found["floor"]["kid"])
    assert found["measures"]["precision"] == pytest.approx(expected["precision"], abs=1e-6)
    assert found["measures"]["recall"] == pytest.approx(expected["recall"], abs=1e-6)
    assert found["measures"]["fid"] is None and "inception_score" not in found["measures"]
    assert found["provenance"]["extractor_digest"] == "d34db69c56adcbbc"
    notes = " ".join(found["notes"])
    assert (
        "FID is not available: 2048 features need more samples than that on both sides, and there are 20"
        in notes
    )
    assert (
        "IS is not available: the weights of inception-v3-compat have no classifier (fc)" in notes
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["colour.png", "grey.png", "colour.jpg"])
def test_inceptions_scores_are_torch_fidelitys_own_for_pictures_of_any_form(
    tmp_path: Path, kind: str
) -> None:
    """By Inception with random weights, which need no download: what it is given are the same pictures."""
    nothing, weights = io.BytesIO(), tmp_path / "weights.pth"
    torch.save({}, nothing)
    nothing.seek(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Untrained("untrained", ["2048"], feature_extractor_weights_path=nothing)
        for module in network.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight)
    torch.save(dict(network.state_dict()), weights)
    real, fake = (Path(folder) for folder in wide_folders(tmp_path, kind))
    for folder, kept in ((real, 24), (fake, 12)):
        for surplus in sorted(folder.rglob("*.*"))[kept:]:
            surplus.unlink()
    paths = ("--real", str(real), "--fake", str(fake), "--weights", str(weights))
    measures = scored(tmp_path, *paths)["measures"]
    expected = torch_fidelity.calculate_metrics(
        input1=str(fake),
        input2=str(real),
        samples_find_deep=True,
        isc=True,
        kid=True,
        kid_subset_size=12,
        kid_subsets=1,
        prc=True,
        feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(weights),
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
    )
    assert measures["inception_score"] == pytest.approx(expected["inception_score_mean"], rel=1e-5)
    assert measures["precision"] == pytest.approx(expected["precision"], abs=1e-6)
    assert measures["recall"] == pytest.approx(expected["recall"], abs=1e-6)
    assert measures["fid"] is None, "2,048 features of 12 samples have no covariance"
