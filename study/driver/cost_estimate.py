"""What a study will cost, as far as it can be said beforehand."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left

from ganstudy.study.errors import UserError
from ganstudy.study.home import Home
from ganstudy.study.ledger.confirm_selection import max_trials
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config.k_ratio import Schedule, as_schedule
from ganstudy.trials.config.remedies import LeCamOptions


def cost_lines(spec: StudySpec, home: Home) -> list[str]:
    """Trials and steps, exactly; time, where an earlier study under `home` has measured it."""
    return [*_search_lines(spec, home), *_dormant_lines(spec), *_confirm_lines(spec, home)]


def _dormant_lines(spec: StudySpec) -> list[str]:
    """Whether lecam would set in after the budget is spent, and so never act."""
    using = [config for config in spec.distinct_architectures() if "lecam" in config.remedies]
    if not using or spec.train.budget.unit == "seconds":
        return []
    key = "lecam.start"
    lecam = using[0].remedy_options["lecam"]
    assert isinstance(lecam, LeCamOptions)
    starts = spec.space.boundary_values(key) if key in spec.space.domains else [lecam.start]
    steps = [_discriminator_steps(k, batch, spec) for k, batch in _ratios_and_batches(spec)]
    said = "lecam never acts{}: it sets in after {}{:,.0f} discriminator steps, and a trial {} {:,.0f} ({})"
    if min(starts) >= max(steps):
        return [said.format("", "", min(starts), "has at most", max(steps), key)]
    if max(starts) >= min(steps):
        return [
            said.format(
                " in some trials", "up to ", max(starts), "may have as few as", min(steps), key
            )
        ]
    return []


def _confirm_lines(spec: StudySpec, home: Home) -> list[str]:
    if spec.confirm is None:
        return [
            "no confirm stage: the report quotes the search's own figures, which flatter what it chose ([confirm])"
        ]
    trials, seeds, budget = max_trials(spec), len(spec.confirm.seeds), spec.train.budget
    search, confirm = spec.search.trials * len(spec.train.seeds), trials * seeds
    unit = budget.unit.replace("_", " ")
    lines = [
        f"confirm: then up to {trials} trials x {seeds} fresh seeds, each to the end of {budget.amount:g} {unit}: "
        f"{confirm} trainings, where the search has {'up to ' if spec.schedule.name == 'asha' else ''}{search}"
    ]
    if budget.unit == "seconds":
        return [
            *lines,
            f"confirm: at most {_duration(trials * budget.amount)} of training time on one slot",
        ]
    measured = _seconds_per_update(spec, home, seeds)
    if measured is not None:
        low, high = (trials * updates * measured for updates in _updates(spec))
        lines.append(f"confirm: {_duration(low)} to {_duration(high)} of training time on one slot")
    return lines


def _search_lines(spec: StudySpec, home: Home) -> list[str]:
    budget, train = spec.train.budget, spec.train
    lines = [
        f"{spec.search.trials} trials x {len(train.seeds)} seeds, each up to {budget.amount:g} "
        f"{budget.unit.replace('_', ' ')} with {train.evaluations} evaluations",
    ]
    if spec.schedule.name == "asha":
        stops = ", ".join(f"{stop:g}" for stop in _stops(spec))
        lines.append(f"asha may stop a trial early, at {stops} {budget.unit.replace('_', ' ')}")
    if budget.unit == "seconds":
        lines.append(
            f"training time: at most {_duration(spec.search.trials * budget.amount)} on one slot"
        )
        return lines
    least, most = _updates(spec)
    span = f"{most:,.0f}" if least == most else f"{least:,.0f} to {most:,.0f}"
    lines.append(f"{span} updates of either player per trial, for all its seeds together")
    measured = _seconds_per_update(spec, home, len(train.seeds))
    if measured is None:
        lines.append("time: not known before a study of this data and model has run here")
    else:
        low, high = (spec.search.trials * updates * measured for updates in (least, most))
        lines.append(
            f"training time without early stops: {_duration(low)} to {_duration(high)} on one slot "
            f"(measured here: {1000 * measured:.2g} ms per update)"
        )
    return lines


def _stops(spec: StudySpec) -> list[float]:
    """Where asha can act: at the first evaluation at or after each rung, the end of the budget
    apart.
    """
    distance = spec.train.budget.amount / spec.train.evaluations
    indices = {math.ceil(rung / distance - 1e-9) for rung in spec.rungs()}
    return [index * distance for index in sorted(indices) if index < spec.train.evaluations]


def _updates(spec: StudySpec) -> tuple[float, float]:
    """(least, most) updates of one trial, over the smallest and largest k and batch size of the
    space.
    """
    updates = [_updates_at(k, batch, spec) for k, batch in _ratios_and_batches(spec)]
    return min(updates), max(updates)


def _ratios_and_batches(spec: StudySpec) -> list[tuple[Schedule, int]]:
    """The ends of k and of the batch size, in every combination."""
    space = spec.space
    schedules = [
        as_schedule(v)
        for v in (space.boundary_values("k") if "k" in space.domains else [spec.train.k])
    ]
    batches = (
        space.boundary_values("batch_size")
        if "batch_size" in space.domains
        else [spec.train.batch_size]
    )
    return list(itertools.product(schedules, batches))


def _discriminator_steps(k: Schedule, batch_size: int, spec: StudySpec) -> float:
    amount, unit = spec.train.budget.amount, spec.train.budget.unit
    if unit == "generator_steps":
        return k.discriminator_steps_due(math.ceil(amount))
    if unit == "updates":
        return bisect_left(
            range(math.ceil(amount)), amount, key=lambda d: d + k.generator_steps_beside(d)
        )
    return amount / batch_size if unit == "images" else amount


def _updates_at(k: Schedule, batch_size: int, spec: StudySpec) -> float:
    amount, unit = spec.train.budget.amount, spec.train.budget.unit
    if spec.train.method != "gan" or unit == "updates":
        return amount / batch_size if unit == "images" else amount
    if unit == "generator_steps":
        return amount + k.discriminator_steps_due(math.ceil(amount))
    discriminator_steps = amount / batch_size if unit == "images" else amount
    return discriminator_steps + k.generator_steps_beside(discriminator_steps)


def _seconds_per_update(spec: StudySpec, home: Home, seeds: int) -> float | None:
    """Mean over the studies under `home` with the same data and model, of the stages with so many
    seeds.
    """
    measured = []
    for name in home.names():
        try:
            ledger = Ledger.open(home.study(name).ledger)
        except UserError:
            continue
        if (ledger.spec.data, ledger.spec.model) != (spec.data, spec.model):
            continue
        of_seeds = (
            [ledger.search.seconds_per_update()] if len(ledger.spec.train.seeds) == seeds else []
        )
        confirmation = ledger.confirm
        if (
            ledger.spec.confirm is not None
            and confirmation
            and len(ledger.spec.confirm.seeds) == seeds
        ):
            of_seeds.append(confirmation.seconds_per_update())
        measured += [seconds for seconds in of_seeds if seconds is not None]
    return sum(measured) / len(measured) if measured else None


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
