"""Watch the cluster while a study runs, and report when trials wait for resources."""

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
    format_nodes,
    format_resources,
    nodes,
)
from ganstudy.study.cluster.slots import Node, trial_capacity
from ganstudy.study.spec.tables import Resources


def still_waiting(resources: Resources) -> str:
    """Explain why no trial has started: what one asks for, what nodes have, what of it is free."""
    present = [node["Resources"] for node in nodes()]
    free = ray.available_resources()
    return (
        f"Nothing has started for {PLACE_SECONDS:g} s. A trial asks for "
        f"{format_resources((resources.cpus, resources.gpus))} on one node; there "
        f"{'is' if len(present) == 1 else 'are'} {format_nodes(present)}, of which "
        f"{format_resources((free.get('CPU', 0), free.get('GPU', 0)))} are free now. Processes may be slow to start "
        "on a busy machine; if other jobs use the rest, the study goes on once they free it, a node joins, or "
        "[resources] asks for less."
    )


class ClusterMonitor(Callback):  # type: ignore[misc]
    """Reports when the cluster grows or shrinks, and why trials wait for resources."""

    def __init__(self, resources: Resources, log: Callable[[str], None]) -> None:
        self._resources = resources
        self._log = log
        self._running: set[str] = set()
        self._ended = threading.Event()

    def __enter__(self) -> ClusterMonitor:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def __getstate__(self) -> dict[str, object]:
        """Return an empty state: Tune pickles its callbacks, and a thread's event cannot be."""
        return {}

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note that the trial's process has its resources."""
        self._running.add(trial.trial_id)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note that the trial's resources are free."""
        self._running.discard(trial.trial_id)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note that the trial's resources are free."""
        self._running.discard(trial.trial_id)

    def _watch(self) -> None:
        before = self._present()
        idle_since, explained = time.monotonic(), False
        # By address and a part of the id: a node that was restarted is another one.
        while not self._ended.wait(POLL_SECONDS):
            try:
                present = self._present()
                if present != before:
                    trials = sum(trial_capacity(node, self._resources) for node in present.values())
                    self._log(
                        f"The cluster has changed: {_changed(before, present)}; {trials} trials at a time"
                    )
                    before = present
                if self._running:
                    idle_since, explained = time.monotonic(), False
                elif time.monotonic() - idle_since > PLACE_SECONDS and not explained:
                    self._log(still_waiting(self._resources))
                    explained = True
            except Exception:  # the head is away for a moment: Tune's own loop finds out
                continue

    def _present(self) -> dict[str, Node]:
        return {f"{n['NodeManagerAddress']} ({n['NodeID'][:6]})": n["Resources"] for n in nodes()}


def _changed(before: dict[str, Node], present: dict[str, Node]) -> str:
    # Sorted, as Ray lists nodes in no order of its own.
    joined = sorted(present.keys() - before.keys())
    left = sorted(before.keys() - present.keys())
    changes = [f"joined {', '.join(joined)}"] if joined else []
    changes += [f"lost {', '.join(left)}"] if left else []
    return "; ".join(changes) or "other resources"
