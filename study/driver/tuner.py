"""Build and run Ray Tune's Tuner for one stage of a study."""

from __future__ import annotations

from ray import tune

from ganstudy.study.cluster import capacity, monitor
from ganstudy.study.cluster.code_version import origin_of_code
from ganstudy.study.driver.progress import RunProgress
from ganstudy.study.home import StudyFolder
from ganstudy.study.ledger.stage import StageTrials
from ganstudy.study.ledger.storage import LedgerBackup
from ganstudy.study.tracking.outbox import Outbox
from ganstudy.study.tune.scheduler import replay, scheduler
from ganstudy.study.tune.searcher import LedgerSearcher
from ganstudy.study.tune.stopping import StopRequest
from ganstudy.study.tune.trainable import TrialTrainable
from ganstudy.study.tune.training import TrainingFactory

LOSSES_PER_TRIAL = 100
"""How often a trial's process may be lost. What is the trial's own fault is counted in
study/tune/retry_log.py.
"""


def tune_stage(
    stage: StageTrials,
    copies: LedgerBackup,
    stop: StopRequest,
    folder: StudyFolder,
    progress: RunProgress,
    factory: TrainingFactory,
    watch: monitor.ClusterMonitor,
) -> None:
    """Run the trials of `stage` that are left, until they are done or the study is asked to stop."""
    spec = stage.spec
    schedule, maximize = scheduler(spec, stage.stage), spec.objective.maximize is not None
    searcher = LedgerSearcher(
        stage,
        Outbox(folder.outbox),
        copies,
        stop,
        capacity.ConcurrencyLimit(spec.resources),
        progress.observe,
        replay=lambda trial_id, values: replay(schedule, trial_id, values, maximize),
    )
    if searcher.total == 0:
        return
    trainable = tune.with_parameters(
        TrialTrainable,
        factory=factory,
        measure=spec.objective.measure,
        outbox=str(folder.outbox),
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
            trial_dirname_creator=lambda trial: (
                f"trial-{trial.config['number']:06d}-{trial.trial_id}"
            ),
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
