"""A cluster of several hosts, from `ray up` on the committed file to the report on the laptop, and what goes wrong.

The tests share the cluster and run in the order in which they stand.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from typing import Any

import pytest

from ganstudy.study.ledger.ledger import Ledger

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200)]
EVALUATIONS = 5
INSIDE = ("127.", "[::1]", "[::ffff:127.")
OPEN = {22, *range(6379, 6386), 10001, 44217, 44227}
"""Ports of docs/cluster.md that a head keeps open; others are in its ranges."""


def ledger(cluster: Any, name: str) -> Ledger:
    return Ledger.open(cluster.home / "studies" / name / "ledger.db")


def attempts(cluster: Any, name: str) -> list[dict[str, Any]]:
    """All attempts at all trials, in the order of trials."""
    files = sorted((cluster.home / "studies" / name / "checkpoints").glob("*/attempts.json"))
    return [attempt for file in files for attempt in json.loads(file.read_text())]


def places(cluster: Any, name: str) -> dict[int, list[tuple[str, int]]]:
    """(host, position) of every beginning, by trial, as their logs tell it."""
    found = {}
    for file in sorted((cluster.home / "studies" / name / "logs").glob("trial-*.txt")):
        begun = re.findall(r"begins at step (\d+) on (\w+)", file.read_text())
        found[int(file.stem[-6:])] = [(host, int(position)) for position, host in begun]
    return found


OWN = """
import os, socket
from torch import nn

