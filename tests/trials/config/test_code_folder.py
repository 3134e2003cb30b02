"""Folders of a user's own code: what travels, by which digest, and that folders do not mix."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from ganstudy.trials.config import code_folder, code_imports, plugins
from ganstudy.trials.config.code_folder import CodeFolder, changed_files, read_copy, read_folder
from ganstudy.trials.config.plugins import ChangedError, load, register_folder, source, where

pytestmark = pytest.mark.usefixtures("imports_as_before")

FILES = {
    "trainer.py": "from models.gen import make\nimport losses\n\ndef train(): return make() + losses.ONE\n",
    "models/__init__.py": "",
    "models/gen.py": "from . import parts\n\ndef make(): return parts.TWO\n",
    "models/parts.py": "TWO = 2\n",
    "losses.py": "ONE = 1\n",
}
ELSEWHERE = {
    "README.md": "words",
    "data/x.npy": "numbers",
    "study.toml": "name = 'x'",
    ".git/hook.py": "1",
    ".hidden/a.py": "1",
    "__pycache__/a.py": "1",
    "env/pyvenv.cfg": "",
    "env/lib/b.py": "1",
    "ganstudy-data/c.py": "1",
    "home/studies/d.py": "1",
    "home/cache/e.py": "1",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_code_travels_and_all_else_stays(tmp_path: Path) -> None:
    folder = read_folder(write(tmp_path, FILES | ELSEWHERE))
    assert folder.files == {name: text.encode() for name, text in FILES.items()}
    assert folder.modules == {"trainer", "models", "losses"}
    assert folder.relative(tmp_path / "models" / "gen.py") == "models/gen.py"
    assert folder.relative(tmp_path.parent / "gen.py") is None


@pytest.mark.parametrize(
    ("include", "exclude", "more", "fewer"),
    [
        (["*.md"], [], {"README.md"}, set()),
        (["data"], [], {"data/x.npy"}, set()),
        (["data/*"], [], {"data/x.npy"}, set()),
        ([], ["models/"], set(), {"models/__init__.py", "models/gen.py", "models/parts.py"}),
        ([], ["models/p*.py", "losses.py"], set(), {"models/parts.py", "losses.py"}),
        (["README.md"], ["*.md"], set(), set()),
    ],
)
def test_patterns(
    tmp_path: Path, include: list[str], exclude: list[str], more: set[str], fewer: set[str]
) -> None:
    folder = read_folder(write(tmp_path, FILES | ELSEWHERE), include, exclude)
    assert folder.files.keys() == (FILES.keys() | more) - fewer


def test_every_file_and_every_path_counts(tmp_path: Path) -> None:
    first = read_folder(write(tmp_path / "a", FILES))
    assert first.digest == read_folder(write(tmp_path / "b", FILES | ELSEWHERE)).digest
    for changed in (
        FILES | {"losses.py": "ONE = 3\n"},
        FILES | {"models/new.py": ""},
        {name: text for name, text in FILES.items() if name != "models/__init__.py"},
    ):
        other = CodeFolder(tmp_path, {name: text.encode() for name, text in changed.items()})
        assert other.digest != first.digest
    files = {name.replace("parts", "bits"): text.encode() for name, text in FILES.items()}
    moved = CodeFolder(tmp_path, files)
    assert moved.digest != first.digest
    assert [*changed_files(first.manifest, moved.manifest)] == [
        "models/bits.py is new",
        "models/parts.py is gone",
    ]


def test_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"there is no folder .*lost"):
        read_folder(tmp_path / "lost")
    with pytest.raises(ValueError, match="no Python file in"):
        read_folder(write(tmp_path / "words", {"a.txt": ""}))
    for name in ("types.py", "torch/__init__.py", "ganstudy/x.py"):
        first = name.split("/")[0].removesuffix(".py")
        with pytest.raises(ValueError, match=f"^{first} at the top of the folder has the name"):
            read_folder(write(tmp_path / first, FILES | {name: ""}))
        assert (
            read_folder(tmp_path / first, exclude=[first, f"{first}.py"]).files.keys()
            == FILES.keys()
        )
    # Below the top nothing is imported by such a name.
    read_folder(write(tmp_path / "below", FILES | {"models/types.py": ""}))
    write(tmp_path / "big", FILES | {"w/large.bin": "x" * 3000, "w/small.bin": "x" * 10})
    monkeypatch.setattr(code_folder, "MOST_BYTES", 2000)
    assert len(read_folder(tmp_path / "big").files) == len(FILES)
    with pytest.raises(
        ValueError,
        match=r"has 7 files of .*the largest: w/large\.bin \(0\.0 MB\)\. Leave out .*exclude",
    ):
        read_folder(tmp_path / "big", include=["*.bin"])
    monkeypatch.setattr(code_folder, "MOST_FILES", 4)
    with pytest.raises(ValueError, match="at most 4 of"):
        read_folder(tmp_path / "big")


def test_files_import_one_another_and_are_imported_once(tmp_path: Path) -> None:
    digest = register_folder(read_folder(write(tmp_path, FILES)))
    assert load("trainer.py:train", digest)() == 3
    assert load("models/gen.py:make", digest) is sys.modules["models.gen"].make
    assert source(digest, "models/gen.py:make").name == "gen.py"
    # From a copy of its own: neither compiled files nor later changes get in the way.
    assert not [*tmp_path.rglob("*.pyc")]


def test_folders_with_modules_of_one_name_do_not_mix(tmp_path: Path) -> None:
    lazy = FILES | {
        "trainer.py": "def train():\n    from models.parts import TWO\n    return TWO\n",
        "models/parts.py": "TWO = 20\n",
    }
    one = register_folder(read_folder(write(tmp_path / "one", FILES)))
    two = register_folder(read_folder(write(tmp_path / "two", lazy)))
    write(tmp_path / "installed", {"losses.py": "ONE = 100\n"})
    sys.path.append(str(tmp_path / "installed"))
    import losses  # type: ignore[import-not-found]

    assert [load("trainer.py:train", digest)() for digest in (one, two, one, two)] == [3, 20, 3, 20]
    assert losses.ONE == 100
    root = plugins.folder_root(one)
    assert root is not None
    code_imports.activate(root)
    assert sys.modules["losses"].ONE == 1
    assert sys.path.count(str(root.path)) == 1 and len(root.hidden) == 1


def test_a_folder_is_what_it_was_when_the_study_was_read(tmp_path: Path) -> None:
    folder = read_folder(write(tmp_path / "src", FILES))
    digest = register_folder(folder)
    write(tmp_path / "src", {"losses.py": "ONE = 7\n"})
    plugins.copy_to(digest, tmp_path / "plugins")
    copy = read_copy(tmp_path / "plugins" / digest)
    assert copy.digest == digest and copy.files == folder.files
    assert load("trainer.py:train", digest)() == 3


def test_a_shipped_folder_is_checked_and_its_copies_are_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = {**FILES, "trainer.py": FILES["trainer.py"] + "# shipped\n"}
    digest = register_folder(read_folder(write(tmp_path / "src", text)))
    plugins.copy_to(digest, tmp_path / "plugins")
    monkeypatch.setattr(plugins, "_folders", {})
    monkeypatch.setattr(plugins, "_roots", {})
    assert not plugins.is_at_hand(digest)
    plugins.register_copies(tmp_path / "plugins")
    assert plugins.is_at_hand(digest)
    monkeypatch.setattr(plugins, "_folders", {})
    monkeypatch.setattr(plugins, "SHIPPED", tmp_path / "plugins")
    assert load("trainer.py:train", digest)() == 3
    assert source(digest, "losses.py:x") == tmp_path / "plugins" / digest / "losses.py"
    monkeypatch.setattr(plugins, "_roots", {})
    write(tmp_path / "plugins" / digest, {"losses.py": "ONE = 9\n"})
    with pytest.raises(ChangedError, match="a folder of code must not change while a study runs"):
        source(digest, "trainer.py:train")


def test_errors_name_the_neighbours_line(tmp_path: Path) -> None:
    broken = FILES | {"models/parts.py": "TWO = 2\nraise KeyError('width')\n"}
    digest = register_folder(read_folder(write(tmp_path / "a", broken)))
    with pytest.raises(ValueError, match=r"^models/parts\.py:2 fails on import: KeyError: 'width'"):
        load("trainer.py:train", digest)
    late = FILES | {"losses.py": "ONE = 1\n\ndef f():\n    raise RuntimeError('no')\n"}
    late["trainer.py"] = "import losses\n\ndef train():\n    losses.f()\n"
    digest = register_folder(read_folder(write(tmp_path / "b", late)))
    with pytest.raises(RuntimeError) as found:
        load("trainer.py:train", digest)()
    assert where(found.value, source(digest, "trainer.py:train")) == "losses.py:4"
    inner = FILES | {"trainer.py": "from .losses import ONE\n"}
    digest = register_folder(read_folder(write(tmp_path / "c", inner)))
    with pytest.raises(ValueError, match=r"needs .code. folder to be the folder above"):
        load("trainer.py:train", digest)


def test_a_single_file_with_neighbours_is_told_the_way_out(tmp_path: Path) -> None:
    write(tmp_path, FILES)
    digest = plugins.register(tmp_path / "trainer.py")
    with pytest.raises(ValueError, match=r"models lies beside it, .*\[code\] folder"):
        load("trainer.py:train", digest)


def test_archives_of_equal_code_are_equal(tmp_path: Path) -> None:
    digest = register_folder(read_folder(write(tmp_path / "src", FILES)))
    single = plugins.register(write(tmp_path, {"alone.py": "x = 1\n"}) / "alone.py")
    plugins.write_zip([digest, single], tmp_path / "a.zip")
    os.utime(tmp_path / "src" / "losses.py", (0, 0))
    plugins.write_zip([digest, single], tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = {*archive.namelist()}
        assert names == {f"{digest}/{name}" for name in FILES} | {f"{single}/alone.py"}
