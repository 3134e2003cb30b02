"""Fixtures that several test files share: small real parts, made once."""

from __future__ import annotations

import csv
import gc
import importlib.util
import io
import os
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock

from ganstudy.analysis.tables.configurations import importance
from ganstudy.trials.results.catalogue import MEASURES

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# Ray's own 15 lets the tests in the process beside take nearly all of two cores.
os.environ.setdefault("RAY_worker_niceness", "0")
torch.set_num_threads(1)
CONFORMANCE: dict[tuple[str, str], tuple[float, float]] = {}
"""(entry, compared with) -> (largest deviation, bound) of this run; `--conformance FILE` writes it as a table."""

CONFORMANCE_HEAD = """<!-- Made by `make conformance`. -->

# Conformance

[conformance.csv](conformance.csv) has every loss, remedy and measure, what it was compared with, the largest deviation
found, and the bound that the tests hold it to (relative where numbers are not of order 1). Comparisons by kind:
"""
CONFORMANCE_KINDS = {
    "Dirac-GAN": "the Dirac-GAN",
    "VirtualSteps": "optimisers looked through",
    "loss": "losses",
    "remed": "remedies",
    "measure": "measures",
    "method": "autoencoder and VAE",
    "pack": "packs",
    "split pack": "packs that were split",
}
"""Kind of an entry by how it begins."""
CONFORMANCE_COLUMNS = ("entry", "compared with", "largest deviation", "bound")


def conformance_page(found: dict[tuple[str, str], tuple[float, float]]) -> str:
    """The page: the number of comparisons by kind, the table of `conformance_rows` in few words."""
    kinds = Counter(
        next((kind for kind in CONFORMANCE_KINDS if entry.startswith(kind)), "others")
        for entry, _ in sorted(found)
    )
    counts = (f"{CONFORMANCE_KINDS.get(kind, kind)} {number}" for kind, number in kinds.items())
    return f"{CONFORMANCE_HEAD}{', '.join(counts)}.\n"


def conformance_rows(found: dict[tuple[str, str], tuple[float, float]]) -> str:
    """The table as CSV."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(CONFORMANCE_COLUMNS)
    table.writerows(
        (entry, against, f"{deviation:.1e}", f"{bound:.0e}")
        for (entry, against), (deviation, bound) in sorted(found.items())
    )
    return text.getvalue()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--conformance",
        metavar="FILE",
        help="write the table of largest deviations to FILE (Markdown), and beside it as CSV",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(OtherProcesses())


class OtherProcesses:
    """Gathers what was noted in pytest-xdist's processes."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        for entry, against, deviation, bound in getattr(node, "workeroutput", {}).get(
            "conformance", []
        ):
            _note(entry, against, deviation, bound)


TEST_BY_TEST = ("test_simulated", "test_interruption", "test_workers_lost", "test_mlflow_server")
"""Files of long tests that share nothing: with --dist loadfile, each of their tests goes to whoever is free."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return nodeid if Path(file).stem in TEST_BY_TEST else file

    return ByFile(config, log) if config.getoption("dist") == "loadfile" else None


def _note(entry: str, against: str, deviation: float, bound: float) -> None:
    # Plain floats: numpy's do not travel between pytest-xdist's processes.
    deviation, bound = float(deviation), float(bound)
    before = CONFORMANCE.get((entry, against), (0.0, bound))
    CONFORMANCE[entry, against] = (max(before[0], deviation), max(before[1], bound))


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = session.config.getoption("--conformance")
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["conformance"] = [
            (*names, *numbers) for names, numbers in CONFORMANCE.items()
        ]
    elif path:
        Path(path).write_text(conformance_page(CONFORMANCE))
        Path(path).with_suffix(".csv").write_text(conformance_rows(CONFORMANCE))


@pytest.fixture(scope="session")
def conformance():
    """Asserts that a deviation keeps its bound, and notes it for the table."""

    def note(entry: str, against: str, deviation: float, bound: float) -> None:
        assert deviation <= bound, f"{entry} against {against}: {deviation:.3g} > {bound:.3g}"
        _note(entry, against, deviation, bound)

    return note


SMALL_STUDY = """
name = "small"
question = "Does the whole chain work?"
[data]
name = "digits"
[model]
width = 32
[train]
batch_size = 32
seeds = [0, 1, 2]
budget = {{ generator_steps = {steps} }}
evaluations = 4
[search]
sampler = "{sampler}"
trials = {trials}
[search.space]
k = [0.5, 1, 2]
lr_d = {{ low = 1e-4, high = 3e-3, log = true }}
lr_g = {{ low = 1e-4, high = 3e-3, log = true }}
remedies = [[], ["feature_matching"], ["historical_averaging"]]
"historical_averaging.weight" = {{ low = 1e-3, high = 1.0, log = true }}
[schedule]
name = "{schedule}"
"""


@pytest.fixture(scope="session")
def small_study():
    """A study file on real digits as text, a few seconds of training in all."""

    def text(steps: int = 80, trials: int = 6, sampler: str = "tpe", schedule: str = "asha") -> str:
        return SMALL_STUDY.format(steps=steps, trials=trials, sampler=sampler, schedule=schedule)

    return text


@pytest.fixture(autouse=True, scope="module")
def few_objects_to_collect() -> None:
    """Keep what was there before a file out of its garbage collections, which took half a second each."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def imports_as_before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Forget the modules of the user's own folders that a test has imported."""
    from ganstudy.trials.config import code_imports

    path, active, modules = list(sys.path), code_imports._active, dict(sys.modules)
    yield
    sys.path[:] = path
    code_imports._active = active
    # Not those of libraries: half of one imported anew does not know the other half.
    own = (
        str(tmp_path_factory.getbasetemp()),
        str(Path(tempfile.gettempdir()) / "ganstudy-code-"),
    )
    for name in sys.modules.keys() - modules.keys():
        module = sys.modules[name]
        places = [getattr(module, "__file__", None), *getattr(module, "__path__", [])]
        if any(str(place).startswith(own) for place in places if place):
            del sys.modules[name]


