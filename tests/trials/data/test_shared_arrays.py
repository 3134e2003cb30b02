"""Large data sets are files that processes map: the same values as in memory, written once."""

from __future__ import annotations

import errno
import io
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from torch import Tensor

from ganstudy.trials.config.data import Arrays, DataOptions, Images, Parquet, StackedDigits
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data import Dataset, load, prepared_pictures, shared_arrays
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.training.training_loop import TrainingLoop

NUM, SIDE = 300, 8


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the files, which is not there yet."""
    monkeypatch.setenv(shared_arrays.ENVIRONMENT, str(tmp_path / "cache"))
    return tmp_path / "cache" / "arrays"


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every data set is a large one."""
    monkeypatch.setattr(shared_arrays, "LARGE", 1)


def picture(seed: int) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DataOptions]:
    """The same pictures, two of which are broken, as a folder, a zip and a Parquet file; an npz file."""
    root = tmp_path_factory.mktemp("sources")
    files = {f"{seed:03d}.png": picture(seed) for seed in range(NUM)}
    files["005.png"] = files["200.png"] = b"broken"
    (root / "folder").mkdir()
    with zipfile.ZipFile(root / "all.zip", "w") as archive:
        for name, data in files.items():
            (root / "folder" / name).write_bytes(data)
            archive.writestr(name, data)
    rows = pa.array([{"bytes": data, "path": name} for name, data in files.items()])
    labels = pa.array(["ab"[index % 2] for index in range(NUM)])
    table = pa.table({"image": rows, "label": labels})
    pq.write_table(table, root / "a.parquet", row_group_size=32)
    images = np.random.default_rng(0).integers(0, 256, (NUM, SIDE, SIDE), dtype=np.uint8)
    np.savez(root / "a.npz", x=images, y=np.arange(NUM) % 3)
    return {
        "folder": Images(path=str(root / "folder"), bad_files="skip"),
        "zip": Images(path=str(root / "all.zip"), bad_files="skip", limit=250, size=6),
        "parquet": Parquet(path=str(root / "a.parquet"), bad_files="skip", limit=280),
        "arrays": Arrays(path=str(root / "a.npz"), layout="channels_last"),
        "stacked": StackedDigits(num_stacks=200, held_out_stacks=100),
    }


def is_mapped(values: Tensor, folder: Path) -> bool:
    """Whether the values lie in the mapping of a file in the folder."""
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        start, _, end = line.split()[0].partition("-")
        if int(start, 16) <= values.data_ptr() < int(end, 16):
            return str(folder) in line
    return False


SOURCES = ("folder", "zip", "parquet", "arrays", "stacked")


@pytest.mark.parametrize("name", SOURCES)
def test_a_mapped_data_set_is_that_in_memory(
    name: str, sources: dict[str, DataOptions], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = load(sources[name])
    assert not cache.exists() and not is_mapped(here.train, cache)
    monkeypatch.setattr(shared_arrays, "LARGE", 1)
    for _ in range(2):  # written, and found
        there = load(sources[name])
        assert is_mapped(there.train, cache) and is_mapped(there.held_out, cache)
        assert there.digest == here.digest and there.shape == here.shape
        assert (there.notes, there.conversions) == (here.notes, here.conversions)
        assert there.class_names == here.class_names
    assert not list(cache.glob("*.partial")) and cache.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ("folder", "zip", "parquet"))
