"""What all option models share: immutability, strictness, and choosing a model by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

MOST_SHOWN = 100
"""Characters of a value in a message."""
PLUGIN = "plugin"
"""Tag of a model chosen by a reference such as "my_gan.py:build" instead of a name."""


class StrictModel(BaseModel):
    """Immutable, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def short_repr(value: object) -> str:
    """`value` as Python writes it, for a message; shortened where it is long."""
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}... ({len(text)} characters)"


def one_of(kind: str, value: str, names: Iterable[str]) -> str:
    """`value`, if it is one of `names`; otherwise a ValueError that lists them."""
    names = tuple(names)
    if value not in names:
        raise ValueError(f"unknown {kind} {short_repr(value)}; known: {', '.join(names)}")
    return value


def is_plugin(name: str) -> bool:
    """Whether `name` refers to a user's own file, such as "my_gan.py:build"."""
    return ".py:" in name


def named_choice(
    kind: str, models: Mapping[str, type[StrictModel]], plugin: str, default: str | None = None
) -> Callable[[Any], Any]:
    """A validator that turns a table with a `name` into the model of that name.

    kind: what is chosen, for messages ("data", "model"). plugin: what a reference must look like,
    for messages. default: the name of a table without one. A reference of the form FILE.py:NAME
    chooses the model under PLUGIN.
    """

    def choose(value: Any) -> Any:
        if isinstance(value, StrictModel):
            value = value.model_dump()
        if not isinstance(value, dict):
            raise ValueError(f"must be a table, got {short_repr(value)}")
        name = value.get("name", default)
        if not isinstance(name, str):
            raise ValueError(f"{kind} needs a name; known: {', '.join(models)}, {plugin}")
        if name not in models and not is_plugin(name):
            raise ValueError(
                f"unknown {kind} {short_repr(name)}; known: {', '.join([*models, plugin])}"
            )
        return {**value, "name": name}

    return choose


def tag_of(value: Any) -> str:
    """The name by which `named_choice` picks a model."""
    name = value["name"] if isinstance(value, dict) else value.name
    return PLUGIN if is_plugin(name) else str(name)
