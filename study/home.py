"""Where things are kept: one folder for everything that studies write."""

from __future__ import annotations

import os
import re
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path

from ganstudy.study.errors import UserError

ENVIRONMENT = "GANSTUDY_HOME"
TRACKING = "GANSTUDY_TRACKING_URI"
DEFAULT = "ganstudy-data"
LEDGER_FILE, IMPORT_FILE = "ledger.db", "import.json"
"""One of the two lies in the folder of every study: what was trained here, or elsewhere."""
NAME_RULE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def private_files() -> None:
    """From here on, nothing that this process makes can be written by the group or by others."""
    os.umask(os.umask(0) | 0o022)


@dataclass(frozen=True)
class StudyFolder:
    """The files of one study."""

    path: Path

    @property
    def ledger(self) -> Path:
        """Optuna's storage: which trials exist and what became of them."""
        return self.path / LEDGER_FILE

    @property
    def imported(self) -> Path:
        """In the ledger's place, of a study that was trained elsewhere: what was imported
        (study/ledger/import_record.py).
        """
        return self.path / IMPORT_FILE

    @property
    def study_file(self) -> Path:
        """The study file as it was when the study began."""
        return self.path / "study.toml"

    @property
    def outbox(self) -> Path:
        """Records on their way to MLflow; empty once everything is published."""
        return self.path / "spool"

    @property
    def checkpoints(self) -> Path:
        """One folder per trial."""
        return self.path / "checkpoints"

    @property
    def tune(self) -> Path:
        """Ray Tune's own files; nothing in it is needed to go on."""
        return self.path / "tune"

    @property
    def plugins(self) -> Path:
        """Copies of the user's own files that the study began with, as DIGEST/FILENAME."""
        return self.path / "plugins"

    @property
    def stop(self) -> Path:
        """There while the study is asked to stop, with the reason."""
        return self.path / "stop"

    @property
    def report(self) -> Path:
        """The report; its tables stand in `tables` beside it."""
        return self.path / "report.html"

    @property
    def logs(self) -> Path:
        """What each trial said, one file per trial."""
        return self.path / "logs"

    @property
    def log(self) -> Path:
        """What the publisher had to say, and why a report could not be written."""
        return self.path / "log.txt"


class Home:
    """The folder under which all studies live."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()

    @classmethod
    def locate(cls, option: str | None) -> Home:
        """`--home`, or GANSTUDY_HOME, or ./ganstudy-data; UserError where others can write to it."""
        home = cls(Path(option or os.environ.get(ENVIRONMENT) or DEFAULT))
        if home.root.is_dir() and home.root.stat().st_mode & stat.S_IWOTH:
            raise UserError(
                f"the home folder must not be one that every user can write to, and {home.root} is; "
                f"to mend it: chmod o-w {shlex.quote(str(home.root))}"
            )
        return home

    def check_writable(self) -> None:
        """UserError where nothing can be kept; makes nothing."""
        nearest = next(path for path in (self.root, *self.root.parents) if path.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            raise UserError(
                f"the home folder {self.root} cannot be used: {nearest} is no folder that can be written"
            )

    def study(self, name: str) -> StudyFolder:
        """The folder of the study `name`, which may not exist yet."""
        return StudyFolder(self.root / "studies" / name)

    def submitted(self, name: str) -> Path:
        """One folder for every time that the study was sent as a job: its files, and what its
        driver said.
        """
        return self.root / "submitted" / name

    def existing(self, name: str) -> StudyFolder:
        """The folder of the study `name`; UserError with the known names where there is none."""
        folder = self.study(name)
        if not NAME_RULE.fullmatch(name) or not (
            folder.ledger.exists() or folder.imported.exists()
        ):
            known = ", ".join(self.names()) or "none yet"
            raise UserError(f"no study named {name!r} under {self.root}; known: {known}")
        return folder

    def trained_here(self, name: str) -> StudyFolder:
        """As `existing`; UserError also for a study that was imported, of which there is nothing to
        train.
        """
        folder = self.existing(name)
        if folder.imported.exists():
            raise UserError(
                f"the study {name!r} was imported: it was trained elsewhere, and here is nothing to train"
            )
        return folder

    def names(self) -> list[str]:
        """All studies, in alphabetical order."""
        folders = self.root / "studies"
        return sorted(
            {
                path.parent.name
                for file in (LEDGER_FILE, IMPORT_FILE)
                for path in folders.glob(f"*/{file}")
            }
        )

    @property
    def cache(self) -> Path:
        """Things that can be made again, such as trained classifiers."""
        return self.root / "cache"

    @property
    def mlflow_database(self) -> Path:
        """The embedded MLflow tracking store."""
        return self.root / "mlflow" / "mlflow.db"

    @property
    def mlflow_artifacts(self) -> Path:
        """The embedded MLflow artifact store."""
        return self.root / "mlflow" / "artifacts"

    def tracking_uri(self, configured: str | None) -> str:
        """The study file's [tracking] uri, or GANSTUDY_TRACKING_URI, or the embedded SQLite store."""
        of_the_machine = os.environ.get(TRACKING)
        if of_the_machine and "@" in of_the_machine:
            raise UserError(
                f"{TRACKING} must hold no user name or password, which would end up in logs and reports"
            )
        return configured or of_the_machine or f"sqlite:///{self.mlflow_database}"

    def embedded(self, configured: str | None) -> bool:
        """Whether records go to the embedded store."""
        return self.tracking_uri(configured).startswith("sqlite:")
