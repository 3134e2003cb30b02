"""The way to MLflow: a real tracking store, every record once, however often it is sent."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ganstudy.analysis.frames.load import load_study
from ganstudy.analysis.report.blocks import Results, Table
from ganstudy.analysis.report.sections import own_metrics
from ganstudy.study.cli.report import as_markdown
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.ledger.trial_row import StagePlace
from ganstudy.study.spec.reader import parse_study
from ganstudy.study.tracking import run_fields
from ganstudy.study.tracking.messages import StudyStart
from ganstudy.study.tracking.outbox import END, START, Outbox
from ganstudy.study.tracking.publisher import Publisher
from ganstudy.study.tracking.publisher_main import publish_until_closed
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.facts import StudyFacts
from ganstudy.trials.results.records import (
    Counters,
    Evaluation,
    EvaluationRow,
    Provenance,
    Stage,
    TrialState,
    Verdict,
)

PROVENANCE = Provenance("e", "d1", 0.99, "d2", 100, 80, "held_out")


class Setup:
    """A ledger, an outbox and a fresh MLflow store."""

    def __init__(self, folder: Path, text: str) -> None:
        self.spec = parse_study(text, "test.toml")
        self.ledger = Ledger.create(folder / "ledger.db", self.spec, text)
        self.outbox = Outbox(folder / "spool")
        self.uri = f"sqlite:///{folder / 'mlflow.db'}"
        self.artifacts = (folder / "artifacts").as_uri()

    def publisher(self) -> Publisher:
        return Publisher(self.ledger, self.outbox, self.uri, self.artifacts)

    def put_study(self) -> None:
        tags = {
            "ganstudy.spec": self.spec.model_dump_json(),
            "ganstudy.modes": json.dumps(["a", "b"]),
        }
        content = {
            "study_file": "name = 1",
            "params": {"data": "digits"},
            "tags": tags,
            "floor": {"fid": 1.5},
            "real_samples": base64.b64encode(png()).decode(),
        }
        self.outbox.put_study(START, content)

    def put_trial(self, evaluations: int, start: bool = True) -> int:
        number, params = self.ledger.search.propose()
        if start:
            self.outbox.put_start(number, params, self.spec.space.trial_config(params))
        for index in range(1, evaluations + 1):
            self.put_evaluation(number, index)
        return number

    def put_evaluation(self, number: int, index: int) -> None:
        history = [row for i in range(1, index + 1) for row in rows(i)]
        counters = Counters(generator_steps=20 * index)
        self.outbox.put_evaluation(
            number, Evaluation(index, counters, rows(index), PROVENANCE, png()), history
        )

    def put_end(
        self, number: int, state: TrialState = TrialState.COMPLETE, error: str | None = None
    ) -> None:
        outcome = Outcome(True, 7.0, 80.0, {"converged": 3}, {})
        self.outbox.put_end(number, state, outcome, True, error)

    def metric(self, number: int, name: str) -> list[tuple[int, float]]:
        run_id = self.ledger.run_ids()[number]
        return sorted(
            (m.step, m.value)
            for m in mlflow.MlflowClient(self.uri).get_metric_history(run_id, name)
        )


def rows(index: int) -> list[EvaluationRow]:
    scores: list[float | None] = [10.0 * index, 30.0 * index, None]
    return [
        EvaluationRow(
            seed=seed,
            evaluation=index,
            finite=True,
            measures={**dict.fromkeys(MEASURES), "fid": score},
            histogram=[5, 5],
            cost=Counters(generator_steps=20 * index).as_columns(),
            verdict=Verdict.CONVERGED,
        )
        for seed, score in enumerate(scores)
    ]


def png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory, small_study) -> Path:
    """A new ledger and MLflow store, to be copied: making their tables takes longer than most tests."""
    folder = tmp_path_factory.mktemp("blank")
    mlflow.MlflowClient(Setup(folder, small_study()).uri).search_experiments()
    return folder


@pytest.fixture
def setup(tmp_path: Path, small_study, blank: Path) -> Setup:
    for file in blank.glob("*.db*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    prepared = Setup(tmp_path, small_study())
    prepared.put_study()
    return prepared


def test_a_trial_arrives_whole(setup: Setup) -> None:
    number = setup.put_trial(evaluations=3)
    setup.put_end(number)
    setup.publisher().publish_pending()
    assert not setup.outbox.pending()
    # The median over seeds, where a seed without FID ranks worst.
    assert setup.metric(number, "fid") == [(20, 30.0), (40, 60.0), (60, 90.0)]
    study = load_study("small", setup.uri)
    (trial,) = study.trials.to_dict("records")
    assert trial["state"] == "complete" and trial["feasible"] and trial["objective"] == 7.0
    assert trial["fid"] == 90.0 and trial["num_seeds"] == 3 and trial["converged"] == 3
    assert study.floor == {"fid": 1.5} and study.mode_names == ["a", "b"]
    assert len(study.evaluations) == 9 and len(study.seeds) == 3
    assert set(study.evaluations["extractor_digest"]) == {"d1"}
    assert study.modes.groupby(["seed", "evaluation"])["count"].sum().tolist() == [10] * 9
    assert list(study.sample_grids(number)) == [20, 40, 60]
    assert study.real_samples == png() and study.nearest_training(number) is None


def test_metrics_of_ones_own_training_arrive_apart(setup: Setup) -> None:
    """Each seed may lack one at any evaluation, and a trial may have none."""
    number, other = setup.put_trial(evaluations=0), setup.put_trial(evaluations=1)
    made: list[EvaluationRow] = []
    for index, values in ((1, (4.0, 1.0, 9.0)), (2, (None, 3.0, 5.0)), (3, (None, None, None))):
        own = [
            replace(row, measures={**row.measures, "own/fid": value})
            for row, value in zip(rows(index), values, strict=True)
        ]
        made += own
        counters = Counters(generator_steps=20 * index)
        setup.outbox.put_evaluation(number, Evaluation(index, counters, own, PROVENANCE), [*made])
    setup.publisher().publish_pending()
    assert setup.metric(number, "own/fid") == [(20, 4.0), (40, 4.0)]
    assert setup.metric(other, "own/fid") == []
    assert setup.metric(number, "fid") == [(20, 30.0), (40, 60.0), (60, 90.0)], "as without them"
    results = Results(load_study("small", setup.uri))
    (table,) = own_metrics.blocks(results)
    assert isinstance(table, Table) and table.frame["number"].tolist() == [number]
    # The last values of the seeds are 4 (of the first evaluation), 3 and 5.
    assert table.frame["own/fid"].tolist() == [4.0]
    assert {"k", "lr_g", "state"} <= set(table.frame) and not own_metrics.conclusions(results)


def test_the_users_own_code_is_kept_with_the_study(setup: Setup, tmp_path: Path) -> None:
    (tmp_path / "code.zip").write_bytes(b"archive")
    start = StudyStart(
        StudyFacts(setup.spec.model_dump(mode="json"), ""),
        "name = 1",
        artifacts=[str(tmp_path / "code.zip"), str(tmp_path / "gone.zip")],
    )
    setup.outbox.put_study(START, start.to_json())
    setup.publisher().publish_pending()
    assert not setup.outbox.pending()
    client = mlflow.MlflowClient(setup.uri)
    run_id = setup.ledger.parent_run_id
    assert run_id is not None
    listed = [each.path for each in client.list_artifacts(run_id)]
    assert "code.zip" in listed and "gone.zip" not in listed
    (tmp_path / "code.zip").unlink()
    kept = Path(client.download_artifacts(run_id, "code.zip", str(tmp_path)))
    assert kept.read_bytes() == b"archive"


def test_the_nearest_training_images_lie_beside_the_samples(setup: Setup) -> None:
    number = setup.put_trial(evaluations=1)
    last = Evaluation(
        2, Counters(generator_steps=40), rows(2), PROVENANCE, png(), nearest_png=png()
    )
    setup.outbox.put_evaluation(number, last, [*rows(1), *rows(2)])
    setup.publisher().publish_pending()
    study = load_study("small", setup.uri)
    assert list(study.sample_grids(number)) == [20, 40]
    nearest = study.nearest_training(number)
    assert nearest is not None and Image.open(io.BytesIO(nearest)).size == (8, 8)


def test_params_are_what_people_compare(setup: Setup) -> None:
    number = setup.put_trial(evaluations=0)
    setup.publisher().publish_pending()
    run = mlflow.MlflowClient(setup.uri).get_run(setup.ledger.run_ids()[number])
    assert float(run.data.params["k"]) in (0.5, 1.0, 2.0)
    assert {"lr_d", "lr_g", "remedies", "loss", "batch_size", "seeds", "budget"} <= set(
        run.data.params
    )
    assert (
        run.info.status == "RUNNING"
        and run.data.tags["mlflow.parentRunId"] == setup.ledger.parent_run_id
    )


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (TrialState.COMPLETE, "FINISHED"),
        # MLflow shows a killed run as it shows a failed one.
        (TrialState.PRUNED, "FINISHED"),
        (TrialState.FAILED, "FAILED"),
    ],
)
def test_states_in_the_ui(setup: Setup, state: TrialState, status: str) -> None:
    number = setup.put_trial(evaluations=1)
    setup.put_end(number, state, "boom" if state is TrialState.FAILED else None)
    setup.publisher().publish_pending()
    assert (
        mlflow.MlflowClient(setup.uri).get_run(setup.ledger.run_ids()[number]).info.status == status
    )
    assert load_study("small", setup.uri).trials["error"].tolist() == [
        "boom" if status == "FAILED" else ""
    ]


def test_evaluations_sent_twice_are_published_once(setup: Setup) -> None:
    number = setup.put_trial(evaluations=2)
    setup.publisher().publish_pending()
    for index in (1, 2, 3):
        setup.put_evaluation(number, index)
    setup.publisher().publish_pending()
    assert setup.metric(number, "fid") == [(20, 30.0), (40, 60.0), (60, 90.0)]
    assert len(load_study("small", setup.uri).evaluations) == 9


def test_a_run_made_before_a_crash_is_found_again(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The publisher dies after MLflow made the run and before the ledger knew of it."""
    setup.publisher().publish_pending()
    setup.put_trial(evaluations=2)

    def die(number: int, run_id: str) -> None:
        raise RuntimeError("killed here")

    with monkeypatch.context() as patch:
        patch.setattr(setup.ledger, "set_run_id", die)
        with pytest.raises(RuntimeError, match="killed here"):
            setup.publisher().publish_pending()
    assert setup.ledger.run_ids() == {}
    setup.publisher().publish_pending()
    study = load_study("small", setup.uri)
    assert len(study.trials) == 1 and len(study.evaluations) == 6


