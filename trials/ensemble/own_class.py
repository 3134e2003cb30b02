"""Classes of the user's own, "my_remedy.py:MyPenalty", on the contracts of losses and remedies.

The annotation `options` of such a class names its options class, as it does in trials/remedies/; a
class without it has no options.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import ValidationError

from ganstudy.trials.config.base import ImplementedOptions, is_per_lane, short_repr
from ganstudy.trials.config.own_parts import (
    ATTRIBUTES,
    BASES,
    TYPES,
    Kind,
    OwnOption,
    OwnOptions,
    OwnPart,
)
from ganstudy.trials.config.plugins import described, load, source, where
from ganstudy.trials.ensemble.lane_options import HasLaneOptions

TAKEN = ("name", "part", "implementation", *ATTRIBUTES["loss"], *ATTRIBUTES["remedy"])
"""Names that no option can have."""


def line_of(found: Any, file: Path) -> str:
    """Return FILE:LINE at which a class or function is defined; the file's name where it is not."""
    try:
        return f"{file.name}:{inspect.getsourcelines(found)[1]}"
    except (OSError, TypeError):
        return file.name


def options_of(made: type, base: type[ImplementedOptions]) -> type[ImplementedOptions]:
    """Return the options class of a user's class: the annotation of its `options`.

    base: LossOptions or RemedyOptions, which stands for none. Raise ValueError for another class.
    """
    try:
        hint = get_type_hints(made).get("options", base)
    except Exception as error:
        raise ValueError(
            f"the annotations of {made.__name__} cannot be read: {described(error)}"
        ) from error
    if hint is ImplementedOptions:
        return base
    if not (inspect.isclass(hint) and issubclass(hint, base)):
        raise ValueError(
            f"the options of {made.__name__} must be a class on {base.__name__} "
            f"(from ganstudy.trials.own import {base.__name__}), got {short_repr(hint)}"
        )
    return hint


def declared(kind: Kind, made: type, reference: str, digest: str) -> OwnPart:
    """Return what the user's class `made` declares; ValueError, with file and line, if it may not."""
    file = source(digest, reference)
    try:
        options = options_of(made, BASES[kind])
        return OwnPart(
            kind=kind,
            reference=reference,
            digest=digest,
            options={name: _option(options, name) for name in options.model_fields},
            attributes={
                name: value
                for name in ATTRIBUTES[kind]
                if (value := getattr(options, name)) != getattr(BASES[kind], name)
            },
            excludes=_excludes(getattr(options, "excludes", ())),
        )
    except ValidationError as error:
        raise ValueError(f"{line_of(made, file)}: {error.errors()[0]['msg']}") from None
    except ValueError as error:
        raise ValueError(f"{line_of(made, file)}: {error}") from None


def _option(options: type[ImplementedOptions], name: str) -> OwnOption:
    field = options.model_fields[name]
    if name in TAKEN:
        raise ValueError(f"the option {name!r} must have another name: ganstudy uses this one")
    default = field.get_default(call_default_factory=True)
    if field.is_required():
        raise ValueError(f"the option {name!r} needs a default, for trials that do not state it")
    if isinstance(default, tuple):
        default = list(default)
    types = {kind: text for text, kind in TYPES.items()}
    return OwnOption.model_validate(
        {
            "default": default,
            "type": types.get(field.annotation, "other"),
            "per_lane": is_per_lane(options, name),
        }
    )


def _excludes(stated: Any) -> dict[str, str]:
    return dict(stated) if isinstance(stated, dict) else dict.fromkeys(sorted(stated), "")


def loaded(part: OwnPart) -> type[Any]:
    """Return the user's class; ValueError where the file is unknown, changed or fails."""
    found: type[Any] = load(part.reference, part.digest)
    return found


def loaded_options(part: OwnPart) -> type[ImplementedOptions]:
    """Return the options class in the user's file, which knows the bounds of its options."""
    return options_of(loaded(part), BASES[part.kind])


def as_declared(options: ImplementedOptions) -> ImplementedOptions:
    """Return `options` as the user's own options class has them; those of ganstudy as they are."""
    if not isinstance(options, OwnOptions):
        return options
    part = options.part
    try:
        return loaded_options(part).model_validate(options.model_dump())
    except ValidationError as error:
        first = error.errors()[0]
        message = str(first.get("ctx", {}).get("error", first["msg"]))
        raise ValueError(
            f"{line_of(loaded(part), source(part.digest, part.reference))}: {message}"
        ) from None


def loss(options: OwnOptions) -> HasLaneOptions:
    """Return the user's own loss with its options."""
    return _built(options)


def remedy(options: OwnOptions) -> HasLaneOptions:
    """Return the user's own remedy with its options."""
    return _built(options)


def _built(options: OwnOptions) -> HasLaneOptions:
    part = options.part
    made, file = loaded(part), source(part.digest, part.reference)
    try:
        built: HasLaneOptions = made(as_declared(options))
    except ValueError:
        raise
    except Exception as error:
        line = where(error, file)
        line = line_of(made, file) if line == file.name else line
        raise ValueError(f"{line}: {made.__name__} cannot be made: {described(error)}") from error
    return built
