"""What a driver does beside training: one per study, and rungs that remember earlier runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ray.tune.schedulers import TrialScheduler
from rich.console import Console

from ganstudy.study.driver import tuner
from ganstudy.study.driver.driver_lock import only_driver
from ganstudy.study.driver.progress import RunProgress
from ganstudy.study.driver.run import run
from ganstudy.study.driver.run_context import RunContext
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home, StudyFolder
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.ledger.storage import backup_path
from ganstudy.study.spec.reader import parse_document, parse_study
from ganstudy.study.tracking.outbox import END, Outbox
from ganstudy.study.tune.scheduler import replay, scheduler, score
from ganstudy.study.tune.searcher import LedgerSearcher
from ganstudy.study.tune.stopping import StopRequest
from ganstudy.study.tune.trial_task import REPORT, TASK, StepReport
from ganstudy.trials.results.records import TrialState


def outcome(objective: float | None, finished: bool = True) -> Outcome:
    counters = {"updates": 10.0, "seconds": 1.0}
    return Outcome(finished, objective, 20.0, {"unsettled": 3}, counters)


def reported(outcome: Outcome) -> dict[str, StepReport]:
    return {REPORT: StepReport(outcome)}


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


def test_a_run_copies_its_ledger_once_a_minute_over_all_its_stages(
    tmp_path: Path, small_study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One backup goes round: one of each stage would copy again as soon as a stage begins."""
    text = small_study()
    context = RunContext(parse_study(text, "test.toml"), text, Home(tmp_path), Console())
    Ledger.create(context.folder.ledger, context.spec, text)
    context.backup.keep()
    copy = backup_path(context.folder.ledger)
    copy.unlink()
    monkeypatch.setattr(tuner.tune, "Tuner", _Tuner)
    monkeypatch.setattr(tuner.tune, "with_parameters", lambda trainable, **_: trainable)
    monkeypatch.setattr(tuner, "ConcurrencyLimit", lambda _: lambda: 1)
    for _ in range(2):
        stage = Ledger.open(context.folder.ledger).search
        with RunProgress(context.spec, stage, context.console) as progress:
            tuner.tune_stage(context, stage, TrivialFactory(), progress)
    assert not copy.exists(), "less than a minute ago"
    context.backup.keep(every=0)
    assert copy.exists()


def test_a_study_that_began_with_several_gpus_is_read_and_not_run(
    tmp_path: Path, small_study
) -> None:
    """Its ledger is older than the rule."""
    text = small_study()
    spec = parse_study(text, "test.toml")
    values = {**json.loads(spec.document), "resources": {"gpus": 2}}
    older = parse_document(json.dumps(values), "ledger")
    Ledger.create(Home(tmp_path).study("small").ledger, older, text)
    ledger = Ledger.open(Home(tmp_path).study("small").ledger)
    assert ledger.spec.resources.gpus == 2
    with pytest.raises(UserError, match=r"study\.toml: resources\.gpus: must be <= 1, got 2"):
        run(ledger.spec, ledger.text, Home(tmp_path))
    one = parse_study(text + "[resources]\ngpus = 1\n", "test.toml")
    assert Ledger.check_same(Home(tmp_path).study("small").ledger, one) is not None, "the way out"


class TrivialFactory:
    def __call__(self, config: Any, shards: int) -> Any:
        raise AssertionError("nothing is trained here")


class _Tuner:
    """Takes Tune's place: one trial of the searcher begins and ends."""

    def __init__(self, trainable: Any, *, tune_config: Any, run_config: Any) -> None:
        self._searcher = tune_config.search_alg
        assert run_config.storage_filesystem is not None, "a path, and not an address"

    def fit(self) -> None:
        assert self._searcher.suggest("a") is not None
        self._searcher.on_trial_complete("a", reported(outcome(3.0)))


def test_no_more_trials_are_open_than_can_run(tmp_path: Path, small_study) -> None:
    searched = Searched(tmp_path, small_study())
    first, second = (searched.searcher.suggest(name) for name in "ab")
    assert (first[TASK].number, second[TASK].number) == (0, 1)
    assert searched.searcher.suggest("c") is None
    searched.searcher.on_trial_complete("a", reported(outcome(3.0)))
    assert searched.searcher.suggest("c")[TASK].number == 2


@pytest.mark.parametrize(
    ("result", "error", "state"),
    [
        (reported(outcome(3.0)), False, TrialState.COMPLETE),
        (reported(outcome(3.0, finished=False)), False, TrialState.PRUNED),
        (reported(outcome(None)), False, TrialState.COMPLETE),
        ({REPORT: StepReport(error="ValueError: no (x.py:1)")}, False, TrialState.FAILED),
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
    searched.searcher.on_trial_complete("a", reported(outcome(7.0, finished=False)))
    assert searched.ledger.search.intermediate_values(0) == {20: 7.0}


def test_interrupted_trials_go_first_and_their_evaluations_are_replayed(
    tmp_path: Path, small_study
) -> None:
    before = Searched(tmp_path, small_study())
    configs = [before.searcher.suggest(name) for name in "ab"]
    before.searcher.on_trial_result("a", reported(outcome(9.0, finished=False)))
    before.searcher.on_trial_complete("b", reported(outcome(5.0)))
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
