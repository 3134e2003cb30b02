"""Scripts as processes: paused between turns, ended with their group, gone with their worker, resumed."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import Evaluation
from ganstudy.trials.training.commands.command_trial import CommandTrial
from ganstudy.trials.training.commands.context import CommandError
from ganstudy.trials.training.functions.seed_state import Position

SECONDS = 20.0


def eventually(condition: Callable[[], bool]) -> bool:
    """Wait until something holds."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def state_of(pid: int) -> str:
    """Return the state of a process as Linux has it; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


def is_gone(pid: int) -> bool:
    return state_of(pid) in ("", "Z")


def pids(folder: Path, seed: int) -> list[int]:
    """Return the process of a seed's script and those that it has started."""
    file = folder / "trial" / f"seed-{seed}" / "pids"
    return [int(each) for each in file.read_text().split()] if file.exists() else []


def test_scripts_take_turns(script_config, begun, tmp_path: Path) -> None:
    trial = begun(script_config("--sleep=0.3"))
    trial.advance()
    (first,), (second,) = pids(tmp_path, 0), pids(tmp_path, 3)
    assert state_of(first) == state_of(second) == "T", "both stand still while none is asked for"
    shown = len([*(tmp_path / "trial" / "seed-0").glob("fakes*")])
    time.sleep(0.5)
    assert len([*(tmp_path / "trial" / "seed-0").glob("fakes*")]) == shown
    trial.advance()
    assert pids(tmp_path, 0) == [first], "the same process goes on"


@pytest.mark.parametrize("paused", [False, True])
def test_a_killed_worker_leaves_nothing_behind(
    script_config, begun, tmp_path: Path, paused: bool
) -> None:
    """By kill -9, in training and between two turns; children of the script end as well."""
    config = script_config("--children", "--sleep=0.1" if paused else "--hang-at=20", seeds=[0])
    ready = tmp_path / "ready"

    def work() -> None:
        trial = begun(config)
        trial.advance()
        ready.touch()
        if paused:
            time.sleep(600)
        trial.advance()

    # Forked: a new interpreter would take seconds to import torch.
    worker = multiprocessing.get_context("fork").Process(target=work)
    worker.start()
    assert eventually(ready.exists)
    found = pids(tmp_path, 0)
    assert len(found) == 2 and not any(map(is_gone, found))
    assert not paused or state_of(found[0]) == "T"
    worker.kill()
    worker.join()
    assert eventually(lambda: all(map(is_gone, found)))


def test_a_killed_supervisor_takes_its_script_with_it(script_config, begun, tmp_path: Path) -> None:
    trial = begun(script_config("--hang-at=20", seeds=[0]))
    trial.advance()
    (pid,) = pids(tmp_path, 0)
    supervisor = trial._scripts[0].attempt.process._supervisor
    supervisor.kill()
    assert eventually(lambda: is_gone(pid))
    with pytest.raises(CommandError, match="its supervisor was killed"):
        trial.advance()


def test_a_pruned_trial_ends_its_scripts(script_config, begun, tmp_path, monkeypatch) -> None:
    """By SIGTERM, and by SIGKILL where a script does not listen."""
    module = "ganstudy.trials.training.commands.process"
    monkeypatch.setattr(f"{module}.GRACE_SECONDS", 0.3)
    trial = CommandTrial(
        script_config("--sleep=0.1", "--deaf", "--children"), begun(script_config())._evaluator
    )
    trial.restore(tmp_path / "trial")
    trial.advance()
    found = [*pids(tmp_path, 0), *pids(tmp_path, 3)]
    assert len(found) == 4 and not any(map(is_gone, found))
    del trial
    assert all(map(is_gone, found))


def test_a_script_may_tidy_up(script_config, begun, tmp_path: Path) -> None:
    trial = begun(script_config("--sleep=0.1", seeds=[0]))
    trial.advance()
    process = trial._scripts[0].attempt.process
    trial._scripts[0].close()
    assert process.how_it_ended() == "killed by SIGTERM", "not by SIGKILL"


# --- interruptions


class StoppedError(Exception):
    pass


def stop() -> None:
    raise StoppedError


