"""`ganstudy best` and `ganstudy sample` on a study that was really trained, if shortly, and the card's text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from ganstudy.study.cli.main import main
from ganstudy.study.export.model_card import text
from ganstudy.study.home import Home
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.spec.reader import parse_study
from ganstudy.study.tracking.outbox import START, Outbox
from ganstudy.study.tracking.publisher import Publisher
from ganstudy.trials.training.sharded_trial import ShardedTrial

STUDY = """
name = "rings"
question = "Which [rate](http://evil.example) is <b>best</b>?"
[data]
name = "ring"
[model]
width = 16
latent_dim = 4
[train]
batch_size = 16
seeds = [4, 7]
budget = { generator_steps = 6 }
evaluations = 2
[search]
sampler = "random"
trials = 2
[search.space]
lr_g = [1e-3, 2e-3]
[objective]
require = { collapsed = 2, cycling = 2, diverged = 2 }
"""


def ganstudy(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments)])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, ring_evaluator) -> dict[str, Any]:
    """Two trials as Ray's workers would have left them."""
    home = Home(tmp_path_factory.mktemp("best"))
    spec = parse_study(STUDY, "rings.toml")
    folder = home.study("rings")
    ledger, outbox = Ledger.create(folder.ledger, spec, STUDY), Outbox(folder.outbox)
    tags = {"ganstudy.spec": spec.model_dump_json(), "ganstudy.question": spec.question}
    tags |= {"ganstudy.provenance": json.dumps(ring_evaluator.provenance.to_json())}
    floor = {name: value for name, value in ring_evaluator.floor.items() if value is not None}
    outbox.put_study(START, {"study_file": STUDY, "params": {}, "tags": tags, "floor": floor})
    drawn = {}
    for _ in range(2):
        number, params = ledger.search.propose()
        config = spec.space.trial_config(params)
        outbox.put_start(number, params, config)
        trial = ShardedTrial(config, ring_evaluator)
        while not trial.finished:
            evaluation = trial.advance()
            outbox.put_evaluation(number, evaluation, trial.history)
            trial.save(folder.checkpoints / f"{number:06d}-{config.digest}")
        latents = torch.randn(2, 50, 4, generator=torch.Generator().manual_seed(0))
        drawn[number] = trial._trial.trainer.sample(latents)
        values = [value for value in evaluation.values("fid") if value is not None]
        outcome = Outcome(
            True,
            float(np.median(values)),
            6.0,
            evaluation.verdicts(),
            evaluation.counters.as_columns(),
        )
        outbox.put_end(number, ledger.search.record_end(number, outcome, None), outcome, True, None)
    home.mlflow_artifacts.mkdir(parents=True)
    Publisher(
        ledger, outbox, home.tracking_uri(None), home.mlflow_artifacts.as_uri()
    ).publish_pending()
    return {"home": home, "ledger": ledger, "latents": latents, "drawn": drawn}


def test_the_best_is_the_ledgers_best(trained) -> None:
    found = json.loads(ganstudy("best", "rings", "--json", "--home", trained["home"].root).output)
    best = trained["ledger"].search.best()
    assert found["number"] == best.number and found["value"] == pytest.approx(best.objective)
    assert set(found["seeds"]) == {"4", "7"} and found["files"] == []
    shown = ganstudy("best", "rings", "--home", trained["home"].root).output
    assert f"Trial {best.number}: lr_g = " in shown and "flatters" in shown
    other = json.loads(
        ganstudy(
            "best", "rings", "--trial", 1 - best.number, "--json", "--home", trained["home"].root
        ).output
    )
    assert other["number"] == 1 - best.number
    refused = ganstudy("best", "rings", "--trial", "5", "--home", trained["home"].root)
    assert refused.exit_code == 2 and "has no trial 5; it has: 0, 1" in refused.output


