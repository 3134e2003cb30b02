"""What the functions of one run share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from rich.console import Console

from ganstudy.study.cluster.monitor import ClusterMonitor
from ganstudy.study.driver.terminal import say
from ganstudy.study.home import Home, StudyFolder
from ganstudy.study.ledger.storage import LedgerBackup
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.study.tracking.outbox import Outbox
from ganstudy.study.tracking.publisher_process import ReportBuilder
from ganstudy.study.tune.stopping import StopRequest
from ganstudy.study.tune.training import TrainingFactory
from ganstudy.trials.results.outlook import Outlook


@dataclass(frozen=True)
class RunContext:
    """A study, where it is kept, and how this run of it reports."""

    spec: StudySpec
    text: str
    """The study file."""
    home: Home
    console: Console
    build_report: ReportBuilder | None = None
    factory: TrainingFactory | None = None
    """What workers train instead of GANs; for tests and benchmarks."""
    accept_changes: bool = False
    outlook: Callable[[], Outlook | None] | None = None
    """Returns what a study that begins is expected to tell and to take."""
    begun: datetime = field(default_factory=datetime.now)
    """When this run began; local, as Optuna's times of trials are."""

    @property
    def folder(self) -> StudyFolder:
        """The study's folder."""
        return self.home.study(self.spec.name)

    @cached_property
    def stop(self) -> StopRequest:
        """The one request by which this run is stopped."""
        return StopRequest(self.folder.stop)

    @cached_property
    def monitor(self) -> ClusterMonitor:
        """The one monitor of the cluster that this run uses."""
        return ClusterMonitor(self.spec.resources, self.log)

    @cached_property
    def backup(self) -> LedgerBackup:
        """The one copy of the ledger that this run keeps."""
        return LedgerBackup(self.folder.ledger)

    @property
    def outbox(self) -> Outbox:
        """The study's messages to MLflow."""
        return Outbox(self.folder.outbox)

    def log(self, text: str) -> None:
        """Print plain text, its lines broken between words where a terminal is narrow."""
        say(self.console, text)
