"""What trials reserve of a machine and cannot use: said before a study starts, as it costs money."""

from __future__ import annotations

import math

from ganstudy.study.cluster.slots import EPSILON
from ganstudy.study.spec.study_spec import StudySpec

# A guess: less is lost to rounding.
NOTICED_SHARE = 0.02
"""Of a GPU."""
USEFUL_SHARE = 0.6
"""Of the speed that so many CPUs could bring: below it most of them stand idle."""


def idle_lines(spec: StudySpec) -> list[str]:
    """Return what lies idle whatever is trained, one sentence each."""
    cpus, gpus = spec.resources.cpus, spec.resources.gpus
    lines = []
    if 0 < gpus <= 1:
        trials = math.floor(1 / gpus + EPSILON)
        idle = 1 - trials * gpus
        if idle > NOTICED_SHARE:
            lines.append(
                f"resources.gpus = {gpus:g}: a GPU holds {trials} trial{'s' if trials > 1 else ''}, and "
                f"{idle:.0%} of it is left idle; {1 / (trials + 1):.3g} holds {trials + 1}"
            )
    if gpus and cpus > 1 and not spec.has_training_function:
        lines.append(
            f"resources.cpus = {cpus:g}: a trial on a GPU uses one CPU, and more of them in evaluations "
            "alone"
        )
    return lines


def idle_cpus_line(cpus: int, speedup: float) -> str | None:
    """Return what is said of CPUs that make steps hardly faster; None where they do.

    speedup: how many times as fast a step is as with one CPU, measured.
    """
    if speedup >= USEFUL_SHARE * cpus:
        return None
    return (
        f"resources.cpus = {cpus}: a step is {speedup:.2g} times as fast as with one CPU, so most of them "
        f"stand idle; cpus = 1 trains {cpus} trials at a time instead"
    )
