"""Text that looks like Markdown stays the text that it is."""

from __future__ import annotations

import pytest

from ganstudy.study.export.markdown import escape


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("0.5 is best", "0\\.5 is best"),  # no list
        ("1. item", "1\\. item"),
        ("1) item", "1\\) item"),
        ("- item", "\\- item"),
        ("= heading", "\\= heading"),
        ("> quote", "\\> quote"),
        ("k = 0.5 - 1", "k = 0.5 - 1"),
        ("a\nb\t c", "a b c"),
        ("https://x", "https&#58;//x"),
        ("[x](y) <b>", "\\[x\\]\\(y\\) \\<b\\>"),
    ],
)
def test_what_would_be_markup_is_escaped(text: str, written: str) -> None:
    assert escape(text) == written
