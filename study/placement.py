"""Where trials can run: how many the cluster holds at a time, as nodes come and go, and why one cannot be placed."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import ray
from ray.tune import Callback
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from study import shipping
from study.errors import UserError
from study.origin import origin_of_code
from study.spec import Resources

Node = Mapping[str, float]
"""Resources by Ray's names, CPU and GPU among them."""

ARRIVE_SECONDS = 30.0
"""How long a study waits for a first node that can hold a trial: after `ray up`, nodes come one by one."""
PLACE_SECONDS = 45.0
"""How long trials may wait for a place before it is said why."""
PROBE_SECONDS = 60.0
POLL_SECONDS = 2.0
EPSILON = 1e-9


def holds(node: Node, resources: Resources) -> int:
    """Trials that a node holds at a time; a fraction of a GPU lies on one card."""
    trials = node.get("CPU", 0) / resources.cpus
    if resources.gpus >= 1:
        trials = min(trials, node.get("GPU", 0) / resources.gpus)
    elif resources.gpus:
        trials = min(trials, math.floor(node.get("GPU", 0) + EPSILON) * math.floor(1 / resources.gpus + EPSILON))
    return math.floor(trials + EPSILON)


def nodes() -> list[dict[str, Any]]:
    """The connected cluster's living nodes, as Ray describes them."""
    return [node for node in ray.nodes() if node["Alive"]]


def could_join() -> list[tuple[Node, int]]:
    """(resources, how many) of each kind of node that Ray's autoscaler may bring; empty where it has not said so."""
    config = ray._private.state.state.get_cluster_config()
    groups = config.node_group_configs if config is not None else []
    return [(dict(group.resources), sys.maxsize if group.max_count < 0 else group.max_count) for group in groups]


class Slots:
    """Trials that may be open at a time; follows the cluster."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._count, self._until = 1, 0.0

    def __call__(self) -> int:
        """What the nodes hold, or could hold once an autoscaler has brought all it may; at most max_concurrent."""
        if time.monotonic() > self._until:
            now = sum(holds(node["Resources"], self._resources) for node in nodes())
            later = sum(holds(node, self._resources) * count for node, count in could_join())
            self._count = max(1, now, later)
            self._until = time.monotonic() + POLL_SECONDS
        return min(self._count, self._resources.max_concurrent or sys.maxsize)


def check_cluster(resources: Resources, say: Callable[[str], None], seconds: float = ARRIVE_SECONDS) -> None:
    """UserError if no node of the connected cluster, there or to come within `seconds`, can hold a trial."""
    until, told = time.monotonic() + seconds, False
    while True:
        there = [node["Resources"] for node in nodes()]
        if any(holds(node, resources) for node in (*there, *(node for node, count in could_join() if count))):
            return
        if time.monotonic() >= until:
            raise UserError(_no_place(resources, there))
        if not told:
            say(f"no node can hold a trial yet: waiting {seconds:g} s for one to join")
            told = True
        time.sleep(POLL_SECONDS)


def _no_place(resources: Resources, there: list[Node]) -> str:
    wanted = {"cpus": resources.cpus, "gpus": resources.gpus}
    largest = {key: max((node.get(key.upper()[:3], 0) for node in there), default=0) for key in wanted}
    short = [key for key in wanted if wanted[key] > largest[key]] or list(wanted)
    return (
        f"{', '.join(f'resources.{key}' for key in short)}: a trial asks for {amounts(wanted.values())} on one node, "
        f"but there {'is' if len(there) == 1 else 'are'} {kinds(there)}; "
        "ask for less under [resources], or add a node that has as much"
    )


def amounts(cpus_and_gpus: Iterable[float]) -> str:
    """In words."""
    return " and ".join(f"{n:g} {kind}" for n, kind in zip(cpus_and_gpus, ("CPUs", "GPUs"), strict=True))


def kinds(there: list[Node]) -> str:
    """Nodes in words, those alike counted."""
    counted = Counter((node.get("CPU", 0), node.get("GPU", 0)) for node in there)
    words = [f"{count} node{'s' if count > 1 else ''} with {amounts(kind)}" for kind, count in counted.items()]
    return ", ".join(words) or "no node"


def still_waiting(resources: Resources) -> str:
    """For who wonders why nothing moves: what a trial asks for, what there is and what of it is free."""
    there, free = [node["Resources"] for node in nodes()], ray.available_resources()
    return (
        f"Nothing has started for {PLACE_SECONDS:g} s. A trial asks for {amounts((resources.cpus, resources.gpus))} on "
        f"one node; there {'is' if len(there) == 1 else 'are'} {kinds(there)}, of which "
        f"{amounts((free.get('CPU', 0), free.get('GPU', 0)))} are free now. Processes may be slow to start on a busy "
        "machine; where others hold the rest, the study goes on once they give room, a node joins, or [resources] asks "
        "for less."
    )


def _versions() -> dict[str, str]:
    return origin_of_code()


def check_nodes(resources: Resources) -> None:
    """UserError naming every node that would train with other code or packages than the driver, and both versions.

    Nodes that join later are checked by the trials that they are given.
    """
    ours = origin_of_code()
    task = ray.remote(num_cpus=0, max_retries=0)(_versions)
    asked = {}
    for node in nodes():
        if holds(node["Resources"], resources):
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            asked[task.options(scheduling_strategy=there).remote()] = node
    answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=PROBE_SECONDS) if asked else ([], [])
    unlike = []
    for answer in answered:
        try:
            found = ray.get(answer)
        except ray.exceptions.NodeDiedError:
            continue
        except ray.exceptions.RayError as error:
            unlike.append(f"{asked[answer]['NodeManagerAddress']}: {str(error).splitlines()[-1]}")
            continue
        differences = shipping.differing(ours, found)
        if differences:
            unlike.append(f"{asked[answer]['NodeManagerAddress']}: {differences}")
    if unlike:
        lines = "\n  ".join(sorted(unlike))
        raise UserError(
            f"nodes of this cluster run other code than this driver, and would train other GANs:\n  {lines}\n"
            "Install the same on all of them (ray up does), or take them out."
        )


class Watch(Callback):  # type: ignore[misc]
    """Says when the cluster grows or shrinks, and why trials wait for a place."""

    def __init__(self, resources: Resources, say: Callable[[str], None]) -> None:
        self._resources, self._say = resources, say
        self._running: set[str] = set()
        self._ended = threading.Event()

    def __enter__(self) -> Watch:
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
                    self._say(f"The cluster has changed: {_changed(before, there)}; {self._room(there)}")
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
    words = [f"{what} {', '.join(which)}" for what, which in (("joined", joined), ("lost", left)) if which]
    return "; ".join(words) or "other resources"
