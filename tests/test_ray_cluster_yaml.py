"""ray_cluster.yaml is one that Ray's own schema accepts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

PATH = Path(__file__).parent.parent / "ray_cluster.yaml"


def validate(config: dict[str, Any]) -> None:
    """As `ray up` does it."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(config))


def test_schema_accepts_it() -> None:
    validate(yaml.safe_load(PATH.read_text()))


def test_schema_would_refuse_a_typing_error() -> None:
    config = yaml.safe_load(PATH.read_text())
    config["max_wokers"] = config.pop("max_workers")
    with pytest.raises(Exception, match="max_wokers"):
        validate(config)


def test_every_node_asks_for_a_token_and_the_dashboard_stays_inside() -> None:
    config = yaml.safe_load(PATH.read_text())
    for role in ("head", "worker"):
        starts = [c for c in config[f"{role}_start_ray_commands"] if " start " in c]
        assert starts and all("RAY_AUTH_MODE=token" in c and "RAY_AUTH_TOKEN_PATH=" in c for c in starts)
    assert "--dashboard-host=127.0.0.1" in " ".join(config["head_start_ray_commands"])
