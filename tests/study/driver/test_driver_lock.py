"""One driver per study: who is refused, who takes over, and who finds out that it was replaced."""

from __future__ import annotations

import json
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ganstudy.study.driver import driver_lock
from ganstudy.study.driver.driver_lock import DriverLock, only_driver
from ganstudy.study.errors import UserError


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver_lock, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(driver_lock, "WATCH_SECONDS", 0.5)
    monkeypatch.setattr(driver_lock, "POLL_SECONDS", 0.05)


def elsewhere(folder: Path, **changes: object) -> None:
    """The record of the last driver as one of another machine would have left it."""
    record = {
        "host": "far",
        "process": 7,
        "since": "2026-01-01T00:00:00+00:00",
        "machine": "another",
        "token": "t",
    }
    (folder / "driver.json").write_text(json.dumps(record | changes))


def test_a_second_driver_is_refused_with_the_name_of_who_holds_the_study(tmp_path: Path) -> None:
    refused = pytest.raises(UserError, match=r"being run already \(host .*, process \d+, since")
    with only_driver(tmp_path, print), refused, only_driver(tmp_path, print):
        pass
    assert DriverLock(tmp_path).holder() is None
    with only_driver(tmp_path, print):
        assert "process" in (DriverLock(tmp_path).holder() or "")


def test_a_driver_on_another_machine_that_gives_signs_is_left_alone(tmp_path: Path) -> None:
    """Its lock does not reach here, its count does."""
    elsewhere(tmp_path)
    gone = threading.Event()

    def beat() -> None:
        count = 0
        while not gone.wait(0.05):
            count += 1
            (tmp_path / "driver.beat").write_text(str(count))

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        messages: list[str] = []
        with (
            pytest.raises(UserError, match=r"being run already \(host far, process 7"),
            only_driver(tmp_path, messages.append),
        ):
            pass
        assert "host far" in messages[0]
        assert (
            DriverLock(tmp_path).holder() == "host far, process 7, since 2026-01-01T00:00:00+00:00"
        )
    finally:
        gone.set()
        thread.join()
    with only_driver(tmp_path, messages.append):  # once it is silent
        assert "host far" not in (DriverLock(tmp_path).holder() or "")


def test_one_that_exited_cleanly_is_not_waited_for(tmp_path: Path) -> None:
    elsewhere(tmp_path, ended=True)
    messages: list[str] = []
    with only_driver(tmp_path, messages.append):
        assert not messages
    assert DriverLock(tmp_path).holder() is None


def test_a_crash_on_this_machine_is_not_waited_for(tmp_path: Path) -> None:
    """Its lock went with its process."""
    elsewhere(tmp_path, machine=driver_lock.machine())
    messages: list[str] = []
    with only_driver(tmp_path, messages.append):
        assert not messages


@pytest.mark.parametrize(
    "handler", [signal.default_int_handler, signal.SIG_IGN], ids=["foreground", "background"]
)
def test_a_driver_that_was_replaced_stops(handler: Any, tmp_path: Path) -> None:
    """Frozen for a while, it finds another one in its place. Shells let background commands ignore SIGINT."""
    before = signal.signal(signal.SIGINT, handler)
    replaced = r"another driver has taken the study over \(host far, process 7"
    with pytest.raises(UserError, match=replaced), only_driver(tmp_path, print):
        elsewhere(tmp_path)
        time.sleep(60)
    assert json.loads((tmp_path / "driver.json").read_text())["host"] == "far", (
        "the new one's card stays"
    )
    assert signal.signal(signal.SIGINT, before) is handler, "as it was"


def test_a_card_that_cannot_be_read_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "driver.json").write_text("{")
    assert DriverLock(tmp_path).holder() is None
    with only_driver(tmp_path, print):
        (tmp_path / "driver.json").write_text("{")
    with only_driver(tmp_path, print):
        assert "process" in (DriverLock(tmp_path).holder() or "")


def test_a_card_half_written_is_read_again(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="another driver has taken"), only_driver(tmp_path, print):
        (tmp_path / "driver.json").write_text("{")
        time.sleep(0.5)
        elsewhere(tmp_path)
        time.sleep(60)


def test_an_interrupt_of_the_user_stays_one(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), only_driver(tmp_path, print):
        raise KeyboardInterrupt
    assert DriverLock(tmp_path)._record().ended
