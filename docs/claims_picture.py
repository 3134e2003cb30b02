"""Draw docs/pictures/claims.png: the criteria of all claims that were run, one panel per claim.

    python docs/claims_picture.py HOME [--to docs/pictures/claims.png]

HOME: the home folder in which `ganstudy verify examples/claims` ran.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import matplotlib as mpl
import pandas as pd

from ganstudy.study.home import Home
from ganstudy.study.spec.reader import read_study

mpl.use("Agg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).resolve().parents[1]
COLOURS = {
    "holds": "#009E73",
    "does not hold": "#D55E00",
    "practically no effect": "#0072B2",
    "inconclusive": "#777777",
}


def name_of(row: pd.Series) -> str:
    """Return what a criterion is about, in one line."""
    what = str(row["what"]).removeprefix("share of seeds: ")
    values = "" if pd.isna(row["value"]) else f", {row['value']}".replace("_", " ")
    against = "" if pd.isna(row["against"]) else f" / {row['against']}".replace("_", " ")
    axis = " (equal seconds)" if row["axis"] == "seconds" else ""
    return f"{what.replace('_', ' ')}{values}{against}{axis}"


def draw(axes: plt.Axes, table: pd.DataFrame, title: str) -> None:
    """Draw a row per criterion: the interval, no effect or the bound, and the margin."""
    for place, row in enumerate(table.to_dict("records")):
        y, is_ratio = -place, row["scale"] == "ratio"
        colour = COLOURS[row["verdict"]]
        # Each row on a scale of its own: 0 is no effect or the bound, 1 the far end of its interval.
        none = math.log(row["no_effect_or_bound"]) if is_ratio else row["no_effect_or_bound"]
        value, low, high = (
            (math.log(row[key]) if is_ratio else row[key]) - none
            for key in ("estimate", "estimate_low", "estimate_high")
        )
        unit = max(map(abs, (low, high, value))) or 1.0
        if math.isnan(unit):
            unit = abs(value) or 1.0
        if not math.isnan(row["margin"]):
            half = (math.log1p(row["margin"]) if is_ratio else row["margin"]) / unit
            axes.fill_betweenx([y - 0.35, y + 0.35], -half, half, color="#0072B2", alpha=0.12, lw=0)
        axes.plot([low / unit, high / unit], [y, y], color=colour, lw=3, solid_capstyle="round")
        axes.plot(value / unit, y, "o", color=colour, ms=7)
        sign = -1 if row["says"] == "lower" else 1
        axes.annotate(
            "",
            (0.28 * sign, y + 0.42),
            (0, y + 0.42),
            arrowprops={"arrowstyle": "->", "color": "#444"},
        )
        ends = f"{row['estimate']:.3g}"
        if pd.notna(row["estimate_low"]):
            ends += f" [{row['estimate_low']:.3g}, {row['estimate_high']:.3g}]"
        axes.text(1.12, y, f"{row['verdict']}\n{ends}", va="center", fontsize=8, color=colour)
    axes.axvline(0, color="#222", lw=0.8)
    axes.set_yticks([-i for i in range(len(table))], [name_of(row) for _, row in table.iterrows()])
    axes.tick_params(labelsize=8, length=0)
    axes.set_xticks([])
    axes.set(xlim=(-1.1, 1.1), ylim=(0.7 - len(table), 0.7))
    axes.set_title(title, fontsize=9, loc="left", wrap=True)
    for side in ("top", "right", "bottom", "left"):
        axes.spines[side].set_visible(False)


def main() -> None:
    """Draw the verdicts of all claims whose studies are in a home folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "pictures" / "claims.png")
    given = parser.parse_args()
    home, found = Home(given.home), []
    for file in sorted((ROOT / "examples" / "claims").glob("*.toml")):
        spec, _ = read_study(file)
        table = home.study(spec.name).path / "tables" / "claim.csv"
        if table.exists():
            found.append((file.stem.replace("_", " "), pd.read_csv(table)))
    heights = [0.6 + 0.55 * len(table) for _, table in found]
    figure, panels = plt.subplots(
        len(found), 1, figsize=(9, sum(heights)), squeeze=False, height_ratios=heights
    )
    for axes, (title, table) in zip(panels[:, 0], found, strict=True):
        draw(axes, table, title)
    figure.tight_layout()
    figure.subplots_adjust(right=0.78)
    figure.savefig(given.to, dpi=100)


if __name__ == "__main__":
    main()
