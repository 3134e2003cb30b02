"""What a driver does beside training: one per study, and rungs that remember earlier runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ray.tune.schedulers import TrialScheduler

from ganstudy.study.driver.driver_lock import only_driver
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home, StudyFolder
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.spec.reader import parse_study
from ganstudy.study.tracking.outbox import END, Outbox
from ganstudy.study.tune.scheduler import replay, scheduler, score
from ganstudy.study.tune.searcher import LedgerSearcher
from ganstudy.study.tune.stopping import StopRequest
from ganstudy.trials.results.records import TrialState


def outcome(objective: float | None, finished: bool = True) -> Outcome:
    counters = {"updates": 10.0, "seconds": 1.0}
    return Outcome(finished, objective, 20.0, {"unsettled": 3}, counters)


class Searched:
    """A searcher over a real ledger and outbox, with what its observer and its scheduler were given."""

    def __init__(self, folder: Path, text: str) -> None:
        spec = parse_study(text, "test.toml")
        self.ledger = Ledger.create(folder / "ledger.db", spec, text)
        self.outbox = Outbox(folder / "spool")
        self.observed: list[Any] = []
        self.replayed: dict[str, dict[int, float]] = {}
        self.searcher = LedgerSearcher(
            self.ledger.search,
            StudyFolder(folder),
            StopRequest(folder / "stop"),
            concurrent=lambda: 2,
            observe=lambda *change: self.observed.append(change),
            replay=self.replayed.__setitem__,
        )


def test_second_driver_is_refused_with_the_name_of_who_holds_the_study(tmp_path: Path) -> None:
    refused = pytest.raises(UserError, match=r"being run already \(host .*, process \d+, since")
    with only_driver(tmp_path, print), refused, only_driver(tmp_path, print):
        pass
    with only_driver(tmp_path, print):
        pass


def test_home_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="no folder that can be written"):
        Home(tmp_path / "file" / "home").check_writable()
    Home(tmp_path / "new" / "home").check_writable()
    assert not (tmp_path / "new").exists()


def test_no_more_trials_are_open_than_can_run(tmp_path: Path, small_study) -> None:
    searched = Searched(tmp_path, small_study())
    first, second = (searched.searcher.suggest(name) for name in "ab")
    assert (first["number"], second["number"]) == (0, 1)
    assert searched.searcher.suggest("c") is None
    searched.searcher.on_trial_complete("a", {"outcome": outcome(3.0)})
    assert searched.searcher.suggest("c")["number"] == 2


@pytest.mark.parametrize(
    ("result", "error", "state"),
    [
        ({"outcome": outcome(3.0)}, False, TrialState.COMPLETE),
        ({"outcome": outcome(3.0, finished=False)}, False, TrialState.PRUNED),
        ({"outcome": outcome(None)}, False, TrialState.COMPLETE),
        ({"error": "ValueError: no (x.py:1)"}, False, TrialState.FAILED),
        (None, True, TrialState.FAILED),
    ],
)
def test_every_end_reaches_ledger_outbox_and_observer_alike(
    tmp_path, small_study, result, error, state
) -> None:
    searched = Searched(tmp_path, small_study())
    searched.searcher.suggest("a")
    searched.searcher.on_trial_complete("a", result, error=error)
    ended = next(message for message in searched.outbox.pending() if message.order == END).read()
    ((number, observed, _, message),) = [
        change for change in searched.observed if change[1] is not TrialState.RUNNING
    ]
    (row,) = searched.ledger.trials()
    assert ended["state"] == row.state == observed.value == state.value and number == 0
    assert bool(row.error) == (state is TrialState.FAILED) == bool(message)


def test_the_last_evaluation_counts_though_tune_reports_it_only_at_the_end(
    tmp_path, small_study
) -> None:
    searched = Searched(tmp_path, small_study())
    searched.searcher.suggest("a")
    searched.searcher.on_trial_complete("a", {"outcome": outcome(7.0, finished=False)})
    assert searched.ledger.search.intermediate_values(0) == {20: 7.0}


def test_interrupted_trials_go_first_and_their_evaluations_are_replayed(
    tmp_path: Path, small_study
) -> None:
    before = Searched(tmp_path, small_study())
    configs = [before.searcher.suggest(name) for name in "ab"]
    before.searcher.on_trial_result("a", {"outcome": outcome(9.0, finished=False)})
    before.searcher.on_trial_complete("b", {"outcome": outcome(5.0)})
    after = Searched(tmp_path, small_study())
    assert after.searcher.total == 5
    assert after.replayed == {"earlier-1": {20: 5.0}}
    assert after.searcher.suggest("x") == configs[0]
    assert after.replayed["x"] == {20: 9.0}


def test_a_trial_is_judged_against_all_that_reached_its_rung_before(small_study) -> None:
    """Among good earlier trials a bad one stops, as it would have without the interruption."""
    spec = parse_study(small_study(steps=90), "test.toml")

    def decision(earlier: list[float]) -> str:
        asha = scheduler(spec)
        for index, value in enumerate(earlier):
            replay(asha, f"earlier-{index}", {10: value}, maximize=False)
        trial = type("Trial", (), {"trial_id": "new"})()
        asha.on_trial_add(None, trial)
        return asha.on_trial_result(None, trial, {"progress": 10, "score": score(100.0, False)})

    assert decision([]) == TrialScheduler.CONTINUE
    assert decision([1.0, 2.0, 3.0]) == TrialScheduler.STOP
    assert decision([200.0, 300.0, 400.0]) == TrialScheduler.CONTINUE
