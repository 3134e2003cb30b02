"""`ganstudy ui`: the page that it opens once MLflow answers, asked of a server that is made up."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ganstudy.study.cli import ui
from ganstudy.study.cli.mlflow_page import study_pages, wait_until_it_answers
from ganstudy.study.home import Home
from ganstudy.study.tracking import mlflow_pages as pages


class Server(ThreadingHTTPServer):
    """Answers as MLflow does, with the tags of one experiment and the parameters of its run."""

    tags: dict[str, str] = {}
    objective = "minimize fid"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.path.endswith("experiment_name=other"):
            self.send_error(404)
            return
        tags = [{"key": key, "value": value} for key, value in self.server.tags.items()]
        self._answer({"experiment": {"experiment_id": "7", "tags": tags}})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        params = [
            {"key": "data", "value": "x"},
            {"key": "objective", "value": self.server.objective},
        ]
        self._answer({"runs": [{"data": {"params": params}}]})

    def _answer(self, content: dict[str, Any]) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as made:
        yield made
        made.kill()


@pytest.mark.parametrize("confirm", [False, True])
def test_the_pages_of_a_study(server: Server, confirm: bool) -> None:
    server.tags = pages.view_tags("fid", confirm=confirm)
    found = study_pages(server.address, "mine")
    assert found["Trials, best first"] == server.address + pages.runs_page("7", pages.View.SEARCH)
    assert ("Confirmed" in found) is confirm


def test_a_study_of_an_older_version_is_sorted(server: Server) -> None:
    server.tags = {}
    (page,) = study_pages(server.address, "mine").values()
    assert page == server.address + pages.sorted_runs_page("7", "fid")
    server.objective = "?"
    assert study_pages(server.address, "mine") == {} == study_pages(server.address, "other")


def test_a_server_that_has_ended_is_not_waited_for(
    server: Server, process: subprocess.Popen[bytes]
) -> None:
    assert wait_until_it_answers(process, server.address)
    process.kill()
    process.wait()
    assert not wait_until_it_answers(process, server.address)


@pytest.mark.parametrize("no_open", [False, True])
def test_the_browser_opens_where_the_best_trials_are(
    server: Server,
    process: subprocess.Popen[bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    no_open: bool,
) -> None:
    server.tags = pages.view_tags("fid")
    opened: list[str] = []
    monkeypatch.setattr(ui.webbrowser, "open", opened.append)
    ui._show(process, server.address, Home(tmp_path), "mine", no_open)
    page = server.address + pages.runs_page("7", pages.View.SEARCH)
    assert opened == ([] if no_open else [page])
    assert f"Trials, best first: {page}\n" in capsys.readouterr().out
    # No one study is meant where none is named and there are several, or none.
    ui._show(process, server.address, Home(tmp_path), None, False)
    assert opened[-1] == server.address + ui.TRAININGS_VIEW
