"""What every worker of a study is given, beside the configuration of its trial."""

from __future__ import annotations

from dataclasses import dataclass

from ganstudy.study.home import StudyFolder
from ganstudy.study.spec.tables import Resources
from ganstudy.study.tune.training import TrainingFactory


@dataclass(frozen=True)
class WorkerContext:
    """The study as its workers see it; Ray sends it to each of them once."""

    factory: TrainingFactory
    """Makes the training of a configuration."""
    measure: str
    """The study's objective."""
    folder: StudyFolder
    """Where outbox, checkpoints, logs and the stop file lie: all nodes share it."""
    provenance: dict[str, str]
    """The driver's code and packages, which a worker must have too."""
    resources: Resources
