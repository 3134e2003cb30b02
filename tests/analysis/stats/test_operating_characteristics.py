"""Each study in tests/benchmarks/operating_characteristics.py gets what stats/crossed/effect.py says of it alone."""

import csv
import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from ganstudy.analysis.stats.crossed.effect import (
    crossed_difference_of_shares,
    crossed_mean,
    crossed_wins,
    matched_differences,
)
from ganstudy.analysis.stats.margin import Margin

SIMULATED = Path(__file__).parents[3] / "docs" / "simulated"
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "operating_characteristics.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("operating_characteristics", SCRIPT)
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    yield made
    del sys.modules[spec.name]


@pytest.mark.parametrize("pairs_seeds", [(8, 3), (18, 6)])
def test_arrays_of_studies_are_the_single_studies(script, pairs_seeds):
    rng = np.random.default_rng(3)
    for world in script.WORLDS:
        if world.missing:
            continue
        treated, control = script.scores(rng, world, 6, *pairs_seeds)
        many = script.differences(treated, control)
        for level in (0.95, 0.98):
            halves, (lows, highs) = script.half_widths(many, level), script.win_ends(many, level)
            for i, (one, other) in enumerate(zip(treated, control, strict=True)):
                d = matched_differences(one, other)
                assert many[i] == pytest.approx(d)
                effect = crossed_mean(d, level).comparison.effect
                assert effect.high - effect.value == pytest.approx(halves[i])
                wins = crossed_wins(one, other, level)
                assert (wins.low, wins.high) == pytest.approx(
                    (max(0.0, min(lows[i], wins.value)), min(1.0, max(highs[i], wins.value)))
                )


@pytest.mark.parametrize("alike", [0.0, 0.2])
def test_arrays_of_failures_are_the_single_studies(script, alike):
    rng = np.random.default_rng(4)
    one, other = (script.fates(rng, share, (20, 9, 5), alike) for share in (0.05, 0.3))
    halves = script.share_half_widths(one - other, 0.95)
    for treated, control, half in zip(one, other, halves, strict=True):
        effect = crossed_difference_of_shares(treated, control, 0.95).comparison.effect
        assert effect.low == pytest.approx(max(-1.0, effect.value - half))
        assert effect.high == pytest.approx(min(1.0, effect.value + half))


def test_worlds_are_what_they_say(script):
    """Spread of a difference, its parts, and the shares of collapsed and diverged runs."""
    rng = np.random.default_rng(5)
    measured, *_, missing = script.WORLDS
    d = np.subtract(*script.scores(rng, measured, 20_000, 3, 2))
    right = 0.38**2 + 0.162**2 + 0.279**2
    assert d.var() == pytest.approx(right, rel=0.02)
    of_pair = (d[:, 0, 0] * d[:, 0, 1]).mean()
    of_seed = (d[:, 0, 0] * d[:, 1, 0]).mean()
    assert (of_pair, of_seed) == pytest.approx((0.38**2, 0.162**2), abs=0.006)
    assert np.isnan(script.scores(rng, missing, 5000, 3, 2)[0]).mean() == pytest.approx(
        0.2, abs=0.01
    )
    by_name = {world.name: world for world in script.WORLDS}
    diverged = script.scores(rng, by_name["20% diverged"], 5000, 3, 2)
    assert [np.isinf(arm).mean() for arm in diverged] == pytest.approx([0.2, 0.2], abs=0.01)
    unlike = by_name["10% against 30% collapsed (FID x 4): a true effect"]
    d = np.subtract(*script.scores(rng, unlike, 20_000, 3, 2))
    assert d.mean() == pytest.approx(-0.2 * math.log(4), abs=0.02)


def test_equality_is_what_a_margin_says_of_each_study(script):
    studies, margin = np.random.default_rng(6), Margin(script.MARGIN, is_ratio=True)
    many = script.differences(*script.scores(studies, script.QUIET, 40, 18, 6))
    found = script.equality_row(np.random.default_rng(6), script.QUIET, 40, 18, 6)
    right = np.zeros(4)
    for d in many:
        for i, shift in enumerate((math.log1p(script.MARGIN), 0.0)):
            effect = crossed_mean(d + shift, 0.95).comparison.effect
            right[i] += margin.encloses(effect.as_ratio())
            right[3 - i] += not effect.low <= 0 <= effect.high
    assert found == pytest.approx(right / 40)


def test_a_table_has_a_row_per_size(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "WORLDS", script.WORLDS[:1])
    monkeypatch.setattr(script, "PAIRS", (8,))
    made = script.tables(10, 1)
    script.write(made, tmp_path)
    for name, rows in made.items():
        assert [row[1:3] for row in rows] == [["3", "8"], ["6", "8"], ["10", "8"]] * (
            len(rows) // 3
        )
        assert read(tmp_path / f"{name}.csv") == [list(script.HEADS[name]), *rows]
        assert read(SIMULATED / f"{name}.csv")[0] == list(script.HEADS[name])


def test_what_the_page_says_of_the_tables_is_there(script):
    """Every row keeps what is asked of it, and the figures that are quoted are those of the rows."""
    crossed = by_column("crossed-effects", "crossed")
    assert len(crossed) == len(script.WORLDS) * len(script.SEEDS) * len(script.PAIRS)
    wins = [
        *by_column("crossed-effects", "wins: none"),
        *by_column("crossed-effects", "wins: x 0.6"),
    ]
    of_three = by_column("crossed-effects", "crossed, of three")
    equal = by_column("crossed-equality", "equal: x 1.15")
    failed = [
        rate
        for column in ("30% and 30%", "5% and 5%", "10% and 30%")
        for rate in by_column("crossed-failures", column)
    ]
    page = " ".join((SIMULATED.parent / "operating-characteristics.md").read_text().split())
    for what, rates in (
        ("crossed", crossed),
        ("of three", of_three),
        ("P(improvement)", wins),
        ("failed seeds", failed),
        ("equal", equal),
    ):
        assert f"| {what} | {np.mean(rates):.1f}% | {max(rates):.1f}% |" in page


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def by_column(name, column):
    """The percentages of a column; rows without are left out."""
    head, *rows = read(SIMULATED / f"{name}.csv")
    cells = [row[head.index(column)] for row in rows]
    return [float(cell.removesuffix("%")) for cell in cells if cell]
