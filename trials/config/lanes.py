"""Which configurations may be trained as one pack, and what may differ between its lanes.

A lane is one configuration on one seed. The lanes of a pack are slices of the same tensors, so that
their configurations have one structure: all is equal but for their seeds and the options that are
declared as `LaneNumber`, which enter the training as one number per lane.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ganstudy.trials.config.base import StrictModel, is_per_lane
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.documents import JsonObject

Path = tuple[str, ...]
"""Names of the fields that lead to an option: ("remedy_options", "lecam", "weight")."""


def structure_of(config: TrialConfig) -> str:
    """Return what all lanes of a pack have in common, as text.

    Configurations with equal texts may be trained as one pack.
    """
    values: JsonObject = config.model_dump(mode="json", exclude={"seeds"})
    # A budget of seconds is spent by the whole pack: a lane would get fewer steps than alone.
    if config.budget.unit == "seconds":
        return json.dumps([values, config.seeds], sort_keys=True)
    for path in lane_numbers(config):
        *parents, name = path
        table = values
        for parent in parents:
            table = table[parent]
        del table[name]
    return json.dumps(values, sort_keys=True)


def lane_numbers(config: TrialConfig) -> list[Path]:
    """Return the options of `config` that may differ between the lanes of a pack."""
    return list(_below(config, ()))


def _below(options: StrictModel, path: Path) -> Iterator[Path]:
    for name in type(options).model_fields:
        value = getattr(options, name)
        if is_per_lane(type(options), name):
            yield (*path, name)
        elif isinstance(value, StrictModel):
            yield from _below(value, (*path, name))
        elif isinstance(value, dict):
            for key, held in value.items():
                if isinstance(held, StrictModel):
                    yield from _below(held, (*path, name, key))


def check_fusable(configs: Sequence[TrialConfig]) -> None:
    """Raise ValueError where `configs` cannot be trained as one pack."""
    if not configs:
        raise ValueError("a pack needs at least one configuration")
    first = configs[0]
    for other in configs[1:]:
        if structure_of(other) == structure_of(first):
            continue
        if first.budget.unit == "seconds" and other.budget.unit == "seconds":
            raise ValueError(
                "configurations with a budget of seconds cannot be trained as one pack, which "
                "spends the time of all: take a budget of steps or images"
            )
        raise ValueError(
            f"configurations {first.digest} and {other.digest} differ in more than numbers, and "
            "cannot be trained as one pack"
        )


def together(configs: Sequence[TrialConfig]) -> TrialConfig:
    """Return what the lanes of `configs` have in common, with the seeds of all lanes.

    The first configuration's seeds come first. The other numbers per lane are those of the first.

    Raises ValueError where the configurations have more than one structure.
    """
    check_fusable(configs)
    if len(configs) == 1:
        return configs[0]
    seeds = tuple(seed for config in configs for seed in config.seeds)
    return configs[0].model_copy(update={"seeds": seeds})
