"""Runs a study: connects to Ray, makes the yardstick, lets Tune schedule, and waits for MLflow.

Each stage, the search and then the confirm stage, is a Tuner of its own. A study that was interrupted goes on from
its ledger with new ones: trials that were being trained first, from their checkpoints, then the ones still to be
proposed.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import ray
from ray import tune
from rich.console import Console

from study import cluster, placement, shipping
from study.address import check_reachable
from study.choice import NEAREST
from study.confirm import ConfirmStage
from study.errors import UserError
from study.home import Home, StudyFolder
from study.lease import Lease, only_driver
from study.ledger import Ledger
from study.ledger_file import Copies, database_trouble, unreadable
from study.origin import PACKAGES, check, origin_of_code, origin_of_measures, settle
from study.progress import RunProgress
from study.publishing import Conclude, finish, publisher
from study.schedule import replay, scheduler
from study.search import LedgerSearcher
from study.spec import StudySpec
from study.spool import START, Spool
from study.stage import StageTrials
from study.stopping import StopRequest, no_room, stop_on_signals, terminated_as_interrupted
from study.trainable import TrialTrainable
from study.training import PackFactory, TrainingFactory, Yardstick, make_yardstick
from trials import plugins
from trials.files import write_whole
from trials.records import Tag

LOSSES_PER_TRIAL = 100
"""How often a trial's process may be lost. What is the trial's own fault is counted in study/attempts.py."""


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
    conclude: makes the report once everything is published. factory: what a worker trains instead of
    packs of GANs, for tests and benchmarks. accept_changes: go on though code, packages or data changed since
    the study began, and record it.

    Raises UserError for what the user can mend: a name taken by a different study, one that another driver
    runs, code or data that changed, or resources that the cluster does not have. Nothing has been written then.
    """
    console = console or Console()
    folder = home.study(spec.name)
    if address is None:
        cluster.check_cpus(spec, float(os.cpu_count() or 1), "this machine")
    else:
        check_reachable(address)
    home.check_writable()
    earlier = Ledger.check_same(folder.ledger, spec)
    if earlier is not None and not accept_changes:
        check(earlier, origin_of_code())
    with cluster.connected(address, spec.plugin_digests), terminated_as_interrupted():
        if address is None:
            placement.check_cluster(spec.resources, console.print, seconds=0)
        else:
            placement.check_cluster(spec.resources, console.print)
            placement.check_nodes(spec.resources)
        try:
            with only_driver(folder.path, console.print) as lease:
                return _run_on_ray(spec, text, home, console, conclude, factory, accept_changes, lease)
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
    lease: Lease,
) -> RunResult:
    folder, origin = home.study(spec.name), origin_of_code()
    stop = StopRequest(folder.stop)
    stop.clear()  # of an earlier run: what is asked from here on is meant for this one
    yardstick = None
    if factory is None:
        # Before anything is written: data or networks that will not do must not take the study's name.
        with console.status(f"{spec.data.name}: loading the data, preparing the measures"):
            yardstick = _yardstick(spec, home, console)
        console.print(_describe(yardstick), highlight=False, soft_wrap=True)
        origin |= origin_of_measures(yardstick.provenance)
        factory = PackFactory(yardstick.classifier, max(1, int(spec.resources.cpus)), spec.resources.gpus > 0)
    ledger = Ledger.create(folder.ledger, spec, text)
    settle(ledger, origin, accept_changes)
    folder.study_file.write_text(text, encoding="utf-8")
    for digest in spec.plugin_digests:
        own = plugins.source(digest)
        write_whole(folder.plugins / digest / own.name, own.read_bytes())
    spool, copies = Spool(folder.spool), Copies(folder.ledger)
    copies.keep()
    with publisher(spec, home) as process:
        spool.put_study(START, _study_message(spec, text, yardstick, ledger.changes))
        stages, trouble = [], None
        with (
            stop_on_signals(stop, lambda: lease.lost_to is not None, console.print),
            placement.Watch(spec.resources, partial(console.print, soft_wrap=True)) as watch,
        ):
            try:
                for stage in _stages(ledger, spool, stop, console):
                    if stop.reason() is not None:
                        break
                    with RunProgress(spec, stage, console) as progress:
                        stages.append(progress)
                        _tune(stage, copies, stop, folder, progress, factory, watch)
            except Exception as error:
                trouble = _trouble(folder, error)
                if trouble is None:
                    raise
        copies.keep(every=0)
        reason, left = trouble or stop.reason(), ledger.left_in_all()
        stop.clear()
        unpublished = finish(spec, home, process, left, conclude, console)
    trained, failed, ended = (sum(getattr(stage, what) for stage in stages) for what in ("done", "failed", "ended"))
    return RunResult(folder, trained, failed, ended, left, unpublished, reason)


