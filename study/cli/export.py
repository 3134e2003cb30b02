"""The command `export`: a study's frames as files."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ganstudy.study.cli.options import home_option
from ganstudy.study.cli.report import load
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home


@click.command("export")
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Folder to write to.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["parquet", "csv"]),
    default="parquet",
    show_default=True,
    help="Format of the files.",
)
@home_option
def export_frames(name: str, out: Path, kind: str, home: Home) -> None:
    """Write trials, seeds, evaluations and modes of the study NAME as Parquet or CSV files.

    docs/frames.md describes their columns. Files of the same names in DIR are replaced.

    \b
    Example:  ganstudy export digits --out digits-tables --format csv
    """
    from ganstudy.analysis.frames.export import write_frames

    study = load(home.existing(name), home)
    try:
        written = write_frames(study, out, "csv" if kind == "csv" else "parquet")
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise UserError(f"{out} cannot be written: {reason}") from None
    for path in written:
        click.echo(path)
