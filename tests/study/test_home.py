"""Homes under any name that a file system allows: all inside and read back, or refused at once."""

from __future__ import annotations

import os
import shlex
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import mlflow
import pytest
import sqlalchemy
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ganstudy.analysis.frames.load import default_tracking_uri, load_study
from ganstudy.study.cli.main import main
from ganstudy.study.errors import UserError
from ganstudy.study.home import LONGEST_ROOT, Home
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.storage import LedgerBackup, backup_path, unreadable
from ganstudy.study.spec.reader import parse_study, read_study
from ganstudy.study.tracking.outbox import START, Outbox
from ganstudy.study.tracking.publisher import Publisher

NAMES = (
    "plain", "what?", "GAN runs #1", "50% ü", "a%20b", "%3F%23", "{x}", "{", " lead", "trail ", "-dash",
    "--home", 'it\'s "q"', "back\\slash", "a:b;c&d@e=f+g", "file:x", "sqlite:", "http:", "$HOME", "~", "*[a]?",
    "日本語😀", "e\u0301", "..a", "a.", "<b>|`c`^!", "(x)", "a,b", "\u202eabc",
)  # fmt: skip
"""Of folders: characters of URLs, of shells, of globs, of templates, of TOML and of HTML."""
WHOLE = (
    "plain",
    "what?",
    "GAN #1",
    "50% ü%20",
    "%3F",
    "{x} {",
    " -é ",
    "a:b;c&d@e=f+g",
    "\"\\'~$HOME*[a]",
    "x" * 255,
)
"""Those that are gone through with databases, which take a second each."""
REFUSED = ("a\nb", "a\r", "tab\t", "\x1b[31m", "\x7f", "a\u2028b", "a\udcffb")
STUDY = """
name = "small"
data = { name = "ring" }
[train]
seeds = [0]
budget = { updates = 4 }
evaluations = 2
[search]
trials = 1
"""


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new MLflow database, to be copied: its tables take a second to make."""
    file = tmp_path_factory.mktemp("blank") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{file}").search_experiments()
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file


def everything(folder: Path) -> set[str]:
    return {entry.name for entry in os.scandir(folder)}


def publish(home: Home) -> Any:
    """Make a ledger and a study in MLflow; return what is read back."""
    spec = parse_study(STUDY, "small.toml")
    folder = home.study("small")
    ledger = Ledger.create(folder.ledger, spec, STUDY)
    number, params = ledger.search.propose()
    outbox = Outbox(folder.outbox)
    tags = {"ganstudy.spec": spec.model_dump_json()}
    outbox.put_study(START, {"study_file": STUDY, "params": {}, "tags": tags, "floor": {}})
    outbox.put_start(number, params, spec.space.trial_config(params))
    artifacts = (home.mlflow_artifacts / "small").as_uri()
    publisher = Publisher(ledger, outbox, home.tracking_uri(None), artifacts)
    assert publisher.publish_pending() == 2
    LedgerBackup(folder.ledger).keep()
    return load_study("small", home.tracking_uri(None))


@pytest.mark.parametrize("name", WHOLE)
def test_everything_lies_in_the_home_and_is_read_back(
    name: str, tmp_path: Path, blank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / name)
    home.mlflow_database.parent.mkdir(parents=True)
    shutil.copyfile(blank, home.mlflow_database)
    study = publish(home)
    assert everything(tmp_path) == {name}, "nothing beside it"
    assert everything(home.root) == {"mlflow", "studies"}
    assert study.trials["number"].tolist() == [0]
    (written,) = home.mlflow_artifacts.glob("small/*/artifacts/study.toml")
    assert written.read_text() == STUDY and study.study_file() == STUDY
    with sqlite3.connect(home.mlflow_database) as connection:
        assert ("small",) in connection.execute("SELECT name FROM experiments").fetchall()
    assert backup_path(home.study("small").ledger).exists()
    assert Ledger.open(home.study("small").ledger).run_ids() == {0: study.trials["run_id"][0]}
    assert home.names() == ["small"] and home.embedded(None)
    monkeypatch.setenv("GANSTUDY_HOME", str(home.root))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert default_tracking_uri() == Home.locate(None).tracking_uri(None)


@given(
    st.sampled_from([*NAMES, *REFUSED])
    | st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=60)
)
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_name_means_itself_or_is_refused(tmp_path: Path, name: str) -> None:
    """By what SQLAlchemy, MLflow and Optuna make of the address, and by what the system takes."""
    try:
        home = Home(tmp_path / name)
    except UserError as error:
        assert "--home" in str(error) and "\n" not in str(error)
        assert any(not (c.isprintable()) for c in name)
        return
    assert not any(c in name for c in "\n\r\t\x00\x1b\x7f\u2028") and name.encode()
    uri = home.tracking_uri(None)
    assert sqlalchemy.make_url(uri).database == str(home.mlflow_database)
    assert uri.format(SCHEMA_VERSION=0) == uri, "Optuna takes a URL for a template"
    # What MLflow would make a folder of (mlflow/store/db/utils.py) is the home's own, or nothing.
    taken = uri.removeprefix("sqlite:///")
    assert taken in (uri, str(home.mlflow_database))


def ganstudy(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def refused(home: str, *arguments: str) -> str:
    result = ganstudy(*arguments, "--home", home)
    assert result.exit_code == 2 and result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("ganstudy: the home folder")
    return line


@pytest.mark.parametrize("name", [*REFUSED, "x" * 256, "/".join(["y" * 200] * 3)])
def test_a_name_that_no_home_can_have(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(STUDY)
    for command in (("run", "small.toml"), ("list",), ("import", "x.csv", "--name", "x")):
        refused(name, *command)
    assert everything(tmp_path) == {"small.toml"}


def test_a_home_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.toml").write_text(STUDY)
    Path("file").write_text("")
    Path("link").symlink_to("nowhere")
    Path("loop").symlink_to("loop")
    Path("half/studies").parent.mkdir()
    Path("half/studies").write_text("")
    before = everything(tmp_path)
    for command in (("run", "small.toml"), ("list",)):
        assert "no folder" in refused("file", *command)
        refused("file/below", *command)
        assert "is a link to what does not exist" in refused("link/x", *command)
        refused("loop", *command)
        refused("~nobody-of-this-name/x", *command)
    assert "half/studies is no folder" in refused("half", "run", "small.toml")
    assert everything(tmp_path) == before and everything(tmp_path / "half") == {"studies"}
    assert ganstudy("list", "--home", "new/x").stdout.startswith("No studies under ")
    assert everything(tmp_path) == before


def test_the_longest_home_holds_the_longest_study(tmp_path: Path) -> None:
    """SQLite's own limit, of 512 bytes with the journal, is what decides."""
    for longer in (0, 1):
        missing = LONGEST_ROOT + longer - len(os.fsencode(tmp_path)) - 2
        root = tmp_path / ("é" * 60 + "a" * (missing - 120 - 180)) / ("b" * 180)
        assert len(os.fsencode(root)) == LONGEST_ROOT + longer
        folder = root / "studies" / ("n" * 80)
        if not longer:
            folder = Home(root).study("n" * 80).path
        folder.mkdir(parents=True)
        file = folder / "ledger.copy.partial"
        try:
            sqlite3.connect(file).execute("CREATE TABLE t (x)").connection.close()
            fits = True
        except sqlite3.OperationalError:
            fits = False
        assert fits == (not longer)
    with pytest.raises(UserError, match=f"has {LONGEST_ROOT + 1} bytes"):
        Home(root)


@pytest.mark.parametrize("name", [*NAMES, *REFUSED])
def test_a_study_file_in_a_folder_of_any_name(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "own.py").write_text("def networks(*_): ...\n")
    text = STUDY.replace('"ring" }', '"points", path = "data/x.npz" }')
    file = folder / f"{name[:100]}.toml"
    file.write_text(STUDY)
    assert read_study(file)[0].name == "small"
    file.write_text(text.replace("updates = 4", "updates = 0"))
    with pytest.raises(UserError) as raised:
        read_study(file)
    assert all(line.isprintable() or name in NAMES for line in str(raised.value).splitlines())


def test_the_way_back_from_a_damaged_ledger_is_a_command_that_works(tmp_path: Path) -> None:
    path = tmp_path / "it's $HOME; #1" / "ledger.db"
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    LedgerBackup(path).keep()
    path.write_bytes(b"damaged")
    (command,) = (
        line
        for line in unreadable(path, ValueError("no")).splitlines()
        if line.startswith("  rm -f")
    )
    assert str(path) in shlex.split(command)
    subprocess.run(command, shell=True, check=True, cwd=tmp_path)
    assert path.read_bytes() == backup_path(path).read_bytes()
