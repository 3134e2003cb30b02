"""What a trial costs beside its training: ganstudy's whole chain against the plain stack.

Both run trivial trials that report five times, one slot per CPU, with TPE, into an SQLite MLflow store. A
trial's cost is the marginal one, (seconds of many trials - seconds of few) / (many - few), so start-up
does not count, and ganstudy's seconds include the time until MLflow has everything.

    python tests/benchmarks/overhead.py [--trials 100] [--plain-trials 20] [--short]
"""

from __future__ import annotations

import argparse
import io
import logging
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ |= {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
}

REPORTS = 5
FEW = 10
STUDY = """
name = "overhead-{trials}"
[data]
name = "ring"
[train]
seeds = [0]
budget = {{ generator_steps = 5 }}
evaluations = 5
[search]
trials = {trials}
[search.space]
lr_d = {{ low = 1e-4, high = 3e-3, log = true }}
lr_g = {{ low = 1e-4, high = 3e-3, log = true }}
k = [0.5, 1, 2]
[schedule]
name = "fifo"
"""


@dataclass
class TrivialTraining:
    """Reports five times and trains nothing."""

    config: Any
    parts: int = 1
    history: list[Any] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        return len(self.history) >= REPORTS

    def advance(self, tick: Any) -> Any:
        from ganstudy.trials.results.catalogue import MEASURES
        from ganstudy.trials.results.records import (
            Counters,
            Evaluation,
            EvaluationRow,
            Verdict,
        )

        index = len(self.history) + 1
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
        self.history.append(row)
        return Evaluation(index, counters, [row], None)

    def latest(self) -> Any:
        raise AssertionError("nothing is interrupted here")

    def save(self, folder: Path) -> None:
        pass

    def restore(self, folder: Path) -> bool:
        return False


def ours(trials: int, folder: Path) -> float:
    """Seconds of a whole study, Ray's start included."""
    from rich.console import Console

    from ganstudy.study.driver.run import run
    from ganstudy.study.home import Home
    from ganstudy.study.spec.reader import parse_study

    text = STUDY.format(trials=trials)
    start = time.perf_counter()
    console = Console(file=io.StringIO())
    spec = parse_study(text, "benchmark")
    result = run(spec, text, Home(folder), console=console, factory=TrivialTraining)
    whole = (result.trained, result.left, result.unpublished) == (trials, 0, 0)
    assert whole, f"{result}\n{console.file.getvalue()}"  # type: ignore[attr-defined]
    return time.perf_counter() - start


def plain(trials: int, folder: Path, reuse_actors: bool) -> float:
    """Seconds of the same through Tuner, OptunaSearch and MLflowLoggerCallback."""
    import mlflow
    import ray
    from ray import tune
    from ray.air.integrations.mlflow import MLflowLoggerCallback
    from ray.tune.search.optuna import OptunaSearch

    def train(config: dict[str, Any]) -> None:
        for index in range(1, REPORTS + 1):
            tune.report({"fid": 100 * config["lr_d"] / index})

    start = time.perf_counter()
    ray.init(
        include_dashboard=False,
        num_cpus=os.cpu_count(),
        log_to_driver=False,
        logging_level=logging.CRITICAL,
    )
    uri = f"sqlite:///{folder / f'plain-{trials}-{reuse_actors}.db'}"
    mlflow.set_tracking_uri(uri)
    space = {
        "lr_d": tune.loguniform(1e-4, 3e-3),
        "lr_g": tune.loguniform(1e-4, 3e-3),
        "k": tune.choice([0.5, 1, 2]),
    }
    tuner = tune.Tuner(
        train,
        param_space=space,
        tune_config=tune.TuneConfig(
            search_alg=OptunaSearch(),
            metric="fid",
            mode="min",
            num_samples=trials,
            max_concurrent_trials=os.cpu_count(),
            reuse_actors=reuse_actors,
        ),
        run_config=tune.RunConfig(
            storage_path=str(folder),
            verbose=0,
            callbacks=[MLflowLoggerCallback(tracking_uri=uri, experiment_name=f"plain-{trials}")],
        ),
    )
    results = tuner.fit()
    assert len(results) == trials and not results.errors
    ray.shutdown()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=100, help="beyond the first 10, for ganstudy")
    parser.add_argument(
        "--plain-trials", type=int, default=20, help="beyond the first 10, for the plain stack"
    )
    parser.add_argument("--short", action="store_true", help="whether it runs, not how fast")
    options = parser.parse_args()
    few, reuses = FEW, (False, True)
    if options.short:
        few, reuses, options.trials, options.plain_trials = 1, (True,), 1, 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base = ours(few, folder / "ours")
        per_trial = (ours(few + options.trials, folder / "ours") - base) / options.trials
        print(
            f"ganstudy: {base:.1f} s for {few} trials, start-up included; then {per_trial:.3f} s per trial"
        )
        for reuse in reuses:
            base = plain(few, folder, reuse)
            seconds = (
                plain(few + options.plain_trials, folder, reuse) - base
            ) / options.plain_trials
            print(
                f"plain stack, reuse_actors={reuse}: {seconds:.3f} s per trial, {seconds / per_trial:.1f} times ours"
            )


if __name__ == "__main__":
    main()
