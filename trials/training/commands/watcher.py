"""What is seen of a script from outside: how far it is, its samples, its losses and own metrics.

All of it lies in files, below the script's folder and in its output. So whoever goes on with a trial
sees what an earlier attempt has left. Amounts are in units of budgets, counted from the beginning of
the training, whatever the script counts from.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ganstudy.trials.config.base import alternatives
from ganstudy.trials.config.command import LOSSES, UNITS, Watch
from ganstudy.trials.results.atomic_file import write_whole
from ganstudy.trials.results.own_metrics import check_name
from ganstudy.trials.training.commands.lines import (
    MARK,
    Reading,
    amount_at,
    marked_rows,
    new_rows,
    number_at,
)
from ganstudy.trials.training.commands.patterns import Entry, Pattern, entries

SETTLED_SECONDS = 1.0
"""A file that did not change for so long is whole."""
KEYS_OF_MARKED = (*UNITS, *LOSSES, "samples", "own")


@dataclass
class ProgressLine:
    """What a line says: where in the training it is, and values."""

    amount: float
    """On the budget's axis."""
    counters: dict[str, float] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=dict)
    own: dict[str, float | None] = field(default_factory=dict)


@dataclass
class Sample:
    """Samples that have appeared."""

    amount: float
    relative: str
    """Path below the script's folder."""
    signature: tuple[int, int]


@dataclass
class Seen:
    """All that was seen so far; kept on disk between attempts."""

    lines: list[ProgressLine] = field(default_factory=list)
    samples: dict[str, Sample] = field(default_factory=dict)
    """By path."""
    named: dict[str, float] = field(default_factory=dict)
    """Amounts of samples that a line has named, by path."""
    reading: Reading = field(default_factory=Reading)
    snapshots: dict[str, Sample] = field(default_factory=dict)
    """By path."""
    offset: float = 0.0
    """What the present attempt had made before, of a script that counts anew."""
    attempts: int = 0
    resumed_from: str = ""
    """Snapshot of the present attempt, with its time."""
    useless: list[str] = field(default_factory=list)
    """Snapshots from which an attempt failed before it came any further."""

    @classmethod
    def read(cls, path: Path) -> Seen:
        """Return what an earlier attempt has left; nothing where there was none."""
        if not path.exists():
            return cls()
        values = json.loads(path.read_text())
        for key in ("samples", "snapshots"):
            values[key] = {
                name: Sample(each["amount"], each["relative"], (*each["signature"],))
                for name, each in values[key].items()
            }
        values["lines"] = [ProgressLine(**each) for each in values["lines"]]
        values["reading"] = Reading(**values["reading"])
        return cls(**values)

    def write(self, path: Path) -> None:
        """Keep it."""
        write_whole(path, json.dumps(asdict(self)).encode())

    @property
    def furthest(self) -> float:
        """How far the training is known to have come."""
        amounts = [*(t.amount for t in self.lines), *(s.amount for s in self.samples.values())]
        return max(amounts, default=0.0)


def mark_of(snapshot: Sample) -> str:
    """Return what tells a snapshot from another of its name."""
    return f"{snapshot.relative} {snapshot.signature[0]}"


