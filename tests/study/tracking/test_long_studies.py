"""Studies with more to say than MLflow's tags hold: trained, published, read and reported whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils import validation

from ganstudy.analysis.frames.load import load_study
from ganstudy.analysis.frames.study import Study
from ganstudy.study.cli.main import main
from ganstudy.study.cli.report import mend
from ganstudy.study.driver.study_message import study_message
from ganstudy.study.home import Home
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.spec.function_checks import as_read
from ganstudy.study.spec.reader import parse_study
from ganstudy.study.tracking import mlflow_limits as limits
from ganstudy.study.tracking.messages import TrialEvaluation, TrialStart
from ganstudy.study.tracking.outbox import START, Outbox
from ganstudy.study.tracking.publisher import Publisher
from ganstudy.study.tune.evaluator_setup import EvaluatorSetup
from ganstudy.trials.data.dataset import Dataset, Mixture
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.mlflow_tags import Tag
from ganstudy.trials.results.records import COUNTERS, EvaluationRow, TrialState, Verdict
from ganstudy.trials.training.sharded_trial import ShardedTrial

MODES = 5000
SEARCHED = (
    *("lr_d", "lr_g", "beta1", "beta2", "feature_matching.weight", "lecam.weight"),
    *("historical_averaging.weight", "instance_noise.sigma", "instance_noise.anneal"),
    "one_sided_label_smoothing.target",
)
CHOICES = [round(0.1 + i * 1e-5, 5) for i in range(1000)]
REMEDIES = sorted({key.partition(".")[0] for key in SEARCHED if "." in key})
QUESTION = "Which of them? " * 1000
ERROR = "RuntimeError: " + "x" * 20_000 + " (the end)"
STUDY = f"""
name = "long"
question = {json.dumps(QUESTION)}
[data]
name = "ring"
[model]
width = 16
latent_dim = 4
[train]
batch_size = 16
seeds = [4, 7]
budget = {{ generator_steps = 6 }}
evaluations = 2
[measures]
game_steps = 0
[search]
sampler = "random"
trials = 3
[search.space]
remedies = {json.dumps([[], *([remedy] for remedy in REMEDIES)])}
{chr(10).join(f'"{key}" = {CHOICES}' for key in SEARCHED)}
[objective]
require = {{ collapsed = 2, cycling = 2, diverged = 2 }}
"""


def ganstudy(home: Home, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--home", str(home.root)])


class Sent:
    """Holds everything that reaches MLflow's store to the limits of MLflow itself."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.requests = 0
        for name in ("log_batch", "create_run", "set_tag", "log_param", "set_experiment_tag"):
            patch.setattr(SqlAlchemyStore, name, self._held(getattr(SqlAlchemyStore, name)))

    def _held(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def held(store: SqlAlchemyStore, *given: Any, **named: Any) -> Any:
            self.requests += 1
            values = [*given, *named.values()]
            entities = [each for value in values if isinstance(value, list) for each in value]
            entities += [value for value in values if hasattr(value, "key")]
            assert len(entities) <= validation.MAX_ENTITIES_PER_BATCH
            for entity in entities:
                kind = type(entity).__name__
                assert len(entity.key) <= validation.MAX_ENTITY_KEY_LENGTH
                if kind == "Param":
                    assert len(entity.value) <= validation.MAX_PARAM_VAL_LENGTH, entity.key
                elif kind != "Metric":
                    assert len(str(entity.value)) <= validation.MAX_TAG_VAL_LENGTH, entity.key
            for kind in ("Param", "RunTag"):
                of_kind = [each for each in entities if type(each).__name__ == kind]
                assert len(of_kind) <= validation.MAX_PARAMS_TAGS_PER_BATCH
            said = json.dumps([dict(entity) for entity in entities])
            assert len(said) <= validation.MAX_BATCH_LOG_REQUEST_SIZE
            return method(store, *given, **named)

        return held


@pytest.fixture(scope="module")
def long_study(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two trials trained on 5,000 Gaussians, and one that failed, in a space of 10,000 choices."""
    home = Home(tmp_path_factory.mktemp("long"))
    spec = parse_study(STUDY, "long.toml")
    folder = home.study("long")
    ledger, outbox = Ledger.create(folder.ledger, spec, STUDY), Outbox(folder.outbox)
    evaluator = many_modes()
    setup = EvaluatorSetup(
        classifier=None,
        provenance=evaluator.provenance,
        floor=evaluator.floor,
        real_effective_modes=evaluator.real_effective_modes,
        modes=evaluator.modes.names,
        notes=[],
    )
    ledger.record_provenance({}, [f"data: {i:064d} -> {i + 1:064d}" for i in range(100)])
    outbox.put_study(START, study_message(ledger.spec, STUDY, setup, ledger.changes).to_json())
    for _ in range(2):
        number, params = ledger.search.propose()
        config = spec.space.trial_config(params)
        outbox.put_start(number, params, config)
        trial = ShardedTrial(config, evaluator)
        while not trial.finished:
            evaluation = trial.advance()
            outbox.put_evaluation(number, evaluation, trial.history)
        scores = [value for value in evaluation.values("fid") if value is not None]
        outcome = Outcome(
            True,
            float(np.median(scores)) if scores else None,
            6.0,
            evaluation.verdicts(),
            evaluation.counters.as_columns(),
        )
        outbox.put_end(number, ledger.search.record_end(number, outcome, None), outcome, True, None)
    number, params = ledger.search.propose()
    outbox.put_start(number, params, spec.space.trial_config(params))
    outbox.put_end(number, ledger.search.record_end(number, None, ERROR), None, False, ERROR)
    with pytest.MonkeyPatch.context() as patch:
        sent = Sent(patch)
        publish(home, ledger, outbox)
    assert not outbox.pending() and sent.requests > 5
    return {
        "home": home,
        "ledger": ledger,
        "changes": ledger.changes,
        "modes": evaluator.modes.names,
    }


def many_modes() -> Evaluator:
    """Scores samples of 5,000 Gaussians."""
    means = torch.cartesian_prod(torch.arange(50.0), torch.arange(100.0))
    assert len(means) == MODES
    stream = torch.Generator().manual_seed(0)
    train = means + 0.01 * torch.randn(MODES, 2, generator=stream)
    held_out = means[::10] + 0.01 * torch.randn(MODES // 10, 2, generator=stream)
    mixture = Mixture(means, sigma=0.01)
    dataset = Dataset("ring", train=train, held_out=held_out, num_generated=200, mixture=mixture)
    return Evaluator(dataset, None, torch.device("cpu"))


def publish(home: Home, ledger: Ledger, outbox: Outbox) -> None:
    home.mlflow_artifacts.mkdir(parents=True, exist_ok=True)
    artifacts = home.mlflow_artifacts.as_uri()
    Publisher(ledger, outbox, home.tracking_uri(None), artifacts).publish_pending()


@pytest.mark.slow
def test_all_of_it_is_read(long_study: dict[str, Any]) -> None:
    study = load_study("long", long_study["home"].tracking_uri(None))
    assert study.mode_names == long_study["modes"] and len(study.mode_names) == MODES
    assert {key: study.space[key] for key in SEARCHED} == dict.fromkeys(SEARCHED, CHOICES)
    assert study.question == QUESTION
    assert study.origin.changes.splitlines() == long_study["changes"]
    assert study.trials["error"].tolist() == ["", "", ERROR] and study.is_whole and not study.notes
    assert len(study.modes) == MODES * 2 * 2 * 2
    assert study.spec == as_read(long_study["ledger"].spec)


@pytest.mark.slow
def test_every_command_that_reads_it_does(long_study: dict[str, Any], tmp_path: Path) -> None:
    home = long_study["home"]
    for command in (
        ["report", "long"],
        ["status", "long"],
        ["best", "long", "--json"],
        ["export", "long", "--out", str(tmp_path)],
    ):
        result = ganstudy(home, *command)
        assert result.exit_code == 0, (command, result.output)
    page = home.study("long").report.read_text()
    assert "(the end)" in page and long_study["changes"][-1].split()[0] in page


@pytest.mark.slow
def test_people_see_in_mlflow_that_there_is_more(long_study: dict[str, Any]) -> None:
    client = mlflow.MlflowClient(long_study["home"].tracking_uri(None))
    tags = client.get_run(long_study["ledger"].parent_run_id).data.tags
    assert Tag.SPEC not in tags, "what only programs read is no tag"
    for tag in (Tag.MODES, Tag.QUESTION, Tag.CHANGES):
        assert len(tags[tag]) == limits.LONGEST_TAG and tags[tag].endswith("…")
    failed = client.get_run(long_study["ledger"].run_ids()[2]).data
    assert failed.tags[Tag.ERROR].startswith("RuntimeError: xxx")
    assert failed.tags[Tag.ERROR].endswith("…")


def make_old(home: Home, ledger: Ledger) -> None:
    """Leave of a study in MLflow what an older version would have: tags, of whatever length."""
    client = mlflow.MlflowClient(home.tracking_uri(None))
    parent = ledger.parent_run_id
    study = load_study(ledger.spec.name, home.tracking_uri(None))
    client.delete_tag(parent, Tag.FACTS)
    for tag, value in (
        (Tag.SPEC, json.dumps(study.spec)),
        (Tag.MODES, json.dumps(study.mode_names)),
        (Tag.QUESTION, study.question),
        (Tag.CHANGES, study.origin.changes),
    ):
        client.set_tag(parent, tag, value)
    assert len(client.get_run(parent).data.tags[Tag.SPEC]) == 8000, "MLflow itself has cut it"


def without_notes(study: Study) -> dict[str, Any]:
    facts = vars(study.facts) | {"real_effective_modes": str(study.real_effective_modes)}
    return {key: value for key, value in facts.items() if key not in ("notes", "modes")}


@pytest.mark.slow
def test_a_study_that_was_cut_is_readable_from_its_ledger(long_study: dict[str, Any]) -> None:
    home, ledger = long_study["home"], long_study["ledger"]
    whole = load_study("long", home.tracking_uri(None))
    make_old(home, ledger)
    with pytest.raises(ValueError, match=r"Nothing is lost: .*ganstudy report long"):
        load_study("long", home.tracking_uri(None))
    result = ganstudy(home, "best", "long", "--json")
    assert result.exit_code == 0 and "have numbers instead of names" in result.stderr
    # What `ganstudy publish` does before it writes the report.
    outbox = Outbox(home.study("long").outbox)
    mend(ledger.spec, home, outbox)
    assert outbox.waiting() == 1
    publish(home, ledger, outbox)
    mend(ledger.spec, home, outbox)
    assert not outbox.waiting(), "once is enough"
    study = load_study("long", home.tracking_uri(None))
    assert study.is_whole and without_notes(study) == without_notes(whole)
    kept = len(cut_names(whole.mode_names))
    assert 300 < kept < MODES and study.mode_names[:kept] == whole.mode_names[:kept]
    assert study.mode_names[kept:] == [str(mode) for mode in range(kept, MODES)]


def cut_names(names: list[str]) -> list[str]:
    """Return the names that are whole in the first 8,000 characters."""
    return json.loads(json.dumps(names)[:8000].rpartition(", ")[0] + "]")


def test_a_wide_import_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """150 parameters, one of 20,000 characters, and a history of 300 evaluations."""
    text = STUDY.replace('name = "long"', 'name = "wide"')
    spec = parse_study(text, "wide.toml")
    ledger, outbox = Ledger.create(tmp_path / "ledger.db", spec, text), Outbox(tmp_path / "spool")
    sent = Sent(monkeypatch)
    outbox.put_study(START, study_message(ledger.spec, text, None, []).to_json())
    notes = {0: "n" * 20_000 + "a", 1: "n" * 20_000 + "b"}
    for number, note in notes.items():
        params = {"note": note, "k": 1.0, **{f"p{i}": "ü" * 5000 for i in range(148)}}
        rows = [
            EvaluationRow(
                seed=0,
                evaluation=at,
                finite=True,
                measures=dict.fromkeys(MEASURES) | {"fid": float(at), "loss_g": 1.0, "kid": 1.0},
                histogram=None,
                cost=dict.fromkeys(COUNTERS) | {"generator_steps": at},
                verdict=Verdict.UNKNOWN,
            )
            for at in range(1, 301)
        ]
        outbox.put_history(
            number,
            TrialStart(params, f"digest {number}", config=None),
            TrialEvaluation(rows[-1:], rows, {}, ["o" * 9000], whole=True),
        )
        outbox.put_end(number, TrialState.COMPLETE, None, True, None)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    Publisher(ledger, outbox, uri, (tmp_path / "artifacts").as_uri()).publish_pending()
    assert not outbox.pending() and sent.requests > 10
    study = load_study("wide", uri)
    assert dict(enumerate(study.trials["note"])) == notes, "not alike, as their beginnings are"
    assert set(study.trials["p147"]) == {"ü" * 5000} and set(study.trials["k"]) == {1.0}
    history = mlflow.MlflowClient(uri).get_metric_history(ledger.run_ids()[0], "fid")
    assert sorted(metric.value for metric in history) == list(range(1, 301))
