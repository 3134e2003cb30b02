"""Progress of a run on the terminal: a line per finished trial, and the state of the stage below."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from ganstudy.study.driver.duration import format_duration
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.ledger.stage import StageTrials
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import FAILURE_VERDICTS, Stage, TrialState, Verdict, trial_name


class RunProgress:
    """Progress of one stage: trials by state, seeds by verdict, best so far, time left."""

    def __init__(self, spec: StudySpec, stage: StageTrials, console: Console) -> None:
        """Count what earlier runs of the study did in `stage`."""
        self._spec = spec
        self._stage = stage
        # What this run has to do; what earlier ones did is counted below, but not in the bar.
        self._total = stage.to_train()
        self._console = console
        self._label = MEASURES[spec.objective.measure].label
        self._sign = -1 if spec.objective.maximize else 1
        self._running: set[int] = set()
        self._ended = dict.fromkeys(TrialState, 0)
        self._seeds = dict.fromkeys(Verdict, 0)
        self._best: tuple[float, int] | None = None
        self._start = time.monotonic()
        self.done = 0
        """Trials that this run has trained as far as the stage goes, in whatever state they ended."""
        for number, state, outcome in stage.ended():
            self._count(number, state, outcome)
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console
        )
        self._task = self._bar.add_task(f"{spec.name}{_doing(stage)}", total=self._total)
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
        if state is TrialState.RUNNING and not self._waits(outcome):
            self._running.add(number)
            return
        self._running.discard(number)
        self.done += 1
        self._bar.update(self._task, completed=self.done)
        if state is not TrialState.RUNNING:
            self._count(number, state, outcome)
        self._console.print(
            self._line(number, state, outcome, error), highlight=False, soft_wrap=True
        )

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

    def _line(
        self, number: int, state: TrialState, outcome: Outcome | None, error: str | None
    ) -> Text:
        word = "compared" if state is TrialState.RUNNING else state.value
        line = Text(f"[{self.done}/{self._total}] {trial_name(number):<10} {word:<9}")
        if outcome is not None:
            value = "no median" if outcome.objective is None else f"{outcome.objective:.3g}"
            unit = self._spec.train.budget.unit.replace("_", " ")
            verdicts = ", ".join(
                f"{seeds} {verdict}" for verdict, seeds in outcome.verdicts.items()
            )
            line.append(
                f" {self._label} {value:<9} after {outcome.progress:g} {unit}; seeds: {verdicts}"
            )
        role = self._stage.place(number).role
        if role:
            line.append(f" ({role})")
        if error:
            line.append(f" {error}")
        return line

    def _render(self) -> Group:
        return Group(self._bar, Text(self.summary()))

    def summary(self) -> str:
        """Summarise the stage in one line; collapse and divergence are counted in seeds."""
        parts = [
            f"{self.done} done ({self._ended[TrialState.PRUNED]} pruned)",
            f"{len(self._running)} running",
            f"{self._ended[TrialState.FAILED]} failed",
            "seeds: " + ", ".join(f"{self._seeds[v]} {v.value}" for v in FAILURE_VERDICTS),
        ]
        if self._best is not None:
            parts.append(
                f"best {self._label} {self._sign * self._best[0]:.3g} ({trial_name(self._best[1])})"
            )
        # A guess: trials of other k or batch size, or stopped early, take another time.
        if 0 < self.done < self._total:
            left = (time.monotonic() - self._start) / self.done * (self._total - self.done)
            parts.append(f"about {format_duration(left)} left")
        return " | ".join(parts)


def _doing(stage: StageTrials) -> str:
    """Return what a stage does, for the name of its bar; '' of a search, which most studies are."""
    if stage.stage is Stage.DESIGN:
        return ", design" if stage.until is not None else ", design to the end"
    return ", confirming" if stage.stage is Stage.CONFIRM else ""
