"""Estimate of what a study will cost: trials, updates, and time if an earlier study measured it."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left

from ganstudy.study.driver.confirm_notes import confirm_notes
from ganstudy.study.driver.duration import format_duration
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home
from ganstudy.study.ledger.confirm_selection import max_trials
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config.k_ratio import Schedule, as_schedule


def cost_lines(spec: StudySpec, home: Home) -> list[str]:
    """Return the estimate in lines: trials and updates exactly, time as studies under `home` took."""
    return [*_search_lines(spec, home), *_dormant_lines(spec), *_confirm_lines(spec, home)]


def _dormant_lines(spec: StudySpec) -> list[str]:
    """Warn of remedies that would start to act only after the budget is spent."""
    if spec.train.budget.unit == "seconds":
        return []
    options = {
        name: options
        for config in spec.distinct_architectures()
        for name, options in config.remedy_options.items()
    }
    lines = []
    for name, found in options.items():
        if found.sets_in_after is not None:
            key = f"{name}.{found.sets_in_after}"
            searched = key in spec.space.domains
            fixed = getattr(found, found.sets_in_after)
            starts = spec.space.boundary_values(key) if searched else [fixed]
            lines += _dormant_line(key, min(starts), max(starts), spec)
    return lines


def _dormant_line(key: str, earliest: int, latest: int, spec: StudySpec) -> list[str]:
    """Warn if a trial may end before the discriminator step at which a remedy sets in."""
    name = key.split(".")[0]
    # At the ends of the space, where both are smallest and largest.
    steps = [_discriminator_steps(k, batch, spec) for k, batch in _ratios_and_batches(spec)]
    if earliest >= max(steps):
        return [
            f"{name} never acts: it sets in after {earliest:,.0f} discriminator steps, "
            f"and a trial has at most {max(steps):,.0f} ({key})"
        ]
    if latest >= min(steps):
        return [
            f"{name} never acts in some trials: it sets in after up to {latest:,.0f} "
            f"discriminator steps, and a trial may have as few as {min(steps):,.0f} ({key})"
        ]
    return []


def _confirm_lines(spec: StudySpec, home: Home) -> list[str]:
    if spec.confirm is None:
        return [
            "no confirm stage: the report quotes the search's own figures, which flatter what it chose ([confirm])"
        ]
    # All trials to the end: the confirm stage stops none early.
    trials, seeds, budget = max_trials(spec), len(spec.confirm.seeds), spec.train.budget
    unit = budget.unit.replace("_", " ")
    search = spec.search.trials * len(spec.train.seeds)
    lines = confirm_notes(spec)
    lines += [
        f"confirm: then up to {trials} trials x {seeds} fresh seeds, each to the end of {budget.amount:g} {unit}: "
        f"{trials * seeds} trainings, where the search has {'up to ' if spec.schedule.name == 'asha' else ''}{search}"
    ]
    if budget.unit == "seconds":
        at_most = format_duration(trials * budget.amount)
        lines.append(f"confirm: at most {at_most} of training time on one slot")
        return lines
    measured = _seconds_per_update(spec, home, seeds)
    if measured is not None:
        low, high = (format_duration(trials * updates * measured) for updates in _updates(spec))
        lines.append(f"confirm: {low} to {high} of training time on one slot")
    return lines


def _search_lines(spec: StudySpec, home: Home) -> list[str]:
    budget, train, trials = spec.train.budget, spec.train, spec.search.trials
    unit = budget.unit.replace("_", " ")
    lines = [
        f"{trials} trials x {len(train.seeds)} seeds, each up to {budget.amount:g} {unit} "
        f"with {train.evaluations} evaluations",
    ]
    if spec.schedule.name == "asha":
        stops = ", ".join(f"{stop:g}" for stop in _stops(spec))
        lines.append(f"asha may stop a trial early, at {stops} {unit}")
    if budget.unit == "seconds":
        lines.append(
            f"training time: at most {format_duration(trials * budget.amount)} on one slot"
        )
        return lines
    fewest, largest = _updates(spec)
    span = f"{largest:,.0f}" if fewest == largest else f"{fewest:,.0f} to {largest:,.0f}"
    lines.append(f"{span} updates of either player per trial, for all its seeds together")
    measured = _seconds_per_update(spec, home, len(train.seeds))
    if measured is None:
        lines.append("time: not known before a study of this data and model has run here")
    else:
        low, high = (format_duration(trials * updates * measured) for updates in (fewest, largest))
        lines.append(
            f"training time without early stops: {low} to {high} on one slot "
            f"(measured here: {1000 * measured:.2g} ms per update)"
        )
    return lines


def _stops(spec: StudySpec) -> list[float]:
    """Return where asha can stop a trial: at the first evaluation at or after each rung.

    The last rung, at the end of the budget, stops nothing.
    """
    distance = spec.train.budget.amount / spec.train.evaluations
    # Rounding must not move a rung that lies on an evaluation to the next one.
    indices = {math.ceil(rung / distance - 1e-9) for rung in spec.rungs()}
    return [index * distance for index in sorted(indices) if index < spec.train.evaluations]


def _updates(spec: StudySpec) -> tuple[float, float]:
    """Return the fewest and the most updates of a trial, over the ends of k and of the batch size."""
    updates = [_updates_at(k, batch, spec) for k, batch in _ratios_and_batches(spec)]
    return min(updates), max(updates)


def _ratios_and_batches(spec: StudySpec) -> list[tuple[Schedule, int]]:
    """Return every combination of the ends of k and of the batch size in the search space."""
    space = spec.space
    ratios = space.boundary_values("k") if "k" in space.domains else [spec.train.k]
    batches = (
        space.boundary_values("batch_size")
        if "batch_size" in space.domains
        else [spec.train.batch_size]
    )
    return list(itertools.product(map(as_schedule, ratios), batches))


def _discriminator_steps(k: Schedule, batch_size: int, spec: StudySpec) -> float:
    amount, unit = spec.train.budget.amount, spec.train.budget.unit
    if unit == "generator_steps":
        return k.discriminator_steps_due(math.ceil(amount))
    if unit == "updates":
        # The schedule has no inverse in closed form: search for the number of discriminator steps
        # that uses the budget together with the generator steps beside it.
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
    """Return the mean over all stages under `home` with the same data, model and number of seeds."""
    measured = []
    # Ensembles of another number of seeds take another time per update, so they are left out.
    for name in home.names():
        try:
            ledger = Ledger.open(home.study(name).ledger)
        except UserError:
            continue
        found = ledger.spec
        if (found.data, found.model) != (spec.data, spec.model):
            continue
        if len(found.train.seeds) == seeds:
            measured.append(ledger.search.seconds_per_update())
        confirmation = ledger.confirm
        if found.confirm is not None and confirmation and len(found.confirm.seeds) == seeds:
            measured.append(confirmation.seconds_per_update())
    seconds = [value for value in measured if value is not None]
    return sum(seconds) / len(seconds) if seconds else None
