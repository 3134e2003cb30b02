"""The home folder, under which studies keep everything that they write."""

from __future__ import annotations

import os
import re
import shlex
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from ganstudy.study.errors import UserError
from ganstudy.trials.config.base import alternatives
from ganstudy.trials.results.database_url import sqlite_url

ENVIRONMENT = "GANSTUDY_HOME"
TRACKING = "GANSTUDY_TRACKING_URI"
DEFAULT = "ganstudy-data"
LEDGER_FILE, IMPORT_FILE = "ledger.db", "import.json"
"""One of the two lies in the folder of every study: what was trained here, or elsewhere."""
# Names become folders, MLflow experiments and parts of Optuna's names: no slash, no space.
NAME_RULE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
LONGEST_ROOT = 512 - len(f"/studies/{80 * 'x'}/ledger.copy.partial-journal")
"""Bytes of the home folder's path: SQLite takes paths of 512 with its journal, and this is the
longest of a study's.
"""


def private_files() -> None:
    """Set the umask so that no new file of this process can be written by the group or others."""
    # The umask can only be read by setting it.
    os.umask(os.umask(0) | 0o022)


@dataclass(frozen=True)
class StudyFolder:
    """The files of one study."""

    path: Path

    @property
    def ledger(self) -> Path:
        """Optuna's storage: which trials exist and how they ended."""
        return self.path / LEDGER_FILE

    @property
    def imported(self) -> Path:
        """What was imported, of a study that was trained elsewhere: it stands instead of a ledger.

        See study/ledger/import_record.py.
        """
        return self.path / IMPORT_FILE

    @property
    def study_file(self) -> Path:
        """The study file as it was when the study began."""
        return self.path / "study.toml"

    @property
    def outbox(self) -> Path:
        """Records on their way to MLflow; empty once everything is published."""
        # The name of older versions: what waits in their folders must still be found.
        return self.path / "spool"

    @property
    def checkpoints(self) -> Path:
        """One folder per trial."""
        return self.path / "checkpoints"

    @property
    def tune(self) -> Path:
        """Ray Tune's own files; a study resumes without them."""
        return self.path / "tune"

    @property
    def plugins(self) -> Path:
        """Copies of the user's own files that the study began with, in folders named by digests."""
        return self.path / "plugins"

    @property
    def code(self) -> Path:
        """The same as one archive, which MLflow has too."""
        return self.path / "code.zip"

    @property
    def stop(self) -> Path:
        """Exists while the study is asked to stop; contains the reason."""
        return self.path / "stop"

    @property
    def preparing(self) -> Path:
        """Exists while a driver prepares what the study is scored with; says what it does."""
        return self.path / "preparing.txt"

    @property
    def report(self) -> Path:
        """The report; its tables are in the folder `tables` beside it."""
        return self.path / "report.html"

    @property
    def logs(self) -> Path:
        """Log files, one per trial."""
        return self.path / "logs"

    @property
    def log(self) -> Path:
        """Log of the publisher, and of reports that could not be written."""
        return self.path / "log.txt"


