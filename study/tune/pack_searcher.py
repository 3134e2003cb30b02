"""The ledger proposes, Ray Tune asks, and trials of one structure are handed out together.

What is recorded of each trial is the same as of a trial by itself (study/tune/searcher.py); Tune
knows a pack as one trial of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ray.tune.search import Searcher

from ganstudy.study.ledger.packing import AHEAD, next_pack, pack_size
from ganstudy.study.ledger.stage import StageTrials
from ganstudy.study.tune.searcher import LedgerSearcher
from ganstudy.study.tune.trial_task import MEMBERS, REPORT, TASK, TrialTask
from ganstudy.trials.config.lanes import structure_of


@dataclass(frozen=True)
class Proposal:
    """A trial that has been proposed."""

    structure: str
    task: TrialTask


class PackSearcher(LedgerSearcher):
    """Proposes packs: interrupted trials first, then what the stage still lacks."""

    def __init__(
        self, stage: StageTrials, *args: Any, most: int, concurrent: Callable[[], int], **more: Any
    ) -> None:
        """most: trials per pack; concurrent: how many packs may be open at once."""
        # The number of packs is what is limited, here.
        super().__init__(stage, *args, concurrent=lambda: sys.maxsize, **more)
        self._most = most
        self._packs_at_once = concurrent
        self._packs: dict[str, set[int]] = {}
        """By Tune's id of a pack: its trials that are not over."""
        self._drawn: list[Proposal] = []
        """Proposed, and not handed out yet."""
        self._ids: dict[int, str] = {}
        """What stands for Tune's id of a trial."""
        self._proposed = 0

    @property
    def left(self) -> int:
        """Trials that are still to be handed out."""
        return len(self._drawn) + self.total

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the configurations of the next pack; None while as many are open as can run."""
        finished: str = Searcher.FINISHED
        if self._stop.reason() is not None:
            return finished
        if len(self._packs) >= self._packs_at_once():
            return None
        size = self._size()
        while len(self._drawn) < AHEAD * size and self._draw():
            pass
        if not self._drawn:
            return finished
        chosen, self._drawn = next_pack(self._drawn, size, lambda each: each.structure)
        self._packs[trial_id] = {each.task.number for each in chosen}
        return {MEMBERS: [each.task for each in chosen]}

    def _size(self) -> int:
        return pack_size(self._most, self.left, self._packs_at_once())

    def _draw(self) -> bool:
        """Propose one more trial; return whether there was one."""
        own = f"in-a-pack-{self._proposed}"
        suggested = super().suggest(own)
        if not isinstance(suggested, dict):
            return False
        task: TrialTask = suggested[TASK]
        self._proposed += 1
        self._ids[task.number] = own
        self._drawn.append(Proposal(structure_of(task.config), task))
        return True

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Record what has come of some trials of a pack."""
        pack = self._packs[trial_id]
        for number, each in result.get(MEMBERS, []):
            # A pack that died and began again reports trials that are over once more.
            if number not in pack:
                continue
            if each.done:
                pack.remove(number)
                super().on_trial_complete(self._ids[number], {REPORT: each})
            else:
                super().on_trial_result(self._ids[number], {REPORT: each})

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Record the end of a pack, and of the trials that end with it."""
        self.on_trial_result(trial_id, result or {})
        for number in sorted(self._packs.pop(trial_id)):
            super().on_trial_complete(self._ids[number], None, error)
