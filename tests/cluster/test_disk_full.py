"""Full disks: small file systems of their own, filled while a study runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
TRIALS, EVALUATIONS = 4, 4


@pytest.fixture
def small_disk() -> Iterator[Callable[[Path, int], Path]]:
    """Mounts a file system of so many megabytes; skips where that is not allowed."""
    mounted: list[Path] = []

    def mount(place: Path, megabytes: int) -> Path:
        place.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(place)]
        tried = (
            subprocess.run(command, capture_output=True, text=True, check=False)
            if os.geteuid() == 0
            else None
        )
        if tried is None or tried.returncode:
            pytest.skip(
                f"no file system can be mounted here: {tried.stderr.strip() if tried else 'not root'}"
            )
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=False)


def fill(place: Path) -> Path:
    """A file that takes all the room there is."""
    path = place / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    return path


def stopped_by_it(operator, running, filler: Path) -> None:
    code, output = running.wait()
    print("\n" + output.splitlines()[-2] if output.splitlines() else "")
    assert code in (2, 130), output
    assert "o space left" in output or "disk is full" in output, output
    assert "Traceback" not in output, output
    assert operator.ledger().search.counts()["failed"] == 0, "a full disk is no fault of a trial"
    filler.unlink()
    code, output = operator.run("resume", "small")
    assert code == 0, output
    operator.assert_whole(TRIALS, EVALUATIONS)


@pytest.mark.exhaustive
def test_no_room_for_checkpoints(operator, small_study, small_disk) -> None:
    place = small_disk(operator.home.study("small").checkpoints, 24)
    operator.write(small_study(steps=1200, trials=TRIALS, sampler="random", schedule="fifo"))
    running = operator.start()
    running.wait_for(r"^\[1/")
    stopped_by_it(operator, running, fill(place))


def test_no_room_for_anything(operator, small_study, small_disk) -> None:
    """Ledger, spool, checkpoints and the embedded MLflow on one disk."""
    place = small_disk(operator.folder / "data", 64)
    operator.write(small_study(steps=1200, trials=TRIALS, sampler="random", schedule="fifo"))
    running = operator.start()
    running.wait_for(r"^\[1/")
    stopped_by_it(operator, running, fill(place))


@pytest.mark.exhaustive
def test_no_room_from_the_start(operator, small_study, small_disk) -> None:
    place = small_disk(operator.folder / "data", 8)
    filler = fill(place)
    operator.write(small_study(steps=80, trials=TRIALS, sampler="random", schedule="fifo"))
    code, output = operator.run()
    assert code == 2 and "Traceback" not in output, output
    assert "o space left" in output or "disk is full" in output, output
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True)
    code, output = operator.run()
    assert code == 0, output
    operator.assert_whole(TRIALS, EVALUATIONS)
