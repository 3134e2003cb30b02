"""Watch the cluster while a study runs, and say when trials wait for room."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import ray
from ray.tune import Callback

from ganstudy.study.cluster.capacity import (
    PLACE_SECONDS,
    POLL_SECONDS,
    Node,
    amounts,
    holds,
    kinds,
    nodes,
)
from ganstudy.study.spec.tables import Resources


def still_waiting(resources: Resources) -> str:
    """For who wonders why nothing moves: what a trial asks for, what there is and what of it is
    free.
    """
    there, free = [node["Resources"] for node in nodes()], ray.available_resources()
    return (
        f"Nothing has started for {PLACE_SECONDS:g} s. A trial asks for {amounts((resources.cpus, resources.gpus))} on "
        f"one node; there {'is' if len(there) == 1 else 'are'} {kinds(there)}, of which "
        f"{amounts((free.get('CPU', 0), free.get('GPU', 0)))} are free now. Processes may be slow to start on a busy "
        "machine; where others hold the rest, the study goes on once they give room, a node joins, or [resources] asks "
        "for less."
    )


class ClusterMonitor(Callback):  # type: ignore[misc]
    """Says when the cluster grows or shrinks, and why trials wait for a place."""

    def __init__(self, resources: Resources, say: Callable[[str], None]) -> None:
        self._resources, self._say = resources, say
        self._running: set[str] = set()
        self._ended = threading.Event()

    def __enter__(self) -> ClusterMonitor:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its callbacks."""
        return {}

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Its process has a place."""
        self._running.add(trial.trial_id)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Its place is free."""
        self._running.discard(trial.trial_id)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Its process is lost."""
        self._running.discard(trial.trial_id)

    def _watch(self) -> None:
        before, since, told = self._there(), time.monotonic(), False
        while not self._ended.wait(POLL_SECONDS):
            try:
                there = self._there()
                if there != before:
                    self._say(
                        f"The cluster has changed: {_changed(before, there)}; {self._room(there)}"
                    )
                    before = there
                if self._running:
                    since, told = time.monotonic(), False
                elif time.monotonic() - since > PLACE_SECONDS and not told:
                    self._say(still_waiting(self._resources))
                    told = True
            except Exception:  # the head is away for a moment: Tune's own loop finds out
                continue

    def _there(self) -> dict[str, Node]:
        return {f"{n['NodeManagerAddress']} ({n['NodeID'][:6]})": n["Resources"] for n in nodes()}

    def _room(self, there: dict[str, Node]) -> str:
        return f"{sum(holds(node, self._resources) for node in there.values())} trials at a time"


def _changed(before: dict[str, Node], there: dict[str, Node]) -> str:
    joined, left = sorted(there.keys() - before.keys()), sorted(before.keys() - there.keys())
    words = [
        f"{what} {', '.join(which)}"
        for what, which in (("joined", joined), ("lost", left))
        if which
    ]
    return "; ".join(words) or "other resources"
