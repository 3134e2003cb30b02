"""Capacity of the cluster: how many trials it holds, and why one cannot be placed.

It follows nodes as they come and go.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypedDict

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ganstudy.study.cluster.code_version import code_provenance, format_worker_differences
from ganstudy.study.cluster.slots import Node, trial_capacity
from ganstudy.study.errors import UserError
from ganstudy.study.spec.tables import Resources

ARRIVE_SECONDS = 30.0
"""How long a study waits for a first node that can hold a trial: after `ray up`, nodes come one by
one.
"""
PLACE_SECONDS = 45.0
"""How long trials may wait for resources before the user reads why."""
PROBE_SECONDS = 60.0
"""How long nodes may take to report their versions: a worker process starts for it on each."""
# A guess: Ray is asked for its nodes so often, and a new node is used that much later.
POLL_SECONDS = 2.0


class RayNode(TypedDict):
    """What of Ray's description of a node is read; the keys are Ray's."""

    NodeID: str
    NodeManagerAddress: str
    Alive: bool
    Resources: Node


def nodes() -> list[RayNode]:
    """Return the connected cluster's living nodes, as Ray describes them."""
    return [node for node in ray.nodes() if node["Alive"]]


def autoscaler_groups() -> list[tuple[Node, int]]:
    """Return (resources, most nodes) of each group that Ray's autoscaler may start.

    Empty without an autoscaler, or before it has reported its configuration.
    """
    # Ray has no public call for this; the autoscaler itself writes what is read here.
    config = ray._private.state.state.get_cluster_config()
    groups = config.node_group_configs if config is not None else []
    return [
        (dict(group.resources), sys.maxsize if group.max_count < 0 else group.max_count)
        for group in groups
    ]


class ConcurrencyLimit:
    """Number of trials that may be open at a time; follows the cluster."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._count = 1
        self._valid_until = 0.0

    def __call__(self) -> int:
        """Return what the nodes hold now, or would with all that an autoscaler may start.

        At most [resources] max_concurrent.
        """
        if time.monotonic() > self._valid_until:
            now = sum(trial_capacity(node["Resources"], self._resources) for node in nodes())
            later = sum(
                trial_capacity(node, self._resources) * count for node, count in autoscaler_groups()
            )
            # At least one is always asked for: an autoscaler takes the request as its sign to start
            # a node.
            self._count = max(1, now, later)
            self._valid_until = time.monotonic() + POLL_SECONDS
        return min(self._count, self._resources.max_concurrent or sys.maxsize)


def check_cluster(
    resources: Resources, log: Callable[[str], None], seconds: float = ARRIVE_SECONDS
) -> None:
    """Raise UserError if no node, present or started within `seconds`, can hold a trial."""
    deadline = time.monotonic() + seconds
    logged = False
    while True:
        present = [node["Resources"] for node in nodes()]
        possible = [node for node, count in autoscaler_groups() if count]
        if any(trial_capacity(node, resources) for node in (*present, *possible)):
            return
        if time.monotonic() >= deadline:
            raise UserError(_too_small(resources, present))
        if not logged:
            log(f"no node can hold a trial yet: waiting {seconds:g} s for one to join")
            logged = True
        time.sleep(POLL_SECONDS)


def _too_small(resources: Resources, present: list[Node]) -> str:
    wanted = {"cpus": resources.cpus, "gpus": resources.gpus}
    largest = {
        "cpus": max((node.get("CPU", 0) for node in present), default=0),
        "gpus": max((node.get("GPU", 0) for node in present), default=0),
    }
    short = [key for key in wanted if wanted[key] > largest[key]] or list(wanted)
    return (
        f"{', '.join(f'resources.{key}' for key in short)}: a trial asks for {format_resources(wanted.values())} on "
        f"one node, but there {'is' if len(present) == 1 else 'are'} {format_nodes(present)}; "
        "ask for less under [resources], or add a node that has as much"
    )


def format_resources(cpus_and_gpus: Iterable[float]) -> str:
    """Format (CPUs, GPUs) as "2 CPUs and 1 GPUs"."""
    cpus, gpus = cpus_and_gpus
    return f"{cpus:g} CPUs and {gpus:g} GPUs"


def format_nodes(present: list[Node]) -> str:
    """Format nodes by their resources, equal ones counted: "2 nodes with 4 CPUs and 0 GPUs"."""
    counted = Counter((node.get("CPU", 0), node.get("GPU", 0)) for node in present)
    groups = [
        f"{count} node{'s' if count > 1 else ''} with {format_resources(resources)}"
        for resources, count in counted.items()
    ]
    return ", ".join(groups) or "no node"


def check_nodes(resources: Resources) -> None:
    """Raise UserError naming every node whose code or packages are not the driver's.

    Nodes that join later are checked by the trials that they are given.
    """
    driver = code_provenance()
    probe = ray.remote(num_cpus=0, max_retries=0)(code_provenance)
    asked = {}
    for node in nodes():
        if trial_capacity(node["Resources"], resources):
            on_this_node = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            asked[probe.options(scheduling_strategy=on_this_node).remote()] = node
    # ray.wait refuses an empty list.
    answered = (
        ray.wait(list(asked), num_returns=len(asked), timeout=PROBE_SECONDS)[0] if asked else []
    )
    unlike = []
    for answer in answered:
        try:
            differences = format_worker_differences(driver, ray.get(answer))
        except ray.exceptions.NodeDiedError:
            continue  # nothing will train on it
        except ray.exceptions.RayError as error:
            differences = str(error).splitlines()[-1]
        if differences:
            unlike.append(f"{asked[answer]['NodeManagerAddress']}: {differences}")
    if unlike:
        lines = "\n  ".join(sorted(unlike))
        raise UserError(
            f"nodes of this cluster run other code than this driver, and would train other GANs:\n  {lines}\n"
            "Install the same on all of them (ray up does), or take them out."
        )
