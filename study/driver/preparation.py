"""Prepare the evaluator on a worker before the first trial: data, classifier, floor, notes."""

from __future__ import annotations

import time
from pathlib import Path

import ray
from rich.console import Console
from rich.text import Text

from ganstudy.study.cluster import capacity, monitor
from ganstudy.study.driver.terminal import say, wrap
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.study.tune.evaluator_setup import EvaluatorSetup, make_evaluator_setup
from ganstudy.study.tune.preparation_note import PreparationNote, read_note
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.number_format import three_digits

POLL_SECONDS = 0.5
PLAIN_SECONDS = 30.0
"""Between two lines on the preparation where nothing can be redrawn."""


def prepare_evaluator(spec: StudySpec, home: Home, console: Console) -> EvaluatorSetup:
    """Make on a worker what trials are scored with; raise UserError if data or networks will not do."""
    on_worker = ray.remote(
        num_cpus=min(1, spec.resources.cpus), num_gpus=min(1, spec.resources.gpus)
    )
    # Whether resources are free is asked by a task that takes no time: the other one may take
    # minutes, once it has them.
    placed = on_worker(_do_nothing).remote()
    note = home.study(spec.name).preparing
    making = on_worker(make_evaluator_setup).remote(
        spec.distinct_architectures(), str(home.cache), spec.resources.gpus > 0, str(note)
    )
    try:
        # The first words of a worker come once its process runs.
        PreparationNote(note).say("starting a worker")
        _tell(making, placed, spec, note, console)
        evaluator_setup: EvaluatorSetup = ray.get(making)
    except ValueError as error:
        # Ray raises what the task raised, with the worker's traceback as its text.
        raise UserError(str(getattr(error, "cause", error))) from None
    finally:
        note.unlink(missing_ok=True)
    return evaluator_setup


def _tell(
    making: ray.ObjectRef, placed: ray.ObjectRef, spec: StudySpec, note: Path, console: Console
) -> None:
    """Tell what the worker does until it is done: redrawn on a terminal, now and then elsewhere."""
    begun = last_line = time.monotonic()
    waits = True
    with console.status("") as status:
        while not ray.wait([making], timeout=POLL_SECONDS)[0]:
            text = f"{spec.data.name}: {read_note(note)}"
            status.update(Text(wrap(text, console.width - 2)))
            if waits and time.monotonic() - begun > capacity.PLACE_SECONDS:
                waits = False
                if not ray.wait([placed], timeout=0)[0]:
                    say(console, monitor.still_waiting(spec.resources))
            if not console.is_terminal and time.monotonic() - last_line > PLAIN_SECONDS:
                last_line = time.monotonic()
                say(console, text)


def _do_nothing() -> None:
    pass


def describe(evaluator_setup: EvaluatorSetup, objective: str) -> str:
    """Describe in lines what the study is measured with; cluster/jobs.py knows the first words.

    objective: the measure whose value for real samples is quoted; FID where that has none.
    """
    measure = objective if evaluator_setup.floor.get(objective) is not None else "fid"
    real, floor = "", evaluator_setup.floor[measure]
    if floor is not None:
        real = f"; real against real at the same n: {MEASURES[measure].label} {three_digits(floor)}"
    provenance = evaluator_setup.provenance
    accuracy = provenance.extractor_accuracy
    classifier = "" if accuracy is None else f" (held-out accuracy {accuracy:.1%})"
    lines = [
        f"measured with {provenance.extractor}{classifier}: {provenance.num_generated} generated against "
        f"{provenance.num_real} held-out{real}",
        *evaluator_setup.notes,
    ]
    return "\n".join(lines)
