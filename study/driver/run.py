"""Runs a study: connects to Ray, makes the yardstick, lets Tune schedule, and waits for MLflow.

Each stage, the search and then the confirm stage, is a Tuner of its own. A study that was
interrupted goes on from its ledger with new ones: trials that were being trained first, from their
checkpoints, then the ones still to be proposed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from rich.console import Console

from ganstudy.study.cluster import capacity, connection, monitor
from ganstudy.study.cluster.address import check_reachable
from ganstudy.study.cluster.code_version import origin_of_code
from ganstudy.study.driver.driver_lock import DriverLock, only_driver
from ganstudy.study.driver.preparation import describe, prepare_evaluator
from ganstudy.study.driver.progress import RunProgress
from ganstudy.study.driver.provenance import check, origin_of_measures, settle
from ganstudy.study.driver.study_message import study_message
from ganstudy.study.driver.tuner import tune_stage
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home, StudyFolder
from ganstudy.study.ledger.confirm_selection import NEAREST
from ganstudy.study.ledger.confirm_stage import ConfirmStage
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.stage import StageTrials
from ganstudy.study.ledger.storage import LedgerBackup, database_trouble, unreadable
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.study.tracking.outbox import START, Outbox
from ganstudy.study.tracking.publisher_process import Conclude, finish, publisher
from ganstudy.study.tune.stopping import (
    StopRequest,
    no_room,
    stop_on_signals,
    terminated_as_interrupted,
)
from ganstudy.study.tune.training import EnsembleFactory, TrainingFactory
from ganstudy.trials import plugins
from ganstudy.trials.atomic_file import write_whole


@dataclass(frozen=True)
class RunResult:
    """How a run ended."""

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
    """Records that MLflow has not taken yet; they wait in the spool."""
    stopped: str | None = None
    """Why it stopped before its end, where it did."""


def run(
    spec: StudySpec,
    text: str,
    home: Home,
    *,
    address: str | None = None,
    console: Console | None = None,
    conclude: Conclude | None = None,
    factory: TrainingFactory | None = None,
    accept_changes: bool = False,
) -> RunResult:
    """Runs `spec` to its end, or goes on with it.

    text: the study file. address: of a running Ray cluster; without it Ray starts on this machine.
    conclude: makes the report once everything is published. factory: what a worker trains instead
    of packs of GANs, for tests and benchmarks. accept_changes: go on though code, packages or data
    changed since the study began, and record it.

    Raises UserError for what the user can mend: a name taken by a different study, one that another
    driver runs, code or data that changed, or resources that the cluster does not have. Nothing has
    been written then.
    """
    console = console or Console()
    folder = home.study(spec.name)
    if address is None:
        connection.check_cpus(spec, float(os.cpu_count() or 1), "this machine")
    else:
        check_reachable(address)
    home.check_writable()
    earlier = Ledger.check_same(folder.ledger, spec)
    if earlier is not None and not accept_changes:
        check(earlier, origin_of_code())
    with connection.connected(address, spec.plugin_digests), terminated_as_interrupted():
        if address is None:
            capacity.check_cluster(spec.resources, console.print, seconds=0)
        else:
            capacity.check_cluster(spec.resources, console.print)
            capacity.check_nodes(spec.resources)
        try:
            with only_driver(folder.path, console.print) as driver_lock:
                return _run_on_ray(
                    spec, text, home, console, conclude, factory, accept_changes, driver_lock
                )
        except Exception as error:
            trouble = _trouble(folder, error)
            if trouble is None:
                raise
            raise UserError(f"{trouble}\nNothing that was recorded is lost.") from None


def _run_on_ray(
    spec: StudySpec,
    text: str,
    home: Home,
    console: Console,
    conclude: Conclude | None,
    factory: TrainingFactory | None,
    accept_changes: bool,
    driver_lock: DriverLock,
) -> RunResult:
    folder, origin = home.study(spec.name), origin_of_code()
    stop = StopRequest(folder.stop)
    stop.clear()  # of an earlier run: what is asked from here on is meant for this one
    evaluator_setup = None
    if factory is None:
        # Before anything is written: data or networks that will not do must not take the study's
        # name.
        with console.status(f"{spec.data.name}: loading the data, preparing the measures"):
            evaluator_setup = prepare_evaluator(spec, home, console)
        console.print(describe(evaluator_setup), highlight=False, soft_wrap=True)
        origin |= origin_of_measures(evaluator_setup.provenance)
        factory = EnsembleFactory(
            evaluator_setup.classifier, max(1, int(spec.resources.cpus)), spec.resources.gpus > 0
        )
    ledger = Ledger.create(folder.ledger, spec, text)
    settle(ledger, origin, accept_changes)
    folder.study_file.write_text(text, encoding="utf-8")
    for digest in spec.plugin_digests:
        own = plugins.source(digest)
        write_whole(folder.plugins / digest / own.name, own.read_bytes())
    outbox, copies = Outbox(folder.outbox), LedgerBackup(folder.ledger)
    copies.keep()
    with publisher(spec, home) as process:
        outbox.put_study(START, study_message(spec, text, evaluator_setup, ledger.changes))
        stages, trouble = [], None
        with (
            stop_on_signals(stop, lambda: driver_lock.lost_to is not None, console.print),
            monitor.ClusterMonitor(spec.resources, partial(console.print, soft_wrap=True)) as watch,
        ):
            try:
                for stage in _stages(ledger, outbox, stop, console):
                    if stop.reason() is not None:
                        break
                    with RunProgress(spec, stage, console) as progress:
                        stages.append(progress)
                        tune_stage(stage, copies, stop, folder, progress, factory, watch)
            except Exception as error:
                trouble = _trouble(folder, error)
                if trouble is None:
                    raise
        copies.keep(every=0)
        reason, left = trouble or stop.reason(), ledger.left()
        stop.clear()
        unpublished = finish(spec, home, process, left, conclude, console)
    trained, failed, ended = (
        sum(getattr(stage, what) for stage in stages) for what in ("done", "failed", "ended")
    )
    return RunResult(folder, trained, failed, ended, left, unpublished, reason)


def _stages(
    ledger: Ledger, outbox: Outbox, stop: StopRequest, console: Console
) -> Iterator[StageTrials]:
    """The search, then, once that is over and unless the study is to stop, the confirm stage."""
    yield ledger.search
    confirmation = ledger.confirm
    if confirmation is None or ledger.search.left() or stop.reason() is not None:
        return
    # The search may have gone on since they were confirmed: then their roles are others.
    for row in confirmation.rows():
        config = confirmation.config(row.params)
        outbox.put_start(row.number, row.params, config, confirmation.stage_tags(row.number))
    console.print(_announced(confirmation), highlight=False, soft_wrap=True)
    yield confirmation


def _announced(confirmation: ConfirmStage) -> str:
    assert confirmation.spec.confirm is not None
    if not confirmation.planned():
        return "nothing to confirm: no trial of the search came to an evaluation"
    seeds = len(confirmation.spec.confirm.seeds)
    text = f"confirming {confirmation.planned()} configurations on {seeds} fresh seeds each"
    nearest = any(NEAREST in selected.roles for selected in confirmation.selected)
    return text + (
        " (none satisfied the constraints: the one nearest to that instead of the best)"
        if nearest
        else ""
    )


def _trouble(folder: StudyFolder, error: Exception) -> str | None:
    """What a full disk or the ledger's file has to do with `error`, in words."""
    full = no_room(error)
    if full is not None:
        return f"no room left ({full})"
    database = database_trouble(error)
    if database is not None:
        return unreadable(folder.ledger, database)
    return None
