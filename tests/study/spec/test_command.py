"""[train] command: what reaches the trial, and what is refused before anything is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganstudy.study.errors import UserError
from ganstudy.study.ledger.packing import lanes_by_default
from ganstudy.study.ledger.trial_row import StagePlace
from ganstudy.study.spec.command_checks import command_notes
from ganstudy.study.spec.function_checks import as_read
from ganstudy.study.spec.reader import parse_document, parse_study
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.study.tracking.messages import TrialStart
from ganstudy.study.tracking.run_fields import flat_params
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import Stage

COMMAND = (
    'command = ["{python}", "train.py", "--outdir={folder}", "--gamma={gamma}", "--kimg={kimg}", '
    '"--seed={seed}", "--data={data}"]\nresume = ["--resume={latest:network-snapshot-*.pkl}"]'
)
TRAIN = "seeds = [0, 1]\nbudget = { images = 40_000 }\nevaluations = 4"
WATCH = 'samples = "fakes{kimg}.npy"'
SPACE = '"params.gamma" = { low = 0.1, high = 10.0, log = true }'


def study(
    folder: Path,
    command: str = COMMAND,
    train: str = TRAIN,
    params: str = "gamma = 1.0",
    watch: str = WATCH,
    space: str = SPACE,
    more: str = "",
) -> StudySpec:
    (folder / "train.py").write_text("print(1)\n")
    text = (
        f'name = "s"\n[data]\nname = "ring"\n[train]\n{command}\n{train}\n[train.params]\n{params}\n'
        f"[train.watch]\n{watch}\n[search]\ntrials = 4\n[search.space]\n{space}\n{more}"
    )
    return parse_study(text, "study.toml", folder)


def test_a_command_reaches_the_trial(tmp_path: Path) -> None:
    spec = study(tmp_path)
    assert spec.has_command and spec.has_training_function and spec.plugin_digests == []
    assert spec.has_own_parts and lanes_by_default(spec) == 1
    config = spec.space.trial_config({"params.gamma": 2.5})
    assert config.method == "command" and config.function is not None
    assert config.function.params == {"gamma": 2.5}
    command = config.function.command
    assert command is not None and command.home == str(tmp_path)
    assert command.command[1] == "train.py" and command.watch.samples == "fakes{kimg}.npy"
    again = TrialConfig.model_validate_json(config.model_dump_json())
    assert again.digest == config.digest
    start = TrialStart({}, config.digest, config.model_dump(mode="json"), StagePlace(Stage.SEARCH))
    shown = flat_params(start)
    assert shown["params.gamma"] == 2.5 and shown["method"] == "command"
    assert not {"loss", "batch_size", "optimiser", "model"} & shown.keys()


def test_a_study_may_be_moved_and_its_script_not_changed(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
    spec, moved = study(tmp_path / "a"), study(tmp_path / "b")
    assert spec.identity() == moved.identity()
    params = {"params.gamma": 1.0}
    assert spec.space.trial_config(params).digest == moved.space.trial_config(params).digest
    kept = parse_document(spec.document, "ledger")
    assert kept.train.home == str(tmp_path / "a") and kept.identity() == spec.identity()
    # The same text with another script is another study.
    text = (tmp_path / "a" / "train.py").read_text()
    changed = parse_study(rewritten(tmp_path / "c", text + "#\n"), "study.toml", tmp_path / "c")
    assert changed.identity() != spec.identity()


def rewritten(folder: Path, script: str) -> str:
    """Write another script; return the study file's text."""
    study(folder)
    (folder / "train.py").write_text(script)
    return (
        f'name = "s"\n[data]\nname = "ring"\n[train]\n{COMMAND}\n{TRAIN}\n[train.params]\ngamma = 1.0\n'
        f"[train.watch]\n{WATCH}\n[search]\ntrials = 4\n[search.space]\n{SPACE}\n"
    )


def test_what_is_fixed_says_nothing_of_built_in_training(tmp_path: Path) -> None:
    read = as_read(study(tmp_path))
    assert {"command", "resume", "watch", "params"} <= read["train"].keys()
    assert not {"lr_g", "loss", "home"} & read["train"].keys() and "model" not in read
    plain = as_read(parse_study('name = "s"\n[data]\nname = "ring"\n[train]\n' + TRAIN, "f"))
    assert not {"command", "watch", "digest"} & plain["train"].keys()


def test_notes(tmp_path: Path) -> None:
    assert command_notes(study(tmp_path)) == []
    bare = study(
        tmp_path,
        command='command = ["{python}", "train.py", "{gamma}"]',
        watch=WATCH + '\nmetrics = { file = "m.jsonl", kimg = "at", fid = "results.fid" }',
    )
    notes = command_notes(bare)
    assert len(notes) == 5 and notes[4].startswith(
        "own/fid is the script's own (m.jsonl, results.fid)"
    )


def changed(old: str, new: str) -> dict[str, str]:
    assert old in COMMAND
    return {"command": COMMAND.replace(old, new)}


