"""A study of the user's own function or script, killed by kill -9: as if nothing had happened.

Every number is compared with that of the same configuration trained in this process, without Ray.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import torch

from ganstudy.trials.config.data import Ring
from ganstudy.trials.config.plugins import register
from ganstudy.trials.data import load
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.training.commands import watcher
from ganstudy.trials.training.commands.command_trial import CommandTrial
from ganstudy.trials.training.functions.function_trial import FunctionTrial

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
TRAINING = Path(__file__).parents[1] / "trials" / "training"
STUDY = """
name = "small"
[data]
name = "ring"
[train]
{train}
seeds = [0, 3]
evaluations = {evaluations}
[search]
sampler = "random"
trials = {trials}
[search.space]
"params.{name}" = {{ low = 0.01, high = 0.5 }}
[schedule]
name = "fifo"
"""
FUNCTION = """
method = "trainer.py:train"
budget = {{ generator_steps = {steps} }}
params = {{ share = 0.1 }}
"""
COMMAND = """
command = ["{{python}}", "-S", "stub.py", "--outdir={{folder}}", "--images={{images}}", "--every={{every}}",
           "--seed={{seed}}", "--spread={{spread}}", "--sleep=0.6", "--say"]
resume = ["--resume={{latest:snapshot-*.pkl}}"]
budget = {{ images = {steps} }}
params = {{ spread = 0.05 }}
"""


def function_file(folder: Path) -> None:
    """Write a function that draws from every random stream, and takes 5 ms per step."""
    text = (TRAINING / "functions" / "random_trainer.py").read_text()
    text = text.replace("import random\n", "import random\nimport time\n", 1)
    text = text.replace("0.1 * noise", 'run.params["share"] * noise')
    whole = text.replace("        run.count(", "        time.sleep(0.005)\n        run.count(")
    assert whole.count("share") == 1 and whole.count("sleep") == 1
    (folder / "trainer.py").write_text(whole)
    register(folder / "trainer.py")  # for the trials that this process trains


def script_file(folder: Path) -> None:
    """Write a script whose samples follow from seed, amount and spread."""
    shutil.copy(TRAINING / "commands" / "stub.py", folder)


KINDS: dict[str, tuple[str, str, int, Callable[[Path], None]]] = {
    "function": (FUNCTION, "share", 100, function_file),
    "command": (COMMAND, "spread", 10, script_file),
}
"""Its part of [train], the parameter that is searched, steps between two evaluations, its file."""


def undisturbed(config: Any, folder: Path) -> list[dict[str, Any]]:
    """Return the rows of a trial that is trained here."""
    measures = config.measures
    evaluator = Evaluator(load(Ring()), None, torch.device("cpu"), measures)
    trial: Any
    if config.method == "command":
        trial = CommandTrial(config, evaluator)
        trial.restore(folder / "trial")
    else:
        trial = FunctionTrial(config, evaluator)
    while not trial.finished:
        trial.advance()
    return [row.to_json() for row in trial.history]


def scripts(folder: Path) -> list[int]:
    """Return the processes of the script that are alive below a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
            if "stub.py" in " ".join(line) and any(str(folder) in each for each in line):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def killed(study: Any, most: int, draw: random.Random) -> int:
    """Run and resume the study, and kill it: three of four times the driver, else a worker.

    Of ten times, two come before anything is trained, the others at most a second after a checkpoint. Return
    how often.
    """
    kills, running = 0, study.start()
    while kills < most:
        before = {path.name for path in study.checkpoints()}
        if kills % 5 == 4:
            running.wait_for("measured with")
            time.sleep(draw.uniform(0.0, 5.0))
        else:
            study.wait_until(
                lambda seen=before, at=running: (
                    at.process.poll() is not None
                    or bool({path.name for path in study.checkpoints()} - seen)
                ),
                "a new checkpoint",
            )
            time.sleep(draw.uniform(0.0, 1.0))
        if running.process.poll() is not None:
            break  # it was done before
        workers = running.workers() if kills % 4 == 3 else []
        if workers:
            draw.choice(workers).kill()
        else:
            running.kill()
            running = study.start("resume", "small")
        kills += 1
    code, output = running.wait()
    assert code == 0, output
    return kills


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("most", "trials", "evaluations"),
    [(1, 2, 3), pytest.param(10, 8, 8, marks=pytest.mark.exhaustive)],
    ids=["one", "ten"],
)
def test_killed_at_random_moments(
    kind: str, most: int, trials: int, evaluations: int, operator, tmp_path_factory, monkeypatch
) -> None:
    train, searched, every, write = KINDS[kind]
    write(operator.folder)
    text = STUDY.format(
        train=train.format(steps=every * evaluations),
        evaluations=evaluations,
        trials=trials,
        name=searched,
    )
    resources = "\n[resources]\nlanes = 1\nretries = 3\n"
    operator.write(text + resources, both_cores=True)
    kills = killed(operator, most, random.Random(0))
    print(f"\n{kills} kills")
    assert kills == most, "it was long enough"
    found = operator.assert_whole(trials, evaluations).evaluations
    if kind == "command":
        operator.wait_until(lambda: not scripts(operator.folder), "no script left behind", 20)

    monkeypatch.setattr(watcher, "SETTLED_SECONDS", 0.05)
    spec = operator.ledger().spec
    for number, row in operator.rows().items():
        config = spec.space.trial_config(row["params"])
        expected = pd.DataFrame(undisturbed(config, tmp_path_factory.mktemp("undisturbed")))
        own = [name for name in expected if name.startswith("own/")]
        assert own == (["own/theirs"] if kind == "command" else ["own/noise"])
        names = ["seed", "evaluation", "verdict", "fid", "kid", "recall", "loss_g", "images", *own]
        trained = found[found["number"] == number].sort_values(["evaluation", "seed"])
        pd.testing.assert_frame_equal(
            trained[names].reset_index(drop=True),
            expected[names].reset_index(drop=True),
            check_dtype=False,
            check_exact=True,
        )
