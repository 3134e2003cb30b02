"""The samplers by name, as trials/results/samplers.py lists them."""

from __future__ import annotations

from pkgutil import resolve_name

from ganstudy.study.spec.samplers.base import Sampler
from ganstudy.trials.results import samplers as facts

SAMPLERS: dict[str, Sampler] = {
    name: resolve_name(f"ganstudy.study.spec.samplers.{name}:SAMPLER") for name in facts.SAMPLERS
}
