"""What a study promised when it began, and the wall time that it has taken."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from datetime import datetime

import optuna

from ganstudy.trials.results.outlook import Outlook

OUTLOOK = "outlook"
"""Attribute of the Optuna study: its promise, as JSON; none in older ledgers."""
SESSION_PREFIX = "session/"
"""Attributes: when each driver of the study began."""


def record_start(
    study: optuna.Study, begun: datetime, outlook: Callable[[], Outlook | None] | None
) -> None:
    """Record that a driver began; before the first trial also what the study promises."""
    study.set_user_attr(f"{SESSION_PREFIX}{begun.isoformat()}", "")
    if outlook is None or OUTLOOK in study.user_attrs or study.get_trials(deepcopy=False):
        return
    promised = outlook()
    if promised is not None:
        study.set_user_attr(OUTLOOK, promised.as_text())


def recorded_outlook(study: optuna.Study) -> Outlook | None:
    """Return what the study promised; None where nobody kept that."""
    text = study.user_attrs.get(OUTLOOK)
    return None if text is None else Outlook.from_text(text)


def seconds_taken(study: optuna.Study, ends: Iterable[datetime]) -> float | None:
    """Return the wall time from the start of each driver to the last trial that ended under it.

    The time between drivers does not count, nor what one did after its last trial that ended.

    ends: of all trials that are over. None where no start is known.
    """
    starts = sorted(
        datetime.fromisoformat(key.removeprefix(SESSION_PREFIX))
        for key in study.user_attrs
        if key.startswith(SESSION_PREFIX)
    )
    last: dict[int, datetime] = {}
    for end in sorted(ends):
        if session := bisect_right(starts, end):
            last[session - 1] = end
    if not last:
        return None
    return sum((end - starts[session]).total_seconds() for session, end in last.items())
