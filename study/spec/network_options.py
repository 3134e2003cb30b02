"""Options of the user's own networks against the function that takes them, "my_gan.py:build".

Judged when a study file is read, where the function's file is at hand: a name that it does not take
ends the study before anything is trained, and its type says which ranges are of whole numbers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganstudy.study.errors import UserError
from ganstudy.study.spec.keys import NETWORK_OPTION, is_network_option
from ganstudy.study.spec.messages import key_part
from ganstudy.trials.config import plugins
from ganstudy.trials.config.base import alternatives, short_repr
from ganstudy.trials.config.own_signature import Signature, signature_in, signature_of
from ganstudy.trials.results.documents import JsonObject

GIVEN = ("shape", "latent_dim")
"""What ganstudy gives to the function by itself."""


def resolve_network_options(values: JsonObject, reference: str, digest: str) -> None:
    """Refuse options that the function does not take; make whole ends of a real range real.

    values: the study file. reference, digest: of the function.
    """
    model, search = values["model"], values.get("search")
    space = search.get("space") if isinstance(search, dict) else None
    space = space if isinstance(space, dict) else {}
    stated = model.get("options")
    stated = stated if isinstance(stated, dict) else {}
    searched = {key: value for key, value in space.items() if is_network_option(key)}
    if not stated and not searched:
        return
    signature = _signature(reference, digest, bool(searched))
    if signature is None:
        return
    for option in stated:
        _check_name(f"model.options.{key_part(option)}", option, signature, reference)
    for key, value in searched.items():
        option = key.removeprefix(NETWORK_OPTION)
        _check_name(f"search.space.{key_part(key)}", option, signature, reference)
        space[key] = _of_its_kind(key, value, signature.kinds.get(option), signature)
    names = {key.removeprefix(NETWORK_OPTION) for key in searched}
    missing = sorted(signature.required - {*GIVEN, *stated, *names})
    if missing:
        raise UserError(
            f"model.options.{missing[0]}: is required by {_name(reference)} ({signature.place}), and "
            "missing; a default there would do, too"
        )


def _signature(reference: str, digest: str, searched: bool) -> Signature | None:
    """Return what the function takes; None where only a call would show it."""
    name = _name(reference)
    file = plugins.source(digest, reference)
    signature = signature_in(file, name)
    if signature is not None or not searched:
        return signature
    # Imported from elsewhere, decorated, a class: Python itself can tell.
    try:
        return signature_of(plugins.load(reference, digest), Path(file).name)
    except ValueError as error:
        raise UserError(f"model.name: {error}") from None


def _name(reference: str) -> str:
    return plugins.split(reference)[1]


def _check_name(place: str, option: str, signature: Signature, reference: str) -> None:
    # What ganstudy gives itself has a rule of its own (trials/config/networks.py).
    if option in signature.kinds or option in GIVEN or signature.takes_any:
        return
    known = [name for name in signature.kinds if name not in GIVEN]
    raise UserError(
        f"{place}: {_name(reference)} ({signature.place}) takes no {short_repr(option)}"
        f"{alternatives(option, known)}"
    )


def _of_its_kind(key: str, value: Any, kind: type | None, signature: Signature) -> Any:
    """Return a domain whose ends are real where the option is; UserError for a range of no number."""
    if not isinstance(value, dict) or kind is None:
        return value
    ends = {end: value[end] for end in ("low", "high") if type(value.get(end)) in (int, float)}
    place, name = f"search.space.{key_part(key)}", kind.__name__
    if kind is float:
        # Larger ones are refused as ends, or have no exact float.
        small = {end: float(number) for end, number in ends.items() if abs(number) <= 2**53}
        return {**value, **small}
    if kind is not int:
        raise UserError(
            f"{place}: {signature.place} takes {name} there, which cannot have a range; list its "
            f"choices, got {short_repr(value)}"
        )
    if any(isinstance(number, float) for number in ends.values()):
        raise UserError(
            f"{place}: {signature.place} takes whole numbers there ({name}), so both ends of the range "
            f"must be whole, got {short_repr(value)}"
        )
    return value
