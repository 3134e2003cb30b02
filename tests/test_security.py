"""What the product must not let through: secrets, other users of the machine, and callers from elsewhere."""

from __future__ import annotations

import base64
import http.server
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
from click.testing import CliRunner

from ganstudy.study.cli import ui
from ganstudy.study.cli.main import main
from ganstudy.study.cluster import connection
from ganstudy.study.cluster.address import check_reachable
from ganstudy.study.errors import UserError
from ganstudy.study.home import Home
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.spec.reader import parse_study
from ganstudy.study.tracking.outbox import START, Outbox
from ganstudy.study.tracking.publisher import Publisher
from ganstudy.study.tracking.publisher_process import publisher

SECRET = "hunter2-the-password"
GANSTUDY = [sys.executable, "-P", "-c", "from ganstudy.study.cli.main import main; main()"]


def wait_for(condition: Any, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.1)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


# Secrets


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_password_in_the_tracking_uri_is_refused_and_told_to_nobody(
    command: str, tmp_path: Path, small_study
) -> None:
    text = small_study() + f'\n[tracking]\nuri = "https://someone:{SECRET}@mlflow.example"\n'
    (tmp_path / "my.toml").write_text(text)
    result = subprocess.run(
        [*GANSTUDY, command, "my.toml", "--home", "home"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2 and result.stdout == ""
    assert SECRET not in result.stderr and "someone" not in result.stderr
    assert "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in result.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:5000", "https://mlflow.example/at/a-path/", "http://[::1]:5000"]
)
def test_addresses_of_servers_are_taken(uri: str, small_study) -> None:
    assert (
        parse_study(small_study() + f'\n[tracking]\nuri = "{uri}"\n', "my.toml").tracking.uri == uri
    )


def test_the_password_of_the_environment_reaches_the_server_and_nothing_else(
    tmp_path: Path, small_study, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_response(401)
            self.end_headers()
            self.wfile.write(b"no")

        def log_message(self, *_unused: Any) -> None:
            pass

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "someone")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)
    spec = parse_study(small_study(), "my.toml")
    with http.server.HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(Exception) as caught:
            Publisher(Ledger.create(tmp_path / "ledger.db", spec, ""), Outbox(tmp_path), uri, None)
        server.shutdown()
    encoded = base64.b64encode(f"someone:{SECRET}".encode()).decode()
    assert seen == [f"Basic {encoded}"]
    told = "".join(traceback.format_exception(caught.value))
    assert "401" in told and SECRET not in told and encoded not in told


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, small_study) -> dict[str, Any]:
    """The beginning of a study on its way to the embedded store, by a real publisher that was started carelessly."""
    home, text = Home(tmp_path_factory.mktemp("careless") / "home"), small_study()
    spec = parse_study(text, "small.toml")
    folder = home.study("small")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)
        before = os.umask(0)
        try:
            CliRunner().invoke(main, ["list", "--home", str(home.root)])
            Ledger.create(folder.ledger, spec, text)
            Outbox(folder.outbox).put_study(
                START, {"study_file": text, "params": {"a": 1}, "tags": {}, "floor": {}}
            )
            os.umask(0)  # the publisher is to see to it itself
            with publisher(spec, home) as process:
                command = Path(f"/proc/{process.pid}/cmdline").read_bytes()
                wait_for(lambda: not Outbox(folder.outbox).pending())
        finally:
            os.umask(before)
    return {"home": home, "command": command}


def test_the_publisher_leaves_the_password_nowhere(published: dict[str, Any]) -> None:
    home = published["home"]
    run_id = Ledger.open(home.study("small").ledger).parent_run_id
    run = mlflow.MlflowClient(home.tracking_uri(None)).get_run(run_id)
    assert run.data.params == {"a": "1"}
    assert SECRET.encode() not in published["command"]
    files = [path for path in home.root.rglob("*") if path.is_file()]
    assert {"ledger.db", "mlflow.db", "study.toml", "log.txt"} <= {path.name for path in files}
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


# Other users of the machine


def open_to_others(root: Path) -> list[str]:
    return sorted(
        str(path)
        for path in (root, *root.rglob("*"))
        if not path.is_symlink() and path.stat().st_mode & 0o22
    )


