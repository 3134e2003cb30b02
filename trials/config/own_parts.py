"""Losses, remedies and optimisers of the user's own, "my_remedy.py:MyPenalty", without their file.

What a user's file declares is read once, when the study file is (trials/ensemble/own_class.py), and
kept as an `OwnPart` with the study: so the rules, the ledger and the report need neither the file
nor torch. `options_class` makes of it an options class like those of ganstudy's own parts, under the
name of the user's class.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, ClassVar, Literal, TypeVar, cast

from pydantic import create_model

from ganstudy.trials.config.base import ImplementedOptions, LaneNumber, StrictModel, one_of
from ganstudy.trials.config.losses import LOSSES, LossOptions
from ganstudy.trials.config.remedies import REMEDIES, RemedyOptions
from ganstudy.trials.results.documents import JsonObject

Kind = Literal["loss", "remedy", "optimiser"]
Options = TypeVar("Options", bound=ImplementedOptions)

BASES: dict[Kind, type[ImplementedOptions]] = {"loss": LossOptions, "remedy": RemedyOptions}
"""Options class that a user's own derives from, by kind."""
ATTRIBUTES: dict[Kind, tuple[str, ...]] = {
    "loss": ("smoothable",),
    "optimiser": (),
    "remedy": (
        "needs_smoothable_loss",
        "needs_batch_norm",
        "images_only",
        "divides_batch",
        "sets_in_after",
    ),
}
"""What the rules of trials/config/compatibility.py read of an options class, in plain values."""
TYPES: dict[str, object] = {"int": int, "float": float, "bool": bool, "str": str}


class OwnOption(StrictModel):
    """One option of a user's own part."""

    default: Any
    type: Literal["int", "float", "bool", "str", "other"] = "other"
    per_lane: bool = False
    """Whether it is declared as a LaneNumber."""


class OwnPart(StrictModel):
    """A user's own loss, remedy or optimiser, as its file declares it."""

    kind: Kind
    reference: str
    """ "my_remedy.py:MyPenalty" """
    digest: str
    """Of the bytes of the file."""
    options: dict[str, OwnOption] = {}
    attributes: dict[str, bool | str | None] = {}
    """Those of ATTRIBUTES that are not the default."""
    excludes: dict[str, str] = {}
    """Remedies that do not go together with it, each with the sentence that says why."""

    @property
    def name(self) -> str:
        """Name of the user's class: what the part is called everywhere."""
        return self.reference.rpartition(":")[2]


Own = Mapping[str, OwnPart]
"""A study's own parts by name."""


class OwnOptions(ImplementedOptions):
    """Options of a user's own part, apart from the file that declares them."""

    part: ClassVar[OwnPart]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the declaration: the class is made, and can be imported from nowhere."""
        return _restored, (self.part.model_dump_json(), self.model_dump())


def options_class(part: OwnPart) -> type[ImplementedOptions]:
    """Return an options class of the part's own, the same for equal parts."""
    return _made(part.model_dump_json())


@lru_cache(maxsize=256)
def _made(text: str) -> type[ImplementedOptions]:
    part = OwnPart.model_validate_json(text)
    fields: Any = {
        name: (LaneNumber if option.per_lane else TYPES.get(option.type, Any), option.default)
        for name, option in part.options.items()
    }
    made: Any = create_model(part.name, __base__=(OwnOptions, BASES[part.kind]), **fields)
    attributes: JsonObject = {
        "part": part,
        "name": part.name,
        "implementation": f"ganstudy.trials.ensemble.own_class:{part.kind}",
        "excludes": part.excludes if part.kind == "loss" else frozenset(part.excludes),
        **part.attributes,
    }
    for name, value in attributes.items():
        setattr(made, name, value)
    return cast("type[ImplementedOptions]", made)


def _restored(text: str, values: JsonObject) -> ImplementedOptions:
    return _made(text).model_validate(values)


def losses_of(own: Own) -> dict[str, type[LossOptions]]:
    """Return all losses that a study may name: ganstudy's, then its own."""
    return LOSSES | _of_kind(own, LossOptions)


def remedies_of(own: Own) -> dict[str, type[RemedyOptions]]:
    """Return all remedies that a study may name: ganstudy's, then its own."""
    return REMEDIES | _of_kind(own, RemedyOptions)


def _of_kind(own: Own, base: type[Options]) -> dict[str, type[Options]]:
    made = {name: options_class(part) for name, part in own.items() if part.kind in BASES}
    return {name: options for name, options in made.items() if issubclass(options, base)}


OPTIMISERS = ("adam", "sgd", "rmsprop")


def optimisers_of(own: Own) -> tuple[str, ...]:
    """Return all optimisers that a study may name: ganstudy's, then its own."""
    return *OPTIMISERS, *(name for name, part in own.items() if part.kind == "optimiser")


def _a(kind: str) -> str:
    return f"{'an' if kind.startswith('o') else 'a'} {kind}"


def check_part_name(kind: str, name: str, known: Iterable[str], own: Own) -> str:
    """Return `name` if it is one of `known`; otherwise raise a ValueError that lists them."""
    known = tuple(known)
    if name in own and name not in known:
        part = own[name]
        raise ValueError(f"{part.reference} is {_a(part.kind)}, and {_a(kind)} is needed here")
    try:
        return one_of(kind, name, known)
    except ValueError as error:
        raise ValueError(f"{error}; or your own: my_{kind}.py:NAME") from None
