"""Export of a trial's generators as a folder that needs no ganstudy.

It holds weights, code, configuration, samples and a model card.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from safetensors.torch import save

from ganstudy.analysis.tables.configurations.best_configuration import BestConfiguration
from ganstudy.study.errors import UserError
from ganstudy.study.export.model_card import ExportedGenerator, card
from ganstudy.study.home import StudyFolder
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.tune.training import load_dataset
from ganstudy.trials.config import plugins
from ganstudy.trials.config.data import PATH_FIELDS
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.export import standalone
from ganstudy.trials.export.export import TrainedGenerators, trained_generators
from ganstudy.trials.results.atomic_file import write_whole
from ganstudy.trials.results.documents import JsonObject
from ganstudy.trials.results.records import FIRST_CONFIRM

# Guesses at what fills a picture: an 8 x 8 grid, and points that do not merge yet.
SHOWN, POINTS_SHOWN = 64, 2000
"""Samples in the folder's picture, of images and of points."""
FORMAT = 1
"""Version of config.json."""


def export(
    folder: StudyFolder, chosen: BestConfiguration, seed: int | None, out: Path
) -> list[Path]:
    """Write the trial's generators to the new or empty folder `out`, and return the files.

    seed: only this one of the trial's seeds. Raise UserError where the checkpoint or the data
    cannot be read.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is there already and not empty; name another folder")
    ledger = Ledger.open(folder.ledger)
    # The copies that the study began with: the user's own files may have changed since.
    plugins.register_copies(folder.plugins)
    try:
        config = configuration(ledger, chosen.number, chosen.config_digest)
        data = load_dataset(config.data)
        trained = trained_generators(
            folder.checkpoints / f"{chosen.number:06d}-{config.digest}",
            config,
            data.shape,
            data.bounded,
        )
    except ValueError as error:
        raise UserError(f"trial {chosen.number} cannot be exported: {error}") from None
    seeds = _seeds(trained, chosen, seed)
    exported = ExportedGenerator(
        format=FORMAT,
        study=ledger.spec.name,
        trial=chosen.number,
        seeds=seeds,
        default_seed=chosen.default_seed if chosen.default_seed in seeds else seeds[0],
        latent=config.model.latent,
        latent_dim=config.model.latent_dim,
        shape=list(data.shape),
        values="images in [-1, 1]" if data.is_images else "points",
        # A little room around the real points, so that a picture shows strays beside them.
        reach=None if data.is_images else 1.1 * float(data.held_out[:, :2].abs().max()),
        generator=trained.described,
        configuration=_without_paths(config),
        facts=chosen,
    )
    return _write(out, exported, trained)


def _write(out: Path, exported: ExportedGenerator, trained: TrainedGenerators) -> list[Path]:
    """Write the folder's files and return them."""
    files = {
        "config.json": (json.dumps(exported.to_json(), indent=2) + "\n").encode(),
        "model.py": Path(standalone.__file__).read_bytes(),
        "README.md": card(exported).encode(),
        **{f"generator-seed-{s}.safetensors": save(trained.weights[s]) for s in exported.seeds},
    }
    files |= trained.own_files
    try:
        for name, content in files.items():
            write_whole(out / name, content)
        is_images = exported.reach is None
        # Drawn from the files just written, which shows that they load.
        samples = standalone.sample(SHOWN if is_images else POINTS_SHOWN, 0, folder=out)
        standalone.picture(samples, exported.reach).save(out / "samples.png")
    except OSError as error:
        raise UserError(
            f"{out} cannot be written: {os.strerror(error.errno) if error.errno else error}"
        ) from None
    return [*(out / name for name in files), out / "samples.png"]


def configuration(ledger: Ledger, number: int, digest: str) -> TrialConfig:
    """Return the trial's whole configuration from its stage's ledger.

    Raise ValueError unless its digest is `digest`.
    """
    stage = ledger.search if number < FIRST_CONFIRM else ledger.confirm
    row = next((row for row in (stage.rows() if stage else []) if row.number == number), None)
    if stage is None or row is None:
        raise ValueError("the ledger has no such trial")
    config = stage.config(row.params)
    if config.digest != digest:
        raise ValueError(
            f"its configuration in the ledger is {config.digest}, and that in MLflow {digest}"
        )
    return config


def _without_paths(config: TrialConfig) -> JsonObject:
    """Return the configuration as plain JSON, with the names of files alone."""
    # Their folders are this machine's business.
    tables = config.model_dump(mode="json")
    for table, keys in (("data", PATH_FIELDS), ("measures", ("weights",))):
        for key in keys:
            if tables[table].get(key):
                tables[table][key] = Path(tables[table][key]).name
    return tables


def _seeds(trained: TrainedGenerators, chosen: BestConfiguration, seed: int | None) -> list[int]:
    """Return the seeds to write: the one asked for, or those with a value, or all if none has."""
    if seed is not None:
        if seed not in trained.weights:
            known = ", ".join(map(str, trained.weights))
            raise UserError(
                f"trial {chosen.number} was not trained on seed {seed}; its seeds: {known}"
            )
        return [seed]
    # A diverged seed's generator draws nothing that anyone wants, unless it is asked for.
    finite = [s for s in trained.weights if chosen.seeds.get(s) is not None]
    return finite or list(trained.weights)