@pytest.mark.usefixtures("large")
def test_what_is_found_is_not_decoded_again(
    name: str, sources: dict[str, DataOptions], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load(sources[name])
    written: list[Path] = []
    write = prepared_pictures._write
    monkeypatch.setattr(
        prepared_pictures, "_write", lambda *given: (written.append(given[0]), write(*given))[1]
    )
    assert load(sources[name]).digest == first.digest and not written
    halved = {"held_out": 0.5}  # is no property of the pixels
    assert load(sources[name].model_copy(update=halved)).digest != first.digest and not written
    load(sources[name].model_copy(update={"channels": "grey"}))
    load(sources[name].model_copy(update={"limit": 200}))
    assert len(written) == 2
    for array in cache.glob("*.npy"):  # somebody made room
        array.unlink()
    assert load(sources[name]).digest == first.digest


@pytest.mark.usefixtures("large")
def test_other_pictures_of_the_same_names_are_read_anew(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in range(6):
        (folder / f"{seed}.png").write_bytes(picture(seed))
    first = load(Images(path=str(folder)))
    (folder / "3.png").write_bytes(picture(99))
    second = load(Images(path=str(folder)))
    assert second.digest != first.digest
    (folder / "3.png").write_bytes(picture(3))
    assert load(Images(path=str(folder))).digest == first.digest


@pytest.mark.usefixtures("large")
def test_what_one_process_changes_none_beside_it_sees(sources: dict[str, DataOptions]) -> None:
    one, other = load(sources["folder"]), load(sources["folder"])
    before = other.train[0].clone()
    one.train[0] = 255 - one.train[0]
    assert torch.equal(other.train[0], before) and not torch.equal(one.train[0], before)
    assert torch.equal(load(sources["folder"]).train[0], before)


@pytest.mark.usefixtures("large")
def test_of_several_that_begin_at_once_one_writes(
    sources: dict[str, DataOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Any] = []
    write = prepared_pictures._write
    monkeypatch.setattr(
        prepared_pictures, "_write", lambda *given: (written.append(given), write(*given))[1]
    )
    with ThreadPoolExecutor(4) as pool:
        digests = list(pool.map(lambda _: load(sources["parquet"]).digest, range(4)))
    assert len(set(digests)) == 1 and len(written) == 1


@pytest.mark.parametrize("name", ("parquet", "arrays"))
@pytest.mark.usefixtures("large")
def test_a_full_disk_is_one_message_and_leaves_nothing(
    name: str, sources: dict[str, DataOptions], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(
        ValueError, match=r"cannot be written \(No space left on device\); set GANS"
    ):
        load(sources[name])
    assert not [path for path in cache.iterdir() if path.suffix != ".lock"]
    monkeypatch.setenv(shared_arrays.ENVIRONMENT, "/proc/none")
    with pytest.raises(
        ValueError, match=r"/proc/none/arrays, which cannot be written .*set GANSTUDY_"
    ):
        load(sources[name])


@pytest.mark.usefixtures("large")
def test_a_damaged_file_is_named(sources: dict[str, DataOptions], cache: Path) -> None:
    load(sources["folder"])
    (path,) = cache.glob("*.npy")
    os.truncate(path, 200)
    with pytest.raises(ValueError, match=rf"{path.name} is damaged .*; remove it"):
        load(sources["folder"])


def pair(options: DataOptions, monkeypatch: pytest.MonkeyPatch) -> list[Dataset]:
    """The data in memory, and mapped."""
    here = load(options)
    monkeypatch.setattr(shared_arrays, "LARGE", 1)
    return [here, load(options)]


def test_batches_are_those_of_data_in_memory(
    sources: dict[str, DataOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TrialConfig(
        data=sources["parquet"].model_copy(update={"mirror": True}),
        model={"name": "mlp", "width": 8, "latent_dim": 2},
        seeds=(0, 3),
        batch_size=50,
        budget={"unit": "generator_steps", "amount": 8},
    )
    met: list[list[Tensor]] = []
    for data in pair(config.data, monkeypatch):
        loop = TrainingLoop(config, data, torch.device("cpu"))
        met.append([])
        for step in (7, 0, 3, 4, 5):  # several straddle two epochs; in any order, as after a resume
            loop.counters.discriminator_steps = step
            real = loop.next_batch("discriminator").real
            assert real is not None
            met[-1].append(real)
    assert all(torch.equal(*both) for both in zip(*met, strict=True))


def test_scores_are_those_of_data_in_memory(
    sources: dict[str, DataOptions], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measures = MeasuresConfig(extractor="pixels", samples=80, game_steps=0)
    options = sources["folder"].model_copy(update={"held_out": 100})
    here, there = (
        Evaluator(data, None, torch.device("cpu"), measures) for data in pair(options, monkeypatch)
    )
    assert there.floor == here.floor and there.provenance == here.provenance
    assert is_mapped(there._training.train, cache)
    samples = torch.rand(1, 80, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert there.measure(samples) == here.measure(samples)
    assert torch.equal(there.nearest_training(samples[0]), here.nearest_training(samples[0]))
