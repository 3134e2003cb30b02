"""One seed of a trial that a script trains: its processes, what is watched of them, its evaluations."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from ganstudy.trials.config.command import (
    OWN,
    Command,
    budget_values,
    code_digest,
    filled,
    interval_values,
    located,
    placeholders,
    program_of,
    script_of,
    snapshot_patterns,
)
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data.dataset import Dataset
from ganstudy.trials.measures.evaluator import Evaluator
from ganstudy.trials.measures.verdict import verdict
from ganstudy.trials.results.records import Counters, EvaluationRow
from ganstudy.trials.training.commands.process import ScriptProcess, last_lines
from ganstudy.trials.training.commands.samples import read_samples
from ganstudy.trials.training.commands.training_data import training_array, training_folder
from ganstudy.trials.training.commands.watcher import Sample, Seen, Watcher, mark_of
from ganstudy.trials.training.evaluation import SHOWN, evaluation_row
from ganstudy.trials.training.functions.inputs import TrainingData
from ganstudy.trials.training.functions.seed_state import Position, SeedRecord
from ganstudy.trials.training.sample_grid import draw_grid

POLL_SECONDS = 0.2
TICK_SECONDS = 1.0
NEAR = 0.05
"""Share of the way between two evaluations that samples may come too early: batches and epochs do not
end where evaluations are due."""
AFTERWARDS_SECONDS = 30.0
"""For a script to end by itself once its last samples are scored."""


class CommandError(ValueError):
    """A script did not do what is needed of it."""

    def __init__(self, text: str, location: str) -> None:
        """location: the script, which begins the message."""
        super().__init__(f"{location}: {text}")
        self.location = location


@dataclass(frozen=True)
class CommandContext:
    """What the seeds of a trial share."""

    config: TrialConfig
    command: Command
    evaluator: Evaluator
    data: TrainingData
    on_gpu: bool
    silent_seconds: float
    """A script without a sign of life for so long is ended."""

    @property
    def name(self) -> str:
        """The script's, or the program's."""
        return Path(script_of(self.command.command) or self.command.command[0]).name


class SeedCommand:
    """The training of one seed, from one evaluation to the next."""

    def __init__(self, context: CommandContext, seed: int, record: SeedRecord | None) -> None:
        """record: of a checkpoint; None at the beginning."""
        self.seed = seed
        self.rows: list[EvaluationRow] = [] if record is None else list(record.rows)
        """Of its evaluations so far, each with the seed's own cost."""
        self.pictures: dict[int, bytes] = {} if record is None else dict(record.pictures)
        self.notes: list[str] = []
        """Of the attempts, for the next evaluation."""
        self._context = context
        counters = Counters() if record is None else replace(record.position.counters)
        self._counters = counters
        """Times alone: the rest is what the script says."""
        self._process: ScriptProcess | None = None
        self._watcher: Watcher | None = None
        self._began: dict[str, tuple[int, int]] = {}
        """Samples that were there as the attempt began, as they were."""
        self._begun_at = 0.0
        """How far earlier attempts have come."""
        self._furthest = 0 if record is None else record.position.iterations - len(record.rows)

    # --- attempts

    def _begin(self, folder: Path) -> ScriptProcess:
        """Start the script, from its newest snapshot where there is one."""
        context, command = self._context, self._context.command
        home = Path(command.home)
        if not home.is_dir():
            raise CommandError(
                f"its folder {home} is not on this node: a command is run where it lies, so put it where "
                "all nodes see it",
                context.name,
            )
        assert context.config.function is not None
        if code_digest(command.command, home) != context.config.function.digest:
            raise CommandError("must not change while a study runs, and it has changed", context.name)
        # All that earlier attempts have left is taken in before a new one writes.
        seen_file = folder.with_name(f"{folder.name}-seen.json")
        seen = Seen.read(seen_file)
        unit = context.config.budget.unit
        patterns = snapshot_patterns(command.resume)
        watcher = self._watcher = Watcher(command.watch, patterns, unit, folder, seen)
        before = self._output(folder) if seen.attempts else None
        watcher.look(before)
        arguments, snapshot = self._arguments(watcher, folder)
        seen.resumed_from = "" if snapshot is None else mark_of(snapshot)
        anew = command.watch.counts_anew and snapshot is not None
        seen.offset = snapshot.amount if anew and snapshot is not None else 0.0
        seen.attempts += 1
        seen.write(seen_file)
        self._begun_at = seen.furthest
        self._began = {name: each.signature for name, each in seen.samples.items()}
        watcher.alive_at = time.monotonic()
        if seen.attempts > 1:
            how = f"from {snapshot.relative}" if snapshot else "from its beginning: no snapshot"
            self.notes.append(f"seed {self.seed}: attempt {seen.attempts} of the script went on {how}")
        return ScriptProcess(arguments, folder, self._output(folder))

    def _output(self, folder: Path) -> Path:
        """Return the file of the script's output in the present attempt."""
        assert self._watcher is not None
        return folder.with_name(f"{folder.name}-output-{self._watcher.seen.attempts}.txt")

    def _arguments(self, watcher: Watcher, folder: Path) -> tuple[list[str], Sample | None]:
        """Return the command line of an attempt, and the snapshot that it goes on from."""
        command = self._context.command
        found: list[Sample] = []

        def latest(pattern: str) -> str | None:
            snapshot = watcher.snapshot(pattern)
            if snapshot is None:
                return None
            found.append(snapshot)
            return str(watcher.folder / snapshot.relative)

        folder.mkdir(parents=True, exist_ok=True)
        values = self._values(folder, 0.0)
        resume = filled(command.resume, values, latest) if command.resume else None
        snapshot = found[0] if resume and found else None
        if snapshot is not None and command.watch.counts_anew:
            values = self._values(folder, snapshot.amount)
            resume = filled(command.resume, values, latest)
        home = Path(command.home)
        own = [located(each, home) for each in command.command]
        line = filled(own, values, latest) or []
        program = program_of(command.command, home)
        if program is None:
            raise CommandError(
                f"{command.command[0]} is no program on this node", self._context.name
            )
        extra = [located(each, home) for each in resume or []]
        return [str(program), *line[1:], *extra], snapshot

    def _values(self, folder: Path, made: float) -> dict[str, Any]:
        """Return what stands for the placeholders; made: of the budget, by a script that counts anew."""
        context, config = self._context, self._context.config
        assert config.function is not None
        return placeholder_values(
            config,
            folder,
            context.evaluator.dataset,
            self.seed,
            {
                "samples": context.evaluator.num_generated,
                "device": "cuda" if context.on_gpu else "cpu",
                "attempt": self._watcher.seen.attempts + 1 if self._watcher else 1,
            },
            made,
        )

    # --- training

    def advance(self, folder: Path, tick: Callable[[], None]) -> None:
        """Let the script train until the samples of the next evaluation are there, and score them.

        folder: of the script. tick: called about once a second.
        """
        config = self._context.config
        index = len(self.rows) + 1
        process = self._process
        if process is None or self._watcher is None:
            process = self._process = self._begin(folder)
        assert self._watcher is not None
        process.go_on()
        samples = self._wait(process, self._watcher, index, tick)
        process.pause()
        self._score(self._watcher, samples, index)
        if index == config.evaluations or not self.rows[-1].finite:
            self._finish(process)

    def _wait(
        self, process: ScriptProcess, watcher: Watcher, index: int, tick: Callable[[], None]
    ) -> tuple[Sample, Tensor]:
        """Return the samples of an evaluation as soon as they are whole."""
        before = ticked = time.perf_counter()
        while True:
            # Asked before looking: what it wrote before its end is seen then.
            ended = process.ended
            self._look(process, watcher)
            now = time.perf_counter()
            self._counters.seconds += now - before
            before = now
            found = self._take(watcher, index, ended)
            if found is not None:
                return found
            if ended:
                self._refuse_end(process, watcher, index)
            silent = time.monotonic() - watcher.alive_at
            if silent > self._context.silent_seconds:
                process.end()
                self._fail(
                    process,
                    f"gave no sign of life for {silent:.0f} s ([resources] silent_seconds): no output, no "
                    f"file in {watcher.folder}; it was ended",
                )
            if now - ticked >= TICK_SECONDS:
                tick()
                before = ticked = time.perf_counter()
            process.wait(POLL_SECONDS)

    def _look(self, process: ScriptProcess, watcher: Watcher) -> None:
        try:
            watcher.look(process.output)
        except ValueError as error:
            self._fail(process, str(error))

    def _due(self, index: int) -> float:
        """Return the amount at which samples of an evaluation are taken at the earliest."""
        budget, planned = self._context.config.budget, self._context.config.evaluations
        return budget.amount * (index - NEAR) / planned

    def _take(self, watcher: Watcher, index: int, ended: bool) -> tuple[Sample, Tensor] | None:
        """Return the samples of an evaluation; None where they are not whole yet."""
        sample = watcher.sample_at(self._due(index))
        if sample is None:
            return None
        config, context = self._context.config, self._context
        process = self._process
        assert process is not None
        if index < config.evaluations and sample.amount >= self._due(index + 1):
            self._fail(
                process,
                f"no samples for evaluation {index}, at {self._of(index)}: the next after it are "
                f"{sample.relative}, at {sample.amount:g}; let the script write them more often, or take "
                "fewer [train] evaluations",
            )
        if not watcher.is_settled(sample, ended):
            return None
        try:
            return sample, read_samples(
                watcher.folder / sample.relative, context.data, context.evaluator.num_generated
            )
        except ValueError as error:
            # Of an attempt that was killed as it wrote: they are written again.
            if sample.relative in self._left_behind(watcher) and not ended:
                return None
            self._fail(process, f"samples of evaluation {index}: {error} ({watcher.folder})")

    def _left_behind(self, watcher: Watcher) -> set[str]:
        """Return the samples that an earlier attempt has left, as they were."""
        samples = watcher.seen.samples.items()
        return {name for name, each in samples if self._began.get(name) == each.signature}

    def _of(self, index: int) -> str:
        """Return where an evaluation is due, in words."""
        budget, planned = self._context.config.budget, self._context.config.evaluations
        return f"{budget.amount * index / planned:g} {budget.unit.replace('_', ' ')}"

    def _refuse_end(self, process: ScriptProcess, watcher: Watcher, index: int) -> NoReturn:
        """Raise why a script that has ended is no evaluation."""
        seen, watch, budget = watcher.seen, self._context.command.watch, self._context.config.budget
        if not process.succeeded:
            if seen.resumed_from and seen.furthest <= self._begun_at:
                seen.useless.append(seen.resumed_from)
                seen.write(watcher.folder.with_name(f"{watcher.folder.name}-seen.json"))
            self._fail(
                process,
                f"{process.how_it_ended()} at {seen.furthest:g} of {budget.amount:g} "
                f"{budget.unit.replace('_', ' ')}",
            )
        expected = (
            f"files or folders {watch.samples} in {watcher.folder}"
            if watch.samples
            else 'lines [ganstudy] {..., "samples": "PATH"} in its output'
        )
        newest = max(seen.samples.values(), key=lambda each: each.amount, default=None)
        there = (
            f"the newest there are {newest.relative}, at {newest.amount:g}" if newest else "none are there"
        )
        self._fail(
            process,
            f"it ended (exit code 0) without samples for evaluation {index} of "
            f"{self._context.config.evaluations}, at {self._of(index)}: expected {expected}; {there}",
        )

    def _fail(self, process: ScriptProcess, what: str) -> NoReturn:
        process.end()
        raise CommandError(
            f"seed {self.seed}: {what}; command: {shlex.join(process.command)}; last lines: "
            f"{last_lines(process.output)}; all of its output: {process.output}",
            self._context.name,
        )

    def _finish(self, process: ScriptProcess) -> None:
        """Let a script end whose samples are all scored."""
        process.go_on()
        if self.rows[-1].finite and not process.wait(AFTERWARDS_SECONDS):
            self.notes.append(
                f"seed {self.seed}: the script was ended {AFTERWARDS_SECONDS:g} s after its last samples"
            )
        if process.ended and not process.succeeded:
            self.notes.append(
                f"seed {self.seed}: after its last samples the script ended with {process.how_it_ended()}"
            )
        self.close()

    # --- scoring

    def _score(self, watcher: Watcher, taken: tuple[Sample, Tensor], index: int) -> None:
        """Score samples as the study does, and add the row of their evaluation."""
        begun = time.perf_counter()
        context, (sample, images) = self._context, taken
        shown = images[:SHOWN]
        is_finite = bool(torch.isfinite(images).all())
        device_images = images.to("cuda") if context.on_gpu else images
        with torch.no_grad():
            scored = context.evaluator.measure(device_images[None])[0] if is_finite else None
        finite = shown if bool(torch.isfinite(shown).all()) else None
        self.pictures[index] = draw_grid(context.evaluator.dataset, [finite])
        planned = context.config.evaluations
        self._counters.evaluation_seconds += time.perf_counter() - begun
        cost = self._cost(watcher, sample)
        bare = EvaluationRow(self.seed, index, is_finite, self._told(watcher, sample), None)
        row = evaluation_row(bare, scored, self.rows, planned)
        judged = verdict([*self.rows, row], planned, context.evaluator.floor)
        self.rows.append(replace(row, verdict=judged, cost=cost))

    def _cost(self, watcher: Watcher, sample: Sample) -> dict[str, float | None]:
        """Return the cost of the training up to some samples: None where the script does not say."""
        unit = self._context.config.budget.unit
        told = {**watcher.counters_at(sample.amount), unit: sample.amount}
        names = ("generator_steps", "discriminator_steps", "images")
        counters = replace(self._counters, **{name: round(told.get(name, 0)) for name in names})
        if self._context.on_gpu:
            counters.device_seconds = counters.seconds
        # Of the script's memory nothing is known.
        unknown = {name for name in names if name not in told} | {"peak_memory_bytes"}
        if unknown & {"generator_steps", "discriminator_steps"}:
            unknown.add("updates")
        return {n: None if n in unknown else v for n, v in counters.as_columns().items()}

    def _told(self, watcher: Watcher, sample: Sample) -> dict[str, float | None]:
        """Return the losses and the own metrics that the script has told since the last evaluation."""
        unit = self._context.config.budget.unit
        before = float(self.rows[-1].cost[unit] or 0) if self.rows else 0.0
        told = [*watcher.between(before, sample.amount)]
        values: dict[str, float | None] = {}
        for name in {name for each in told for name in each.losses}:
            found = [each.losses[name] for each in told if name in each.losses]
            values[name] = sum(found) / len(found)
        for each in sorted(told, key=lambda each: each.amount):
            values |= {f"{OWN}{name}": value for name, value in each.own.items()}
        return values

    # --- checkpoints

    def record(self) -> SeedRecord | None:
        """Return the state as a checkpoint holds it."""
        budget = self._context.config.budget
        if self._watcher is not None:
            share = self._watcher.seen.furthest / budget.amount
            self._furthest = max(self._furthest, round(1e6 * min(1.0, share)))
        # Raised by every evaluation too: the newest checkpoint is the one of the highest number.
        reached = self._furthest + len(self.rows)
        position = Position(replace(self._counters), reached, len(self.rows))
        return SeedRecord(position, list(self.rows), {}, {}, dict(self.pictures))

    def close(self) -> None:
        """End the script."""
        process, self._process = self._process, None
        if process is not None:
            process.end()


def placeholder_values(
    config: TrialConfig,
    folder: Path,
    dataset: Dataset,
    seed: int,
    others: Mapping[str, Any],
    made: float = 0.0,
) -> dict[str, Any]:
    """Return what stands for the placeholders of a command; made: of the budget already."""
    assert config.function is not None and config.function.command is not None
    command, budget = config.function.command, config.budget
    import sys

    values = {
        **config.function.params,
        **budget_values(budget.unit, budget.amount - made),
        **interval_values(budget.unit, budget.amount / config.evaluations),
        "seed": seed,
        "folder": str(folder),
        "home": command.home,
        "python": sys.executable,
        **others,
    }
    used = placeholders([*command.command, *command.resume, *command.dry_run])
    # Beside the trials: one copy for all of a study.
    if "data" in used:
        values["data"] = str(training_array(dataset, folder.parents[1]))
    if "data_folder" in used:
        values["data_folder"] = str(training_folder(dataset, folder.parents[1]))
    return values
