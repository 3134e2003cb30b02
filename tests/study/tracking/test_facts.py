"""What the analysis reads lies in artifacts: whole whatever happens, and whatever MLflow cuts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.utils import validation

from ganstudy.analysis.frames.load import load_study
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.spec.reader import parse_study
from ganstudy.study.tracking import mlflow_limits as limits
from ganstudy.study.tracking.messages import TrialEnd
from ganstudy.study.tracking.mlflow_store import MlflowStore
from ganstudy.study.tracking.outbox import START, Outbox
from ganstudy.study.tracking.publisher import Publisher
from ganstudy.study.tracking.trial_facts_files import TrialFactsFiles
from ganstudy.trials.results.facts import (
    TRIAL_FACTS_FOLDER,
    Origin,
    StudyFacts,
    TrialFacts,
    TrialFactsFile,
)
from ganstudy.trials.results.mlflow_tags import Tag
from ganstudy.trials.results.records import TrialState
from ganstudy.trials.results.removed import RemovedFromMlflowError
from ganstudy.trials.results.tagged_facts import CutFactsError, facts_from_tags

# --- limits


def test_our_limits_are_within_those_of_mlflow() -> None:
    assert limits.LONGEST_TAG <= validation.MAX_TAG_VAL_LENGTH
    assert limits.LONGEST_PARAM <= validation.MAX_PARAM_VAL_LENGTH
    assert limits.LONGEST_KEY <= validation.MAX_ENTITY_KEY_LENGTH
    assert limits.PARAMS_PER_REQUEST <= validation.MAX_PARAMS_TAGS_PER_BATCH
    assert limits.TAGS_PER_REQUEST <= validation.MAX_PARAMS_TAGS_PER_BATCH
    together = limits.METRICS_PER_REQUEST + limits.PARAMS_PER_REQUEST + limits.TAGS_PER_REQUEST
    assert together <= validation.MAX_ENTITIES_PER_BATCH
    assert limits.BYTES_PER_REQUEST <= validation.MAX_BATCH_LOG_REQUEST_SIZE


@given(st.text(max_size=30), st.integers(1, 40))
@settings(deadline=None, max_examples=200)
def test_what_is_shortened_says_so(text: str, limit: int) -> None:
    short = limits.shortened(text, limit)
    assert len(short) <= limit
    assert short == text if len(text) <= limit else short[:-1] + "…" == text[: limit - 1] + "…"


@given(st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=40), max_size=300))
@settings(deadline=None, max_examples=30)
def test_parameters_travel_in_requests_that_mlflow_takes(params: dict[str, str]) -> None:
    wide = {key: value * 150 for key, value in params.items()}
    parts = list(limits.param_requests(wide))
    assert {key: value for part in parts for key, value in part.items()} == wide
    assert all(len(part) <= validation.MAX_PARAMS_TAGS_PER_BATCH for part in parts)
    assert all(len(json.dumps(part)) < validation.MAX_BATCH_LOG_REQUEST_SIZE / 2 for part in parts)


# --- facts as text

FACTS = StudyFacts(
    {"name": "a", "search": {"space": {"k": [1, 2]}}},
    "Which?",
    {"extractor": "e"},
    ["one, two", 'th"ree', "vier\n"],
    2.5,
    Origin("s", "3.11", {"torch": "2"}, "data: 1 -> 2", {"file": "x.csv"}),
)


def as_tags(facts: StudyFacts) -> dict[str, str]:
    """The tags of older versions."""
    return {
        Tag.SPEC: json.dumps(facts.spec),
        Tag.QUESTION: facts.question,
        Tag.PROVENANCE: json.dumps(facts.provenance),
        Tag.MODES: json.dumps(facts.modes),
        Tag.REAL_MODES: str(facts.real_effective_modes),
        Tag.SOURCE: facts.origin.source,
        Tag.PYTHON: facts.origin.python,
        Tag.PACKAGES: json.dumps(facts.origin.packages),
        Tag.CHANGES: facts.origin.changes,
        Tag.IMPORTED: json.dumps(facts.origin.imported),
    }


def test_facts_come_back_from_their_text_and_from_tags() -> None:
    assert StudyFacts.from_text(FACTS.as_text()) == FACTS
    assert facts_from_tags(as_tags(FACTS)) == FACTS
    later = json.loads(FACTS.as_text()) | {"of a later version": 1}
    assert StudyFacts.from_text(json.dumps(later)) == FACTS
    for broken in (FACTS.as_text()[:-9], "[]", "{}"):
        with pytest.raises(ValueError):
            StudyFacts.from_text(broken)


@given(st.lists(st.text(max_size=12), min_size=1, max_size=12), st.data())
@settings(deadline=None, max_examples=100)
def test_of_a_cut_list_of_modes_the_whole_names_stay(modes: list[str], data: Any) -> None:
    text = json.dumps(modes)
    cut = data.draw(st.integers(1, len(text) - 1))
    facts = facts_from_tags(as_tags(FACTS) | {Tag.MODES: text[:cut]})
    # A name is whole if the text holds it with both of its quotes.
    ends = [len(json.dumps(modes[: i + 1])) - 1 for i in range(len(modes))]
    assert facts.modes == [name for name, end in zip(modes, ends, strict=True) if end <= cut]
    assert len(facts.notes) == 1 and Tag.MODES in facts.notes[0]


def test_what_is_known_stands_in_for_what_was_cut() -> None:
    long = replace(FACTS, question="q" * 9000, origin=replace(FACTS.origin, changes="c" * 9000))
    tags = {key: value[:8000] for key, value in as_tags(long).items()}
    tags[Tag.SPEC] = tags[Tag.SPEC][:-1]
    with pytest.raises(CutFactsError, match="spec"):
        facts_from_tags(tags)
    assert facts_from_tags(tags, long) == long
    said = facts_from_tags(tags, replace(long, question="", origin=Origin()))
    assert len(said.notes) == 2 and said.question == "q" * 8000


# --- facts of trials


class Folder:
    """Artifacts in memory; a file can be left half."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}
        self.half = False
        self.writes = 0

    def files(self, run_id: str, folder: str) -> list[str]:
        return list(self.held)

    def read_text(self, run_id: str, file: str) -> str:
        return self.held[file]

    def log_text(self, run_id: str, text: str, file: str) -> None:
        self.writes += 1
        self.held[file] = text[: len(text) // 2] if self.half else text
        if self.half:
            raise KeyboardInterrupt

    def tags_and_params(self, run_id: str) -> tuple[dict[str, str], dict[str, str]]:
        return {Tag.ROLE: "old", Tag.OBJECTIVE: "2.5"}, {"k": "1.0"}

    def newest(self) -> dict[int, TrialFacts]:
        whole = []
        for text in self.held.values():
            try:
                whole.append(TrialFactsFile.from_text(text))
            except ValueError:
                continue
        return max(whole, key=lambda file: file.version).trials


def ended(state: str, error: str = "") -> TrialEnd:
    return TrialEnd(TrialState(state), None, {}, feasible=False, error=error)


def test_a_hundred_trials_take_one_file() -> None:
    folder = Folder()
    files = TrialFactsFiles(folder, "parent")
    for number in range(100):
        files.change(number, "run", None, ended("complete"), is_new=True)
    files.flush()
    files.flush()
    assert folder.writes == 1 and len(folder.newest()) == 100
    files.change(7, "run", None, ended("complete"), is_new=False)
    files.flush()
    assert folder.writes == 1, "nothing has changed"


def test_a_publisher_that_is_killed_while_it_writes_loses_no_trial() -> None:
    folder = Folder()
    for state in ("running", "complete", "pruned"):
        files = TrialFactsFiles(folder, "parent")  # a new process each time
        files.change(0, "run", None, ended(state, "e" * 9000), is_new=False)
        files.flush()
        before = folder.newest()
        folder.half = True
        files.change(1, "run", None, ended(state), is_new=True)
        with pytest.raises(KeyboardInterrupt):
            files.flush()
        folder.half = False
        assert folder.newest() == before and before[0].state == state
        assert len(before[0].error) == 9000 and before[0].role == "old"


# --- in MLflow


class Setup:
    """A ledger, an outbox and a fresh MLflow store."""

    def __init__(self, folder: Path, text: str) -> None:
        self.spec = parse_study(text, "test.toml")
        self.ledger = Ledger.create(folder / "ledger.db", self.spec, text)
        self.outbox = Outbox(folder / "spool")
        self.uri = f"sqlite:///{folder / 'mlflow.db'}"
        self.artifacts = (folder / "artifacts").as_uri()
        self.client = mlflow.MlflowClient(self.uri)

    def publisher(self) -> Publisher:
        return Publisher(self.ledger, self.outbox, self.uri, self.artifacts)

    def put_study(self) -> None:
        facts = json.loads(replace(FACTS, modes=["n" * 50] * 1000).as_text())
        content = {"study_file": "x", "params": {}, "floor": {}, "facts": facts}
        self.outbox.put_study(START, content)

    def put_trial(self, error: str | None = None) -> int:
        number, params = self.ledger.search.propose()
        self.outbox.put_start(number, params, self.spec.space.trial_config(params))
        if error is not None:
            self.outbox.put_end(number, TrialState.FAILED, None, False, error)
        return number


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory, small_study) -> Path:
    """A new ledger and MLflow store, to be copied: making their tables takes longer than most tests."""
    folder = tmp_path_factory.mktemp("blank")
    Setup(folder, small_study()).client.search_experiments()
    return folder


