"""Runs a study: connects to Ray, makes the yardstick, lets Tune schedule, and waits for MLflow.

A study that was interrupted goes on from its ledger with a new Tuner: trials that were being trained
first, from their checkpoints, then the ones still to be proposed.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import ray
from filelock import FileLock, Timeout
from ray import tune
from rich.console import Console

from study import cluster, shipping
from study.errors import UserError
from study.home import Home, StudyFolder
from study.ledger import Ledger
from study.progress import RunProgress
from study.schedule import replay, scheduler
from study.search import LedgerSearcher
from study.spec import StudySpec
from study.spool import END, START, Spool
from study.trainable import TrialTrainable
from study.training import PackFactory, TrainingFactory, Yardstick, make_yardstick
from trials.files import write_whole
from trials.records import Tag

RESTARTS_PER_TRIAL = 1
"""How often a trial whose process died is started again, from its checkpoint."""
STALLED_SECONDS = 90
"""How long the driver waits at the end for MLflow without any message being taken."""


@dataclass(frozen=True)
class RunResult:
    """How a run ended."""

    folder: StudyFolder
    trained: int
    """Trials that ended in this run."""
    failed: int
    """Of all the study's trials, those that ended by an error."""
    left: int
    """Trials that the study still lacks; 0 when it is complete."""
    unpublished: int
    """Records that MLflow has not taken yet; they wait in the spool."""


@dataclass(frozen=True)
class Ending:
    """What a finished study leaves in MLflow: files, and the answer as the parent run's description."""

    description: str = ""
    artifacts: list[Path] = field(default_factory=list)


def run(
    spec: StudySpec,
    text: str,
    home: Home,
    *,
    address: str | None = None,
    console: Console | None = None,
    conclude: Callable[[], Ending] | None = None,
    factory: TrainingFactory | None = None,
) -> RunResult:
    """Runs `spec` to its end, or goes on with it.

    text: the study file. address: of a running Ray cluster; without it Ray starts on this machine.
    conclude: makes the report once everything is published. factory: what a worker trains instead of
    packs of GANs, for tests and benchmarks.

    Raises UserError for what the user can mend: a name taken by a different study, or resources that
    the cluster does not have. Nothing has been written then.
    """
    console = console or Console()
    folder = home.study(spec.name)
    if address is None:
        cluster.check_cpus(spec, float(os.cpu_count() or 1), "this machine")
    else:
        cluster.check_reachable(address)
    home.check_writable()
    Ledger.check_same(folder.ledger, spec)
    with cluster.connected(address, spec.plugin_digests):
        cluster.check_cluster(spec)
        with _only_driver(folder):
            return _run_on_ray(spec, text, home, console, conclude, factory)


@contextmanager
def _only_driver(folder: StudyFolder) -> Iterator[None]:
    """One driver per study; the lock goes with its process, however that ends."""
    folder.path.mkdir(parents=True, exist_ok=True)
    holder = folder.path / "driver.json"
    lock = FileLock(folder.path / "driver.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        told = json.loads(holder.read_text()) if holder.exists() else {}
        who = ", ".join(f"{key} {value}" for key, value in told.items()) or "another process"
        raise UserError(f"the study in {folder.path} is being run already ({who})") from None
    try:
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        write_whole(holder, json.dumps({"host": platform.node(), "process": os.getpid(), "since": since}).encode())
        yield
    finally:
        lock.release()


def _run_on_ray(
    spec: StudySpec,
    text: str,
    home: Home,
    console: Console,
    conclude: Callable[[], Ending] | None,
    factory: TrainingFactory | None,
) -> RunResult:
    folder = home.study(spec.name)
    yardstick = None
    if factory is None:
        # Before anything is written: data or networks that will not do must not take the study's name.
        with console.status(f"{spec.data.name}: loading the data, preparing the measures"):
            yardstick = _yardstick(spec, home)
        console.print(_describe(yardstick), highlight=False, soft_wrap=True)
        factory = PackFactory(yardstick.classifier, max(1, int(spec.resources.cpus)), spec.resources.gpus > 0)
    ledger = Ledger.create(folder.ledger, spec, text)
    folder.study_file.write_text(text, encoding="utf-8")
    spool = Spool(folder.spool)
    with _publisher(spec, home) as publisher:
        spool.put_study(START, _study_message(spec, text, yardstick))
        with RunProgress(spec, ledger, console) as progress:
            _tune(spec, ledger, spool, folder, progress, factory)
        left = ledger.left()
        _wait_until_published(spool, publisher, console)
        if not spool.pending():
            ending = _conclude(conclude, spec, folder, console)
            artifacts = [str(path) for path in ending.artifacts]
            status = "FINISHED" if left == 0 else "KILLED"
            spool.put_study(END, {"status": status, "description": ending.description, "artifacts": artifacts})
            _wait_until_published(spool, publisher, console)
    return RunResult(folder, progress.done, progress.failed, left, len(spool.pending()))


def _conclude(conclude: Callable[[], Ending] | None, spec: StudySpec, folder: StudyFolder, console: Console) -> Ending:
    """The report; its failure is said and logged, and leaves the study as complete as it is."""
    try:
        return conclude() if conclude is not None else Ending()
    except Exception as error:
        with folder.log.open("a", encoding="utf-8") as log:
            log.write(traceback.format_exc())
        console.print(
            f"The report could not be written: {type(error).__name__}: {error} (details in {folder.log}). "
            f"Nothing of the study is lost; to try again: ganstudy report {spec.name}",
            soft_wrap=True,
        )
        return Ending()


def _tune(
    spec: StudySpec,
    ledger: Ledger,
    spool: Spool,
    folder: StudyFolder,
    progress: RunProgress,
    factory: TrainingFactory,
) -> None:
    concurrent = cluster.slots(spec)
    schedule, maximize = scheduler(spec), spec.objective.maximize is not None
    searcher = LedgerSearcher(
        ledger,
        spool,
        concurrent,
        progress.observe,
        replay=lambda trial_id, values: replay(schedule, trial_id, values, maximize),
    )
    if searcher.total == 0:
        return
    trainable = tune.with_parameters(
        TrialTrainable,
        factory=factory,
        measure=spec.objective.measure,
        spool=str(folder.spool),
        checkpoints=str(folder.checkpoints),
        source=shipping.source_digest(),
    )
    resources = {"cpu": spec.resources.cpus, "gpu": spec.resources.gpus}
    tuner = tune.Tuner(
        tune.with_resources(trainable, resources),
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=schedule,
            num_samples=searcher.total,
            max_concurrent_trials=concurrent,
            reuse_actors=True,
            trial_name_creator=lambda trial: f"trial-{trial.config['number']:06d}",
            trial_dirname_creator=lambda trial: f"trial-{trial.config['number']:06d}-{trial.trial_id}",
        ),
        run_config=tune.RunConfig(
            name="run",
            storage_path=str(folder.tune),
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=RESTARTS_PER_TRIAL),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    )
    tuner.fit()


