"""A measure of the user's own, "my_measure.py:tv": one number per seed at every evaluation.

    @measure(label="Total variation", better="smaller")
    def tv(generated, real):
        ...
        return number

`generated` [n, ...] are the samples of one seed and `real` [N, ...] all held-out data, floats as
networks see them (images in [-1, 1]). A number that is not finite stands for none. Random numbers
of the global streams of Python, NumPy and torch's CPU are the same in every call.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from ganstudy.trials.config.base import short_repr
from ganstudy.trials.config.global_streams import kept_streams
from ganstudy.trials.config.measures import OwnMeasure
from ganstudy.trials.config.plugins import described, load, source, where
from ganstudy.trials.data.dataset import Dataset, as_float
from ganstudy.trials.ensemble.own_class import line_of
from ganstudy.trials.measures.base import RealSamples, SampleMeasure, Samples, Scorer, Scores
from ganstudy.trials.results.catalogue import Direction

Better = Literal["smaller", "larger", "neither"]
Function = Callable[[Tensor, Tensor], Any]
DIRECTIONS: dict[str, Direction] = {"smaller": "down", "larger": "up", "neither": "none"}
STREAM = 0
"""Seed of the global streams in every call."""
MOST_TRIED = 256
"""Samples of either kind with which a measure is tried before a study starts."""
DECLARED = "ganstudy_measure"
"""Attribute of a function that `measure` has declared."""


def measure(
    *, label: str, better: Better, unit: str = "", ratio: bool = False
) -> Callable[[Function], Function]:
    """Declare a function as a measure.

    label: its name in reports. better: which values are. unit: "share of ..." for numbers from 0 to
    1. ratio: whether two scores are compared by their ratio, of a measure whose best value is 0.
    """

    def declare(function: Function) -> Function:
        setattr(
            function, DECLARED, {"label": label, "better": better, "unit": unit, "ratio": ratio}
        )
        return function

    return declare


def declared_measure(reference: str, digest: str) -> OwnMeasure:
    """Return what the function that `reference` names declares; ValueError, with file and line."""
    found, file = load(reference, digest), source(digest, reference)
    line, name = line_of(found, file), reference.rpartition(":")[2]
    stated = getattr(found, DECLARED, None)
    if stated is None:
        raise ValueError(
            f'{line}: {name} must be declared by @measure(label="...", better="smaller") '
            "(from ganstudy.trials.own import measure)"
        )
    if stated["better"] not in DIRECTIONS:
        known = ", ".join(map(repr, DIRECTIONS))
        raise ValueError(
            f"{line}: better must be one of {known}, got {short_repr(stated['better'])}"
        )
    if stated["ratio"] and stated["better"] != "smaller":
        raise ValueError(
            f"{line}: ratio is for a measure whose best value is 0: better must be 'smaller'"
        )
    if not (isinstance(stated["label"], str) and stated["label"].strip()):
        raise ValueError(f"{line}: label must be text, got {short_repr(stated['label'])}")
    try:
        inspect.signature(found).bind(None, None)
    except TypeError:
        raise ValueError(
            f"{line}: {name} must take (generated, real), and takes "
            f"({', '.join(inspect.signature(found).parameters)})"
        ) from None
    return OwnMeasure(
        reference=reference,
        digest=digest,
        label=stated["label"],
        direction=DIRECTIONS[stated["better"]],
        unit=stated["unit"],
        is_ratio=stated["ratio"],
        meaning=(inspect.getdoc(found) or "").split("\n\n")[0].replace("\n", " "),
    )


def own_sample_measure(name: str, own: OwnMeasure) -> SampleMeasure:
    """Return the user's function as one of the measures of samples."""
    function, file = load(own.reference, own.digest), source(own.digest, own.reference)

    def against(real: RealSamples) -> Scorer:
        held_out = as_float(real.values)

        def scored(samples: Samples) -> Scores:
            values = as_float(samples.values)
            return {name: _number(function, file, values, held_out.to(values.device))}

        return scored

    return SampleMeasure(own.label, (name,), against)


def _number(function: Function, file: Path, generated: Tensor, real: Tensor) -> float | None:
    """Return what the function gives; None where that is not finite. Raise ValueError."""
    try:
        with kept_streams(STREAM):
            given = function(generated, real)
    except Exception as error:
        line = where(error, file)
        line = line_of(function, file) if line == file.name else line
        raise ValueError(f"{line}: the measure fails: {described(error)}") from error
    if isinstance(given, Tensor) and given.numel() == 1:
        given = given.item()
    try:
        number = float(given)
    except (TypeError, ValueError):
        shown = f"a tensor {list(given.shape)}" if isinstance(given, Tensor) else short_repr(given)
        raise ValueError(
            f"{line_of(function, file)}: a measure must return one number, got {shown}"
        ) from None
    return number if math.isfinite(number) else None


def scores_of(own: OwnMeasure, dataset: Dataset, samples: Sequence[Tensor]) -> list[float]:
    """Return the score of each of `samples` against the held-out data; NaN for none."""
    function, file = load(own.reference, own.digest), source(own.digest, own.reference)
    real = as_float(dataset.held_out)
    scores = [_number(function, file, as_float(values), real) for values in samples]
    return [math.nan if score is None else score for score in scores]


def try_measure(own: OwnMeasure, dataset: Dataset) -> None:
    """Call the user's function on some training samples as if they were generated.

    Raise ValueError, with its file and line, where it gives no number for them, another one the
    second time, or changes what it is given.
    """
    function, file = load(own.reference, own.digest), source(own.digest, own.reference)
    given = [as_float(part[:MOST_TRIED]).clone() for part in (dataset.train, dataset.held_out)]
    kept = [values.clone() for values in given]
    numbers = [_number(function, file, *given) for _ in range(2)]
    line = line_of(function, file)
    if numbers[0] is None:
        raise ValueError(f"{line}: the measure gives NaN or infinity for real samples")
    if any(not now.equal(before) for now, before in zip(given, kept, strict=True)):
        raise ValueError(f"{line}: a measure must not change the samples that it is given in place")
    if numbers[0] != numbers[1]:
        raise ValueError(
            f"{line}: the measure gives {numbers[0]:g}, then {numbers[1]} for the same samples: draw by "
            "the global streams alone, and keep nothing from call to call"
        )
