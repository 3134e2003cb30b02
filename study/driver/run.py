"""Run a study: connect to Ray, prepare the evaluator, let Tune schedule, and wait for MLflow.

Each stage is a Tuner of its own (study/driver/stages.py). A study that was
interrupted goes on from its ledger with new ones: trials that were being trained first, from their
checkpoints, then the ones still to be proposed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace

from rich.console import Console

from ganstudy.study.cluster import capacity, connection
from ganstudy.study.cluster.address import check_reachable
from ganstudy.study.cluster.code_version import code_provenance
from ganstudy.study.driver.driver_lock import DriverLock, only_driver
from ganstudy.study.driver.preparation import describe, prepare_evaluator
from ganstudy.study.driver.progress import RunProgress
from ganstudy.study.driver.provenance import (
    check_provenance,
    measures_provenance,
    record_provenance,
)
from ganstudy.study.driver.run_context import RunContext
from ganstudy.study.driver.stages import stages_in_order
from ganstudy.study.driver.study_message import study_message
from ganstudy.study.driver.tuner import tune_stage
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home, StudyFolder
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.storage import database_trouble, unreadable
from ganstudy.study.spec.command_checks import check_script_unchanged
from ganstudy.study.spec.reader import check_resources
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.study.tracking.outbox import START
from ganstudy.study.tracking.publisher_process import (
    MlflowCheck,
    ReportBuilder,
    finish,
    publisher,
)
from ganstudy.study.tune.evaluator_setup import EvaluatorSetup
from ganstudy.study.tune.stopping import (
    no_room,
    stop_on_signals,
    terminated_as_interrupted,
)
from ganstudy.study.tune.training import EnsembleFactory, TrainingFactory
from ganstudy.trials.config import plugins
from ganstudy.trials.results.outlook import Outlook
from ganstudy.trials.results.records import TrialState


@dataclass(frozen=True)
class RunResult:
    """Result of a run."""

    folder: StudyFolder
    trained: int
    """Trials that ended in this run."""
    failed: int
    """Of all the study's trials, those that ended by an error."""
    ended: int
    """Of all the study's trials, those that are over."""
    left: int
    """Trials that the study still lacks, as far as they are known; 0 when it is complete."""
    unpublished: int
    """Records that MLflow has not taken yet; they wait in the outbox."""
    stopped: str | None = None
    """Why the run stopped before the study's end, if it did."""


def run(
    spec: StudySpec,
    text: str,
    home: Home,
    *,
    address: str | None = None,
    console: Console | None = None,
    build_report: ReportBuilder | None = None,
    factory: TrainingFactory | None = None,
    accept_changes: bool = False,
    outlook: Callable[[], Outlook | None] | None = None,
) -> RunResult:
    """Run `spec` to its end, or go on with it.

    text: the study file. address: of a running Ray cluster; without it Ray starts on this machine.
    build_report: builds the report once everything is published. factory: what a worker trains instead
    of GANs, for tests and benchmarks. accept_changes: go on though code, packages or data changed
    since the study began, and record it. outlook: returns what the study is expected to tell and to
    take, asked where it begins.

    Raises UserError for what the user can mend: a name taken by a different study, one that another
    driver runs, code or data that changed, or resources that the cluster does not have. Nothing has
    been written then.
    """
    context = RunContext(
        spec=spec,
        text=text,
        home=home,
        console=console or Console(),
        build_report=build_report,
        factory=factory,
        accept_changes=accept_changes,
        outlook=outlook,
    )
    mlflow_check = _check_before_ray(context, address)
    with (
        closing(mlflow_check),
        _connected(context, address),
        terminated_as_interrupted(),
    ):
        mlflow_check.wait()
        _check_nodes(context, on_cluster=address is not None)
        try:
            with only_driver(context.folder.path, context.log) as driver_lock:
                return _run_on_ray(context, driver_lock)
        except Exception as error:
            cause = _storage_failure(context.folder, error)
            if cause is None:
                raise
            raise UserError(f"{cause}\nNothing that was recorded is lost.") from None


@contextmanager
def _connected(context: RunContext, address: str | None) -> Iterator[None]:
    """Connect to Ray, and say so on a terminal for the seconds that it takes."""
    with ExitStack() as stack:
        doing = f"connecting to Ray at {address}" if address else "starting Ray on this machine"
        with context.console.status(doing):
            stack.enter_context(
                connection.connected(address, context.spec.plugin_digests, context.log)
            )
        yield


