"""The list of the report's sections against the files that hold them."""

from __future__ import annotations

import inspect
from pathlib import Path

from ganstudy.analysis.report import sections
from ganstudy.analysis.report.sections.registry import ORDER, SECTIONS


def test_every_file_of_a_section_is_listed_once() -> None:
    files = {path.stem for path in Path(sections.__path__[0]).glob("*.py")} - {
        "__init__",
        "registry",
    }
    assert sorted(ORDER) == sorted(files)


def test_every_section_fits_the_protocol() -> None:
    """The modules are imported by name, where mypy cannot compare them with SectionModule."""
    for module in SECTIONS:
        assert isinstance(module.TITLE, str)
        for function, returned in (
            (module.conclusions, "list[Conclusion]"),
            (module.blocks, "list[Block]"),
        ):
            signature = inspect.signature(function)
            assert (
                list(signature.parameters) == ["results"]
                and signature.return_annotation == returned
            )
    assert len({module.TITLE for module in SECTIONS}) == len(SECTIONS)
