"""Configurations that lie beside a run's log: config.json, hparams.yaml and the like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ganstudy.study.importing.table import as_numbers, as_text
from ganstudy.trials.results.documents import Settings

STEMS = ("config", "hparams", "args", "params", "training_options")
SUFFIXES = (".json", ".yaml", ".yml")
MOST_BYTES = 1_000_000


def configuration_of(folder: Path, root: Path, logged: Settings) -> tuple[Settings, list[str]]:
    """Return (the configuration of a run, notes).

    That which the run has logged comes first, then the files in its folder and in those above it,
    up to the root; of two values of one name the first counts, with a note. Nested settings are
    named with dots: optimizer.lr.
    """
    params, notes = dict(logged), []
    sources = dict.fromkeys(params, "the hparams plug-in")
    above = [folder, *(parent for parent in folder.parents if parent.is_relative_to(root))]
    for file in (Path(place, stem + end) for place in above for stem in STEMS for end in SUFFIXES):
        if not file.is_file():
            continue
        where = file.relative_to(root).as_posix()
        try:
            found = dict(_flat(_read(file)))
        except (ValueError, yaml.YAMLError, RecursionError) as error:
            notes.append(f"{where} is left out: {str(error).splitlines()[0]}")
            continue
        for name, value in found.items():
            if name not in params:
                params[name], sources[name] = value, where
            elif len(set(as_numbers([as_text(params[name]), as_text(value)]))) > 1:
                notes.append(f"{name} is {params[name]} in {sources[name]}, not {value} of {where}")
    return params, notes


def _read(file: Path) -> dict[Any, Any]:
    if file.stat().st_size > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES} bytes")
    text = file.read_text(encoding="utf-8-sig")
    found = json.loads(text) if file.suffix == ".json" else yaml.safe_load(text)
    if not isinstance(found, dict):
        raise ValueError("it is no table of settings")
    return found


def _flat(settings: dict[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{name}.")
        elif isinstance(value, list | dict):
            yield name, json.dumps(value, default=str)
        else:
            yield name, value
