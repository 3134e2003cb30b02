"""What all options models share: immutability, strictness, and choosing a model by its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Union

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    GetCoreSchemaHandler,
    Tag,
)
from pydantic_core import CoreSchema

MAX_REPR = 100
"""Characters of a value that a message repeats."""
MOST_SUGGESTED = 2
"""Names that a message proposes in place of an unknown one."""
PLUGIN = "plugin"
"""Tag of a model chosen by a reference such as "my_gan.py:build" instead of a name."""


class StrictModel(BaseModel):
    """Immutable, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ImplementedOptions(StrictModel):
    """Options of something that is implemented elsewhere, with torch."""

    implementation: ClassVar[str]
    """MODULE:NAME of the class or function that takes these options. It is text because importing
    it here would load torch, and `ganstudy check` should answer at once.
    """


class _PerLane:
    """Mark of an option that may differ between the lanes of a pack."""


LaneNumber = Annotated[float, _PerLane()]
"""Type of an option that enters the training as one number per lane (trials/config/lanes.py): it
decides neither shapes nor which operations are carried out nor how often."""


def is_per_lane(options: type[BaseModel], name: str) -> bool:
    """Return whether the option `name` is declared as a `LaneNumber`."""
    return any(isinstance(mark, _PerLane) for mark in options.model_fields[name].metadata)


class _FilledIn:
    """Mark of a field that is filled in when a study file is read, and that no file may state."""


FILLED_IN = _FilledIn()
FilledInText = Annotated[str, FILLED_IN]


def stated_fields(options: type[BaseModel]) -> list[str]:
    """Return the names of the fields that a study file may state."""
    return [name for name, field in options.model_fields.items() if FILLED_IN not in field.metadata]


def short_repr(value: object) -> str:
    """Return `value` as Python writes it, shortened where it is long, for a message."""
    text = repr(value)
    return text if len(text) <= MAX_REPR else f"{text[:MAX_REPR]}... ({len(text)} characters)"


def one_of(kind: str, value: str, names: Iterable[str]) -> str:
    """Return `value` if it is one of `names`; otherwise raise a ValueError that lists them."""
    # It may be an iterator, and is gone through twice.
    names = tuple(names)
    if value not in names:
        raise ValueError(f"unknown {kind} {short_repr(value)}{alternatives(value, names)}")
    return value


def alternatives(value: object, names: Iterable[str], none: str = "none") -> str:
    """Return what follows an unknown `value` in a message: the name that is meant, and all `names`.

    none: stands for them where there are none.
    """
    names = tuple(names)
    return f"{suggestion(value, names)}; known: {', '.join(names) or none}"


def suggestion(value: object, names: Iterable[str]) -> str:
    """Return " (did you mean ...?)" with the names that begin with `value`, or else with the one most like it.

    The case does not count; "" where no name is alike.
    """
    by_lower = {name.lower(): name for name in names}
    text = value.lower() if isinstance(value, str) else ""
    alike = [name for name in by_lower if len(text) > 1 and name.startswith(text)][:MOST_SUGGESTED]
    alike = alike or get_close_matches(text, by_lower, n=1)
    return f" (did you mean {' or '.join(by_lower[name] for name in alike)}?)" if alike else ""


def is_plugin(name: str) -> bool:
    """Return whether `name` refers to a user's own file, such as "my_gan.py:build"."""
    return ".py:" in name


@dataclass(frozen=True)
class NamedChoice:
    """Annotation of a field whose table chooses one of several models by its `name`.

    Pydantic then validates, reports and serialises as for a union of these models, so a model is
    entered in one dictionary and in no union.
    """

    kind: str
    """What is chosen, for messages ("data", "model")."""
    models: Mapping[str, type[StrictModel]]
    """The models by name."""
    plugin: type[StrictModel]
    """The model that a reference of the form FILE.py:NAME chooses."""
    reference: str
    """Example of such a reference, for messages."""
    default: str | None = None
    """The name of a table without one."""

    def __get_pydantic_core_schema__(
        self, _source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return the schema of the union; the field's own annotation is for type checkers."""
        tagged = [
            Annotated[model, Tag(tag)]
            for tag, model in {**self.models, PLUGIN: self.plugin}.items()
        ]
        # Built by hand: a union in the annotation would have to list every model a second time.
        union = Union[tuple(tagged)]  # type: ignore[valid-type]  # noqa: UP007  # from a list
        return handler.generate_schema(
            Annotated[union, Discriminator(_tag), BeforeValidator(self._with_name)]
        )

    def _with_name(self, value: Any) -> Any:
        """Return the table `value` with its name, if there is a model of that name."""
        # From code rather than a file; validated again, as a table is.
        if isinstance(value, StrictModel):
            value = value.model_dump()
        if not isinstance(value, dict):
            raise ValueError(f"must be a table, got {short_repr(value)}")
        name = value.get("name", self.default)
        known = [*self.models, self.reference]
        if not isinstance(name, str):
            raise ValueError(f"{self.kind} needs a name; known: {', '.join(known)}")
        if name not in self.models and not is_plugin(name):
            raise ValueError(f"unknown {self.kind} {short_repr(name)}{alternatives(name, known)}")
        return {**value, "name": name}


def _tag(value: Any) -> str:
    name = value["name"] if isinstance(value, dict) else value.name
    return PLUGIN if is_plugin(name) else str(name)
