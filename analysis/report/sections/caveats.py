"""What the data of a study do not contain, in sentences: imported histories may lack anything."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.blocks import Block, Results
from ganstudy.analysis.report.phrases import Brief, Conclusion, Rank
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import COUNTERS, TrialState, Verdict

TITLE = "What these data do not contain"
NOT_STATED = "imported"
"""Extractor of scores whose file does not state what they were measured with."""


def conclusions(results: Results) -> list[Conclusion]:
    """Return one conclusion per thing that is missing."""
    study = results.whole
    found = [Conclusion(sentence, first=True) for sentence in caveats(study)]
    if found and study.origin.imported is not None:
        text = (
            "These histories were trained elsewhere and imported; what they do not contain, and "
            "what follows, is listed below."
        )
        found[0] = replace(found[0], brief=Brief(text, Rank.NOTICE))
    return found


def blocks(results: Results) -> list[Block]:
    """Return none: what is missing has no table."""
    return []


def caveats(study: Study) -> list[str]:
    """Return what data are missing and what follows from it.

    It is mostly empty for a study that was trained here.
    """
    blind = _of_histogram(study)
    if study.origin.imported is None or study.evaluations.empty:
        return [*study.notes, *blind]
    source = study.origin.imported
    sentences = [
        *study.notes,
        *blind,
        f"These histories were trained elsewhere and imported from {source['file']} (digest "
        f"{source['digest']}).",
        _provenance(study),
        _verdicts(study),
        _single_seeds(study),
        _ended_early(study),
        _unlike_lengths(study),
        _uneven(study),
        _floor(study),
        _not_measured(study),
    ]
    return [sentence for sentence in sentences if sentence]


def _of_histogram(study: Study) -> list[str]:
    measure = MEASURES.get(study.objective.measure)
    if measure is None or not measure.of_histogram:
        return []
    return [
        f"{measure.label} counts the nearest mode of each sample, however far it is: samples off the data cost "
        "nothing. Look at the samples, and at coverage or the share of high quality."
    ]


def _provenance(study: Study) -> str:
    if study.provenance.get("extractor") != NOT_STATED:
        return ""
    return (
        "What the scores were measured with was not stated: they can be compared with each "
        "other, but not with those of another study."
    )


def _verdicts(study: Study) -> str:
    unknown, seeds = int((study.seeds["verdict"] == Verdict.UNKNOWN.value).sum()), len(study.seeds)
    if not unknown:
        return ""
    return (
        f"Whether {unknown} of {seeds} seeds collapsed, cycled or converged is unknown, because "
        "the measures that verdicts need are missing or too few: counts of failed seeds are "
        "lower bounds."
    )


def _single_seeds(study: Study) -> str:
    trials = study.trials[study.trials["num_seeds"] > 0]
    single = int((trials["num_seeds"] == 1).sum())
    if not single:
        return ""
    subject = f"All {single}" if single == len(trials) else f"{single} of {len(trials)}"
    return (
        f"{subject} configurations were trained on a single seed: how much their scores vary "
        "between seeds is unknown."
    )


def _ended_early(study: Study) -> str:
    scores = [name for name in MEASURES if study.evaluations[name].notna().any()]
    last = study.seeds
    silent = last[last["finite"].astype(bool) & last[scores].isna().all(axis=1)]
    if silent.empty:
        return ""
    return (
        f"{len(silent)} seeds of {silent['number'].nunique()} configurations have no score at the "
        "end of their trial; they count as the worst, and why they ended is unknown."
    )


def _unlike_lengths(study: Study) -> str:
    """Return how many of the ranked trials end before the longest, and where; '' if none does.

    A trial whose seeds have all diverged ends early by itself and does not count.
    """
    complete = study.trials.loc[study.trials["state"] == TrialState.COMPLETE.value, "number"]
    living = study.seeds.loc[study.seeds["finite"].astype(bool), "number"]
    ends = study.evaluations.groupby("number")["evaluation"].max()
    ends = ends[ends.index.isin(complete) & ends.index.isin(living)]
    times = study.evaluation_times
    short = ends[ends < len(times)]
    if short.empty:
        return ""
    return (
        f"{len(short)} of {len(study.trials)} trials end before the longest, at "
        f"{times[int(short.min()) - 1]:g} of {times[-1]:g} {study.budget.unit.replace('_', ' ')} the "
        "earliest: each is ranked by its score at its own end."
    )


def _uneven(study: Study) -> str:
    measured = pd.crosstab(study.evaluations["number"], study.evaluations["evaluation"]) > 0
    reached = study.evaluations.groupby("number")["evaluation"].max().reindex(measured.index)
    due = pd.DataFrame({end: reached >= end for end in measured.columns}, index=measured.index)
    lacking = int((due & ~measured).any(axis=1).sum())
    if not lacking:
        return ""
    return (
        f"Trials were measured at {len(measured.columns)} different times, and {lacking} of "
        f"{len(measured)} were not measured at some of these before their end: a comparison at "
        "one time leaves them out there."
    )


def _floor(study: Study) -> str:
    if study.floor:
        return ""
    return (
        "The score of real data at the same number of samples was not stated, so how far the "
        "best is from it is unknown."
    )


def _not_measured(study: Study) -> str:
    measured = {MEASURES[name].group for name in MEASURES if study.evaluations[name].notna().any()}
    groups = [
        group
        for group in dict.fromkeys(measure.group for measure in MEASURES.values())
        if group not in measured
    ]
    counters = [name.replace("_", " ") for name in COUNTERS if study.evaluations[name].isna().all()]
    parts = [f"no measure of the groups {', '.join(groups)}"] if groups else []
    parts += [f"none of the counters {', '.join(counters)}"] if counters else []
    return f"The file has {' and '.join(parts)}." if parts else ""
