"""The command `score`: measure samples that were generated elsewhere."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from pydantic import ValidationError

from ganstudy.study.errors import UserError
from ganstudy.trials.config.base import StrictModel
from ganstudy.trials.config.data import Arrays, DataOptions, Images
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.results.atomic_file import write_whole
from ganstudy.trials.results.catalogue import MEASURES

if TYPE_CHECKING:
    from ganstudy.trials.measures.scoring.score import Score

NPZ = ".npz"
# Even halves: the floor is then measured at the largest number that both sides can have.
HALF = 0.5
"""Share of the real samples that is held out, to measure the floor: real against real."""
PACKAGES = ("ganstudy", "torch", "torchvision", "torch-fidelity", "numpy", "scipy", "scikit-learn")
"""Packages whose versions decide the numbers."""
Options = TypeVar("Options", bound=StrictModel)
Range = tuple[float, float] | None


@dataclass(frozen=True)
class ScoreOptions:
    """The options of the command that say what is measured, by their names."""

    real: str
    fake: str
    train: str | None
    extractor: str | None
    weights: str | None
    weights_digest: str | None
    size: int | None
    crop: str | None
    channels: str | None
    limit: int | None
    real_range: Range
    fake_range: Range

    def check(self) -> None:
        """Raise UserError if an option for pictures is given, and there are none."""
        paths = [path for path in (self.real, self.fake, self.train) if path is not None]
        if (self.size or self.crop or self.channels) and all(NPZ in path for path in paths):
            raise UserError(
                "--size, --crop and --channels are for pictures in folders; arrays in npz files stay "
                "as they are"
            )

    def samples(self, option: str, path: str, value_range: Range) -> DataOptions:
        """Return how the samples at `path` are read; raise UserError naming `option`."""
        if NPZ not in path:
            # Only the classifier is trained on labels, and never on generated samples.
            labelled = self.extractor == "classifier" and option != "--fake"
            return _made(
                Images,
                option,
                path=path,
                labels="folders" if labelled else "none",
                size=self.size,
                # A study cuts the middle square out by default; here nothing is cut that was
                # not asked for.
                crop=self.crop or "none",
                channels=self.channels or "colour",
                held_out=HALF,
                limit=self.limit,
            )
        file, _, keys = path.partition(f"{NPZ}:")
        images_key, _, labels_key = keys.partition(":")
        return _made(
            Arrays,
            option,
            path=f"{file}{NPZ}" if keys else path,
            range=value_range,
            images_key=images_key or None,
            labels_key=labels_key or None,
            held_out=HALF,
            limit=self.limit,
        )

    def measures(self) -> MeasuresConfig:
        """Return how samples are measured."""
        return _made(
            MeasuresConfig,
            "--weights-digest",
            extractor=self.extractor or "auto",
            weights=self.weights,
            weights_digest=self.weights_digest,
        )


@click.command()
@click.option(
    "--real", required=True, metavar="PATH", help="Real samples: a folder of pictures, or FILE.npz."
)
@click.option("--fake", required=True, metavar="PATH", help="Generated samples, in the same form.")
@click.option(
    "--train",
    metavar="PATH",
    help="Samples that the generator was trained on, in the same form: to measure copying.",
)
@click.option(
    "--extractor",
    type=click.Choice(["inception-v3-compat", "pixels", "classifier"]),
    help="What extracts features; inception-v3-compat by default. classifier: trained on the labels of the real "
    "images, which are the names of their sub-folders, or an array of the npz file.",
)
@click.option(
    "--weights", metavar="FILE", help="File with Inception's weights; downloaded by default."
)
@click.option(
    "--weights-digest",
    metavar="HEX",
    help="Digest that the weights must have, as an earlier score's provenance states it.",
)
@click.option(
    "--size",
    type=click.IntRange(4, 1024),
    help="Pixels per side to which pictures in folders are resized; what is not square is stretched unless --crop "
    "cuts it.",
)
@click.option(
    "--crop",
    type=click.Choice(["centre", "none"]),
    help="Cut the middle square out of pictures in folders, before --size; none by default.",
)
@click.option(
    "--channels",
    type=click.Choice(["colour", "grey"]),
    help="Channels of pictures in folders; colour by default.",
)
@click.option(
    "--limit",
    type=click.IntRange(3),
    help="Largest number of samples of each kind; which ones is the same every time.",
)
@click.option(
    "--real-range",
    type=float,
    nargs=2,
    metavar="LOW HIGH",
    help="Values of black and white in real float arrays.",
)
@click.option(
    "--fake-range",
    type=float,
    nargs=2,
    metavar="LOW HIGH",
    help="Values of black and white in generated ones.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path),
    help="Also write everything to this JSON file.",
)
def score(json_file: Path | None, **options: Any) -> None:
    """Score generated images against real ones: FID, KID, IS, precision, recall, modes, copying.

    PATH is a folder of pictures, sub-folders included, or FILE.npz; FILE.npz:IMAGES or FILE.npz:IMAGES:LABELS
    if its arrays have names of their own.

    \b
    Examples:  ganstudy score --real photos --fake samples --size 64
               ganstudy score --real digits.npz --fake samples.npz --extractor classifier --json score.json
    """
    asked = ScoreOptions(**options)
    asked.check()
    try:
        result = _measure(asked)
    except ValueError as error:
        raise UserError(str(error)) from None
    _print(result)
    if json_file is not None:
        _write(json_file, asked, result)


def _measure(asked: ScoreOptions) -> Score:
    """Score the samples with a progress bar, on the GPU if there is one."""
    import torch
    from rich.console import Console
    from rich.progress import Progress

    from ganstudy.trials.measures.scoring.score import score

    real = asked.samples("--real", asked.real, asked.real_range)
    fake = asked.samples("--fake", asked.fake, asked.fake_range)
    measures = asked.measures()
    train = None
    if asked.train is not None:
        # Arrays to train on come from where the real ones do, and so have their range.
        train = asked.samples("--train", asked.train, asked.real_range)
    # On stderr: the table of scores may be piped somewhere.
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Features", total=None)
        return score(
            real,
            fake,
            measures,
            train,
            device=torch.device("cuda" if torch.cuda.is_available() else "cpu"),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )


def _write(file: Path, asked: ScoreOptions, result: Score) -> None:
    document = {
        "real": asked.real,
        "fake": asked.fake,
        "train": asked.train,
        **result.to_json(),
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
        },
    }
    try:
        write_whole(file, (json.dumps(document, indent=2) + "\n").encode())
    except OSError as error:
        raise UserError(f"{file} cannot be written: {error.strerror}") from None


def _made(model: type[Options], name: str, /, **values: Any) -> Options:
    """Return the options; raise UserError, naming `name`, if one breaks a rule."""
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(
            f"{name}: {first['msg'].removeprefix('Value error, ')}, got {first['input']!r}"
        ) from None


def _print(result: Score) -> None:
    from rich.console import Console
    from rich.table import Table

    from ganstudy.trials.measures.scoring.preparation import NOTHING_DONE

    table = Table("Measure", box=None, pad_edge=False)
    table.add_column("Generated", justify="right")
    table.add_column("Real", justify="right")
    table.add_column("Unit")
    better = {"down": ", lower is better", "up": ", higher is better", "none": ""}
    for name, value in result.measures.items():
        measure = MEASURES[name]
        floor = result.floor.get(name)
        unit = measure.unit + better[measure.direction]
        table.add_row(measure.label, _format(value), _format(floor), unit)
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
        *([f"Pictures    {used.preparation}"] if used.preparation != NOTHING_DONE else []),
        *(f"Note        {note}" for note in result.notes),
    ]
    console.print()
    for line in lines:
        console.print(line, soft_wrap=True, markup=False)


def _format(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4g}"
