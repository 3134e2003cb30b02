"""The stages of a study in order: the design, its promoted trials, the search, the confirm stage.

What comes next follows from the ledger alone, so that a study that is resumed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ganstudy.study.ledger.confirm_stage import ConfirmStage
from ganstudy.study.ledger.design_stage import DesignStage, PromotedStage
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.stage import StageTrials
from ganstudy.study.spec.design_plan import factors
from ganstudy.study.tracking.outbox import Outbox
from ganstudy.study.tune.stopping import StopRequest
from ganstudy.trials.results.records import TrialState, trial_name
from ganstudy.trials.results.roles import NEAREST

Say = Callable[[str], None]
"""Prints a line."""
NAMED = 6
"""Promoted trials that are named in one line, at most."""


def stages_in_order(
    ledger: Ledger, outbox: Outbox, stop: StopRequest, say: Say
) -> Iterator[StageTrials]:
    """Yield each stage once those before it are over, as long as nothing asks to stop."""
    # A generator, as what a stage has to do depends on what those before it have found by then.
    if ledger.design is not None:
        yield from _designed(ledger.design, ledger.promoted, outbox, say)
        if ledger.design.left() or stop.reason() is not None:
            return
        if ledger.search.remaining():
            say(f"search: {ledger.search.remaining()} more trials by {_sampler(ledger)}")
    yield ledger.search
    confirmation = ledger.confirm
    if confirmation is None or ledger.search.left() or stop.reason() is not None:
        return
    # The search may have gone on since these were confirmed, and changed their roles.
    for row in confirmation.rows():
        config = confirmation.config(row.params)
        place = confirmation.place(row.number)
        outbox.put_start(row.number, row.params, config, place)
    say(_confirming(confirmation))
    yield confirmation


def _designed(
    design: DesignStage, promoted: PromotedStage | None, outbox: Outbox, say: Say
) -> Iterator[StageTrials]:
    """Yield the design, then, once all its trials have been compared, the best of them."""
    if design.to_train():
        say(_designing(design))
        yield design
    if promoted is None or design.to_train():
        return
    new = design.promoted() is None
    numbers = design.promote()
    if new:
        say(_promoting(design, numbers))
    for number, outcome in design.stopped():
        feasible = outcome.feasible(design.spec.objective.require)
        # MLflow's copy first: killed in between, the trial ends once more, and is published once
        # more.
        outbox.put_end(number, TrialState.PRUNED, outcome, feasible, None)
        design.record_end(number, outcome, None)
    if promoted.to_train():
        yield promoted


def _sampler(ledger: Ledger) -> str:
    return ledger.spec.search.sampler


def _designing(design: DesignStage) -> str:
    spec = design.spec
    assert spec.design is not None
    budget = spec.train.budget
    amount = f"{budget.amount * spec.design.at:g}"
    if design.until is not None:
        amount += f" of {budget.amount:g}"
    return (
        f"design: {design.planned} trials, {', '.join(factors(spec))} crossed, each to {amount} "
        f"{budget.unit.replace('_', ' ')}"
    )


def _promoting(design: DesignStage, numbers: list[int]) -> str:
    if not numbers:
        return "nothing to promote: no trial of the design can go on"
    names = ", ".join(trial_name(number) for number in numbers[:NAMED])
    more = f" and {len(numbers) - NAMED} more" if len(numbers) > NAMED else ""
    return f"promoted: {len(numbers)} of {design.planned} go on to the end: {names}{more}"


def _confirming(confirmation: ConfirmStage) -> str:
    assert confirmation.spec.confirm is not None
    planned = confirmation.planned()
    if not planned:
        return "nothing to confirm: no trial of the search reached an evaluation"
    seeds = len(confirmation.spec.confirm.seeds)
    configurations = "1 configuration" if planned == 1 else f"{planned} configurations"
    text = f"confirming {configurations} on {seeds} fresh seeds each"
    if any(NEAREST in selected.roles for selected in confirmation.selected):
        text += " (no trial satisfied the constraints: the nearest one is confirmed instead of the best)"
    for number in confirmation.without_twin():
        text += f"\ntrial {number} has no twin, as it cannot do without its remedies: their effect is not estimated"
    return text
