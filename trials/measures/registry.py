"""The measures of generated samples that the catalogue names, in its order.

What else a trial reports is measured where it arises: losses and gradients in the training step,
trajectories in the trial's history, the duality gap and path angles at the end of training.
"""

from __future__ import annotations

from collections.abc import Iterable
from pkgutil import resolve_name

from ganstudy.trials.measures.base import SampleMeasure
from ganstudy.trials.results.catalogue import MEASURES, Measure


def sample_measures(measures: Iterable[Measure]) -> tuple[SampleMeasure, ...]:
    """Return the implementations that the measures name, each once.

    Raise ValueError where one does not compute just what names it.
    """
    names: dict[str, tuple[str, ...]] = {}
    for measure in measures:
        if measure.implementation is not None:
            known = names.get(measure.implementation, ())
            names[measure.implementation] = (*known, measure.name)
    found = []
    for implementation, listed in names.items():
        sample_measure: SampleMeasure = resolve_name(implementation)
        if set(sample_measure.names) != set(listed):
            raise ValueError(
                f"{implementation} computes {', '.join(sample_measure.names)}, and "
                f"trials/results/catalogue.py has {', '.join(listed)} of it"
            )
        found.append(sample_measure)
    return tuple(found)


SAMPLE_MEASURES = sample_measures(MEASURES.values())
