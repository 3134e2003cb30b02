"""What the intervals of matched contrasts keep of what they promise, in made-up studies: false findings, coverage
and power, for pairs and seeds as crossed random factors and, as it was before, for pairs alone.

    python tests/benchmarks/operating_characteristics.py [--studies 2000] [--seed 20261129] [--to DIR]

Writes crossed-effects.csv, crossed-equality.csv and crossed-failures.csv, for
docs/operating-characteristics.md.
All studies of a cell at once, in arrays [R, P, S]: R studies, P pairs, S seeds. tests/analysis/stats/
test_operating_characteristics.py holds these arrays to what analysis/stats/crossed/effect.py says of single studies.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from ganstudy.analysis.stats.crossed.effect import PSEUDO_RUNS, crossed_mean, matched_differences
from ganstudy.analysis.stats.estimate import Floats

SEEDS, PAIRS = (3, 6, 10), (8, 18, 40, 80)
LEVEL, OF_THREE = 0.95, 1 - 0.05 / 3
# An end exactly at the truth covers it, whatever the last digit.
ROUNDING = 1e-9


@dataclass(frozen=True)
class World:
    """How log FID ratios of a pair on a seed differ, beside the effect; standard deviations."""

    name: str
    pair: float = 0.38
    """Of what the remedy does at one setting."""
    seed: float = 0.162
    """Of what it does on one seed."""
    rest: float = 0.279
    luck: float = 0.0
    """Of what a seed does to all configurations alike, of either arm."""
    tails: float = math.inf
    """Degrees of freedom of every part (Student's t, scaled to the same standard deviation)."""
    collapsed: tuple[float, float] = (0.0, 0.0)
    """Probability of a collapse in either arm."""
    collapse_factor: float = 4.0
    """Of FID."""
    intraclass: float = 0.0
    """Of collapses on one seed of an arm."""
    diverged: float = 0.0
    missing: float = 0.0
    """Share of the cells that were not trained."""


WORLDS = (
    World("as measured on digits: remedy x setting 0.38, remedy x seed 0.162, rest 0.279"),
    World("twice the interaction with seeds", seed=0.324),
    World("no interaction with seeds", seed=0.0),
    World("a seed's luck shared by all configurations, 0.3", luck=0.3),
    World("heavy tails (t, 4 degrees of freedom) in every part", tails=4.0),
    World("30% collapsed (FID x 4)", collapsed=(0.3, 0.3)),
    World(
        "30% collapsed (FID x 15), alike on a seed (intraclass 0.1)",
        collapsed=(0.3, 0.3),
        collapse_factor=15.0,
        intraclass=0.1,
    ),
    World("10% against 30% collapsed (FID x 4): a true effect", collapsed=(0.1, 0.3)),
    World("20% diverged", diverged=0.2),
    World("20% of the cells missing (a fifth of the studies)", missing=0.2),
)


def drawn(rng: np.random.Generator, shape: tuple[int, ...], spread: float, tails: float) -> Floats:
    """Return centred numbers of that standard deviation."""
    if math.isinf(tails):
        return spread * rng.normal(size=shape)
    return spread * math.sqrt((tails - 2) / tails) * rng.standard_t(tails, size=shape)


def scores(
    rng: np.random.Generator, world: World, studies: int, pairs: int, seeds: int
) -> tuple[Floats, Floats]:
    """Return log FID of the treated and the control side [R, P, S] without an effect."""
    shape = (studies, pairs, seeds)
    acts = drawn(rng, (studies, pairs, 1), world.pair, world.tails)
    acts = acts + drawn(rng, (studies, 1, seeds), world.seed, world.tails)
    luck = drawn(rng, (studies, 1, seeds), world.luck, world.tails)
    arms = []
    for share in world.collapsed:
        # Half of the variance of a difference belongs to either side.
        arm = luck + drawn(rng, shape, world.rest / math.sqrt(2), world.tails)
        chance: Floats | float = share
        if world.intraclass:
            known = (1 - world.intraclass) / world.intraclass
            chance = rng.beta(share * known, (1 - share) * known, size=(studies, 1, seeds))
        arm = arm + math.log(world.collapse_factor) * (rng.random(shape) < chance)
        arms.append(np.where(rng.random(shape) < world.diverged, np.inf, arm))
    treated, control = arms[0] + acts, arms[1]
    return np.where(rng.random(shape) < world.missing, np.nan, treated), control


def differences(treated: Floats, control: Floats) -> Floats:
    """Return matched_differences study by study, without missing cells."""
    with np.errstate(invalid="ignore"):
        d = treated - control
    d = np.where(np.isinf(treated) & np.isinf(control), 0.0, d)
    largest = np.where(np.isfinite(d), np.abs(d), 0.0).max(axis=(1, 2))[:, None, None]
    return np.clip(d, -largest, largest)


def parts(d: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the variance of the mean [R] by pairs, seeds and the rest."""
    _, pairs, seeds = d.shape
    by_pair, by_seed = d.mean(axis=2, keepdims=True), d.mean(axis=1, keepdims=True)
    mean = d.mean(axis=(1, 2), keepdims=True)
    rest = ((d - by_pair - by_seed + mean) ** 2).sum(axis=(1, 2)) / ((pairs - 1) * (seeds - 1))
    rest = rest / (pairs * seeds)
    of_pairs = by_pair[:, :, 0].var(axis=1, ddof=1) / pairs - rest
    of_seeds = by_seed[:, 0, :].var(axis=1, ddof=1) / seeds - rest
    return np.maximum(of_pairs, 0), np.maximum(of_seeds, 0), rest


def half_widths(d: Floats, level: float, least_rest: Floats | float = 0.0) -> Floats:
    """Return half the width [R] of the crossed intervals."""
    of_pairs, of_seeds, rest = parts(d)
    by_pairs, by_seeds = (stats.t.ppf((1 + level) / 2, n - 1) for n in d.shape[1:])
    widest = max(by_pairs, by_seeds)
    rest = np.maximum(rest, least_rest)
    made: Floats = np.sqrt(by_pairs**2 * of_pairs + by_seeds**2 * of_seeds + widest**2 * rest)
    return made


def share_half_widths(d: Floats, level: float) -> Floats:
    """Return half the width [R] of the intervals of a difference of shares."""
    cells = d.shape[1] * d.shape[2]
    more = cells + 2 * PSEUDO_RUNS
    squares = ((d**2).sum(axis=(1, 2)) + 2 * PSEUDO_RUNS) / more
    return half_widths(d, level, (squares - (d.sum(axis=(1, 2)) / more) ** 2) / cells)


def win_ends(d: Floats, level: float) -> tuple[Floats, Floats]:
    """Return the ends [R] of the intervals of P(improvement)."""
    wins = (d < 0) + 0.5 * (d == 0)
    share, half = wins.mean(axis=(1, 2)), half_widths(wins, level)
    fewest, cells = min(d.shape[1:]), d.shape[1] * d.shape[2]
    z, spread = stats.norm.ppf((1 + level) / 2), share * (1 - share)
    runs = fewest + (cells - fewest) * 4 * spread
    spoken_for = spread * z**2 / np.where(half > 0, half, 1) ** 2
    runs = np.maximum(np.where(half > 0, np.minimum(runs, spoken_for), runs), 0.5)
    middle = (share + z**2 / (2 * runs)) / (1 + z**2 / runs)
    reach = z / (1 + z**2 / runs) * np.sqrt(spread / runs + z**2 / (4 * runs**2))
    return middle - reach, middle + reach


def rate(found: Floats) -> float:
    """Return the share of studies."""
    return float(np.mean(found))


def effect_row(
    rng: np.random.Generator, world: World, studies: int, pairs: int, seeds: int
) -> list[float]:
    """Return the cells of one row of a world's table."""
    if world.missing:
        return missing_row(rng, world, studies // 5, pairs, seeds)
    treated, control = scores(rng, world, studies, pairs, seeds)
    # What is true on average over pairs and seeds; where a side may diverge there is no mean, and
    # the two are alike.
    truth = (world.collapsed[0] - world.collapsed[1]) * math.log(world.collapse_factor)
    d = differences(treated, control)
    medians = np.median(d, axis=2)
    # Its median is not the mean where the two collapse unlike often.
    row = [math.nan if truth else rate(stats.wilcoxon(medians, axis=1).pvalue <= 0.05)]
    for level in (LEVEL, OF_THREE):
        row.append(rate(np.abs(d.mean(axis=(1, 2)) - truth) > half_widths(d, level) + ROUNDING))
    for factor in (0.8, 0.6):
        better = differences(treated + math.log(factor), control)
        row.append(rate(better.mean(axis=(1, 2)) + half_widths(better, LEVEL) < 0))
    better = differences(treated + math.log(0.6), control)
    chance = win_chance(world, math.log(0.6))
    for of, right in ((d, win_chance(world, 0.0)), (better, chance)):
        low, high = win_ends(of, LEVEL)
        row.append(rate((low > right + ROUNDING) | (high < right - ROUNDING)))
    row.append(rate(win_ends(better, LEVEL)[0] > 0.5))
    return row


_CHANCES: dict[tuple[World, float], float] = {}


def win_chance(world: World, shift: float) -> float:
    """Return P(improvement) in a world, from four million seeds of their own."""
    if world.collapsed[0] == world.collapsed[1] and shift == 0:
        return 0.5
    if (world, shift) not in _CHANCES:
        treated, control = scores(np.random.default_rng(0), world, 4_000_000, 1, 1)
        with np.errstate(invalid="ignore"):
            won = (treated + shift < control) + 0.5 * (treated + shift == control)
        _CHANCES[world, shift] = float(won.mean())
    return _CHANCES[world, shift]


def missing_row(
    rng: np.random.Generator, world: World, studies: int, pairs: int, seeds: int
) -> list[float]:
    """Return the cells that are there for missing cells, study by study."""
    treated, control = scores(rng, world, studies, pairs, seeds)
    found = np.zeros(4)
    for one, other in zip(treated, control, strict=True):
        d = matched_differences(one, other)
        effects = [crossed_mean(d, level).comparison.effect for level in (LEVEL, OF_THREE)]
        found[:2] += [not effect.low <= 0 <= effect.high for effect in effects]
        found[2:] += [effects[0].high + math.log(factor) < 0 for factor in (0.8, 0.6)]
    return [math.nan, *(found / studies), math.nan, math.nan, math.nan]


def fates(
    rng: np.random.Generator, share: float, shape: tuple[int, int, int], alike: float
) -> Floats:
    """Return which runs fail [R, P, S]: configurations (0.3) and seeds (`alike`) share a fate, on
    the normal scale.
    """
    studies, pairs, seeds = shape
    z = math.sqrt(0.3) * rng.normal(size=(studies, pairs, 1))
    z = z + math.sqrt(alike) * rng.normal(size=(studies, 1, seeds))
    z = z + math.sqrt(0.7 - alike) * rng.normal(size=shape)
    return (z < stats.norm.ppf(share)) * 1.0


def failure_row(
    rng: np.random.Generator, alike: float, studies: int, pairs: int, seeds: int
) -> list[float]:
    """Return false findings at 30% and at 5%, misses and power for 10% against 30%."""
    row, shape = [], (studies, pairs, seeds)
    for one, other in ((0.3, 0.3), (0.05, 0.05), (0.1, 0.3)):
        d = fates(rng, one, shape, alike) - fates(rng, other, shape, alike)
        mean, half = d.mean(axis=(1, 2)), share_half_widths(d, LEVEL)
        row.append(rate(np.abs(mean - (one - other)) > half + ROUNDING))
    return [*row, rate(mean + half < 0)]


MARGIN = 0.15
"""Of practical equality: a factor of 0.87 to 1.15."""
QUIET = World("quiet: remedy x setting 0.1, remedy x seed 0.04, rest 0.1", 0.1, 0.04, 0.1)


def equality_row(
    rng: np.random.Generator, world: World, studies: int, pairs: int, seeds: int
) -> list[float]:
    """Return how often scores are called practically equal at the margin's edge and at no
    difference, and better or worse at no difference and at the edge.
    """
    edge = math.log1p(MARGIN)
    d = differences(*scores(rng, world, studies, pairs, seeds))
    half = half_widths(d, LEVEL)
    means = [d.mean(axis=(1, 2)) + shift for shift in (0.0, edge)]
    row = [rate(np.abs(mean) + half <= edge) for mean in reversed(means)]
    return [*row, *(rate(np.abs(mean) > half) for mean in means)]


SIZE = ("seeds", "pairs")
HEADS = {
    "crossed-effects": (
        *("studies", *SIZE, "pairs alone", "crossed", "crossed, of three"),
        *("power x 0.8", "power x 0.6", "wins: none", "wins: x 0.6", "wins: power x 0.6"),
    ),
    "crossed-equality": (
        *("studies", *SIZE),
        *("equal: x 1.15", "equal: none", "told: none", "told: x 1.15"),
    ),
    "crossed-failures": (
        *("alike on a seed", *SIZE),
        *("30% and 30%", "5% and 5%", "10% and 30%", "power"),
    ),
}


def line(name: str, seeds: int, pairs: int, cells: list[float]) -> list[str]:
    """Return a row of a table."""
    shown = ("" if math.isnan(cell) else f"{cell:.1%}" for cell in cells)
    return [name, str(seeds), str(pairs), *shown]


def tables(studies: int, seed: int) -> dict[str, list[list[str]]]:
    """Simulate everything; rows by the name of their table."""
    rng, sizes = np.random.default_rng(seed), list(itertools.product(SEEDS, PAIRS))
    made: dict[str, list[list[str]]] = {name: [] for name in HEADS}
    for world in WORLDS:
        print(world.name, flush=True)
        for s, p in sizes:
            cells = effect_row(rng, world, studies, p, s)
            made["crossed-effects"].append(line(world.name, s, p, cells))
    # Of its own stream, so that the tables below stay as they are.
    own = np.random.default_rng([seed, 1])
    for world in (WORLDS[0], QUIET):
        print(f"equality, {world.name}", flush=True)
        for s, p in sizes:
            cells = equality_row(own, world, studies, p, s)
            made["crossed-equality"].append(line(world.name, s, p, cells))
    for alike in (0.0, 0.1, 0.2):
        print(f"failed seeds, alike {alike}", flush=True)
        for s, p in sizes:
            cells = failure_row(rng, alike, studies, p, s)
            made["crossed-failures"].append(line(str(alike), s, p, cells))
    return made


def write(made: dict[str, list[list[str]]], folder: Path) -> None:
    """Write a file per table."""
    for name, rows in made.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([HEADS[name], *rows])


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=20261129)
    parser.add_argument("--to", type=Path, default=Path("docs/simulated"))
    parser.add_argument("--short", action="store_true", help="whether it runs, in print")
    arguments = parser.parse_args()
    if arguments.short:
        for name, rows in tables(20, arguments.seed).items():
            print(name)
            csv.writer(sys.stdout, lineterminator="\n").writerows([HEADS[name], *rows])
    else:
        write(tables(arguments.studies, arguments.seed), arguments.to)


if __name__ == "__main__":
    main()
