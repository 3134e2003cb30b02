"""The message that describes a study on its parent run in MLflow."""

from __future__ import annotations

import json
import platform
from typing import Any

from ganstudy.study.cluster.code_version import PACKAGES, code_provenance, source_digest
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.study.tune.evaluator_setup import EvaluatorSetup
from ganstudy.trials.results.mlflow_tags import Tag


def study_message(
    spec: StudySpec, text: str, evaluator_setup: EvaluatorSetup | None, changes: list[str]
) -> dict[str, Any]:
    """Return the study file, parameters, tags and floor of the study's parent run.

    changes: of code or data, which the user accepted.
    """
    tags: dict[str, Any] = {
        # With defaults filled in: a later version may have others, and the report reads this.
        Tag.SPEC: spec.model_dump_json(),
        Tag.SOURCE: source_digest(),
        Tag.PYTHON: platform.python_version(),
        Tag.PACKAGES: json.dumps(
            {name: found for name, found in code_provenance().items() if name in PACKAGES}
        ),
        Tag.QUESTION: spec.question,
    }
    if changes:
        tags[Tag.CHANGES] = "\n".join(changes)
    if evaluator_setup is not None:
        tags[Tag.PROVENANCE] = json.dumps(evaluator_setup.provenance.to_json())
        tags[Tag.MODES] = json.dumps(evaluator_setup.modes)
        tags[Tag.REAL_MODES] = evaluator_setup.real_effective_modes
    params = {
        "data": spec.data.name,
        "model": spec.model.name,
        "sampler": spec.search.sampler,
        "schedule": spec.schedule.name,
        "objective": f"{spec.objective.direction} {spec.objective.measure}",
        "budget": f"{spec.train.budget.amount:g} {spec.train.budget.unit}",
        "seeds": ",".join(map(str, spec.train.seeds)),
    }
    return {
        "study_file": text,
        "params": params,
        "tags": tags,
        "floor": evaluator_setup.floor if evaluator_setup else {},
    }
