"""A class of the user's own, found by reference: a loss or a remedy, by the contract it is on."""

from __future__ import annotations

import inspect
from typing import Any

from ganstudy.trials.config.own_parts import Kind, OwnPart
from ganstudy.trials.config.plugins import load, source
from ganstudy.trials.ensemble.own_class import declared, line_of
from ganstudy.trials.losses.base import Loss
from ganstudy.trials.remedies.base import Remedy

CONTRACTS: dict[Kind, type[Any]] = {"loss": Loss, "remedy": Remedy}


def declared_part(reference: str, digest: str) -> OwnPart:
    """Return what the class that `reference` names declares.

    Raise ValueError, with the user's file and line, where there is none, or none on a contract.
    """
    found, file = load(reference, digest), source(digest)
    for kind, contract in CONTRACTS.items():
        if inspect.isclass(found) and issubclass(found, contract):
            return declared(kind, found, reference, digest)
    kind_of_it = "class" if inspect.isclass(found) else "function"
    raise ValueError(
        f"{line_of(found, file)}: {reference.rpartition(':')[2]} must be a class on Loss or Remedy "
        f"(from ganstudy.trials.own import Loss, Remedy), and is a {kind_of_it} on neither"
    )
