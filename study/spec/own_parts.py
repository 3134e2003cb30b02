"""References to losses and remedies of the user's own, wherever a name may stand in a study file.

"my_remedy.py:MyPenalty" names the file once; everywhere else, and in the report, the part is called
by the name of its class, MyPenalty: so `resolve` puts that name in place of every reference, and
what the file declares into [train] own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from typing import Any

from ganstudy.study.errors import UserError
from ganstudy.study.spec.messages import key_part
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config import plugins
from ganstudy.trials.config.base import StrictModel, short_repr
from ganstudy.trials.config.losses import LOSSES
from ganstudy.trials.config.own_parts import OPTIMISERS, OwnPart, options_class
from ganstudy.trials.config.remedies import REMEDIES
from ganstudy.trials.results.documents import JsonObject

REFERENCE = re.compile(r"(?P<file>.*\.py):(?P<name>\w+)(?P<option>\.\w+)?", re.ASCII | re.DOTALL)
"""A reference, or the key of an option of what it names."""
PLACES = (
    ("train", "loss"),
    ("train", "optimiser"),
    ("train", "remedies"),
    ("losses",),
    ("remedies",),
    ("search", "space"),
    ("design", "factors"),
    ("claim", "decided_by"),
)
"""Where names of losses and remedies may stand."""
PARAMS = "params."
"""Begins the keys of a training function's parameters, whose values are its own."""
Register = Callable[[str, str], tuple[str, str]]
"""From a place in the study file and a path in it to the file's name in references, and its digest."""


def resolve(values: dict[str, Any], register: Register) -> None:
    """Put names in place of references, and what they stand for into [train] own.

    register: makes a file known that is named at a place. Raise UserError where a reference has no file,
    or its file no loss or remedy of that name.
    """
    _resolve_measures(values.get("measures"), register)
    train = values.get("train")
    if isinstance(train, dict) and "own" in train:
        raise UserError("train.own: unknown key; name your file where its loss or remedy is named")
    found = _References(register)
    for place in PLACES:
        *path, key = place
        table: Any = values
        for part in path:
            table = table.get(part, {}) if isinstance(table, dict) else {}
        if isinstance(table, dict) and key in table:
            table[key] = found.replaced(table[key], ".".join(place))
    if found.parts and isinstance(train, dict):
        train["own"] = {name: part.model_dump() for name, part in found.parts.items()}


def _resolve_measures(table: Any, register: Register) -> None:
    """Put what the references of [measures] own declare in their place, by name."""
    place = "measures.own"
    if not isinstance(table, dict) or "own" not in table:
        return
    listed = table["own"]
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise UserError(
            f'{place}: must be a list of references, such as ["my_measure.py:tv"], got '
            f"{short_repr(listed)}"
        )
    found: dict[str, Any] = {}
    for reference in listed:
        try:
            file, name = plugins.split(reference)
            if name in found:
                raise ValueError(f"{name} stands there twice; give one of them another name")
            found[name] = _declared_measure(name, *register(place, file))
        except ValueError as error:
            raise UserError(f"{place}: {error}") from None
        except OSError as error:
            raise UserError(
                f"{place}: {short_repr(reference)} cannot be read: {error.strerror}"
            ) from None
    table["own"] = found


def _declared_measure(name: str, file: str, digest: str) -> JsonObject:
    # Loads torch, as `_declared` does.
    from ganstudy.trials.measures.own import declared_measure

    declared = declared_measure(f"{file}:{name}", digest)
    return declared.model_dump()


class _References:
    """The parts that were found so far."""

    def __init__(self, register: Register) -> None:
        self.parts: dict[str, OwnPart] = {}
        self._register = register
        self._places: dict[str, str] = {}

    def replaced(self, value: Any, place: str) -> Any:
        """Return `value` with the names of parts in place of references, in keys too."""
        if isinstance(value, str):
            match = REFERENCE.fullmatch(value)
            return value if match is None else self._name(match, place)
        if isinstance(value, list):
            return [self.replaced(each, place) for each in value]
        if not isinstance(value, dict):
            return value
        table: dict[str, Any] = {}
        for key, each in value.items():
            name = self.replaced(key, place)
            if name in table:
                raise UserError(
                    f"{place}.{key_part(name)}: stands there twice, by its file and name"
                )
            below = f"{place}.{key_part(name)}"
            table[name] = each if key.startswith(PARAMS) else self.replaced(each, below)
        return table

    def _name(self, match: re.Match[str], place: str) -> str:
        file, name, option = match["file"], match["name"], match["option"] or ""
        try:
            known_file, digest = self._register(place, file)
            reference = f"{known_file}:{name}"
            known = self.parts.get(name)
            if known is None:
                self.parts[name] = _declared(reference, digest)
                self._places[name] = place
            elif (known.digest, known.reference) != (digest, reference):
                raise ValueError(
                    f"{name} is the name of a class in {known.reference.partition(':')[0]} too "
                    f"({self._places[name]}): give one of them another name"
                )
        except ValueError as error:
            raise UserError(f"{place}: {error}") from None
        except OSError as error:
            raise UserError(
                f"{place}: {short_repr(file)} cannot be read: {error.strerror}"
            ) from None
        return f"{name}{option}"


def _declared(reference: str, digest: str) -> OwnPart:
    # Loads torch, which a study without parts of the user's own is read without.
    from ganstudy.trials.losses.own import declared_part

    part = declared_part(reference, digest)
    known: dict[str, Container[str]] = {
        "a loss": LOSSES,
        "a remedy": REMEDIES,
        "an optimiser": OPTIMISERS,
    }
    taken = next((what for what, names in known.items() if part.name in names), None)
    if taken is not None:
        raise ValueError(f"{part.name} is {taken} of ganstudy's: give your class another name")
    return part


def own_options(spec: StudySpec, kind: str) -> dict[str, type[StrictModel]]:
    """Return the options classes of a study's own losses or remedies, by name.

    Those of the user's file, which know the bounds of their options, where it is at hand.
    """
    return {name: _options(part) for name, part in spec.train.own.items() if part.kind == kind}


def _options(part: OwnPart) -> type[StrictModel]:
    if not plugins.is_at_hand(part.digest):
        return options_class(part)
    from ganstudy.trials.ensemble.own_class import loaded_options

    return loaded_options(part)