def test_what_a_publisher_makes_is_its_users_own(published: dict[str, Any]) -> None:
    # Made under umask 0 by the publisher and by whoever calls the command line, the log and the folders that the
    # fixture's own process makes after that aside.
    home = published["home"]
    own = {home.root / "mlflow", home.mlflow_artifacts, home.study("small").log}
    assert set(open_to_others(home.root)) <= set(map(str, own))
    assert home.mlflow_database.stat().st_mode & 0o22 == 0


def test_nothing_under_the_home_can_be_written_by_others(tmp_path: Path, small_study) -> None:
    code = """
import os, sys
from pathlib import Path
os.umask(0)
from ganstudy.study.cli.main import main
home = sys.argv[1]
main(["list", "--home", home], standalone_mode=False)
from ganstudy.study.home import Home
from ganstudy.study.driver.driver_lock import only_driver
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.spec.reader import parse_study
from ganstudy.study.tracking.outbox import START, Outbox
from ganstudy.trials.results.atomic_file import write_whole
place, text = Home(Path(home)), sys.stdin.read()
folder = place.study("small")
with only_driver(folder.path, print):
    Ledger.create(folder.ledger, parse_study(text, "small.toml"), text)
    Outbox(folder.outbox).put_study(START, {})
    write_whole(place.cache / "x.safetensors", b"x")
"""
    home = tmp_path / "home"
    result = subprocess.run(
        [sys.executable, "-c", code, str(home)], input=small_study(), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert len(list(home.rglob("*"))) >= 6 and open_to_others(home) == []


def test_a_home_that_everyone_can_write_to_is_refused(tmp_path: Path) -> None:
    for mode, taken in ((0o700, True), (0o775, True), (0o777, False), (0o1777, False)):
        tmp_path.chmod(mode)
        result = CliRunner().invoke(main, ["list", "--home", str(tmp_path)])
        assert (result.exit_code == 0) is taken, oct(mode)
        assert taken or f"chmod o-w {tmp_path}" in result.stderr
    tmp_path.chmod(0o777)
    assert CliRunner().invoke(main, ["list", "--home", str(tmp_path / "below")]).exit_code == 0
    tmp_path.chmod(0o700)


# MLflow's pages


def test_the_server_is_for_this_machine_and_inherits_no_looser_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE", "true")
    monkeypatch.setenv("_MLFLOW_IN_JOB_EXECUTOR", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", SECRET)
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    command, environment = ui.command(Home(Path("/x")), 5001), ui.environment()
    options = dict(itertools.pairwise(command))
    assert (
        options["--host"] == "127.0.0.1"
        and options["--allowed-hosts"] == "127.0.0.1:5001,localhost:5001"
    )
    assert options["--cors-allowed-origins"] == "http://127.0.0.1:5001,http://localhost:5001"
    assert {name: value for name, value in environment.items() if "MLFLOW" in name} == {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_SERVER_ENABLE_CUSTOM_SCORERS": "false",
        "MLFLOW_ENABLE_AI_GATEWAY": "false",
        "MLFLOW_ENABLE_REMOTE_ASSISTANT": "false",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    assert environment["PYTHONSAFEPATH"] == "1" and environment["PATH"] == os.environ["PATH"]


def test_a_port_that_is_taken_is_one_message_before_anything_starts(tmp_path: Path) -> None:
    database = Home(tmp_path).mlflow_database
    database.parent.mkdir()
    database.touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(main, ["ui", "--port", str(port), "--home", str(tmp_path)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"ganstudy: port {port} of this machine cannot be used (Address already in use); choose another with --port\n"
    )


@pytest.fixture
def served(
    published: dict[str, Any], tmp_path: Path
) -> Iterator[tuple[str, subprocess.Popen[bytes], Path]]:
    port, log = free_port(), tmp_path / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*GANSTUDY, "ui", "--no-open", "--port", str(port), "--home", str(published["home"].root)],
            cwd=tmp_path, stdout=stream, stderr=stream, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    try:
        wait_for(lambda: b"MLflow UI" in log.read_bytes())
        yield f"http://127.0.0.1:{port}", process, log
    finally:
        process.terminate()
        process.wait(30)


def answer(url: str, **headers: str) -> int:
    try:
        return int(
            urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10).status
        )
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


@pytest.mark.slow
def test_the_pages_answer_this_machine_alone(served, published: dict[str, Any]) -> None:
    address, process, log = served
    wait_for(lambda: answer(f"{address}/health") == 200)
    run_id = Ledger.open(published["home"].study("small").ledger).parent_run_id
    for page in ("", "ajax-api/2.0/mlflow/experiments/search?max_results=5"):
        assert answer(f"{address}/{page}") == 200
        for host in (
            "evil.example",
            "10.0.0.1",
            "127.0.0.1:1",
            f"evil.example:{address.rpartition(':')[2]}",
        ):
            assert answer(f"{address}/{page}", Host=host) == 403, (page, host)
    assert answer(f"{address}/get-artifact?run_uuid={run_id}&path=study.toml") == 200
    assert answer(f"{address}/api/2.0/mlflow-artifacts/artifacts?path=.") == 503, (
        "no door to files beside those of runs"
    )
    create = urllib.request.Request(
        f"{address}/api/2.0/mlflow/experiments/create",
        json.dumps({"name": "x"}).encode(),
        {"Content-Type": "application/json", "Origin": "https://evil.example"},
    )
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(create, timeout=10)
    port = int(address.rpartition(":")[2])
    elsewhere = {
        info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
    }
    for host in elsewhere - {"127.0.0.1", "127.0.1.1"}:
        with pytest.raises(OSError):
            socket.create_connection((str(host), port), 2)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert b"Traceback" not in log.read_bytes()
    assert answer(f"{address}/health") == 0, "its server has gone too"


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.0, 1.0, 3.0])
def test_ctrl_c_before_the_pages_are_there(served, seconds: float) -> None:
    address, process, log = served
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert b"Traceback" not in log.read_bytes()
    time.sleep(3)
    assert answer(f"{address}/health") == 0