@pytest.fixture(scope="session")
def digits():
    """The real digits."""
    from ganstudy.trials.config.data import Digits
    from ganstudy.trials.data import load

    return load(Digits())


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all test processes of a session share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(autouse=True, scope="session")
def mlflow_tables_made_once(shared_folder: Path) -> Iterator[None]:
    """Copy the tables of a new MLflow store: forty migrations take seconds each time.

    Stores that commands make in processes of their own are made by MLflow.
    """
    from mlflow.store.db import utils

    make, made = utils._initialize_tables, shared_folder / "tables.db"

    def make_or_copy(engine: Any) -> None:
        with FileLock(made.with_suffix(".lock")):
            if not made.exists():
                make(engine)
                copy_database(engine.url.database, made.with_suffix(".partial"))
                made.with_suffix(".partial").replace(made)
                return
        copy_database(made, engine.url.database)

    utils._initialize_tables = make_or_copy
    yield
    utils._initialize_tables = make


def copy_database(source: Path | str, target: Path | str) -> None:
    """Copy an SQLite database, page by page."""
    with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as written:
        read.backup(written)


@pytest.fixture(scope="session")
def classifier_cache(digits, shared_folder: Path) -> Path:
    """A cache folder, as a home has one, with the classifier of the digits: trained once for all test processes."""
    from ganstudy.study.tune.evaluator_setup import cached_classifier
    from ganstudy.trials.config.measures import MeasuresConfig

    folder = shared_folder / "cache"
    folder.mkdir(exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        cached_classifier(digits, MeasuresConfig(), folder)
    return folder


@pytest.fixture(scope="session")
def classifier(digits, classifier_cache: Path):
    """The in-domain classifier of the digits."""
    from ganstudy.study.tune.evaluator_setup import cached_classifier
    from ganstudy.trials.config.measures import MeasuresConfig
    from ganstudy.trials.measures.features.classifier import TrainedClassifier

    return TrainedClassifier(cached_classifier(digits, MeasuresConfig(), classifier_cache))


@pytest.fixture(scope="session")
def digits_evaluator(digits, classifier):
    """Scores samples of digits."""
    from ganstudy.trials.measures.scoring.evaluator import Evaluator

    return Evaluator(digits, classifier, torch.device("cpu"))


@pytest.fixture(scope="session")
def ring_evaluator():
    """Scores points of the ring."""
    from ganstudy.trials.config.data import Ring
    from ganstudy.trials.data import load
    from ganstudy.trials.measures.scoring.evaluator import Evaluator

    return Evaluator(load(Ring()), None, torch.device("cpu"))


@pytest.fixture(scope="session")
def benchmark_module():
    """A module of tests/benchmarks by its name."""

    def module(name: str) -> Any:
        spec = importlib.util.spec_from_file_location(
            name, Path(__file__).parent / "benchmarks" / f"{name}.py"
        )
        assert spec is not None and spec.loader is not None
        made = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(made)
        return made

    return module


@pytest.fixture(scope="session")
def study_over_time():
    """Build a Study from trajectories, without MLflow.

    build(scores [C, S, E], verdicts [C, S, E] of text, settings: column -> C values): the objective's measure by
    configuration, seed and evaluation (NaN: not finite). reached: [C] evaluations made of E. more: measure ->
    [C, S, E].
    """
    import numpy as np
    import pandas as pd

    from ganstudy.analysis.frames.study import Study
    from ganstudy.trials.results.catalogue import MEASURES
    from ganstudy.trials.results.facts import Origin
    from ganstudy.trials.results.records import Verdict

    def build(
        scores,
        verdicts=None,
        *,
        reached=None,
        states=None,
        more=None,
        objective=None,
        sampler="random",
        **settings,
    ):
        scores = np.asarray(scores, dtype=float)
        configurations, num_seeds, evaluations = scores.shape
        reached = np.full(configurations, evaluations) if reached is None else np.asarray(reached)
        default = np.where(reached < evaluations, "pruned", "complete")
        states = default if states is None else np.asarray(states, dtype=object)
        chosen = objective or {"minimize": "fid"}
        measure = next(iter(chosen.values()))
        c, s, e = (axis.ravel() for axis in np.indices(scores.shape))
        steps = 100.0 * (e + 1)
        rows = pd.DataFrame({"number": c, "seed": s, "evaluation": e + 1, measure: scores.ravel()})
        rows["finite"] = rows[measure].notna()
        given = (
            np.full(scores.shape, "unsettled")
            if verdicts is None
            else np.broadcast_to(verdicts, scores.shape)
        )
        rows["verdict"] = np.where(rows["finite"], given.ravel(), "diverged")
        rows = rows.assign(
            generator_steps=steps, seconds=steps / 10 + c, device_seconds=0.0, histogram=None
        )
        rows = rows.assign(**{name: np.nan for name in MEASURES if name not in rows})
        for name, values in (more or {}).items():
            rows[name] = np.broadcast_to(values, scores.shape).ravel()
        rows = rows[rows["evaluation"] <= reached[c]].reset_index(drop=True)
        last = rows[rows["evaluation"] == reached[rows["number"]]]
        table = pd.DataFrame(
            {
                "number": np.arange(configurations),
                "config_digest": [f"c{i}" for i in range(configurations)],
            }
        )
        table = table.assign(
            state=states,
            feasible=True,
            evaluations=reached,
            num_seeds=num_seeds,
            error="",
            run_id="",
        )
        for verdict in Verdict:
            counted = (last["verdict"] == verdict.value).groupby(last["number"]).sum()
            table[verdict.value] = table["number"].map(counted).fillna(0).astype(int)
        worst = np.inf if "minimize" in chosen else -np.inf
        final = last[measure].fillna(worst).groupby(last["number"]).median()
        table["objective"] = table["number"].map(final).replace([np.inf, -np.inf], np.nan)
        for name in MEASURES:
            table[name] = table["number"].map(last.groupby("number")[name].median())
        for name in ("generator_steps", "seconds", "device_seconds"):
            table[name] = table["number"].map(last.groupby("number")[name].first())
        table = table.assign(**settings)
        spec = {
            "name": "made",
            "train": {
                "budget": {"unit": "generator_steps", "amount": 100.0 * evaluations},
                "evaluations": evaluations,
            },
            "search": {"sampler": sampler, "space": {name: [0, 1] for name in settings}},
            "objective": chosen,
        }
        return Study("made", spec, "", {}, {}, [], float("nan"), Origin(), table, rows, None)

    return build


@pytest.fixture
def write_study(tmp_path: Path):
    """Writes a study file's text and returns its path."""

    def write(text: str, name: str = "study.toml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="session")
def made_study(benchmark_module):
    """Build a Study from arrays, without MLflow: tests/benchmarks/made_frames.py."""
    return benchmark_module("made_frames").made_frames


@pytest.fixture(autouse=True)
def few_resamples_of_importance(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a small report's time is importance's resamples; what they are good for is test_importance.py's."""
    if request.path.stem not in ("test_importance", "test_simulated"):
        for name in importance.DEALT:
            monkeypatch.setitem(importance.DEALT, name, 3)
            monkeypatch.setitem(importance.RESAMPLES, name, 3)


@pytest.fixture(autouse=True)
def own_measures_end_with_their_test():
    """Forget the measures that a study's own files have added to the catalogue."""
    before = dict(MEASURES)
    yield
    if MEASURES.keys() != before.keys():
        MEASURES.clear()
        MEASURES.update(before)
