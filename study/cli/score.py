"""The command `score`: what samples that were made elsewhere are worth."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from pydantic import ValidationError

from ganstudy.study.errors import UserError
from ganstudy.trials.atomic_file import write_whole
from ganstudy.trials.config.base import StrictModel
from ganstudy.trials.config.data import Arrays, DataOptions, Images
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.results.catalogue import MEASURES

if TYPE_CHECKING:
    from ganstudy.trials.measures.score import Score

# torch, rich and what needs them are imported by the command, so that the others answer at once.

NPZ = ".npz"
HALF = 0.5
PACKAGES = ("ganstudy", "torch", "torchvision", "torch-fidelity", "numpy", "scipy", "scikit-learn")
"""Whose versions decide the numbers."""
Options = TypeVar("Options", bound=StrictModel)
Range = tuple[float, float] | None


@click.command()
@click.option(
    "--real", required=True, metavar="PATH", help="Real samples: a folder of pictures, or FILE.npz."
)
@click.option("--fake", required=True, metavar="PATH", help="Generated samples, likewise.")
@click.option(
    "--train",
    metavar="PATH",
    help="What the generator was trained on, likewise: to measure copying.",
)
@click.option(
    "--extractor",
    type=click.Choice(["inception-v3-compat", "pixels", "classifier"]),
    help="Features; inception-v3-compat by default. classifier: trained on the labels of the real images, which are "
    "the names of their sub-folders, or an array of the npz file.",
)
@click.option("--weights", metavar="FILE", help="Inception's weights; downloaded by default.")
@click.option(
    "--weights-digest", metavar="HEX", help="What they must be, as an earlier provenance states it."
)
@click.option(
    "--size",
    type=click.IntRange(4, 1024),
    help="Pixels per side to which pictures in folders are resized.",
)
@click.option(
    "--channels",
    type=click.Choice(["colour", "grey"]),
    help="Of pictures in folders; colour by default.",
)
@click.option(
    "--limit", type=click.IntRange(3), help="Samples of each kind at most, drawn in a fixed way."
)
@click.option(
    "--real-range",
    type=float,
    nargs=2,
    metavar="LOW HIGH",
    help="Black and white of real float arrays.",
)
@click.option(
    "--fake-range",
    type=float,
    nargs=2,
    metavar="LOW HIGH",
    help="Black and white of generated ones.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path),
    help="Write everything there as JSON, too.",
)
def score(
    real: str,
    fake: str,
    train: str | None,
    extractor: str | None,
    weights: str | None,
    weights_digest: str | None,
    size: int | None,
    channels: str | None,
    limit: int | None,
    real_range: Range,
    fake_range: Range,
    json_file: Path | None,
) -> None:
    """Score generated images against real ones: FID, KID, IS, precision, recall, modes, copying.

    PATH is a folder of pictures, sub-folders included, or FILE.npz; FILE.npz:IMAGES or FILE.npz:IMAGES:LABELS
    where its arrays have names of their own.

    \b
    Examples:  ganstudy score --real photos --fake samples --size 64
               ganstudy score --real digits.npz --fake samples.npz --extractor classifier --json score.json
    """
    if (size or channels) and all(NPZ in path for path in (real, fake, train) if path is not None):
        raise UserError(
            "--size and --channels are for pictures in folders; arrays in npz files stay as they are"
        )
    pictures: dict[str, Any] = {"size": size, "channels": channels or "colour"}
    shares: dict[str, Any] = {"held_out": HALF, "limit": limit}
    labelled = extractor == "classifier"

    def options(name: str, path: str, value_range: Range, labels: bool) -> DataOptions:
        if NPZ not in path:
            values = {**pictures, "path": path, "labels": "folders" if labels else "none"}
            return _made(Images, name, values | shares)
        file, _, keys = path.partition(f"{NPZ}:")
        images_key, _, labels_key = keys.partition(":")
        values = {"path": f"{file}{NPZ}" if keys else path, "range": value_range}
        return _made(
            Arrays,
            name,
            values | shares | {"images_key": images_key or None, "labels_key": labels_key or None},
        )

    from ganstudy.trials.measures.score import score as measured

    try:
        result = _with_progress(
            measured,
            options("--real", real, real_range, labelled),
            options("--fake", fake, fake_range, False),
            _made(
                MeasuresConfig,
                "--weights-digest",
                {
                    "extractor": extractor or "auto",
                    "weights": weights,
                    "weights_digest": weights_digest,
                },
            ),
            None if train is None else options("--train", train, real_range, labelled),
        )
    except ValueError as error:
        raise UserError(str(error)) from None
    _print(result)
    if json_file is not None:
        paths = {"real": real, "fake": fake, "train": train}
        versions = {
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
        }
        document = {**paths, **result.as_json(), "versions": versions}
        try:
            write_whole(json_file, (json.dumps(document, indent=2) + "\n").encode())
        except OSError as error:
            raise UserError(f"{json_file} cannot be written: {error.strerror}") from None


def _made(model: type[Options], name: str, values: dict[str, Any]) -> Options:
    """The options; UserError where one breaks a rule."""
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(
            f"{name}: {first['msg'].removeprefix('Value error, ')}, got {first['input']!r}"
        ) from None


def _with_progress(measured: Any, *arguments: Any) -> Score:
    import torch
    from rich.console import Console
    from rich.progress import Progress

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Features", total=None)
        result: Score = measured(
            *arguments,
            device=device,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    return result


def _print(result: Score) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("Measure", box=None, pad_edge=False)
    table.add_column("Generated", justify="right")
    table.add_column("Real", justify="right")
    table.add_column("Unit")
    for name, value in result.measures.items():
        measure = MEASURES[name]
        better = {"down": ", lower is better", "up": ", higher is better", "none": ""}[
            measure.direction
        ]
        table.add_row(
            measure.label, _words(value), _words(result.floor.get(name)), measure.unit + better
        )
    console = Console(highlight=False)
    console.print(table)
    used = result.provenance
    accuracy = (
        "" if used.extractor_accuracy is None else f", accuracy {used.extractor_accuracy:.1%}"
    )
    lines = [
        f"Generated   {used.num_generated} generated samples against {used.num_real} real ones",
        f"Real        {result.num_floor[0]} real samples against {result.num_floor[1]} others: the floor",
        f"Extractor   {used.extractor}, digest {used.extractor_digest}{accuracy}",
        f"Modes       {used.modes}",
        f"Real data   digest {used.data_digest}",
        *(f"Note        {note}" for note in result.notes),
    ]
    console.print()
    for line in lines:
        console.print(line, soft_wrap=True, markup=False)


def _words(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4g}"
