"""Stands between a worker and a script: a program of its own, of the standard library alone.

    python supervisor.py OUTPUT FOLDER PROGRAM ARGUMENT...

It runs the script as the leader of a process group, takes orders on its standard input, and says on
its standard output how the script ended. Where the input ends, the worker is gone, however it died:
then the group is killed at once. Where this process itself is killed, the kernel kills the script.
"""

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Let the kernel kill this process when its parent dies; Linux alone."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        return


def send(group: int, number: int) -> None:
    """Send a signal to a process group, if it is still there."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def obey(group: int, ended: threading.Event) -> None:
    """Carry out orders until the worker is gone: pause, continue, end SECONDS."""
    # By os.read alone: a thread that waits in sys.stdin would hold its lock as the process ends.
    orders, worker = b"", os.getppid()
    while os.getppid() == worker:
        # The input does not end where a child of the worker has inherited the other side.
        if not select.select([0], [], [], 1.0)[0]:
            continue
        chunk = os.read(0, 4096)
        if not chunk:
            break
        orders += chunk
        *lines, orders = orders.split(b"\n")
        for line in lines:
            order, _, seconds = line.decode().partition(" ")
            if order == "pause":
                send(group, signal.SIGSTOP)
            elif order == "continue":
                send(group, signal.SIGCONT)
            elif order == "end":
                send(group, signal.SIGTERM)
                # One that is paused hears nothing.
                send(group, signal.SIGCONT)
                if not ended.wait(float(seconds)):
                    send(group, signal.SIGKILL)
    send(group, signal.SIGKILL)


def main(output: str, folder: str, command: list[str]) -> None:
    """Run the script to its end, and say how that was."""
    with Path(output).open("ab") as out:
        try:
            child = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,  # before any thread is begun
            )
        except OSError as error:
            print(json.dumps({"error": f"{error.strerror}: {error.filename}"}), flush=True)
            return
    ended = threading.Event()
    threading.Thread(target=obey, args=(child.pid, ended), daemon=True).start()
    code = child.wait()
    ended.set()
    # What the script has left behind in its group ends with it.
    send(child.pid, signal.SIGKILL)
    print(json.dumps({"exit": code}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