@pytest.fixture
def interrupted(begun, tmp_path: Path, monkeypatch) -> Callable[..., list[Evaluation]]:
    """Train until a script would write what is named, save, and stop; return the evaluations so far."""

    def train(config: TrialConfig, before: int) -> list[Evaluation]:
        monkeypatch.setenv("STUB_HANG_AT", str(before))
        trial, made = begun(config), []
        with pytest.raises(StoppedError):
            while True:
                made.append(trial.advance(stop if len(made) == before // 10 - 1 else lambda: None))
                trial.save(tmp_path / "trial")
        monkeypatch.delenv("STUB_HANG_AT")
        assert is_gone(pids(tmp_path, 0)[0])
        return made

    return train


def test_it_goes_on_from_the_newest_snapshot(
    script_config, interrupted, begun, tmp_path: Path, expected_fid
) -> None:
    config = script_config(seeds=[0])
    made = interrupted(config, 30)
    again = begun(config)
    assert again.history == [row for evaluation in made for row in evaluation.rows]
    made += [again.advance(), again.advance()]
    output = (tmp_path / "trial" / "seed-0-output-2.txt").read_text()
    assert output.startswith(f"resume {tmp_path}/trial/seed-0/snapshot-000020.pkl\n")
    assert made[2].notes == ["seed 0: attempt 2 of the script went on from snapshot-000020.pkl"]
    assert again.finished and [e.index for e in made] == [1, 2, 3, 4]
    for evaluation, amount in zip(made, (10, 20, 30, 40), strict=True):
        assert evaluation.rows[0].cost["images"] == amount
        assert evaluation.rows[0].measures["fid"] == pytest.approx(expected_fid(0, amount))


def test_without_a_snapshot_there_are_no_resume_arguments(
    script_config, interrupted, begun, tmp_path: Path
) -> None:
    config = script_config(seeds=[0], resume=("--resume={latest:no-*.pkl}",))
    interrupted(config, 20)
    made = begun(config).advance()
    assert (tmp_path / "trial" / "seed-0-output-2.txt").read_text().startswith("resume None")
    assert made.notes == ["seed 0: attempt 2 of the script went on from its beginning: no snapshot"]
    assert made.index == 2 and made.rows[0].cost["images"] == 20


def test_a_script_that_counts_anew(
    script_config, interrupted, begun, tmp_path: Path, expected_fid
) -> None:
    """Its numbers begin at 0 after a resume: 10 is written again and is 30 of the training."""
    config = script_config(
        "--anew",
        seeds=[0],
        resume=("--resume={latest:snapshot-{images}.pkl}",),
        watch={"samples": "fakes{images}.npy", "counts_anew": True},
    )
    made = interrupted(config, 30)
    again = begun(config)
    made += [again.advance(), again.advance()]
    assert again.finished and again._scripts[0].attempt is None
    for evaluation, amount in zip(made, (10, 20, 30, 40), strict=True):
        assert evaluation.rows[0].cost["images"] == amount
        assert evaluation.rows[0].measures["fid"] == pytest.approx(expected_fid(0, amount))
    # It was told what is left of the budget.
    names = sorted(each.name for each in (tmp_path / "trial" / "seed-0").glob("fakes*"))
    assert names == ["fakes000010.npy", "fakes000020.npy"]


def test_samples_that_were_left_behind_count_if_they_are_whole(
    script_config, interrupted, begun, tmp_path: Path, expected_fid
) -> None:
    """Killed between the script's writing them and their evaluation, or in the midst of writing."""
    config = script_config(seeds=[0], resume=("--resume={latest:snapshot-*1*.pkl}",))
    interrupted(config, 20)
    folder = tmp_path / "trial" / "seed-0"
    whole = (folder / "fakes000010.npy").read_bytes()
    # Other points, under the name of the next: whoever takes them has not waited for new ones.
    (folder / "fakes000020.npy").write_bytes(whole)
    (folder / "fakes000030.npy").write_bytes(whole[:500])
    again = begun(config)
    assert again.advance().rows[0].measures["fid"] == pytest.approx(expected_fid(0, 10))
    assert again.advance().rows[0].measures["fid"] == pytest.approx(expected_fid(0, 30))


def test_a_snapshot_that_leads_nowhere_is_passed_over(
    script_config, interrupted, begun, tmp_path: Path
) -> None:
    config = script_config(seeds=[0], resume=("--resume={latest:snapshot-*}",))
    interrupted(config, 20)
    folder = tmp_path / "trial" / "seed-0"
    (folder / "snapshot-torn").write_text("x")
    with pytest.raises(CommandError, match="exit code 1 at 10 of 40 images"):
        begun(config).advance()
    begun(config).advance()
    output = (tmp_path / "trial" / "seed-0-output-3.txt").read_text()
    assert output.startswith(f"resume {folder}/snapshot-000010.pkl")


def test_checkpoints_are_numbered_by_what_was_reached(script_config, begun, tmp_path: Path) -> None:
    trial = begun(script_config(seeds=[0]))
    positions = []
    while not trial.finished:
        trial.advance()
        record = trial._scripts[0].record()
        assert record is not None and isinstance(record.position, Position)
        positions.append(record.position.iterations)
    assert positions == sorted(set(positions)) and positions[-1] == 1_000_000 + 4
