"""Where trials can run: how many the cluster holds at a time, as nodes come and go, and why one
cannot be placed.
"""

from __future__ import annotations

import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ganstudy.study.cluster import code_version
from ganstudy.study.cluster.code_version import origin_of_code
from ganstudy.study.errors import UserError
from ganstudy.study.spec.tables import Resources

Node = Mapping[str, float]
"""Resources by Ray's names, CPU and GPU among them."""

ARRIVE_SECONDS = 30.0
"""How long a study waits for a first node that can hold a trial: after `ray up`, nodes come one by
one.
"""
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
        trials = min(
            trials,
            math.floor(node.get("GPU", 0) + EPSILON) * math.floor(1 / resources.gpus + EPSILON),
        )
    return math.floor(trials + EPSILON)


def nodes() -> list[dict[str, Any]]:
    """The connected cluster's living nodes, as Ray describes them."""
    return [node for node in ray.nodes() if node["Alive"]]


def could_join() -> list[tuple[Node, int]]:
    """(resources, how many) of each kind of node that Ray's autoscaler may bring; empty where it
    has not said so.
    """
    config = ray._private.state.state.get_cluster_config()
    groups = config.node_group_configs if config is not None else []
    return [
        (dict(group.resources), sys.maxsize if group.max_count < 0 else group.max_count)
        for group in groups
    ]


class ConcurrencyLimit:
    """Trials that may be open at a time; follows the cluster."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._count, self._until = 1, 0.0

    def __call__(self) -> int:
        """What the nodes hold, or could hold once an autoscaler has brought all it may; at most
        max_concurrent.
        """
        if time.monotonic() > self._until:
            now = sum(holds(node["Resources"], self._resources) for node in nodes())
            later = sum(holds(node, self._resources) * count for node, count in could_join())
            self._count = max(1, now, later)
            self._until = time.monotonic() + POLL_SECONDS
        return min(self._count, self._resources.max_concurrent or sys.maxsize)


def check_cluster(
    resources: Resources, say: Callable[[str], None], seconds: float = ARRIVE_SECONDS
) -> None:
    """UserError if no node of the connected cluster, there or to come within `seconds`, can hold a
    trial.
    """
    until, told = time.monotonic() + seconds, False
    while True:
        there = [node["Resources"] for node in nodes()]
        if any(
            holds(node, resources)
            for node in (*there, *(node for node, count in could_join() if count))
        ):
            return
        if time.monotonic() >= until:
            raise UserError(_no_place(resources, there))
        if not told:
            say(f"no node can hold a trial yet: waiting {seconds:g} s for one to join")
            told = True
        time.sleep(POLL_SECONDS)


def _no_place(resources: Resources, there: list[Node]) -> str:
    wanted = {"cpus": resources.cpus, "gpus": resources.gpus}
    largest = {
        key: max((node.get(key.upper()[:3], 0) for node in there), default=0) for key in wanted
    }
    short = [key for key in wanted if wanted[key] > largest[key]] or list(wanted)
    return (
        f"{', '.join(f'resources.{key}' for key in short)}: a trial asks for {amounts(wanted.values())} on one node, "
        f"but there {'is' if len(there) == 1 else 'are'} {kinds(there)}; "
        "ask for less under [resources], or add a node that has as much"
    )


def amounts(cpus_and_gpus: Iterable[float]) -> str:
    """In words."""
    return " and ".join(
        f"{n:g} {kind}" for n, kind in zip(cpus_and_gpus, ("CPUs", "GPUs"), strict=True)
    )


def kinds(there: list[Node]) -> str:
    """Nodes in words, those alike counted."""
    counted = Counter((node.get("CPU", 0), node.get("GPU", 0)) for node in there)
    words = [
        f"{count} node{'s' if count > 1 else ''} with {amounts(kind)}"
        for kind, count in counted.items()
    ]
    return ", ".join(words) or "no node"


def _versions() -> dict[str, str]:
    return origin_of_code()


def check_nodes(resources: Resources) -> None:
    """UserError naming every node that would train with other code or packages than the driver, and
    both versions.

    Nodes that join later are checked by the trials that they are given.
    """
    ours = origin_of_code()
    task = ray.remote(num_cpus=0, max_retries=0)(_versions)
    asked = {}
    for node in nodes():
        if holds(node["Resources"], resources):
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            asked[task.options(scheduling_strategy=there).remote()] = node
    answered, _ = (
        ray.wait(list(asked), num_returns=len(asked), timeout=PROBE_SECONDS) if asked else ([], [])
    )
    unlike = []
    for answer in answered:
        try:
            found = ray.get(answer)
        except ray.exceptions.NodeDiedError:
            continue
        except ray.exceptions.RayError as error:
            unlike.append(f"{asked[answer]['NodeManagerAddress']}: {str(error).splitlines()[-1]}")
            continue
        differences = code_version.differing(ours, found)
        if differences:
            unlike.append(f"{asked[answer]['NodeManagerAddress']}: {differences}")
    if unlike:
        lines = "\n  ".join(sorted(unlike))
        raise UserError(
            f"nodes of this cluster run other code than this driver, and would train other GANs:\n  {lines}\n"
            "Install the same on all of them (ray up does), or take them out."
        )
