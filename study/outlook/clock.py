"""A clock that ends what takes too long, wherever it is by then."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class ClockError(Exception):
    """The time for measuring is over."""


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Raise ClockError after `seconds`, wherever the code is by then.

    Outside the main thread, where Python takes no signals, nothing interrupts.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(_number: int, _frame: FrameType | None) -> None:
        raise ClockError

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def begin_again(seconds: float) -> None:
    """Let the clock of `interrupted_after` end after so many seconds from now."""
    if threading.current_thread() is threading.main_thread():
        signal.setitimer(signal.ITIMER_REAL, seconds)
