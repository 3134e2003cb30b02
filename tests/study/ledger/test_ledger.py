"""The ledger on a real SQLite file: draws, endings, the best, and what survives a restart."""

from __future__ import annotations

import json
import math
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from ganstudy.study.driver.status import study_status
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.ledger.packing import with_lanes
from ganstudy.study.spec.reader import parse_study
from ganstudy.trials.results.outlook import Outlook
from ganstudy.trials.results.records import TrialState as State

FILE = """
name = "s"
data = { name = "digits" }
objective = { OBJECTIVE }
[train]
budget = { updates = 100 }
evaluations = 2
[search]
sampler = "SAMPLER"
trials = 20
seed = 3
[search.space]
k = [0.5, 1, "1/3"]
lr_d = { low = 1e-4, high = 1e-2, log = true }
lr_g = 1e-3
width = { low = 4, high = 64 }
remedies = [[], ["historical_averaging"], ["minibatch_discrimination"]]
"historical_averaging.weight" = { low = 1e-3, high = 1.0, log = true }
"""
CONSTRAINTS = {"collapsed": 0.0, "cycling": 0.0, "diverged": 0.0}


def study_file(sampler: str = "tpe", objective: str = "") -> str:
    return FILE.replace("SAMPLER", sampler).replace("OBJECTIVE", objective)


def create(path: Path, text: str | None = None) -> Ledger:
    text = text or study_file()
    return Ledger.create(path, parse_study(text, "s.toml"), text)


def outcome(objective: float | None = 1.0, finished: bool = True, **verdicts: int) -> Outcome:
    counters = {"updates": 100.0, "seconds": 5.0}
    return Outcome(
        finished, objective, 100.0 if finished else 50.0, verdicts or {"converged": 3}, counters
    )


def stored(path: Path) -> list[FrozenTrial]:
    """What the file holds, as Optuna reads it."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    return optuna.load_study(study_name=None, storage=storage).get_trials()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return tmp_path / "studies" / "s" / "ledger.db"


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a new ledger, to be copied: making the tables takes longer than most tests."""
    folder = tmp_path_factory.mktemp("blank")
    create(folder / "ledger.db")
    return folder


@pytest.fixture
def ledger(path: Path, blank: Path) -> Ledger:
    shutil.copytree(blank, path.parent)
    return create(path)


def synthetic(number: int, params: dict[str, Any]) -> tuple[Outcome | None, str | None]:
    """How a trial ends, as a function of its draw alone: every kind of ending occurs."""
    badness = abs(math.log(params["lr_d"] / 1e-3)) + params["width"] / 64
    if number % 7 == 3:
        return None, "out of memory"
    if params["width"] > 50:
        return outcome(None, diverged=2, converged=1), None
    if badness > 2:
        return outcome(badness, finished=False), None
    return (outcome(badness, collapsed=3) if params["k"] == 0.5 else outcome(badness)), None


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_study_that_is_resumed_draws_what_it_would_have_drawn(
    sampler: str, tmp_path: Path
) -> None:
    """Two trials are open at any time; one ledger is closed and opened again before each step."""

    def search(path: Path, interrupted: bool) -> list[dict[str, Any]]:
        ledger, drawn, running = create(path, study_file(sampler)), [], []
        while ledger.search.remaining() or running:
            if interrupted:
                ledger = Ledger.open(path)
                assert ledger.search.interrupted() == running, (
                    "what was running goes on with the same parameters"
                )
            while ledger.search.remaining() and len(running) < 2:
                running.append(ledger.search.propose())
                drawn.append(running[-1][1])
            number, params = running.pop(0)
            ended, error = synthetic(number, params)
            if ended is not None:
                ledger.search.record_evaluation(number, ended.objective, ended.progress)
            ledger.search.record_end(number, ended, error)
        return drawn

    undisturbed = search(tmp_path / "a.db", interrupted=False)
    assert len(undisturbed) == 20
    assert undisturbed == search(tmp_path / "b.db", interrupted=True)
    assert len({params["lr_d"] for params in undisturbed}) == 20, (
        "the trials differ among themselves"
    )
    assert [trial.state for trial in stored(tmp_path / "a.db")] == [
        t.state for t in stored(tmp_path / "b.db")
    ]