def _stages(ledger: Ledger, spool: Spool, stop: StopRequest, console: Console) -> Iterator[StageTrials]:
    """The search, then, once that is over and unless the study is to stop, the confirm stage."""
    yield ledger
    confirmation = ledger.confirmation()
    if confirmation is None or ledger.left() or stop.reason() is not None:
        return
    # The search may have gone on since they were confirmed: then their roles are others.
    for row in confirmation.rows({}):
        number, params = row["number"], row["params"]
        spool.put_start(number, params, confirmation.config(params), confirmation.labels(number))
    console.print(_announced(confirmation), highlight=False, soft_wrap=True)
    yield confirmation


def _announced(confirmation: ConfirmStage) -> str:
    assert confirmation.spec.confirm is not None
    if not confirmation.planned():
        return "nothing to confirm: no trial of the search came to an evaluation"
    seeds = len(confirmation.spec.confirm.seeds)
    text = f"confirming {confirmation.planned()} configurations on {seeds} fresh seeds each"
    nearest = any(NEAREST in choice.roles for choice in confirmation.choices)
    return text + (" (none satisfied the constraints: the one nearest to that instead of the best)" if nearest else "")


def _trouble(folder: StudyFolder, error: Exception) -> str | None:
    """What a full disk or the ledger's file has to do with `error`, in words."""
    full = no_room(error)
    if full is not None:
        return f"no room left ({full})"
    database = database_trouble(error)
    if database is not None:
        return unreadable(folder.ledger, database)
    return None


def _tune(
    stage: StageTrials,
    copies: Copies,
    stop: StopRequest,
    folder: StudyFolder,
    progress: RunProgress,
    factory: TrainingFactory,
    watch: placement.Watch,
) -> None:
    spec = stage.spec
    schedule, maximize = scheduler(spec, stage.stage), spec.objective.maximize is not None
    searcher = LedgerSearcher(
        stage,
        Spool(folder.spool),
        copies,
        stop,
        placement.Slots(spec.resources),
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
        stop=str(folder.stop),
        logs=str(folder.logs),
        origin=origin_of_code(),
        resources=spec.resources,
    )
    resources = {"cpu": spec.resources.cpus, "gpu": spec.resources.gpus}
    tuner = tune.Tuner(
        tune.with_resources(trainable, resources),
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            scheduler=schedule,
            num_samples=searcher.total,
            max_concurrent_trials=searcher.total,  # the searcher proposes as many as the cluster has room for
            reuse_actors=True,
            trial_name_creator=lambda trial: f"trial-{trial.config['number']:06d}",
            trial_dirname_creator=lambda trial: f"trial-{trial.config['number']:06d}-{trial.trial_id}",
        ),
        run_config=tune.RunConfig(
            name="run",
            storage_path=str(folder.tune),
            verbose=0,
            callbacks=[watch],
            failure_config=tune.FailureConfig(max_failures=LOSSES_PER_TRIAL),
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
        ),
    )
    tuner.fit()


def _yardstick(spec: StudySpec, home: Home, console: Console) -> Yardstick:
    cpus, gpus = min(1, spec.resources.cpus), min(1, spec.resources.gpus)
    # Whether there is a place is asked by a task that takes no time: this one may take minutes where it has one.
    place = ray.remote(num_cpus=cpus, num_gpus=gpus)(_placed).remote()
    making = ray.remote(num_cpus=cpus, num_gpus=gpus)(make_yardstick).remote(
        spec.structures(), str(home.cache), gpus > 0
    )
    if not ray.wait([place], timeout=placement.PLACE_SECONDS)[0]:
        console.print(placement.still_waiting(spec.resources), soft_wrap=True)
    try:
        yardstick: Yardstick = ray.get(making)
    except ValueError as error:  # Ray raises what the task raised, with its own traceback as the text
        raise UserError(str(getattr(error, "cause", error))) from None
    return yardstick


def _placed() -> None:
    """Done as soon as there is a place for it."""


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


def _study_message(spec: StudySpec, text: str, yardstick: Yardstick | None, changes: list[str]) -> dict[str, Any]:
    """What the parent run tells about the study as a whole."""
    tags: dict[str, Any] = {
        Tag.SPEC: spec.model_dump_json(),
        Tag.SOURCE: shipping.source_digest(),
        Tag.PYTHON: platform.python_version(),
        Tag.PACKAGES: json.dumps({name: found for name, found in origin_of_code().items() if name in PACKAGES}),
        Tag.QUESTION: spec.question,
    }
    if changes:
        tags[Tag.CHANGES] = "\n".join(changes)
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
