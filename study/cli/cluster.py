"""`--cluster FILE`: the same commands, done on the head of a Ray cluster; and `ganstudy submit`."""

from __future__ import annotations

import shlex
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ganstudy.study.cli.options import home_option
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home

MLFLOW_PORT = 5000
"""Of MLflow on the head, as ray_cluster.yaml has it."""
INBOX = "~/ganstudy-inbox"
"""Where sent studies arrive on the head."""

Words = dict[str, Any]


def with_cluster(
    command: click.Command, instead: Callable[[Path, Words], int] | None = None
) -> None:
    """Gives `command` the option --cluster, under which it is done on that cluster's head, or
    `instead` here.
    """
    here = command.callback
    assert here is not None

    def anywhere(cluster: Path | None, **values: Any) -> Any:
        if cluster is None:
            return here(**values)
        if instead is not None:
            sys.exit(instead(cluster, values))
        sys.exit(_on_head(cluster, command, values))

    command.callback = anywhere
    told = "Of this cluster, through its head: its file."
    option = click.Option(["--cluster"], type=click.Path(path_type=Path), metavar="FILE", help=told)
    command.params.insert(-1, option)


def _on_head(cluster: Path, command: click.Command, values: Words) -> int:
    from ganstudy.study.cluster.head_node import Head

    return Head(cluster).run(
        shlex.join(["ganstudy", str(command.name), *words(command, values)]), click.echo
    )


def words(command: click.Command, values: Words) -> list[str]:
    """The command's options and arguments as they were given, as one would type them again."""
    options: list[str] = []
    arguments: list[str] = []
    for parameter in command.params:
        value = values.get(str(parameter.name))
        if value is None or value is False or parameter.name == "cluster":
            continue
        if isinstance(parameter, click.Argument):
            arguments.append(str(value))
        else:
            options += [parameter.opts[-1]] + ([] if value is True else [str(value)])
    return [*arguments, *options]


@click.command()
@click.argument("file", metavar="FILE")
@click.option(
    "--cluster",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Send it to this cluster's head.",
)
@click.option(
    "--follow",
    is_flag=True,
    help="Stay until the study's end; Ctrl-C then ends the following alone.",
)
@click.option("--accept-changes", is_flag=True, help="As with ganstudy resume.")
@click.option("--sent-by", nargs=2, hidden=True)
@home_option
def submit(
    file: str,
    cluster: Path | None,
    follow: bool,
    accept_changes: bool,
    sent_by: tuple[str, str] | None,
    home: str | None,
) -> None:
    """Send the study in FILE to a Ray cluster as a job, which goes on when this machine goes away.

    ray_cluster.yaml describes the cluster. A NAME in place of FILE resumes that study there.

    \b
    Example:  ganstudy submit examples/digits.toml --cluster ray_cluster.yaml
    """
    options = [
        flag
        for flag, given in (("--follow", follow), ("--accept-changes", accept_changes))
        if given
    ]
    options += ["--home", home] if home else []
    sys.exit(
        _send(file, cluster, options)
        if cluster
        else _start(file, follow, accept_changes, sent_by, home)
    )


def _send(file: str, cluster: Path, options: list[str]) -> int:
    """On the laptop."""
    from ganstudy.study.cluster import code_version
    from ganstudy.study.cluster.head_node import Head
    from ganstudy.study.cluster.jobs import STUDY_FILE, bundle, version_words

    head, sent_by = Head(cluster), ["--sent-by", code_version.source_digest(), version_words()]
    if not file.endswith(".toml"):
        return head.run(shlex.join(["ganstudy", "submit", file, *options, *sent_by]), click.echo)
    with tempfile.TemporaryDirectory(prefix="ganstudy-") as name:
        spec = bundle(Path(file), Path(name))
        target = f"{INBOX}/{spec.name}-{time.strftime('%Y%m%d-%H%M%S')}"
        head.run(f"mkdir -p {target}", click.echo)
        head.send(Path(name), target)
    words = shlex.join([*options, *sent_by])
    return head.run(f"ganstudy submit {target}/{STUDY_FILE} {words}", click.echo)


def _start(
    file: str, follow: bool, accept_changes: bool, sent_by: tuple[str, str] | None, home: str | None
) -> int:
    """On the head."""
    from ganstudy.study.cluster.jobs import STUDY_FILE, bundle, check_same_code
    from ganstudy.study.cluster.jobs import submit as start
    from ganstudy.study.spec.reader import read_study

    if sent_by is not None:
        check_same_code(*sent_by)
    place, changes = Home.locate(home), ["--accept-changes"] if accept_changes else []
    place.check_writable()
    if not file.endswith(".toml"):
        place.existing(file)
        return start(["resume", file, *changes], file, place, click.echo, to_the_end=follow)
    spec, _ = read_study(Path(file))
    kept = place.submitted(spec.name) / "file"
    bundle(Path(file), kept)
    return start(
        ["run", str(kept / STUDY_FILE), *changes], spec.name, place, click.echo, to_the_end=follow
    )


def resume_there(cluster: Path, values: Words) -> int:
    """`resume` of a study on the cluster: as a job, like the study was begun."""
    if values["name"].endswith(".toml"):
        raise UserError(
            "with --cluster, resume takes the study's NAME; a changed file goes by ganstudy submit"
        )
    options = ["--accept-changes"] if values["accept_changes"] else []
    return _send(
        values["name"], cluster, options + (["--home", values["home"]] if values["home"] else [])
    )


def report_here(cluster: Path, values: Words) -> int:
    """`report` of a study on the cluster: made there, brought here."""
    import webbrowser

    from ganstudy.study.cluster.head_node import Head

    head, name, lines = Head(cluster), values["name"], list[str]()
    home = ["--home", values["home"]] if values["home"] else []
    code = head.run(shlex.join(["ganstudy", "report", name, *home]), lines.append)
    there = [line.removeprefix("Report:").strip() for line in lines if line.startswith("Report:")]
    for line in lines:
        if not line.startswith("Report:"):
            click.echo(line)
    if code or not there:
        return code or 1
    here = Home.locate(None).study(name).report
    head.fetch(there[0], here)
    head.fetch(f"{Path(there[0]).parent}/tables/", here.parent / "tables")
    click.echo(f"Report:  {here}")
    if values["show"]:
        webbrowser.open(here.as_uri())
    return 0


def ui_here(cluster: Path, values: Words) -> int:
    """`ui` of a cluster: its MLflow's pages, through SSH."""
    from ganstudy.study.cluster.head_node import Head

    port = values["port"]
    if port != MLFLOW_PORT:
        raise UserError(
            f"with --cluster, MLflow's pages come to the port that they have there, {MLFLOW_PORT}"
        )
    click.echo(
        f"MLflow UI: http://localhost:{port}/#/experiments?workflowType=machine_learning  (Ctrl-C ends it)\n"
        "Its user and password: ray exec "
        + shlex.quote(str(cluster))
        + " 'grep TRACKING ganstudy-mlflow.env'"
    )
    return Head(cluster).run("sleep infinity", click.echo, [port])