@pytest.mark.parametrize(
    ("ended", "error", "state", "optunas", "value"),
    [
        (outcome(2.5), None, State.COMPLETE, TrialState.COMPLETE, 2.5),
        (outcome(2.5, finished=False), None, State.PRUNED, TrialState.PRUNED, None),
        (outcome(None, finished=False), None, State.PRUNED, TrialState.PRUNED, None),
        (outcome(None, diverged=3), None, State.COMPLETE, TrialState.COMPLETE, math.inf),
        (outcome(2.5), "out of memory", State.FAILED, TrialState.FAIL, None),
        (outcome(2.5, finished=False), "out of memory", State.FAILED, TrialState.FAIL, None),
        (None, "out of memory", State.FAILED, TrialState.FAIL, None),
        (None, None, State.FAILED, TrialState.FAIL, None),
    ],
)
@pytest.mark.parametrize("evaluated", [False, True])
def test_how_a_trial_ends(
    ended: Outcome | None,
    error: str | None,
    state: State,
    optunas: TrialState,
    value: float | None,
    evaluated: bool,
    ledger: Ledger,
    path: Path,
) -> None:
    number, params = ledger.search.propose()
    if evaluated:
        ledger.search.record_evaluation(number, 3.5, 50.0)
    assert ledger.search.record_end(number, ended, error) is state
    (trial,) = stored(path)
    assert trial.state == optunas
    # Optuna gives a pruned trial its latest intermediate value; it never counts as a complete one.
    assert trial.value == (
        3.5 if evaluated and value is None and optunas == TrialState.PRUNED else value
    )
    assert ledger.search.counts() == {**dict.fromkeys(State, 0), state: 1}
    (row,) = Ledger.open(path).trials()
    assert (row.number, row.state, row.params) == (number, state.value, params)
    assert row.objective == (ended.objective if ended else None)
    assert row.error == (error or (None if ended else "ended without an evaluation"))
    assert ledger.search.interrupted() == []


def test_a_trial_without_a_value_ends_at_the_wrong_side_of_a_maximum(path: Path) -> None:
    ledger = create(path, study_file(objective='maximize = "recall"'))
    ledger.search.record_end(ledger.search.propose()[0], outcome(None, diverged=3), None)
    assert [trial.value for trial in stored(path)] == [-math.inf]
    assert ledger.search.best() is None


def test_evaluations_are_kept_on_the_budgets_axis_and_missing_ones_left_out(
    ledger: Ledger, path: Path
) -> None:
    number, _ = ledger.search.propose()
    for objective, progress in ((9.0, 33.4), (None, 66.7), (7.0, 100.0)):
        ledger.search.record_evaluation(number, objective, progress)
    assert stored(path)[0].intermediate_values == {34: 9.0, 100: 7.0}


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([outcome(3.0), outcome(1.0), outcome(2.0)], 1),
        ([outcome(3.0), outcome(1.0, collapsed=1, converged=2), outcome(2.0)], 2),
        ([outcome(3.0), outcome(1.0, cycling=3), outcome(2.0, diverged=1, converged=2)], 0),
        ([outcome(3.0), outcome(1.0, unsettled=3)], 1),
        ([outcome(3.0), outcome(1.0, finished=False)], 0),
        ([outcome(2.0), outcome(2.0)], 0),
        ([outcome(0.0), outcome(-1.0)], 1),
        ([outcome(None), outcome(5.0)], 1),
        ([outcome(None)], None),
        ([outcome(1.0, collapsed=1)], None),
        ([], None),
    ],
)
def test_the_best(
    outcomes: list[Outcome], expected: int | None, ledger: Ledger, path: Path
) -> None:
    for ended in outcomes:
        ledger.search.record_end(ledger.search.propose()[0], ended, None)
    ledger.search.propose()
    best = Ledger.open(path).search.best()
    assert (None if best is None else best.number) == expected
    feasible = [
        ended.feasible(ledger.spec.objective.require)
        for ended in outcomes
        if ended.objective is not None
    ]
    told = [row.feasible for row in ledger.trials() if row.objective is not None]
    assert told == feasible, "the ledger and the outcome agree"


