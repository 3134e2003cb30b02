"""The artifacts with the facts of all trials, a hundred to a file (trials/results/facts.py)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from ganstudy.study.tracking.messages import TrialEnd, TrialStart
from ganstudy.study.tracking.run_fields import changed_facts
from ganstudy.trials.results.facts import (
    TRIAL_FACTS_FOLDER,
    TRIALS_PER_FILE,
    TrialFacts,
    TrialFactsFile,
)


class Artifacts(Protocol):
    """What of MLflow is needed: study/tracking/mlflow_store.py has it."""

    def files(self, run_id: str, folder: str) -> list[str]:
        """Return the paths of the artifacts in a folder, which need not exist."""
        ...

    def read_text(self, run_id: str, file: str) -> str:
        """Return an artifact."""
        ...

    def log_text(self, run_id: str, text: str, file: str) -> None:
        """Write an artifact."""
        ...

    def tags_and_params(self, run_id: str) -> tuple[dict[str, str], dict[str, str]]:
        """Return what a run has of both."""
        ...


class TrialFactsFiles:
    """Facts of trials: changed here in memory, and written by `flush`."""

    def __init__(self, artifacts: Artifacts, parent: str) -> None:
        self._artifacts = artifacts
        self._parent = parent
        self._files: dict[int, TrialFactsFile] = {}
        self._written: set[str] | None = None
        self._changed: set[int] = set()

    def change(
        self, number: int, run_id: str, start: TrialStart | None, end: TrialEnd | None, is_new: bool
    ) -> None:
        """Change a trial's TrialFacts to what its start and end say, where they are announced.

        run_id: of its run, whose tags and parameters are the facts of a trial that an older version
        began; is_new: there is nothing there yet.
        """
        index = number // TRIALS_PER_FILE
        if index not in self._files:
            self._files[index] = self._read(index)
        trials = self._files[index].trials
        if number in trials:
            facts = trials[number]
        else:
            earlier = ({}, {}) if is_new else self._artifacts.tags_and_params(run_id)
            facts = TrialFacts.from_run(*earlier)
        changed = changed_facts(facts, start, end)
        if trials.get(number) != changed:
            trials[number] = changed
            self._changed.add(index)

    def flush(self) -> None:
        """Write what has changed."""
        for index in sorted(self._changed):
            file = self._files[index] = replace(
                self._files[index], version=self._files[index].version + 1
            )
            self._artifacts.log_text(self._parent, file.as_text(), file.name)
            self._changed.discard(index)

    def _read(self, index: int) -> TrialFactsFile:
        """Return the newer one of the two files; an empty one if there is none."""
        if self._written is None:
            self._written = set(self._artifacts.files(self._parent, TRIAL_FACTS_FOLDER))
        found = [TrialFactsFile(index)]
        for name in (TrialFactsFile(index, version).name for version in (0, 1)):
            if name in self._written:
                # A server that fails here must not pass for one that has nothing.
                text = self._artifacts.read_text(self._parent, name)
                with suppress(ValueError, KeyError, TypeError):  # cut short: the other is whole
                    found.append(TrialFactsFile.from_text(text))
        return max(found, key=lambda file: file.version)
