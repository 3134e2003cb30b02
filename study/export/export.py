"""The best generators of a study as a folder that stands on its own: weights, code, configuration,
samples, card.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save

from ganstudy.study.errors import UserError
from ganstudy.study.export.model_card import card
from ganstudy.study.home import StudyFolder
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.tune.training import load_dataset
from ganstudy.trials import plugins
from ganstudy.trials.atomic_file import write_whole
from ganstudy.trials.config.data import PATH_FIELDS
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.export import standalone
from ganstudy.trials.export.export import TrainedGenerators, trained_generators
from ganstudy.trials.results.records import FIRST_CONFIRM

SHOWN = 64
"""Samples in the picture of the folder."""
POINTS_SHOWN = 2000
FORMAT = 1
"""Version of config.json."""


@dataclass(frozen=True)
class Chosen:
    """What is exported: a trial, with all that the card says of it."""

    number: int
    config_digest: str
    seeds: dict[int, float | None]
    """The objective's value by seed; None for a seed that has diverged."""
    default_seed: int
    """The seed of median value."""
    facts: dict[str, Any]
    """Scores, provenance and the like, for config.json and the card; plain JSON."""


def export(folder: StudyFolder, chosen: Chosen, seed: int | None, out: Path) -> list[Path]:
    """Writes the folder `out`, which must be new or empty; the files.

    seed: only this one of the trial's seeds. UserError where the checkpoint or the data are not to
    be had.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is there already and not empty; name another folder")
    ledger = Ledger.open(folder.ledger)
    for own in folder.plugins.glob("*/*.py"):
        plugins.register(own)
    try:
        config = _config(ledger, chosen)
        data = load_dataset(config.data)
        made = trained_generators(
            folder.checkpoints / f"{chosen.number:06d}-{config.digest}",
            config,
            data.shape,
            data.bounded,
        )
    except ValueError as error:
        raise UserError(f"trial {chosen.number} cannot be exported: {error}") from None
    seeds = _seeds(made, chosen, seed)
    settings: dict[str, Any] = {
        "format": FORMAT,
        "study": ledger.spec.name,
        "trial": chosen.number,
        "seeds": seeds,
        "default_seed": chosen.default_seed if chosen.default_seed in seeds else seeds[0],
        "latent": config.model.latent,
        "latent_dim": config.model.latent_dim,
        "shape": list(data.shape),
        "values": "images in [-1, 1]" if data.is_images else "points",
        "reach": None if data.is_images else 1.1 * float(data.held_out[:, :2].abs().max()),
        "generator": made.described,
        "configuration": _without_places(config),
        "facts": chosen.facts,
    }
    files = {
        "config.json": (json.dumps(settings, indent=2) + "\n").encode(),
        "model.py": Path(standalone.__file__).read_bytes(),
        "README.md": card(settings).encode(),
        **{f"generator-seed-{s}.safetensors": save(made.weights[s]) for s in seeds},
    }
    if made.own_file is not None:
        files[made.own_file.name] = made.own_file.read_bytes()
    try:
        for name, content in files.items():
            write_whole(out / name, content)
        samples = standalone.sample(SHOWN if data.is_images else POINTS_SHOWN, 0, folder=out)
        standalone.picture(samples, settings["reach"]).save(out / "samples.png")
    except OSError as error:
        raise UserError(
            f"{out} cannot be written: {os.strerror(error.errno) if error.errno else error}"
        ) from None
    return [*(out / name for name in files), out / "samples.png"]


def _config(ledger: Ledger, chosen: Chosen) -> TrialConfig:
    """The trial's whole configuration, from its stage's ledger; ValueError unless it is that of the
    digest.
    """
    stage = ledger.search if chosen.number < FIRST_CONFIRM else ledger.confirm
    row = next(
        (row for row in (stage.rows() if stage else []) if row.number == chosen.number), None
    )
    if stage is None or row is None:
        raise ValueError("the ledger does not know it")
    config = stage.config(row.params)
    if config.digest != chosen.config_digest:
        raise ValueError(
            f"its configuration in the ledger is {config.digest}, and that in MLflow {chosen.config_digest}"
        )
    return config


def _without_places(config: TrialConfig) -> dict[str, Any]:
    """The configuration as plain JSON, with the names of files in the place of where they lie on
    this machine.
    """
    whole = config.model_dump(mode="json")
    for table, keys in (("data", PATH_FIELDS), ("measures", ("weights",))):
        whole[table] |= {key: Path(whole[table][key]).name for key in keys if whole[table].get(key)}
    return whole


def _seeds(made: TrainedGenerators, chosen: Chosen, seed: int | None) -> list[int]:
    """Seeds to write: those with a value, or the one that was asked for."""
    if seed is not None:
        if seed not in made.weights:
            known = ", ".join(map(str, made.weights))
            raise UserError(
                f"trial {chosen.number} was not trained on seed {seed}; its seeds: {known}"
            )
        return [seed]
    return [s for s in made.weights if chosen.seeds.get(s) is not None] or list(made.weights)
