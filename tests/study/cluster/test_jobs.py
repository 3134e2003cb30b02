"""What is sent to Ray's job server, how long it is followed, and which exit code comes back. The server is played."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ganstudy.study.cluster import jobs as submit
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home


class Jobs:
    """A job server whose job says one line per question, and may end."""

    def __init__(self, lines: list[str], code: int | None = None) -> None:
        """code: of the job, which ends after its last line; None: it goes on."""
        self._lines, self._code, self._asked = lines, code, 0
        self.sent: dict[str, Any] = {}

    def submit_job(self, **sent: Any) -> str:
        self.sent = sent
        return str(sent["submission_id"])

    def get_job_status(self, job: str) -> Any:
        self._asked += 1
        return SimpleNamespace(
            is_terminal=lambda: self._code is not None and self._asked >= len(self._lines)
        )

    def get_job_logs(self, job: str) -> str:
        return "".join(self._lines[: self._asked])

    def get_job_info(self, job: str) -> Any:
        return SimpleNamespace(driver_exit_code=self._code)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Submits to a played server; (exit code, printed lines, what was sent)."""

    def play(jobs: Jobs, to_the_end: bool = False) -> tuple[int, list[str], dict[str, Any]]:
        monkeypatch.setattr(submit, "_client", lambda _: jobs)
        monkeypatch.setattr(submit, "POLL_SECONDS", 0)
        messages: list[str] = []
        code = submit.submit(
            ["run", "/x/a b.toml"],
            "digits",
            Home(tmp_path / "h o"),
            messages.append,
            to_the_end=to_the_end,
        )
        return code, messages, jobs.sent

    return play


LINES = ["Loading\n", "measured with points\n", "[1/2] trial 0\n", "[2/2] trial 1\n"]


def test_it_is_followed_until_the_study_is_under_way(play) -> None:
    code, messages, sent = play(Jobs(LINES))
    assert code == 0 and messages[1:] == ["Loading", "measured with points"]
    assert (
        sent["submission_id"].startswith("ganstudy-digits-")
        and sent["submission_id"] in messages[0]
    )


def test_or_to_its_end(play) -> None:
    code, messages, _ = play(Jobs(LINES, code=130), to_the_end=True)
    assert code == 130 and messages[1:] == [line.strip() for line in LINES]


def test_a_job_that_is_refused_ends_at_once_with_its_message(play) -> None:
    code, messages, _ = play(Jobs(["ganstudy: resources.gpus: ...\n"], code=2))
    assert code == 2 and messages[-1] == "ganstudy: resources.gpus: ..."


def test_a_line_half_written_is_told_whole(play) -> None:
    _, messages, _ = play(Jobs(["mea", "sured wi", "th points\n"]))
    assert messages[1:] == ["measured with points"]


def test_what_runs_on_the_head(play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry point, by a shell: with MLflow's password, with the study's exit code, its words kept."""
    fake = tmp_path / "python"
    fake.write_text(
        '#!/bin/bash\nprintf "%s\\n" "$@" "password: $MLFLOW_TRACKING_PASSWORD"\nexit 7\n'
    )
    fake.chmod(0o755)
    (tmp_path / "ganstudy-mlflow.env").write_text("export MLFLOW_TRACKING_PASSWORD=secret\n")
    monkeypatch.setattr(submit.sys, "executable", str(fake))
    _, _, sent = play(Jobs(LINES))
    assert "secret" not in str(sent), (
        "a job's entry point is shown to whoever looks at the dashboard"
    )
    done = subprocess.run(
        sent["entrypoint"],
        shell=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 7, done.stderr
    assert done.stdout.splitlines()[-7:] == [
        "run", "/x/a b.toml", "--home", str(tmp_path / "h o"), "--address", "auto", "password: secret"
    ]  # fmt: skip
    (kept,) = (tmp_path / "h o" / "submitted" / "digits").glob("*/run.txt")
    assert kept.read_text() == done.stdout


def test_no_job_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("aiohttp_cors", reason="pip install '.[cluster]'")
    with pytest.raises(UserError, match=r"job server does not answer at http://127\.0\.0\.1:9: "):
        submit.submit(["run", "x"], "digits", Home(tmp_path), print, jobs="http://127.0.0.1:9")
