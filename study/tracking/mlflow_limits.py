"""How much MLflow takes of anything, and how what is longer is shortened.

MLflow cuts a tag or a parameter that is too long without an error, so nothing that is read back by
ganstudy may be one; they are for people, who see by the ellipsis that there is more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

# MLflow 3 takes 8,000, earlier servers 5,000.
LONGEST_TAG = 5000
"""Characters of a tag's value."""
LONGEST_PARAM = 6000
"""Characters of a parameter's value."""
LONGEST_NAME = 80
"""Characters of a run's name; MLflow takes 250, and its tables cut longer ones off."""
LONGEST_KEY = 250
"""Characters of the name of a tag, a parameter or a metric."""
METRICS_PER_REQUEST = 800
PARAMS_PER_REQUEST = 100
TAGS_PER_REQUEST = 100
"""Together the three are at most 1,000, which MLflow takes at once."""
BYTES_PER_REQUEST = 1_000_000
PARAM_BYTES_PER_REQUEST = 400_000
"""Of the parameters alone, which leaves room for metrics and tags."""
ELLIPSIS = "…"


def shortened(text: str, limit: int) -> str:
    """Return the text, or as much of it as fits with an ellipsis at its end."""
    return text if len(text) <= limit else text[: limit - len(ELLIPSIS)] + ELLIPSIS


def as_tags(tags: Mapping[Any, Any]) -> dict[str, str]:
    """Return names and values of tags as MLflow takes them."""
    return {str(key): shortened(str(value), LONGEST_TAG) for key, value in tags.items()}


def as_params(params: Mapping[str, Any]) -> dict[str, str]:
    """Return names and values of parameters as MLflow takes them."""
    return {
        shortened(key, LONGEST_KEY): shortened(str(value), LONGEST_PARAM)
        for key, value in params.items()
    }


def param_requests(params: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yield the parameters in parts that each fit into one request."""
    part: dict[str, str] = {}
    size = 0
    for key, value in params.items():
        # As JSON has them: a character outside ASCII takes six or twelve bytes.
        added = len(json.dumps({"key": key, "value": value}))
        if part and (len(part) == PARAMS_PER_REQUEST or size + added > PARAM_BYTES_PER_REQUEST):
            yield part
            part, size = {}, 0
        part[key], size = value, size + added
    if part:
        yield part
