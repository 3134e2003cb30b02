"""Studies whose records go to a real MLflow server over HTTP, artifacts included: there, away, failing, hanging."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
TRIALS, EVALUATIONS = 3, 4


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """An MLflow server that can be killed and started again on its data."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.port = folder, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            sys.executable,
            "-P",
            "-m",
            "mlflow",
            "server",
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
        ]
        command += [
            "--backend-store-uri",
            f"sqlite:///{self._folder / 'server.db'}",
            "--workers",
            "1",
        ]
        command += ["--artifacts-destination", (self._folder / "served").as_uri()]
        environment = {
            **os.environ,
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        self._process = subprocess.Popen(
            command,
            env=environment,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{self.address}/health", timeout=1)
                return
            except OSError:
                time.sleep(0.2)
        raise AssertionError("the server does not answer")

    def kill(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, 9)
            self._process.wait(30)
            self._process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.kill()


class Proxy:
    """Stands before the server and passes on, fails, delays or hangs, as it is told."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.mood = "passes"
        self.misbehaved = dict.fromkeys(("fails", "hangs", "slow"), 0)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        mood = self.mood
        if mood in self.misbehaved:
            self.misbehaved[mood] += 1
        with client:
            if mood == "fails":
                client.recv(65536)
                client.sendall(
                    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy"
                )
                return
            if mood == "hangs":
                while self.mood == "hangs":
                    time.sleep(0.1)
                return
            if mood == "slow":
                time.sleep(1.0)
            with socket.create_connection(("127.0.0.1", self._target)) as server:
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join(60)

    def close(self) -> None:
        self.mood = "passes"
        self._socket.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def write(operator, small_study, uri: str, steps: int = 80) -> None:
    text = small_study(steps=steps, trials=TRIALS, sampler="random", schedule="fifo")
    operator.write(text + f'\n[tracking]\nuri = "{uri}"\n')


@pytest.mark.exhaustive
def test_a_study_published_to_a_server(server, operator, small_study) -> None:
    server.start()
    write(operator, small_study, server.address)
    code, output = operator.run()
    assert code == 0, output
    study = operator.assert_whole(TRIALS, EVALUATIONS, server.address)
    assert list(study.sample_grids(0)) == [0, 20, 40, 60, 80]
    assert operator.home.study("small").report.exists()
    assert not operator.home.mlflow_database.exists(), "nothing goes to the embedded store"


def test_a_server_that_comes_late_goes_away_and_comes_back(server, operator, small_study) -> None:
    write(operator, small_study, server.address, steps=400)
    running = operator.start()
    running.wait_for(r"^\[1/")  # trained while there was no server at all
    server.start()
    running.wait_for(r"^\[2/")
    server.kill()
    time.sleep(2)
    running.wait_for(r"^\[3/")
    server.start()
    code, output = running.wait()
    assert code == 0, output
    operator.assert_whole(TRIALS, EVALUATIONS, server.address)


def test_a_server_that_is_away_at_the_end(
    server, operator, small_study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.start()
    write(operator, small_study, server.address)
    running = operator.start()
    running.wait_for(r"^\[1/")
    server.kill()
    code, output = running.wait()
    assert code == 1, output
    waiting = int(re.search(r"(\d+) records have not reached MLflow", output)[1])
    assert waiting and "publish small" in output and "Traceback" not in output
    assert operator.ledger().search.counts()["complete"] == TRIALS, "training went on"
    code, output = operator.run("publish", "small")
    assert code == 1 and f"0 of {waiting} waiting records published" in output, "still away"
    server.start()
    start = time.monotonic()
    code, output = operator.run("publish", "small")
    assert code == 0 and f"{waiting} of {waiting} waiting records published" in output, output
    print(f"\n{waiting} records published in {time.monotonic() - start:.0f} s")
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(downloads))
    study = operator.assert_whole(TRIALS, EVALUATIONS, server.address)
    assert list(study.sample_grids(0)) == [0, 20, 40, 60, 80] and study.study_file()
    assert not list(downloads.iterdir()), "what was read stays nowhere"
    assert operator.home.study("small").report.exists()
    assert not operator.home.mlflow_database.exists(), "nothing goes to the embedded store"


def test_a_server_that_fails_then_hangs_then_is_slow(server, operator, small_study) -> None:
    server.start()
    proxy = Proxy(server.port)
    try:
        write(operator, small_study, proxy.address, steps=400)
        running = operator.start()
        running.wait_for("measured with")
        for number, mood in enumerate(("fails", "hangs", "slow"), 1):
            proxy.mood = mood
            running.wait_for(rf"^\[{number}/")  # training does not wait
            operator.wait_until(
                lambda mood=mood: proxy.misbehaved[mood], f"a request in the mood {mood!r}", 120
            )
        proxy.mood = "passes"
        code, output = running.wait()
        assert code == 0, output
        operator.assert_whole(TRIALS, EVALUATIONS, proxy.address)
    finally:
        proxy.close()
