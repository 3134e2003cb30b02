"""A cluster of hosts in miniature: brought up once by `ray up`, studied, cut apart, and taken down."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import hosts
import lab_cluster

WORKERS = ("one", "two", "late")
AT_FIRST = ("one", "two")
STUDY = """
name = "{name}"
[data]
name = "ring"
[model]
{model}
[train]
batch_size = 64
seeds = [0, 1]
budget = {{ seconds = {seconds} }}
evaluations = 5
[search]
sampler = "random"
trials = {trials}
[search.space]
k = [0.5, 1, 2]
lr_d = {{ low = 1e-4, high = 3e-3, log = true }}
[schedule]
name = "fifo"
[measures]
samples = 200
game_steps = 0
[resources]
cpus = 1
gpus = {gpus}
"""


class Cluster:
    """The hosts laptop, head, one, two, late and stranger; Ray runs on head, one and two, late is still off."""

    def __init__(self, lab: hosts.Lab) -> None:
        self.lab, self.started = lab, time.monotonic()
        self.home = lab.shared / "ganstudy"

    def __getitem__(self, name: str) -> hosts.Host:
        return self.lab[name]

    def write(
        self,
        host: str,
        name: str,
        trials: int = 6,
        seconds: int = 5,
        gpus: float = 0,
        model: str = "width = 32",
    ) -> None:
        """A study file NAME.toml in that host's home; its trials train so many seconds, however busy the machine is."""
        text = STUDY.format(name=name, trials=trials, seconds=seconds, gpus=gpus, model=model)
        (self[host].folder / "home" / f"{name}.toml").write_text(text)

    def laptop(self, command: str, seconds: float = 300) -> tuple[int, str]:
        """(exit code, output) of a command on the laptop, with ganstudy and ray on its path."""
        done = self["laptop"].run(
            f'PATH="$HOME/ganstudy-venv/bin:$PATH"; {command}', False, seconds
        )
        return done.returncode, done.stdout

    def head(self, command: str, seconds: float = 300) -> tuple[int, str]:
        """The same on the head, in the cluster's environment and with MLflow's password."""
        done = self["head"].run(
            f". ~/ganstudy.env; . ~/ganstudy-mlflow.env; {command}", False, seconds
        )
        return done.returncode, done.stdout

    def nodes(self) -> set[str]:
        """Names of the hosts that Ray counts as alive."""
        address = f"{self['head'].address}:6379"
        code = (
            f"from ray._raylet import GcsClient; found = GcsClient('{address}').get_all_node_info()"
        )
        code += "; print('alive', *(node.node_manager_address for node in found.values() if node.state == 0))"
        _, output = self.head(f'~/ganstudy-venv/bin/python -W ignore -c "{code}"', 120)
        alive = {
            a for line in output.splitlines() if line.startswith("alive ") for a in line.split()[1:]
        }
        return {host.name for host in self.lab.hosts.values() if host.address in alive}

    def wait_until(
        self, reached: Callable[[], Any], what: str, seconds: float = 300, every: float = 1.0
    ) -> Any:
        until = time.monotonic() + seconds
        while not (found := reached()):
            assert time.monotonic() < until, f"not {what} within {seconds} s"
            time.sleep(every)
        return found

    def said(self, name: str) -> str:
        """What the driver of a submitted study has said so far."""
        runs = sorted((self.home / "submitted" / name).glob("*/run.txt"))
        return runs[-1].read_text() if runs else ""


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Up, or skipped with the reason."""
    reason = hosts.why_not() or lab_cluster.why_not()
    if reason:
        pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="lab", ignore_cleanup_errors=True) as folder:
        lab = hosts.Lab(Path(folder), ("laptop", "head", *WORKERS, "stranger"))
        try:
            start = time.monotonic()
            lab_cluster.prepare(lab, "head")
            lab["late"].kill()
            lab_cluster.filled_in(lab, "head", WORKERS, cpus=1, head_cpus=1)
            cluster = Cluster(lab)
            code, output = cluster.laptop("ray up --yes --no-config-cache ray_cluster.yaml", 400)
            assert code == 0, output
            cluster.wait_until(
                lambda: {"head", *AT_FIRST} <= cluster.nodes(), "all hosts in the cluster", 400, 10
            )
            print(f"\nray up: three hosts work after {time.monotonic() - start:.0f} s")
            yield cluster
        finally:
            lab.end()
