"""The command `submit`: run a study on a Ray cluster as one of Ray's jobs."""

from __future__ import annotations

import shlex
import sys
import tempfile
import time
from pathlib import Path

import click

from ganstudy.study.cli.cluster import CliOptions, home_arguments, with_cluster
from ganstudy.study.cli.options import home_option
from ganstudy.study.home import Home

INBOX = "~/ganstudy-inbox"
"""Where sent studies arrive on the head."""


def send(cluster: Path, values: CliOptions) -> int:
    """Send a study to the head of `cluster` and submit it there; return the exit code.

    values: file (or the name of a study that is there), follow, accept_changes, home.
    """
    from ganstudy.study.cluster import code_version
    from ganstudy.study.cluster.head_node import Head
    from ganstudy.study.cluster.jobs import bundle, format_versions
    from ganstudy.trials.results.records import STUDY_FILE

    head, file = Head(cluster), values["file"]
    options = ["--follow"] if values["follow"] else []
    options += ["--accept-changes"] if values["accept_changes"] else []
    options += home_arguments(values)
    options += ["--sent-by", code_version.source_digest(), format_versions()]
    # A name: the study and its files are on the head already.
    if not file.endswith(".toml"):
        return head.run(shlex.join(["ganstudy", "submit", file, *options]), click.echo)
    with tempfile.TemporaryDirectory(prefix="ganstudy-") as folder:
        spec = bundle(Path(file), Path(folder))
        target = f"{INBOX}/{spec.name}-{time.strftime('%Y%m%d-%H%M%S')}"
        head.run(f"mkdir -p {target}", click.echo)
        head.send(Path(folder), target)
    # The target stays unquoted: the head's shell is to expand its ~.
    return head.run(f"ganstudy submit {target}/{STUDY_FILE} {shlex.join(options)}", click.echo)


@with_cluster(send)
@click.command()
@click.argument("file", metavar="FILE")
@click.option(
    "--follow",
    is_flag=True,
    help="Follow the study to its end; Ctrl-C then stops following, not the study.",
)
@click.option(
    "--accept-changes",
    is_flag=True,
    help="Go on although code, packages or data have changed, and record that.",
)
@click.option("--sent-by", nargs=2, hidden=True)
@home_option
def submit(
    file: str, follow: bool, accept_changes: bool, sent_by: tuple[str, str] | None, home: Home
) -> None:
    """Send the study in FILE to a Ray cluster as a job, which goes on when this machine is switched off.

    ray_cluster.yaml describes the cluster. A NAME in place of FILE resumes that study there.

    \b
    Example:  ganstudy submit examples/digits.toml --cluster ray_cluster.yaml
    """
    from ganstudy.study.cluster import jobs
    from ganstudy.study.spec.reader import read_study
    from ganstudy.trials.results.records import STUDY_FILE

    # Sent by another machine: its study must mean here what it means there.
    if sent_by is not None:
        jobs.check_same_code(*sent_by)
    home.check_writable()
    if file.endswith(".toml"):
        name = read_study(Path(file))[0].name
        # The job outlives this command and whatever folder the file arrived in.
        kept = home.submitted(name) / "file"
        jobs.bundle(Path(file), kept)
        arguments = ["run", str(kept / STUDY_FILE)]
    else:
        name = file
        home.existing(name)
        arguments = ["resume", name]
    arguments += ["--accept-changes"] if accept_changes else []
    sys.exit(jobs.submit(arguments, name, home, click.echo, to_the_end=follow))
