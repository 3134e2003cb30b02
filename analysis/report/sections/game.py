"""The game's own measures beside the score: which of them show how good a generator is."""

from __future__ import annotations

import math

from ganstudy.analysis.figures.game import correlations
from ganstudy.analysis.formatting import count, signed
from ganstudy.analysis.report import over_time
from ganstudy.analysis.report.blocks import Block, Figure, Results, Table
from ganstudy.analysis.report.phrases import Conclusion, Open, score_name, share
from ganstudy.analysis.stats.correlation import MIN_FOR_SPEARMAN
from ganstudy.analysis.tables.rows import rows_of
from ganstudy.analysis.tables.trajectories import game

TITLE = "The game beside the score"


def conclusions(results: Results) -> list[Conclusion]:
    """Return which measures correlate with the score, and whether the generator's loss misleads."""
    study, found = results.study, list[Conclusion]()
    table = results.cached(game.game_against_score, study)
    table = table[table["correlation"].notna()]
    if len(table):
        found.append(_correlated(rows_of(game.CorrelationRow, table), score_name(study)))
    mismatch = results.cached(game.mismatch_by, study)
    found += [_mismatch(row) for row in rows_of(game.MismatchRow, mismatch)]
    return found


def _correlated(measures: list[game.CorrelationRow], name: str) -> Conclusion:
    # Measures may be missing in some trials, so n differs between them.
    n = max(row.configurations for row in measures)
    conclusive = [row for row in measures if row.decision != "inconclusive"]
    if not conclusive:
        few = n < MIN_FOR_SPEARMAN
        least = f" Below {MIN_FOR_SPEARMAN} there is no interval." if few else ""
        return Conclusion(
            f"Whether any measure of the game correlates with {name} is inconclusive:",
            f"none of {count(len(measures), 'rank correlation')} over "
            f"{count(n, 'complete configuration')} has an interval that excludes 0.{least}",
            exploratory=True,
            open=Open(
                f"whether any measure of the game correlates with {name}",
                observed=f"{count(len(measures), 'rank correlation')} over {n} configurations",
            ),
        )
    parts = [
        f"{row.label} ({row.decision}: {signed(row.correlation)} "
        f"[{signed(row.low)}, {signed(row.high)}], n = {row.configurations})"
        for row in conclusive
    ]
    return Conclusion(
        f"{len(conclusive)} of {count(len(measures), 'measure')} of the game correlate with "
        f"{name}:",
        f"{'; '.join(parts)}. The intervals of the rank correlation hold for all {len(measures)} "
        "measures together.",
        exploratory=True,
    )


def _mismatch(row: game.MismatchRow) -> Conclusion:
    low, high = row.mismatch.low, row.mismatch.high
    ends = "" if math.isnan(low) else f" [{signed(low)}, {signed(high)}]"
    n = (
        f"{count(row.configurations, 'configuration')} of at least {game.MIN_EVALUATIONS} "
        "evaluations"
    )
    basis = (
        "the rank correlation of its loss with FID within a seed has a median of "
        f"{signed(row.mismatch.value)}{ends} ({n}), and it is below 0 in {share(row.misleads)} "
        f"of {count(row.num_seeds, 'seed')}."
    )
    if low > 0:
        claim = "The generator's loss falls and rises with FID:"
    elif high < 0:
        claim = "The generator's loss misleads, it falls while FID rises:"
    else:
        claim = "Whether the generator's loss follows FID is inconclusive:"
        seen = f"median rank correlation {signed(row.mismatch.value)}{ends}, {n}"
        unknown = Open("whether the generator's loss follows FID", observed=seen)
        return Conclusion(claim, basis, exploratory=True, open=unknown)
    return Conclusion(claim, basis, exploratory=True)


def blocks(results: Results) -> list[Block]:
    """Return the correlations as a forest plot, and the mismatch of loss and score per setting."""
    study, made = results.study, list[Block]()
    table = results.cached(game.game_against_score, study)
    known = table[table["correlation"].notna()]
    if len(known):
        alt = (
            f"Rank correlation of {count(len(known), 'measure')} of the game with "
            f"{score_name(study)}."
        )
        figure = correlations(known, study.objective.measure)
        made.append(Figure("game", figure, CORRELATIONS, alt))
    tables = [
        Table("game_against_score", table, "The game's measures against the score", folded=True)
    ]
    for setting in over_time.split_by(results):
        mismatch = results.cached(game.mismatch_by, study, setting)
        title = f"Loss against FID by {setting}"
        tables.append(Table(f"mismatch_{setting}", mismatch, title, MISMATCH, folded=True))
    return [*made, *(table for table in tables if len(table.frame))]


CORRELATIONS = (
    "Spearman's rank correlation with the final score over the complete configurations (medians "
    "over seeds), with intervals that hold for all measures together with 95%. Red crosses: high "
    "values go with a worse score; green triangles: with a better one; grey circles: "
    f"inconclusive, because the interval includes 0 or there are fewer than {MIN_FOR_SPEARMAN} "
    "configurations. The duality gap can be compared only between equal losses."
)
MISMATCH = (
    "mismatch: rank correlation of the generator's loss with FID within a seed, its median over "
    "configurations; misleads: share of seeds in which it is below 0, so that the loss falls "
    "while FID rises."
)
