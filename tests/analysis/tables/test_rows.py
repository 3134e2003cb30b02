from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ganstudy.analysis.stats.estimate import NAN, Estimate
from ganstudy.analysis.tables.rows import columns_of, rows_of, table_of


@dataclass(frozen=True)
class Row:
    group: Any
    seeds: int
    median: Estimate
    unit: str


COLUMNS = ["seeds", "median", "median_low", "median_high", "unit"]
ROWS = [Row("wgan", 3, Estimate(0.5, 0.25, 1.0), "steps"), Row(2, 1, Estimate(NAN), "steps")]


def test_columns_are_the_fields_and_an_estimate_has_three():
    assert columns_of(Row) == ["group", *COLUMNS]
    assert columns_of(Row, "k") == ["k", *COLUMNS]
    assert list(table_of(Row, [], "k")) == ["k", *COLUMNS]


def test_table_has_the_values_of_the_rows():
    expected = pd.DataFrame(
        [["wgan", 3, 0.5, 0.25, 1.0, "steps"], [2, 1, NAN, NAN, NAN, "steps"]],
        columns=["k", *COLUMNS],
    )
    pd.testing.assert_frame_equal(table_of(Row, ROWS, "k"), expected)


def test_rows_come_back_from_their_table_beside_other_columns():
    table = table_of(Row, ROWS, "k").assign(other=1.0)
    first, second = rows_of(Row, table, "k")
    assert first == ROWS[0]
    assert (second.group, second.seeds) == (2, 1)
    assert not second.median.has_interval and second.median.value != second.median.value
