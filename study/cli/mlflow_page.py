"""The page of a study in a running MLflow server, asked of the server itself.

By its REST interface: MLflow's own client takes seconds to import.
"""

from __future__ import annotations

import json
import subprocess
import time
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from ganstudy.study.tracking.mlflow_pages import (
    VIEW_TAG,
    View,
    measure_of_parameter,
    runs_page,
    sorted_runs_page,
)
from ganstudy.trials.results.documents import JsonObject
from ganstudy.trials.results.mlflow_tags import Tag

START_SECONDS = 120.0
"""How long a server may take to answer: on a busy machine MLflow imports for half a minute."""
ANSWER_SECONDS = 20.0
# A proxy of the environment must not be asked for this machine's own server.
_OPENER = build_opener(ProxyHandler({}))


def wait_until_it_answers(server: subprocess.Popen[bytes], address: str) -> bool:
    """Return whether the server answers at last; False where it has ended."""
    end = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < end:
        try:
            with _OPENER.open(f"{address}health", timeout=ANSWER_SECONDS):
                return True
        except OSError:
            time.sleep(0.2)
    return False


def study_pages(address: str, name: str) -> dict[str, str]:
    """Return the addresses of a study's runs, by what they show; none where it is not there."""
    try:
        query = urlencode({"experiment_name": name})
        found = _get(f"{address}api/2.0/mlflow/experiments/get-by-name?{query}")["experiment"]
        experiment = str(found["experiment_id"])
        tags = {tag["key"] for tag in found.get("tags", [])}
        if VIEW_TAG + View.SEARCH in tags:
            pages = {"Trials, best first": View.SEARCH, "Confirmed": View.CONFIRM}
            return {
                what: address + runs_page(experiment, view)
                for what, view in pages.items()
                if VIEW_TAG + view in tags
            }
        # Published by an older version: sorted, with MLflow's own choice of columns.
        measure = _measure(address, experiment)
    except (OSError, KeyError, ValueError):
        return {}
    if measure is None:
        return {}
    return {"Trials, best first": address + sorted_runs_page(experiment, measure)}


def _measure(address: str, experiment: str) -> str | None:
    """Return the objective's measure, from the parameters of the study's own run."""
    body = {"experiment_ids": [experiment], "filter": f"tags.`{Tag.KIND}` = 'study'"}
    answer = _get(f"{address}api/2.0/mlflow/runs/search", {**body, "max_results": 1})
    for run in answer.get("runs", []):
        for param in run["data"].get("params", []):
            if param["key"] == "objective":
                return measure_of_parameter(param["value"])
    return None


def _get(url: str, body: JsonObject | None = None) -> JsonObject:
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json"})
    with _OPENER.open(request, timeout=ANSWER_SECONDS) as answer:
        found: JsonObject = json.load(answer)
    return found