def _check_before_ray(context: RunContext, address: str | None) -> MlflowCheck:
    """Raise UserError for everything that can be known before Ray, which takes seconds to start.

    Returns what takes seconds itself.
    """
    connection.check_unused()
    check_script_unchanged(context.spec)
    # Resumed, a study comes from its ledger, which may be older than the rule.
    check_resources(context.spec, str(context.folder.study_file))
    if address is None:
        connection.check_cpus(context.spec, float(os.cpu_count() or 1), "this machine")
    else:
        check_reachable(address)
    context.home.check_writable()
    earlier = Ledger.check_same(context.folder.ledger, context.spec)
    if earlier is not None and not context.accept_changes:
        check_provenance(earlier, code_provenance())
    run_id = None if earlier is None else earlier.parent_run_id
    return MlflowCheck(context.spec, context.home, run_id)


def _check_nodes(context: RunContext, on_cluster: bool) -> None:
    """Raise UserError where no node can hold a trial, or one has other code or packages.

    A cluster's nodes may still be joining: they are waited for.
    """
    if not on_cluster:
        capacity.check_cluster(context.spec.resources, context.log, seconds=0)
        return
    capacity.check_cluster(context.spec.resources, context.log)
    capacity.check_nodes(context.spec.resources)


def _run_on_ray(context: RunContext, driver_lock: DriverLock) -> RunResult:
    spec, folder = context.spec, context.folder
    context.stop.clear()  # of an earlier run: what is asked from here on is meant for this one
    evaluator_setup = None
    factory = context.factory
    provenance = code_provenance()
    if factory is None:
        evaluator_setup = _prepare(context)
        # Known only now: the data and the extractor had to be loaded for their digests.
        provenance |= measures_provenance(evaluator_setup.provenance)
        factory = EnsembleFactory(
            classifier=evaluator_setup.classifier,
            threads=max(1, int(spec.resources.cpus)),
            on_gpu=spec.resources.gpus > 0,
            silent_seconds=spec.resources.silent_seconds,
        )
    # From here on the study exists, under its name.
    ledger = Ledger.create(folder.ledger, spec, context.text)
    record_provenance(ledger, provenance, context.accept_changes)
    ledger.record_start(context.begun, context.outlook)
    _write_files(context)
    context.backup.keep()
    with publisher(spec, context.home) as process:
        message = study_message(ledger.spec, context.text, evaluator_setup, ledger.changes)
        if spec.plugin_digests:
            message = replace(message, artifacts=[str(folder.code)])
        context.outbox.put_study(START, message.to_json())
        stages, failure = _train(context, ledger, factory, driver_lock)
        context.backup.keep(every=0)
        reason = failure or context.stop.reason()
        left, ended = ledger.left(), ledger.counts()
        context.stop.clear()
        unpublished = finish(
            spec, context.home, process, left, context.build_report, context.console
        )
    return RunResult(
        folder=folder,
        trained=sum(stage.done for stage in stages),
        failed=ended[TrialState.FAILED],
        ended=sum(ended.values()) - ended[TrialState.RUNNING],
        left=left,
        unpublished=unpublished,
        stopped=reason,
    )


def _prepare(context: RunContext) -> EvaluatorSetup:
    # Before anything is written: data or networks that cannot be used must not take the study's
    # name.
    evaluator_setup = prepare_evaluator(context.spec, context.home, context.console)
    context.log(describe(evaluator_setup, context.spec.measure))
    return evaluator_setup


def _write_files(context: RunContext) -> None:
    """Keep the study file, and the user's own files that it names, in the study's folder."""
    context.folder.study_file.write_text(context.text, encoding="utf-8")
    for digest in context.spec.plugin_digests:
        plugins.copy_to(digest, context.folder.plugins)
    if context.spec.plugin_digests:
        plugins.write_zip(context.spec.plugin_digests, context.folder.code)


def _train(
    context: RunContext, ledger: Ledger, factory: TrainingFactory, driver_lock: DriverLock
) -> tuple[list[RunProgress], str | None]:
    """Run the stages; return their progress, and what is wrong with the disk if that ended them."""
    stages = []
    with (
        stop_on_signals(context.stop, driver_lock.is_replaced, context.log),
        context.monitor,
    ):
        try:
            for stage in stages_in_order(ledger, context.outbox, context.stop, context.log):
                if context.stop.reason() is not None:
                    break
                with RunProgress(context.spec, stage, context.console) as progress:
                    stages.append(progress)
                    tune_stage(context, stage, factory, progress)
        except Exception as error:
            failure = _storage_failure(context.folder, error)
            if failure is None:
                raise
            return stages, failure
    return stages, None


def _storage_failure(folder: StudyFolder, error: Exception) -> str | None:
    """Return the message of a full disk or a damaged ledger, if that is the cause of `error`."""
    # First: on a full disk SQLite fails too, and that is not the ledger's fault.
    full = no_room(error)
    if full is not None:
        return f"no room left ({full})"
    database = database_trouble(error)
    if database is not None:
        return unreadable(folder.ledger, database)
    return None
