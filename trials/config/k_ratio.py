"""k, discriminator steps per generator step.

It is a number, or several that each hold until a stated generator step.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, InstanceOf, PlainSerializer, WithJsonSchema

from ganstudy.trials.config.base import short_repr

MAX_RATIO = 1000
"""Largest k, and the inverse of the smallest; a guess at what nobody wants to exceed."""
# Twelve digits: Fraction takes any number of them, and every step would compute with all.
_NUMBER = re.compile(r"-?\d{1,12}(\.\d{1,12}|/\d{1,12})?")
_SEGMENT = re.compile(r"(?P<ratio>\S+) until (?P<until>[1-9]\d{0,8})")
_RULE = (
    "k must be a number from 1/1000 to 1000 or a fraction such as '1/3' "
    "(discriminator steps per generator step)"
)
_SCHEDULE_RULE = "a schedule of k reads '5 until 100 then 1' (generator steps, rising)"


def as_ratio(value: Any) -> Fraction:
    """Return a constant k as an exact fraction, from a number or text such as "1/3".

    Raise ValueError for anything else.
    """
    # bool is an int in Python: k = true would be 1.
    if isinstance(value, bool) or not isinstance(value, int | float | str | Fraction):
        raise ValueError(f"{_RULE}, got {short_repr(value)}")
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise ValueError(f"{_RULE}, got {short_repr(value)}")
    try:
        # By its decimal digits: Fraction(0.1) would be the nearest binary number, not 1/10.
        ratio = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{_RULE}, got {short_repr(value)}") from None
    if ratio <= 0:
        raise ValueError(
            "k must be > 0 (discriminator steps per generator step), got "
            f"k={short_repr(value).strip(chr(39))}"
        )
    if not Fraction(1, MAX_RATIO) <= ratio <= MAX_RATIO:
        raise ValueError(f"{_RULE}, got {short_repr(value)}")
    return ratio


@dataclass(frozen=True)
class Schedule:
    """Schedule of k over the generator steps.

    Equal schedules are equal objects, however they were written.
    """

    segments: tuple[tuple[int, Fraction], ...]
    """(until, ratio): the ratio holds up to and including generator step `until`, 1 being the
    first.
    """
    last: Fraction
    """The ratio after all segments."""

    def discriminator_steps_due(self, generator_step: int) -> int:
        """Return the discriminator steps that come before generator step `generator_step`.

        The first is 1. They are the sum of the ratios of steps 1..generator_step, rounded up; in
        integers throughout, so the ratio is exact over any number of steps. 2 gives D D G, 1/2
        gives D G G, 3/2 gives D D G D G.
        """
        due = Fraction(0)
        start = 0
        for until, ratio in self.segments:
            due += ratio * (min(until, generator_step) - start)
            start = until
            if generator_step <= until:
                return math.ceil(due)
        due += self.last * (generator_step - start)
        return math.ceil(due)

    def generator_steps_beside(self, discriminator_steps: float) -> float:
        """Return the generator steps that go with so many discriminator steps, without rounding."""
        left = discriminator_steps
        start = 0
        for until, ratio in self.segments:
            if left <= ratio * (until - start):
                return start + left / float(ratio)
            left -= float(ratio * (until - start))
            start = until
        return start + left / float(self.last)

    @property
    def shown(self) -> float | str:
        """Value that MLflow and the report show: a constant as a decimal number, a schedule as text."""
        # A number is what MLflow's charts and comparisons can order; "1/5" would be text to them.
        return str(self) if self.segments else float(self.last)

    def __str__(self) -> str:
        segments = "".join(f"{ratio} until {until} then " for until, ratio in self.segments)
        return f"{segments}{self.last}"


def as_schedule(value: Any) -> Schedule:
    """Return k as a Schedule, from what `as_ratio` takes or text like "5 until 100 then 1".

    Raise ValueError for anything else.
    """
    if isinstance(value, Schedule):
        return value
    if not (isinstance(value, str) and " " in value):
        return Schedule((), as_ratio(value))
    *parts, last = value.split(" then ")
    segments: list[tuple[int, Fraction]] = []
    for part in parts:
        match = _SEGMENT.fullmatch(part)
        if match is None or (segments and int(match["until"]) <= segments[-1][0]):
            raise ValueError(f"{_SCHEDULE_RULE}, got {short_repr(value)}")
        segments.append((int(match["until"]), as_ratio(match["ratio"])))
    if not segments or " " in last:
        raise ValueError(f"{_SCHEDULE_RULE}, got {short_repr(value)}")
    return _simplified(segments, as_ratio(last))


def schedule_of_text(text: str) -> Schedule:
    """Return k as a Schedule, from text as other programs write numbers too: ".5", "2e0".

    Raise ValueError as `as_schedule` does.
    """
    try:
        return as_schedule(float(text))
    except ValueError:
        return as_schedule(text)


def _simplified(segments: list[tuple[int, Fraction]], last: Fraction) -> Schedule:
    """Return the schedule without changes that change nothing."""
    # So that equal schedules are equal objects, and configurations with them have equal digests.
    kept: list[tuple[int, Fraction]] = []
    for until, ratio in segments:
        if kept and kept[-1][1] == ratio:
            kept.pop()
        kept.append((until, ratio))
    while kept and kept[-1][1] == last:
        kept.pop()
    return Schedule(tuple(kept), last)


Ratio = Annotated[
    InstanceOf[Schedule],
    BeforeValidator(as_schedule),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": ["number", "string"]}),
]
"""A TrialConfig's k; in JSON its canonical text."""