class Watcher:
    """Looks at the files of one seed's script again and again."""

    def __init__(
        self, watch: Watch, snapshots: list[str], unit: str, folder: Path, seen: Seen
    ) -> None:
        """snapshots: their patterns; unit: of the budget; folder: of the script."""
        self.watch = watch
        self.unit = unit
        self.folder = folder
        self.seen = seen
        self._snapshots = [Pattern(each) for each in snapshots]
        self._samples = Pattern(watch.samples) if watch.samples else None
        self._since: dict[str, tuple[tuple[int, int], float]] = {}
        """When each sample was first seen as it is."""
        self._life: Any = None
        self.alive_at = time.monotonic()
        """When something last changed."""

    # --- looking

    def look(self, output: Path | None) -> None:
        """Take in what is new; ValueError for what breaks the rules of what is watched.

        output: of the present attempt.
        """
        found = [*entries(self.folder, self._samples)] if self.folder.exists() else []
        if output is not None:
            for row in marked_rows(output, self.seen.reading):
                self._marked(row)
        for each in found:
            self._file(each.relative, each.path, each.is_folder)
            amount = None
            if self._samples is not None:
                amount = self._samples.amount(each.relative)
            elif each.relative in self.seen.named:
                amount = self.seen.named[each.relative]
            if amount is not None:
                self._sample(each.relative, each.signature, amount)
            for pattern in self._snapshots:
                if (number := pattern.amount(each.relative)) is not None:
                    self._snapshot(each, number)
        life = (
            [(each.relative, each.signature) for each in found],
            output.stat().st_size if output is not None and output.exists() else 0,
        )
        if life != self._life:
            self._life, self.alive_at = life, time.monotonic()

    def _sample(self, relative: str, signature: tuple[int, int], amount: float) -> None:
        known = self.seen.samples.get(relative)
        # A line that names them has their amount from the beginning of the training.
        named = self._samples is None
        if known is None or known.signature != signature or (named and known.amount != amount):
            amount += 0.0 if named else self.seen.offset
            self.seen.samples[relative] = Sample(amount, relative, signature)
        if self._since.get(relative, (None, 0.0))[0] != signature:
            self._since[relative] = (signature, time.monotonic())

    def _snapshot(self, entry: Entry, number: float) -> None:
        known = self.seen.snapshots.get(entry.relative)
        if known is None or known.signature != entry.signature:
            made = Sample(number + self.seen.offset, entry.relative, entry.signature)
            self.seen.snapshots[entry.relative] = made

    def _file(self, relative: str, path: Path, is_folder: bool) -> None:
        """Take in the new lines of a file of progress or of metrics."""
        if is_folder:
            return
        for table, is_metrics in ((self.watch.progress, False), (self.watch.metrics, True)):
            if table and Pattern(table["file"]).amount(relative) is not None:
                for row in new_rows(path, self.seen.reading):
                    self._add_line(row, table, is_metrics)

    def _add_line(self, row: Mapping[str, Any], table: Mapping[str, str], is_metrics: bool) -> None:
        amounts = amount_at(row, {n: key for n, key in table.items() if n in UNITS})
        values = {
            name: number_at(row, key)
            for name, key in table.items()
            if name not in UNITS and name != "file"
        }
        if self.unit not in amounts:
            return  # a line about something else
        counters = {name: value + self._before(name) for name, value in amounts.items()}
        line = ProgressLine(counters[self.unit])
        if is_metrics:
            line.own = values
        else:
            line.counters = counters
            line.losses = {n: v for n, v in values.items() if v is not None}
        self.seen.lines.append(line)

    def _marked(self, row: Mapping[str, Any]) -> None:
        unknown = [name for name in row if name not in KEYS_OF_MARKED]
        if unknown:
            raise ValueError(
                f"a line {MARK}has an unknown key {unknown[0]!r}{alternatives(unknown[0], KEYS_OF_MARKED)}"
            )
        amounts = amount_at(row, {name: name for name in UNITS if name in row})
        if self.unit not in amounts:
            fitting = " or ".join(n for n, (of, _) in UNITS.items() if of == self.unit)
            raise ValueError(
                f"a line {MARK}must say {fitting}, a number, as the budget counts "
                f"{self.unit.replace('_', ' ')}, got {json.dumps(dict(row))[:100]}"
            )
        own = row.get("own", {})
        if not isinstance(own, dict):
            raise ValueError(f'a line {MARK}must have a table as "own", got {own!r}')
        for name in own:
            check_name(str(name))
        counters = {name: value + self._before(name) for name, value in amounts.items()}
        losses = {name: number_at(row, name) for name in LOSSES if name in row}
        line = ProgressLine(
            counters[self.unit],
            counters,
            {name: value for name, value in losses.items() if value is not None},
            {str(name): number_at(own, name) for name in own},
        )
        self.seen.lines.append(line)
        if "samples" in row:
            path = Path(str(row["samples"]))
            if path.is_absolute() and not path.is_relative_to(self.folder):
                raise ValueError(
                    f"a line {MARK}must name samples below the script's folder {self.folder}, "
                    f"got {path}"
                )
            inside = path.relative_to(self.folder) if path.is_absolute() else path
            self.seen.named[inside.as_posix()] = line.amount

    def _before(self, counter: str) -> float:
        """Return what was made of a counter before this attempt began to count."""
        if not self.seen.offset:
            return 0.0
        if counter == self.unit:
            return self.seen.offset
        # Counters grow in proportion: what an earlier attempt said of both.
        pairs = [t.counters for t in self.seen.lines if counter in t.counters]
        before = [c for c in pairs if c.get(self.unit, 0.0) <= self.seen.offset]
        return before[-1][counter] if before else 0.0

    # --- asking

    def sample_at(self, due: float) -> Sample | None:
        """Return the first samples at or after an amount; None where there are none yet."""
        later = [each for each in self.seen.samples.values() if each.amount >= due]
        return min(later, key=lambda each: each.amount) if later else None

    def is_settled(self, sample: Sample, ended: bool) -> bool:
        """Return whether samples are whole, and all that is written beside them has come.

        ended: whether the script has ended.
        """
        if ended or any(each.amount > sample.amount for each in self.seen.samples.values()):
            return True
        since = self._since.get(sample.relative)
        if since is None or time.monotonic() - since[1] < SETTLED_SECONDS:
            return False
        later = [line for line in self.seen.lines if line.amount >= sample.amount]
        return (not self.watch.progress or any(line.counters for line in later)) and (
            not self.watch.metrics or any(line.own for line in later)
        )

    def snapshot(self, text: str) -> Sample | None:
        """Return the newest snapshot of a pattern that may be gone on from; None without any.

        Empty files are passed over, which a script that was killed may have left, and those from which
        an attempt has failed.
        """
        pattern = Pattern(text)
        found = [
            each
            for each in self.seen.snapshots.values()
            if pattern.amount(each.relative) is not None
            and (each.signature[1] or (self.folder / each.relative).is_dir())
            and mark_of(each) not in self.seen.useless
            and (self.folder / each.relative).exists()
        ]
        return max(found, key=lambda each: (each.signature[0], each.amount), default=None)

    def between(self, before: float, until: float) -> Iterator[ProgressLine]:
        """Iterate over the lines of a part of the training."""
        return (line for line in self.seen.lines if before < line.amount <= until)

    def counters_at(self, amount: float) -> dict[str, float]:
        """Return the counters that the script has written for an amount; those next to it."""
        lines = [each for each in self.seen.lines if each.counters]
        after = [each for each in lines if each.amount >= amount]
        if after:
            return min(after, key=lambda each: each.amount).counters
        return max(lines, key=lambda each: each.amount).counters if lines else {}
