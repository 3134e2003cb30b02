"""The user's own files that a study was made with, as its study file refers to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ganstudy.trials.results.documents import JsonObject


@dataclass(frozen=True)
class OwnFile:
    """A file of the user's, or the folder of [code]."""

    name: str
    """ "my_remedy.py"; for a script, the word of the command that names it."""
    digest: str
    """Of its bytes, as the study ran it."""
    used_for: tuple[str, ...]
    """ "loss MyLoss", "network build"."""


def own_files(spec: JsonObject) -> list[OwnFile]:
    """Return the user's own files of a study, with the digests of what was run; one entry for each.

    spec: the study file with every default filled in. Files in [code] folder have the digest of all of it
    and are one entry. Empty for studies that say nothing of such files.
    """
    folder = spec.get("code") or {}
    found: dict[tuple[str, str], list[str]] = {}
    for reference, digest, kind in _references(spec):
        file, _, name = reference.rpartition(":")
        file = str(folder.get("folder") if digest == folder.get("digest") else file or name)
        found.setdefault((file, digest), []).append(f"{kind} {name}" if name != file else kind)
    return [OwnFile(*key, tuple(dict.fromkeys(used))) for key, used in found.items()]


def _references(spec: JsonObject) -> Iterator[tuple[str, str, str]]:
    """Iterate over (FILE.py:NAME or a script, digest, what it is) of all that has a digest."""
    train, measures = spec.get("train") or {}, spec.get("measures") or {}
    for part, kind in ((spec.get("data") or {}, "data"), (spec.get("model") or {}, "network")):
        if part.get("digest"):
            yield part["name"], part["digest"], kind
    if train.get("digest"):
        command = train.get("command")
        name = _script(command) if command else train["method"]
        yield name, train["digest"], "script" if command else "training function"
    for part in (train.get("own") or {}).values():
        yield part["reference"], part["digest"], part["kind"]
    for part in (measures.get("own") or {}).values():
        yield part["reference"], part["digest"], "measure"


def _script(command: list[str]) -> str:
    """Return the first word of a command that looks like a file of its own, else the program."""
    words = (word for word in command[1:] if not word.startswith(("-", "{")))
    return next(words, command[0])