def test_the_best_of_a_maximum(path: Path) -> None:
    ledger = create(path, study_file(objective='maximize = "recall"'))
    for ended in (
        outcome(0.2),
        outcome(0.9, collapsed=1),
        outcome(0.5),
        outcome(None),
        outcome(0.99, finished=False),
    ):
        ledger.search.record_end(ledger.search.propose()[0], ended, None)
    best = ledger.search.best()
    assert best is not None and (best.number, best.objective) == (2, 0.5)


def test_allowed_collapses_do_not_disqualify(path: Path) -> None:
    ledger = create(path, study_file(objective="require = { collapsed = 1 }"))
    ledger.search.record_end(
        ledger.search.propose()[0], outcome(1.0, collapsed=2, converged=1), None
    )
    ledger.search.record_end(
        ledger.search.propose()[0], outcome(2.0, collapsed=1, converged=2), None
    )
    best = ledger.search.best()
    assert best is not None and best.number == 1
    expected = [{**CONSTRAINTS, "collapsed": excess, "cycling": 0.0} for excess in (1.0, 0.0)]
    assert [trial.constraints for trial in stored(path)] == expected, (
        "where Optuna's samplers look for them"
    )


def test_pruned_trials_tell_the_sampler_of_their_collapse(ledger: Ledger, path: Path) -> None:
    ledger.search.record_end(
        ledger.search.propose()[0], outcome(1.0, finished=False, collapsed=2), None
    )
    assert stored(path)[0].constraints == {**CONSTRAINTS, "collapsed": 2.0}


def test_the_sampler_keeps_away_from_what_collapses(tmp_path: Path) -> None:
    """Widths below 32 have the better values, but collapse; the best of the others is 56."""
    text = study_file().replace("trials = 20", "trials = 40")

    def late_narrow(path: Path, narrow: dict[str, int]) -> int:
        ledger, widths = create(path, text), []
        while ledger.search.remaining():
            number, params = ledger.search.propose()
            width = params["width"]
            widths.append(width)
            ended = (
                outcome(abs(width - 16), **narrow)
                if width < 32
                else outcome(100 + abs(width - 56), converged=3)
            )
            ledger.search.record_end(number, ended, None)
        return sum(width < 32 for width in widths[-15:])

    assert late_narrow(tmp_path / "tempted.db", {"converged": 3}) >= 13
    assert late_narrow(tmp_path / "warned.db", {"collapsed": 3}) <= 3


def test_a_grid_is_drawn_to_its_last_point_each_point_once(path: Path) -> None:
    """Optuna's own grid sampler wants to stop a loop at the last point, which the driver does not have."""
    text = (
        study_file("grid").split("[search.space]")[0]
        + "[search.space]\nk = [1, 2, 3]\nlr_d = [1e-3, 1e-4]\n"
    )
    ledger = create(path, text.replace("trials = 20", "trials = 6"))
    drawn = []
    while ledger.search.remaining():
        number, params = ledger.search.propose()
        drawn.append((params["k"], params["lr_d"]))
        ledger.search.record_end(number, outcome(), None)
    assert sorted(drawn) == [(k, lr_d) for k in (1, 2, 3) for lr_d in (1e-4, 1e-3)]
    assert ledger.search.counts()["complete"] == 6


