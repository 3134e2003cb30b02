"""What a study will cost in trials and steps, and what its file says that never acts."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left

from ganstudy.study.ledger.confirm_selection import max_trials
from ganstudy.study.outlook.confirm_notes import confirm_notes
from ganstudy.study.spec.design_plan import (
    factors,
    num_combinations,
    num_points,
    planned_fraction,
    planned_trials,
)
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config.k_ratio import Schedule, as_schedule
from ganstudy.trials.config.trial import TrainingSettings


def cost_lines(spec: StudySpec) -> list[str]:
    """Return trials and updates in lines; study/outlook/time_estimate.py has the time."""
    return [*_search_lines(spec), *_dormant_lines(spec), *_confirm_lines(spec)]


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
    steps = [_discriminator_steps(k, batch, spec.train) for k, batch in _ratios_and_batches(spec)]
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


def _confirm_lines(spec: StudySpec) -> list[str]:
    if spec.confirm is None:
        return [
            "no confirm stage: the search's own figures are quoted, which flatter what it chose ([confirm])"
        ]
    # All trials to the end: the confirm stage stops none early.
    trials, seeds, budget = max_trials(spec), len(spec.confirm.seeds), spec.train.budget
    unit = budget.unit.replace("_", " ")
    search = (planned_trials(spec) + spec.search.trials) * len(spec.train.seeds)
    return [
        *confirm_notes(spec),
        f"confirm: then up to {trials} trials x {seeds} fresh seeds, each to the end of {budget.amount:g} {unit}: "
        f"{trials * seeds} trainings, where the search has {'up to ' if spec.schedule.name == 'asha' else ''}{search}",
    ]


def _design_lines(spec: StudySpec) -> list[str]:
    design, trials = spec.design, planned_trials(spec)
    if design is None:
        return []
    points = num_points(spec)
    unit = spec.train.budget.unit.replace("_", " ")
    lines = [
        f"design: {trials} trials ({trials // points} combinations at {points} "
        f"point{'s' if points > 1 else ''}) x {len(spec.train.seeds)} seeds, each to "
        f"{design.at * spec.train.budget.amount:g} {unit}"
    ]
    if design.promote is not None:
        lines[0] += f"; the best {design.promote} go on to {spec.train.budget.amount:g}"
    return [*lines, *_fraction_lines(spec)]


def _fraction_lines(spec: StudySpec) -> list[str]:
    """Say what a fraction of the combinations leaves out, and what it confounds."""
    fraction = planned_fraction(spec)
    if fraction is None:
        return []
    crossed, shortest = factors(spec), len(fraction.words[0])
    words = [
        " x ".join(crossed[i] for i in word) for word in fraction.words if len(word) == shortest
    ]
    parts = "; ".join(words)
    return [
        f"fraction: a point trains one in {fraction.share} of the {num_combinations(spec)} combinations, other "
        "points the others, all equally often; effects of factors are not confounded with one another, but within "
        f"a point with interactions (in {parts}, each factor with that of the others): this cancels over the "
        "points and widens the intervals; interactions are not estimated"
    ]


def _search_lines(spec: StudySpec) -> list[str]:
    budget, train, trials = spec.train.budget, spec.train, spec.search.trials
    unit = budget.unit.replace("_", " ")
    lines = _design_lines(spec)
    if trials:
        lines.append(
            f"{trials} trials x {len(train.seeds)} seeds, each up to {budget.amount:g} {unit} "
            f"with {train.evaluations} evaluations"
        )
    if spec.schedule.name == "asha" and trials:
        at = ", ".join(f"{stop:g}" for stop in stops(spec))
        lines.append(f"asha may stop a trial early, at {at} {unit}")
    if budget.unit == "seconds" or spec.has_training_function:
        return lines
    fewest, largest = _updates(spec)
    span = f"{largest:,.0f}" if fewest == largest else f"{fewest:,.0f} to {largest:,.0f}"
    lines.append(f"{span} updates of either player per trial, for all its seeds together")
    return lines


def stops(spec: StudySpec) -> list[float]:
    """Return where asha can stop a trial: at the first evaluation at or after each rung.

    The last rung, at the end of the budget, stops nothing.
    """
    distance = spec.train.budget.amount / spec.train.evaluations
    # Rounding must not move a rung that lies on an evaluation to the next one.
    indices = {math.ceil(rung / distance - 1e-9) for rung in spec.rungs()}
    return [index * distance for index in sorted(indices) if index < spec.train.evaluations]


def _updates(spec: StudySpec) -> tuple[float, float]:
    """Return the fewest and the most updates of a trial, over the ends of k and of the batch size."""
    updates = [
        sum(steps_of(spec.train.model_copy(update={"k": k, "batch_size": batch})))
        for k, batch in _ratios_and_batches(spec)
    ]
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


def steps_of(config: TrainingSettings) -> tuple[float, float]:
    """Return (discriminator, generator) steps of a trial; of a budget that counts steps or images."""
    amount, unit, k = config.budget.amount, config.budget.unit, as_schedule(config.k)
    if config.method != "gan":
        return 0.0, amount / config.batch_size if unit == "images" else amount
    discriminator = _discriminator_steps(k, config.batch_size, config)
    if unit == "generator_steps":
        return discriminator, amount
    if unit == "updates":
        return discriminator, amount - discriminator
    return discriminator, k.generator_steps_beside(discriminator)


def _discriminator_steps(k: Schedule, batch_size: int, train: TrainingSettings) -> float:
    amount, unit = train.budget.amount, train.budget.unit
    if unit == "generator_steps":
        return k.discriminator_steps_due(math.ceil(amount))
    if unit == "updates":
        # The schedule has no inverse in closed form: search for the number of discriminator steps
        # that uses the budget together with the generator steps beside it.
        return bisect_left(
            range(math.ceil(amount)), amount, key=lambda d: d + k.generator_steps_beside(d)
        )
    return amount / batch_size if unit == "images" else amount
