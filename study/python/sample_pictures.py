"""Pictures of samples: those that trials drew, seed by seed, and new ones of their generators."""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

from ganstudy.analysis.tables.configurations.best_configuration import BestConfiguration
from ganstudy.study.errors import UserError
from ganstudy.study.home import StudyFolder
from ganstudy.trials.results.sample_layout import seed_boxes

MOST_SAMPLES = 10_000
"""Drawn at once; they are held in memory."""


def by_seed(grid: Image.Image, seeds: list[int], is_images: bool) -> dict[int, Image.Image]:
    """Return the part of a sample grid that each seed drew, in the order of the seeds."""
    boxes = seed_boxes(*grid.size, len(seeds), is_images)
    return {seed: grid.crop(box) for seed, box in zip(seeds, boxes, strict=True)}


def drawn(folder: StudyFolder, chosen: BestConfiguration, num: int, seed: int) -> list[Image.Image]:
    """Return `num` pictures by the median generator of a trial; of points, one picture of all."""
    if not 1 <= num <= MOST_SAMPLES:
        raise UserError(f"num: 1 to {MOST_SAMPLES} samples, got {num}")
    if folder.imported.exists():
        raise UserError("the study was imported: its generators were trained elsewhere")
    import json

    from ganstudy.study.export.export import export
    from ganstudy.trials.export import standalone

    with tempfile.TemporaryDirectory(prefix="ganstudy-") as place:
        out = Path(place) / "generators"
        export(folder, chosen, chosen.default_seed, out)
        samples = standalone.sample(num, seed, chosen.default_seed, out)
        reach = json.loads((out / "config.json").read_text(encoding="utf-8"))["reach"]
    if reach is not None:
        return [standalone.picture(samples, reach)]
    return [standalone.picture(samples[index : index + 1], None) for index in range(num)]
