"""The outbox for MLflow: one small file per message, written whole, removed once it is published.

Trials write their evaluations and the driver the beginnings and ends, neither waiting for MLflow;
the publisher reads them in order. What is not yet published survives a crash of any of the three.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.ledger.trial_row import StagePlace
from ganstudy.study.spec.keys import Params
from ganstudy.study.tracking.messages import SEARCH, TrialEvaluation, TrialStart, end_as_json
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.atomic_file import write_whole
from ganstudy.trials.results.documents import JsonObject
from ganstudy.trials.results.records import Evaluation, EvaluationRow, TrialState

# END is beyond the 10,000 evaluations that a trial may have (TrialConfig.evaluations).
START = 0
END = 999_999
"""Orders of a first and a last message; those of evaluations, their indices, lie between."""
STUDY = -1
"""Stands for a trial's number in a message about the study itself."""


@dataclass(frozen=True)
class Message:
    """One file of the outbox."""

    path: Path
    number: int
    order: int
    """START, the index of an evaluation, or END."""

    def read(self) -> JsonObject:
        """Return the content."""
        content: JsonObject = json.loads(self.path.read_text())
        return content

    def written(self) -> tuple[int, int]:
        """Return what tells this file from another one that replaces it."""
        stat = self.path.stat()
        return stat.st_ino, stat.st_mtime_ns

    def remove(self, written: tuple[int, int]) -> None:
        """Delete the file, once the message is published, unless it has been replaced since."""
        with suppress(FileNotFoundError):
            if self.written() == written:
                self.path.unlink()


class Outbox:
    """The folder of messages of one study."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put_start(
        self,
        number: int,
        params: Params,
        config: TrialConfig,
        place: StagePlace = SEARCH,
    ) -> None:
        """Announce a trial that was proposed, or whose place in the study has changed."""
        self._put(number, START, TrialStart.of(params, config, place).to_json())

    def put_evaluation(
        self, number: int, evaluation: Evaluation, history: list[EvaluationRow]
    ) -> None:
        """Announce an evaluation; `history` holds all the trial's rows so far."""
        content = TrialEvaluation.of(evaluation, history).to_json()
        self._put(number, evaluation.index, content)

    def put_end(
        self,
        number: int,
        state: TrialState,
        outcome: Outcome | None,
        feasible: bool,
        error: str | None,
    ) -> None:
        """Announce the end of a trial; feasible: it satisfies the study's constraints."""
        self._put(number, END, end_as_json(state, outcome, feasible, error))

    def put_history(self, number: int, start: TrialStart, evaluations: TrialEvaluation) -> None:
        """Announce a trial that was trained elsewhere: its start, and all evaluations as one message."""
        self._put(number, START, start.to_json())
        self._put(number, evaluations.rows[0].evaluation, evaluations.to_json())

    def put_study(self, order: int, content: JsonObject) -> None:
        """Announce the beginning (order START) or the end (END) of the study.

        content: a StudyStart or StudyEnd as plain JSON.
        """
        self._put(STUDY, order, content)

    def pending(self) -> list[Message]:
        """Return all messages by trial and order, the study's start first and its end last."""
        messages: list[Message] = []
        if not self.folder.exists():
            return messages
        for entry in os.scandir(self.folder):
            if entry.name.endswith(".json"):
                number, order = map(int, entry.name.removesuffix(".json").split("_"))
                messages.append(Message(Path(entry.path), number, order))
        # The study's end after every trial's: its run is then closed.
        last = float("inf")
        return sorted(
            messages,
            key=lambda m: (last if (m.number, m.order) == (STUDY, END) else m.number, m.order),
        )

    def waiting(self) -> int:
        """Return the number of messages, without reading them: it is polled while there are many."""
        if not self.folder.exists():
            return 0
        return sum(entry.name.endswith(".json") for entry in os.scandir(self.folder))

    @property
    def _refusal(self) -> Path:
        return self.folder / "refused.txt"

    def refuse(self, why: str) -> None:
        """Record why MLflow takes no message until somebody acts."""
        write_whole(self._refusal, why.encode())

    def forget_refusal(self) -> None:
        """Forget what `refuse` recorded: somebody may have acted."""
        self._refusal.unlink(missing_ok=True)

    def refusal(self) -> str | None:
        """Return why MLflow can take no message, if that is so."""
        try:
            return self._refusal.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def _put(self, number: int, order: int, content: JsonObject) -> None:
        # The name says what is inside, so that messages are put in order without reading them; one
        # that is written again replaces the earlier one.
        write_whole(self.folder / f"{number}_{order}.json", json.dumps(content).encode())
