"""What became of the trials: how many seeds were lost, and to what."""

from __future__ import annotations

from ganstudy.analysis.formatting import count, rows
from ganstudy.analysis.frames import selection
from ganstudy.analysis.report.blocks import Block, Results, Table
from ganstudy.analysis.report.phrases import Conclusion, Tile
from ganstudy.analysis.report.sections import over_time
from ganstudy.analysis.tables import search
from ganstudy.trials.results.mlflow_tags import Tag
from ganstudy.trials.results.records import FAILURE_VERDICTS, FAILURES, Verdict

NAME, TITLE = "outcomes", "What became of the trials"


def blocks(results: Results) -> list[Block]:
    """Trials by state, seeds by verdict."""
    stopped = (
        "ended before the others"
        if Tag.IMPORTED in results.study.tags
        else "was stopped by the scheduler"
    )
    note = (
        "Trials by state; the verdicts count seeds at each trial's last evaluation. A pruned trial "
        f"{stopped}, and its verdict is that of the moment."
    )
    return [
        Table(
            "outcomes",
            results.of(search.outcomes, results.study),
            "Trials by state and verdict",
            note,
        )
    ]


def conclusions(results: Results) -> list[Conclusion]:
    """How many configurations and seeds were lost."""
    study = results.study
    if study.trials.empty:
        return []
    counted = results.of(search.outcomes, study)
    states = ", ".join(f"{row['trials']} {row['state']}" for row in rows(counted))
    seeds = {verdict: int(counted[verdict.value].sum()) for verdict in Verdict}
    total, lost = (
        sum(seeds.values()),
        int((results.of(selection.ranked, study)[selection.FAILED] > 0).sum()),
    )
    configurations = f"{count(len(study.trials), 'configuration')} ({states})"
    kinds = {verdict: verdict.clause for verdict in FAILURE_VERDICTS}
    basis, unknown = "", over_time.unknown(results)
    if not total:
        claim = f"{configurations}, none of them evaluated"
    elif not lost and unknown:
        claim, basis = f"Whether any of {configurations} lost a seed cannot be told:", unknown
    elif not lost:
        claim = f"None of {configurations} lost a seed:"
        basis = f"of {count(total, 'seed')} none had {FAILURES}"
    else:
        collapsed, cycling, diverged = (
            f"{seeds[verdict]} {words}" for verdict, words in kinds.items()
        )
        claim = f"{lost} of {configurations} lost at least one seed."
        basis = (
            f"Of all {count(total, 'seed')}, at the last evaluation of their trial {collapsed}, {cycling} and "
            f"{diverged}"
        )
        if unknown:
            claim = f"At least {claim}"
            basis += f"; {unknown}"
    if (study.trials["error"] != "").any():
        also = "the report lists the errors of those that failed"
        claim, basis = (claim, f"{basis}; {also}") if basis else (f"{claim}; {also}", "")
    claim, basis = (claim, f"{basis}.") if basis else (f"{claim}.", "")
    gone = sum(seeds[verdict] for verdict in kinds)
    tile = Tile(
        "Configurations that lost a seed",
        f"{'at least ' * bool(unknown)}{lost} of {len(study.trials)}"
        if lost or not unknown
        else "cannot be told",
        "verdicts are unknown"
        if unknown
        else f"{gone} of {count(total, 'seed')}: {', '.join(f'{seeds[verdict]} {verdict}' for verdict in kinds)}",
    )
    return [Conclusion(claim, basis, first=True, tile=tile)]
