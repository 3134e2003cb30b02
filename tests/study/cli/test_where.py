"""The command `where`."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from ganstudy.study.cli.main import main
from ganstudy.study.home import Home


def test_it_prints_the_folder_and_refuses_an_unknown_name(tmp_path: Path) -> None:
    folder = Home(tmp_path).study("digits")
    folder.path.mkdir(parents=True)
    folder.imported.write_text("{}")
    asked = ["where", "digits", "--home", str(tmp_path)]
    assert CliRunner().invoke(main, asked).output.strip() == str(folder.path)
    assert CliRunner().invoke(main, ["where", "other", "--home", str(tmp_path)]).exit_code == 2
