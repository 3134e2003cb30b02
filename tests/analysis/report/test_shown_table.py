"""Tables as the page shows them, against the cells written out."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd

from ganstudy.analysis.report.blocks import Table
from ganstudy.analysis.report.shown_table import MOST_COLUMNS, Shown


def shown(frame: pd.DataFrame, **options) -> Shown:
    return Shown(Table("made", frame, "Made", **options))


def texts(table: Shown) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_the_score_comes_first_and_with_its_interval_in_one_cell() -> None:
    frame = pd.DataFrame(
        {
            "number": [3, 4],
            "k": [1.0, 2.0],
            "lr_d": [1e-4, 0.00048],
            "median": [12.345678, math.inf],
            "median_low": [10.0, 11.0],
            "median_high": [15.0, math.inf],
            "configurations": [7, 8],
        }
    )
    table = shown(frame)
    assert table.columns == ["trial", "median", "k", "lr_d", "configurations"]
    assert texts(table) == [
        ["3", "12.35 [10, 15]", "1", "0.0001", "7"],
        ["4", "diverged [11, diverged]", "2", "0.00048", "8"],
    ]
    assert [row[1].key for row in table.rows] == [12.345678, 1e300], "a diverged one is the last"


def test_what_is_empty_or_the_same_in_all_rows_is_no_column() -> None:
    frame = pd.DataFrame(
        {
            "question": ["k", "remedies", "k"],
            "effect": [0.5, 0.7, 0.9],
            "low": [0.4, np.nan, 0.8],
            "high": [0.6, np.nan, 1.0],
            "axis": ["generator_steps"] * 3,
            "level": [0.95] * 3,
            "at": ["", "", ""],
            "nothing": [None, np.nan, None],
            "p_adjusted": [0.00001, 0.5, np.nan],
        }
    )
    table = shown(frame)
    assert table.columns == ["question", "effect", "p adjusted"]
    assert table.same == "axis generator steps, level 0.95"
    assert texts(table) == [
        ["k", "0.5 [0.4, 0.6]", "< 0.001"],
        ["remedies", "0.7", "0.5"],
        ["k", "0.9 [0.8, 1]", "–"],
    ]
    # Of two rows nothing is taken out: a reader compares them column by column.
    assert shown(frame.head(2)).same == ""


def test_a_wide_table_has_as_many_columns_as_fit_and_says_how_many_more() -> None:
    wide = pd.DataFrame({f"c{i}": [i, i + 1, i + 3] for i in range(MOST_COLUMNS + 4)})
    table = shown(wide)
    assert len(table.columns) == MOST_COLUMNS and table.dropped == 4
    chosen = shown(wide, columns=list(wide))
    assert len(chosen.columns) == MOST_COLUMNS + 4 and not chosen.dropped, "chosen by hand"


def test_all_rows_are_there_to_be_sorted_though_the_page_shows_some() -> None:
    frame = pd.DataFrame({"number": range(500), "fid": np.arange(500)[::-1] / 3})
    table = shown(frame, rows=20)
    assert len(table.rows) == 20 and table.is_cut and table.total == 500
    every = json.loads(table.every_row())
    assert len(every) == 500
    assert every[7] == [["7", "164"], [7.0, 164.0]]
    assert not shown(frame.head(20), rows=20).is_cut


def test_settings_are_spelt_as_in_the_study_file() -> None:
    frame = pd.DataFrame(
        {
            "setting": ["lr_d", "historical_averaging.weight", "remedies"],
            "importance": [0.5, 0.3, 0.2],
            "first": ["feature_matching+r1", "none", "lecam"],
        }
    )
    assert texts(shown(frame)) == [
        ["lr_d", "0.5", "feature matching + r1"],
        ["historical_averaging.weight", "0.3", "none"],
        ["remedies", "0.2", "lecam"],
    ]
