"""What a section of the report is made of, and what it may draw on.

A section is a module of analysis/sections with NAME (its anchor), TITLE, `said` (its conclusions,
each from a table) and `blocks` (tables, then figures). analysis/report/sections/registry.py lists
them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, ClassVar, ParamSpec, Protocol, TypeVar

import pandas as pd
import plotly.graph_objects as go

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.trials.results.records import Stage

ROWS_SHOWN = 200
"""Rows of a table that the page holds; the rest is in its download."""
Arguments = ParamSpec("Arguments")
Made = TypeVar("Made")


class Results:
    """A study, and what was computed from it, each thing once.

    `study` is its search, which all sections but those of the confirm stage are about; `whole` has
    both stages.
    """

    def __init__(self, study: Study) -> None:
        self.whole, self.study = study, study.of_stage(Stage.SEARCH)
        self._made: dict[Hashable, Any] = {}

    def of(
        self, function: Callable[Arguments, Made], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Made:
        """function(*args, **kwargs), remembered: sections share tables, and some tables take
        seconds.

        The studies among the arguments are told by identity, the others must be hashable.
        """
        key = (
            f"{function.__module__}.{function.__qualname__}",
            tuple(id(value) if isinstance(value, Study) else value for value in args),
            tuple(sorted(kwargs.items())),
        )
        if key not in self._made:
            self._made[key] = function(*args, **kwargs)
        made: Made = self._made[key]
        return made


@dataclass(frozen=True)
class Table:
    """A table that can be downloaded; an empty one is left out."""

    kind: ClassVar[str] = "table"
    name: str
    """Of the files: NAME.csv and NAME.parquet."""
    frame: pd.DataFrame
    title: str
    note: str = ""
    folded: bool = False
    """Shown only once it is opened; the numbers behind a figure are."""
    columns: list[str] | None = None
    """Those that the page shows; all are in the download."""
    rows: int = ROWS_SHOWN


@dataclass(frozen=True)
class Figure:
    """A figure that is drawn when it comes near the screen."""

    kind: ClassVar[str] = "figure"
    name: str
    figure: go.Figure
    caption: str
    alt: str
    """What it shows, for those who cannot see it."""


@dataclass(frozen=True)
class Pair:
    """Blocks beside each other where there is room."""

    kind: ClassVar[str] = "pair"
    blocks: list[Figure]


@dataclass(frozen=True)
class Picture:
    """A picture with its caption."""

    data: bytes
    media: str
    caption: str
    alt: str


@dataclass(frozen=True)
class Pictures:
    """Pictures in a row."""

    kind: ClassVar[str] = "pictures"
    pictures: list[Picture]


@dataclass(frozen=True)
class Heading:
    """Begins a part of a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Note:
    """A paragraph of explanation."""

    kind: ClassVar[str] = "note"
    text: str


@dataclass(frozen=True)
class Facts:
    """Names and what they stand for."""

    kind: ClassVar[str] = "facts"
    facts: list[tuple[str, str]]


@dataclass(frozen=True)
class Points:
    """A list."""

    kind: ClassVar[str] = "points"
    points: list[str]


@dataclass(frozen=True)
class Listing:
    """Text as it stands in a file."""

    kind: ClassVar[str] = "listing"
    title: str
    text: str
    folded: bool = True


Block = Table | Figure | Pair | Pictures | Heading | Note | Facts | Points | Listing


class Part(Protocol):
    """A section, as its module offers it."""

    NAME: str
    TITLE: str

    def conclusions(self, results: Results) -> list[Conclusion]:
        """Its conclusions, the most important one first; may be empty."""

    def blocks(self, results: Results) -> list[Block]:
        """What it shows; empty where the study has nothing for it."""


@dataclass(frozen=True)
class Section:
    """A section with everything in it."""

    name: str
    title: str
    conclusions: list[Conclusion]
    blocks: list[Block] = field(default_factory=list)


def sections(parts: tuple[Part, ...], results: Results) -> list[Section]:
    """Those of the parts that have something to show or to say."""
    made = [
        Section(part.NAME, part.TITLE, part.conclusions(results), part.blocks(results))
        for part in parts
    ]
    return [section for section in made if section.conclusions or section.blocks]


def tables_of(blocks: list[Block]) -> list[Table]:
    """The tables that hold something."""
    return [block for block in blocks if isinstance(block, Table) and len(block.frame)]
