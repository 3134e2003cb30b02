"""The message that describes a study on its parent run in MLflow."""

from __future__ import annotations

import platform
from base64 import b64encode
from dataclasses import replace

from ganstudy.study.cluster.code_version import PACKAGES, code_provenance, source_digest
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.spec.function_checks import as_read
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.study.tracking.messages import StudyStart
from ganstudy.study.tune.evaluator_setup import EvaluatorSetup
from ganstudy.trials.results.facts import Origin, StudyFacts


def study_message(
    spec: StudySpec, text: str, evaluator_setup: EvaluatorSetup | None, changes: list[str]
) -> StudyStart:
    """Return the study file, parameters, facts and floor of the study's parent run.

    changes: of code or data, which the user accepted.
    """
    packages = {name: found for name, found in code_provenance().items() if name in PACKAGES}
    origin = Origin(source_digest(), platform.python_version(), packages, "\n".join(changes))
    facts = StudyFacts(as_read(spec), spec.question, origin=origin)
    if evaluator_setup is not None:
        facts = replace(
            facts,
            provenance=evaluator_setup.provenance.to_json(),
            modes=evaluator_setup.modes,
            real_effective_modes=evaluator_setup.real_effective_modes,
        )
    params = {
        "data": spec.data.name,
        "model": spec.train.method if spec.has_training_function else spec.model.name,
        "sampler": spec.search.sampler,
        "schedule": spec.schedule.name,
        "objective": f"{spec.objective.direction} {spec.objective.measure}",
        "budget": f"{spec.train.budget.amount:g} {spec.train.budget.unit}",
        "seeds": ",".join(map(str, spec.train.seeds)),
    }
    floor = evaluator_setup.floor if evaluator_setup else {}
    real = evaluator_setup.real_samples if evaluator_setup else None
    drawn = None if real is None else b64encode(real).decode()
    return StudyStart(facts, text, params=params, floor=floor, real_samples=drawn)


def facts_of_ledger(ledger: Ledger) -> StudyFacts:
    """Return what the ledger knows of a study's facts, where MLflow does not have them whole."""
    origin = Origin(changes="\n".join(ledger.changes))
    return StudyFacts(as_read(ledger.spec), ledger.spec.question, origin=origin)