def _yardstick(spec: StudySpec, home: Home) -> Yardstick:
    task = ray.remote(num_cpus=min(1, spec.resources.cpus))(make_yardstick)
    try:
        yardstick: Yardstick = ray.get(task.remote(spec.structures(), str(home.cache)))
    except ValueError as error:  # Ray raises what the task raised, with its own traceback as the text
        raise UserError(str(getattr(error, "cause", error))) from None
    return yardstick


def _describe(yardstick: Yardstick) -> str:
    provenance = yardstick.provenance
    accuracy = provenance.extractor_accuracy
    classifier = "" if accuracy is None else f" (held-out accuracy {accuracy:.1%})"
    lines = [
        f"measured with {provenance.extractor}{classifier}: {provenance.num_generated} generated against "
        f"{provenance.num_real} held-out; real against real at the same n: FID {yardstick.floor['fid']:.3g}",
        *yardstick.notes,
    ]
    return "\n".join(lines)


def _study_message(spec: StudySpec, text: str, yardstick: Yardstick | None) -> dict[str, Any]:
    """What the parent run tells about the study as a whole."""
    tags: dict[str, Any] = {
        Tag.SPEC: spec.model_dump_json(),
        Tag.SOURCE: shipping.source_digest(),
        Tag.PYTHON: platform.python_version(),
        Tag.QUESTION: spec.question,
    }
    if yardstick is not None:
        tags[Tag.PROVENANCE] = json.dumps(yardstick.provenance.as_json())
        tags[Tag.MODES] = json.dumps(yardstick.modes)
        tags[Tag.REAL_MODES] = yardstick.real_effective_modes
    params = {
        "data": spec.data.name,
        "model": spec.model.name,
        "sampler": spec.search.sampler,
        "schedule": spec.schedule.name,
        "objective": f"{spec.objective.direction} {spec.objective.measure}",
        "budget": f"{spec.train.budget.amount:g} {spec.train.budget.unit}",
        "seeds": ",".join(map(str, spec.train.seeds)),
    }
    return {"study_file": text, "params": params, "tags": tags, "floor": yardstick.floor if yardstick else {}}


@contextmanager
def _publisher(spec: StudySpec, home: Home) -> Iterator[subprocess.Popen[bytes]]:
    """The publisher's process; closing its input tells it to finish."""
    folder = home.study(spec.name)
    embedded = spec.tracking.uri is None
    arguments = {
        "ledger": str(folder.ledger),
        "spool": str(folder.spool),
        "uri": home.tracking_uri(spec.tracking.uri),
        "artifacts": (home.mlflow_artifacts / spec.name).as_uri() if embedded else None,
    }
    if embedded:
        home.mlflow_artifacts.mkdir(parents=True, exist_ok=True)
    code = "import sys; sys.path.insert(0, sys.argv[2]); from study.publish import main; sys.exit(main())"
    our_code = str(Path(shipping.__file__).parent.parent)
    with folder.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", code, json.dumps(arguments), our_code],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the driver
        )
    assert process.stdin is not None
    try:
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(STALLED_SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()


def _wait_until_published(spool: Spool, publisher: subprocess.Popen[bytes], console: Console) -> None:
    """Until the spool is empty, the publisher is gone, or nothing moves any more."""
    pending, since = len(spool.pending()), time.monotonic()
    with console.status("publishing to MLflow"):
        while pending and publisher.poll() is None and time.monotonic() - since < STALLED_SECONDS:
            time.sleep(0.1)
            now = len(spool.pending())
            if now != pending:
                pending, since = now, time.monotonic()
