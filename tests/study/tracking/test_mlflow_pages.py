"""The addresses and views by which MLflow's pages open on a study."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from ganstudy.study.tracking import mlflow_pages as pages
from ganstudy.study.tracking.mlflow_limits import LONGEST_TAG

VIEWS = [(view, pages.VIEW_TAG + view) for view in pages.View]


def query(address: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit("http://x/" + address.replace("#/", "")).query)


def test_the_address_of_a_view_names_no_order_for_which_mlflow_would_ignore_the_view() -> None:
    address = pages.runs_page("7", pages.View.CONFIRM)
    assert address.startswith("#/experiments/7/runs?")
    assert query(address) == {
        "viewStateShareKey": ["ganstudy-confirm"],
        "workflowType": ["machine_learning"],
    }


@pytest.mark.parametrize(("measure", "ascending"), [("fid", "true"), ("inception_score", "false")])
def test_runs_are_sorted_by_the_final_score_the_best_first(measure: str, ascending: str) -> None:
    assert query(pages.sorted_runs_page("7", measure)) == {
        "workflowType": ["machine_learning"],
        "orderByKey": [f"metrics.`final/{measure}`"],
        "orderByAsc": [ascending],
    }
    for _, tag in VIEWS:
        state = json.loads(pages.view_tags(measure)[tag])
        assert state["orderByKey"] == f"metrics.`final/{measure}`"
        assert state["orderByAsc"] is (ascending == "true")


def test_what_is_shown_of_every_trial() -> None:
    tags = pages.view_tags("fid", ["k", "batch_size"])
    assert all(len(text) < LONGEST_TAG for text in tags.values())
    search, confirm = (json.loads(tags[tag]) for _, tag in VIEWS)
    for state in (search, confirm):
        assert set(state["selectedColumns"]) > {
            "params.`k`",
            "params.`lr_d`",
            "params.`lr_g`",
            "params.`remedies`",
            "params.`batch_size`",
            "tags.`verdict`",
            "metrics.`final/fid`",
        }
    # On fresh seeds and on those that chose: never one list.
    assert search["searchFilter"] == "tags.`ganstudy.stage` != 'confirm'"
    assert confirm["searchFilter"] == "tags.`ganstudy.stage` = 'confirm'"


def test_scores_and_samples_come_before_costs() -> None:
    state = json.loads(pages.view_tags("fid")[VIEWS[0][1]])
    names = [section["name"] for section in state["compareRunSections"]]
    assert names[0] == "Scores and samples" and names[-1] == "cost"
    first = [c for c in state["compareRunCharts"] if c["metricSectionId"] == "scores"]
    assert [(c["type"], c["metricKey"]) for c in first] == [
        ("BAR", "final/fid"),
        ("LINE", "fid"),
        ("IMAGE", "samples"),
    ]


def test_the_experiment_shows_the_answer_and_the_latest_samples_of_the_best() -> None:
    files = [
        f"images/samples%step%{step}%timestamp%17960%0-f{suffix}"
        for step in (900, 1000)
        for suffix in (".png", "%compressed.webp")
    ]
    best = pages.BestRun("abc", False, [*files, "images/other.png"])
    text = pages.overview("7", "**Why?**\n\n- So.", best)
    assert text.startswith("**Why?**\n\n- So.\n\n") and "confirmed" not in text
    shown = text[text.index("get-artifact?") :].rstrip(")")
    assert query(shown) == {"path": [files[2]], "run_uuid": ["abc"]}
    assert "get-artifact" not in pages.overview("7", "So.", pages.BestRun("abc", True))
    assert "confirmed" in pages.overview("7", "So.", pages.BestRun("abc", True))
    assert pages.overview("7", "", None).startswith("[")
    long = pages.overview("7", "x" * 2 * LONGEST_TAG, best)
    assert len(long) == LONGEST_TAG and long.endswith(text[text.index("Samples") :])


def test_a_study_without_fresh_seeds_has_no_view_of_them() -> None:
    assert list(pages.view_tags("fid", confirm=False)) == [VIEWS[0][1]]


def test_the_measure_of_an_older_study() -> None:
    assert pages.measure_of_parameter("minimize fid") == "fid"
    assert pages.measure_of_parameter("none") is None
