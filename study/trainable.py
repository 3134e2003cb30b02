"""The Ray adapter of a trial: one call of `step` is one evaluation.

An actor is used for one trial after another, so that torch is imported once per slot. Before an
evaluation is reported, its record lies in the spool and its checkpoint in the study's folder; a trial
that starts again goes on from there.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from ray import tune

from study import shipping
from study.ledger import Outcome
from study.schedule import PROGRESS, SCORE, WORST, score
from study.spool import Spool
from study.training import Training, TrainingFactory
from trials.catalogue import MEASURES
from trials.config import TrialConfig
from trials.records import median_over_seeds


class TrialTrainable(tune.Trainable):  # type: ignore[misc]
    """Runs a TrainingFactory's product under Ray Tune."""

    def setup(
        self,
        config: dict[str, Any],
        factory: TrainingFactory,
        measure: str,
        spool: str,
        checkpoints: str,
        source: str,
    ) -> None:
        """Called once per actor; `config` holds the first trial's number and configuration."""
        self._factory, self._measure, self._source = factory, measure, source
        self._spool, self._checkpoints = Spool(Path(spool)), Path(checkpoints)
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The next trial on the same actor."""
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        self._number: int = config["number"]
        self._trial_config = TrialConfig.model_validate_json(config["trial"])
        self._training: Training | None = None

    @property
    def _folder(self) -> Path:
        return self._checkpoints / f"{self._number:06d}"

    def step(self) -> dict[str, Any]:
        """Trains up to the next evaluation and reports it; an exception ends the trial and is reported in words.

        Only the death of the process is left to Tune, which starts the trial again; an exception would
        come again.
        """
        try:
            outcome = self._advance()
        except Exception as error:
            return {PROGRESS: 0.0, SCORE: WORST, "error": explain(error), "done": True}
        return {
            PROGRESS: outcome.progress,
            SCORE: score(outcome.objective, MEASURES[self._measure].direction == "up"),
            "outcome": outcome,
            "done": outcome.finished,
        }

    def _advance(self) -> Outcome:
        if self._training is None:
            shipping.check_source(self._source)
            self._training = self._factory(self._trial_config)
            self._training.restore(self._folder)
        training = self._training
        # Finished already: interrupted between its last checkpoint and its last report.
        evaluation = training.latest() if training.finished else training.advance()
        # The record before the checkpoint: an evaluation made again is recognised, a lost one is not.
        self._spool.put_evaluation(self._number, evaluation, training.history)
        training.save(self._folder)
        return Outcome(
            finished=training.finished,
            objective=median_over_seeds(evaluation.values(self._measure), MEASURES[self._measure].direction),
            progress=evaluation.counters.on(self._trial_config.budget.unit),
            verdicts=evaluation.verdicts(),
            counters=evaluation.counters.as_columns(),
        )

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: checkpoints are written with every evaluation, whatever Tune asks for."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing: a trial finds its own checkpoint when it begins."""


def explain(error: Exception) -> str:
    """The exception in one line, with the place in the code where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
