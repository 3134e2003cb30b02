"""Check within a minute that a Ray cluster answers at an address.

Ray itself would try for much longer.
"""

from __future__ import annotations

import socket

from ganstudy.study.cluster.environment import SILENT_BACKEND, default_environment, silent_loggers
from ganstudy.study.errors import UserError

CONNECT_SECONDS = 10
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""What an HTTP/2 client begins with (RFC 9113, section 3.4), and an empty SETTINGS frame."""
SETTINGS_FRAME = 4
"""Type of the frame with which a server must answer; Ray's, which speak gRPC, do so at once."""


def check_reachable(address: str) -> None:
    """Raise UserError if no Ray cluster answers at `address`, HOST:PORT or auto."""
    if address.startswith("ray://"):
        raise UserError(
            "--address takes HOST:PORT of the cluster's head, not ray://: run ganstudy on a machine of the cluster"
        )
    host, separator, port = address.rpartition(":")
    if not separator or not port.isdigit():
        if address == "auto":
            return  # Ray finds the cluster of this machine itself
        raise UserError(f"--address must be HOST:PORT or auto, got {address!r}")
    # Ray's own client alone would do, but takes 40 s for any port that is not Ray's, open or closed,
    # and cannot tell which it is.
    try:
        with socket.create_connection((host, int(port)), CONNECT_SECONDS) as connection:
            answer = _first_frame(connection)
    except (OSError, OverflowError) as error:
        raise UserError(f"no Ray cluster answers at {address}: {error}") from None
    if len(answer) < 4 or answer[3] != SETTINGS_FRAME:
        raise UserError(
            f"what listens at {address} is not the head of a Ray cluster; its port is that of ray start --port, "
            "6379 unless stated"
        )
    _ask_head(address)


def _first_frame(connection: socket.socket) -> bytes:
    """Return the header of the server's first HTTP/2 frame, or what came of it in time."""
    answer = b""
    try:
        connection.sendall(PREFACE)
        while len(answer) < 9 and (more := connection.recv(9 - len(answer))):
            answer += more
    except (TimeoutError, ConnectionError):  # silent, or it hung up
        pass
    return answer


def _ask_head(address: str) -> None:
    """Raise UserError if the head refuses its first request, as it does without its token."""
    # Before Ray is loaded, which reads the environment.
    with default_environment(SILENT_BACKEND), silent_loggers():
        from ray._raylet import GcsClient  # type: ignore[attr-defined]
        from ray.exceptions import RayError

        try:
            GcsClient(address=address).internal_kv_keys(b"session", None, timeout=CONNECT_SECONDS)
        except (RayError, RuntimeError, ValueError) as error:
            raise UserError(
                f"no Ray cluster answers at {address}: {str(error).splitlines()[0]}"
            ) from None
