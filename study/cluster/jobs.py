"""Submit a study to a Ray cluster as one of Ray's jobs.

Its driver runs on the head, so the machine that sent it may be switched off.

Used on the head itself; from elsewhere, study/cluster/head_node.py comes here through Ray's SSH.
"""

from __future__ import annotations

import itertools
import os
import shlex
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

from ganstudy.study.cluster import code_version
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home
from ganstudy.study.spec.reader import read_study
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config import plugins
from ganstudy.trials.config.data import PATH_FIELDS
from ganstudy.trials.results.documents import JsonObject
from ganstudy.trials.results.records import STUDY_FILE

JOBS = "http://127.0.0.1:8265"
"""Ray's job server, which ray_cluster.yaml keeps on the head itself."""
SECRETS = Path("~/ganstudy-mlflow.env")
"""Made by ray_cluster.yaml: MLflow's user and password, for the driver alone."""
BEGUN = "measured with"
"""How the driver's first line begins once the study is under way (study/driver/preparation.py)."""
POLL_SECONDS = 1.0


def bundle(file: Path, folder: Path) -> StudySpec:
    """Copy the study file and the user's own files that it names into `folder`, to be sent.

    Raises UserError if the study is not valid, if a user's file lies outside the study file's
    folder, or if a path to data can only mean something on this machine.
    """
    # Whole rules are tried here: on the head an error would come after the sending.
    spec, text = read_study(file)
    _refuse_relative(tomllib.loads(text))
    folder.mkdir(parents=True, exist_ok=True)
    base = Path(os.path.normpath(file.absolute().parent))
    own_files = [
        each for digest in spec.plugin_digests for each in plugins.originals(digest).items()
    ]
    for path, content in own_files:
        own = Path(os.path.normpath(path))
        # Outside, its path in the study file would lead to nothing on the head.
        if not own.is_relative_to(base):
            raise UserError(
                f"{own.name} must lie beside the study file, or below, to be sent with it; it is {own}"
            )
        # At the same path beside the study file, which refers to it by that.
        copy = folder / own.relative_to(base)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
    (folder / STUDY_FILE).write_text(text, encoding="utf-8")
    return spec


def _refuse_relative(document: JsonObject) -> None:
    """Raise UserError for a relative path to data, which are not sent with the study."""
    for table, key in itertools.product(("data", "measures"), (*PATH_FIELDS, "weights")):
        path = document.get(table, {}).get(key)
        if path is not None and not path.startswith(("/", "~")):
            raise UserError(
                f"{table}.{key}: {path!r} is not sent with the study; put it where all nodes find it, and name it by "
                "its absolute path, such as /shared/..."
            )


def check_same_code(digest: str, sender: str) -> None:
    """Raise UserError if the source digest of the sender's ganstudy is not that of this head.

    sender: its versions, for the message.
    """
    if digest != code_version.source_digest():
        raise UserError(
            f"this cluster's head has {format_versions()}, but the study was sent by {sender}; "
            "bring the cluster up to date: ray up --no-restart ray_cluster.yaml (if that does not help, a module "
            "was removed since: ray exec ray_cluster.yaml 'rm -rf ganstudy-source', then ray down and ray up)"
        )


def format_versions() -> str:
    """Format the digest of this ganstudy and the versions of Python, Ray and torch."""
    found = code_version.code_provenance()
    packages = ", ".join(f"{name} {found[name]}" for name in ("Python", "ray", "torch"))
    return f"ganstudy {found['ganstudy source']} ({packages})"


def submit(
    arguments: list[str],
    name: str,
    home: Home,
    log: Callable[[str], None],
    *,
    jobs: str = JOBS,
    to_the_end: bool = False,
) -> int:
    """Start `ganstudy ARGUMENTS` as a job; follow it until the study is under way, or to its end.

    Returns the exit code of the job if it has ended, else 0. Raises UserError if Ray's job server
    does not answer.
    """
    folder = home.submitted(name) / time.strftime("%Y%m%d-%H%M%S")
    folder.mkdir(parents=True, exist_ok=True)
    client = _client(jobs)
    job = client.submit_job(
        entrypoint=_entrypoint(arguments, home, folder / "run.txt"),
        submission_id=f"ganstudy-{name}-{folder.name}",
        metadata={"study": name},
    )
    log(f"Job {job}; it keeps running when nobody follows it.")
    logged = 0
    while True:
        ended = client.get_job_status(job).is_terminal()
        text = client.get_job_logs(job)
        # Up to the last whole line: the rest of a line may still be on its way.
        lines = text[logged : len(text) if ended else text.rfind("\n") + 1]
        logged += len(lines)
        for line in lines.splitlines():
            log(line)
        if ended:
            # None if Ray could not start the driver at all.
            code = client.get_job_info(job).driver_exit_code
            return int(code) if code is not None else 1
        if not to_the_end and BEGUN in text:
            return 0
        time.sleep(POLL_SECONDS)


def _entrypoint(arguments: list[str], home: Home, output: Path) -> str:
    """Return the shell command of a driver on the head, whose output is also kept in a file."""
    main = "from ganstudy.study.cli.main import main; main()"
    program = shlex.join([sys.executable, "-u", "-P", "-c", main, *arguments])
    run = f"{program} --home {shlex.quote(str(home.root))} --address auto"
    # The password is read there: the dashboard shows a job's command to everyone who can open it.
    secrets = f"if [ -r {SECRETS} ]; then . {SECRETS}; fi"
    # pipefail: the exit code is the driver's, not that of tee.
    script = f"set -o pipefail; {secrets}; {run} 2>&1 | tee -a {shlex.quote(str(output))}"
    return f"bash -c {shlex.quote(script)}"


def _client(jobs: str):  # type: ignore[no-untyped-def]
    try:
        from ray.job_submission import JobSubmissionClient

        return JobSubmissionClient(jobs)
    except ImportError:
        raise UserError(
            "sending a study as a job needs Ray's job server: pip install 'ganstudy[cluster]'"
        ) from None
    except (ConnectionError, RuntimeError) as error:
        raise UserError(
            f"Ray's job server does not answer at {jobs}: {str(error).splitlines()[0]}"
        ) from None
