"""Trials of one structure are handed out together, and each is recorded as by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ray.tune.utils.util import flatten_dict

from ganstudy.study.home import StudyFolder
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.ledger.packing import trials_per_pack
from ganstudy.study.spec.reader import parse_study
from ganstudy.study.tracking.outbox import END, Outbox
from ganstudy.study.tune.pack_searcher import PackSearcher
from ganstudy.study.tune.retry_log import PACK_FAILED, RetryLog
from ganstudy.study.tune.stopping import StopRequest
from ganstudy.study.tune.trial_task import MEMBERS, StepReport
from ganstudy.trials.config.lanes import structure_of
from ganstudy.trials.results.records import Stage, TrialState

TEXT = """
name = "packs"
[data]
name = "ring"
[train]
seeds = [0, 1, 2]
budget = { generator_steps = 20 }
evaluations = 2
[search]
sampler = "random"
trials = 12
[search.space]
lr_d = { low = 1e-4, high = 3e-3, log = true }
k = [1, 2]
[schedule]
name = "fifo"
[resources]
lanes = 9
"""


DESIGN = (
    TEXT.replace("trials = 12", "trials = 0")
    + """
[design]
points = 4
at = 0.5
promote = 2
"""
)


class Packed:
    """A searcher of packs over a real ledger and outbox."""

    def __init__(
        self, folder: Path, text: str = TEXT, packs: int = 2, stage: Stage = Stage.SEARCH
    ) -> None:
        self.spec = parse_study(text, "test.toml")
        self.ledger = Ledger.create(folder / "ledger.db", self.spec, text)
        self.outbox = Outbox(folder / "spool")
        self.observed: list[Any] = []
        self.stop = StopRequest(folder / "stop")
        self.stage = getattr(self.ledger, stage)
        self.searcher = PackSearcher(
            self.stage,
            StudyFolder(folder),
            self.stop,
            most=trials_per_pack(self.spec, self.stage.stage, len(self.spec.train.seeds)),
            concurrent=lambda: packs,
            observe=lambda *change: self.observed.append(change),
            replay=lambda *_: None,
        )

    def numbers(self, name: str) -> list[int]:
        suggested = self.searcher.suggest(name)
        assert isinstance(suggested, dict), suggested
        assert len({structure_of(member.config) for member in suggested[MEMBERS]}) == 1
        return [member.number for member in suggested[MEMBERS]]


def reported(made: dict[int, StepReport], done: bool = True) -> dict[str, Any]:
    """Return what Tune makes of a pack's result."""
    return flatten_dict({MEMBERS: list(made.items()), "done": done})


def result(objective: float = 3.0, finished: bool = True, done: bool | None = None) -> StepReport:
    outcome = Outcome(
        finished, objective, 20.0, {"unsettled": 3}, {"updates": 10.0, "seconds": 1.0}
    )
    return StepReport(outcome, done=finished if done is None else done)


