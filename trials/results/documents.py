"""The two dictionaries whose values are of any type: JSON objects, and settings by name.

Whatever else travels between functions is a dataclass; tests/test_fences.py names the exceptions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

JsonObject = dict[str, Any]
"""An object of a JSON document that is written, or was read and is not checked yet."""
Settings = dict[str, Any]
"""Value by hyperparameter: numbers, names and switches, whatever a search space or a log has."""


def parse_object(text: str) -> JsonObject:
    """Return the object that a JSON text holds; raise ValueError where it holds no object."""
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("it is no JSON object")
    return content


def known_fields(of: type, content: Mapping[str, Any]) -> JsonObject:
    """Return the fields of a dataclass that this version knows: a later one may have written more."""
    names = {each.name for each in fields(of)}
    return {name: value for name, value in content.items() if name in names}
