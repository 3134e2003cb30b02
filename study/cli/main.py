"""The command line: the only place that knows study, trials and analysis together."""

from __future__ import annotations

import sys
from typing import Any

import click

from ganstudy.study.cli.best import best, sample
from ganstudy.study.cli.check import check
from ganstudy.study.cli.cluster import report_here, resume_there, submit, ui_here, with_cluster
from ganstudy.study.cli.export import export_frames
from ganstudy.study.cli.import_ import import_
from ganstudy.study.cli.logs import logs
from ganstudy.study.cli.options import INTERRUPTED
from ganstudy.study.cli.report import compare, report
from ganstudy.study.cli.run import publish, resume, run, stop
from ganstudy.study.cli.score import score
from ganstudy.study.cli.serve import serve
from ganstudy.study.cli.status import list_studies, status
from ganstudy.study.cli.ui import ui
from ganstudy.study.errors import UserError
from ganstudy.study.home import private_files


class Commands(click.Group):
    """Turns a UserError into one message and exit code 2, and Ctrl-C into exit code 130."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command that was named."""
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"ganstudy: {error}", err=True)
            sys.exit(2)
        except KeyboardInterrupt:
            click.echo(
                "\nganstudy: stopped; nothing that was recorded is lost; ganstudy resume goes on",
                err=True,
            )
            sys.exit(INTERRUPTED)


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="ganstudy")
def main() -> None:
    """Which discriminator:generator ratio, learning rates and remedy train a GAN, and how sure are we?

    \b
    Example:  ganstudy run examples/digits.toml
    """
    private_files()


OF_STUDIES = (
    run,
    resume,
    stop,
    publish,
    logs,
    report,
    compare,
    best,
    sample,
    export_frames,
    import_,
    score,
    ui,
)
for command in (check, list_studies, status, *OF_STUDIES, serve, submit):
    main.add_command(command)
for command in (status, stop, publish, logs, list_studies):
    with_cluster(command)
with_cluster(resume, resume_there)
with_cluster(report, report_here)
with_cluster(ui, ui_here)