@pytest.mark.parametrize(
    ("old", "new", "most"),
    [
        ("", "", 3),
        ("lanes = 9", "lanes = 5", 1),
        ("lanes = 9", "", 1),
        ('sampler = "random"', 'sampler = "tpe"', 1),
        ('name = "fifo"', 'name = "asha"', 1),
    ],
)
def test_trials_are_packed_where_nothing_depends_on_their_order(
    old: str, new: str, most: int
) -> None:
    spec = parse_study(TEXT.replace(old, new), "test.toml")
    assert trials_per_pack(spec, Stage.SEARCH, 3) == most
    assert trials_per_pack(spec, Stage.CONFIRM, 3) == max(1, (spec.resources.lanes or 1) // 3)


def test_every_trial_is_in_one_pack_of_its_structure(tmp_path: Path) -> None:
    packed, numbers = Packed(tmp_path), []
    while (name := f"pack-{len(numbers)}") and packed.searcher.left:
        pack = packed.numbers(name)
        assert 1 <= len(pack) <= 3
        numbers += pack
        made = {number: result() for number in pack}
        packed.searcher.on_trial_complete(name, reported(made))
    assert sorted(numbers) == list(range(12))
    assert {row.state for row in packed.ledger.trials()} == {TrialState.COMPLETE.value}
    assert packed.searcher.suggest("more") == "FINISHED"


def test_configurations_are_those_that_one_by_one_would_be_drawn(tmp_path: Path) -> None:
    packed, alone = Packed(tmp_path / "a"), Packed(tmp_path / "b", TEXT.replace("= 9", "= 3"))
    drawn = [alone.ledger.search.propose() for _ in range(12)]
    while packed.searcher.left:
        name = f"pack-{packed.searcher.left}"
        made = {number: result() for number in packed.numbers(name)}
        packed.searcher.on_trial_complete(name, reported(made))
    assert [(row.number, row.params) for row in packed.ledger.trials()] == drawn


def test_no_more_packs_are_open_than_can_run_and_no_slot_is_left_idle(tmp_path: Path) -> None:
    text = TEXT.replace("trials = 12", "trials = 4").replace("k = [1, 2]\n", "")
    packed = Packed(tmp_path, text)
    # Three would fit into one pack, but two slots are there for the four.
    assert len(packed.numbers("a")) == 2
    assert len(packed.numbers("b")) == 1, "the rest is spread again"
    assert packed.searcher.suggest("c") is None


def test_every_trial_of_a_pack_ends_by_itself(tmp_path: Path) -> None:
    text = TEXT.replace("k = [1, 2]\n", "").replace("trials = 12", "trials = 6")
    packed = Packed(tmp_path, text)
    first, second, third = packed.numbers("a")
    made = {first: result(1.0), second: result(2.0, finished=False)}
    packed.searcher.on_trial_result("a", reported(made, False))
    # Its process died, and it reports once more what was over.
    packed.searcher.on_trial_result("a", reported({first: result(1.0)}, False))
    failed = StepReport(error="ValueError: no (x.py:1)", raised_at="x.py:1")
    last = {second: result(2.5), third: failed}
    packed.searcher.on_trial_complete("a", reported(last))
    states = {row.number: row.state for row in packed.ledger.trials() if row.number < 3}
    assert states == {first: "complete", second: "complete", third: "failed"}
    assert packed.ledger.search.intermediate_values(second) == {20: 2.5}
    ends = [m.read() for m in packed.outbox.pending() if m.order == END]
    assert len(ends) == 3


def test_a_pack_whose_process_dies_for_good_fails_what_was_left_of_it(tmp_path: Path) -> None:
    packed = Packed(tmp_path, TEXT.replace("k = [1, 2]\n", ""))
    first, *others = packed.numbers("a")
    packed.searcher.on_trial_result("a", reported({first: result()}, False))
    packed.searcher.on_trial_complete("a", None, error=True)
    states = {row.number: row.state for row in packed.ledger.trials()}
    assert states[first] == "complete"
    assert {states[number] for number in others} == {"failed"}


def test_a_design_waits_in_packs_and_its_best_go_on_together(tmp_path: Path) -> None:
    packed = Packed(tmp_path, DESIGN, stage="design")
    paused = {number: StepReport(paused="asked to stop") for number in packed.numbers("a")}
    packed.searcher.on_trial_complete("a", reported(paused))
    packed.stop.clear()
    packed = Packed(tmp_path, DESIGN, stage="design")
    assert packed.searcher.total == 8, "those that had been dealt out, and those that had not"
    while packed.searcher.left:
        name = f"pack-{packed.searcher.left}"
        members = packed.searcher.suggest(name)[MEMBERS]
        assert {member.until for member in members} == {1}
        # Those of the larger k are better, and later ones of them.
        scores = {r.number: 9.0 - r.number - 100 * r.params["k"] for r in packed.ledger.trials()}
        waits = {m.number: result(scores[m.number], finished=False, done=True) for m in members}
        packed.searcher.on_trial_complete(name, reported(waits))
    assert packed.stage.to_train() == 0
    best = sorted(scores, key=scores.__getitem__)[:2]
    assert packed.stage.promote() == best
    promoted = Packed(tmp_path, DESIGN, packs=1, stage="promoted")
    assert promoted.numbers("f") == sorted(best), "of one k, and so in one pack"
    assert promoted.searcher.left == 0


def test_paused_and_undealt_trials_are_taken_up_by_the_next_run(tmp_path: Path) -> None:
    before = Packed(tmp_path)
    pack = before.numbers("a")
    paused = {number: StepReport(paused="asked to stop") for number in pack}
    before.searcher.on_trial_complete("a", reported(paused))
    assert before.stop.reason() == "asked to stop"
    before.stop.clear()
    after = Packed(tmp_path)
    assert after.searcher.total == 12
    assert after.numbers("b") == pack, "the same pack again"


def test_the_failure_of_a_pack_is_no_failure_of_its_trials(tmp_path: Path) -> None:
    log = RetryLog(tmp_path)
    log.begin("job", "node", {"node"}, in_pack=True)
    again = RetryLog(tmp_path)
    again.begin("job", "node", {"node"}, in_pack=True)
    assert again.pack_failed and again.failures == [] and again.deaths == 0
    again.end(PACK_FAILED, True)
    alone = RetryLog(tmp_path)
    alone.begin("job", "node", {"node"})
    assert RetryLog(tmp_path).failures == []
    # A process that dies with one trial is that trial's own failure.
    once_more = RetryLog(tmp_path)
    once_more.begin("job", "node", {"node"})
    assert once_more.deaths == 1


def test_another_driver_tries_a_pack_again(tmp_path: Path) -> None:
    RetryLog(tmp_path).begin("job", "node", {"node"}, in_pack=True)
    resumed = RetryLog(tmp_path)
    resumed.begin("another job", "node", {"node"}, in_pack=True)
    assert not resumed.pack_failed
