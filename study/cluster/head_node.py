"""The head of a cluster as seen from a laptop: commands, files and ports by way of `ray exec` and
`ray rsync_*`.

Ray knows from ray_cluster.yaml, and from its `ray up` on this machine, where the head is and how to
reach it by SSH.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ganstudy.study.errors import UserError

ENVIRONMENT = ". ~/ganstudy.env; if [ -r ~/ganstudy-mlflow.env ]; then . ~/ganstudy-mlflow.env; fi"
"""Made by ray_cluster.yaml: the first on every node, the second, with MLflow's password, on the
head alone.
"""
RAY = (sys.executable, "-P", "-m", "ray.scripts.scripts")
LAST_LINES = 12
"""Of what Ray or SSH said, where they fail."""


class Head:
    """The head of the cluster that `file`, a ray_cluster.yaml, describes."""

    def __init__(self, file: Path) -> None:
        """UserError where there is no such file."""
        if not file.is_file():
            raise UserError(
                f"--cluster takes the file that ray up was given, and there is no file {file}"
            )
        self._file = file

    def run(self, command: str, say: Callable[[str], None], ports: Sequence[int] = ()) -> int:
        """Runs `command` there in its environment, its lines told as they come; the exit code.

        ports: of the head, forwarded from the same of this machine meanwhile. UserError where the
        head is not reached.
        """
        mark = secrets.token_hex(8)
        # In two parts, so that an echo of the command line is not taken for its output.
        begin, end = (
            f'printf "%s%s%s\\n" "{mark[:8]}" "{mark[8:]}" "{word}"'
            for word in (" begins", " ends $code")
        )
        script = f"{ENVIRONMENT}; {begin}; {{ {command}; }} 2>&1 < /dev/null; code=$?; {end}"
        forwarded = [f"--port-forward={port}" for port in ports]
        code, before = None, []
        with self._ray("exec", *forwarded, str(self._file), script) as lines:
            inside = False
            for line in lines:
                if line.startswith(mark):
                    word = line.removeprefix(mark).split()
                    inside = word == ["begins"]
                    code = int(word[1]) if word[0] == "ends" else None
                elif inside:
                    say(line)
                elif code is None:
                    before.append(line)
        if code is None:
            raise self._unreached(before)
        return code

    def send(self, source: Path, target: str) -> None:
        """Copy the folder `source` to be the folder `target` there."""
        self._copy("rsync-up", f"{source}/", f"{target}/")

    def fetch(self, source: str, target: Path) -> None:
        """Copy the file or folder `source` of the head to `target`."""
        target.parent.mkdir(parents=True, exist_ok=True)
        self._copy("rsync-down", source, str(target))

    def _copy(self, way: str, source: str, target: str) -> None:
        with self._ray(way, str(self._file), source, target) as lines:
            said = list(lines)
        if self._code:
            raise self._unreached(said)

    @contextlib.contextmanager
    def _ray(self, *arguments: str) -> Iterator[Iterator[str]]:
        """The lines that Ray's own command prints."""
        command = [*RAY, arguments[0], "--log-style=record", "--log-color=false", *arguments[1:]]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
        )
        assert process.stdout is not None
        try:
            yield (
                re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", line).rstrip("\r\n") for line in process.stdout
            )
            self._code = process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()

    def _unreached(self, said: list[str]) -> UserError:
        reason = "\n  ".join(line for line in said[-LAST_LINES:] if line.strip())
        return UserError(
            f"the head of the cluster in {self._file} was not reached:\n  {reason}\n"
            f"If it is up: ray up --no-restart {shlex.quote(str(self._file))} tells this machine where it is."
        )
