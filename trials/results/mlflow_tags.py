"""Tags of MLflow runs, which are for people and for finding runs.

MLflow cuts long tags, so what the analysis reads is an artifact (trials/results/facts.py). Read back
are only KIND, LEDGER, TRIAL, PUBLISHED and FACTS, which are short by nature, and the tags of runs of
older versions, which have no such artifacts.
"""

from __future__ import annotations

from enum import StrEnum


class Tag(StrEnum):
    """Names of the tags; what is on disk, so they stay."""

    KIND = "ganstudy.kind"
    """"study" on the parent run, "trial" on its children."""
    STUDY = "ganstudy.study"
    CHANGES = "ganstudy.changes"
    """On the parent run: code, packages or data that changed on the way and were accepted, one line
    each.
    """
    LEDGER = "ganstudy.ledger"
    """On the parent run: the id of the ledger that it belongs to; of an imported study, the digest
    of what was read.
    """
    FACTS = "ganstudy.facts"
    """On the parent run: the artifact that holds its StudyFacts; set once that is written."""
    IMPORTED = "ganstudy.imported"
    """On the parent run of a study that was trained elsewhere. JSON: where it comes from, and how
    its columns were read."""
    NOTES = "ganstudy.notes"
    """Remarks on how the trial ran, for a reader of its scores."""
    TRIAL = "ganstudy.trial"
    """Number of the trial in the ledger."""
    STATE = "ganstudy.state"
    """A TrialState."""
    VERDICT = "verdict"
    """The worst verdict among the seeds, for MLflow's "Group by"."""
    VERDICTS = "ganstudy.verdicts"
    """JSON: seeds per verdict at the last evaluation."""
    OBJECTIVE = "ganstudy.objective"
    FEASIBLE = "ganstudy.feasible"
    """Whether the constraints of [objective] hold."""
    ERROR = "ganstudy.error"
    STAGE = "ganstudy.stage"
    """A Stage; absent in studies from before there were stages."""
    ROLE = "ganstudy.role"
    """Of a confirm trial: why its configuration was chosen; several reasons joined by "; "."""
    CONFIRMS = "ganstudy.confirms"
    """Of a confirm trial: number of the search trial whose configuration it repeats; absent if none
    had it.
    """
    POINT = "ganstudy.point"
    """Of a designed trial: the point at which all combinations of the factors are trained."""
    CONFIG = "ganstudy.config_digest"
    PUBLISHED = "ganstudy.published"
    """Index of the latest evaluation whose metrics are logged."""
    SCHEMA = "ganstudy.schema"
    SPEC = "ganstudy.spec"
    """JSON of the whole study, defaults filled in; on the parent run, by older versions alone."""
    QUESTION = "ganstudy.question"
    PROVENANCE = "ganstudy.provenance"
    MODES = "ganstudy.modes"
    """JSON: names of the modes."""
    REAL_MODES = "ganstudy.real_effective_modes"
    SOURCE = "ganstudy.source_digest"
    PYTHON = "ganstudy.python"
    PACKAGES = "ganstudy.packages"
    """JSON: versions of the packages that numbers depend on; on the parent run."""
