"""ray_cluster.yaml and its variants are what Ray's own schema accepts, and no door of theirs stands open.

The schema of KubeRay's RayJob is part of no Python package: its variant is held to a list of keys kept here by hand.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
CLOUDS = [ROOT / "examples" / "clusters" / name for name in ("aws.yaml", "gcp.yaml")]
FILES = [ROOT / "ray_cluster.yaml", *CLOUDS]
RAYJOB = ROOT / "examples" / "clusters" / "kuberay-rayjob.yaml"
RAYJOB_KEYS = {
    "": {"apiVersion", "kind", "metadata", "spec"},
    "spec": {
        *(
            "entrypoint",
            "submissionMode",
            "shutdownAfterJobFinishes",
            "ttlSecondsAfterFinished",
            "backoffLimit",
        ),
        *(
            "rayClusterSpec",
            "activeDeadlineSeconds",
            "runtimeEnvYAML",
            "metadata",
            "submitterPodTemplate",
            "suspend",
        ),
    },
    "spec.rayClusterSpec": {
        *(
            "rayVersion",
            "enableInTreeAutoscaling",
            "autoscalerOptions",
            "authOptions",
            "headGroupSpec",
        ),
        *("workerGroupSpecs", "suspend", "headServiceAnnotations"),
    },
    "spec.rayClusterSpec.autoscalerOptions": {
        *(
            "version",
            "idleTimeoutSeconds",
            "upscalingMode",
            "resources",
            "image",
            "env",
            "envFrom",
            "volumeMounts",
        ),
    },
    "spec.rayClusterSpec.authOptions": {"mode", "secretName"},
    "spec.rayClusterSpec.headGroupSpec": {
        "serviceType",
        "headService",
        "enableIngress",
        "rayStartParams",
        "template",
    },
}
WORKER_KEYS = {
    "groupName",
    "replicas",
    "minReplicas",
    "maxReplicas",
    "numOfHosts",
    "rayStartParams",
    "template",
}


def read(path: Path) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load(path.read_text())
    return config


def validate(config: dict[str, Any]) -> None:
    """As `ray up` does it."""
    from ray.autoscaler._private.util import prepare_config, validate_config

    validate_config(prepare_config(config))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_schema_accepts_it(path: Path) -> None:
    validate(read(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_schema_would_refuse_a_typing_error(path: Path) -> None:
    config = read(path)
    config["max_wokers"] = config.pop("max_workers")
    with pytest.raises(Exception, match="max_wokers"):
        validate(config)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_node_asks_for_a_token_and_the_dashboard_stays_inside(path: Path) -> None:
    config = read(path)
    (environment,) = (
        command for command in config["setup_commands"] if command.endswith("> ~/ganstudy.env")
    )
    assert "RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=/shared/ray_token" in environment
    for role in ("head", "worker"):
        starts = [
            command for command in config[f"{role}_start_ray_commands"] if "ray start" in command
        ]
        assert len(starts) == 1 and starts[0].startswith(". ~/ganstudy.env; "), starts
    assert "--dashboard-host=127.0.0.1" in " ".join(config["head_start_ray_commands"])
    assert "0.0.0.0" not in path.read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_only_the_head_has_the_password_of_mlflow(path: Path) -> None:
    config = read(path)
    for_workers = config["setup_commands"] + config["worker_start_ray_commands"]
    assert not any("MLFLOW" in command or "ganstudy-mlflow" in command for command in for_workers)
    (server,) = (
        command for command in config["head_start_ray_commands"] if "ganstudy serve" in command
    )
    assert "--host" not in server, "MLflow listens on the head alone"
    (start,) = (command for command in config["head_start_ray_commands"] if "ray start" in command)
    assert "ganstudy-mlflow" not in start, (
        "the processes of trials on the head would have it from there"
    )


@pytest.mark.parametrize("path", CLOUDS, ids=lambda path: path.name)
def test_clouds_scale_from_zero_at_spot_prices_on_the_pinned_ray(path: Path) -> None:
    config = read(path)
    workers = config["available_node_types"]["gpu"]
    assert workers["min_workers"] == 0 and workers["resources"]["GPU"] >= 1
    assert "spot" in str(workers["node_config"]).lower()
    pins = [command for command in config["setup_commands"] if "ray[default,tune]==" in command]
    assert len(pins) == 1 and f"ray[default,tune]=={version('ray')}" in pins[0]


def unknown_keys(config: dict[str, Any]) -> list[str]:
    """Keys that the list does not have, where a key is written out of place or wrong."""
    found = []
    for place, known in RAYJOB_KEYS.items():
        part = config
        for step in filter(None, place.split(".")):
            part = part[step]
        found += [f"{place}.{key}" for key in part if key not in known]
    for group in config["spec"]["rayClusterSpec"]["workerGroupSpecs"]:
        found += [f"workerGroupSpecs.{key}" for key in group if key not in WORKER_KEYS]
    return found


def test_rayjob_has_the_structure_of_one() -> None:
    config = read(RAYJOB)
    assert (config["apiVersion"], config["kind"]) == ("ray.io/v1", "RayJob")
    assert unknown_keys(config) == []
    cluster = config["spec"]["rayClusterSpec"]
    assert cluster["rayVersion"] == version("ray")
    assert cluster["authOptions"]["mode"] == "token"
    assert cluster["headGroupSpec"]["serviceType"] == "ClusterIP"
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values()), (
            "KubeRay takes texts alone"
        )
        pod = group["template"]["spec"]
        mounted = {
            mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]
        }
        assert mounted == {volume["name"] for volume in pod["volumes"]}
    (workers,) = cluster["workerGroupSpecs"]
    assert workers["minReplicas"] == 0 < workers["maxReplicas"]
    assert "MLFLOW" not in str(workers), "trials need no credentials"


def test_the_list_would_notice_a_key_out_of_place() -> None:
    config = read(RAYJOB)
    config["spec"]["rayClusterSpec"]["headGroupSpec"]["replicas"] = 1
    config["spec"]["rayversion"] = "2.60.0"
    assert unknown_keys(config) == ["spec.rayversion", "spec.rayClusterSpec.headGroupSpec.replicas"]
