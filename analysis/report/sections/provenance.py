"""How the study was made, and how to make it again."""

from __future__ import annotations

import json

import pandas as pd

from ganstudy.analysis.formatting import label
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.blocks import Block, Facts, Listing, Results, Table
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.tables import search as tables
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.mlflow_tags import Tag

NAME, TITLE = "making", "How it was made"


def conclusions(results: Results) -> list[Conclusion]:
    """Facts, no conclusions."""
    return []


def blocks(results: Results) -> list[Block]:
    """Provenance, versions, seeds, failures, cost, and the study file."""
    study = results.study
    text = study.study_file()
    return [
        Facts([*_scores(study), *_trials(study), *_versions(study), *_again(study, bool(text))]),
        Table("cost", results.of(tables.cost, study), "What it cost", COST_NOTE),
        *([Listing("The study file", text)] if text else []),
        Listing("The study, defaults filled in (JSON)", json.dumps(study.spec, indent=2)),
        Table("measures", _measures(study), "Measures, and what real data score", folded=True),
    ]


COST_NOTE = (
    "Steps, updates and images are those of one seed, summed over trials; hours are those of whole trials, all seeds "
    "together. Device hours count the time in which a GPU was held."
)


def _scores(study: Study) -> list[tuple[str, str]]:
    provenance = study.provenance
    if not provenance:
        return [("Scores", "nothing is known of how they were measured")]
    accuracy = provenance.get("extractor_accuracy")
    held_out = f", held-out accuracy {100 * accuracy:.1f}%" if accuracy is not None else ""
    return [
        (
            "Scores",
            f"{provenance['num_generated']} generated samples per seed against {provenance['num_real']} real ones "
            f"({label(provenance['split'])}, never trained on)",
        ),
        ("Extractor", f"{provenance['extractor']} ({provenance['extractor_digest']}){held_out}"),
        (
            "Data",
            f"{study.spec.get('data', {}).get('name', '')} ({provenance['data_digest']})".strip(),
        ),
        *([("Modes", provenance["modes"])] if provenance.get("modes") else []),
    ]


def _trials(study: Study) -> list[tuple[str, str]]:
    train, search = study.spec.get("train", {}), study.spec.get("search", {})
    failed = int((study.trials["error"] != "").sum())
    facts = [
        (
            "Trials",
            f"{len(study.trials)} of {search.get('trials', 'an unknown number')} planned, {failed} failed",
        ),
        ("Seeds", ", ".join(map(str, train["seeds"])))
        if train.get("seeds")
        else ("Seeds", "unknown"),
        ("Sampler", f"{search.get('sampler', 'tpe')}, seed {search.get('seed', 'unknown')}"),
    ]
    budget = train.get("budget", {})
    if budget:
        looks = (
            f"{train.get('evaluations')} evaluations" if train.get("evaluations") else "evaluated"
        )
        facts.append(("Budget", f"{budget['amount']:g} {label(budget['unit'])} per trial, {looks}"))
    return facts


def _versions(study: Study) -> list[tuple[str, str]]:
    packages = json.loads(study.tags.get(Tag.PACKAGES, "{}"))
    named = ", ".join(f"{name} {version}" for name, version in packages.items())
    return [
        ("ganstudy source", study.tags.get(Tag.SOURCE, "unknown")),
        ("Python", study.tags.get(Tag.PYTHON, "unknown")),
        *([("Packages", named)] if named else []),
        *([("Changed on the way", changes)] if (changes := study.tags.get(Tag.CHANGES)) else []),
    ]


def _again(study: Study, has_file: bool) -> list[tuple[str, str]]:
    if not has_file:
        return []
    return [
        (
            "To make it again",
            f"save the study file below as {study.name}.toml; ganstudy run {study.name}.toml",
        )
    ]


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