# Ray


def test_a_ray_of_our_own_has_a_token_that_stays_in_its_processes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in connection.AUTHENTICATION:
        monkeypatch.delenv(name, raising=False)
    tokens = []
    for _ in range(2):
        with connection._own_token():
            tokens.append(os.environ["RAY_AUTH_TOKEN"])
            os.environ["RAY_AUTH_MODE"] = "token"  # as ray.init does
        assert not set(connection.AUTHENTICATION) & set(os.environ)
    assert tokens[0] == tokens[1], "Ray reads it once per process"
    assert len(tokens[0]) == 64


@pytest.mark.parametrize(
    ("name", "value"), [("RAY_AUTH_MODE", "disabled"), ("RAY_AUTH_TOKEN_PATH", "/x")]
)
def test_what_the_user_decided_about_tokens_stays(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other in connection.AUTHENTICATION:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, value)
    with connection._own_token():
        assert {n: os.environ.get(n) for n in connection.AUTHENTICATION if n in os.environ} == {
            name: value
        }
    assert os.environ[name] == value


DRIVER = """
import json, os, ray, subprocess, sys
from ganstudy.study.cluster import connection
with connection.connected(None):
    address = ray.get_runtime_context().gcs_address
    second = "import ray; ray.init(address=%r, log_to_driver=False); print('CONNECTED')" % address
    strangers = [
        subprocess.run([sys.executable, "-c", second], env=env, capture_output=True, text=True).stdout
        for env in (dict(os.environ), {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64})
    ]
    friend = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": connection._token()}
    friend = subprocess.run([sys.executable, "-c", second], env=friend, capture_output=True, text=True).stdout
    worker = ray.get(ray.remote(lambda: os.environ.get("RAY_AUTH_MODE")).remote())
    processes = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    session = ray._private.worker._global_node.get_session_dir_path()
    logged = subprocess.run(["grep", "-rl", connection._token(), session], capture_output=True, text=True).stdout
    print(json.dumps({"strangers": strangers, "friend": friend, "worker": worker, "logged": logged,
                      "listed": connection._token() in processes,
                      "kept": [n for n in connection.AUTHENTICATION if n in os.environ]}))
"""


@pytest.mark.slow
def test_nobody_without_the_token_reaches_a_ray_of_our_own(tmp_path: Path) -> None:
    environment = {
        name: value for name, value in os.environ.items() if name not in connection.AUTHENTICATION
    }
    result = subprocess.run(
        [sys.executable, "-c", DRIVER],
        env={**environment, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    assert found == {
        "strangers": ["", ""], "friend": "CONNECTED\n", "worker": "token", "logged": "", "listed": False, "kept": []
    }  # fmt: skip
    assert list(tmp_path.rglob("*token*")) == []


@pytest.mark.parametrize("address", ["ray://10.0.0.1:10001", "nonsense"])
def test_addresses_that_ray_would_take_otherwise(address: str) -> None:
    with pytest.raises(UserError, match="--address"):
        check_reachable(address)