def build(shape, latent_dim):
    names = sorted(name for name in os.environ if "MLFLOW" in name or name == "RAY_AUTH_MODE")
    print(f"built on {socket.gethostname()} with {names}")
    generator = nn.Sequential(nn.Linear(latent_dim, 32), nn.ReLU(), nn.Linear(32, *shape))
    return generator, nn.Sequential(nn.Linear(*shape, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
"""
"""Networks of a user's own, which tell what a trial's process knows."""


WHOLE = """
import sys
from ganstudy.analysis.frames.load import load_study
study = load_study(sys.argv[1], "http://127.0.0.1:5000")
rows = study.evaluations
twice = int(rows[["number", "seed", "evaluation"]].duplicated().sum())
print(f"{len(study.trials)} trials, {len(rows)} rows, {twice} twice")
"""
"""What MLflow has in the end."""


def test_a_study_over_three_hosts_that_goes_on_without_the_laptop(cluster) -> None:
    cluster.write("laptop", "first", trials=6, seconds=5, model='name = "my_gan.py:build"')
    (cluster["laptop"].folder / "home" / "my_gan.py").write_text(OWN)
    code, output = cluster.laptop("ganstudy submit first.toml --cluster ray_cluster.yaml", 400)
    assert code == 0 and "measured with" in output, output
    cluster["laptop"].kill()
    cluster.wait_until(lambda: "Report:" in cluster.said("first"), "done", 500)
    counts = ledger(cluster, "first").search.counts()
    assert counts["complete"] == 6, counts
    hosts = {host for begun in places(cluster, "first").values() for host, _ in begun}
    assert hosts == {"head", "one", "two"}, hosts
    logs = [
        file.read_text()
        for file in (cluster.home / "studies" / "first" / "logs").glob("trial-*.txt")
    ]
    told = {line for log in logs for line in log.splitlines() if line.startswith("built on")}
    assert told == {f"built on {host} with ['RAY_AUTH_MODE']" for host in hosts}, (
        "trials need no password of MLflow's"
    )
    code, output = cluster.head("ganstudy status first --json")
    status = json.loads(output)
    assert (
        code == 0
        and status["left"] == 0
        and status["unpublished"] == 0
        and status["best"]["run_id"]
    )
    assert status["tracking_uri"] == "http://127.0.0.1:5000"
    assert list((cluster.lab.shared / "mlflow-artifacts").rglob("history.parquet")), (
        "artifacts lie in the shared folder"
    )
    assert not (cluster.home / "mlflow").exists(), "nothing goes to an embedded store"


def test_the_laptop_comes_back(cluster) -> None:
    """With another /tmp, so that Ray on it does not remember the cluster."""
    cluster["laptop"].start()
    code, output = cluster.laptop("ganstudy status first --cluster ray_cluster.yaml")
    assert code == 2 and "ray up --no-restart" in output and "Traceback" not in output, output
    code, output = cluster.laptop("ray up --yes --no-config-cache --no-restart ray_cluster.yaml")
    assert code == 0, output
    code, output = cluster.laptop("ganstudy status first --cluster ray_cluster.yaml")
    assert code == 0 and "6 complete; 0 of 6 to go" in output, output
    code, output = cluster.laptop("ganstudy report first --cluster ray_cluster.yaml")
    assert code == 0, output
    report = (
        cluster["laptop"].folder / "home" / "ganstudy-data" / "studies" / "first" / "report.html"
    )
    assert report.stat().st_size > 100_000 and (report.parent / "tables" / "trials.csv").exists()
    code, output = cluster.laptop("ganstudy logs first 4 --cluster ray_cluster.yaml")
    assert code == 0 and re.search(r"trial 4 begins at step 0 on (head|one|two)", output), output
    assert output.count("seconds: fid") == 5 and "built on " in output, output
    code, output = cluster.laptop("ganstudy logs first 44 --cluster ray_cluster.yaml")
    assert code == 2 and "no log of trial 44" in output and "trials 0 to 5" in output, output


def test_pages_of_mlflow_on_the_laptop(cluster) -> None:
    log = cluster["laptop"].folder / "ui.log"
    ui = cluster["laptop"].popen("~/ganstudy-venv/bin/ganstudy ui --cluster ray_cluster.yaml", log)
    ask = "curl -s -o /dev/null -w '%{http_code}' http://localhost:5000/"
    try:
        cluster.wait_until(
            lambda: cluster.laptop(f"{ask}health")[1] == "200", "pages on the laptop", 90
        )
        assert cluster.laptop(f"{ask}api/2.0/mlflow/experiments/search?max_results=1")[1] == "401"
    finally:
        ui.terminate()
        ui.wait(30)


def test_hosts_that_are_cut_off_killed_and_late(cluster) -> None:
    trials = 10  # however slowly the late host joins, the head alone has not done them all by then
    cluster.write("head", "faults", trials=trials, seconds=30)
    code, output = cluster.head("ganstudy submit faults.toml", 400)
    assert code == 0, output
    logs = cluster.home / "studies" / "faults" / "logs"

    def evaluations(number: int) -> int:
        return (logs / f"trial-{number:06d}.txt").read_text().count("seconds: fid")

    def half_way_on(host: str) -> bool:
        return any(
            begun[-1][0] == host and 0 < evaluations(number) < EVALUATIONS
            for number, begun in places(cluster, "faults").items()
            if begun
        )

    cluster.wait_until(
        lambda: half_way_on("one") and half_way_on("two"), "a trial half-way on both hosts"
    )
    lost = time.monotonic()
    cluster["one"].cut_off()
    cluster["two"].kill()
    cluster["late"].start()
    cluster.wait_until(lambda: "lost" in cluster.said("faults"), "the loss noticed", 200)
    noticed = time.monotonic() - lost
    cluster.wait_until(
        lambda: any(
            host == "late" for begun in places(cluster, "faults").values() for host, _ in begun
        ),
        "a trial on the host that came late",
        300,
    )
    print(
        f"\nloss noticed after {noticed:.0f} s, a trial on the late host after {time.monotonic() - lost:.0f} s"
    )
    cluster.wait_until(lambda: "Report:" in cluster.said("faults"), "done", 600)
    assert ledger(cluster, "faults").search.counts()["complete"] == trials
    moved = {n: begun for n, begun in places(cluster, "faults").items() if len(begun) > 1}
    assert moved and {begun[0][0] for begun in moved.values()} == {"one", "two"}, places(
        cluster, "faults"
    )
    # What was cut off still reaches the shared folder, and may go on there until its Ray ends itself: both lives
    # of its trials write. Of the host that was killed, every line is told.
    killed = [number for number, begun in moved.items() if begun[0][0] == "two"]
    made = [evaluations(number) for number in killed]
    assert killed and all(count <= EVALUATIONS + 1 for count in made), (
        "at most one evaluation is made again"
    )
    ends = [
        attempt
        for attempt in attempts(cluster, "faults")
        if attempt["end"] == "its driver or node was lost"
    ]
    assert ends and all(attempt["harmless"] for attempt in ends)
    (cluster["head"].folder / "home" / "whole.py").write_text(WHOLE)
    code, output = cluster.head("~/ganstudy-venv/bin/python -W ignore whole.py faults")
    assert code == 0 and f"{trials} trials, {trials * EVALUATIONS * 2} rows, 0 twice" in output, (
        output
    )
    print(
        f"{len(moved)} trials moved; evaluations made again after the kill: {sum(made) - EVALUATIONS * len(killed)}"
    )


def test_a_study_that_cannot_be_placed(cluster) -> None:
    cluster.write("head", "greedy", gpus=0.5)
    start = time.monotonic()
    code, output = cluster.head("ganstudy run greedy.toml --address auto")
    assert code == 2 and "Traceback" not in output, output
    assert "resources.gpus: a trial asks for 1 CPUs and 0.5 GPUs on one node" in output, output
    assert "with 1 CPUs and 0 GPUs" in output and "add a node" in output
    assert time.monotonic() - start < 90, "a minute, and Python's and Ray's own start"
    assert not (cluster.home / "studies" / "greedy").exists()


JOIN = "~/ganstudy-venv/bin/ray start --address={head}:6379 --num-cpus=1 --object-store-memory=90000000"


@pytest.mark.parametrize(
    "token", ["", "RAY_AUTH_MODE=token RAY_AUTH_TOKEN=" + "0" * 64], ids=["none", "wrong"]
)
def test_a_worker_without_the_token(token: str, cluster) -> None:
    done = cluster["stranger"].run(
        f"{token} timeout 90 {JOIN.format(head=cluster['head'].address)}", check=False
    )
    assert done.returncode != 0 and "InvalidAuthToken" in done.stdout, done.stdout
    cluster["stranger"].run("~/ganstudy-venv/bin/ray stop --force", check=False)
    assert "stranger" not in cluster.nodes()


def test_a_worker_with_other_packages(cluster) -> None:
    stranger, head = cluster["stranger"], cluster["head"]
    home = stranger.folder / "home"
    (site,) = (home / "ganstudy-venv" / "lib").glob("python3*/site-packages")
    (site / "torch-2.0.1.dist-info").mkdir()
    (site / "torch-2.0.1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: torch\nVersion: 2.0.1\n"
    )
    shutil.copyfile(head.folder / "home" / "ganstudy.env", home / "ganstudy.env")
    stranger.run(f". ~/ganstudy.env; {JOIN.format(head=head.address)}")
    cluster.wait_until(lambda: "stranger" in cluster.nodes(), "joined: it has the token", 60, 3)
    cluster.write("head", "unlike")
    code, output = cluster.head("ganstudy run unlike.toml --address auto")
    stranger.run(". ~/ganstudy.env; ray stop --force", check=False)
    assert code == 2 and "Traceback" not in output, output
    assert f"{stranger.address}: torch 2.0.1, where the driver has " in output, output
    assert not (cluster.home / "studies" / "unlike").exists()


RIGHTS = """
import mlflow, os, sys
from mlflow.server import get_app_client
admin = get_app_client("basic-auth", tracking_uri="http://127.0.0.1:5000")
admin.create_user("reader", "a long enough password")
client = mlflow.MlflowClient("http://127.0.0.1:5000")
experiment = client.get_experiment_by_name("first").experiment_id
run = client.search_runs([experiment])[0].info.run_id
os.environ["MLFLOW_TRACKING_USERNAME"], os.environ["MLFLOW_TRACKING_PASSWORD"] = "reader", "a long enough password"
print("reads", client.get_run(run).info.run_id == run)
for name, act in {"tag": lambda: client.set_tag(run, "x", "y"), "delete": lambda: client.delete_run(run)}.items():
    try:
        act()
        print(name, "allowed")
    except mlflow.MlflowException as error:
        print(name, "refused", error.get_http_status_code())
os.environ["MLFLOW_TRACKING_PASSWORD"] = "a wrong password"
try:
    client.get_run(run)
    print("wrong password allowed")
except mlflow.MlflowException as error:
    print("wrong password refused", error.get_http_status_code())
"""


def test_a_user_of_mlflow_without_rights(cluster) -> None:
    (cluster["head"].folder / "home" / "rights.py").write_text(RIGHTS)
    code, output = cluster.head("~/ganstudy-venv/bin/python -W ignore rights.py")
    assert code == 0 and "reads True" in output, output
    assert "tag refused 403" in output and "delete refused 403" in output, output
    assert "wrong password refused 401" in output, output


def test_open_ports_are_those_that_the_docs_name(cluster) -> None:
    _, output = cluster.head("ss -Htln")
    open_ports = {
        int(address.rpartition(":")[2])
        for address in (line.split()[3] for line in output.splitlines())
        if not address.startswith(INSIDE)
    }
    assert {22, 6379, 6380, 6381} <= open_ports
    unnamed = {port for port in open_ports - OPEN if not (10002 <= port <= 10999)}
    assert not unnamed, f"open on the head, and not in docs/cluster.md: {sorted(unnamed)}"
    assert not {5000, 5432, 8265} & open_ports, (
        "MLflow, PostgreSQL and the dashboard are for the head alone"
    )
