"""The outbox for MLflow: one small file per message, written whole, removed once it is published.

Trials write their evaluations and the driver the beginnings and ends, neither waiting for MLflow;
the publisher reads them in order. What is not yet published survives a crash of any of the three.
"""

from __future__ import annotations

import base64
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganstudy.trials.atomic_file import write_whole
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import Evaluation, EvaluationRow, TrialState

if TYPE_CHECKING:
    from ganstudy.study.ledger.outcome import Outcome

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

    def read(self) -> dict[str, Any]:
        """Return the content."""
        content: dict[str, Any] = json.loads(self.path.read_text())
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
        params: dict[str, Any],
        config: TrialConfig,
        labels: dict[str, Any] | None = None,
    ) -> None:
        """Announce a trial that was proposed, or whose labels (stage, role) have changed."""
        content = {
            "params": params,
            "config": config.model_dump(mode="json"),
            "digest": config.digest,
        }
        self._put(number, START, {**content, **(labels or {})})

    def put_evaluation(
        self, number: int, evaluation: Evaluation, history: list[EvaluationRow]
    ) -> None:
        """Announce an evaluation; `history` holds all the trial's rows so far."""
        content = {
            "rows": [row.to_json() for row in evaluation.rows],
            "history": [row.to_json() for row in history],
            "provenance": evaluation.provenance.to_json() if evaluation.provenance else None,
            "grid": _text(evaluation.grid_png),
            "start_grid": _text(evaluation.start_png),
            "notes": evaluation.notes,
        }
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
        spent = asdict(outcome) if outcome else None
        content = {"state": state.value, "outcome": spent, "feasible": feasible, "error": error}
        self._put(number, END, content)

    def put_history(
        self, number: int, params: dict[str, Any], digest: str, content: dict[str, Any]
    ) -> None:
        """Announce a trial that was trained elsewhere: its start, and all evaluations as one message.

        content: rows, history, provenance and notes as in `put_evaluation`.
        """
        self._put(number, START, {"params": params, "shown": params, "digest": digest})
        grids = {"grid": None, "start_grid": None}
        self._put(number, content["rows"][0]["evaluation"], {**content, **grids, "whole": True})

    def put_study(self, order: int, content: dict[str, Any]) -> None:
        """Announce the beginning (order START) or the end (END) of the study."""
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

    def _put(self, number: int, order: int, content: dict[str, Any]) -> None:
        # The name says what is inside, so that messages are put in order without reading them; one
        # that is written again replaces the earlier one.
        write_whole(self.folder / f"{number}_{order}.json", json.dumps(content).encode())


def _text(png: bytes | None) -> str | None:
    return base64.b64encode(png).decode() if png else None
