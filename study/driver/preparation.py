"""Prepare the evaluator on a worker before the first trial: data, classifier, floor, notes."""

from __future__ import annotations

import ray
from rich.console import Console

from ganstudy.study.cluster import capacity, monitor
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.study.tune.evaluator_setup import EvaluatorSetup, make_evaluator_setup


def prepare_evaluator(spec: StudySpec, home: Home, console: Console) -> EvaluatorSetup:
    """Make on a worker what trials are scored with; raise UserError if data or networks will not do."""
    on_worker = ray.remote(
        num_cpus=min(1, spec.resources.cpus), num_gpus=min(1, spec.resources.gpus)
    )
    # Whether resources are free is asked by a task that takes no time: the other one may take
    # minutes, once it has them.
    placed = on_worker(_do_nothing).remote()
    making = on_worker(make_evaluator_setup).remote(
        spec.distinct_architectures(), str(home.cache), spec.resources.gpus > 0
    )
    if not ray.wait([placed], timeout=capacity.PLACE_SECONDS)[0]:
        console.print(monitor.still_waiting(spec.resources), soft_wrap=True)
    try:
        evaluator_setup: EvaluatorSetup = ray.get(making)
    except ValueError as error:
        # Ray raises what the task raised, with the worker's traceback as its text.
        raise UserError(str(getattr(error, "cause", error))) from None
    return evaluator_setup


def _do_nothing() -> None:
    pass


def describe(evaluator_setup: EvaluatorSetup) -> str:
    """Describe in lines what the study is measured with; cluster/jobs.py knows the first words."""
    provenance = evaluator_setup.provenance
    accuracy = provenance.extractor_accuracy
    classifier = "" if accuracy is None else f" (held-out accuracy {accuracy:.1%})"
    lines = [
        f"measured with {provenance.extractor}{classifier}: {provenance.num_generated} generated against "
        f"{provenance.num_real} held-out; real against real at the same n: FID {evaluator_setup.floor['fid']:.3g}",
        *evaluator_setup.notes,
    ]
    return "\n".join(lines)
