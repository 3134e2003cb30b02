"""What a cluster gains and costs: hosts in miniature, trials that sleep.

Three figures: the wall time of one study on one, two and three hosts at two slots each; what a trial costs beside its
training, on a cluster and on one machine; how busy the driver is with many trials that report all the time.

    python tests/benchmarks/cluster.py [scaling] [overhead] [load] [--short]

All but one machine's part of `overhead` needs root and what tests/cluster/namespaces needs, and is left out with the
reason where that is missing; `--short` does that part alone, on two studies. Trials that sleep say nothing about
training: they keep two cores from being the limit, as several hosts would.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
"""Of the repository; on the head, where this file lies alone, of no meaning."""
SLOTS = 2
"""Per host."""
TRIALS, REPORTS, SECONDS = 36, 5, 1.0
"""Of the scaling study: how many, how often each reports, and after how long."""
FEW, MANY = 10, 60
PROCESSES, PER_SECOND, LOAD_SECONDS = 40, 5, 60
"""200 reports a second; 200 processes of torch would not fit into this machine's memory."""
STUDY = """
name = "{name}"
[data]
name = "ring"
[train]
seeds = [0]
budget = {{ generator_steps = {reports} }}
evaluations = {reports}
[search]
sampler = "random"
trials = {trials}
[search.space]
lr_d = {{ low = 1e-4, high = 3e-3, log = true }}
[schedule]
name = "fifo"
[resources]
cpus = {cpus}
lanes = 1
"""


@dataclass
class Sleep:
    """Reports, and sleeps in between."""

    config: Any
    parts: int
    seconds: float
    history: list[Any] = field(default_factory=list)
    done: int = 0

    @property
    def finished(self) -> bool:
        return self.done >= self.config.budget.amount

    def advance(self, tick: Any) -> Any:
        from ganstudy.trials.results.catalogue import MEASURES
        from ganstudy.trials.results.records import (
            Counters,
            Evaluation,
            EvaluationRow,
            Verdict,
        )

        time.sleep(self.seconds)
        self.done += 1
        index = self.done
        counters = Counters(generator_steps=index, discriminator_steps=index)
        row = EvaluationRow(
            seed=0,
            evaluation=index,
            finite=True,
            measures={**dict.fromkeys(MEASURES), "fid": 100 * self.config.lr_d / index},
            histogram=[1] * 8,
            cost=counters.as_columns(),
            verdict=Verdict.UNSETTLED,
        )
        self.history = [*self.history[-1:], row]  # no long history: this is not about files
        return Evaluation(index, counters, [row], None)

    def latest(self) -> Any:
        raise AssertionError("nothing is interrupted here")

    def save(self, folder: Path) -> None:
        pass

    def restore(self, folder: Path) -> bool:
        return False


@dataclass
class SleepFactory:
    seconds: float

    def __call__(self, config: Any, parts: int = 1) -> Sleep:
        return Sleep(config, parts, self.seconds)


def drive(
    name: str,
    trials: int,
    reports: int,
    seconds: float,
    cpus: float,
    address: str | None,
    home: str,
) -> None:
    """One study, as its driver; prints what it took."""
    from rich.console import Console

    from ganstudy.study.driver.run import run
    from ganstudy.study.home import Home
    from ganstudy.study.spec.reader import parse_study

    text = STUDY.format(name=name, trials=trials, reports=reports, cpus=cpus)
    start, before = time.monotonic(), os.times()
    spec = parse_study(text, "benchmark")
    console = Console(file=io.StringIO())
    result = run(
        spec,
        text,
        Home(Path(home)),
        address=address,
        console=console,
        factory=SleepFactory(seconds),
    )
    assert (result.trained, result.left) == (trials, 0), console.file.getvalue()  # type: ignore[attr-defined]
    after = os.times()
    begun = [
        file.stat()
        for file in (Path(home) / "studies" / name / "checkpoints").glob("*/attempts.json")
    ]
    took = {
        "wall": time.monotonic() - start,
        "cpu": after.user + after.system - before.user - before.system,
    }
    print("took", json.dumps(took | {"trials": len(begun)}))


def took(output: str) -> dict[str, float]:
    (line,) = [line for line in output.splitlines() if line.startswith("took ")]
    found: dict[str, float] = json.loads(line.removeprefix("took "))
    return found


def why_not() -> str | None:
    """Why there can be no hosts in miniature here; None where there can."""
    sys.path.insert(0, str(ROOT / "tests" / "cluster" / "namespaces"))
    import hosts
    import lab_cluster

    return hosts.why_not() or lab_cluster.why_not()


@contextmanager
def cluster(workers: tuple[str, ...], cpus: int) -> Iterator[Any]:
    """(lab, run): hosts of which the first worker is on; `run(NAME, ...)` drives a study from the head."""
    import hosts
    import lab_cluster

    with tempfile.TemporaryDirectory(prefix="lab", ignore_cleanup_errors=True) as folder:
        lab = hosts.Lab(Path(folder), ("laptop", "head", *workers))
        try:
            lab_cluster.prepare(lab, "head")
            for name in workers[1:]:
                lab[name].kill()
            lab_cluster.filled_in(lab, "head", workers, cpus=cpus)
            lab["laptop"].run(
                'PATH="$HOME/ganstudy-venv/bin:$PATH"; ray up --yes --no-config-cache ray_cluster.yaml'
            )
            shutil.copyfile(__file__, lab["head"].folder / "home" / "bench.py")

            def on_head(*arguments: Any) -> dict[str, float]:
                words = " ".join(map(str, arguments))
                command = f". ~/ganstudy.env; unset GANSTUDY_TRACKING_URI; python -P bench.py drive {words}"
                return took(lab["head"].run(command, seconds=900).stdout)

            yield lab, on_head
        finally:
            lab.end()