def test_interrupted_trials_come_back_in_order_and_count_as_proposed(
    ledger: Ledger, path: Path
) -> None:
    proposed = [ledger.search.propose() for _ in range(4)]
    ledger.search.record_end(1, outcome(), None)
    again = Ledger.open(path)
    assert again.search.interrupted() == [proposed[0], proposed[2], proposed[3]]
    assert again.search.remaining() == 16
    assert again.search.counts() == {"running": 3, "complete": 1, "pruned": 0, "failed": 0}
    assert proposed[0][1]["lr_g"] == 1e-3, "a fixed value comes back though Optuna never saw it"


def test_a_trial_that_was_never_fully_drawn_does_not_train_with_defaults(path: Path) -> None:
    ledger = create(path)
    ledger._study.ask()  # killed here
    again = Ledger.open(path)
    for _, params in again.search.interrupted():
        assert {"k", "lr_d", "lr_g", "width", "remedies"} <= set(params)


def test_a_different_file_is_refused_with_every_difference(ledger: Ledger, path: Path) -> None:
    changed = study_file().replace("seed = 3", "seed = 4").replace("high = 1e-2", "high = 1e-1")
    with pytest.raises(UserError) as caught:
        create(path, changed)
    message = str(caught.value)
    assert "'s' exists already" in message and "study.toml" in message and "another name" in message
    assert "search.seed: 3 -> 4" in message
    assert "search.space.lr_d.high: 0.01 -> 0.1" in message
    assert len([line for line in message.splitlines() if "->" in line]) == 2
    assert Ledger.open(path).spec.search.seed == 3, "nothing has changed"


def test_more_trials_may_be_asked_for(ledger: Ledger, path: Path) -> None:
    first = ledger.search.propose()
    more = create(path, study_file().replace("trials = 20", "trials = 30"))
    assert (more.search.remaining(), more.search.interrupted()) == (29, [first])
    with pytest.raises(UserError, match=r"search.trials: 30 -> 20 \(it may be raised only\)"):
        create(path, study_file())


MARGIN = "margin = 0.15"


@pytest.mark.parametrize(
    ("began", "now"),
    [("", MARGIN), (MARGIN, ""), (MARGIN, "margin = 0.2"), (MARGIN, "margin = 0.1")],
)
def test_a_margin_is_stated_before_the_first_trial(path: Path, began: str, now: str) -> None:
    """Beside results it would be chosen for them."""
    create(path, study_file(objective=began))
    create(path, study_file(objective=now))
    assert Ledger.open(path).spec == with_lanes(parse_study(study_file(objective=now), "s.toml")), (
        "no trial yet"
    )
    create(path, study_file(objective=began)).search.propose()
    with pytest.raises(UserError, match=r"objective\.margin: .+ -> .+ \(it must be stated before"):
        create(path, study_file(objective=now))
    create(path, study_file(objective=began))


def test_a_study_from_before_there_were_margins_goes_on(ledger: Ledger, path: Path) -> None:
    ledger.search.propose()
    document = json.loads(ledger.spec.document)
    assert "margin" not in document["objective"] and Ledger.open(path).spec.objective.margin is None
    assert create(path).search.remaining() == 19


def test_more_trials_are_remembered(ledger: Ledger, path: Path) -> None:
    create(path, study_file().replace("trials = 20", "trials = 30"))
    assert Ledger.open(path).search.remaining() == 30


def test_run_ids_survive(ledger: Ledger, path: Path) -> None:
    assert ledger.run_ids() == {} and ledger.parent_run_id is None
    number, _ = ledger.search.propose()
    ledger.search.record_end(number, outcome(), None)
    ledger.set_run_id(number, "abc")  # results may arrive after the trial has ended
    ledger.set_run_id(12, "def")
    ledger.parent_run_id = "parent"
    again = Ledger.open(path)
    assert again.run_ids() == {0: "abc", 12: "def"} and again.parent_run_id == "parent"
    assert [row.run_id for row in again.trials()] == ["abc"]


