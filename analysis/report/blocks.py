"""What a section of the report consists of, and the results that its tables are computed from.

A section is one stem: tables/NAME.py computes, figures/NAME.py draws, report/sections/NAME.py says
and shows (`conclusions`, each from a table; `blocks`, tables and figures). One line in
report/sections/registry.py puts it into the report.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, ParamSpec, Protocol, TypeVar

import pandas as pd
import plotly.graph_objects as go

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.phrases import Brief, Conclusion
from ganstudy.analysis.tables.effects.contrast_table import ContrastTable, contrast_table
from ganstudy.analysis.tables.effects.looks import interim
from ganstudy.trials.results.records import OWN_SEEDS

ROWS_SHOWN = 200
"""Rows of a table in the page, as more of them make it slow; downloads have all."""
OPEN_SECTION = "sample_size"
"""The section that has the list of what is inconclusive."""
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Results:
    """A study and its computed tables, each computed once.

    `study` is the search, which every section but the confirm stage's is about; `whole` has both
    stages.
    """

    def __init__(self, study: Study) -> None:
        self.whole = study
        self.study = study.of_stage(*OWN_SEEDS)
        self._cache: dict[Hashable, Any] = {}

    @property
    def contrasts(self) -> ContrastTable:
        """The one table of contrasts, which all sections read."""
        return self.cached(contrast_table, self.whole)

    def cached(
        self,
        function: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Return function(*args, **kwargs), computed at the first call with these arguments.

        Studies are compared by identity; the other arguments must be hashable.
        """
        # Not functools.cache: a Study consists of frames and has no hash, and the tables must go
        # with the report instead of staying in memory for as long as the process lives.
        key = (
            f"{function.__module__}.{function.__qualname__}",
            tuple(id(value) if isinstance(value, Study) else value for value in args),
            tuple(sorted(kwargs.items())),
        )
        if key not in self._cache:
            self._cache[key] = function(*args, **kwargs)
        result: Result = self._cache[key]
        return result


@dataclass(frozen=True)
class Table:
    """A table that can be downloaded; an empty one is left out."""

    kind: ClassVar[str] = "table"
    name: str
    """Stem of its files, NAME.csv and NAME.parquet; unique in the report."""
    frame: pd.DataFrame
    title: str
    note: str = ""
    folded: bool = False
    """Whether a reader must open it: for the numbers behind a figure."""
    columns: list[str] | None = None
    """Columns in the page, all that are not empty by default; the download has every one."""
    rows: int = ROWS_SHOWN
    texts: dict[str, str] = field(default_factory=dict)
    """Further downloads: the name of a file among the report's texts, by what it is called."""


@dataclass(frozen=True)
class Figure:
    """A figure, drawn when it comes near the screen."""

    kind: ClassVar[str] = "figure"
    name: str
    figure: go.Figure
    caption: str
    alt: str
    """Description for readers who cannot see it."""


@dataclass(frozen=True)
class Pair:
    """Figures side by side on a wide screen."""

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
    """A heading inside a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Note:
    """A paragraph of explanation."""

    kind: ClassVar[str] = "note"
    text: str


@dataclass(frozen=True)
class Facts:
    """Names with their values."""

    kind: ClassVar[str] = "facts"
    facts: list[tuple[str, str]]


@dataclass(frozen=True)
class Points:
    """A list of bullet points."""

    kind: ClassVar[str] = "points"
    points: list[str]


@dataclass(frozen=True)
class Listing:
    """Text shown as in a file."""

    kind: ClassVar[str] = "listing"
    title: str
    text: str
    folded: bool = True


@dataclass(frozen=True)
class Fold:
    """Blocks that a reader must open, under a title."""

    kind: ClassVar[str] = "fold"
    title: str
    blocks: list[Block]


Block = Table | Figure | Pair | Pictures | Heading | Note | Facts | Points | Listing | Fold


class SectionModule(Protocol):
    """A module of report/sections. Its stem is the section's anchor in the page."""

    __name__: str
    TITLE: str

    def conclusions(self, results: Results) -> list[Conclusion]:
        """Return its conclusions, the most important one first; may be empty."""

    def blocks(self, results: Results) -> list[Block]:
        """Return its tables and figures; empty where the study has no data for them."""


@dataclass(frozen=True)
class Section:
    """A section as a report shows it."""

    name: str
    title: str
    conclusions: list[Conclusion]
    blocks: list[Block] = field(default_factory=list)


def conclusions_of(module: SectionModule, results: Results) -> list[Conclusion]:
    """Return the conclusions of a section.

    Each is marked as interim where the report is made before the study's planned end.
    """
    # The first screen asks for them too.
    return results.cached(_told, module, results)


def _told(module: SectionModule, results: Results) -> list[Conclusion]:
    found = module.conclusions(results)
    if not results.cached(interim, results.whole):
        return found
    return [
        replace(
            each,
            claim=f"Interim: {each.claim}",
            brief=_marked(each.brief),
            also=_marked(each.also),
        )
        for each in found
    ]


def _marked(brief: Brief | None) -> Brief | None:
    return None if brief is None else replace(brief, text=f"Interim: {brief.text}")


def build_sections(modules: tuple[SectionModule, ...], results: Results) -> list[Section]:
    """Return the sections that have a conclusion or a block.

    What is inconclusive stands in no section, but in the one list of such questions.
    """
    found = [conclusions_of(module, results) for module in modules]
    questions = [one for of_section in found for one in of_section if one.open is not None]
    sections = []
    for module, of_section in zip(modules, found, strict=True):
        name = module.__name__.rpartition(".")[2]
        listed = _open_list(questions) if name == OPEN_SECTION else []
        conclusions = [one for one in of_section if one.open is None]
        blocks = [*listed, *module.blocks(results)]
        sections.append(Section(name, module.TITLE, conclusions, blocks))
    return [section for section in sections if section.conclusions or section.blocks]


def _open_list(conclusions: list[Conclusion]) -> list[Block]:
    """Return the one list of what is inconclusive; none where nothing is."""
    asked = [one.open for one in conclusions if one.open is not None and one.open.question]
    frame = pd.DataFrame(
        [
            (
                one.question,
                one.observed.rstrip("."),
                one.takes.rstrip(".") or "how many is not known",
            )
            for one in asked
        ],
        columns=["question", "observed", "an answer would take"],
    )
    return [Table("inconclusive", frame, f"{len(asked)} inconclusive", LISTED)] if asked else []


LISTED = (
    "Of comparisons: pairs and seeds for 80% power, if the effect is as observed; where the study "
    "file states a margin, those that place the whole interval within it if there is no difference."
)


def flatten(blocks: Sequence[Block]) -> list[Block]:
    """Return the blocks with pairs and folds replaced by what is in them."""
    return [
        inner
        for block in blocks
        for inner in (flatten(block.blocks) if isinstance(block, Pair | Fold) else [block])
    ]


def tables_of(blocks: list[Block]) -> list[Table]:
    """Return the tables that have rows."""
    return [block for block in blocks if isinstance(block, Table) and len(block.frame)]
