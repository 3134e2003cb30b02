"""How the trials ended: how many seeds failed, and with which verdict."""

from __future__ import annotations

from ganstudy.analysis.formatting import count, rows
from ganstudy.analysis.frames import selection
from ganstudy.analysis.frames.comparable_verdicts import EARLIEST, too_early
from ganstudy.analysis.frames.designed import has_design
from ganstudy.analysis.report import over_time
from ganstudy.analysis.report.blocks import Block, Results, Table
from ganstudy.analysis.report.phrases import Brief, Conclusion, Rank, fitting
from ganstudy.analysis.tables.configurations import search
from ganstudy.trials.results.records import FAILURES, TrialState, Verdict

TITLE = "How the trials ended"
FAILED = (Verdict.COLLAPSED, Verdict.CYCLING, Verdict.DIVERGED)


def blocks(results: Results) -> list[Block]:
    """Return trials by state, with their seeds by verdict."""
    imported = results.study.origin.imported is not None
    stopped = "ended before the others" if imported else "was stopped by the scheduler"
    if has_design(results.study):
        stopped += ", or was not promoted from the design"
    note = (
        "Trials by state; the verdicts count seeds at each trial's last evaluation. A pruned trial "
        f"{stopped}, and its verdicts are those of that time."
    )
    outcomes = results.cached(search.outcomes, results.study)
    # That no seed failed is a result; that none is of unknown verdict is none.
    never = [v for v in Verdict if not v.is_failure and not outcomes[v.value].any()]
    outcomes = outcomes.drop(columns=[verdict.value for verdict in never])
    return [Table("outcomes", outcomes, "Trials by state and verdict", note)]


def conclusions(results: Results) -> list[Conclusion]:
    """Return how many configurations had failed seeds, and how many seeds failed."""
    study = results.study
    if study.trials.empty:
        return []
    counted = results.cached(search.outcomes, study)
    states = ", ".join(f"{row['trials']} {row['state']}" for row in rows(counted))
    configurations = count(len(study.trials), "configuration")
    if len(counted) > 1 or TrialState.COMPLETE not in states:
        configurations += f" ({states})"
    by_verdict = {verdict: int(counted[verdict.value].sum()) for verdict in Verdict}
    total = count(sum(by_verdict.values()), "seed")
    failed = int((results.cached(selection.ranked, study)[selection.FAILED] > 0).sum())
    # With unknown verdicts, what was counted is a lower bound, and 0 says nothing.
    basis, unknown = "", over_time.unknown_verdicts(results)
    early = int(too_early(study.trials).sum())
    if not sum(by_verdict.values()):
        claim = f"{configurations}, none of them evaluated"
    elif not failed and unknown:
        claim, basis = f"Whether any of {configurations} had a failed seed is unknown:", unknown
    elif not failed:
        claim, basis = _none_failed(configurations, total, by_verdict, early)
    else:
        claim = f"{failed} of {configurations} had at least one failed seed."
        kinds = [f"{by_verdict[verdict]} {verdict.clause}" for verdict in FAILED]
        basis = (
            f"Of all {total}, {kinds[0]}, {kinds[1]} and {kinds[2]} at the last evaluation of "
            "their trial"
        )
        if unknown:
            basis += f"; {unknown}"
        if early:
            basis += f"; {_too_early(early, total)}"
        if unknown or early:
            claim = f"At least {claim}"
    basis += _not_trained(by_verdict)
    if (study.trials["error"] != "").any():
        errors = "the report lists the errors of failed trials"
        claim, basis = (claim, f"{basis}; {errors}") if basis else (f"{claim}; {errors}", "")
    if basis:
        basis += "."
    else:
        claim += "."
    brief = _brief(failed, len(study.trials), by_verdict, early, claim if not failed else "")
    return [Conclusion(claim, basis, first=True, brief=brief)]


def _none_failed(
    configurations: str, total: str, by_verdict: dict[Verdict, int], early: int
) -> tuple[str, str]:
    """Return the claim that no seed failed, as far as that is known, and its basis."""
    judged = sum(by_verdict.values()) - early
    if not early:
        return f"None of {configurations} had a failed seed:", f"of {total} none had {FAILURES}"
    if not judged - by_verdict[Verdict.DIVERGED]:
        claim = f"Whether any of {configurations} had a failed seed is unknown:"
        return claim, f"of {total} none had diverged, and {over_time.TOO_EARLY}"
    claim = f"No seed of {configurations} is known to have failed:"
    return claim, f"{_too_early(early, total)}; of the other {judged} none had {FAILURES}"


def _not_trained(by_verdict: dict[Verdict, int]) -> str:
    """Return how many seeds were not trained yet, with a semicolon; '' where none was."""
    untrained = by_verdict[Verdict.NOT_TRAINED]
    return (
        f"; {untrained} {'was' if untrained == 1 else 'were'} not trained yet" if untrained else ""
    )


def _too_early(early: int, total: str) -> str:
    """Return of how many seeds nothing can be said yet; total: all seeds, with their unit."""
    return (
        f"{early} of {total} were evaluated fewer than {EARLIEST} times, before which none can have "
        "collapsed or cycle"
    )


def _brief(
    failed: int, trials: int, by_verdict: dict[Verdict, int], early: int, claim: str
) -> Brief:
    """Return how many seeds failed, in short.

    early: seeds that cannot be judged yet; claim: the whole one where no seed is known to have
    failed.
    """
    total, unknown = sum(by_verdict.values()), by_verdict[Verdict.UNKNOWN]
    seeds = count(total, "seed")
    if "unknown" in claim:
        text = f"Whether any of {seeds} failed is unknown."
    elif not total:
        text = f"{count(trials, 'configuration')}, none of them evaluated."
    elif not failed and early:
        text = (
            f"No seed is known to have failed: {early} of {total} were evaluated too few times to be "
            f"judged, the other {total - early} did not."
        )
    elif not failed:
        text = f"No seed failed: of {seeds} none {FAILURES}{_not_trained(by_verdict)}."
    else:
        kinds = [f"{by_verdict[verdict]} {verdict.clause}" for verdict in FAILED]
        least = "At least " if unknown or early else ""
        text = (
            f"{least}{failed} of {count(trials, 'configuration')} had failed seeds: of {seeds} "
            f"{kinds[0]}, {kinds[1]} and {kinds[2]}"
        )
        text = fitting(f"{text}{_not_trained(by_verdict)}.", f"{text}.")
    return Brief(text, Rank.FAILURES)
