"""[code] in a study file: references into the folder, identity, what travels, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ganstudy.study.cluster.code_version import stage
from ganstudy.study.cluster.jobs import bundle
from ganstudy.study.errors import UserError
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.spec.command_checks import check_script_unchanged
from ganstudy.study.spec.function_checks import as_read
from ganstudy.study.spec.reader import parse_document, parse_study
from ganstudy.study.spec.study_spec import StudySpec, differences
from ganstudy.trials.config import plugins
from ganstudy.trials.config.code_folder import read_copy
from ganstudy.trials.config.command import check_unchanged
from ganstudy.trials.training.commands.context import own_arguments, shipped_code

pytestmark = pytest.mark.usefixtures("imports_as_before")

FILES = {
    "src/nets/gan.py": "from nets.parts import pair\n\ndef build(shape, latent_dim, width=8):\n    return pair()\n",
    "src/nets/parts.py": "def pair(): return None\n",
    "src/own.py": "from ganstudy.trials.own import Remedy\nfrom terms import TERM\n\n\nclass Flat(Remedy):\n"
    "    def discriminator_term(self, step):\n        return TERM\n",
    "src/terms.py": "TERM = None\n",
    "src/train.py": "import terms\n",
    "beside.py": "def Dataset():\n    return None\n",
}
TRAIN = "seeds = [0]\nbudget = { generator_steps = 40 }\nevaluations = 4\n"
WHOLE = (
    'name = "s"\n[code]\nfolder = "src"\n[data]\nname = "beside.py:Dataset"\n'
    f'[model]\nname = "src/nets/gan.py:build"\n[train]\n{TRAIN}'
    '[search]\ntrials = 4\n[search.space]\n"model.options.width" = [8, 16]\n'
)
COMMAND = (
    'name = "s"\n[code]\nfolder = "src"\n[data]\nname = "ring"\n[train]\n'
    'command = ["{python}", "src/train.py", "--config=beside.py", "--own=src/terms.py", "--w={w}"]\n'
    "seeds = [0]\nbudget = { images = 40 }\nevaluations = 4\n[train.params]\nw = 1\n"
    '[train.watch]\nsamples = "f{images}.npy"\n[search]\ntrials = 1\n[search.space]\n"params.w" = [1, 2]\n'
)


def write(folder: Path, files: dict[str, str] | None = None) -> Path:
    for name, text in (FILES if files is None else files).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def study(folder: Path, text: str = WHOLE) -> StudySpec:
    return parse_study(text, "study.toml", folder)


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(UserError) as found:
        study(folder, text)
    return str(found.value)


def test_files_in_the_folder_have_its_digest_and_others_their_own(tmp_path: Path) -> None:
    spec = study(write(tmp_path))
    assert spec.code is not None
    assert [*spec.code.files] == ["nets/gan.py", "nets/parts.py", "own.py", "terms.py", "train.py"]
    model: Any = spec.model
    assert (model.name, model.digest) == ("nets/gan.py:build", spec.code.digest)
    assert spec.data.name == "beside.py:Dataset"
    assert spec.plugin_digests == [plugins.register(tmp_path / "beside.py"), spec.code.digest]
    assert as_read(spec)["code"]["digest"] == spec.code.digest
    assert "files" not in as_read(spec)["code"]


def test_a_remedy_in_the_folder_imports_its_neighbour(tmp_path: Path) -> None:
    text = WHOLE.replace('"model.options.width" = [8, 16]', 'remedies = [[], ["src/own.py:Flat"]]')
    spec = study(write(tmp_path), text)
    assert spec.train.own["Flat"].reference == "own.py:Flat"
    assert spec.code is not None and spec.train.own["Flat"].digest == spec.code.digest


def test_a_change_is_told_by_the_files_name_and_nothing_else(tmp_path: Path) -> None:
    before = study(write(tmp_path))
    write(
        tmp_path, {"src/nets/parts.py": "def pair(): return 1\n", "src/new.py": "", "notes.md": "x"}
    )
    (tmp_path / "src/train.py").unlink()
    now = study(tmp_path)
    assert differences(before.identity(), now.identity()) == [
        "[code] nets/parts.py has changed",
        "[code] new.py is new",
        "[code] train.py is gone",
    ]
    trials = [spec.space.trial_config({"model.options.width": 8}).digest for spec in (before, now)]
    assert trials[0] != trials[1]


def test_where_the_study_lies_does_not_count(tmp_path: Path) -> None:
    first = study(write(tmp_path / "a"))
    second = study(write(tmp_path / "b"))
    assert differences(first.identity(), second.identity()) == []
    without = parse_study(WHOLE.replace('[code]\nfolder = "src"\n', ""), "s", tmp_path / "a")
    assert not any("code" in key for key in without.identity())


def test_a_study_goes_on_with_the_code_that_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = study(write(tmp_path))
    Ledger.create(tmp_path / "ledger.db", spec, WHOLE)
    for digest in spec.plugin_digests:
        plugins.copy_to(digest, tmp_path / "plugins")
    write(tmp_path, {"src/terms.py": "TERM = 3\n"})
    with pytest.raises(UserError) as found:
        Ledger.check_same(tmp_path / "ledger.db", study(tmp_path))
    assert "[code] terms.py has changed" in str(found.value)
    assert str(found.value).endswith("that it began with: ganstudy resume s")
    monkeypatch.setattr(plugins, "_folders", {})
    monkeypatch.setattr(plugins, "_registered", {})
    plugins.register_copies(tmp_path / "plugins")
    again = Ledger.open(tmp_path / "ledger.db").spec
    assert again.identity() == spec.identity() and again.plugin_digests == spec.plugin_digests
    assert all(map(plugins.is_at_hand, again.plugin_digests))


def test_workers_and_a_clusters_head_have_the_whole_folder(tmp_path: Path) -> None:
    spec = study(write(tmp_path / "mine"))
    assert spec.code is not None
    # What is changed after the study was read does not travel.
    write(tmp_path / "mine", {"src/terms.py": "TERM = 3\n", "beside.py": "changed"})
    staged = stage(tmp_path / "staged", spec.plugin_digests) / "ganstudy" / "plugins"
    assert read_copy(staged / spec.code.digest).digest == spec.code.digest
    single = staged / spec.plugin_digests[0] / "beside.py"
    assert single.read_text() == FILES["beside.py"]
    write(tmp_path / "mine")
    (tmp_path / "mine" / "study.toml").write_text(WHOLE)
    sent = bundle(tmp_path / "mine" / "study.toml", tmp_path / "sent")
    assert study(tmp_path / "sent").identity() == sent.identity()
    outside = WHOLE.replace('"src"', '"../mine/src"').replace("src/nets", "../mine/src/nets")
    (tmp_path / "other").mkdir()
    write(tmp_path / "other", {"study.toml": outside, "beside.py": FILES["beside.py"]})
    with pytest.raises(UserError, match=r"gan\.py must lie beside the study file"):
        bundle(tmp_path / "other" / "study.toml", tmp_path / "not")


def test_a_script_in_the_folder_is_run_from_its_copy(tmp_path: Path) -> None:
    spec = study(write(tmp_path), COMMAND)
    assert spec.code is not None and spec.train.digest == spec.code.digest
    assert spec.plugin_digests == [spec.code.digest]
    config = spec.space.trial_config({"params.w": 1})
    assert config.function is not None and config.function.command is not None
    command = config.function.command
    write(tmp_path, {"src/train.py": "changed\n"})
    check_unchanged(command.command, tmp_path, command.code, config.function.digest)
    check_script_unchanged(spec)
    shipped = shipped_code(command, config.function)
    assert shipped is not None and (shipped / "train.py").read_text() == FILES["src/train.py"]
    assert own_arguments(command, command.command, shipped) == [
        "{python}",
        str(shipped / "train.py"),
        f"--config={tmp_path / 'beside.py'}",
        f"--own={shipped / 'terms.py'}",
        "--w={w}",
    ]
    # Kept with the study, so that it is so after an interruption.
    assert parse_document(spec.document, "s").train.code == spec.train.code == str(tmp_path / "src")
    module = study(write(tmp_path), COMMAND.replace('"src/train.py", ', '"-m", "train", '))
    assert module.train.digest == module.plugin_digests[0]


def test_a_script_by_itself_must_stay_as_it_is(tmp_path: Path) -> None:
    spec = study(write(tmp_path), COMMAND.replace('[code]\nfolder = "src"\n', ""))
    config = spec.space.trial_config({"params.w": 1})
    assert config.function is not None and config.function.command is not None
    assert spec.train.code == "" and shipped_code(config.function.command, config.function) is None
    check_script_unchanged(spec)
    write(tmp_path, {"src/train.py": "changed\n"})
    command, digest = config.function.command, config.function.digest
    changed = r"src/train\.py has changed since the study began .*Restore it, .* resume goes on"
    gone = r"src/train\.py is gone .*Restore it"
    for told, act in ((changed, lambda: None), (gone, (tmp_path / "src/train.py").unlink)):
        act()
        # The driver's and the worker's: one sentence.
        with pytest.raises(UserError, match=told) as of_driver:
            check_script_unchanged(spec)
        with pytest.raises(plugins.ChangedError, match=told) as of_worker:
            check_unchanged(command.command, tmp_path, command.code, digest)
        assert str(of_driver.value) == f"train.command: {of_worker.value}"


REFUSED = {
    "no such folder": (
        WHOLE.replace('"src"', '"source"'),
        "code.folder: 'source': there is no folder",
    ),
    "a file": (
        WHOLE.replace('"src"', '"beside.py"'),
        "code.folder: 'beside.py': there is no folder",
    ),
    "without a folder": (
        WHOLE.replace('folder = "src"', ""),
        "code.folder: is required and missing",
    ),
    "an unknown key": (
        WHOLE.replace('folder = "src"', 'folder = "src"\nfiles = { a = "b" }'),
        "code.files: unknown key 'files'; known: folder, include, exclude",
    ),
    "no list": (
        WHOLE.replace('folder = "src"', 'folder = "src"\nexclude = "x"'),
        "code.exclude: input should be a valid",
    ),
    "one that is left out": (
        WHOLE.replace('folder = "src"', 'folder = "src"\nexclude = ["nets"]'),
        "model.name: nets/gan.py is left out by [code] exclude",
    ),
    "one that is not there": (
        WHOLE.replace("gan.py", "gun.py"),
        "model.name: nets/gun.py is not there",
    ),
    "nothing of the study": (
        WHOLE.replace("src/nets/gan.py", "beside.py"),
        "code.folder: no file that the study names lies in",
    ),
    "a misspelt option": (
        WHOLE.replace("options.width", "options.widht"),
        "build (gan.py:3) takes no 'widht'",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path: Path, name: str) -> None:
    text, told = REFUSED[name]
    write(tmp_path, FILES | {"beside.py": FILES["beside.py"] + "\ndef build(width): pass\n"})
    assert told in refusal(tmp_path, text)
