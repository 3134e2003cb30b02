"""The head of a cluster as seen from a laptop.

Commands, files and ports through `ray exec` and `ray rsync_*`.

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
"""Read both files that ray_cluster.yaml makes: the first on every node, the second, with MLflow's
password, on the head alone.
"""
RAY = (sys.executable, "-P", "-m", "ray.scripts.scripts")
"""Ray's command as a module: its script may not be on the PATH of this Python."""
# A guess: SSH gives its reason last, and Ray writes much before it.
LAST_LINES = 12
"""Lines of Ray's or SSH's output that an error message quotes."""


class Head:
    """The head of the cluster that `file`, a ray_cluster.yaml, describes."""

    def __init__(self, file: Path) -> None:
        """Raise UserError if there is no such file."""
        if not file.is_file():
            raise UserError(
                f"--cluster takes the file that ray up was given, and there is no file {file}"
            )
        self._file = file

    def run(self, command: str, log: Callable[[str], None], ports: Sequence[int] = ()) -> int:
        """Run `command` on the head in its environment, log its lines, return its exit code.

        ports: of the head, forwarded from the same of this machine meanwhile. Raises UserError if
        the head is not reached.
        """
        mark = secrets.token_hex(8)
        # The mark in two parts, so that an echo of the command line is not taken for its output.
        print_mark = f'printf "%s%s%s\\n" "{mark[:8]}" "{mark[8:]}"'
        script = (
            f'{ENVIRONMENT}; {print_mark} " begins"; {{ {command}; }} 2>&1 < /dev/null; '
            f'code=$?; {print_mark} " ends $code"'
        )
        forwarded = [f"--port-forward={port}" for port in ports]
        output = _MarkedOutput(mark, log)
        with self._ray("exec", *forwarded, str(self._file), script) as lines:
            for line in lines:
                output.read(line)
        if output.code is None:
            raise self._unreached(output.before)
        return output.code

    def send(self, source: Path, target: str) -> None:
        """Copy the folder `source` to be the folder `target` there."""
        # With a slash at the end rsync copies what is inside a folder, not the folder.
        self._copy("rsync-up", f"{source}/", f"{target}/")

    def fetch(self, source: str, target: Path) -> None:
        """Copy the file or folder `source` of the head to `target`."""
        target.parent.mkdir(parents=True, exist_ok=True)
        self._copy("rsync-down", source, str(target))

    def _copy(self, way: str, source: str, target: str) -> None:
        with self._ray(way, str(self._file), source, target) as lines:
            output = list(lines)
        if self._code:
            raise self._unreached(output)

    @contextlib.contextmanager
    def _ray(self, *arguments: str) -> Iterator[Iterator[str]]:
        """Context manager that runs Ray's command and gives its lines, without terminal colours."""
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
            # Not reached if the caller raised an exception: the process is then ended below.
            self._code = process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()

    def _unreached(self, output: list[str]) -> UserError:
        reason = "\n  ".join(line for line in output[-LAST_LINES:] if line.strip())
        return UserError(
            f"the head of the cluster in {self._file} was not reached:\n  {reason}\n"
            f"If it is up: ray up --no-restart {shlex.quote(str(self._file))} tells this machine where it is."
        )


class _MarkedOutput:
    """Tells a command's own lines from those of Ray and SSH around it, by two marked lines."""

    def __init__(self, mark: str, log: Callable[[str], None]) -> None:
        self._mark = mark
        self._log = log
        self._inside = False
        self.before: list[str] = []
        """Lines outside the marks: the reason if the command never began."""
        self.code: int | None = None
        """The command's exit code, once it has ended."""

    def read(self, line: str) -> None:
        """Log a line of the command, follow a mark, keep anything else."""
        if line.startswith(self._mark):
            event = line.removeprefix(self._mark).split()
            self._inside = event == ["begins"]
            self.code = int(event[1]) if event[0] == "ends" else None
        elif self._inside:
            self._log(line)
        elif self.code is None:
            self.before.append(line)
