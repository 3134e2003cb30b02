"""Which logged runs are seeds of one configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ganstudy.study.importing.columns import SEED, canonical_name
from ganstudy.study.importing.mapping import Mapping
from ganstudy.study.importing.table import as_numbers, as_text
from ganstudy.trials.results.documents import Settings

SEED_IN_NAME = re.compile(
    r"(?:^|(?<=[-_./ ]))(?:rng|random[-_]?seed|seed)[-_= ]?(\d{1,10})(?=$|[-_./ ])", re.IGNORECASE
)
"""Of a run's name or folder: dcgan/seed_3, wgan-seed=0."""


@dataclass(frozen=True)
class Replicate:
    """One run as a seed of a trial."""

    trial: str
    seed: Any
    """As the source has it; None if it has none."""
    params: Settings
    """Without the seed."""


def replicates_of(
    runs: list[tuple[str, Settings]], mapping: Mapping
) -> tuple[list[Replicate], list[str]]:
    """Return (each run's trial and seed, notes).

    Runs of one configuration and unlike seeds are one trial. The seed is the hyperparameter of that
    name, else the number after "seed" in the names of all runs. Runs that share configuration and
    seed, and runs of which nothing but the seed is known, are trials of their own.

    runs: name and hyperparameters of each.
    """
    seeds, params = [], []
    for _, given in runs:
        column = next((name for name in given if canonical_name(name, mapping) == SEED), None)
        seeds.append(given.get(column) if column is not None else None)
        params.append({name: value for name, value in given.items() if name != column})
    bases = [name for name, _ in runs]
    notes = []
    if all(as_text(seed) == "" for seed in seeds):
        found = [list(SEED_IN_NAME.finditer(name)) for name in bases]
        if not all(len(matches) == 1 for matches in found):
            return [Replicate(n, None, p) for n, p in zip(bases, params, strict=True)], []
        seeds = [matches[0][1] for matches in found]
        stems = [SEED_IN_NAME.sub("", name).strip("-_./ ") for name in bases]
        notes.append("the seeds are those in the names of the runs")
        keys = list(zip(stems, _settings(params), strict=True))
    elif any(params):
        stems = [SEED_IN_NAME.sub("", name).strip("-_./ ") for name in bases]
        keys = [("", settings) for settings in _settings(params)]
    else:
        stems, keys = bases, [(name, ()) for name in bases]
    groups: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for index, key in enumerate(keys):
        groups.setdefault(key, []).append(index)
    return _grouped(bases, stems, seeds, params, list(groups.values()), notes)


def _grouped(
    bases: list[str],
    stems: list[str],
    seeds: list[Any],
    params: list[Settings],
    groups: list[list[int]],
    notes: list[str],
) -> tuple[list[Replicate], list[str]]:
    """Return what `replicates_of` does, of the groups of runs with equal configurations."""
    trials = list(bases)
    texts = as_numbers([as_text(seed) for seed in seeds])
    joined = [group for group in groups if len({texts[index] for index in group}) == len(group) > 1]
    alike = [group for group in groups if group not in joined and len(group) > 1]
    for group in joined:
        shared = {stems[index] for index in group}
        label = shared.pop() if len(shared) == 1 else ""
        # The name without its seed, unless another trial has it too.
        others = {stems[index] for other in groups if other is not group for index in other}
        for index in group:
            trials[index] = label if label and label not in others else bases[group[0]]
    if joined:
        number = sum(map(len, joined))
        notes.append(
            f"runs of equal hyperparameters and unlike seeds are one trial: {number} runs are "
            f"{len(joined)} trials"
        )
    if alike:
        first = alike[0]
        notes.append(
            f"{bases[first[0]]} and {bases[first[1]]} have equal hyperparameters and may have equal "
            "seeds: each such run is a trial of its own"
        )
    found = zip(trials, seeds, params, strict=True)
    return [Replicate(trial, seed, given) for trial, seed, given in found], notes


def _settings(params: list[Settings]) -> list[tuple[str, ...]]:
    """Return the hyperparameters of each run as texts that are equal where the settings are."""
    names = sorted({name for given in params for name in given})
    if not names:
        return [() for _ in params]
    columns = [as_numbers([as_text(given.get(name)) for given in params]) for name in names]
    return list(zip(*columns, strict=True))
