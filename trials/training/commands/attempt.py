"""One attempt of a script at one seed: started from its newest snapshot, watched, and ended."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from torch import Tensor

from ganstudy.trials.config.command import check_unchanged, filled, program_of, snapshot_patterns
from ganstudy.trials.results.documents import Settings
from ganstudy.trials.results.records import Counters
from ganstudy.trials.training.commands.context import (
    CommandContext,
    CommandError,
    placeholder_values,
)
from ganstudy.trials.training.commands.process import ScriptProcess, last_lines
from ganstudy.trials.training.commands.samples import read_samples
from ganstudy.trials.training.commands.watcher import Sample, Seen, Watcher, mark_of

POLL_SECONDS = 0.2
TICK_SECONDS = 1.0
AFTERWARDS_SECONDS = 30.0
"""For a script to end by itself once its last samples are scored."""


class Attempt:
    """A script in training, and what is seen of it."""

    def __init__(self, context: CommandContext, seed: int, folder: Path) -> None:
        """Start the script; folder: of the seed. Raise CommandError where it cannot be started."""
        self._context = context
        self._seed = seed
        self._folder = folder
        self._seen_file = folder.with_name(f"{folder.name}-seen.json")
        seen = Seen.read(self._seen_file)
        folder.mkdir(parents=True, exist_ok=True)
        self._check_code()
        patterns, unit = snapshot_patterns(context.command.resume), context.config.budget.unit
        watcher = self.watcher = Watcher(context.command.watch, patterns, unit, folder, seen)
        # All that earlier attempts have left is taken in before a new one writes.
        try:
            watcher.look(self._output() if seen.attempts else None)
        except ValueError as error:
            raise CommandError(
                f"seed {seed}, in an earlier attempt: {error}", context.name
            ) from error
        self._begun_at = seen.furthest
        self._left = {name: each.signature for name, each in seen.samples.items()}
        seen.attempts += 1
        line, snapshot = self._command_line()
        seen.resumed_from = "" if snapshot is None else mark_of(snapshot)
        seen.offset = 0.0
        self.note = ""
        """What is to be known of how it began."""
        if snapshot is not None and context.command.watch.counts_anew:
            seen.offset = snapshot.amount
        if seen.attempts > 1:
            how = f"from {snapshot.relative}" if snapshot else "from its beginning: no snapshot"
            self.note = f"seed {seed}: attempt {seen.attempts} of the script went on {how}"
        seen.write(self._seen_file)
        watcher.alive_at = time.monotonic()
        self.process = ScriptProcess(line, folder, self._output(), context.shipped)

    def _check_code(self) -> None:
        """Raise CommandError where the script is not here, ChangedError where it is another one."""
        context, home = self._context, Path(self._context.command.home)
        function = context.config.function
        if context.shipped is None and not home.is_dir():
            raise CommandError(
                f"its folder {home} is not on this node: a command is run where it lies, so put it where "
                "all nodes see it, or name its folder in [code], which travels",
                context.name,
            )
        assert function is not None
        check_unchanged(context.command.command, home, context.command.code, function.digest)

    def _output(self) -> Path:
        """Return the file of the script's output in the present attempt."""
        number = self.watcher.seen.attempts
        return self._folder.with_name(f"{self._folder.name}-output-{number}.txt")

    def _command_line(self) -> tuple[list[str], Sample | None]:
        """Return what is run, and the snapshot that it goes on from."""
        command, home = self._context.command, Path(self._context.command.home)
        found: list[Sample] = []

        def latest(pattern: str) -> str | None:
            snapshot = self.watcher.snapshot(pattern)
            if snapshot is None:
                return None
            found.append(snapshot)
            return str(self._folder / snapshot.relative)

        values = self._values(0.0)
        resume = filled(command.resume, values, latest) if command.resume else None
        snapshot = found[0] if resume and found else None
        if snapshot is not None and command.watch.counts_anew:
            # Such a script is given what is left.
            values = self._values(snapshot.amount)
            resume = filled(command.resume, values, latest)
        line = filled(self._context.own_arguments(command.command), values, latest) or []
        program = program_of(command.command, home)
        if program is None:
            raise CommandError(
                f"{command.command[0]} is no program on this node", self._context.name
            )
        return [str(program), *line[1:], *(resume or [])], snapshot

    def _values(self, made: float) -> Settings:
        """Return what stands for the placeholders; made: of the budget, by a script that counts anew."""
        context = self._context
        others = {
            "samples": context.evaluator.num_generated,
            "device": "cuda" if context.on_gpu else "cpu",
            "attempt": self.watcher.seen.attempts,
        }
        dataset = context.evaluator.dataset
        return placeholder_values(context.config, self._folder, dataset, self._seed, others, made)

    # --- in training

    def samples(
        self, index: int, counters: Counters, tick: Callable[[], None]
    ) -> tuple[Sample, Tensor]:
        """Let the script go on until the samples of an evaluation are whole, and return them.

        counters: to which its time is added. tick: called about once a second. Raise CommandError where
        there will be none.
        """
        process, watcher = self.process, self.watcher
        process.go_on()
        before = ticked = time.perf_counter()
        while True:
            # Asked before looking: what it wrote before its end is seen then.
            ended = process.ended
            try:
                watcher.look(process.output)
            except ValueError as error:
                self._fail(str(error))
            now = time.perf_counter()
            counters.seconds += now - before
            before = now
            found = self._take(index, ended)
            if found is not None:
                process.pause()
                return found
            if ended:
                self._refuse_end(index)
            self._check_alive()
            if now - ticked >= TICK_SECONDS:
                tick()
                # That was no training.
                before = ticked = time.perf_counter()
            process.wait(POLL_SECONDS)

    def _take(self, index: int, ended: bool) -> tuple[Sample, Tensor] | None:
        """Return the samples of an evaluation; None where they are not whole yet."""
        context, watcher = self._context, self.watcher
        sample = watcher.sample_at(context.due(index))
        if sample is None:
            return None
        if index < context.config.evaluations and sample.amount >= context.due(index + 1):
            self._fail(
                f"no samples for evaluation {index}, at {context.place(index)}: the next after it are "
                f"{sample.relative}, at {sample.amount:g}; let the script write them more often, or take "
                "fewer [train] evaluations"
            )
        if not watcher.is_settled(sample, ended):
            return None
        try:
            path = self._folder / sample.relative
            return sample, read_samples(path, context.data, context.evaluator.num_generated)
        except ValueError as error:
            # Of an attempt that was killed as it wrote: they are written again.
            if self._left.get(sample.relative) == sample.signature and not ended:
                return None
            self._fail(f"samples of evaluation {index}: {error} ({self._folder})")

    def _check_alive(self) -> None:
        silent, most = time.monotonic() - self.watcher.alive_at, self._context.silent_seconds
        if silent > most:
            self._fail(
                f"gave no sign of life for {silent:.0f} s ([resources] silent_seconds): no output, no "
                f"file in {self._folder}; it was ended"
            )

    def _refuse_end(self, index: int) -> NoReturn:
        """Raise why a script that has ended is no evaluation."""
        context, seen, process = self._context, self.watcher.seen, self.process
        budget, watch = context.config.budget, context.command.watch
        if not process.succeeded:
            if seen.resumed_from and seen.furthest <= self._begun_at:
                seen.useless.append(seen.resumed_from)
                seen.write(self._seen_file)
            self._fail(
                f"{process.how_it_ended()} at {seen.furthest:g} of {budget.amount:g} "
                f"{budget.unit.replace('_', ' ')}"
            )
        expected = (
            f"files or folders {watch.samples} in {self._folder}"
            if watch.samples
            else 'lines [ganstudy] {..., "samples": "PATH"} in its output'
        )
        newest = max(seen.samples.values(), key=lambda each: each.amount, default=None)
        there = "none are there"
        if newest is not None:
            there = f"the newest there are {newest.relative}, at {newest.amount:g}"
        self._fail(
            f"it ended (exit code 0) without samples for evaluation {index} of "
            f"{context.config.evaluations}, at {context.place(index)}: expected {expected}; {there}"
        )

    def _fail(self, what: str) -> NoReturn:
        self.process.end()
        raise CommandError(
            f"seed {self._seed}: {what}; command: {shlex.join(self.process.command)}; last lines: "
            f"{last_lines(self.process.output)}; all of its output: {self.process.output}",
            self._context.name,
        )

    # --- at the end

    def finish(self, tick: Callable[[], None]) -> str:
        """Let a script end whose last samples are scored; return what is to be known of it."""
        self.process.go_on()
        deadline = time.monotonic() + AFTERWARDS_SECONDS
        while not self.process.wait(TICK_SECONDS) and time.monotonic() < deadline:
            tick()
        if not self.process.ended:
            self.process.end()
            return f"seed {self._seed}: the script was ended {AFTERWARDS_SECONDS:g} s after its last samples"
        if self.process.succeeded:
            return ""
        how = self.process.how_it_ended()
        return f"seed {self._seed}: after its last samples the script ended with {how}"
