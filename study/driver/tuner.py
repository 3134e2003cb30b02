"""Build and run Ray Tune's Tuner for one stage of a study."""

from __future__ import annotations

from functools import partial
from typing import Any

from pyarrow.fs import LocalFileSystem
from ray import tune
from ray.tune.schedulers import TrialScheduler

from ganstudy.study.cluster.capacity import ConcurrencyLimit
from ganstudy.study.cluster.code_version import code_provenance
from ganstudy.study.driver.progress import RunProgress
from ganstudy.study.driver.run_context import RunContext
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.ledger.packing import pack_line, trials_per_pack
from ganstudy.study.ledger.stage import StageTrials
from ganstudy.study.tune.pack_searcher import PackSearcher
from ganstudy.study.tune.pack_trainable import PackTrainable
from ganstudy.study.tune.scheduler import replay, scheduler
from ganstudy.study.tune.searcher import LedgerSearcher
from ganstudy.study.tune.trainable import TrialTrainable
from ganstudy.study.tune.training import TrainingFactory
from ganstudy.study.tune.trial_task import MEMBERS, TASK
from ganstudy.study.tune.worker_context import WorkerContext
from ganstudy.trials.results.records import Stage, TrialState

DEATHS_PER_TRIAL = 100
"""How often Tune starts a trial again after its process died, for whatever reason. Failures of the
trial's own are counted, and limited much earlier, in study/tune/retry_log.py.
"""


def tune_stage(
    context: RunContext, stage: StageTrials, factory: TrainingFactory, progress: RunProgress
) -> None:
    """Run the trials of `stage` that are left, until they are done or the study is to stop."""
    spec = stage.spec
    schedule = scheduler(spec, stage.stage)
    concurrent = ConcurrencyLimit(spec.resources)
    seeds = len(
        spec.confirm.seeds if spec.confirm and stage.stage is Stage.CONFIRM else spec.train.seeds
    )
    most = trials_per_pack(spec, stage.stage, seeds, stage.to_train(), concurrent())
    maximize = spec.objective.maximize is not None

    def observe(number: int, state: TrialState, outcome: Outcome | None, error: str | None) -> None:
        progress.observe(number, state, outcome, error)
        if state is not TrialState.RUNNING:
            context.backup.keep()

    searcher = (partial(PackSearcher, most=most) if most > 1 else LedgerSearcher)(
        stage,
        context.folder,
        context.stop,
        concurrent=concurrent,
        observe=observe,
        replay=lambda trial_id, values: replay(schedule, trial_id, values, maximize),
    )
    if searcher.total == 0:
        return
    if most > 1:
        context.log(f"{stage.stage.value}: {pack_line(spec, seeds, most)}")
    worker = WorkerContext(
        factory=factory,
        measure=spec.objective.measure,
        folder=context.folder,
        provenance=code_provenance(),
        resources=spec.resources,
    )
    trainable = tune.with_resources(
        tune.with_parameters(PackTrainable if most > 1 else TrialTrainable, study=worker),
        {"cpu": spec.resources.cpus, "gpu": spec.resources.gpus},
    )
    tune.Tuner(
        trainable,
        tune_config=_tune_config(searcher, schedule),
        run_config=_run_config(context),
    ).fit()


def _run_config(context: RunContext) -> tune.RunConfig:
    return tune.RunConfig(
        name="run",
        storage_path=str(context.folder.tune),
        # By itself Tune would read the path as an address.
        storage_filesystem=LocalFileSystem(),
        verbose=0,
        callbacks=[context.monitor],
        failure_config=tune.FailureConfig(max_failures=DEATHS_PER_TRIAL),
        # Trials write their own checkpoints; see trainable.py.
        checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
    )


def _tune_config(searcher: LedgerSearcher, schedule: TrialScheduler) -> tune.TuneConfig:
    def name(trial: Any) -> str:
        # A pack is named after the first of its trials.
        first = trial.config[MEMBERS][0] if MEMBERS in trial.config else trial.config[TASK]
        return f"trial-{first.number:06d}"

    return tune.TuneConfig(
        search_alg=searcher,
        scheduler=schedule,
        num_samples=searcher.total,
        # No limit of Tune's: the searcher itself proposes as many as the cluster has room for.
        max_concurrent_trials=searcher.total,
        # A new process takes seconds to import torch and read the data, more than a short trial.
        reuse_actors=True,
        trial_name_creator=name,
        trial_dirname_creator=lambda trial: f"{name(trial)}-{trial.trial_id}",
    )
