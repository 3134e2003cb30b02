"""What a function of the user's own takes, read from its file without running it."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KINDS: dict[str, type] = {kind.__name__: kind for kind in (int, float, bool, str)}


@dataclass(frozen=True)
class Signature:
    """Keyword arguments of a function."""

    place: str
    """FILE:LINE of its definition, or FILE alone."""
    kinds: dict[str, type | None]
    """By name: the type of its values, by annotation or default; None where neither says it."""
    required: frozenset[str]
    """Names without a default."""
    takes_any: bool
    """Whether it takes further names (**options)."""


def signature_in(file: Path, name: str) -> Signature | None:
    """Return what the function `name` of a Python file takes.

    None where the file does not show it: no plain definition of that name at its top, or a decorated
    one. The file is not run.
    """
    try:
        body = ast.parse(file.read_bytes()).body
    except (SyntaxError, ValueError, RecursionError):
        return None
    found = [each for each in body if name in _bound(each)]
    if len(found) != 1 or not isinstance(found[0], ast.FunctionDef) or found[0].decorator_list:
        return None
    given = found[0].args
    positional = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(given.defaults))
    pairs = list(zip(positional, [*defaults, *given.defaults], strict=True))
    # Positional-only ones cannot be given by name.
    pairs = [
        *pairs[len(given.posonlyargs) :],
        *zip(given.kwonlyargs, given.kw_defaults, strict=True),
    ]
    return Signature(
        f"{file.name}:{found[0].lineno}",
        {argument.arg: _kind(argument.annotation, default) for argument, default in pairs},
        frozenset(argument.arg for argument, default in pairs if default is None),
        given.kwarg is not None,
    )


def _bound(statement: ast.stmt) -> set[str]:
    """Return the names that a statement at the top of a file may give a value."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    for node in ast.walk(statement):
        if isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
    return names


def _kind(annotation: ast.expr | None, default: ast.expr | None) -> type | None:
    if isinstance(annotation, ast.Name) and annotation.id in KINDS:
        return KINDS[annotation.id]
    if annotation is not None or not isinstance(default, ast.Constant):
        return None
    return KINDS.get(type(default.value).__name__)


def signature_of(function: Callable[..., Any], place: str) -> Signature | None:
    """Return what a function takes that was imported; None where Python cannot tell.

    place: of its definition.
    """
    try:
        given = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    named = [p for p in given if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return Signature(
        place,
        {p.name: _kind_of(p) for p in named},
        frozenset(p.name for p in named if p.default is p.empty),
        any(p.kind is p.VAR_KEYWORD for p in given),
    )


def _kind_of(parameter: inspect.Parameter) -> type | None:
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return KINDS.get(type(parameter.default).__name__)
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return KINDS.get(name)
