"""What a report costs: time to load a study from MLflow, to build its report, its size, and how fast it opens.

    python tests/benchmarks/report.py [--trials 24 1000 10000] [--keep FOLDER] [--short]

Made-up studies of three seeds and ten evaluations; the browser is headless Chromium, where there is one.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true"}


def main() -> None:
    """Prints one line of a table per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[24, 1000, 10000])
    parser.add_argument(
        "--keep", type=Path, help="keep stores and reports here, and use what is there"
    )
    parser.add_argument("--short", action="store_true", help="whether it runs, not how fast")
    arguments = parser.parse_args()
    if arguments.short:
        arguments.trials = [6]
    print(
        "| trials | load (s) | CPU (s) | build (s) | CPU (s) | report (MB) "
        "| content loaded (ms) | first figure (ms) | scroll, 95% of frames (ms) | longest (ms) |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for trials in arguments.trials:
        with tempfile.TemporaryDirectory() as passing:
            folder = (arguments.keep or Path(passing)) / str(trials)
            print(" | ".join(["", str(trials), *measured(folder, trials), ""]).strip(), flush=True)
    print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


def measured(folder: Path, trials: int) -> list[str]:
    """Makes the study where there is none yet; loads, builds and opens it."""
    from made_study import fill_store

    from ganstudy.analysis.frames.load import load_study
    from ganstudy.analysis.report.html import write_report

    uri = f"sqlite:///{folder / 'mlflow.db'}"
    if not (folder / "mlflow.db").exists():
        folder.mkdir(parents=True, exist_ok=True)
        fill_store(folder, trials)
    times = [_now()]
    study = load_study("made-up", uri)
    times.append(_now())
    path = write_report(study, folder / "report.html")
    times.append(_now())
    seconds = [
        f"{after - before:.1f}"
        for one, other in pairwise(times)
        for before, after in zip(one, other, strict=True)
    ]
    return [*seconds, f"{path.stat().st_size / 1e6:.1f}", *opened(path)]


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


FRAMES = """
const done = arguments[0], gaps = [];
let before = performance.now();
const step = (now) => {
  gaps.push(now - before);
  before = now;
  window.scrollBy(0, 120);
  if (window.scrollY + window.innerHeight < document.documentElement.scrollHeight - 1) requestAnimationFrame(step);
  else done(gaps.slice(1));
};
window.scrollTo(0, 0);
requestAnimationFrame(step);
"""
"""Scrolls from top to bottom, 120 pixels a frame; the milliseconds between frames. Figures are drawn on the way."""
FIRST = """
const done = arguments[0];
document.querySelector(".plot").scrollIntoView();
const look = () => document.querySelector("[data-drawn] .main-svg") ? done(performance.now()) : setTimeout(look, 5);
look();
"""


def opened(path: Path) -> list[str]:
    """Milliseconds until the content stands, until the first figure is drawn, and between frames of scrolling."""
    from chromium import chromium, missing

    if missing():
        return ["–"] * 4
    with chromium(1366, 768) as driver:
        driver.set_script_timeout(120)
        driver.get(path.as_uri())
        first = driver.execute_async_script(FIRST)
        content = driver.execute_script(
            "return performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
        )
        frames = driver.execute_async_script(FRAMES)
    return [f"{number:.0f}" for number in (content, first, np.quantile(frames, 0.95), max(frames))]


if __name__ == "__main__":
    main()
