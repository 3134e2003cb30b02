"""What a study of few images can be measured with: the settings that are enough, all at once.

A complaint about one number alone leads to the next one: more images held out are fewer to train on.
"""

from __future__ import annotations

import math

from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.measures.features.classifier import FEATURES
from ganstudy.trials.measures.features.extractor import INCEPTION_FEATURES, MOST_COMPONENTS
from ganstudy.trials.measures.features.fidelity import INCEPTION


def way_out(dataset: Dataset, measures: MeasuresConfig) -> str:
    """Return a sentence that names settings under which FID has enough images of every kind.

    Or how many images that takes. Empty where no such setting helps: for points, for
    stacked images, and where [measures] sets the number of samples.
    """
    if not dataset.is_images or dataset.part is not None or measures.samples is not None:
        return ""
    num = len(dataset.train) + len(dataset.held_out)
    labelled = dataset.train_labels is not None
    needed = {
        "classifier": FEATURES,
        "pixels": min(MOST_COMPONENTS, math.prod(dataset.shape)),
        INCEPTION: INCEPTION_FEATURES,
    }
    # One image more than features, held out and to train on: the covariances are regular then.
    least = {name: features + 1 for name, features in needed.items()}
    if not labelled and not dataset.labels_by:
        del least["classifier"]
    enough = [name for name, images in least.items() if 2 * images <= num]
    if not enough:
        return (
            f". At least {2 * min(least.values())} images are needed, half of them held out, and "
            f"there are {num}"
        )
    ways = [_way(name, least[name], dataset, measures, labelled) for name in enough]
    return f". With {num} images it can be: {', or '.join(ways)}"


def _way(
    name: str, held_out: int, dataset: Dataset, measures: MeasuresConfig, labelled: bool
) -> str:
    """Return what to write for one extractor, with as many images held out as it needs."""
    parts = []
    automatic = "classifier" if labelled or name == "classifier" else INCEPTION
    if measures.extractor != name and (measures.extractor != "auto" or automatic != name):
        parts.append(f'extractor = "{name}" in [measures]')
    if name == "classifier" and not labelled:
        parts.append(dataset.labels_by)
    # A sample per held-out image is generated, and the floor takes as many to train on.
    if len(dataset.held_out) < held_out or len(dataset.train) < held_out:
        parts.append(f"held_out = {held_out} in [data]")
    return " with ".join(parts)