class Home:
    """The folder under which all studies live."""

    def __init__(self, root: Path) -> None:
        """Raise UserError if no home can have that name."""
        try:
            self.root = root.expanduser().absolute()
        except RuntimeError as error:  # ~ of an unknown user
            raise UserError(f"the home folder {str(root)!r} cannot be used: {error}") from None
        _check_name(self.root)

    @classmethod
    def locate(cls, option: str | None) -> Home:
        """Return the home of `--home`, or GANSTUDY_HOME, or ./ganstudy-data, which may not exist yet.

        UserError if it is no folder, or one to which every user can write.
        """
        home = cls(Path(option or os.environ.get(ENVIRONMENT) or DEFAULT))
        mode = _mode(home.root)
        # Whoever can write there can change what the studies have recorded.
        if mode is not None and mode & stat.S_IWOTH:
            raise UserError(
                "the home folder must not be one that every user can write to, and "
                f"{home.root} is; to mend it: chmod o-w {shlex.quote(str(home.root))}"
            )
        return home

    def check_writable(self) -> None:
        """Raise UserError if the folder cannot be written; create nothing."""
        # The home need not exist yet: what counts is the folder in which it would be created.
        nearest = next(path for path in (self.root, *self.root.parents) if path.exists())
        inside = (self.root / "studies", self.cache, self.mlflow_database.parent)
        for folder in (nearest, *(path for path in inside if path.exists())):
            if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
                raise UserError(
                    f"the home folder {self.root} cannot be used: {folder} is no folder that can "
                    "be written"
                )

    def study(self, name: str) -> StudyFolder:
        """Return the folder of the study `name`, which may not exist yet."""
        return StudyFolder(self.root / "studies" / name)

    def submitted(self, name: str) -> Path:
        """Return the folder with one sub-folder per submission as a job: its files and its log."""
        return self.root / "submitted" / name

    def existing(self, name: str) -> StudyFolder:
        """Return the folder of the study `name`; UserError, with the known names, if unknown."""
        folder = self.study(name)
        if not NAME_RULE.fullmatch(name) or not (
            folder.ledger.exists() or folder.imported.exists()
        ):
            known = alternatives(name, self.names(), "none yet")
            raise UserError(f"no study named {name!r} under {self.root}{known}")
        return folder

    def trained_here(self, name: str) -> StudyFolder:
        """Return the folder of the study `name`; UserError if it is unknown or was imported."""
        folder = self.existing(name)
        if folder.imported.exists():
            raise UserError(
                f"the study {name!r} was imported: it was trained elsewhere, and there is nothing "
                "to train here"
            )
        return folder

    def names(self) -> list[str]:
        """Return the names of all studies, in alphabetical order."""
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
        """Files that can be made again, such as trained classifiers."""
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
        """Return the study file's [tracking] uri, GANSTUDY_TRACKING_URI or the embedded store."""
        environment = os.environ.get(TRACKING)
        # In a study file the address has a rule of its own (study/spec/tables.py).
        if environment and "@" in environment:
            raise UserError(
                f"{TRACKING} must hold no user name or password, which would end up in logs and "
                "reports"
            )
        return configured or environment or sqlite_url(self.mlflow_database)

    def embedded(self, configured: str | None) -> bool:
        """Return whether records go to the embedded store."""
        return self.tracking_uri(configured).startswith(("sqlite:", "sqlite+"))


def _check_name(root: Path) -> None:
    """Raise UserError if a home cannot have that path: any other may hold what it likes."""
    odd = next((c for c in str(root) if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")), None)
    if odd is not None:
        # Half a line in a log, and no text at all to MLflow's database and Ray.
        what = "bytes that are not UTF-8" if unicodedata.category(odd) == "Cs" else f"{odd!r}"
        raise UserError(
            f"the home folder's path must be text without control characters, and {str(root)!r} "
            f"has {what}; name another one with --home"
        )
    length = len(os.fsencode(root))
    if length > LONGEST_ROOT:
        raise UserError(
            f"the home folder's path has {length} bytes, and must have at most {LONGEST_ROOT} for "
            "the databases in it; name another one with --home"
        )


def _mode(root: Path) -> int | None:
    """Return the mode of the folder, None if there is none yet; UserError if none can be there."""
    try:
        mode = root.stat().st_mode
    except FileNotFoundError:
        broken = next((path for path in (root, *root.parents) if path.is_symlink()), root)
        if not broken.exists() and broken.is_symlink():
            why = f"{broken} is a link to what does not exist"
        else:
            return None
    except OSError as error:
        why = error.strerror or str(error)
    else:
        if stat.S_ISDIR(mode):
            return mode
        why = "it is no folder"
    raise UserError(f"the home folder {root} cannot be used: {why}")
