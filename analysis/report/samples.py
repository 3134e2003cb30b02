"""Samples of single seeds, cut out of the sample grids of their trials."""

from __future__ import annotations

import io

from PIL import Image

from ganstudy.analysis.formatting import number as as_text
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.blocks import Picture, Results
from ganstudy.analysis.report.phrases import score_name
from ganstudy.analysis.tables.configurations import shown_samples
from ganstudy.analysis.tables.configurations.shown_samples import ShownSeed
from ganstudy.trials.results.records import trial_name
from ganstudy.trials.results.sample_layout import seed_boxes

LARGEST_PNG = 100_000
"""Bytes; larger pictures go into the page as JPEG."""
NEAREST = "Nearest training images to the median seed's"
POINTS = "points"
"""Extractor of data that are no images."""


def picture(results: Results, shown: ShownSeed, title: str, nearest: bool = False) -> list[Picture]:
    """Return the samples of a seed, or the training images nearest to them; none where none are kept."""
    study = results.whole
    kept = Study.nearest_training if nearest else Study.last_samples
    grid = results.cached(kept, study, shown.number)
    seeds = study.seeds.loc[study.seeds["number"] == shown.number, "seed"].tolist()
    if grid is None or shown.seed not in seeds:
        return []
    band = _cut(grid, seeds.index(shown.seed), len(seeds), are_images(study))
    if band is None:
        return []
    score = (
        "no score" if shown.score != shown.score else f"{score_name(study)} {as_text(shown.score)}"
    )
    about = "" if nearest else f" ({shown.verdict or 'unknown'}, {score})"
    data, media = embedded(band)
    alt = f"{title}: {trial_name(shown.number)}, seed {shown.seed}{about}"
    return [Picture(data, media, f"{title}{about}", alt)]


def of_configuration(results: Results, number: int) -> list[Picture]:
    """Return samples of a trial's best, median and worst seed, and what is nearest to the median's."""
    seeds = shown_samples.seeds_best_first(results.whole, number)
    if not seeds:
        return []
    middle = seeds[(len(seeds) - 1) // 2]
    # Of one or two seeds the best, the median and the worst are not three.
    titles = {middle: "Median seed"}
    titles |= {seeds[-1]: "Worst seed"} if seeds[-1] != middle else {}
    titles |= {seeds[0]: "Best seed"} if seeds[0] != middle else {}
    made = []
    for seed in dict.fromkeys((seeds[0], middle, seeds[-1])):
        made += picture(results, seed, titles[seed])
    return [*made, *picture(results, middle, NEAREST, nearest=True)]


def real_picture(results: Results) -> list[Picture]:
    """Return some real images, where the study kept any."""
    real = results.whole.real_samples
    if real is None:
        return []
    data, media = embedded(real)
    return [Picture(data, media, "Real images, held out", "held-out images of the data")]


def are_images(study: Study) -> bool:
    """Return whether the data are images and no points, as far as is known."""
    return study.provenance.get("extractor") != POINTS


def common_latents(study: Study) -> bool:
    """Return whether all seeds of all trials show samples of the same latents."""
    # Versions of before drew them per seed, and kept no real images.
    return study.real_samples is not None and not study.origin.changes


def _cut(grid: bytes, index: int, num_seeds: int, is_images: bool) -> bytes | None:
    with Image.open(io.BytesIO(grid)) as whole:
        box = seed_boxes(*whole.size, num_seeds, is_images)[index]
        if box[2] <= box[0] or box[3] <= box[1]:
            return None  # laid out otherwise, by another version or by hand
        stream = io.BytesIO()
        whole.crop(box).save(stream, "png")
    return stream.getvalue()


def embedded(png: bytes) -> tuple[bytes, str]:
    """Return a picture and its media type, as JPEG where the PNG is large."""
    if len(png) <= LARGEST_PNG:
        return png, "image/png"
    # Photographs of many seeds are megabytes as PNG, and the page must stay small enough to mail.
    stream = io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").save(stream, "jpeg", quality=88)
    return stream.getvalue(), "image/jpeg"
