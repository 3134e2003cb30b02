"""A user's training function in a thread of its own, which runs only while its trial waits for it.

So a function keeps its local variables from one evaluation to the next, and the functions of several
seeds take turns. The global random streams of Python, NumPy and torch are each seed's own: they are
put in place as its thread goes on, and taken away as it hands over.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import torch

from ganstudy.trials.training.functions.global_state import GlobalStreams

CLOSE_SECONDS = 5.0
"""For a function to end that is asked to; one that does not is left behind."""


class Stopped(BaseException):
    """Ends a training function whose trial was stopped or pruned.

    No Exception, so that `except Exception` in the function lets it pass.
    """


class Ended:
    """What a thread hands over last: the function has returned, or raised `error`."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class SeedThread:
    """One call of a training function."""

    def __init__(self, streams: GlobalStreams) -> None:
        """streams: with which the function begins."""
        self.streams = streams
        self.ended = False
        self._closing = False
        self._to_main: SimpleQueue[Any] = SimpleQueue()
        self._to_thread: SimpleQueue[Any] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def begin(self, call: Callable[[], None]) -> None:
        """Let `call` be what the thread runs, from the first `go_on`."""
        threads = torch.get_num_threads()
        self._thread = threading.Thread(target=self._run, args=(call, threads), daemon=True)

    # --- for the trial

    def go_on(self, answer: Any = None) -> Any:
        """Let the function run until it hands something over, and return that."""
        assert self._thread is not None
        own = GlobalStreams.now(self.streams.device)
        self.streams.put()
        try:
            if self._thread.ident is None:
                self._thread.start()
            else:
                self._to_thread.put(answer)
            handed = self._to_main.get()
        finally:
            self.streams = GlobalStreams.now(self.streams.device)
            own.put()
        self.ended = isinstance(handed, Ended)
        return handed

    def close(self) -> None:
        """End the function where it is: what it waits for raises Stopped."""
        self._closing = True
        begun = self._thread is not None and self._thread.ident is not None
        if self._thread is not None and begun and not self.ended:
            self._to_thread.put(None)
            self._thread.join(CLOSE_SECONDS)
        self.ended = True

    # --- for what runs in the thread

    def hand_over(self, what: Any) -> Any:
        """Give `what` to the trial, and return its answer once it lets the function go on."""
        self.check_open()
        self._to_main.put(what)
        answer = self._to_thread.get()
        self.check_open()
        return answer

    def check_open(self) -> None:
        """Raise Stopped where the trial is over."""
        if self._closing:
            raise Stopped

    def _run(self, call: Callable[[], None], threads: int) -> None:
        # OpenMP counts by thread: here it would take all cores, whatever the trial was given.
        torch.set_num_threads(threads)
        error: BaseException | None = None
        try:
            call()
        except Stopped:
            pass
        except BaseException as raised:  # SystemExit too: the thread must not end without a word
            error = raised
        self._to_main.put(Ended(error))
