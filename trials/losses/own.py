"""A class of the user's own, found by reference: a loss or a remedy, by the contract it is on.

Its hooks are held to those of the contract by their names and arguments here, as the study file is
read, and by what they return when a few steps are trained (trials/training/own_parts.py).
"""

from __future__ import annotations

import difflib
import inspect
from pathlib import Path
from typing import Any

import torch

from ganstudy.trials.config.own_parts import Kind, OwnPart
from ganstudy.trials.config.plugins import load, source
from ganstudy.trials.ensemble.own_class import declared, line_of
from ganstudy.trials.ensemble.own_optimiser import declared_optimiser
from ganstudy.trials.losses.base import Loss
from ganstudy.trials.remedies.base import Remedy

CONTRACTS: dict[Kind, type[Any]] = {"loss": Loss, "remedy": Remedy}
NEEDED = {"loss": ("discriminator", "generator"), "remedy": ()}
"""Hooks that a class must define; a remedy needs any of its hooks."""
OPTIONAL = {"target"}
"""Arguments that are given only where there is something to give: of a loss that can be smoothed."""
SIMILAR = 0.8
"""Likeness of two names, as of difflib, from which one is taken for a slip in the other."""


def declared_part(reference: str, digest: str) -> OwnPart:
    """Return what the class that `reference` names declares.

    Raise ValueError, with the user's file and line, where there is none, or none on a contract.
    """
    found, file = load(reference, digest), source(digest, reference)
    for kind, contract in CONTRACTS.items():
        if inspect.isclass(found) and issubclass(found, contract):
            _check_hooks(kind, found, contract, file)
            return declared(kind, found, reference, digest)
    if inspect.isclass(found) and issubclass(found, torch.optim.Optimizer):
        return declared_optimiser(found, reference, digest)
    what = "class" if inspect.isclass(found) else "function"
    raise ValueError(
        f"{line_of(found, file)}: {reference.rpartition(':')[2]} must be a class on Loss or Remedy "
        "(from ganstudy.trials.own import Loss, Remedy), or on torch.optim.Optimizer, and is a "
        f"{what} on none of them"
    )


def _check_hooks(kind: Kind, made: type[Any], contract: type[Any], file: Path) -> None:
    """Raise ValueError where a hook is missing, misspelt, or takes other arguments."""
    hooks = [
        name
        for name, value in vars(contract).items()
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
    ]
    own = [name for name in hooks if getattr(made, name) is not getattr(contract, name)]
    for name, value in vars(made).items():
        close = difflib.get_close_matches(name, hooks, 1, SIMILAR)
        if inspect.isfunction(value) and name not in hooks and close and close[0] not in own:
            raise ValueError(
                f"{line_of(value, file)}: {made.__name__}.{name} is no hook of a {kind}, and nothing "
                f"calls it; did you mean {close[0]}?"
            )
    lacking = [name for name in NEEDED[kind] if name not in own]
    if lacking or not own:
        wanted = " and ".join(lacking) or f"one of {', '.join(hooks)}"
        raise ValueError(
            f"{line_of(made, file)}: {made.__name__} must define {wanted}, the hooks of a {kind}"
        )
    for name in own:
        _check_arguments(made, name, vars(contract)[name], file)


def _check_arguments(made: type[Any], name: str, ours: Any, file: Path) -> None:
    theirs = inspect.getattr_static(made, name)
    if not inspect.isfunction(ours) or not inspect.isfunction(theirs):
        return
    wanted = list(inspect.signature(ours).parameters)
    given = [each for each in wanted if each not in OPTIONAL]
    try:
        # By position, as they are called; `latents` of extend_generator is given by its name.
        keywords = {each: None for each in given if each == "latents"}
        inspect.signature(theirs).bind(
            *(each for each in given if each not in keywords), **keywords
        )
    except TypeError:
        raise ValueError(
            f"{line_of(theirs, file)}: {made.__name__}.{name} must take ({', '.join(wanted)}), and takes "
            f"({', '.join(inspect.signature(theirs).parameters)})"
        ) from None