def test_time_per_update_is_that_of_all_trials_together(ledger: Ledger) -> None:
    assert ledger.search.seconds_per_update() is None
    for number, (updates, seconds) in enumerate([(0, 0.0), (100, 1.0), (300, 7.0)]):
        ledger.search.propose()
        ended = Outcome(True, 1.0, 100.0, {}, {"updates": updates, "seconds": seconds})
        if number == 1:
            assert ledger.search.seconds_per_update() is None, "no update has been timed yet"
        ledger.search.record_end(number, ended, None)
    ledger.search.propose()
    assert ledger.search.seconds_per_update() == pytest.approx(8.0 / 400)


def test_summary_is_plain_json_and_adds_up(tmp_path: Path) -> None:
    home = Home(tmp_path)
    ledger = create(home.study("s").ledger)
    endings: list[tuple[Outcome | None, str | None]] = [
        (outcome(2.0), None),
        (outcome(None, diverged=3), None),
        (outcome(1.0, collapsed=2, converged=1), None),
        (outcome(4.0, finished=False, unsettled=3), None),
        (None, "out of memory"),
    ]
    for ended, error in endings:
        ledger.search.record_end(ledger.search.propose()[0], ended, error)
    ledger.search.propose()
    ledger.set_run_id(0, "abc")
    for with_trials in (False, True):
        # allow_nan: an infinite value would be no JSON that others can read.
        found = json.loads(
            json.dumps(study_status(home, "s", with_trials).to_json(), allow_nan=False)
        )
        assert found["trials"] == {"running": 1, "complete": 3, "pruned": 1, "failed": 1}
        assert (found["planned"], found["left"]) == (20, 15)
        assert found["seeds"] == {"converged": 4, "diverged": 3, "collapsed": 2, "unsettled": 3}
        assert (found["best"]["number"], found["best"]["value"], found["best"]["run_id"]) == (
            0,
            2.0,
            "abc",
        )
        assert found["best"]["params"] == ledger.trials()[0].params
        assert found["paths"]["report"] is None
    assert [row["state"] for row in found["trial_list"]] == [
        *("complete", "complete", "complete", "pruned", "failed", "running")
    ]
    assert [row["feasible"] for row in found["trial_list"][:3]] == [True, False, False]


def test_summary_before_the_first_trial(tmp_path: Path) -> None:
    home = Home(tmp_path)
    create(home.study("s").ledger)
    found = study_status(home, "s", with_trials=True).to_json()
    assert (found["best"], found["left"], found["seeds"], found["trial_list"]) == (None, 20, {}, [])


def test_a_promise_is_kept_once_and_breaks_do_not_count(tmp_path: Path) -> None:
    """Two drivers, an hour apart: a minute to the first one's last trial, and half of the second's."""
    ledger = create(tmp_path / "ledger.db")
    assert (ledger.outlook, ledger.seconds_taken) == (None, None)
    promised = Outlook(0.8, "ratio", "assumed", (), 20, (60.0, 90.0))
    begun = datetime(2026, 7, 11, 12, 0)
    ledger.record_start(begun, lambda: promised)
    assert ledger.seconds_taken is None
    study = ledger._study
    for minutes in (0.5, 1.0, 61.5):
        end = begun + timedelta(minutes=minutes)
        trial = optuna.trial.create_trial(value=1.0)
        trial.datetime_complete = end
        study.add_trial(trial)
    ledger.record_start(begun + timedelta(hours=1), lambda: pytest.fail("asked again"))
    again = Ledger.open(tmp_path / "ledger.db")
    assert again.outlook == promised and again.seconds_taken == pytest.approx(60 + 90)


def test_a_study_that_began_without_a_promise_gets_none_later(tmp_path: Path) -> None:
    ledger = create(tmp_path / "ledger.db")
    ledger.search.propose()
    ledger.record_start(datetime(2026, 7, 11), lambda: pytest.fail("asked"))
    assert ledger.outlook is None
