"""Options that may differ between the lanes of a pack, read as one number for all or one per lane.

Where all lanes agree, the number is a float, and the arithmetic is that of a single configuration to
the bit. Where they differ, it is a tensor [S], computed in double precision and rounded once, as
torch rounds a float that meets a tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar

import torch
from torch import Tensor

from ganstudy.trials.config.base import ImplementedOptions, is_per_lane

Number = float | Tensor
"""One number for all lanes, or one per lane [S, 1, ...]."""
Made = TypeVar("Made", bound="HasLaneOptions")


def lane_number(values: Sequence[float], device: torch.device, axes: int = 0) -> Number:
    """Return one number per lane as it enters arithmetic with tensors [S, ...].

    axes: how many axes follow the lanes' own in what it meets.
    """
    if all(value == values[0] for value in values):
        return values[0]
    number = torch.tensor(values, dtype=torch.float64).to(torch.get_default_dtype())
    return number.to(device).reshape(-1, *[1] * axes)


class HasLaneOptions:
    """What has options: a loss, or a remedy. `options` are those of the first lane."""

    def __init__(self, options: ImplementedOptions) -> None:
        self.options = options
        self._of_lanes: tuple[Any, ...] = ()
        self._device = torch.device("cpu")
        self._numbers: dict[str, Number] = {}

    def with_lanes(self, of_lanes: Sequence[ImplementedOptions], device: torch.device) -> Self:
        """Take the options of every lane, which differ in lane numbers alone; return self."""
        if any(options != self.options for options in of_lanes):
            self._of_lanes = tuple(of_lanes)
            self._device = device
            # Now: a captured CUDA graph may not copy anything from the host.
            self._numbers = {
                name: lane_number([getattr(o, name) for o in of_lanes], device)
                for name in type(self.options).model_fields
                if is_per_lane(type(self.options), name)
            }
        return self

    def number(self, name: str, axes: int = 0) -> Number:
        """Return the option `name`, declared as a LaneNumber.

        axes: how many axes follow the lanes' own in what it meets: 0 for losses [S], 1 for outputs
        [S, B].
        """
        if not is_per_lane(type(self.options), name):
            raise TypeError(f"{type(self.options).__name__}.{name} is no LaneNumber")
        if not self._of_lanes:
            value: float = getattr(self.options, name)
            return value
        number = self._numbers[name]
        return number.reshape(-1, *[1] * axes) if isinstance(number, Tensor) else number

    def computed(self, function: Callable[[Any], float], axes: int = 0) -> Number:
        """Return a function of an option and of the step, such as a number that fades.

        function: of the options of one lane. Not for what a CUDA graph records.
        """
        if not self._of_lanes:
            return function(self.options)
        return lane_number([function(options) for options in self._of_lanes], self._device, axes)

    def part(self, kind: type[Made], options: Callable[[Any], ImplementedOptions]) -> Made:
        """Return a `kind` that belongs to this one, with options made of each lane's own."""
        of_lanes = [options(each) for each in self._of_lanes]
        return kind(options(self.options)).with_lanes(of_lanes, self._device)
