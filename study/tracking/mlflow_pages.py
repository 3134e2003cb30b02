"""How MLflow's pages show a study: sorted by its score, the columns that matter, charts in order.

MLflow keeps a view that is shared as a tag of the experiment, from which its page takes columns,
sorting, filter and charts when the address names the view. The layout is that of MLflow 3.17; a
version that does not know it says so in one message and shows its own columns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, urlencode

from ganstudy.study.tracking import mlflow_limits as limits
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.documents import JsonObject
from ganstudy.trials.results.mlflow_tags import Tag
from ganstudy.trials.results.records import SAMPLES_KEY, Stage, Verdict

VIEW_TAG = "mlflow.sharedViewState."
"""MLflow's tag of a shared view, with the view's key behind it."""
TRAININGS = {"workflowType": "machine_learning"}
"""Chooses MLflow's pages of trainings; without it, it shows those of language models."""
PARAMETERS = ("k", "lr_d", "lr_g", "remedies")
"""Settings with a column of their own in every study."""
IMAGES = "images"
"""MLflow's folder of a run's images."""
_GRID = re.compile(rf"{IMAGES}/{SAMPLES_KEY}\W+step\W+(\d+)\W.*\.png")
"""A sample grid of a step, as MLflow names it: samples%step%500%timestamp%...%uuid.png."""
SCORE_SECTION, PER_SEED_SECTION, COST_SECTION = "scores", "seeds", "cost"


class View(StrEnum):
    """A shared view of a study's runs; its value is the key in the address."""

    SEARCH = "ganstudy"
    """All trials but those of the confirm stage."""
    CONFIRM = "ganstudy-confirm"
    """Those of the confirm stage alone."""


def runs_page(experiment: str, view: View) -> str:
    """Return the address of a study's runs in a shared view, behind the server's own."""
    return _runs(experiment, {"viewStateShareKey": view.value, **TRAININGS})


def sorted_runs_page(experiment: str, measure: str) -> str:
    """Return the address of a study's runs sorted by score, where no view has been shared."""
    ascending = MEASURES[measure].direction == "down"
    order = {
        "orderByKey": _column("metrics", f"final/{measure}"),
        "orderByAsc": json.dumps(ascending),
    }
    return _runs(experiment, {**TRAININGS, **order})


def measure_of_parameter(objective: str) -> str | None:
    """Return the measure in the parameter `objective` of a study's run, "minimize fid"."""
    measure = objective.split(" ")[-1]
    return measure if measure in MEASURES else None


def _runs(experiment: str, query: Mapping[str, str]) -> str:
    return f"#/experiments/{quote(experiment, safe='')}/runs?{urlencode(query)}"


@dataclass(frozen=True)
class BestRun:
    """The run whose samples stand for a study."""

    run_id: str
    confirmed: bool
    """Whether it is one of the confirm stage."""
    images: Sequence[str] = ()
    """Paths of its images."""


def overview(experiment: str, answer: str, best: BestRun | None) -> str:
    """Return the description of an experiment, in Markdown, as long as MLflow takes.

    answer: the description of the study's own run.
    """
    links = f"[All trials, best first]({runs_page(experiment, View.SEARCH)})"
    if best is not None and best.confirmed:
        links += f" · [confirmed configurations]({runs_page(experiment, View.CONFIRM)})"
    rest = [links]
    grids = [found for file in (best.images if best else ()) if (found := _GRID.fullmatch(file))]
    if best is not None and grids:
        latest = max(grids, key=lambda grid: int(grid[1]))
        query = urlencode({"path": latest[0], "run_uuid": best.run_id})
        rest.append(f"Samples of the best trial:\n\n![samples](get-artifact?{query})")
    below = "\n\n".join(rest)
    # What MLflow would cut off is the end.
    above = limits.shortened(answer, limits.LONGEST_TAG - len(below) - 2)
    return f"{above}\n\n{below}" if above else below


def view_tags(measure: str, others: Iterable[str] = (), confirm: bool = True) -> dict[str, str]:
    """Return the tags of the experiment by which MLflow has every view of a study.

    measure: of the objective; others: searched settings beside PARAMETERS; confirm: whether the
    study has a confirm stage.
    """
    views = list(View) if confirm else [View.SEARCH]
    parameters = [*PARAMETERS, *(key for key in others if key not in PARAMETERS)]
    return {VIEW_TAG + view: json.dumps(_state(view, measure, parameters)) for view in views}


def _state(view: View, measure: str, parameters: list[str]) -> JsonObject:
    confirm = view is View.CONFIRM
    wanted = f"tags.`{Tag.STAGE}` {'=' if confirm else '!='} '{Stage.CONFIRM}'"
    columns = [
        _column("params", key) for key in parameters
    ] + [
        _column("tags", Tag.ROLE if confirm else Tag.STATE),
        _column("tags", Tag.VERDICT),
        _column("metrics", f"final/{measure}"),
    ]  # fmt: skip
    return {
        "searchFilter": wanted,
        "orderByKey": _column("metrics", f"final/{measure}"),
        "orderByAsc": MEASURES[measure].direction == "down",
        "selectedColumns": columns,
        "columnOrder": [],
        "compareRunCharts": _charts(measure),
        "compareRunSections": [_section(name) for name in _SECTIONS],
        # Otherwise MLflow sorts the sections by name, which puts costs first.
        "isAccordionReordered": True,
    }


_SECTIONS = {
    SCORE_SECTION: "Scores and samples",
    PER_SEED_SECTION: "seeds",
    "Model metrics": "Model metrics",
    COST_SECTION: "cost",
}
"""Names of the sections of charts, in order, by their ids; MLflow puts a metric A/B into A."""


def _section(section: str) -> JsonObject:
    return {
        "uuid": section,
        "name": _SECTIONS[section],
        "display": section != COST_SECTION,
        "isReordered": True,
        "deleted": False,
        "isGenerated": section != SCORE_SECTION,
    }


def _charts(measure: str) -> list[JsonObject]:
    failures = f"seeds/{Verdict.COLLAPSED}"
    return [
        _chart("BAR", SCORE_SECTION, f"final/{measure}", f"{measure}, end of training"),
        _chart("LINE", SCORE_SECTION, measure, f"{measure}, median over seeds"),
        {
            **_chart("IMAGE", SCORE_SECTION, SAMPLES_KEY, "samples"),
            "imageKeys": [SAMPLES_KEY],
        },
        _chart("LINE", PER_SEED_SECTION, failures, Verdict.COLLAPSED.value),
    ]


def _chart(kind: str, section: str, metric: str, name: str) -> JsonObject:
    return {
        "type": kind,
        "uuid": f"{section}-{metric}",
        "metricSectionId": section,
        "runsCountToCompare": 10,
        "isGenerated": True,
        "deleted": False,
        "metricKey": metric,
        "displayName": name,
        **({"step": 0} if kind == "IMAGE" else {}),
    }


def _column(kind: str, key: str) -> str:
    return f"{kind}.`{key}`"