REFUSED = {
    "no program": (changed("{python}", "pythn"), "train.command: 'pythn' is no program here"),
    "no script": (
        changed("train.py", "trian.py"),
        "train.command: there is no script 'trian.py' in /",
    ),
    "nothing": ({"command": "command = []"}, "train.command: must name a program"),
    "no list": ({"command": 'command = "python"'}, "train.command: "),
    "not text": ({"command": 'command = ["{python}", 1]'}, "train.command.1: "),
    "unknown placeholder": (
        changed("--gamma={gamma}", "--gamma={gamma} {gama}"),
        "train.command: {gama} is no parameter of [train.params] and no "
        "placeholder (did you mean gamma?); known: gamma, seed",
    ),
    "another budget's": (
        changed("{kimg}", "{generator_steps}"),
        "train.command: {generator_steps} is no parameter",
    ),
    "not used": (
        {"params": "gamma = 1.0\nlr = 0.1"},
        "train.params.lr: is given to no argument of the command; write {lr} where it belongs",
    ),
    "not declared": (
        {"space": '"params.lr" = [1, 2]'},
        'search.space.params.lr: not declared in [train.params]: give it a value there; known: "params.gamma"',
    ),
    "a reserved name": (
        {"params": "gamma = 1.0\nseed = 1"},
        "train.params.seed: is the name of a placeholder",
    ),
    "no snapshot": (
        changed("{latest:network-snapshot-*.pkl}", "last.pkl"),
        "train.resume: must have {latest:PATTERN}",
    ),
    "a snapshot in the command": (
        changed("--seed={seed}", "--seed={seed} {latest:x}"),
        "train.command: {latest:...} belongs into [train] resume",
    ),
    "a pattern outside": (
        changed("{latest:network", "{latest:../network"),
        "train.resume: {latest:../network-snapshot-*.pkl}: must lie below the script's folder",
    ),
    "no number": (
        {"watch": 'samples = "fakes.npy"'},
        "train.watch.samples: 'fakes.npy' must have {images} or {kimg} where the number stands",
    ),
    "another unit": (
        {"watch": 'samples = "fakes{generator_steps}.npy"'},
        "train.watch.samples: 'fakes{generator_steps}.npy' must count as the budget does",
    ),
    "no unit": (
        {"watch": 'samples = "fakes{epoch}.npy"'},
        "train.watch.samples: 'fakes{epoch}.npy' has {epoch}, where a number in one of {images}, {kimg}",
    ),
    "absolute": (
        {"watch": 'samples = "/tmp/{kimg}"'},
        "train.watch.samples: '/tmp/{kimg}' must lie below",
    ),
    "progress of nothing": (
        {"watch": WATCH + '\nprogress = { kimg = "a" }'},
        "train.watch.progress: needs file",
    ),
    "progress without a place": (
        {"watch": WATCH + '\nprogress = { file = "a", loss_g = "b" }'},
        "train.watch.progress: needs images or kimg = KEY",
    ),
    "progress of something else": (
        {"watch": WATCH + '\nprogress = { file = "a", kimg = "b", fid = "c" }'},
        "train.watch.progress.fid: unknown; known: file, generator_steps",
    ),
    "no metric": (
        {"watch": WATCH + '\nmetrics = { file = "a", kimg = "b" }'},
        "train.watch.metrics: needs a metric of the script's own",
    ),
    "an unknown key": (
        {"watch": WATCH + "\nsample = 1"},
        "train.watch.sample: unknown key 'sample'",
    ),
    "anew without resume": (
        {"command": COMMAND.partition("\nresume")[0], "watch": WATCH + "\ncounts_anew = true"},
        "train.watch.counts_anew: is about resuming",
    ),
    "anew without a number": (
        {"watch": WATCH + "\ncounts_anew = true"},
        "train.resume: {latest:network-snapshot-*.pkl}: must have {images} or {kimg}",
    ),
    "seconds": (
        {"train": TRAIN.replace("images = 40_000", "seconds = 9"), **changed("{kimg}", "{budget}")},
        "train.budget: seconds cannot be the budget of a command",
    ),
    "both": (
        {"command": COMMAND + '\nmethod = "gan"'},
        "train.method: got 'gan' beside train.command",
    ),
    "a setting of ours": (
        {"train": TRAIN + "\nbatch_size = 8"},
        "train.batch_size: a setting of ganstudy's own training",
    ),
    "our networks": ({"more": '[model]\nname = "mlp"'}, "model: "),
    "resume alone": (
        {
            "command": 'resume = ["{latest:a}"]',
            "params": "",
            "space": "k = [1, 2]",
        },
        "train.resume: belongs to a command",
    ),
    "another folder": ({"train": TRAIN + '\nhome = "/tmp"'}, "train.home: unknown key"),
    "the method alone": ({"command": 'method = "command"'}, "train.method: "),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_refused_before_anything_is_run(name: str, tmp_path: Path) -> None:
    changes, message = REFUSED[name]
    with pytest.raises(UserError) as found:
        study(tmp_path, **changes)
    lines = str(found.value).splitlines()
    assert any(line.startswith(f"study.toml: {message}") for line in lines), lines
    assert "Traceback" not in str(found.value)


def test_braces_that_are_no_placeholders(tmp_path: Path) -> None:
    command = COMMAND.replace(
        '"--seed={seed}"', '"--opts={\\"a\\": 1}", "{{seed}}", "--seed={seed}"'
    )
    assert study(tmp_path, command=command).train.command[5] == '--opts={"a": 1}'


def test_a_program_of_ones_own(tmp_path: Path) -> None:
    script = tmp_path / "go.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    spec = study(tmp_path, command='command = ["./go.sh", "{gamma}"]')
    before = spec.train.digest
    script.write_text("#!/bin/sh\necho\n")
    assert study(tmp_path, command='command = ["./go.sh", "{gamma}"]').train.digest != before
