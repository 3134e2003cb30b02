"""The memory that a large data set takes: of one process that prepares and trains on it, and of several workers.

Pictures of 64 x 64 in a Parquet file. One worker reads them with an empty cache; then all workers at once load,
measure the floor, train some steps and evaluate, and are looked at while all of them stand. What the system can take
back at any time (pages of files) is not memory that a process needs: of the first worker its anonymous memory is
bounded, at its peak. Of all workers the proportional set size counts, files included, less what as many workers take
on a small set.

    python tests/benchmarks/data_memory.py [--gigabytes 3] [--workers 8] [--short]
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

SIDE = 64
BYTES = 3 * SIDE * SIDE
FEW = 1_500
"""Pictures of the small set."""
HELD_OUT = 500
STEPS = 20


@dataclass
class Memory:
    """Of one worker; bytes and seconds."""

    pss: int
    arrays: int
    """Of `pss`, the mapped files of the data."""
    anonymous: int
    peak_anonymous: int
    seconds: float


def write_pictures(path: Path, num: int) -> None:
    """A Parquet file of noise, as bitmaps: their size is that of the pixels."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    head = struct.pack("<2sIHHI", b"BM", 54 + BYTES, 0, 0, 54)
    head += struct.pack("<IiiHHIIiiII", 40, SIDE, SIDE, 1, 24, 0, BYTES, 2835, 2835, 0, 0)
    stream = np.random.default_rng(0)
    with pq.ParquetWriter(path, pa.schema([("image", pa.binary())]), compression="NONE") as writer:
        for start in range(0, num, 1000):
            rows = [head + stream.bytes(BYTES) for _ in range(min(1000, num - start))]
            writer.write_table(pa.table({"image": pa.array(rows, pa.binary())}))


def lines_of(name: str) -> Iterator[list[str]]:
    for line in Path(f"/proc/self/{name}").read_text(encoding="utf-8").splitlines():
        yield line.split()


def kilobytes(name: str, key: str) -> int:
    return 1024 * next(int(line[1]) for line in lines_of(name) if line[0] == key)


def pss_of(folder: Path) -> int:
    """Return the proportional set size of the mapped files in a folder."""
    found, inside = 0, False
    for line in lines_of("smaps"):
        if "-" in line[0] and not line[0].endswith(":"):
            inside = str(folder) in line[-1]
        elif inside and line[0] == "Pss:":
            found += 1024 * int(line[1])
    return found


def work(path: Path) -> None:
    """What a worker does with a trial; prints its memory and stays until its input ends."""
    start, peak, done = time.perf_counter(), 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, kilobytes("status", "RssAnon:"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    import torch

    from ganstudy.study.tune.training import load_dataset, make_evaluator
    from ganstudy.trials.config.trial import TrialConfig
    from ganstudy.trials.data.shared_arrays import folder
    from ganstudy.trials.training.trial import Trial

    torch.set_num_threads(1)
    config = TrialConfig(
        data={"name": "parquet", "path": str(path), "held_out": HELD_OUT},
        model={"name": "dcgan", "width": 8, "latent_dim": 16},
        batch_size=32,
        seeds=(0,),
        budget={"unit": "generator_steps", "amount": STEPS},
        evaluations=1,
        measures={"extractor": "pixels", "game_steps": 0},
    )
    evaluator = make_evaluator(load_dataset(config.data), config.measures, None, "cpu")
    trial = Trial(config, evaluator)
    row = trial.advance().rows[0]
    assert row.finite and row.measures["duplicates"] is not None
    done.set()
    watcher.join()
    seconds = time.perf_counter() - start
    print("ready", flush=True)
    sys.stdin.readline()  # until all of them stand
    found = Memory(
        kilobytes("smaps_rollup", "Pss:"),
        pss_of(folder()),
        kilobytes("smaps_rollup", "Anonymous:"),
        peak,
        seconds,
    )
    print(json.dumps(asdict(found)), flush=True)
    sys.stdin.readline()


def workers(path: Path, num: int, cache: Path) -> list[Memory]:
    """Return the memory of so many workers, all of them standing."""
    command = [sys.executable, __file__, "--worker", str(path)]
    environment = {**os.environ, "GANSTUDY_CACHE": str(cache)}
    made = [
        subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(num)
    ]
    answers = []
    for wanted in ("ready", "memory", "end"):
        for worker in made:
            assert worker.stdin is not None and worker.stdout is not None
            if wanted != "ready":
                worker.stdin.write("\n")
                worker.stdin.flush()
        if wanted == "end":
            break
        answers = [worker.stdout.readline() for worker in made if worker.stdout]
    for worker in made:
        assert worker.wait() == 0
    return [Memory(**json.loads(answer)) for answer in answers]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gigabytes", type=float, default=3.0, help="of pixels")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--short", action="store_true", help="a tenth of it, and two workers")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker is not None:
        work(options.worker)
        return
    if options.short:
        options.gigabytes, options.workers = 0.3, 2
    num = int(options.gigabytes * 1e9 / BYTES)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large, small = folder / "large.parquet", folder / "small.parquet"
        write_pictures(large, num)
        write_pictures(small, FEW)
        (first,) = workers(large, 1, folder / "cache")
        print(
            f"{num} pictures, {num * BYTES / 1e9:.2f} GB: one worker prepares them, trains and evaluates in "
            f"{first.seconds:.0f} s, with at most {first.peak_anonymous / 1e9:.2f} GB of anonymous memory"
        )
        found = workers(large, options.workers, folder / "cache")
        base = workers(small, options.workers, folder / "cache")
        pss, of_small = (sum(each.pss for each in group) for group in (found, base))
        # The small set lies in the memory of each of its workers.
        images = pss - (of_small - options.workers * FEW * BYTES)
        arrays = sum(each.arrays for each in found)
        print(
            f"{options.workers} workers hold {images / (num * BYTES):.2f} copies; of that "
            f"{arrays / (num * BYTES):.2f} mapped; {pss / 1e9:.2f} GB in all, {of_small / 1e9:.2f} GB on "
            f"a small set; {max(each.seconds for each in found):.0f} s, at most "
            f"{max(each.peak_anonymous for each in found) / 1e9:.2f} GB anonymous each"
        )


if __name__ == "__main__":
    main()
