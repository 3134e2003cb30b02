"""What it costs to take in histories that were trained elsewhere: reading the file, MLflow, and the report.

    python tests/benchmarks/importing.py [--trials 100 1000 10000] [--short]

Made-up histories of three seeds, six moments and eight modes; MLflow is the embedded store.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console

os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true"}
SEEDS, MOMENTS, MODES = 3, 6, 8


def main() -> None:
    """Prints one line of a table per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--short", action="store_true", help="whether it runs, not how fast")
    arguments = parser.parse_args()
    if arguments.short:
        arguments.trials = [6]
    print("| trials | rows | read (s) | to MLflow (s) | report (s) |")
    print("|---|---|---|---|---|")
    for trials in arguments.trials:
        with tempfile.TemporaryDirectory() as folder:
            seconds = " | ".join(f"{value:.1f}" for value in measured(Path(folder), trials))
            print(f"| {trials} | {trials * SEEDS * MOMENTS} | {seconds} |", flush=True)
    print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


def measured(folder: Path, trials: int) -> tuple[float, float, float]:
    """Seconds to read a file of so many trials, to bring it to MLflow, and to load it from there and report."""
    from ganstudy.study.cli.report import write_report
    from ganstudy.study.home import Home
    from ganstudy.study.importing.imported_study import read_import
    from ganstudy.study.importing.mapping import Mapping
    from ganstudy.study.importing.publish import publish_import
    from ganstudy.study.spec.tables import Tracking
    from ganstudy.study.tracking.publisher_process import StudyArtifacts

    file, home = folder / "histories.csv", Home(folder / "home")
    write_histories(file, trials)
    begun = time.perf_counter()
    made = read_import(
        file, "imported", Mapping(floor={"effective_modes": float(MODES)}), Tracking()
    )
    read = time.perf_counter()
    report = [0.0]

    def build_report() -> StudyArtifacts:
        start = time.perf_counter()
        write_report(made.spec, home, home.study("imported"))
        report[0] = time.perf_counter() - start
        return StudyArtifacts()

    result = publish_import(made, home, build_report, Console(quiet=True))
    assert result.unpublished == 0 and report[0], (
        "everything has reached MLflow, and there is a report"
    )
    return read - begun, time.perf_counter() - read - report[0], report[0]


def write_histories(file: Path, trials: int) -> None:
    """Random configurations, FID and mode histograms."""
    rng = np.random.default_rng(0)
    with file.open("w", newline="") as stream:
        table = csv.writer(stream)
        modes = [f"mode_{mode}" for mode in range(MODES)]
        table.writerow(["trial", "seed", "k", "lr_d", "lr_g", "generator_steps", "fid", *modes])
        for trial in range(trials):
            params = [
                int(rng.choice([1, 2, 5])),
                *(f"{10**power:.3g}" for power in rng.uniform(-5, -2, 2)),
            ]
            for seed in range(SEEDS):
                for moment in range(1, MOMENTS + 1):
                    counts = rng.integers(1, 250, MODES).tolist()
                    table.writerow(
                        [trial, seed, *params, 100 * moment, f"{rng.lognormal(3, 1):.4f}", *counts]
                    )


if __name__ == "__main__":
    main()
