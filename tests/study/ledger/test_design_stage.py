"""The design in a real ledger: its trials, the promotion, what the search learns, and restarts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from rich.console import Console

from ganstudy.study.driver.progress import RunProgress
from ganstudy.study.driver.stages import stages_in_order
from ganstudy.study.driver.status import study_status
from ganstudy.study.home import Home, StudyFolder
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.ledger.samplers import preview
from ganstudy.study.ledger.stage import StageTrials
from ganstudy.study.spec.design_plan import plan
from ganstudy.study.spec.reader import parse_study
from ganstudy.study.tracking.outbox import END, Outbox
from ganstudy.study.tune.searcher import LedgerSearcher
from ganstudy.study.tune.stopping import StopRequest
from ganstudy.study.tune.trial_task import REPORT, TASK, StepReport
from ganstudy.trials.results.records import Stage
from ganstudy.trials.results.records import TrialState as State

FILE = """
name = "s"
data = { name = "digits" }
objective = { require = { collapsed = 0 } }
[train]
budget = { updates = 100 }
evaluations = 5
[search]
trials = 4
seed = 3
[search.space]
k = [1, 2]
lr_d = { low = 1e-4, high = 1e-2, log = true }
width = { low = 4, high = 64 }
lr_g = 1e-3
remedies = [[], ["historical_averaging"]]
"historical_averaging.weight" = { low = 1e-3, high = 1.0, log = true }
[design]
points = 3
at = 0.4
promote = 3
"""
TO_THE_END = FILE.replace("at = 0.4\npromote = 3\n", "")
DESIGNED, STOP_AT, DIED, FAILED = 12, 40.0, 7, 5
"""Trials; one whose seeds all diverged before the comparison, and one that failed."""


def score(number: int) -> float:
    """The FID of a trial: in no order of the numbers."""
    return float((number * 7) % 13) + 1


def outcome(number: int, progress: float) -> Outcome:
    counters = {"updates": progress, "seconds": 1.0}
    if number == DIED:
        return Outcome(True, None, 20.0, {"diverged": 3}, counters)
    # The best by its score cannot win: it has collapsed.
    verdicts = {"collapsed": 1} if number == 0 else {"unsettled": 3}
    value = score(number) if progress < 100 else score(number) / 2
    return Outcome(progress >= 100, value, progress, verdicts, counters)


class Study:
    """A driver without Ray: it trains in the order of the proposals, and may die between two steps."""

    def __init__(self, folder: Path, text: str = FILE, lifetime: int | None = None) -> None:
        self.folder, self.text = folder, text
        self.steps, self.lifetime = 0, lifetime
        self.said: list[str] = []

    def ledger(self) -> Ledger:
        return Ledger.create(self.folder / "ledger.db", parse_study(self.text, "s.toml"), self.text)

    def run(self) -> Ledger:
        """Run to the end, in as many lives as it takes."""
        while True:
            ledger, stop = self.ledger(), StopRequest(self.folder / "stop")
            outbox = Outbox(self.folder / "spool")
            self.steps = 0
            try:
                for stage in stages_in_order(ledger, outbox, stop, self.said.append):
                    self.train(stage, stop)
                return ledger
            except KeyboardInterrupt:
                continue

    def train(self, stage: StageTrials, stop: StopRequest) -> None:
        progress = RunProgress(stage.spec, stage, Console(quiet=True))
        searcher = LedgerSearcher(
            stage,
            StudyFolder(self.folder),
            stop,
            concurrent=lambda: 2,
            observe=progress.observe,
            replay=lambda *_: None,
        )
        total = searcher.total
        for i in range(total):
            given: Any = searcher.suggest(f"t{i}")
            self.step()
            task = given[TASK]
            number = task.number
            if number == FAILED:
                searcher.on_trial_complete(f"t{i}", {REPORT: StepReport(error="out of memory")})
                continue
            until = 100.0 if task.until is None else 20.0 * task.until
            searcher.on_trial_complete(f"t{i}", {REPORT: StepReport(outcome(number, until))})
            self.step()
        assert searcher.suggest("last") == "FINISHED" and progress.done == total

    def step(self) -> None:
        self.steps += 1
        if self.lifetime is not None and self.steps >= self.lifetime:
            raise KeyboardInterrupt


def facts(ledger: Ledger) -> list[dict[str, Any]]:
    return [row.to_json() for row in ledger.trials()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Ledger]:
    study = Study(tmp_path_factory.mktemp("finished"))
    return study, study.run()


def test_the_design_is_trained_first_and_in_its_order(finished: tuple[Study, Ledger]) -> None:
    _, ledger = finished
    rows, planned = facts(ledger), plan(ledger.spec)
    assert [row["number"] for row in rows] == list(range(DESIGNED + 4))
    assert [(row.get("point"), row["params"]) for row in rows[:DESIGNED]] == [
        (trial.point, trial.params) for trial in planned
    ]
    assert {row["stage"] for row in rows[:DESIGNED]} == {"design"}
    assert not any("point" in row for row in rows[DESIGNED:])
    assert ledger.search.place(3).to_json() == {"stage": "design", "point": 0}
    assert ledger.search.place(DESIGNED).to_json() == {"stage": "search"}


def test_the_best_go_on_and_the_others_end_where_they_were_compared(
    finished: tuple[Study, Ledger],
) -> None:
    """By hand: the three best scores of those that are feasible, were trained and did not fail."""
    study, ledger = finished
    able = [n for n in range(DESIGNED) if n not in (0, DIED, FAILED)]
    best = sorted(able, key=score)[:3]
    assert ledger.design is not None and ledger.design.promoted() == best
    states = {row["number"]: row["state"] for row in facts(ledger)}
    for number in range(DESIGNED):
        expected = "complete" if number in (*best, DIED) else "pruned"
        assert states[number] == ("failed" if number == FAILED else expected), number
    rows = {row["number"]: row for row in facts(ledger)}
    assert all(rows[n]["objective"] == score(n) / (2 if n in best else 1) for n in able)
    assert [line.split(":")[0] for line in study.said] == ["design", "promoted", "search"]
    best_row = ledger.search.best()
    assert best_row is not None and best_row.state == "complete", "never one that was stopped"


def test_every_end_is_published_once_it_is_known(finished: tuple[Study, Ledger]) -> None:
    study, ledger = finished
    ends = {
        message.number: message.read()["state"]
        for message in Outbox(study.folder / "spool").pending()
        if message.order == END
    }
    assert ends == {row["number"]: row["state"] for row in facts(ledger)}


@pytest.mark.parametrize("lifetime", [3])
def test_a_driver_that_dies_at_any_step_changes_nothing(
    lifetime: int, tmp_path: Path, finished: tuple[Study, Ledger]
) -> None:
    """Lives of so many steps each: the study ends as one that never died."""
    dying = Study(tmp_path / "dying", lifetime=lifetime)
    assert facts(dying.run()) == facts(finished[1])


def test_killed_while_the_others_are_told_that_they_are_stopped(
    tmp_path: Path, finished: tuple[Study, Ledger]
) -> None:
    """The decision is kept, whatever came of those that were told so already."""
    study = Study(tmp_path / "killed")
    ledger, stop = study.ledger(), StopRequest(tmp_path / "stop")
    stages = stages_in_order(ledger, Outbox(tmp_path / "spool"), stop, study.said.append)
    study.train(next(stages), stop)
    design = ledger.design
    assert design is not None
    promoted = design.promote()
    number, reached = design.stopped()[0]
    design.record_end(number, reached, None)
    assert study.ledger().design.promote() == promoted  # type: ignore[union-attr]
    assert facts(study.run()) == facts(finished[1])


def test_the_search_learns_from_the_design(tmp_path: Path) -> None:
    """Optuna knows the designed trials as it knows its own: same distributions, values, states."""
    ledger = Study(tmp_path).run()
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'ledger.db'}")
    (name,) = (s.study_name for s in storage.get_all_studies())
    trials = optuna.load_study(study_name=name, storage=storage).get_trials()
    drawn = {key: d for trial in trials[DESIGNED:] for key, d in trial.distributions.items()}
    for trial in trials[:DESIGNED]:
        assert trial.params.keys() == trial.distributions.keys() and "lr_g" not in trial.params
        for key, distribution in trial.distributions.items():
            assert key not in drawn or distribution == drawn[key], key
    assert {t.state for t in trials} == {TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL}
    stopped = next(t for t in trials[:DESIGNED] if t.state is TrialState.PRUNED)
    assert stopped.intermediate_values == {40: score(stopped.number)}
    # 10 random draws come first otherwise: with 12 trials known, TPE models from the first one on.
    sampler = optuna.samplers.TPESampler(seed=1)
    assert len(trials[:DESIGNED]) > sampler._n_startup_trials
    without = Study(tmp_path / "plain", FILE.split("[design]")[0]).run()
    first = [row.params["lr_d"] for row in without.trials()[:4]]
    assert [row.params["lr_d"] for row in ledger.trials()[DESIGNED:]] != first


def test_a_design_to_the_end_stops_nobody(tmp_path: Path) -> None:
    ledger = Study(tmp_path, TO_THE_END.replace("trials = 4", "trials = 0")).run()
    states = [row["state"] for row in facts(ledger)]
    assert states.count("complete") == DESIGNED - 1 and states[FAILED] == "failed"
    assert ledger.promoted is None and ledger.left() == 0


def test_status_names_the_stages(tmp_path: Path) -> None:
    study = Study(Home(tmp_path).study("s").path)
    ledger = study.ledger()
    found = study_status(Home(tmp_path), "s")
    assert (found.planned, found.left) == (DESIGNED + 4, DESIGNED + 4)
    assert found.design is not None and (found.design.planned, found.design.compared) == (12, 0)
    assert found.design.promoted is None
    design = ledger.design
    assert design is not None
    number, _ = design.propose()
    design.record_wait(number, outcome(number, STOP_AT))
    found = study_status(Home(tmp_path), "s")
    assert found.design is not None and found.design.compared == 1 and found.left == DESIGNED + 4
    study.run()
    found = study_status(Home(tmp_path), "s")
    assert found.design is not None and found.design.promoted == 3 and found.left == 0
    assert found.to_json()["design"]["trials"]["pruned"] == 12 - 3 - 2


def test_the_first_configurations_are_those_of_the_design() -> None:
    spec = parse_study(FILE, "s.toml")
    assert list(preview(spec, 3)) == [trial.params for trial in plan(spec)[:3]]
    assert len(list(preview(spec, 100))) == DESIGNED + 4


def test_confirmed_are_those_that_ended_at_the_full_budget(tmp_path: Path) -> None:
    ledger = Study(tmp_path, FILE.replace("trials = 4", "trials = 0")).run()
    candidates = {c.number: c.state for c in ledger.search.candidates()}
    assert ledger.design is not None
    complete = {n for n, state in candidates.items() if state is State.COMPLETE}
    assert complete == {*(ledger.design.promoted() or []), DIED}
    assert ledger.design.stage is Stage.DESIGN
