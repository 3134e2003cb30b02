"""What the report command leaves in the ledger."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import OperationalError

from ganstudy.study.cli import report
from ganstudy.study.home import Home
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.spec.reader import parse_study

FILE = """
name = "s"
data = { name = "digits" }
[train]
budget = { updates = 100 }
evaluations = 2
[search]
sampler = "random"
trials = 2
[search.space]
lr_g = { low = 1e-4, high = 1e-2, log = true }
"""


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, study_over_time):
    """The studies that reports are built of, without MLflow."""
    found = []

    def build(study):
        found.append(study)
        return SimpleNamespace(write=lambda path, alone: path, answer=[])

    made = study_over_time([[[2.0], [3.0]]])
    monkeypatch.setattr(report, "_loaded", lambda spec, home: made)
    monkeypatch.setattr("ganstudy.analysis.report.html.build", build)
    return found


def test_every_report_counts_the_size_of_its_study_once(tmp_path: Path, built) -> None:
    home = Home(tmp_path)
    folder, spec = home.study("s"), parse_study(FILE, "s.toml")
    ledger = Ledger.create(folder.ledger, spec, FILE)
    for ended in range(3):
        for _ in range(2):
            report.write_report(spec, home, folder)
        looks = built[-1].looks
        assert len(looks.all) == ended + 1 and dict(looks.present.ended)["search"] == ended
        assert looks.present.finished == (ended == 2)
        if ended < 2:
            number, _ = ledger.search.propose()
            ledger.search.record_end(number, Outcome(True, 1.0, 100.0, {"converged": 3}, {}), None)


def test_a_study_without_its_ledger_is_not_counted(tmp_path: Path, built) -> None:
    home = Home(tmp_path)
    report.write_report(parse_study(FILE, "s.toml"), home, home.study("s"))
    assert built[-1].looks is None


def test_a_ledger_that_cannot_be_written_withholds_no_report(
    tmp_path: Path, built, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    folder, spec = home.study("s"), parse_study(FILE, "s.toml")
    Ledger.create(folder.ledger, spec, FILE)

    def refuse(self):
        raise OperationalError("INSERT", {}, Exception("attempt to write a readonly database"))

    monkeypatch.setattr(Ledger, "record_look", refuse)
    report.write_report(spec, home, folder)
    assert built[-1].looks is None
