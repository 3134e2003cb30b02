"""Whether a Ray cluster answers at an address is known within a minute, whatever listens there."""

from __future__ import annotations

import platform
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import ray

from ganstudy.study.cluster import address
from ganstudy.study.errors import UserError


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


HELD: list[socket.socket] = []
"""A connection that nobody holds is reset."""


def answer(server: socket.socket, reply: bytes | None) -> str:
    """Its address; whoever connects gets `reply`, or silence."""

    def serve() -> None:
        connection, _ = server.accept()
        HELD.append(connection)
        if reply is not None:
            connection.recv(100)
            connection.sendall(reply)
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    "reply",
    [None, b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b""],
    ids=["silent", "ssh", "web", "mute"],
)
def test_what_is_not_ray(reply: bytes | None, listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "CONNECT_SECONDS", 0.5)
    start = time.monotonic()
    with pytest.raises(UserError, match="is not the head of a Ray cluster") as raised:
        address.check_reachable(answer(listener, reply))
    assert "\n" not in str(raised.value) and time.monotonic() - start < 10


def test_where_nothing_listens(listener) -> None:
    port = listener.getsockname()[1]
    listener.close()
    with pytest.raises(UserError, match=f"no Ray cluster answers at 127.0.0.1:{port}: .*refused"):
        address.check_reachable(f"127.0.0.1:{port}")


def test_a_name_that_is_none() -> None:
    with pytest.raises(UserError, match=r"no Ray cluster answers at nowhere\.invalid:6379"):
        address.check_reachable("nowhere.invalid:6379")


def test_what_speaks_grpc_is_asked_by_ray(listener, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(address, "_ask_head", asked.append)
    settings = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
    where = answer(listener, settings)
    address.check_reachable(where)
    assert asked == [where]
    address.check_reachable("auto")
    assert asked == [where], "Ray finds that one itself"


def test_another_ray_or_python_is_told_with_both_versions() -> None:
    """In the words of Ray's own check, which `ray.init` makes."""
    from ray._private.utils import check_version_info

    from ganstudy.study.cluster.connection import _not_connected

    with pytest.raises(RuntimeError) as raised:
        check_version_info({"ray_version": "2.9.3", "python_version": "3.10.1"}, "this machine")
    message = _not_connected("10.0.0.1:6379", str(raised.value))
    assert "\n" not in message and "other versions than this machine" in message
    for version in ("2.9.3", "3.10.1", ray.__version__, platform.python_version()):
        assert version in message, message
    assert (
        _not_connected("10.0.0.1:6379", "no\nsuch host")
        == "no Ray cluster answers at 10.0.0.1:6379: no"
    )