def test_what_is_exported_is_the_trials_generator(trained, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = ganstudy(
        "best", "rings", "--trial", "1", "--export", out, "--home", trained["home"].root
    )
    assert result.exit_code == 0, result.output
    names = {"config.json", "model.py", "README.md", "samples.png"}
    assert {path.name for path in out.iterdir()} == names | {
        f"generator-seed-{seed}.safetensors" for seed in (4, 7)
    }
    from ganstudy.trials.export import standalone

    for place, seed in enumerate((4, 7)):
        with torch.no_grad():
            drawn = standalone.load(seed, out)(trained["latents"][place])
        assert torch.allclose(drawn, trained["drawn"][1][place], atol=1e-5)
    card = (out / "README.md").read_text()
    assert "<b>" not in card and "](http" not in card and "best" in card, (
        "what people wrote is text"
    )
    for part in ("FID", "Floor", "Apache-2.0", "lr_g", "from model import load", "seeds 4, 7"):
        assert part in card, part
    again = ganstudy("best", "rings", "--export", out, "--home", trained["home"].root)
    assert again.exit_code == 2 and "is there already and not empty" in again.output


def test_one_seed_alone(trained, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert (
        ganstudy(
            "best", "rings", "--export", out, "--seed", "7", "--home", trained["home"].root
        ).exit_code
        == 0
    )
    assert [path.name for path in out.glob("*.safetensors")] == ["generator-seed-7.safetensors"]
    assert json.loads((out / "config.json").read_text())["default_seed"] == 7
    refused = ganstudy(
        "best", "rings", "--export", tmp_path / "x", "--seed", "5", "--home", trained["home"].root
    )
    assert refused.exit_code == 2 and "was not trained on seed 5; its seeds: 4, 7" in refused.output
    assert not (tmp_path / "x").exists()
    refused = ganstudy("best", "rings", "--seed", "7", "--home", trained["home"].root)
    assert refused.exit_code == 2 and "needs --export" in refused.output


def test_without_its_checkpoint_a_trial_cannot_be_exported(trained, tmp_path: Path) -> None:
    (folder,) = trained["home"].study("rings").checkpoints.glob("000000-*")
    moved = folder.rename(tmp_path / "away")
    try:
        args = (
            "best",
            "rings",
            "--trial",
            "0",
            "--export",
            tmp_path / "out",
            "--home",
            trained["home"].root,
        )
        result = ganstudy(*args)
        assert result.exit_code == 2 and "no undamaged checkpoint" in result.output
    finally:
        moved.rename(folder)


@pytest.fixture
def exported(trained, tmp_path: Path) -> Path:
    out = tmp_path / "generator"
    assert ganstudy("best", "rings", "--export", out, "--home", trained["home"].root).exit_code == 0
    return out


def test_samples_as_picture_and_array(exported: Path, tmp_path: Path) -> None:
    result = ganstudy(
        "sample",
        exported,
        "-n",
        "30",
        "--out",
        tmp_path / "a" / "g.png",
        "--npz",
        tmp_path / "s.npz",
    )
    assert result.exit_code == 0 and "30 samples of 2" in result.output
    first = np.load(tmp_path / "s.npz")["x"]
    assert first.shape == (30, 2) and Image.open(tmp_path / "a" / "g.png").size == (480, 480)
    ganstudy("sample", exported, "-n", "30", "--npz", tmp_path / "t.npz")
    assert np.array_equal(first, np.load(tmp_path / "t.npz")["x"])
    ganstudy("sample", exported, "-n", "30", "--npz", tmp_path / "t.npz", "--seed", "1")
    assert not np.array_equal(first, np.load(tmp_path / "t.npz")["x"])


def test_without_a_place_the_picture_lies_beside_the_exported_one(exported: Path) -> None:
    before = (exported / "samples.png").read_bytes()
    result = ganstudy("sample", f"{exported}/", "-n", "30")  # as README.md prints it
    new = exported / "new-samples.png"
    assert result.exit_code == 0 and str(new) in result.output
    assert Image.open(new).format == "PNG"
    assert (exported / "samples.png").read_bytes() == before


def test_bad_folders_are_refused(exported: Path, tmp_path: Path) -> None:
    def refusal(*arguments: Any) -> str:
        result = ganstudy("sample", *arguments)
        assert result.exit_code == 2, result.output
        assert "Traceback" not in result.output
        return result.output

    png = tmp_path / "g.png"
    assert "no folder that ganstudy best --export wrote" in refusal(tmp_path / "none", "--out", png)
    assert "no generator of seed 9; there are: 4, 7" in refusal(
        exported, "--out", png, "--trained-on", "9"
    )
    config = json.loads((exported / "config.json").read_text())
    (exported / "config.json").write_text(
        json.dumps({**config, "generator": {"layers": ["Pickle", {}]}})
    )
    assert "unknown layer 'Pickle'" in refusal(exported, "--out", png)
    (exported / "config.json").write_text(
        json.dumps({**config, "generator": {"layers": ["Tanh", {}]}})
    )
    assert "do not fit config.json" in refusal(exported, "--out", png)
    (exported / "config.json").write_text(json.dumps(config))
    for path in exported.glob("*.safetensors"):
        path.write_bytes(b"\x80\x04K\x01.")
    assert "cannot be sampled" in refusal(exported, "--out", png)
    (exported / "config.json").write_text("[]")
    assert "lacks generator" in refusal(exported, "--out", png)


def test_somebody_elses_code_is_not_run_unasked(exported: Path, tmp_path: Path) -> None:
    config = json.loads((exported / "config.json").read_text())
    (exported / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    own = {"file": "evil.py", "function": "build", "digest": "x", "arguments": {"shape": [2]}}
    (exported / "config.json").write_text(json.dumps({**config, "generator": {"own": own}}))
    result = ganstudy("sample", exported, "--out", tmp_path / "g.png")
    assert (
        result.exit_code == 2
        and "somebody's own code; read it, then say --trust-code" in result.output
    )
    (exported / "model.py").write_text("raise RuntimeError('run')")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "evil",
    [
        "<script>x</script>",
        "[a](http://b)",
        "![i](http://b)",
        "a`b`",
        "# head",
        "1. one",
        "| a | b |",
        "x\n# y",
    ],
)
def test_text_in_a_card_stays_text(evil: str) -> None:
    written = text(evil)
    assert "\n" not in written and "://" not in written
    assert not any(c in written.replace("\\" + c, "") for c in "<[`|")
    assert not written.startswith(("#", "1."))


def test_what_was_trained_again_on_fresh_seeds_goes_first(trained) -> None:
    """Of those the search's first choice, whatever fresh seeds said of it and of others; a baseline is no answer."""
    from dataclasses import replace

    from ganstudy.analysis.frames.load import load_study
    from ganstudy.analysis.tables.configurations.best_configuration import best_configuration

    study = load_study("rings", trained["home"].tracking_uri(None))
    search = study.trials.assign(stage="search", role="", confirms=None)
    again = search.assign(
        stage="confirm",
        role=["baseline", "best"],
        confirms=[None, 0],
        number=[8, 9],
        objective=[0.1, 99],
    )
    seeds = study.evaluations
    fresh = seeds.assign(number=seeds["number"] + 8, seed=seeds["seed"] + 100)
    both = [pd.concat(pair, ignore_index=True) for pair in ((search, again), (seeds, fresh))]
    confirmed = replace(study, trials=both[0], evaluations=both[1])
    found = best_configuration(confirmed)
    assert found is not None and found.number == 9
    assert (
        found.role == "Trained again on fresh seeds after the search (best, trial 0 of the search)."
    )
    assert set(found.seeds) == {104, 107} and found.notes == []

    known = best_configuration(confirmed, 0)
    assert (
        known is not None
        and "On 2 fresh seeds: FID " in known.notes[0]
        and "(trial 9)" in known.notes[0]
    )

    is_nine = both[0]["number"] == 9
    lost = replace(
        confirmed, trials=both[0].assign(feasible=~is_nine, collapsed=is_nine.astype(int))
    )
    found = best_configuration(lost)
    assert found is not None and found.number == 9, (
        "outside the constraints now, and still what the search chose"
    )
    assert found.notes == ["1 of 2 fresh seeds collapsed, cycled or diverged."]

    untouched = best_configuration(replace(study, trials=search))
    assert untouched is not None and untouched.notes[0].startswith(
        "Chosen from 2 complete trials within the con"
    )
