"""What a study's Ray leaves behind in the process, and the folder that it works in."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import ray
from ray._private.utils import validate_socket_filepath

from ganstudy.study.cluster import connection, session_folder
from ganstudy.study.cluster.environment import default_environment
from ganstudy.study.errors import UserError


@pytest.fixture(autouse=True)
def _no_folders_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TMPDIR", "RAY_TMPDIR"):
        monkeypatch.delenv(name, raising=False)


def chosen(log: list[str]) -> str | None:
    with session_folder.session_folder(log.append) as folder:
        if folder is not None:
            assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700, "nobody else's"
            (Path(folder) / "session").mkdir()
    assert folder is None or not Path(folder).exists()
    return folder


@pytest.mark.parametrize("length", [1, 20, 38, 39, 40, 41, 106, 107, 4000])
def test_a_folder_is_used_as_long_as_rays_own_rule_takes_its_sockets(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", "/" + "x" * (length - 1))
    session = f"session_{datetime.now():%Y-%m-%d_%H-%M-%S_%f}_4194304"
    try:
        validate_socket_filepath(f"{os.environ['TMPDIR']}/ray/{session}/sockets/plasma_store")
        fits = True
    except OSError:
        fits = False
    log: list[str] = []
    folder = chosen(log)
    assert (folder is None) == fits == (log == [])
    if folder is not None:
        validate_socket_filepath(f"{folder}/{session}/sockets/plasma_store")
        assert log[0].startswith(f"TMPDIR has {length} bytes") and folder in log[0]


@pytest.mark.parametrize("name", ["", "tmp", "/a:b", "/日本", "/a b", "/it's", "/x\ny", "/x\udcff"])
def test_a_folder_that_ray_cannot_work_in_is_not_used(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[str] = []
    monkeypatch.setenv("TMPDIR", name)
    assert chosen(log) is not None and log[0].startswith(f"TMPDIR is {name!r}")
    monkeypatch.setenv("RAY_TMPDIR", "/short")
    assert chosen([]) is None, "Ray prefers it"
    # Whoever names a folder for Ray alone is told, and not led elsewhere.
    monkeypatch.setenv("RAY_TMPDIR", name)
    with pytest.raises(UserError, match=r"^RAY_TMPDIR is .*; name another one"):
        chosen([])


def test_no_short_folder_anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TMPDIR", "/" + "x" * 100)
    monkeypatch.setattr(session_folder, "SHORT_FOLDERS", (str(tmp_path / "absent"),))
    with pytest.raises(UserError, match=r"TMPDIR has 101 bytes.* set RAY_TMPDIR to a folder"):
        chosen([])


def test_variables_that_were_set_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "kept")
    monkeypatch.delenv("UNSET", raising=False)
    with default_environment({"MINE": "x", "UNSET": "y"}):
        assert (os.environ["MINE"], os.environ["UNSET"]) == ("kept", "y")
    assert os.environ["MINE"] == "kept" and "UNSET" not in os.environ


def test_a_ray_that_does_not_start_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(**_: object) -> None:
        raise Exception("The current node timed out during startup.\nMore, and more.")

    monkeypatch.setattr(ray, "init", late)
    late_start = r"did not start on this machine \(.* startup\.\): it is"
    with pytest.raises(UserError, match=late_start), connection.connected(None):
        raise AssertionError("Ray has not started")
    assert "RAY_AIR_NEW_OUTPUT" not in os.environ


def test_a_ray_in_use_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray, "shutdown", lambda: pytest.fail("the user's Ray was ended"))
    before = dict(os.environ)
    with (
        pytest.raises(UserError, match=r"in use in this process already.*ray\.shutdown\(\)"),
        connection.connected(None),
    ):
        pass
    assert dict(os.environ) == before


NOTEBOOK = """
import json, logging, os, ray
from ganstudy.study.cluster import connection
from ganstudy.study.errors import UserError

def plain():
    ray.init(include_dashboard=False, num_cpus=1, log_to_driver=False, object_store_memory=10**8)
    return ray.get(ray.remote(lambda: 7).remote())

def study(log):
    with connection.connected(None, log=log.append):
        session = ray.get_runtime_context().get_session_name()
        path = ray.get(ray.remote(lambda: __import__("ganstudy.study").__file__).remote())
        return [session in path, "RAY_AUTH_TOKEN" in os.environ]

log, answers = [], []
watched = lambda: {n: v for n, v in os.environ.items() if n.startswith(("RAY_AUTH", "RAY_USAGE", "RAY_AIR", "TUNE"))}
before, level = watched(), logging.getLogger("ray").level
for _ in range(2):
    answers.append(study(log))
    assert watched() == before and logging.getLogger("ray").level == level, watched()
answers.append(plain())
try:
    study(log)
except UserError as error:
    answers.append(str(error)[:13])
answers.append(ray.get(ray.remote(lambda: 8).remote()))  # still the user's
ray.shutdown()
answers.append(study(log))
answers.append(plain())
print(json.dumps([answers, log]))
"""


@pytest.mark.slow
def test_a_notebook_uses_ray_before_between_and_after_studies(tmp_path: Path) -> None:
    """In a folder of a batch system, and in a home without a token, which Ray would make do with."""
    (tmp_path / "job" / ("x" * 120)).mkdir(parents=True)
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in (*connection.AUTHENTICATION, *connection.SETTINGS)
    }
    environment |= {"HOME": str(tmp_path), "TMPDIR": str(tmp_path / "job" / ("x" * 120))}
    # Plain Ray follows TMPDIR as well, and fails by itself: only the studies' own is ours to mend.
    notebook = NOTEBOOK.replace("def plain():", "def plain():\n    os.environ['TMPDIR'] = '/tmp'")
    result = subprocess.run(
        [sys.executable, "-c", notebook], env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-3000:]
    answers, log = json.loads(result.stdout.splitlines()[-1])
    ours = [True, False]
    assert answers == [ours, ours, 7, "Ray is in use", 8, ours, 7]
    assert len(log) == 2 and all("Ray's files go to /tmp/ganstudy-" in line for line in log)