@pytest.fixture
def setup(tmp_path: Path, small_study, blank: Path) -> Setup:
    for file in blank.glob("*.db*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    prepared = Setup(tmp_path, small_study())
    prepared.put_study()
    return prepared


def test_a_study_killed_before_it_is_marked_is_published_and_read_again(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(MlflowStore, "log", lambda *_: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            setup.publisher().publish_pending()
    with pytest.raises(KeyError, match="no study named 'small'"):
        load_study("small", setup.uri)
    setup.publisher().publish_pending()
    assert load_study("small", setup.uri).mode_names == ["n" * 50] * 1000
    assert not setup.outbox.pending()


def test_facts_that_cannot_be_read_come_from_the_ledger(setup: Setup) -> None:
    setup.publisher().publish_pending()
    tags = setup.client.get_run(setup.ledger.parent_run_id).data.tags
    for file in Path(setup.artifacts.removeprefix("file://")).rglob(Path(tags[Tag.FACTS]).name):
        file.write_text(file.read_text()[:100])
    with pytest.raises(CutFactsError, match=r"Nothing is lost: import the same file again"):
        load_study("small", setup.uri)
    study = load_study("small", setup.uri, lambda: FACTS)
    assert study.spec == FACTS.spec and not study.is_whole


def test_messages_wait_until_the_facts_of_their_trials_are_written(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup.publisher().publish_pending()
    number = setup.put_trial("e" * 20_000)
    with monkeypatch.context() as patch:
        patch.setattr(TrialFactsFiles, "flush", lambda _: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            setup.publisher().publish_pending()
    assert number in {message.number for message in setup.outbox.pending()}
    setup.publisher().publish_pending()
    (trial,) = load_study("small", setup.uri).trials.to_dict("records")
    assert trial["error"] == "e" * 20_000 and not setup.outbox.pending()
    files = setup.client.list_artifacts(setup.ledger.parent_run_id, TRIAL_FACTS_FOLDER)
    assert len(files) == 1


def test_a_message_that_was_replaced_while_it_was_published_is_kept(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    outbox.put_study(START, {"a": 1})
    (message,) = outbox.pending()
    written = message.written()
    outbox.put_study(START, {"a": 2})
    message.remove(written)
    assert [kept.read() for kept in outbox.pending()] == [{"a": 2}]
    message.remove(message.written())
    assert not outbox.pending()


def test_long_parameters_of_an_earlier_version_do_not_stop_a_study(setup: Setup) -> None:
    setup.publisher().publish_pending()
    store = MlflowStore("small", setup.uri)
    store.open(None)
    run = store.new_run("trial", {})
    setup.client.log_param(run, "note", "x" * 9000)  # which MLflow cuts, without an ellipsis
    many = {f"p{i}": "ä" * 9000 for i in range(120)}
    for _ in range(2):
        store.log(run, [], {"note": "x" * 9000, "k": 1} | many, {"a": "b" * 9000})
    kept = setup.client.get_run(run).data
    assert kept.params["note"] == "x" * 6000 and kept.params["k"] == "1"
    assert len(kept.params) == 122 and kept.params["p0"] == "ä" * 5999 + "…"
    assert kept.tags["a"] == "b" * 4999 + "…"


# --- what was deleted


def test_a_deleted_experiment_is_said_and_can_be_restored(setup: Setup) -> None:
    setup.publisher().publish_pending()
    experiment = setup.client.get_experiment_by_name("small").experiment_id
    setup.client.delete_experiment(experiment)
    how = rf"was deleted in MLflow(.|\n)*experiments restore --experiment-id {experiment}"
    with pytest.raises(RemovedFromMlflowError, match=how):
        load_study("small", setup.uri)
    with pytest.raises(RemovedFromMlflowError, match=how):
        setup.publisher()
    with pytest.raises(RemovedFromMlflowError, match=how):
        MlflowStore("small", setup.uri).check(setup.ledger.parent_run_id)
    setup.client.restore_experiment(experiment)
    assert load_study("small", setup.uri).question == FACTS.question
    setup.publisher()


def test_a_deleted_run_of_a_study_is_said_and_can_be_restored(setup: Setup) -> None:
    setup.publisher().publish_pending()
    parent = setup.ledger.parent_run_id
    setup.client.delete_run(parent)
    how = rf"was deleted in MLflow(.|\n)*runs restore --run-id {parent}"
    with pytest.raises(RemovedFromMlflowError, match=how):
        load_study("small", setup.uri)
    with pytest.raises(RemovedFromMlflowError, match=how):
        setup.publisher()
    setup.client.restore_run(parent)
    assert load_study("small", setup.uri).question == FACTS.question


def test_a_password_is_not_said() -> None:
    from ganstudy.trials.results.removed import deleted_experiment

    assert "secret" not in str(deleted_experiment("a", "1", "https://me:secret@host/x"))
