"""`ganstudy verify`: which files it takes, what it runs, and what it prints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from ganstudy.study.cli import report, run
from ganstudy.study.cli.main import main
from ganstudy.study.home import Home
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.spec.reader import parse_study, read_study

FILE = """
name = "NAME"
data = { name = "ring" }
[claim]
sentence = "It steadies."
[[claim.decided_by]]
share = "failed"
setting = "remedies"
value = ["r1"]
against = []
says = "lower"
effect = 0.35
spread = [0.2, 0.1, 0.5]
[train]
seeds = [0, 1, 2, 3, 4, 5, 6, 7]
budget = { updates = 100 }
evaluations = 4
[search]
trials = 0
[search.space]
remedies = [[], ["r1"]]
lr_d = { low = 1e-4, high = 1e-2, log = true }
[design]
points = 8
factors = ["remedies"]
"""


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANSTUDY_HOME", raising=False)
    folder = tmp_path / "claims"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.toml").write_text(FILE.replace("NAME", name))
    without = FILE.replace("NAME", "plain").replace(
        FILE[FILE.index("[claim]") : FILE.index("[train]")], ""
    )
    (folder / "plain.toml").write_text(without)
    return folder


def ganstudy(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["verify", *arguments], env={"COLUMNS": "200"})


def finish(folder: Path, name: str) -> None:
    """Leave a ledger whose trials are all over."""
    spec, text = read_study(folder / f"{name}.toml")
    ledger = Ledger.create(Home(Path("ganstudy-data")).study(name).ledger, spec, text)
    while ledger.left():
        number, _ = ledger.search.propose()
        outcome = Outcome(True, 1.0, 100.0, {"converged": 8}, {})
        ledger.search.record_end(number, outcome, None)


def test_what_is_planned_is_said_of_files_that_were_not_run(files: Path) -> None:
    made = ganstudy("claims", "--no-run")
    assert made.exit_code == 0, made.output
    assert made.output.count("not yet run") == 2 and "plain" not in made.output
    assert "the share of failed seeds, r1 against none: a difference of 0.35 is found in 84%" in (
        " ".join(made.output.split())
    )
    assert not Path("ganstudy-data").exists(), "nothing is written"


def test_files_without_a_claim_are_refused(files: Path, tmp_path: Path) -> None:
    made = ganstudy("claims/plain.toml")
    assert made.exit_code == 2 and "claims/plain.toml: makes no claim" in made.output
    (tmp_path / "empty").mkdir()
    made = ganstudy("empty")
    assert made.exit_code == 2 and "none of its 0 study files has a table [claim]" in made.output
    made = ganstudy("nowhere.toml")
    assert made.exit_code == 2 and "no such study file" in made.output
    (files / "two.toml").write_text(FILE.replace("NAME", "one"))
    made = ganstudy("claims")
    assert made.exit_code == 2 and "has the name 'one', as claims/one.toml has" in made.output
    (files / "two.toml").write_text(FILE.replace("NAME", "two").replace('"r1"', '"r3"'))
    made = ganstudy("claims")
    assert made.exit_code == 2 and "r3" in made.output, "before anything is run"


def test_studies_that_are_left_are_run_one_after_the_other(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def run_and_report(spec, *_rest) -> int:
        ran.append(spec.name)
        return 130

    monkeypatch.setattr(run, "run_and_report", run_and_report)
    made = ganstudy("claims")
    assert ran == ["one"] and made.exit_code == 130, "a stop is a stop of all"
    assert made.output.count("not yet run") == 2
    finish(files, "one")
    monkeypatch.setattr(report, "load_with_ledger", lambda *_: None)
    monkeypatch.setattr("ganstudy.study.cli.verify._found", lambda study: ["told"])
    made = ganstudy("claims")
    assert ran == ["one", "two"] and "told" in made.output


def test_a_study_that_failed_does_not_stop_the_others(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def run_and_report(spec, *_rest) -> int:
        ran.append(spec.name)
        return 1

    monkeypatch.setattr(run, "run_and_report", run_and_report)
    made = ganstudy("claims")
    assert ran == ["one", "two"] and made.exit_code == 1


def test_a_finished_study_is_told_with_its_planned_power(
    files: Path, benchmark_module, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish(files, "one")
    spec = parse_study(FILE.replace("NAME", "one"), "one.toml")
    study = benchmark_module("made_claims").made_claim(spec, np.random.default_rng(2), 0, 1.0)
    study.seconds_taken = 700.0
    monkeypatch.setattr(report, "load_with_ledger", lambda folder, home: study)
    made = ganstudy("claims/one.toml")
    assert made.exit_code == 0, made.output
    told = " ".join(made.output.split())
    assert '"It steadies."' in told
    assert "HOLDS: the share of failed seeds, r1 against none: −" in told
    assert "percentage points [−" in told and "8 points on 8 seeds" in told
    assert "Planned: a difference of 0.35 is found in 84% of such studies" in told
    assert "It took 12 min." in told


def test_another_file_under_the_same_name_is_refused(files: Path) -> None:
    finish(files, "one")
    changed = FILE.replace("NAME", "one").replace('says = "lower"', 'says = "higher"')
    (files / "one.toml").write_text(changed)
    made = ganstudy("claims/one.toml")
    assert made.exit_code == 2 and "must be stated before the first trial" in made.output
