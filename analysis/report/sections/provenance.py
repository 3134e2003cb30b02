"""How the study was made, and how to repeat it."""

from __future__ import annotations

import json

import pandas as pd

from ganstudy.analysis.formatting import label
from ganstudy.analysis.frames.own_code import own_files
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.blocks import Block, Facts, Listing, Results, Table
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.tables.configurations import search
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import Stage

TITLE = "How it was made"


def conclusions(results: Results) -> list[Conclusion]:
    """Return none: these are facts."""
    return []


def blocks(results: Results) -> list[Block]:
    """Return provenance, versions, seeds, failures, cost, and the study file."""
    study = results.study
    text = study.study_file()
    return [
        Facts(
            [
                *_scores(study),
                *_trials(study),
                *_own_code(study),
                *_versions(study),
                *_repeat(study, text),
            ]
        ),
        Table("cost", results.cached(search.cost, study), "What it cost", COST, folded=True),
        *([Listing("The study file", text)] if text else []),
        Listing("The study, defaults filled in (JSON)", json.dumps(study.spec, indent=2)),
        Table("measures", _measures(study), "Measures, and what real data score", folded=True),
    ]


COST = (
    "Steps, updates and images are those of one seed, summed over trials; hours are those of "
    "whole trials, all seeds together. Device hours count the time for which a GPU was reserved."
)


def _scores(study: Study) -> list[tuple[str, str]]:
    provenance = study.provenance
    if not provenance:
        return [("Scores", "how they were measured is unknown")]
    extractor = f"{provenance['extractor']} ({provenance['extractor_digest']})"
    accuracy = provenance.get("extractor_accuracy")
    if accuracy is not None:
        extractor += f", held-out accuracy {100 * accuracy:.1f}%"
    scores = (
        f"{provenance['num_generated']} generated samples per seed against "
        f"{provenance['num_real']} real ones ({label(provenance['split'])}, never trained on)"
    )
    data = f"{study.data_name} ({provenance['data_digest']})".strip()
    facts = [("Scores", scores), ("Extractor", extractor), ("Data", data)]
    if provenance.get("modes"):
        facts.append(("Modes", provenance["modes"]))
    return facts


def _trials(study: Study) -> list[tuple[str, str]]:
    search = study.spec.get("search", {})
    planned = search.get("trials", "an unknown number")
    failed = int((study.trials["error"] != "").sum())
    sampler = study.sampler or "unknown"
    designed = len(study.of_stage(Stage.DESIGN).trials)
    drawn = f"{len(study.trials) - designed} of {planned} planned"
    if designed:
        by_search = f", {drawn} by the search" if planned or len(study.trials) > designed else ""
        drawn = f"{designed} designed{by_search}"
    facts = [
        ("Trials", f"{drawn}, {failed} failed"),
        ("Seeds", ", ".join(map(str, study.planned_seeds)) or "unknown"),
        ("Sampler", f"{sampler}, seed {search.get('seed', 'unknown')}"),
    ]
    if study.budget.unit:
        evaluations = study.spec["train"].get("evaluations")
        evaluated = f"{evaluations} evaluations" if evaluations else "evaluated"
        amount = f"{study.budget.amount:g} {label(study.budget.unit)}"
        facts.append(("Budget", f"{amount} per trial, {evaluated}"))
    return facts


def _own_code(study: Study) -> list[tuple[str, str]]:
    files = [
        f"{file.name} ({file.digest}): {', '.join(file.used_for)}" for file in own_files(study.spec)
    ]
    return [("Your code", "; ".join(files))] if files else []


def _versions(study: Study) -> list[tuple[str, str]]:
    facts = [
        ("ganstudy source", study.origin.source),
        ("Python", study.origin.python),
    ]
    # Studies of older versions lack these.
    if packages := study.origin.packages:
        named = ", ".join(f"{name} {version}" for name, version in packages.items())
        facts.append(("Packages", named))
    if changes := study.origin.changes:
        facts.append(("Changed during the run", changes))
    return facts


def _repeat(study: Study, text: str) -> list[tuple[str, str]]:
    if not text:
        return []
    file = f"{study.name}.toml"
    return [("To repeat it", f"save the study file below as {file}; ganstudy run {file}")]


def _measures(study: Study) -> pd.DataFrame:
    rows = [
        (
            measure.label,
            measure.unit,
            measure.direction,
            study.floor.get(measure.name, float("nan")),
            measure.source,
        )
        for measure in MEASURES.values()
    ]
    return pd.DataFrame(rows, columns=["measure", "unit", "better", "real data", "source"])
