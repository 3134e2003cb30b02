"""The commands `best` and `sample`: what a study found, and the generators that did it."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganstudy.study.cli.options import home_option
from ganstudy.study.cli.report import load
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home, StudyFolder
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.documents import JsonObject

# torch and pandas are imported by the commands that need them, so that the others answer at once.
if TYPE_CHECKING:
    from ganstudy.analysis.tables.configurations.best_configuration import BestConfiguration

NEW_SAMPLES = "new-samples.png"
"""Beside samples.png, which the export drew."""
# A guess; they are held in memory at once.
MOST_SAMPLES = 100_000


@click.command()
@click.argument("name")
@click.option(
    "--trial", type=click.IntRange(0), metavar="N", help="Show this trial; by default the best."
)
@click.option(
    "--export",
    "out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write its generators into this folder.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    metavar="S",
    help="Export the generator of this seed alone; by default of all that have a score.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@home_option
def best(
    name: str,
    trial: int | None,
    out: Path | None,
    seed: int | None,
    as_json: bool,
    home: Home,
) -> None:
    """Show the best configuration of the study NAME, and export its generators.

    The best is the search's first choice; if it was trained again on fresh seeds, its scores are theirs.
    DIR gets weights, code that loads them without ganstudy, the configuration, samples and a card.

    \b
    Examples:  ganstudy best digits
               ganstudy best digits --export digits-generator
    """
    from ganstudy.analysis.tables.configurations.best_configuration import best_configuration

    if seed is not None and out is None:
        raise UserError("--seed says what is exported, and needs --export DIR")
    folder = home.existing(name)
    study = load(folder, home)
    try:
        chosen = best_configuration(study, trial)
    except (KeyError, ValueError) as error:
        raise UserError(str(error.args[0])) from None
    if chosen is None:
        raise UserError(
            f"the study {name!r} has no complete trial with a score within its constraints; "
            "--trial N names any other"
        )
    written = [] if out is None else _export(folder, name, chosen, seed, out)
    if as_json:
        click.echo(
            json.dumps({**chosen.to_json(), "files": [str(path) for path in written]}, indent=2)
        )
        return
    for line in _lines(chosen):
        click.echo(line)
    if written and out is not None:
        click.echo(f"\nWritten to {out}: {', '.join(path.name for path in written)}")
        trust = " --trust-code" if _settings(out)["generator"].get("own") is not None else ""
        click.echo(f"To sample it: ganstudy sample {shlex.quote(str(out))} -n 64{trust}")


def _export(
    folder: StudyFolder, name: str, chosen: BestConfiguration, seed: int | None, out: Path
) -> list[Path]:
    """Write the generators of a trial to `out`; return the files."""
    if folder.imported.exists():
        raise UserError(
            f"the study {name!r} was imported: its generators were trained elsewhere, "
            "and are not here"
        )
    from ganstudy.study.export.export import export

    return export(folder, chosen, seed, out)


def _lines(chosen: BestConfiguration) -> list[str]:
    """Return what the terminal shows of a trial."""
    settings = ", ".join(f"{key} = {_as_text(value)}" for key, value in chosen.params.items())
    lines = [f"Trial {chosen.number}: {settings or 'nothing was searched'}", chosen.role, ""]
    for name, score in chosen.scores.items():
        if MEASURES[name].direction != "none" or name == chosen.objective:
            ends = f"{score.lowest:.4g} to {score.highest:.4g} over {score.n} seeds"
            floor = "" if score.floor is None else f"; real data {score.floor:.4g}"
            median = _as_text(score.median)
            lines.append(f"{MEASURES[name].label:<18}{median:>10}   ({ends}{floor})")
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in chosen.verdicts.items())
    return [
        *lines,
        "",
        f"Seeds: {verdicts or 'none'}; {chosen.diverged}. At {chosen.budget}.",
        *chosen.notes,
    ]


def _as_text(value: Any) -> str:
    """Return a score or a setting as text; a missing median is that of diverged seeds."""
    if value is None:
        return "diverged"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class SampleOptions:
    """The options of `ganstudy sample`, by their names."""

    number: int
    out: Path | None
    npz: Path | None
    seed: int
    trained_on: int | None
    trust_code: bool


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "-n",
    "number",
    type=click.IntRange(1, MOST_SAMPLES),
    default=64,
    show_default=True,
    help="Number of samples.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE.png",
    help="Write a picture of the samples; without --npz, DIR/new-samples.png unless stated.",
)
@click.option(
    "--npz", type=click.Path(path_type=Path), metavar="FILE.npz", help="Write the samples."
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="Random seed of the latents.",
)
@click.option(
    "--trained-on",
    type=click.IntRange(0),
    metavar="S",
    help="Use the generator of this training seed; by default that of the median one.",
)
@click.option(
    "--trust-code",
    is_flag=True,
    help="Run the author's Python file in DIR that builds the generator.",
)
def sample(folder: Path, **options: Any) -> None:
    """Draw samples from the generator in DIR, which ganstudy best --export wrote.

    Nothing of DIR is run as code unless --trust-code says that it may.

    \b
    Examples:  ganstudy sample digits-generator -n 64
               ganstudy sample digits-generator --out grid.png --npz samples.npz
    """
    asked, config = SampleOptions(**options), _settings(folder)
    out, npz = asked.out, asked.npz
    if out is None and npz is None:
        out = folder / NEW_SAMPLES
    own = config["generator"].get("own")
    if own is not None and not asked.trust_code:
        raise UserError(
            f"the generator in {folder} is built by {own.get('file')}, somebody's own code; "
            "read it, then say --trust-code"
        )
    import numpy as np
    from safetensors import SafetensorError

    from ganstudy.trials.export import standalone

    try:
        samples = standalone.sample(asked.number, asked.seed, asked.trained_on, folder)
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            standalone.picture(samples, config.get("reach")).save(out, "PNG")
        if npz is not None:
            npz.parent.mkdir(parents=True, exist_ok=True)
            with npz.open("wb") as file:  # by itself numpy would add an ending
                np.savez(file, x=samples.numpy())
    # Of whatever a damaged or edited folder raises: it may come from anybody.
    except (ValueError, KeyError, TypeError, OSError, SafetensorError, RuntimeError) as error:
        raise UserError(f"{folder} cannot be sampled: {error}") from None
    shape = " x ".join(map(str, samples.shape[1:]))
    paths = ", ".join(str(path) for path in (out, npz) if path is not None)
    click.echo(f"{asked.number} samples of {shape}: {paths}")


def _settings(folder: Path) -> JsonObject:
    """Return the content of config.json; raise UserError where it is not what an export writes."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise UserError(
            f"{folder} is no folder that ganstudy best --export wrote: {path} cannot be read"
        ) from None
    needed = ("generator", "seeds", "default_seed", "latent", "latent_dim", "shape")
    missing = [key for key in needed if not isinstance(config, dict) or key not in config]
    if missing or not isinstance(config["generator"], dict):
        lacking = ", ".join(missing) or "generator"
        raise UserError(f"{path} is not what ganstudy best --export wrote: it lacks {lacking}")
    return dict(config)
