"""A training script of the user's own, run as it is: its command line, and where its results appear.

An argument holds {name} for a parameter, the seed, a folder or the budget, and {latest:PATTERN} for
the newest snapshot; {{ and }} stand for braces, and braces around anything but a word stand for
themselves. trials/training/commands/ runs it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from ganstudy.trials.config.base import StrictModel
from ganstudy.trials.config.plugins import ChangedError

METHOD = "command"
"""Name of the method of a study whose trials are trained by a command."""
UNITS = {
    "generator_steps": ("generator_steps", 1),
    "discriminator_steps": ("discriminator_steps", 1),
    "images": ("images", 1),
    "kimg": ("images", 1000),
}
"""Units in which a script may count: of which budget, and how many of its unit one is."""
LOSSES = ("loss_d", "loss_g")
FIXED = ("seed", "folder", "data", "data_folder", "samples", "device", "home", "python", "attempt")
"""Placeholders beside those of parameters and of the budget."""
PLACEHOLDER = re.compile(
    r"(?P<brace>\{\{|\}\})|\{latest:(?P<pattern>(?:[^{}]|\{\w+\})+)\}|\{(?P<name>[A-Za-z_]\w*)\}"
)
INTERPRETER = re.compile(r"(python|pypy|bash|sh|zsh|Rscript|julia|node|perl|ruby)[\d.]*")
SCRIPTS = (".py", ".sh", ".R", ".jl", ".js", ".pl", ".rb")


class Watch(StrictModel):
    """[train.watch]: where a script's samples, progress and own metrics appear, below its folder."""

    samples: str = ""
    """Pattern of files or folders of samples, with a number in place of {kimg} or another unit; empty
    where lines `[ganstudy] {...}` name them."""
    progress: dict[str, str] = {}
    """`file`, a pattern of JSON lines or CSV, and keys of its lines by unit or loss."""
    metrics: dict[str, str] = {}
    """`file`, a unit, and keys of the script's own metrics by name."""
    counts_anew: bool = False
    """Whether the script counts from zero after a resume."""


class Command(StrictModel):
    """A command line and what belongs to it."""

    command: tuple[str, ...]
    resume: tuple[str, ...] = ()
    """Arguments that are added where there is a snapshot to go on from."""
    dry_run: tuple[str, ...] = ()
    """Arguments with which the script trains nothing; empty: it cannot be tried."""
    watch: Watch = Watch()
    home: str = Field("", exclude=True)
    """The study file's folder, from which relative paths count. No part of what is trained."""
    code: str = Field("", exclude=True)
    """The folder of [code], where the script lies in it: then its shipped copy is run."""


def placeholders(arguments: Iterable[str]) -> list[str]:
    """Return the names in braces of some arguments, each once."""
    names = (m["name"] for text in arguments for m in PLACEHOLDER.finditer(text))
    return list(dict.fromkeys(name for name in names if name))


def snapshot_patterns(arguments: Iterable[str]) -> list[str]:
    """Return the patterns of {latest:PATTERN} in some arguments."""
    return [m["pattern"] for text in arguments for m in PLACEHOLDER.finditer(text) if m["pattern"]]


def budget_values(unit: str, amount: float) -> dict[str, float]:
    """Return the placeholders that say how long to train, with their values."""
    per_unit = {name: size for name, (of, size) in UNITS.items() if of == unit}
    return {"budget": amount, **{name: amount / size for name, size in per_unit.items()}}


def interval_values(unit: str, amount: float) -> dict[str, float]:
    """Return the placeholders that say how far apart evaluations are, with their values."""
    values = budget_values(unit, amount)
    return {"every" if n == "budget" else f"every_{n}": value for n, value in values.items()}


def known_placeholders(params: Iterable[str], unit: str) -> list[str]:
    """Return the names that an argument may have in braces."""
    return [*params, *FIXED, *budget_values(unit, 1), *interval_values(unit, 1)]


def text_of(value: Any) -> str:
    """Return a value as an argument has it: 0.002, true, a list with commas."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(map(text_of, value))
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        # 4.0 kimg is 4: scripts that read whole numbers refuse the other.
        return str(int(value))
    return str(value)


def filled(
    arguments: Iterable[str], values: Mapping[str, Any], latest: Callable[[str], str | None]
) -> list[str] | None:
    """Return arguments with their placeholders filled in; None where a snapshot is missing.

    latest: returns the newest snapshot of a pattern.
    """
    arguments = [*arguments]
    found = {pattern: latest(pattern) for pattern in snapshot_patterns(arguments)}
    if None in found.values():
        return None

    def fill(match: re.Match[str]) -> str:
        if match["brace"]:
            return match["brace"][0]
        return found[match["pattern"]] or "" if match["pattern"] else text_of(values[match["name"]])

    return [PLACEHOLDER.sub(fill, text) for text in arguments]


def script_of(command: tuple[str, ...]) -> str | None:
    """Return the argument that names the script; None where a program is its own script."""
    interpreted = command[0] == "{python}" or INTERPRETER.fullmatch(Path(command[0]).name)
    for each in command[1:]:
        if each in ("-m", "-c"):
            return None
        if each.startswith("-") or PLACEHOLDER.search(each):
            continue
        if interpreted or each.endswith(SCRIPTS):
            return each
    return None


def located(argument: str, home: Path) -> str:
    """Return an argument, or the path in --option=path, as an absolute path if a file of home is meant."""
    option, sign, text = (
        argument.rpartition("=") if argument.startswith("-") else ("", "", argument)
    )
    looks_like_a_path = "/" in text or re.search(r"\.\w+$", text)
    if not looks_like_a_path or Path(text).is_absolute() or len(text) > 1000:
        return argument
    return f"{option}{sign}{home / text}" if (home / text).exists() else argument


def program_of(command: tuple[str, ...], home: Path) -> Path | None:
    """Return the program that a command starts; None where there is none of that name here."""
    if command[0] == "{python}":
        import sys

        return Path(sys.executable)
    found = shutil.which(located(command[0], home))
    return None if found is None else Path(found)


def code_digest(command: tuple[str, ...], home: Path) -> str:
    """Return the digest of the script and of a program in the study's folder.

    Raise ValueError where one of them cannot be read.
    """
    digest = hashlib.blake2b(digest_size=8)
    names = [script_of(command)]
    if Path(located(command[0], home)).is_relative_to(home):
        names.append(command[0])
    for name in filter(None, names):
        try:
            digest.update((home / name).read_bytes())
        except OSError as error:
            raise ValueError(f"{name} cannot be read: {error.strerror} ({home / name})") from None
    return digest.hexdigest()


def check_unchanged(command: tuple[str, ...], home: Path, code: str, digest: str) -> None:
    """Raise ChangedError where a script that is run where it lies is not that of `digest` any more.

    code: the folder of [code] that it lies in, whose shipped copy is run; "" without one.
    """
    if code:
        return
    script = script_of(command) or command[0]
    try:
        now = code_digest(command, home)
    except ValueError as error:
        what = f"{script} is gone ({error})"
    else:
        if now == digest:
            return
        what = f"{script} has changed since the study began ({home / script})"
    raise ChangedError(
        f"{what}, and all trials train with one script. Restore it, and ganstudy resume goes on; or give the "
        "study with the other script another name. Under [code] folder a study keeps a copy of its own"
    )
