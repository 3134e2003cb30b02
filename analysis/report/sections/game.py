"""The game's own measures beside the score: which of them tell how good a generator is."""

from __future__ import annotations

from typing import Any

from ganstudy.analysis.figures.game import correlations
from ganstudy.analysis.formatting import count, rows, signed
from ganstudy.analysis.report.blocks import Block, Figure, Results, Table
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.report.sections import over_time
from ganstudy.analysis.stats.correlation import MIN_FOR_SPEARMAN
from ganstudy.analysis.tables import game
from ganstudy.trials.results.catalogue import MEASURES

NAME, TITLE = "game", "The game beside the score"


def conclusions(results: Results) -> list[Conclusion]:
    """Which measures go with the score, and whether the generator's loss misleads."""
    study, made = results.study, list[Conclusion]()
    table = results.of(game.game_against_score, study)
    table = table[table["correlation"].notna()]
    name = MEASURES[study.objective.measure].label
    if len(table):
        made.append(_beside(rows(table), name))
    for row in rows(results.of(game.mismatch_by, study)):
        low, high = row["mismatch_low"], row["mismatch_high"]
        n = f"{count(row['configurations'], 'configuration')} of at least {game.MIN_EVALUATIONS} evaluations"
        middle = signed(row["mismatch"]) + (
            "" if low != low else f" [{signed(low)}, {signed(high)}]"
        )
        basis = (
            f"the rank correlation of its loss with FID within a seed has a median of {middle} ({n}), and in "
            f"{over_time.percent(row, 'misleads')} of {count(row['num_seeds'], 'seed')} it is below 0."
        )
        claim = "Whether the generator's loss tells how good it is cannot be told from these data:"
        claim = "The generator's loss falls and rises with FID:" if low > 0 else claim
        claim = "The generator's loss misleads, it falls while FID rises:" if high < 0 else claim
        made.append(Conclusion(claim, basis))
    return made


def _beside(found: list[dict[str, Any]], name: str) -> Conclusion:
    n = max(row["configurations"] for row in found)
    told = [row for row in found if row["decision"] != "inconclusive"]
    if not told:
        least = f" Below {MIN_FOR_SPEARMAN} there is no interval." if n < MIN_FOR_SPEARMAN else ""
        return Conclusion(
            f"Whether any measure of the game goes with {name} cannot be told from these data:",
            f"no interval of {count(len(found), 'rank correlation')} over {count(n, 'complete configuration')} lies "
            f"clear of 0.{least}",
        )
    parts = [
        f"{row['label']} ({row['decision']}: {signed(row['correlation'])} "
        f"[{signed(row['low'])}, {signed(row['high'])}], n = {row['configurations']})"
        for row in told
    ]
    basis = f"{'; '.join(parts)}. Intervals of the rank correlation hold for all {len(found)} measures together."
    return Conclusion(
        f"{len(told)} of {count(len(found), 'measure')} of the game go with {name}:", basis
    )


def blocks(results: Results) -> list[Block]:
    """The correlations as a forest, and the mismatch of loss and score per setting."""
    study, made = results.study, list[Block]()
    table = results.of(game.game_against_score, study)
    shown = table[table["correlation"].notna()]
    measure = study.objective.measure
    if len(shown):
        alt = f"Rank correlation of {count(len(shown), 'measure')} of the game with {MEASURES[measure].label}."
        made.append(Figure("game", correlations(shown, measure), CAPTION, alt))
    if len(table):
        made.append(
            Table("game_against_score", table, "The game's measures against the score", folded=True)
        )
    for setting in over_time.split_by(results):
        mismatch = results.of(game.mismatch_by, study, setting)
        made.append(
            Table(
                f"mismatch_{setting}",
                mismatch,
                f"Loss against FID by {setting}",
                MISMATCH,
                folded=True,
            )
        )
    return made if any(not isinstance(block, Table) or len(block.frame) for block in made) else []


CAPTION = (
    "Spearman's rank correlation with the final score over the complete configurations (medians over seeds), with "
    "intervals that hold for all measures together with 95%. Red crosses: high values go with a worse score; green "
    "triangles: with a better one; grey circles: cannot be told, because the interval holds 0 or there are fewer than "
    f"{MIN_FOR_SPEARMAN} configurations. The duality gap can be compared only between equal losses."
)
MISMATCH = (
    "mismatch: rank correlation of the generator's loss with FID within a seed, its median over configurations; "
    "misleads: share of seeds in which it is below 0, so that the loss falls while FID rises."
)