def test_what_mlflow_refuses_of_one_trial_keeps_no_other_back(setup: Setup) -> None:
    first, second = setup.put_trial(evaluations=1), setup.put_trial(evaluations=1)
    damaged = next(
        message
        for message in setup.outbox.pending()
        if (message.number, message.order) == (first, 1)
    )
    damaged.path.write_text("")
    setup.publisher().publish_pending()
    assert setup.metric(second, "fid") == [(20, 30.0)]
    assert {message.number for message in setup.outbox.pending()} == {first}
    with pytest.raises(ValueError):
        setup.publisher().publish_pending()


def test_an_evaluation_that_mlflow_refused_once_comes_with_the_next_try(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = setup.put_trial(2)
    publisher, refusals = setup.publisher(), [1]
    client = publisher._store._client
    log_batch = client.log_batch

    def refused_once(run_id: str, *arguments: Any, **options: Any) -> None:
        if run_id == setup.ledger.run_ids().get(number) and refusals:
            refusals.pop()
            raise ConnectionError("503")
        log_batch(run_id, *arguments, **options)

    monkeypatch.setattr(client, "log_batch", refused_once)
    with contextlib.suppress(ConnectionError):  # raised only where nothing else could be published
        publisher.publish_pending()
    assert setup.metric(number, "fid") == []
    publisher.publish_pending()
    assert not refusals and not list(setup.outbox.pending())
    assert setup.metric(number, "fid") == [(20, 30.0), (40, 60.0)]


def test_a_study_begun_anew_leaves_the_runs_of_the_deleted_one_alone(
    setup: Setup, tmp_path: Path, small_study
) -> None:
    for _ in range(2):
        setup.put_trial(evaluations=3)
    setup.publisher().publish_pending()
    again = Setup.__new__(Setup)
    again.__dict__.update(vars(setup))
    again.ledger = Ledger.create(tmp_path / "new" / "ledger.db", setup.spec, small_study())
    again.put_study()
    number = again.put_trial(evaluations=1)
    again.publisher().publish_pending()
    assert not again.outbox.pending()
    assert again.metric(number, "fid") == [(20, 30.0)]
    assert again.ledger.parent_run_id != setup.ledger.parent_run_id
    assert load_study("small", setup.uri).trials["number"].tolist() == [number], (
        "the latest study of that name"
    )


def test_messages_wait_until_mlflow_answers(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    number = setup.put_trial(evaluations=2)
    attempts = []

    def flaky() -> Publisher:
        attempts.append(len(setup.outbox.pending()))
        if len(attempts) < 3:
            raise ConnectionError("no server")
        return setup.publisher()

    closed = threading.Event()
    closed.set()
    assert publish_until_closed(flaky, closed) == 0
    assert attempts == [4, 4, 4], "nothing is lost while MLflow is away"
    assert setup.metric(number, "fid") == [(20, 30.0), (40, 60.0)]


def test_the_end_of_the_study_comes_last(setup: Setup, tmp_path: Path) -> None:
    setup.outbox.put_study(
        END, {"status": "FINISHED", "description": "so it is", "artifacts": [str(tmp_path / "r")]}
    )
    (tmp_path / "r").write_text("report")
    number = setup.put_trial(evaluations=1)
    orders = [(message.number, message.order) for message in setup.outbox.pending()]
    assert orders == [(-1, START), (number, START), (number, 1), (-1, END)]
    setup.publisher().publish_pending()
    parent = mlflow.MlflowClient(setup.uri).get_run(setup.ledger.parent_run_id)
    assert (
        parent.data.tags["mlflow.note.content"] == "so it is" and parent.info.status == "FINISHED"
    )
    experiment = mlflow.MlflowClient(setup.uri).get_experiment(parent.info.experiment_id)
    assert experiment.tags["mlflow.note.content"].startswith("so it is\n\n")


def test_the_experiment_shows_samples_of_the_confirmed_best(setup: Setup) -> None:
    numbers = [setup.put_trial(evaluations=2) for _ in range(2)]
    params = setup.ledger.search.propose()[1]
    config = setup.spec.space.trial_config(params)
    for fresh, objective in ((1_000_000, 9.0), (1_000_001, 8.0)):
        setup.outbox.put_start(fresh, params, config, StagePlace(Stage.CONFIRM, "best", 0))
        setup.put_evaluation(fresh, 1)
        outcome = Outcome(True, objective, 80.0, {"converged": 3}, {})
        setup.outbox.put_end(fresh, TrialState.COMPLETE, outcome, True, None)
    for number in numbers:
        setup.put_end(number)  # with 7.0, better than both: scores that were chosen flatter
    publisher = setup.publisher()
    publisher.publish_pending()
    setup.outbox.put_study(END, {"status": "FINISHED", "description": "", "artifacts": []})
    publisher.publish_pending()
    client = mlflow.MlflowClient(setup.uri)
    experiment = client.get_experiment_by_name("small")
    assert f"run_uuid={setup.ledger.run_ids()[1_000_001]}" in experiment.tags["mlflow.note.content"]
    assert "mlflow.sharedViewState.ganstudy" in experiment.tags


def test_diverged_trial_has_rows_and_no_invented_numbers(setup: Setup) -> None:
    number = setup.put_trial(evaluations=0)
    lost = [
        replace(
            row,
            finite=False,
            measures={**row.measures, "fid": None},
            histogram=None,
            verdict=Verdict.DIVERGED,
        )
        for row in rows(1)
    ]
    setup.outbox.put_evaluation(
        number, Evaluation(1, Counters(generator_steps=20), lost, PROVENANCE), lost
    )
    setup.publisher().publish_pending()
    study = load_study("small", setup.uri)
    assert setup.metric(number, "fid") == [] and setup.metric(number, "seeds/diverged") == [
        (20, 3.0)
    ]
    assert study.evaluations["fid"].isna().all() and len(study.evaluations) == 3
    assert pd.isna(study.trials["fid"].iloc[0]) and study.modes.empty


def test_a_confirm_trial_is_named_and_tagged_by_its_role_also_when_that_changes(
    setup: Setup,
) -> None:
    params = setup.ledger.search.propose()[1]
    config = setup.spec.space.trial_config(params)
    for role in ("best; baseline", "chosen earlier"):
        setup.outbox.put_start(1_000_003, params, config, StagePlace(Stage.CONFIRM, role, 0))
        setup.publisher().publish_pending()
        run = mlflow.MlflowClient(setup.uri).get_run(setup.ledger.run_ids()[1_000_003])
        assert run.info.run_name == f"confirm of 0 ({role})" and run.info.status == "RUNNING"
        (trial,) = load_study("small", setup.uri).trials.to_dict("records")
        assert (trial["stage"], trial["role"], trial["confirms"]) == ("confirm", role, 0)
    setup.outbox.put_start(7, params, config)
    setup.publisher().publish_pending()
    other = load_study("small", setup.uri).trials.iloc[0]
    assert (other["number"], other["stage"], other["role"]) == (7, "search", "") and pd.isna(
        other["confirms"]
    )


def test_mlflows_own_tables_can_sort_group_and_tell_trials_apart(setup: Setup) -> None:
    """Sort by final/fid, group by verdict or remedies, names that say what was tried."""
    client = mlflow.MlflowClient(setup.uri)
    complete, pruned = setup.put_trial(evaluations=2), setup.put_trial(evaluations=1)
    for _ in range(2):  # sent twice, there once
        setup.put_end(complete)
        setup.put_end(pruned, TrialState.PRUNED)
        setup.publisher().publish_pending()
    runs = {number: client.get_run(run_id) for number, run_id in setup.ledger.run_ids().items()}
    assert setup.metric(complete, "final/fid") == [(0, 7.0)]
    assert "final/fid" not in runs[pruned].data.metrics
    tags, params = runs[complete].data.tags, runs[complete].data.params
    assert tags["verdict"] == "converged" and tags["mlflow.runColor"] == "#0072B2"
    remedies = "" if params["remedies"] == "none" else f" {params['remedies']}"
    assert tags["mlflow.runName"] == f"0000 k={params['k'].removesuffix('.0')}{remedies}"


def test_the_best_score_on_the_way_is_a_metric_of_its_own(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A point at each evaluation that was better than all before it, however they are sent."""
    scores = {1: 90.0, 2: 66.7, 3: 70.0, 4: 50.0, 5: 330.9}
    plain = rows

    def course(index: int) -> list[EvaluationRow]:
        return [
            replace(row, measures={**row.measures, "fid": scores[index]}) for row in plain(index)
        ]

    monkeypatch.setitem(globals(), "rows", course)
    number = setup.put_trial(evaluations=3)
    setup.publisher().publish_pending()
    setup.put_evaluation(number, 4)
    setup.publisher().publish_pending()
    setup.put_evaluation(number, 5)
    setup.put_end(number)
    setup.publisher().publish_pending()
    assert setup.metric(number, "best/fid") == [(20, 90.0), (40, 66.7), (80, 50.0)]
    run = mlflow.MlflowClient(setup.uri).get_run(setup.ledger.run_ids()[number])
    assert run.data.metrics["best/fid"] == 50.0, "the last value is the one that MLflow sorts by"


@pytest.mark.parametrize("measure", ["fid", "recall"])
def test_the_best_so_far_ranks_missing_seeds_worst(measure: str) -> None:
    values = {1: [None, None, 1.0], 2: [0.5, None, 0.75], 3: [0.25, 0.25, None], 4: [0.9, 0.9, 0.9]}
    history = [
        EvaluationRow(seed, at, True, {measure: value}, None)
        for at, seeds in values.items()
        for seed, value in enumerate(seeds)
    ]
    expected = {"fid": {2: 0.75, 3: 0.25}, "recall": {2: 0.5, 4: 0.9}}[measure]
    assert run_fields.best_metrics(history, measure) == {
        at: {f"best/{measure}": value} for at, value in expected.items()
    }


def test_the_worst_verdict_names_the_run(setup: Setup) -> None:
    number = setup.put_trial(evaluations=1)
    outcome = Outcome(True, 7.0, 80.0, {"converged": 1, "collapsed": 1, "cycling": 1}, {})
    setup.outbox.put_end(number, TrialState.COMPLETE, outcome, False, None)
    setup.publisher().publish_pending()
    run = mlflow.MlflowClient(setup.uri).get_run(setup.ledger.run_ids()[number])
    assert run.data.tags["verdict"] == "collapsed"


def test_the_answer_in_markdown_is_text_whatever_it_looks_like() -> None:
    text = as_markdown(
        "Is **this** bold?", ["lr_d = 2 [1, 3] <script>", "[x](javascript:alert(1))"]
    )
    assert text.startswith(
        "**Is \\*\\*this\\*\\* bold?**\n\n- lr\\_d = 2 \\[1, 3\\] \\<script\\>\n- \\[x\\]\\(javascript"
    )
    assert as_markdown("", ["a"]).startswith("- a\n")
