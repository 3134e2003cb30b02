"""The commands `data ...`: pictures as files for ganstudy and for other tools."""

from __future__ import annotations

import os
from pathlib import Path

import click

from ganstudy.study.errors import UserError


@click.group("data")
def data() -> None:
    """Pictures as files: for a study, and for other tools.

    \b
    Example:  ganstudy data pack photos pets.zip --size 64
    """


@data.command("pack")
@click.argument("source", metavar="FOLDER")
@click.argument("out", metavar="OUT.zip", type=click.Path(path_type=Path))
@click.option(
    "--size",
    type=click.IntRange(4, 1024),
    metavar="N",
    help="Pixels per side, after a cut to the middle square; by default pictures keep theirs.",
)
@click.option(
    "--labels",
    type=click.Choice(["none", "folders", "file"]),
    help="folders: the first-level sub-folder is the class. file: as dataset.json says, the default "
    "of a zip.",
)
@click.option("--grey", is_flag=True, help="One channel instead of three.")
@click.option("--skip-bad", is_flag=True, help="Leave out, and name, what cannot be read.")
def pack_pictures(
    source: str, out: Path, size: int | None, labels: str | None, grey: bool, skip_bad: bool
) -> None:
    """Write the pictures in FOLDER, or in a zip, as a data set for StyleGAN and its successors.

    A study reads it too: name = "images", path = "OUT.zip".

    \b
    Example:  ganstudy data pack photos pets.zip --size 64 --labels folders
    """
    from ganstudy.trials.config.data import Images
    from ganstudy.trials.data.pack import pack

    stated = {} if labels is None else {"labels": labels}
    options = Images(
        path=source,
        size=size,
        channels="grey" if grey else "colour",
        bad_files="skip" if skip_bad else "refuse",
        **stated,
    )
    try:
        packed = pack(options, out)
    except ValueError as error:
        raise UserError(str(error).replace("say bad_files = 'skip'", "say --skip-bad")) from None
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise UserError(f"{out} cannot be written: {reason}") from None
    channels, side = packed.shape[0], packed.shape[1]
    classes = f"{len(packed.class_names)} classes" if packed.class_names else "no labels"
    colour = "grey" if channels == 1 else "colour"
    click.echo(f"{out}: {packed.num} pictures of {side} x {side}, {colour}, {classes}")
    for note in packed.notes:
        click.echo(f"  {note}")
    if side & (side - 1):
        click.echo("  StyleGAN's networks need a power of two per side, such as --size 64")
