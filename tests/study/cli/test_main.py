"""The commands that need neither Ray nor MLflow: check, list, status, and how the others refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from ganstudy.study.cli import run as run_command
from ganstudy.study.cli.main import main
from ganstudy.study.driver.driver_lock import only_driver
from ganstudy.study.driver.run import RunResult
from ganstudy.study.home import Home
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.outlook.time_estimate import AROUND
from ganstudy.study.spec.reader import parse_study

FILE = """
name = "digits"
question = "Which k?"
data = { name = "digits" }
[train]
budget = { generator_steps = 900 }
seeds = [0, 1]
[search]
trials = 5
seed = 11
[search.space]
k = [0.5, 1, 2]
lr_d = { low = 1e-4, high = 3e-3, log = true }
lr_g = 2e-4
remedies = [[], ["historical_averaging"]]
"historical_averaging.weight" = { low = 1e-4, high = 1.0, log = true }
"""
COMMANDS = {
    name: command for name, command in main.commands.items() if isinstance(command, click.Command)
}


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command runs in a folder with nothing but a study file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANSTUDY_HOME", raising=False)
    Path("digits.toml").write_text(FILE, encoding="utf-8")


def ganstudy(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def new_ledger(home: str = "ganstudy-data", text: str = FILE) -> Ledger:
    spec = parse_study(text, "digits.toml")
    return Ledger.create(Home(Path(home)).study(spec.name).ledger, spec, text)


def outcome(objective: float | None, seconds: float = 9.0, **verdicts: int) -> Outcome:
    return Outcome(True, objective, 900.0, verdicts, {"updates": 1800, "seconds": seconds})


def written() -> list[str]:
    """Everything in the folder beside the study file."""
    return sorted(path.name for path in Path().iterdir() if path.name != "digits.toml")


def check(*arguments: str) -> Result:
    return ganstudy("check", "digits.toml", "--no-time", *arguments)


def test_check_shows_the_space_the_cost_and_the_configurations_to_come() -> None:
    result = check()
    assert (result.exit_code, written()) == (0, [])
    output = result.stdout
    assert "digits.toml is a valid study" in output and "Question: Which k?" in output
    for line in (
        "  k                            one of 0.5, 1, 2",
        "  lr_d                         0.0001 to 0.003, log scale",
        "  lr_g                         0.0002",
        "  remedies                     one of none, historical_averaging",
        '  data         name = "digits"',
        "  train        budget = { generator_steps = 900 }, seeds = [0, 1]",
        "  search       trials = 5, seed = 11",
        "  5 trials x 2 seeds, each up to 900 generator steps with 10 evaluations",
        "  asha may stop a trial early, at 180, 360 generator steps",
        "  1,350 to 2,700 updates of either player per trial, for all its seeds together",
        "  not measured (--no-time), and no study of this data and model has run here",
    ):
        assert line in output.splitlines()
    assert "beta2" not in output, "what the file leaves out is shown by --full alone"
    assert '"beta2": 0.999' in check("--full").stdout, "defaults are filled in"

    everything = check("--full").stdout.splitlines()
    shown = [line.strip() for line in everything if line.startswith("  trial ")]
    ledger = new_ledger()
    for line in shown:
        number, params = ledger.search.propose()
        values = [
            f"{key} = {v:.3g}" if isinstance(v, float) else f"{key} = {v}"
            for key, v in sorted(params.items(), key=lambda each: each[0] not in ("k", "remedies"))
        ]
        assert line == f"trial {number}: {', '.join(values)}"
    assert len(shown) == 3 and len(set(shown)) == 3


def test_check_of_a_study_with_fewer_trials_than_it_shows() -> None:
    Path("digits.toml").write_text(FILE.replace("trials = 5", "trials = 2"), encoding="utf-8")
    output = check().stdout
    assert "First 2 configurations" in output and output.count("\n  trial ") == 2


WIDE = """
name = "wide"
question = "What is there to be seen of a study that varies all that can be varied?"
data = { name = "digits" }
[model]
width = 32
[train]
budget = { generator_steps = 900 }
[remedies.lecam]
start = 5000
[measures]
samples = 500
[search]
trials = 30
[search.space]
k = [0.1, 0.2, 0.3, 0.4, 0.5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
lr_d = { low = 1e-4, high = 3e-3, log = true }
lr_g = { low = 1e-4, high = 3e-3, log = true }
beta1 = { low = 0.1, high = 0.5 }
beta2 = { low = 0.9, high = 0.99 }
batch_size = [32, 64]
loss = ["non_saturating", "minimax"]
latent_dim = [8, 16]
remedies = [[], ["historical_averaging"], ["lecam"], ["r1"], ["r2"], ["feature_matching"]]
"historical_averaging.weight" = { low = 1e-4, high = 1.0, log = true }
"feature_matching.weight" = { low = 1e-4, high = 1.0, log = true }
"r1.gamma" = { low = 1e-4, high = 1.0, log = true }
"r2.gamma" = { low = 1e-4, high = 1.0, log = true }
[objective]
minimize = "fid"
[schedule]
name = "asha"
[confirm]
top = 1
[resources]
cpus = 1
"""


def test_check_takes_at_most_40_lines() -> None:
    """Also where many settings and many tables are named, and lines would be long."""
    Path("digits.toml").write_text(WIDE, encoding="utf-8")
    result = check()
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) <= 40, result.stdout
    assert max(map(len, lines)) <= 100, result.stdout
    assert "lecam never acts" in result.stdout and "more (--full)" in result.stdout
    full = check("--full").stdout
    assert "  r2.gamma " not in result.stdout and "  r2.gamma " in full and "13, 14, 15" in full
    assert "  k  " in result.stdout and "  remedies  " in result.stdout


def listed(output: str, title: str) -> list[str]:
    """The first words of the lines of a section, without that which says what is left out."""
    lines = output.split(f"\n{title}")[1].split("\n\n")[0].splitlines()[1:]
    return [line.split()[0] for line in lines if not line.startswith("  and ")]


def test_check_always_shows_what_the_study_is_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """k, remedies and the other factors of the design, whatever their place in the file."""
    monkeypatch.setenv("COLUMNS", "100")  # at 80, five factors that wrap take more than 40 lines
    design = (
        WIDE.replace("[search]\ntrials = 30", "[search]\ntrials = 0")
        + """
[design]
points = 4
most = 100_000
factors = ["loss", "batch_size", "remedies", "latent_dim", "k"]
"""
    )
    Path("digits.toml").write_text(design, encoding="utf-8")
    output = check().stdout
    lines = output.splitlines()
    assert len(lines) <= 40 and max(map(len, lines)) <= 100, output
    shown = listed(output, "Varies")
    assert shown[:5] == ["k", "remedies", "loss", "batch_size", "latent_dim"], output
    assert listed(output, "Fixed")[0] == "design"
    left_out = next(line for line in lines if line.startswith("  and ") and "lr_d" in line)
    assert left_out.startswith(f"  and {13 - len(shown)} more: lr_d, lr_g, "), left_out


def test_check_tells_the_time_from_what_ran_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    ledger = new_ledger()
    counters = {"updates": 1800, "seconds": 18.0, "evaluation_seconds": 20.0}
    end = Outcome(True, 1.0, 900.0, {"converged": 2}, counters)
    ledger.search.record_end(ledger.search.propose()[0], end, None)
    output = check().stdout
    assert (
        "as earlier studies of this data and model took here: 10 ms per step of 2 seeds" in output
    )
    # 10 ms per update and 2 s per evaluation; the five trials two at a time, and AROUND them.
    updates = {0.5: 1350, 1: 1800, 2: 2700}
    alike = new_ledger("other")
    ks = [alike.search.propose()[1]["k"] for _ in range(5)]
    trials = [0.01 * updates[k] + 20 for k in ks]
    free = [0.0, 0.0]
    for seconds in trials:
        free[free.index(min(free))] += seconds
    most = AROUND + max(free)
    # Rungs at 180 and 360 of 900: a third of the trials goes on from each.
    least = AROUND + max(free) * (0.2 + 0.2 / 3 + 0.6 / 9)
    assert f"about {least:.0f} s to {most / 60:.0f} min on 2 CPUs, 2 trials at a time" in output
    other = FILE.replace("seeds = [0, 1]", "seeds = [0]").replace(
        'name = "digits"\nq', 'name = "other"\nq'
    )
    Path("digits.toml").write_text(other, encoding="utf-8")
    assert "not measured (--no-time)" in check().stdout, (
        "another number of seeds takes another time"
    )


def in_a_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-P",
        "-c",
        "from ganstudy.study.cli.main import main; main()",
        *arguments,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_check_in_a_process_of_its_own() -> None:
    result = in_a_process("check", "digits.toml", "--no-time", "--home", "home")
    assert result.returncode == 0 and "First 3 configurations" in result.stdout
    assert "Traceback" not in result.stderr and written() == []


def test_check_says_nothing_on_stderr() -> None:
    assert in_a_process("check", "digits.toml", "--no-time", "--home", "home").stderr == ""


@pytest.mark.parametrize("arguments", [("--home", "elsewhere"), ()])
def test_an_empty_home(arguments: tuple[str, ...]) -> None:
    listed = ganstudy("list", *arguments)
    assert listed.exit_code == 0 and listed.stdout.startswith("No studies under ")
    assert (arguments[-1] if arguments else "ganstudy-data") in listed.stdout
    assert json.loads(ganstudy("list", "--json", *arguments).stdout) == []
    assert written() == [], "looking writes nothing"


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    strange = ("digit", "", "../digits", "studies/digits", "digits/")
    assert (
        all("known: none yet" in ganstudy("status", name).stderr for name in strange)
        and written() == []
    )
    new_ledger()
    new_ledger(text=FILE.replace('name = "digits"\nq', 'name = "another"\nq'))
    for command in ("status", "report"):
        for name in strange:
            result = ganstudy(command, name)
            assert (result.exit_code, result.stdout) == (2, "")
            assert (
                f"no study named {name!r}" in result.stderr
                and "known: another, digits" in result.stderr
            )


def test_status_says_that_the_budget_was_too_short() -> None:
    ledger, untrained = new_ledger(), {"not trained yet": 2}
    ledger.search.record_end(ledger.search.propose()[0], outcome(400.0, **untrained), None)
    line = "Budget   too short: 2 of 2 seeds of the only complete configuration are not trained yet"
    assert line in ganstudy("status", "digits").stdout.splitlines()
    assert line.endswith(json.loads(ganstudy("status", "digits", "--json").stdout)["budget"])
    for value in (300.0, 310.0):
        ledger.search.record_end(ledger.search.propose()[0], outcome(value, converged=2), None)
    assert "too short" not in ganstudy("status", "digits").stdout
    assert "budget" not in json.loads(ganstudy("status", "digits", "--json").stdout)


def test_status_tells_trials_that_wait_where_all_are_compared_from_those_in_training() -> None:
    text = FILE + "[design]\npoints = 4\nat = 0.5\npromote = 1\n"
    ledger = new_ledger(text=text)
    design = ledger.design
    assert design is not None
    for _ in range(3):
        number, _ = design.propose()
        design.record_wait(number, outcome(9.0, unsettled=2))
    design.propose()
    lines = ganstudy("status", "digits").stdout.splitlines()
    assert "Trials   3 waiting, 1 running; 29 of 29 to go" in lines
    assert "Design   3 of 24 compared" in lines
    result = RunResult(Home.locate(None).study("digits"), 0, 0, 0, 29, 0, "SIGTERM")
    with click.Context(run_command.run).scope():
        stopped = run_command._how_to_go_on(ledger.spec, Home.locate(None), result, None)
    assert stopped.startswith(
        "Stopped with 29 of 29 trials to go (3 of 24 designed ones are compared): SIGTERM.\n"
    )
    states = json.loads(ganstudy("status", "digits", "--json").stdout)
    assert states["design"]["waiting"] == 3 and states["trials"]["running"] == 4


def test_list_and_status_of_a_study_half_way() -> None:
    ledger = new_ledger()
    ledger.search.record_end(
        ledger.search.propose()[0], outcome(12.345, converged=1, unsettled=1), None
    )
    ledger.search.record_end(ledger.search.propose()[0], outcome(1.0, collapsed=2), None)
    ledger.search.record_end(ledger.search.propose()[0], None, "out of memory")
    ledger.search.propose()
    ledger.set_run_id(0, "abc")

    listed = ganstudy("list").stdout
    assert (
        listed.startswith("digits ")
        and "3/5 trials, FID 12.3 by the seeds that chose it (trial 0: " in listed
    )

    output = ganstudy("status", "digits").stdout
    for line in (
        "digits: Which k?",
        "Trials   1 running, 2 complete, 1 failed; 2 of 5 to go",
        "State    stopped; to go on: ganstudy resume digits",
        "Seeds    1 converged, 1 unsettled, 2 collapsed",
    ):
        assert line in output.splitlines()
    assert "Best     FID 12.3 by the seeds that chose it (trial 0: " in output
    assert "None" not in output

    (listed_json,) = json.loads(ganstudy("list", "--json").stdout)
    status_json = json.loads(ganstudy("status", "digits", "--json").stdout)
    rows = status_json.pop("trial_list")
    assert listed_json == status_json
    assert status_json["trials"] == {"running": 1, "complete": 2, "pruned": 0, "failed": 1}
    assert status_json["best"] == {
        "number": 0,
        "value": 12.345,
        "params": rows[0]["params"],
        "run_id": "abc",
    }
    assert [row["state"] for row in rows] == ["complete", "complete", "failed", "running"]
    assert (rows[1]["feasible"], rows[2]["error"]) == (False, "out of memory")
    assert Path(status_json["paths"]["folder"]) == Path("ganstudy-data/studies/digits").absolute()


CONFIRM = """[confirm]
top = 1
remedy_sets = 0
baseline = false
twins = 0
seeds = [7, 8]
"""


def test_the_score_that_was_chosen_is_not_quoted_where_fresh_seeds_are_to_tell() -> None:
    ledger = new_ledger(text=FILE + CONFIRM)
    for value in (12.345, 20.0, 30.0, 40.0, 50.0):
        ledger.search.record_end(ledger.search.propose()[0], outcome(value, converged=2), None)
    for said in (ganstudy("list").stdout, ganstudy("status", "digits").stdout):
        assert "not confirmed yet (trial 0: " in said and "12.3" not in said
    assert ledger.confirm is not None
    number, _ = ledger.confirm.propose()
    ledger.confirm.record_end(number, outcome(17.26, converged=2), None)
    for said in (ganstudy("list").stdout, ganstudy("status", "digits").stdout):
        assert "confirmed FID 17.3 (trial 0: " in said and "12.3" not in said
    output = ganstudy("status", "digits").stdout
    assert "State    complete" in output.splitlines()
    assert (
        json.loads(ganstudy("status", "digits", "--json").stdout)["confirm"]["best"]["value"]
        == 17.26
    )


def test_status_and_list_of_a_study_that_runs_or_prepares() -> None:
    folder = Home(Path("ganstudy-data")).study("digits")
    with only_driver(folder.path, print):
        folder.preparing.write_text("training the classifier that FID looks through: epoch 3 of 10")
        said = ganstudy("status", "digits").stdout
        assert said.startswith("digits: preparing, by ") and "epoch 3 of 10" in said
        assert "preparing training the classifier" in ganstudy("list").stdout
        (listed,) = json.loads(ganstudy("list", "--json").stdout)
        assert (listed["name"], listed["state"]) == ("digits", "preparing")
        folder.preparing.unlink()
        new_ledger()
        assert "State    running, by " in ganstudy("status", "digits").stdout
        assert " running " in ganstudy("list").stdout
    assert " stopped " in ganstudy("list").stdout


def test_status_before_any_trial() -> None:
    new_ledger()
    output = ganstudy("status", "digits").stdout
    assert "Trials   none yet; 5 of 5 to go" in output and "no trial is complete yet" in output


def test_the_home_folder_is_the_options_then_the_environments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    new_ledger("by-variable")
    monkeypatch.setenv("GANSTUDY_HOME", "by-variable")
    assert ganstudy("list").stdout.startswith("digits ")
    assert ganstudy("list", "--home", "by-option").stdout.startswith("No studies under ")


def test_ui_without_anything_to_show() -> None:
    new_ledger()
    result = ganstudy("ui")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no study under " in result.stderr and "MLflow" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [("run",), ("check",), ("status",), ("chekc", "x"), ("list", "--jsn"), ("ui", "--port", "x")],
)
def test_wrong_use_of_a_command(arguments: tuple[str, ...]) -> None:
    result = ganstudy(*arguments)
    assert result.exit_code == 2 and "Usage: " in result.stderr and written() == []


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_has_help_with_an_example(command: str) -> None:
    result = ganstudy(*filter(None, [command, "--help"]))
    assert result.exit_code == 0
    assert "Example" in result.stdout and f"ganstudy {command}" in result.stdout.split("Example")[1]


def test_an_option_before_its_command() -> None:
    result = CliRunner().invoke(main, ["--home", "here", "status"])
    assert result.exit_code == 2 and "--home follows its command" in result.output
    result = CliRunner().invoke(main, ["--homes", "here", "status"])
    assert result.exit_code == 2 and "No such option '--homes'" in result.output


def test_the_commands() -> None:
    assert {"run", "check", "list", "status", "report", "ui"} <= set(COMMANDS)
