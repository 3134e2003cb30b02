"""How many configurations are trained together, and which: free of Ray, for what is asked before it.

Where the study file leaves [resources] lanes open, it is a study's own number: chosen when the study
begins, kept in its ledger, and 1 for studies that began before there was a choice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.results.records import Stage
from ganstudy.trials.results.samplers import facts_of

CPU_LANES = 24
"""On one CPU thread the throughput per lane grows up to 24 to 36 lanes (measured from 6 lanes on, digits:
1.4 times with 24 lanes of width 128; 1.05 times of width 512)."""
# As far as packs of a small network have been reported to gain on a GPU (Wang et al. 2021, HFTA);
# not measured by us.
GPU_LANES = 64
Drawn = TypeVar("Drawn")
AHEAD = 16
"""Packs' worth of trials that may be proposed at a time to find some of one structure."""


def lanes_by_default(spec: StudySpec) -> int:
    """Return how many lanes a pack of a new study has at most, unless the file says so."""
    # A budget of seconds is not shared, and a training function trains one seed: such trials are
    # never packed.
    if spec.train.budget.unit == "seconds" or spec.has_training_function:
        return 1
    if spec.resources.gpus:
        return GPU_LANES
    # Larger images fill a CPU with one configuration: from 6 to 36 lanes DCGANs of 16 x 16 and 28 x 28 pixels
    # have 0.94 and 0.98 times the throughput per lane, ResNets of 32 x 32 0.95 times, MLPs of 28 x 28 1.12 times.
    return CPU_LANES if spec.data.tiny or spec.model.name == "mlp" else 1


def with_lanes(spec: StudySpec, begun: int | None = None) -> StudySpec:
    """Return the study with its number of lanes: as stated, as it began, or by default.

    begun: lanes with which it began; None: it begins now.
    """
    if spec.resources.lanes is not None:
        return spec
    lanes = begun or lanes_by_default(spec)
    resources = spec.resources.model_copy(update={"lanes": lanes})
    return spec.model_copy(update={"resources": resources})


def trials_per_pack(
    spec: StudySpec, stage: Stage, seeds: int, left: int | None = None, slots: int = 1
) -> int:
    """Return how many trials of a stage may be trained together, 1 where they are not.

    seeds: of each of them; left: those that are still to be trained. Where lanes are not stated, a
    pack is at most half a slot's even share of them: the trials of one structure may take many times
    as long as the others, and no slot is to wait for a large pack of those.
    """
    if spec.has_training_function:
        return 1
    adaptive = not facts_of(spec.search.sampler).exchangeable
    if stage is Stage.SEARCH and (adaptive or spec.schedule.name != "fifo"):
        return 1
    most = max(1, (spec.resources.lanes or 1) // seeds)
    if left is None or spec.states("resources", "lanes"):
        return most
    return max(1, min(most, math.ceil(left / (2 * slots))))


def pack_size(most: int, left: int, slots: int) -> int:
    """Return how many trials the next pack may have: no slot is to stand idle for a large one."""
    return max(1, min(most, math.ceil(left / slots)))


def next_pack(
    drawn: Sequence[Drawn], size: int, structure: Callable[[Drawn], str]
) -> tuple[list[Drawn], list[Drawn]]:
    """Return (the next pack, the others): the first trial, and others of its structure."""
    first = structure(drawn[0])
    chosen, others = list[Drawn](), list[Drawn]()
    for each in drawn:
        fits = len(chosen) < size and structure(each) == first
        (chosen if fits else others).append(each)
    return chosen, others


def pack_line(spec: StudySpec, seeds: int, most: int) -> str:
    """Describe the packs in one line: how many trials are in one, and who chose that."""
    why = "" if spec.states("resources", "lanes") else ", by default"
    return (
        f"up to {most} configurations x {seeds} seeds are trained as one pack "
        f"([resources] lanes = {spec.resources.lanes}{why})"
    )
