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
    """Set up on a worker what trials are scored with; raise UserError where data or networks will
    not do.
    """
    cpus, gpus = min(1, spec.resources.cpus), min(1, spec.resources.gpus)
    # Whether there is a place is asked by a task that takes no time: this one may take minutes
    # where it has one.
    place = ray.remote(num_cpus=cpus, num_gpus=gpus)(_placed).remote()
    making = ray.remote(num_cpus=cpus, num_gpus=gpus)(make_evaluator_setup).remote(
        spec.distinct_architectures(), str(home.cache), gpus > 0
    )
    if not ray.wait([place], timeout=capacity.PLACE_SECONDS)[0]:
        console.print(monitor.still_waiting(spec.resources), soft_wrap=True)
    try:
        evaluator_setup: EvaluatorSetup = ray.get(making)
    except (
        ValueError
    ) as error:  # Ray raises what the task raised, with its own traceback as the text
        raise UserError(str(getattr(error, "cause", error))) from None
    return evaluator_setup


def _placed() -> None:
    """Done as soon as there is a place for it."""


def describe(evaluator_setup: EvaluatorSetup) -> str:
    """Describe in lines what the study is measured with."""
    provenance = evaluator_setup.provenance
    accuracy = provenance.extractor_accuracy
    classifier = "" if accuracy is None else f" (held-out accuracy {accuracy:.1%})"
    lines = [
        f"measured with {provenance.extractor}{classifier}: {provenance.num_generated} generated against "
        f"{provenance.num_real} held-out; real against real at the same n: FID {evaluator_setup.floor['fid']:.3g}",
        *evaluator_setup.notes,
    ]
    return "\n".join(lines)
