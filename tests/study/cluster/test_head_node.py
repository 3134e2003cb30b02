"""Commands on a cluster's head: what is sent and printed, which exit code comes back. Ray is played by a script."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ganstudy.study.cli import cluster
from ganstudy.study.cli.main import main
from ganstudy.study.cluster import code_version, head_node
from ganstudy.study.cluster.jobs import bundle, check_same_code, format_versions
from ganstudy.study.errors import UserError

RAY = """
import json, pathlib, re, shutil, subprocess, sys
log, mood = pathlib.Path({log!r}), {mood!r}
arguments = [a for a in sys.argv[1:] if not a.startswith("--log")]
with log.open("a") as file:
    file.write(json.dumps(arguments) + "\\n")
print("2026-01-01 INFO Fetched IP: 192.0.2.10\\x1b[0m\\r")
if mood == "away":
    sys.exit("ssh: connect to host 192.0.2.10 port 22: No route to host")
if arguments[0] == "exec":
    subprocess.run(["bash", "-c", arguments[-1]], env={{"HOME": {home!r}, "PATH": "/usr/bin:/bin"}}, cwd={home!r})
elif arguments[0] == "rsync-up":
    shutil.copytree(arguments[2], arguments[3].replace("~", {home!r}), dirs_exist_ok=True)
elif pathlib.Path(arguments[2]).is_dir():
    shutil.copytree(arguments[2], arguments[3], dirs_exist_ok=True)
else:
    shutil.copyfile(arguments[2], arguments[3])
print("Shared connection to 192.0.2.10 closed.")
"""
GANSTUDY = """#!/bin/bash
printf '%s\\n' "$*" >> "$HOME/called"
{body}
"""


class Play:
    """A head whose `ganstudy` is a script, behind a Ray that is one too."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.log = folder / "head", folder / "ray.log"
        (self.home / "bin").mkdir(parents=True)
        (self.home / "ganstudy.env").write_text('export PATH="$HOME/bin:$PATH"\n')
        self.file = folder / "ray_cluster.yaml"
        self.file.write_text("cluster_name: x\n")
        self._monkeypatch, self._folder = monkeypatch, folder
        self.head_says("true")
        monkeypatch.chdir(folder)

    def head_says(self, body: str, mood: str = "well") -> None:
        script = self.home / "bin" / "ganstudy"
        script.write_text(GANSTUDY.format(body=body))
        script.chmod(0o755)
        ray = self._folder / "ray.py"
        ray.write_text(RAY.format(log=str(self.log), mood=mood, home=str(self.home)))
        self._monkeypatch.setattr(head_node, "RAY", (sys.executable, str(ray)))

    def called(self) -> list[str]:
        return (self.home / "called").read_text().splitlines()

    def ray_was_given(self) -> list[list[str]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def run(self, *arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(main, [*arguments, "--cluster", str(self.file)])
        assert result.exception is None or isinstance(result.exception, SystemExit), (
            result.exception
        )
        return result.exit_code, result.output


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    return Play(tmp_path, monkeypatch)


def test_a_command_there_and_its_exit_code(play: Play) -> None:
    play.head_says('echo "Trials   9 complete"; echo "ganstudy: something" >&2; exit 2')
    code, output = play.run("status", "digits", "--json")
    assert code == 2
    assert output.splitlines() == ["Trials   9 complete", "ganstudy: something"], (
        "nothing of Ray's or SSH's own"
    )
    assert play.called() == ["status digits --json"]


@pytest.mark.parametrize(
    ("arguments", "there"),
    [
        (("stop", "digits"), "stop digits"),
        (("logs", "digits", "3"), "logs digits 3"),
        (("logs", "digits", "0"), "logs digits 0"),
        (("list", "--json"), "list --json"),
        (("publish", "digits", "--home", "/shared/a b"), "publish digits --home /shared/a b"),
        (("status", "a; touch /tmp/x"), "status a; touch /tmp/x"),
    ],
)
def test_words_arrive_as_they_were_given(
    arguments: tuple[str, ...], there: str, play: Play
) -> None:
    assert play.run(*arguments)[0] == 0
    assert play.called() == [there]


def test_a_command_there_knows_the_password_of_mlflow(play: Play) -> None:
    """A report is made from what MLflow has."""
    (play.home / "ganstudy-mlflow.env").write_text("export MLFLOW_TRACKING_PASSWORD=secret\n")
    play.head_says('[ "$MLFLOW_TRACKING_PASSWORD" = secret ] || exit 3')
    assert play.run("publish", "digits")[0] == 0
    assert "secret" not in play.log.read_text()


def test_a_head_that_is_away(play: Play) -> None:
    play.head_says("true", mood="away")
    code, output = play.run("status", "digits")
    assert code == 2 and "was not reached" in output and "No route to host" in output, output
    assert "ray up --no-restart" in output


def test_no_such_file(play: Play) -> None:
    play.file.unlink()
    code, output = play.run("status", "digits")
    assert code == 2 and "there is no file" in output


def test_a_study_is_sent_with_the_files_it_names(play: Play, small_study, tmp_path: Path) -> None:
    text = small_study().replace("[model]\nwidth = 32", '[model]\nname = "own/my_gan.py:build"')
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "my_gan.py").write_text(
        "def build(shape, latent_dim):\n    raise NotImplementedError\n"
    )
    (tmp_path / "mine.toml").write_text(text)
    code, output = play.run("submit", "mine.toml", "--follow")
    assert code == 0, output
    (arrived,) = (play.home / "ganstudy-inbox").iterdir()
    assert sorted(str(p.relative_to(arrived)) for p in arrived.rglob("*") if p.is_file()) == [
        "own/my_gan.py",
        "study.toml",
    ]
    assert (arrived / "study.toml").read_text() == text
    (call,) = play.called()
    assert call.startswith(
        f"submit {arrived}/study.toml --follow --sent-by {code_version.source_digest()} ganstudy "
    )


def test_a_study_that_is_not_valid_is_not_sent(play: Play, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text('name = "x"\nnonsense = 1\n')
    code, output = play.run("submit", "bad.toml")
    assert code == 2 and "nonsense" in output
    assert not play.log.exists()


def test_a_file_of_ones_own_elsewhere(small_study, tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "my_gan.py").write_text(
        "def build(shape, latent_dim):\n    raise NotImplementedError\n"
    )
    path = tmp_path / "studies" / "study.toml"
    path.write_text(
        small_study().replace("[model]\nwidth = 32", '[model]\nname = "../my_gan.py:build"')
    )
    with pytest.raises(UserError, match="must lie beside the study file"):
        bundle(path, tmp_path / "packed")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'name = "digits"',
            'name = "images"\npath = "pics"',
            "data.path: 'pics' is not sent with the study",
        ),
        (
            'name = "digits"',
            'name = "mnist"\nroot = "data"',
            "data.root: 'data' is not sent with the study",
        ),
        (
            "[schedule]",
            '[measures]\nweights = "w.pth"\n[schedule]',
            "measures.weights: 'w.pth' is not sent",
        ),
    ],
)
def test_data_by_a_path_that_means_nothing_there(
    old: str, new: str, message: str, small_study, tmp_path: Path
) -> None:
    path = tmp_path / "study.toml"
    path.write_text(small_study().replace(old, new, 1).replace("[model]\nwidth = 32", ""))
    with pytest.raises(UserError, match=message):
        bundle(path, tmp_path / "packed")
    path.write_text(
        path.read_text()
        .replace('"pics"', '"/shared/pics"')
        .replace('"data"', '"~/d"')
        .replace('"w', '"~/w')
    )
    assert bundle(path, tmp_path / "packed").name == "small"


