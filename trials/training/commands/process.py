"""One attempt of a script at one seed: a process group that is paused, goes on, and ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

SUPERVISOR = Path(__file__).with_name("supervisor.py")
GRACE_SECONDS = 10.0
"""Between SIGTERM and SIGKILL."""
LAST_LINES = 5
MOST_OF_OUTPUT = 100_000
"""Bytes at the end of an output that are read for its last lines."""


def environment_of(code: Path | None) -> dict[str, str]:
    """Return a script's environment, in which Python finds the modules of the user's folder."""
    # Unbuffered, so that what a Python script prints is there when it prints it.
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if code is not None:
        paths = [str(code), *filter(None, [environment.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    return environment


class ScriptProcess:
    """A script as it runs; ended with this object."""

    def __init__(
        self, command: Sequence[str], folder: Path, output: Path, code: Path | None = None
    ) -> None:
        """Start it in a folder; output: of the script, appended to. code: of the user's, to import from."""
        self.command = list(command)
        self.output = output
        self.paused = False
        folder.mkdir(parents=True, exist_ok=True)
        output.parent.mkdir(parents=True, exist_ok=True)
        environment = environment_of(code)
        self._supervisor = subprocess.Popen(
            [sys.executable, "-I", "-S", SUPERVISOR, output, folder, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Its own group: a Ctrl-C at the terminal is for the study to answer.
            start_new_session=True,
            env=environment,
        )
        self._outcome: dict[str, object] = {}
        # Also where it is only let go of, as a pruned trial is.
        self._finalizer = weakref.finalize(self, _let_go, self._supervisor)

    @property
    def ended(self) -> bool:
        """Whether the script and its group have ended."""
        if self._supervisor.poll() is None:
            return False
        if not self._outcome:
            assert self._supervisor.stdout is not None
            answer = self._supervisor.stdout.read()
            self._supervisor.stdout.close()
            self._outcome = json.loads(answer) if answer else {"error": "its supervisor was killed"}
        return True

    def wait(self, seconds: float) -> bool:
        """Wait for its end at most so long; return whether it has ended."""
        try:
            self._supervisor.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return self.ended

    @property
    def succeeded(self) -> bool:
        """Whether it ended by itself and with exit code 0."""
        return self.ended and self._outcome.get("exit") == 0

    def pause(self) -> None:
        """Let it stand still."""
        self._order("pause")
        self.paused = True

    def go_on(self) -> None:
        """Let it go on."""
        if self.paused:
            self._order("continue")
            self.paused = False

    def end(self, grace: float = GRACE_SECONDS) -> None:
        """End it: SIGTERM to its group, and SIGKILL after a grace."""
        self._finalizer.detach()
        _end(self._supervisor, grace)
        assert self.ended

    def _order(self, order: str) -> None:
        _order(self._supervisor, order)

    def how_it_ended(self) -> str:
        """Return how it ended: "exit code 1"."""
        if "error" in self._outcome:
            return f"not run: {self._outcome['error']}"
        code = int(str(self._outcome["exit"]))
        if code >= 0:
            return f"exit code {code}"
        name = signal.Signals(-code).name
        why = ", as the system does where memory runs out" if name == "SIGKILL" else ""
        return f"killed by {name}{why}"


def last_lines(output: Path) -> str:
    """Return the last lines of an output, in one line of text."""
    try:
        with output.open("rb") as file:
            file.seek(max(0, output.stat().st_size - MOST_OF_OUTPUT))
            text = file.read().decode(errors="replace")
    except OSError:
        return "none"
    lines = [line.strip() for line in text.splitlines() if line.strip()][-LAST_LINES:]
    return " | ".join(lines) or "none"


def _order(supervisor: subprocess.Popen[bytes], order: str) -> None:
    assert supervisor.stdin is not None
    try:
        supervisor.stdin.write(f"{order}\n".encode())
        supervisor.stdin.flush()
    except (BrokenPipeError, ValueError):  # it has ended
        return


def _end(supervisor: subprocess.Popen[bytes], grace: float) -> None:
    assert supervisor.stdin is not None
    if supervisor.poll() is None:
        _order(supervisor, f"end {grace:g}")
        with suppress(subprocess.TimeoutExpired):
            supervisor.wait(grace + 5)
    with suppress(BrokenPipeError):
        # Whatever is left is killed where its input ends.
        supervisor.stdin.close()
    supervisor.wait()


def _let_go(supervisor: subprocess.Popen[bytes]) -> None:
    _end(supervisor, GRACE_SECONDS)
    assert supervisor.stdout is not None
    supervisor.stdout.close()
