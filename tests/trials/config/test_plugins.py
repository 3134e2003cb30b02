"""Users' own files: found by content, refused when changed, errors told by file and line."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ganstudy.trials.config import plugins
from ganstudy.trials.config.plugins import load, register, source, split, where

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def write(tmp_path: Path):
    def file(text: str, name: str = "my_gan.py") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return file


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("my_gan.py:build", ("my_gan.py", "build")),
        ("nets/my_gan.py:build", ("nets/my_gan.py", "build")),
        ("C:/nets/my_gan.py:Build2", ("C:/nets/my_gan.py", "Build2")),
    ],
)
def test_split(reference: str, parts: tuple[str, str]) -> None:
    assert split(reference) == parts


@pytest.mark.parametrize(
    "reference", ["my_gan.py", "my_gan:build", "my_gan.py:", "my_gan.py:a b", "build", ""]
)
def test_a_malformed_reference_is_refused_with_its_form(reference: str) -> None:
    with pytest.raises(ValueError, match=r"must look like my_file\.py:name, got '"):
        split(reference)


def test_the_digest_is_that_of_the_bytes(write) -> None:
    path = write("def build(): return 1\n")
    digest = register(path)
    assert (
        digest == hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
        and len(digest) == 16
    )
    assert source(digest) == path
    assert register(write("def build(): return 2\n")) != digest


def test_a_callable_is_loaded_once(write) -> None:
    digest = register(write("class Net:\n    pass\ndef build(): return Net()\n"))
    build = load("my_gan.py:build", digest)
    assert build is load("my_gan.py:build", digest)
    assert type(build()) is load("elsewhere/my_gan.py:Net", digest)
    assert isinstance(pickle.loads(pickle.dumps(build())), type(build()))


def test_files_of_one_name_do_not_get_into_each_others_way(write, tmp_path: Path) -> None:
    first = register(write("def build(): return 1\n"))
    (tmp_path / "other").mkdir()
    second = register(write("def build(): return 2\n", "other/my_gan.py"))
    assert [load("my_gan.py:build", digest)() for digest in (first, second, first)] == [1, 2, 1]
    assert "my_gan" not in sys.modules


def test_a_file_rewritten_at_once_is_not_taken_for_the_old_one(write) -> None:
    path = write("def build(): return 1\n")
    assert load("my_gan.py:build", register(path))() == 1
    changed = path.stat()
    path.write_text("def build(): return 2\n")
    os.utime(path, ns=(changed.st_atime_ns, changed.st_mtime_ns))
    assert load("my_gan.py:build", register(path))() == 2


def test_dataclasses_and_annotations_work_while_the_file_is_imported(write) -> None:
    text = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    text += "@dataclass\nclass Net:\n    width: int\n"
    assert load("my_gan.py:Net", register(write(text)))(3).width == 3


def test_a_changed_file_is_refused(write) -> None:
    path = write("def build(): return 1\n")
    digest = register(path)
    load("my_gan.py:build", digest)
    path.write_text("def build(): return 2\n")
    with pytest.raises(
        ValueError, match=rf"my_gan\.py must not change while a study runs: its digest was {digest}"
    ):
        load("my_gan.py:build", digest)
    path.unlink()
    with pytest.raises(ValueError, match="the file is gone"):
        load("my_gan.py:build", digest)


def test_a_shipped_file_comes_before_a_registered_one(
    write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("def build(): return __file__\n")
    digest = register(path)
    monkeypatch.setattr(plugins, "SHIPPED", tmp_path / "plugins")
    shipped = tmp_path / "plugins" / digest / "my_gan.py"
    shipped.parent.mkdir(parents=True)
    shutil.copy(path, shipped)
    assert source(digest) == shipped
    assert load("my_gan.py:build", digest)() == str(shipped)
    monkeypatch.setattr(plugins, "_registered", {})
    assert load("my_gan.py:build", digest)() == str(shipped)
    shipped.write_text("tampered = True")
    with pytest.raises(ValueError, match="must not change"):
        source(digest)


def test_files_are_shipped_beside_the_packages() -> None:
    assert ROOT / "plugins" == plugins.SHIPPED


def test_an_unknown_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be registered"):
        load("my_gan.py:build", "")
    with pytest.raises(
        ValueError,
        match=r"lost\.py must be a Python file of yours, and there is no file .*lost\.py",
    ):
        register(tmp_path / "lost.py")


def test_a_missing_name_lists_those_that_are_there(write) -> None:
    text = "from pathlib import Path\nclass Net:\n    pass\ndef build(): pass\ndef _own(): pass\nwidth = 3\n"
    digest = register(write(text))
    for missing in ("biuld", "width"):
        with pytest.raises(
            ValueError, match=f"my_gan.py has no callable '{missing}'; it has: Net, build$"
        ):
            load(f"my_gan.py:{missing}", digest)
    with pytest.raises(ValueError, match="it has: none"):
        load("empty.py:build", register(write("", "empty.py")))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "import torch\n\nimport no_such_module\n",
            r"my_gan\.py:3 fails on import: ModuleNotFoundError: No module named",
        ),
        ("def build(:\n    pass\n", r"my_gan\.py:1 fails on import: SyntaxError: "),
        (
            "def f():\n    return 1 / 0\n\nf()\n",
            r"my_gan\.py:2 fails on import: ZeroDivisionError: division by zero",
        ),
        ("import sys\nsys.exit(2)\n", r"my_gan\.py:2 fails on import: SystemExit: 2"),
        (
            "import json\njson.loads('{')\n",
            r"my_gan\.py:2 fails on import: JSONDecodeError: Expecting property name",
        ),
        ("raise ValueError\n", r"my_gan\.py:1 fails on import: ValueError$"),
    ],
)
def test_errors_on_import_name_file_and_line(write, text: str, told: str) -> None:
    digest = register(write(text))
    for _ in range(2):
        with pytest.raises(ValueError, match=told):
            load("my_gan.py:build", digest)


def test_where_names_the_innermost_line_inside_the_file(write) -> None:
    path = write(
        "import json\ndef outer():\n    return inner()\ndef inner():\n    return json.loads('{')\n"
    )
    outer = load("my_gan.py:outer", register(path))
    with pytest.raises(ValueError) as caught:
        outer()
    assert where(caught.value, path) == "my_gan.py:5"
    assert where(caught.value, Path("other.py")) == "other.py"
    assert where(ValueError(), path) == "my_gan.py"


def test_neither_torch_nor_ray_is_loaded() -> None:
    code = "import sys, ganstudy.trials.config.plugins; print([n for n in ('torch', 'ray') if n in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