def test_resume_goes_as_a_job(play: Play) -> None:
    assert play.run("resume", "digits", "--accept-changes")[0] == 0
    assert play.called()[0].startswith("submit digits --accept-changes --sent-by ")
    code, output = play.run("resume", "digits.toml")
    assert code == 2 and "NAME" in output


def test_a_report_is_made_there_and_brought_here(
    play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "shared" / "studies" / "digits"
    (made / "tables").mkdir(parents=True)
    (made / "report.html").write_text("<p>the report")
    (made / "tables" / "trials.csv").write_text("number\n0\n")
    play.head_says(f'echo "• It is so."; echo "Report:  {made}/report.html"')
    monkeypatch.setenv("GANSTUDY_HOME", str(tmp_path / "here"))
    code, output = play.run("report", "digits")
    assert code == 0 and "It is so." in output, output
    here = tmp_path / "here" / "studies" / "digits"
    assert (here / "report.html").read_text() == "<p>the report"
    assert (here / "tables" / "trials.csv").read_text() == "number\n0\n"
    assert f"Report:  {here / 'report.html'}" in output


def test_a_port_is_forwarded_by_ray(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    (play.home / "bin" / "sleep").write_text("#!/bin/bash\nexit 0\n")
    (play.home / "bin" / "sleep").chmod(0o755)
    code, output = play.run("ui")
    assert code == 0 and "http://localhost:5000/" in output
    assert "--port-forward=5000" in play.ray_was_given()[0]
    assert play.run("ui", "--port", "5001")[0] == 2


def test_another_ganstudy_than_the_heads() -> None:
    check_same_code(code_version.source_digest(), format_versions())
    with pytest.raises(
        UserError,
        match=rf"head has ganstudy {code_version.source_digest()} .* sent by ganstudy 0123",
    ):
        check_same_code("0123", "ganstudy 0123")


def test_every_option_is_passed_on() -> None:
    command = main.commands["resume"]
    values = {
        "name": "digits",
        "address": None,
        "accept_changes": True,
        "home": "/x",
        "cluster": None,
    }
    assert cluster.command_line(command, values) == ["digits", "--accept-changes", "--home", "/x"]
