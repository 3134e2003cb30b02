"""What torch must know of a user's network before it can be copied, stacked and saved."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils.weight_norm import WeightNorm

from ganstudy.trials.ensemble.structure import registered


def check_registration(player: str, network: nn.Module, file: Path, definition: str) -> None:
    """Raise ValueError, with the line in `file`, for a layer that cannot be trained as an ensemble.

    That is one whose calls change its parameters, and one normalised in torch's old way, whose
    weight is neither a parameter nor a buffer.

    definition: FILE:LINE of the function, where no line of the file is found.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.Embedding | nn.EmbeddingBag) and module.max_norm is not None:
            line = line_of_call(file, type(module).__name__) or definition
            raise ValueError(
                f"{line}: the {player}'s {name} has max_norm, by which a call changes a parameter: "
                "leave it out, and divide by the norm in forward"
            )
        if any(isinstance(hook, WeightNorm) for hook in module._forward_pre_hooks.values()):
            line = line_of_call(file, "weight_norm") or definition
            where = f" of layer {name}" if name else ""
            raise ValueError(
                f"{line}: the {player} uses torch.nn.utils.weight_norm{where}, whose weight is not "
                "a parameter: use torch.nn.utils.parametrizations.weight_norm, which does the same"
            )


def materialised(network: nn.Module, inputs: Tensor) -> nn.Module:
    """Return the network after its lazy layers, if any, have learned their sizes from `inputs`."""
    if any(is_lazy(value) for value in registered(network).values()):
        modes = {module: module.training for module in network.modules()}
        with torch.no_grad():
            network.eval()(inputs)  # running statistics stay
        for module, mode in modes.items():
            module.training = mode
    return network


def shared_by_players(generator: nn.Module, discriminator: nn.Module) -> str | None:
    """Return the generator's name of a parameter to train that both players have, or None."""
    others = {id(value) for value in discriminator.parameters()}
    return next(
        (
            name
            for name, value in generator.named_parameters()
            if value.requires_grad and id(value) in others
        ),
        None,
    )


def line_of_call(file: Path, function: str) -> str | None:
    """Return FILE:LINE of the first call of a function of that name in `file`, or None."""
    lines = [
        node.lineno
        for node in _nodes(file)
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", None)) == function
    ]
    return f"{file.name}:{min(lines)}" if lines else None


def line_of_attribute(file: Path, paths: Sequence[str]) -> str | None:
    """Return FILE:LINE where `file` first assigns an attribute on one of `paths`, or None.

    paths: such as "body.layers[0].weight".
    """
    named = {part.split("[")[0] for path in paths for part in path.split(":")[0].split(".")}
    lines = [
        node.lineno
        for node in _nodes(file)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and node.attr in named
    ]
    return f"{file.name}:{min(lines)}" if lines else None


def _nodes(file: Path) -> list[ast.AST]:
    try:
        return list(ast.walk(ast.parse(file.read_bytes())))
    except (OSError, SyntaxError):  # a function that was not read from a file
        return []