def wait_for_hosts(lab: Any, number: int) -> None:
    """Until Ray counts so many, the head included."""
    code = "import ray; ray.init('auto', log_to_driver=False); print(sum(n['Alive'] for n in ray.nodes()))"
    for _ in range(60):
        done = lab["head"].run(
            f'. ~/ganstudy.env; python -W ignore -c "{code}" 2> /dev/null', check=False
        )
        if done.stdout.strip().endswith(str(number)):
            return
        time.sleep(2)
    raise AssertionError(f"not {number} hosts")


def scaling() -> None:
    workers = ("one", "two", "three")
    with cluster(workers, SLOTS) as (lab, on_head):
        first = 0.0
        home = "/mnt/shared/bench"
        for number, name in enumerate(workers, 1):
            if number > 1:
                lab[name].start()
            wait_for_hosts(lab, number + 1)
            # The same with next to nothing to train is what starting and ending takes.
            idle = on_head(f"idle-{number}", SLOTS * number, REPORTS, 0.01, 1, "auto", home)["wall"]
            wall = on_head(f"scaling-{number}", TRIALS, REPORTS, SECONDS, 1, "auto", home)["wall"]
            training, ideal = wall - idle, TRIALS * REPORTS * SECONDS / SLOTS / number
            first = first or training
            print(
                f"{number} hosts x {SLOTS} slots: {wall:.1f} s in all, {training:.1f} s without start and end "
                f"(ideal {ideal:.1f}); efficiency {first / number / training:.2f} against one host, "
                f"{ideal / training:.2f} against ideal"
            )


def overhead_here(few: int, many: int) -> None:
    """Seconds per trial that reports five times and trains nothing, beyond the first few, two slots."""
    with tempfile.TemporaryDirectory() as home:
        seconds = []
        for trials in (few, many):
            arguments = [f"local-{trials}", trials, REPORTS, 0, 1, "local", Path(home) / "data"]
            command = [sys.executable, "-P", __file__, "drive", *map(str, arguments)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            seconds.append(took(done.stdout)["wall"])
    _print_overhead("one machine", seconds, few, many)


def overhead() -> None:
    """The same on a cluster of one host."""
    with cluster(("one",), SLOTS) as (lab, on_head):
        wait_for_hosts(lab, 2)
        seconds = [
            on_head(f"there-{n}", n, REPORTS, 0, 1, "auto", "/mnt/shared/bench")["wall"]
            for n in (FEW, MANY)
        ]
    _print_overhead("a cluster", seconds, FEW, MANY)


def _print_overhead(where: str, seconds: list[float], few: int, many: int) -> None:
    per_trial = (seconds[1] - seconds[0]) / (many - few)
    print(f"{where}: {per_trial:.3f} s per trial; {seconds[0]:.1f} s for the first {few}")


def load() -> None:
    """The driver's CPU with 200 reports a second."""
    with cluster(("one",), 1) as (lab, on_head):
        wait_for_hosts(lab, 2)
        cpus = 1 / PROCESSES
        idle = on_head("load-0", PROCESSES, 1, 0, cpus, "auto", "/mnt/shared/bench")
        busy = on_head(
            "load-1",
            PROCESSES,
            PER_SECOND * LOAD_SECONDS,
            1 / PER_SECOND,
            cpus,
            "auto",
            "/mnt/shared/bench",
        )
    seconds, cpu = busy["wall"] - idle["wall"], busy["cpu"] - idle["cpu"]
    reports = PROCESSES * PER_SECOND * LOAD_SECONDS
    print(
        f"{PROCESSES} trials that report {PER_SECOND} times a second for {LOAD_SECONDS} s: {reports / seconds:.0f} "
        f"reports a second taken, the driver busy for {cpu / seconds:.0%} of one core, "
        f"{1000 * cpu / reports:.2f} ms per report"
    )


def main() -> None:
    if sys.argv[1:2] == ["drive"]:
        name, trials, reports, seconds, cpus, address, home = sys.argv[2:]
        where = None if address == "local" else address
        drive(name, int(trials), int(reports), float(seconds), float(cpus), where, home)
        return
    figures = {"scaling": scaling, "overhead": overhead, "load": load}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=", ".join(figures))
    parser.add_argument("--short", action="store_true", help="whether it runs, not how fast")
    options = parser.parse_args()
    chosen = options.figures or list(figures)
    unknown = set(chosen) - set(figures)
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(figures)}")
    reason = why_not()
    if options.short:
        overhead_here(1, 3)
        return
    if "overhead" in chosen:
        overhead_here(FEW, MANY)
    if reason is not None:
        print(f"no hosts in miniature, and nothing about clusters: {reason}")
        return
    for name in chosen:
        figures[name]()


if __name__ == "__main__":
    main()
