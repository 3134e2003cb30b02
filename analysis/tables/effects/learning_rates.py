"""Estimate where on the plane of lr_g and lr_d training works, and the effect of their ratio.

"Trains" means that a seed has neither collapsed nor diverged, does not cycle and is trained at all,
at the amount of training that every trial reached. Everything here is estimated over
configurations; a fit is reported only where it predicts configurations that it has not seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganstudy.analysis.frames.compared_scores import SEED, ComparedScores, compared_scores
from ganstudy.analysis.frames.selection import search_stage
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import INCONCLUSIVE, NAN, Estimate, Floats
from ganstudy.analysis.stats.logistic_fit import Fit, fit
from ganstudy.analysis.stats.proportions import clustered_proportion
from ganstudy.analysis.tables.rows import table_of
from ganstudy.trials.results.records import Verdict

RATES = ("lr_g", "lr_d")
# A guess: of a hundred trials six fall into each of sixteen cells, the fewest that have an
# interval.
CELLS = 4
"""Per axis of the map, equally wide on a log scale."""
# A guess: half a decade either way.
SIDES = (1 / 3, 3)
"""Of lr_d / lr_g: below the first the generator is faster, above the second the discriminator."""
# A guess at what is worth training with.
LIKELY = 0.8
"""Fitted probability to train from which a point belongs to the region that trains."""
# A guess: ends to a fortieth of what was searched, finer than the fit knows them.
FINE = 40
"""Points per axis at which the region is drawn."""


@dataclass(frozen=True)
class RateCell:
    """The trials in one cell of the plane of the learning rates."""

    lr_g_low: float
    lr_g_high: float
    lr_d_low: float
    lr_d_high: float
    configurations: int
    seeds: int
    median: Estimate
    failed_share: Estimate
    progress: float


def rate_map(study: Study) -> pd.DataFrame:
    """Return the plane of the learning rates in CELLS x CELLS cells.

    The cells are equally wide on a log scale, and empty ones are left out.

    lr_g_low, lr_g_high, lr_d_low, lr_d_high: the cell's ends; configurations (n), seeds; median of
    the objective with its interval, failed_share with its interval (both as in k_ratio.response);
    progress, on the budget's axis.
    """
    frame, rates = _rates(search_stage(study))
    if not len(frame.numbers):
        return table_of(RateCell, [])
    edges = [_edges(rates[:, axis]) for axis in range(2)]
    # The largest rate lies on the last edge, which searchsorted places beyond the last cell.
    cells = [
        np.clip(np.searchsorted(e, rates[:, i], side="right") - 1, 0, len(e) - 2)
        for i, e in enumerate(edges)
    ]
    made = []
    for g in range(len(edges[0]) - 1):
        for d in range(len(edges[1]) - 1):
            inside = (cells[0] == g) & (cells[1] == d)
            if not inside.any():
                continue
            ends = np.exp([*edges[0][g : g + 2], *edges[1][d : d + 2]]).tolist()
            trials = _some(frame, inside)
            made.append(
                RateCell(
                    lr_g_low=ends[0],
                    lr_g_high=ends[1],
                    lr_d_low=ends[2],
                    lr_d_high=ends[3],
                    configurations=len(trials.numbers),
                    seeds=trials.num_seeds,
                    median=trials.median(),
                    failed_share=trials.failed_share(),
                    progress=trials.amount,
                )
            )
    return table_of(RateCell, made)


def _edges(logs: Floats) -> Floats:
    low, high = float(logs.min()), float(logs.max())
    return np.linspace(low, high, CELLS + 1) if high > low else np.array([low, high])


@dataclass(frozen=True)
class RateRatioRow:
    """The trials whose lr_d / lr_g is in one group."""

    ratio: str
    ratio_low: float
    ratio_high: float
    configurations: int
    seeds: int
    median: Estimate
    failed_share: Estimate
    progress: float


def rate_ratio(study: Study) -> pd.DataFrame:
    """Return lr_d / lr_g in three groups: below 1/3, from 1/3 to 3, above 3.

    ratio (the group's words), ratio_low, ratio_high (0 and infinity at the ends), then as in
    rate_map.
    """
    frame, rates = _rates(search_stage(study))
    if not len(frame.numbers):
        return table_of(RateRatioRow, [])
    ends = np.log(SIDES)
    ratio = rates[:, 1] - rates[:, 0]
    # Rates from a list hit 1/3 and 3 exactly, but for rounding.
    group = (ratio > ends[0] - 1e-9).astype(int) + (ratio > ends[1] + 1e-9)
    words = ((0.0, SIDES[0], "below 1/3"), (*SIDES, "1/3 to 3"), (SIDES[1], np.inf, "above 3"))
    made = []
    for i, (low, high, word) in enumerate(words):
        trials = _some(frame, group == i)
        made.append(
            RateRatioRow(
                ratio=word,
                ratio_low=low,
                ratio_high=high,
                configurations=len(trials.numbers),
                seeds=trials.num_seeds,
                median=trials.median(),
                failed_share=trials.failed_share(),
                progress=trials.amount,
            )
        )
    return table_of(RateRatioRow, made)


def _rates(study: Study) -> tuple[ComparedScores, Floats]:
    """Return the compared trials that have both rates, and [C, 2] the logarithms of lr_g and lr_d."""
    frame = compared_scores(study)
    if not all(name in study.trials for name in RATES):
        return frame.only(set()), np.empty((0, 2))
    known = (
        study.trials.set_index("number")[list(RATES)]
        .apply(pd.to_numeric, errors="coerce")
        .reindex(frame.numbers)
    )
    # A rate of 0 has no logarithm, and log scales are used as rates act by factors.
    good = known.notna().all(axis=1) & (known > 0).all(axis=1)
    return frame.only(set(known.index[good])), np.log(known[good].to_numpy(dtype=float))


def _some(frame: ComparedScores, inside: NDArray[np.bool_]) -> ComparedScores:
    return frame.only(set(frame.numbers[inside].tolist()))


@dataclass(frozen=True)
class RegionRow:
    """Where seeds train along one of the learning rates or their ratio."""

    setting: str
    low: float
    high: float
    area: float
    searched_low: float
    searched_high: float
    inside: int
    inside_trained: float
    inside_low: float
    inside_high: float
    outside: int
    outside_trained: float
    outside_low: float
    outside_high: float
    skill: Estimate
    decision: str
    configurations: int
    seeds: int
    progress: float

    def along(self, setting: str, region: Floats, searched: Floats) -> RegionRow:
        """Return the row of one axis; region, searched: logarithms of points there."""
        ends = np.exp([region.min(), region.max()]).tolist() if len(region) else [NAN, NAN]
        return replace(
            self,
            setting=setting,
            low=ends[0],
            high=ends[1],
            searched_low=float(np.exp(searched.min())),
            searched_high=float(np.exp(searched.max())),
        )


def region_that_trains(study: Study) -> pd.DataFrame:
    """Estimate where a seed trains with a fitted probability of LIKELY or more.

    There are three rows: lr_g, lr_d and ratio (lr_d / lr_g).

    setting, low, high: the region's ends on this axis (the region is no rectangle: of the box that
    they make, a part may not train); area: its share of the plane that was searched, on log scales;
    searched_low, searched_high: of what was tried; inside: configurations that a fit to the others
    places in the region, and of their seeds inside_trained with inside_low and inside_high, the
    share that did train; outside: the rest, the same; skill (see Fit) with skill_low and
    skill_high; decision: "conclusive" where skill_low > 0, else "inconclusive", and then low, high
    and area are NaN; configurations (n), seeds, progress. Empty where nothing can be fitted.
    """
    frame, rates = _rates(search_stage(study))
    # Without a verdict that can be a failure every seed would count as one that trains.
    if not len(frame.numbers) or np.isnan(frame.failed).all():
        return table_of(RegionRow, [])
    trained = 1 - np.nanmean(frame.failed + _untrained(frame), axis=1)
    grid = _grid(rates)
    found = fit(rates, trained, grid, SEED)
    if found is None:
        return table_of(RegionRow, [])
    # A region of a fit without skill would look just as definite.
    conclusive = found.skill.low > 0
    likely = grid[found.at >= LIKELY] if conclusive else np.empty((0, 2))
    area = len(likely) / len(grid) if conclusive else NAN
    row = _region_row(frame, trained, found, area)
    axes = {"lr_g": np.array((1, 0)), "lr_d": np.array((0, 1)), "ratio": np.array((-1, 1))}
    return table_of(
        RegionRow, [row.along(name, likely @ way, rates @ way) for name, way in axes.items()]
    )


def _region_row(frame: ComparedScores, trained: Floats, found: Fit, area: float) -> RegionRow:
    """Return what the rows of all three axes have in common; area: NaN where nothing is found."""
    # By the fit to the others: a configuration's own seeds would confirm themselves.
    inside = found.predicted >= LIKELY
    trained_inside = _share_that_trained(frame, trained, inside)
    trained_outside = _share_that_trained(frame, trained, ~inside)
    return RegionRow(
        setting="",
        low=NAN,
        high=NAN,
        area=area,
        searched_low=NAN,
        searched_high=NAN,
        inside=int(inside.sum()),
        inside_trained=trained_inside.value,
        inside_low=trained_inside.low,
        inside_high=trained_inside.high,
        outside=int((~inside).sum()),
        outside_trained=trained_outside.value,
        outside_low=trained_outside.low,
        outside_high=trained_outside.high,
        skill=found.skill,
        decision="conclusive" if found.skill.low > 0 else INCONCLUSIVE,
        configurations=len(trained),
        seeds=frame.num_seeds,
        progress=frame.amount,
    )


def _untrained(frame: ComparedScores) -> Floats:
    """Return [C, S]: 1 where a seed was not trained yet, else 0."""
    if frame.verdicts is None:
        return np.zeros_like(frame.failed)
    made: Floats = (frame.verdicts == Verdict.NOT_TRAINED.value).astype(float)
    return made


def _grid(rates: Floats) -> Floats:
    """Return [FINE x FINE, 2]: points that cover the searched plane evenly on log scales."""
    sides = [np.linspace(axis.min(), axis.max(), FINE) for axis in rates.T]
    return np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)


def _share_that_trained(
    frame: ComparedScores, trained: Floats, chosen: NDArray[np.bool_]
) -> Estimate:
    """Return the share of the seeds of the chosen configurations that trained."""
    seeds = float((~np.isnan(frame.scores[chosen])).sum())
    return clustered_proportion(trained[chosen], seeds)
