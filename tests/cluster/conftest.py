"""Studies in processes of their own, to be killed, starved and cut off, and then looked at for what was lost."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from ganstudy.analysis.frames.load import load_study
from ganstudy.study.home import Home
from ganstudy.study.ledger.ledger import Ledger

GANSTUDY = [sys.executable, "-u", "-P", "-c", "from ganstudy.study.cli.main import main; main()"]
OF_THE_MACHINE = {"seconds", "evaluation_seconds", "device_seconds", "peak_memory_bytes"}


class Running:
    """A command of ganstudy under way; its output can be waited for."""

    def __init__(
        self, folder: Path, arguments: tuple[str, ...], environment: dict[str, str]
    ) -> None:
        self.process = subprocess.Popen(
            [*GANSTUDY, *arguments],
            cwd=folder,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.output = ""
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def wait_for(self, pattern: str, seconds: float = 400) -> re.Match[str]:
        """Until a line matches."""
        until = time.monotonic() + seconds
        while True:
            line = self._next(until, f"no line like {pattern!r} within {seconds} s")
            assert line is not None, f"ended without a line like {pattern!r}:\n{self.output}"
            if match := re.search(pattern, line):
                return match

    def wait(self, seconds: float = 600) -> tuple[int, str]:
        """(exit code, output) once it has ended."""
        until = time.monotonic() + seconds
        while self._next(until, f"it did not end within {seconds} s") is not None:
            pass
        return self.process.wait(10), self.output

    def _next(self, until: float, trouble: str) -> str | None:
        try:
            line = self._lines.get(timeout=max(0.1, until - time.monotonic()))
        except queue.Empty:
            self.kill()
            raise AssertionError(f"{trouble}:\n{self.output}") from None
        self.output += line or ""
        return line

    def signal(self, number: int) -> None:
        """To the driver alone."""
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """The driver, without a word."""
        self.signal(signal.SIGKILL)
        self.process.wait(30)

    def workers(self) -> list[psutil.Process]:
        """The processes in which its trials are trained."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if "Trainable" in _name(child)]


def _name(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


class Operator:
    """Runs the study of study.toml in `folder`, and looks at what is left of it."""

    def __init__(self, folder: Path, classifier_cache: Path) -> None:
        self.folder, self.home = folder, Home(folder / "data")
        self._classifier_cache = classifier_cache
        self.environment: dict[str, str] = {}
        self._started: list[Running] = []

    def write(self, text: str, both_cores: bool = False) -> None:
        """The study file; where it is the small study of digits, on points, which are measured at once."""
        if "[measures]" not in text:
            text = text.replace('name = "digits"', 'name = "ring"')
            text += "\n[measures]\nsamples = 200\ngame_steps = 0\n"
        if "[resources]" not in text:
            # One trial at a time, which is what is watched; packs have their own tests.
            text += "\n[resources]\nlanes = 1\n"
            if not both_cores:
                text += "max_concurrent = 1\n"  # one worker: most of a run is its start
        (self.folder / "study.toml").write_text(text)

    def give_classifier(self) -> None:
        """The one of digits, which a first study would train."""
        shutil.copytree(self._classifier_cache, self.home.cache)

    def another(self, folder: Path) -> Operator:
        """One who knows nothing of this one's studies."""
        return Operator(folder, self._classifier_cache)

    def start(self, command: str = "run", name: str = "study.toml", *options: str) -> Running:
        running = Running(
            self.folder, (command, name, "--home", "data", *options), self.environment
        )
        self._started.append(running)
        return running

    def run(self, command: str = "run", name: str = "study.toml", *options: str) -> tuple[int, str]:
        return self.start(command, name, *options).wait()

    def ledger(self, name: str = "small") -> Ledger:
        return Ledger.open(self.home.study(name).ledger)

    def rows(self, name: str = "small") -> dict[int, dict[str, Any]]:
        """The ledger's trials by number, without MLflow's ids."""
        rows = [row.to_json() for row in self.ledger(name).trials()]
        return {
            row["number"]: {key: value for key, value in row.items() if key != "run_id"}
            for row in rows
        }

    def wait_until(self, reached: Callable[[], bool], what: str, seconds: float = 400) -> None:
        until = time.monotonic() + seconds
        while not reached():
            assert time.monotonic() < until, f"not {what} within {seconds} s"
            time.sleep(0.1)

    def checkpoints(self, name: str = "small") -> list[Path]:
        """The newest checkpoint of every trial."""
        folders = sorted(self.home.study(name).checkpoints.glob("[0-9]*"))
        newest = (sorted(folder.glob("*.safetensors"))[-1:] for folder in folders)
        return [path for paths in newest for path in paths]

    def assert_whole(
        self, trials: int, evaluations: int, uri: str | None = None, name: str = "small"
    ) -> Any:
        """Every trial once and complete, every evaluation of every seed once: in ledger, MLflow and report alike."""
        rows = self.rows(name)
        assert sorted(rows) == list(range(trials))
        assert {row["state"] for row in rows.values()} == {"complete"}, rows
        study = load_study(name, self.home.tracking_uri(uri))
        assert study.trials["number"].tolist() == list(range(trials)), "one run per trial"
        assert set(study.trials["state"]) == {"complete"}
        seeds = len(self.ledger(name).spec.train.seeds)
        assert not study.evaluations[["number", "seed", "evaluation"]].duplicated().any()
        assert len(study.evaluations) == trials * seeds * evaluations
        assert not list(self.home.study(name).outbox.glob("*.json")), "nothing waits"
        table = pd.read_csv(self.home.study(name).path / "tables" / "trials.csv")
        assert table["number"].tolist() == list(range(trials)) and set(table["state"]) == {
            "complete"
        }, "in the report"
        return study

    def end(self) -> None:
        for running in self._started:
            if running.process.poll() is None:
                running.kill()


@pytest.fixture
def operator(tmp_path: Path, classifier_cache: Path) -> Iterator[Operator]:
    operator = Operator(tmp_path, classifier_cache)
    yield operator
    operator.end()


@pytest.fixture(scope="session")
def without_the_machine() -> Callable[[Any], Any]:
    """Evaluations without what depends on how fast the machine was, in order."""

    def rows(study: Any) -> Any:
        frame = study.evaluations.drop(
            columns=[c for c in OF_THE_MACHINE if c in study.evaluations]
        )
        return frame.sort_values(["number", "seed", "evaluation"]).reset_index(drop=True)

    return rows


@pytest.fixture(scope="session")
def stop_ray() -> Callable[[str], None]:
    """Ends the nodes whose files lie in a folder; `ray stop` would end those of other tests too."""

    def stop(folder: str) -> None:
        found = [process for process in psutil.process_iter() if f"{folder}/" in _name(process)]
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=30)

    return stop
