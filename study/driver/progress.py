"""Progress of a run on the terminal: a line per finished trial, and the state of the stage below."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from ganstudy.study.driver.duration import format_duration
from ganstudy.study.driver.terminal import say, wrap
from ganstudy.study.driver.time_left import TimeLeft
from ganstudy.study.ledger.outcome import Outcome, amount
from ganstudy.study.ledger.stage import StageTrials
from ganstudy.study.ledger.trial_row import settings
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.number_format import three_digits
from ganstudy.trials.results.records import (
    FAILURE_VERDICTS,
    FIRST_CONFIRM,
    Stage,
    TrialState,
    Verdict,
    confirm_name,
    trial_name,
)

MOST_LINES = 8
"""Running trials that have a line each; of a large pack, the rest is counted."""
PLAIN_SECONDS = 600.0
"""Between two summaries where nothing can be redrawn."""


class RunProgress:
    """Progress of one stage: running trials, failed seeds, best so far, time left."""

    def __init__(self, spec: StudySpec, stage: StageTrials, console: Console) -> None:
        """Count what earlier runs of the study did in `stage`."""
        self._spec = spec
        self._stage = stage
        # What this run has to do; what earlier ones did is counted below, but not in the bar.
        self._total = stage.to_train()
        self._console = console
        self._label = MEASURES[spec.objective.measure].label
        self._sign = -1 if spec.objective.maximize else 1
        self._running: dict[int, Outcome | None] = {}
        self._settings: dict[int, str] = {}
        self._ended = dict.fromkeys(TrialState, 0)
        self._seeds = dict.fromkeys(Verdict, 0)
        self._names: dict[int, str] = {}
        self._best: tuple[float, int] | None = None
        self._time = TimeLeft(self._total)
        self._said = time.monotonic()
        self.done = 0
        """Trials that this run has trained as far as the stage goes, in whatever state they ended."""
        for number, state, outcome in stage.ended():
            self._count(number, state, outcome)
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), console=console
        )
        self._task = self._bar.add_task(f"{spec.name}{_doing(stage)}", total=1.0)
        self._live = Live(
            console=console, get_renderable=self._render, refresh_per_second=2, transient=True
        )

    def __enter__(self) -> RunProgress:
        # In a file or a pipe, the redrawn lines would be noise.
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _t: TracebackType | None,
    ) -> None:
        self._live.stop()

    def observe(
        self, number: int, state: TrialState, outcome: Outcome | None, error: str | None
    ) -> None:
        """Take note of a change of a trial; called by study/tune/searcher.py."""
        if outcome is not None:
            self._time.reach(number, self._share(outcome.progress))
        if state is TrialState.RUNNING and not self._waits(outcome):
            self._go_on(number, outcome)
            return
        self._running.pop(number, None)
        self._time.end(number)
        self.done += 1
        if state is not TrialState.RUNNING:
            self._count(number, state, outcome)
        say(self._console, self._line(number, state, outcome, error))
        self._settings.pop(number, None)
        if not self._console.is_terminal and time.monotonic() - self._said > PLAIN_SECONDS:
            self._said = time.monotonic()
            say(self._console, self.summary())

    def _go_on(self, number: int, outcome: Outcome | None) -> None:
        """Note that a trial begins, or what it reached."""
        if outcome is None:
            reached = max(self._stage.intermediate_values(number), default=0)
            self._time.begin(number, self._share(reached))
        # Here, as the thread that redraws must not ask the ledger.
        self._name(number)
        self._what(number)
        self._running[number] = outcome

    def _share(self, progress: float) -> float:
        """Return how much of what this stage trains of a trial an amount is."""
        train, until = self._spec.train, self._stage.until
        part = 1.0 if until is None else until / train.evaluations
        return min(1.0, progress / (train.budget.amount * part))

    def _waits(self, outcome: Outcome | None) -> bool:
        """Return whether a running trial has come to where this stage compares all of them."""
        until = self._stage.until
        if until is None or outcome is None or not self._stage.waits(outcome, None):
            return False
        train = self._spec.train
        return outcome.progress >= train.budget.amount * until / train.evaluations * (1 - 1e-9)

    def _count(self, number: int, state: TrialState, outcome: Outcome | None) -> None:
        self._ended[state] += 1
        for verdict, seeds in (outcome.verdicts if outcome else {}).items():
            self._seeds[Verdict(verdict)] += seeds
        if (
            state is TrialState.COMPLETE
            and outcome is not None
            and outcome.feasible(self._spec.objective.require)
        ):
            assert outcome.objective is not None
            # By number where equal, as the ledger's own best trial.
            ranked = (self._sign * outcome.objective, number)
            self._best = min(self._best or ranked, ranked)
            self._name(self._best[1])

    def _line(
        self, number: int, state: TrialState, outcome: Outcome | None, error: str | None
    ) -> str:
        word = "compared" if state is TrialState.RUNNING else state.value
        line = f"[{self.done}/{self._total}] {self._name(number)} {word}"
        if outcome is not None:
            after = amount(outcome.progress, self._spec.train.budget.unit)
            verdicts = ", ".join(f"{n} {verdict}" for verdict, n in outcome.verdicts.items())
            line += f": {self._score(outcome)} after {after}; seeds: {verdicts}"
        role = self._stage.place(number).role
        line += f"; {self._what(number)}" + (f" ({role})" if role else "")
        return f"{line}: {error}" if error else line

    def _score(self, outcome: Outcome) -> str:
        value = "no median" if outcome.objective is None else three_digits(outcome.objective)
        return f"{self._label} {value}"

    def _name(self, number: int) -> str:
        """Return the name of a trial, by what it confirms where it does."""
        if number < FIRST_CONFIRM:
            return trial_name(number)
        if number not in self._names:
            self._names[number] = confirm_name(number, self._stage.place(number).confirms)
        return self._names[number]

    def _what(self, number: int) -> str:
        """Return the settings of a trial, in words."""
        if number not in self._settings:
            self._settings[number] = settings(self._stage.params(number))
        return self._settings[number]

    def _render(self) -> Group:
        self._bar.update(self._task, completed=self._time.share)
        return Group(self._bar, self._lines(), Text(wrap(self.summary(), self._console.width)))

    def _lines(self) -> Table:
        """Return one line per running trial: settings, step, latest score."""
        table = Table.grid(padding=(0, 2), expand=True)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1)
        table.add_column(no_wrap=True, justify="right")
        table.add_column(no_wrap=True)
        budget = self._spec.train.budget
        # The display is redrawn by a thread of its own, while trials begin and end.
        running = list(self._running.items())
        for number, outcome in running[:MOST_LINES]:
            reached = "" if outcome is None else f"{outcome.progress:,.0f} of {budget.amount:,.0f}"
            score = "no score yet" if outcome is None else self._score(outcome)
            table.add_row(
                f"  {self._name(number)}", self._what(number).replace(" = ", "="), reached, score
            )
        if len(running) > MOST_LINES:
            table.add_row("", f"and {len(running) - MOST_LINES} more", "", "")
        return table

    def summary(self) -> str:
        """Summarise the stage in one line; failures are counted in seeds."""
        seeds, failed = sum(self._seeds.values()), [v for v in FAILURE_VERDICTS if self._seeds[v]]
        kinds = ", ".join(f"{self._seeds[v]} {v.value}" for v in failed)
        parts = [
            f"{self.done} of {self._total} trials done, {len(self._running)} running, "
            f"{self._ended[TrialState.PRUNED]} pruned, {self._ended[TrialState.FAILED]} failed",
        ]
        if seeds:
            of_them = sum(self._seeds[v] for v in failed)
            parts.append(f"{of_them} of {seeds} seeds failed" + (f" ({kinds})" if kinds else ""))
        if self._best is not None:
            score, number = self._best
            parts.append(
                f"best so far {self._label} {three_digits(self._sign * score)}, {self._name(number)}"
            )
        left = self._time.seconds()
        if left is not None and self.done < self._total:
            parts.append(f"about {format_duration(left)} left")
        return " | ".join(parts)


def _doing(stage: StageTrials) -> str:
    """Return what a stage does, for the name of its bar; '' of a search, which most studies are."""
    if stage.stage is Stage.DESIGN:
        return ", design" if stage.until is not None else ", design to the end"
    return ", confirming" if stage.stage is Stage.CONFIRM else ""
