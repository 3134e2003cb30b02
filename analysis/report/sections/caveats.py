"""What the data of a study cannot tell, in sentences: of imported histories above all, which may
lack anything.
"""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.blocks import Block, Results
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.mlflow_tags import Tag
from ganstudy.trials.results.records import COUNTERS, Verdict

NAME, TITLE = "limits", "What these data cannot tell"
NOT_STATED = "imported"
"""Extractor of scores of which nobody said what they were measured with."""


def conclusions(results: Results) -> list[Conclusion]:
    """One conclusion per thing that is missing."""
    return [Conclusion(sentence, first=True) for sentence in limits(results.whole)]


def blocks(results: Results) -> list[Block]:
    """Nothing: what is missing has no table."""
    return []


def limits(study: Study) -> list[str]:
    """What cannot be said, and why; empty for a study that was trained here."""
    if Tag.IMPORTED not in study.tags or study.evaluations.empty:
        return []
    source = json.loads(study.tags[Tag.IMPORTED])
    found = [
        f"These histories were trained elsewhere and imported from {source['file']} (digest {source['digest']}).",
        _provenance(study),
        _verdicts(study),
        _single_seeds(study),
        _ended_early(study),
        _uneven(study),
        _floor(study),
        _absent(study),
    ]
    return [sentence for sentence in found if sentence]


def _provenance(study: Study) -> str:
    if study.provenance.get("extractor") != NOT_STATED:
        return ""
    return (
        "What the scores were measured with was not stated: they can be compared with each other, and not with those "
        "of any other study."
    )


def _verdicts(study: Study) -> str:
    unknown, seeds = int((study.seeds["verdict"] == Verdict.UNKNOWN.value).sum()), len(study.seeds)
    if not unknown:
        return ""
    return (
        f"Whether {unknown} of {seeds} seeds collapsed, cycled or converged is not known, since what the verdicts are "
        "told by was not measured or does not suffice: counts of lost seeds are lower bounds."
    )


def _single_seeds(study: Study) -> str:
    trials = study.trials[study.trials["num_seeds"] > 0]
    single = int((trials["num_seeds"] == 1).sum())
    if not single:
        return ""
    all_of = f"All {single}" if single == len(trials) else f"{single} of {len(trials)}"
    return (
        f"{all_of} configurations were trained on a single seed: how far another seed would have come out differently "
        "cannot be said of them."
    )


def _ended_early(study: Study) -> str:
    scores = [name for name in MEASURES if study.evaluations[name].notna().any()]
    last = study.seeds
    silent = last[last["finite"].astype(bool) & last[scores].isna().all(axis=1)]
    if silent.empty:
        return ""
    return (
        f"{len(silent)} seeds of {silent['number'].nunique()} configurations have no score at the end of their trial; "
        "they count as the worst, and why they ended is not known."
    )


def _uneven(study: Study) -> str:
    there = pd.crosstab(study.evaluations["number"], study.evaluations["evaluation"]) > 0
    reached = study.evaluations.groupby("number")["evaluation"].max().reindex(there.index)
    due = pd.DataFrame({moment: reached >= moment for moment in there.columns}, index=there.index)
    lacking = int((due & ~there).any(axis=1).sum())
    if not lacking:
        return ""
    return (
        f"Trials were measured at {len(there.columns)} different moments, and {lacking} of {len(there)} lack some that "
        "lie before their end: a comparison at one moment leaves out those that were not measured there."
    )


def _floor(study: Study) -> str:
    if study.floor:
        return ""
    return "What real data score at the same number of samples was not stated, so how far the best is from it is open."


def _absent(study: Study) -> str:
    measured = {MEASURES[name].group for name in MEASURES if study.evaluations[name].notna().any()}
    groups = [
        group
        for group in dict.fromkeys(m.group for m in MEASURES.values())
        if group not in measured
    ]
    counters = [name.replace("_", " ") for name in COUNTERS if study.evaluations[name].isna().all()]
    parts: list[Any] = [f"no measure of the groups {', '.join(groups)}"] if groups else []
    parts += [f"none of the counters {', '.join(counters)}"] if counters else []
    return f"The file holds {' and '.join(parts)}: nothing is said about them." if parts else ""
