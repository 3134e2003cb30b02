"""How many trials nodes hold, and the message if they hold none."""

from __future__ import annotations

from typing import Any

import pytest

from ganstudy.study.cluster import capacity, code_version, monitor, slots
from ganstudy.study.errors import UserError
from ganstudy.study.spec.tables import Resources


@pytest.mark.parametrize(
    ("node", "asked", "trials"),
    [
        ({"CPU": 8}, {}, 8),
        ({"CPU": 8}, {"cpus": 3}, 2),
        ({"CPU": 8}, {"cpus": 0.1}, 80),
        ({"CPU": 0}, {}, 0),
        ({}, {}, 0),
        ({"CPU": 8, "GPU": 2}, {"gpus": 1}, 2),
        ({"CPU": 1, "GPU": 2}, {"gpus": 1}, 1),
        ({"CPU": 8, "GPU": 2}, {"gpus": 0.25}, 8),
        ({"CPU": 80, "GPU": 2}, {"gpus": 0.3}, 6),  # three to a card: a trial does not lie on two
        ({"CPU": 80, "GPU": 1}, {"gpus": 0.1}, 10),  # 1 / 0.1 is not to be 9
        ({"CPU": 8, "GPU": 4}, {"gpus": 2}, 2),
        ({"CPU": 8}, {"gpus": 0.5}, 0),
    ],
)
def test_trials_on_a_node(node: dict[str, float], asked: dict[str, float], trials: int) -> None:
    assert slots.trial_capacity(node, Resources(**asked)) == trials


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch):
    """Sets the nodes that there are, and those that an autoscaler may bring; time is what the code waits."""
    clock = [0.0]
    monkeypatch.setattr(capacity.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(
        capacity.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds)
    )

    def there(
        *resources: dict[str, float], later: tuple[Any, ...] = (), after: float = 10.0
    ) -> None:
        clock[0] += after
        monkeypatch.setattr(capacity, "nodes", lambda: [{"Resources": node} for node in resources])
        monkeypatch.setattr(capacity, "autoscaler_groups", lambda: list(later))

    return there


def test_the_number_of_trials_follows_the_cluster(cluster) -> None:
    slots = capacity.ConcurrencyLimit(Resources())
    cluster({"CPU": 2})
    assert slots() == 2
    cluster({"CPU": 2}, {"CPU": 4})
    assert slots() == 6
    cluster({"CPU": 4})
    assert slots() == 4
    cluster()
    assert slots() == 1, "one is always asked for, which an autoscaler takes as a sign"


def test_nodes_that_hold_no_whole_trial_do_not_add_up(cluster) -> None:
    slots = capacity.ConcurrencyLimit(Resources(cpus=3))
    cluster({"CPU": 2}, {"CPU": 2}, {"CPU": 4})
    assert slots() == 1


def test_an_autoscaler_is_asked_for_all_it_may_bring(cluster) -> None:
    slots = capacity.ConcurrencyLimit(Resources(gpus=0.5))
    cluster({"CPU": 0}, later=[({"CPU": 8, "GPU": 1}, 8)])
    assert slots() == 16
    limited = capacity.ConcurrencyLimit(Resources(gpus=0.5, max_concurrent=5))
    assert limited() == 5


def test_what_no_node_can_hold(cluster) -> None:
    cluster({"CPU": 4}, {"CPU": 4}, {"CPU": 0, "GPU": 2})
    messages: list[str] = []
    with pytest.raises(UserError) as raised:
        capacity.check_cluster(Resources(cpus=2, gpus=1), messages.append)
    assert "a trial asks for 2 CPUs and 1 GPUs on one node" in str(raised.value)
    assert "2 nodes with 4 CPUs and 0 GPUs, 1 node with 0 CPUs and 2 GPUs" in str(raised.value)
    assert len(messages) == 1 and "waiting" in messages[0]
    with pytest.raises(UserError, match=r"^resources\.gpus: a trial asks for 1 CPUs and 3 GPUs"):
        capacity.check_cluster(Resources(gpus=3), messages.append)


def test_what_can_be_held_or_could_be(cluster) -> None:
    messages: list[str] = []
    cluster({"CPU": 1})
    capacity.check_cluster(Resources(), messages.append)
    cluster({"CPU": 0}, later=[({"CPU": 8, "GPU": 1}, 1)])
    capacity.check_cluster(Resources(gpus=1), messages.append)
    assert messages == []
    with pytest.raises(UserError):
        capacity.check_cluster(Resources(gpus=2), messages.append)


def test_changes_and_waiting_in_words() -> None:
    before = {"10.0.0.1 (aa)": {"CPU": 1}, "10.0.0.2 (bb)": {"CPU": 1}}
    after = {"10.0.0.1 (aa)": {"CPU": 1}, "10.0.0.3 (cc)": {"CPU": 1}}
    assert monitor._changed(before, after) == "joined 10.0.0.3 (cc); lost 10.0.0.2 (bb)"


def test_both_versions_of_what_differs() -> None:
    drivers = {"Python": "3.11.7", "torch": "2.14.1", "ganstudy source": "aa"}
    code_version.check_same(drivers, dict(drivers))
    with pytest.raises(
        code_version.OtherCodeError, match=r"torch 2\.0\.1, where the driver has 2\.14\.1"
    ):
        code_version.check_same(drivers, drivers | {"torch": "2.0.1"})
    assert code_version.format_worker_differences(
        drivers, {"torch": "2.14.1", "Python": "3.12.1"}
    ) == (
        "Python 3.12.1, where the driver has 3.11.7, ganstudy source absent, where the driver has aa"
    )
