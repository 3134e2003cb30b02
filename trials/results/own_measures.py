"""Measures that a study's own files declare, in the catalogue of the process that reads the study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganstudy.trials.results.catalogue import MEASURES, Measure

OWN = "Your own"
"""Their group."""


def declare_own(own: Mapping[str, Mapping[str, Any]]) -> None:
    """Add the measures that a study's own files declare, for as long as this process lives.

    own: [measures] own of the study, by name. Raise ValueError for the name of another measure.
    """
    for name, stated in own.items():
        known = MEASURES.get(name)
        if known is not None and known.group != OWN:
            raise ValueError(f"{name} is a measure of ganstudy's: give your function another name")
        if known is not None and (known.direction, known.is_ratio) != (
            stated["direction"],
            stated["is_ratio"],
        ):
            raise ValueError(
                f"own measure {name}: another study that was read here declares it to be better "
                f"{known.better or 'in no direction'}; give one of them another name"
            )
        MEASURES[name] = Measure(
            name=name,
            label=stated["label"],
            group=OWN,
            unit=stated["unit"] or "as declared",
            direction=stated["direction"],
            meaning=stated["meaning"] or f"Declared by {stated['reference']}.",
            source=stated["reference"],
            is_ratio=stated["is_ratio"],
        )
