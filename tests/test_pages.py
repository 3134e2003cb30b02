"""README.md and docs/your-pictures.md: what they print runs; the index of the pages is whole."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from click import Context
from click.testing import CliRunner
from PIL import Image

from ganstudy.study.cli.main import main
from ganstudy.study.spec.reader import parse_study

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PICTURES = (ROOT / "docs" / "your-pictures.md").read_text(encoding="utf-8")
FUNCTION = (ROOT / "docs" / "training-function.md").read_text(encoding="utf-8")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#[^)\s]*)?\)")
ELSEWHERE = {
    "ui": "serves until it is stopped: tests/study/cli/test_serve.py",
    "import": "needs somebody's history: tests/study/importing",
    "submit": "needs a cluster: tests/cluster",
}
"""Commands that are printed, and run by other tests."""
QUICKER = {
    # Inception's weights would be downloaded.
    "score": " --extractor pixels",
    # What is measured is the machine: tests/study/cli/test_main.py.
    "check": " --no-time",
    "plan": " --no-time",
}
"""Options with which the test runs a command that is printed without."""
TINY = """
name = "NAME"
[data]
name = "ring"
[model]
width = 16
depth = 1
[train]
seeds = [0, 1]
budget = { generator_steps = 40 }
evaluations = 2
[measures]
samples = 200
game_steps = 0
[search]
trials = 2
sampler = "random"
[search.space]
k = [1, 2]
lr_g = { low = 1e-4, high = 1e-3, log = true }
[schedule]
name = "fifo"
"""
NETWORKS = """
from torch import nn

WIDTH = 4
ngpu = 1


class Generator(nn.Module):
    def __init__(self, ngpu):
        super().__init__()
        self.ngpu = ngpu
        layers = [nn.ConvTranspose2d(100, 8 * WIDTH, 4, 1, 0, bias=False)]
        for width in (8 * WIDTH, 4 * WIDTH, 2 * WIDTH):
            layers += [nn.BatchNorm2d(width), nn.ReLU(True)]
            layers += [nn.ConvTranspose2d(width, width // 2, 4, 2, 1, bias=False)]
        layers += [nn.BatchNorm2d(WIDTH), nn.ReLU(True)]
        self.main = nn.Sequential(*layers, nn.ConvTranspose2d(WIDTH, 3, 4, 2, 1), nn.Tanh())

    def forward(self, input):
        RESHAPED


class Discriminator(nn.Module):
    def __init__(self, ngpu):
        super().__init__()
        self.ngpu = ngpu
        layers = [nn.Conv2d(3, WIDTH, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
        for width in (WIDTH, 2 * WIDTH, 4 * WIDTH):
            layers += [nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * width)]
            layers += [nn.LeakyReLU(0.2, inplace=True)]
        self.main = nn.Sequential(*layers, nn.Conv2d(8 * WIDTH, 1, 4, 1, 0, bias=False))

    def forward(self, images):
        return self.main(images)


def weights_init(layer):
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)


"""


def printed_commands(text: str) -> list[str]:
    """Every line of the page that is a ganstudy command, without its comment."""
    lines = re.findall(r"^    (ganstudy .*)$|`(ganstudy \w+ [^`]+)`", text, re.MULTILINE)
    return [line.partition("#")[0].strip() for pair in lines for line in pair if line]


def blocks(text: str, language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def draw_folder(folder: Path, num: int = 140, side: int = 20, sizes: int = 3) -> None:
    """Write pictures of so many unlike sizes in two sub-folders."""
    stream = np.random.default_rng(0)
    for index in range(num):
        place = folder / ("cats", "dogs")[index % 2]
        place.mkdir(parents=True, exist_ok=True)
        pixels = stream.integers(0, 256, (side, side + index % sizes, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{index}.png")


def held_out(study: str) -> str:
    """The study with as many images held out as the page says for so small a folder."""
    assert "held_out = 65" in PICTURES
    return study.replace('path = "photos"', 'path = "photos"\nheld_out = 65')


def check(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["check", *arguments, "--no-time"])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_study_of_the_page_is_one_and_so_is_that_of_the_readme(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw_folder(tmp_path / "photos")
    (tmp_path / "pets.toml").write_text(held_out(blocks(PICTURES, "toml")[0]))
    said = check("pets.toml")
    assert "24 trials" in said and "65 held out, 2 modes" in said
    table = re.search(r'^    name = "digits".*?(?=^\S)', README, re.MULTILINE | re.DOTALL)
    assert table is not None
    assert "72 trials" in table[0]
    spec = parse_study(re.sub(r"^    ", "", table[0], flags=re.MULTILINE), "README.md")
    example = parse_study((ROOT / "examples" / "digits.toml").read_text(), "digits.toml")
    assert (spec.search, spec.design, spec.train) == (example.search, example.design, example.train)


def test_the_tutorials_networks_are_taken_after_the_four_changes(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # narrower terminals list fewer values
    monkeypatch.chdir(tmp_path)
    draw_folder(tmp_path / "photos")
    study, changed = blocks(PICTURES, "toml")
    for table in ("data", "model"):
        pattern = rf"^\[{table}\]\n.*?(?=^\[|\Z)"
        new = re.search(pattern, changed, re.MULTILINE | re.DOTALL)
        assert new is not None
        study = re.sub(pattern, new[0] + "\n", study, flags=re.MULTILINE | re.DOTALL)
    (build,) = blocks(PICTURES, "python")
    (reshaped,) = set(re.findall(r"`(return self\.main\(.*?\))`", PICTURES))
    (tmp_path / "my_dcgan.py").write_text(NETWORKS.replace("RESHAPED", reshaped) + build)
    (tmp_path / "pets.toml").write_text(held_out(study))
    said = check("pets.toml")
    assert "own networks: alone as in an ensemble" in said
    assert "minibatch_discrimination" in said and "images of 3 x 64 x 64" in said


def test_the_training_function_of_its_page_is_taken(tmp_path, monkeypatch) -> None:
    """It is called as the page prints it, and goes on from a checkpoint to the same numbers."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_trainer.py").write_text(blocks(FUNCTION, "python")[0])
    (tmp_path / "mine.toml").write_text(blocks(FUNCTION, "toml")[0])
    said = " ".join(check("mine.toml").split())
    assert "my_trainer.py:train was called with 3 configurations, evaluated, and gone on" in said
    assert "other numbers" not in said


def test_the_index_names_every_page_and_every_link_leads_somewhere() -> None:
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    named = LINK.findall(index)
    assert set(named) == pages and len(named) == len(set(named))
    for path in [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        for target in LINK.findall(path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_every_table_of_simulations_is_named_by_a_page() -> None:
    named = {
        target
        for path in (ROOT / "docs").glob("*.md")
        for target in LINK.findall(path.read_text(encoding="utf-8"))
    }
    tables = {f"simulated/{path.name}" for path in (ROOT / "docs" / "simulated").glob("*.csv")}
    assert len(tables) >= 15 and tables <= named


def test_every_command_of_the_readme_is_one() -> None:
    commands = {line.split()[1] for line in printed_commands(README)}
    assert commands <= set(main.list_commands(Context(main))) and ELSEWHERE.keys() <= commands
    of_pictures = {
        line.replace("pets.toml", "examples/digits.toml").replace(" pets", " digits")
        for line in printed_commands(PICTURES)
    }
    assert of_pictures <= set(printed_commands(README))
    first_screen = README.splitlines()[:30]
    assert any("docs/README.md" in line for line in first_screen)
    assert any("docs/your-pictures.md" in line for line in first_screen)


def run(line: str, folder: Path) -> None:
    """Run a command in this process, or one that trains in its own."""
    arguments = shlex.split(line)[1:]
    if arguments[0] not in ("run", "resume"):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, f"{line}\n{result.output}"
        return
    in_python("from ganstudy.study.cli.main import main; main()", folder, *arguments)


def in_python(code: str, folder: Path, *arguments: str) -> None:
    """Run code in a process of its own."""
    command = [sys.executable, "-P", "-c", code, *arguments]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{code} {arguments}\n{done.stdout}{done.stderr}"


@pytest.mark.slow
def test_every_command_runs_as_it_is_printed(tmp_path: Path, monkeypatch) -> None:
    """In the order of the README, on small studies of the printed names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANSTUDY_HOME", raising=False)
    monkeypatch.setenv("BROWSER", "true")
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "digits.toml").write_text(TINY.replace("NAME", "digits"))
    (tmp_path / "wgan.toml").write_text(TINY.replace("NAME", "digits-wgan"))
    for name in ("photos", "generated"):
        draw_folder(tmp_path / name, num=12, side=8, sizes=1)
    (block,) = re.findall(r"^    import ganstudy\n\n(?:    .+\n)+", README, re.MULTILINE)
    ran = False
    for line in printed_commands(README):
        command = line.split()[1]
        if command in ELSEWHERE or "--cluster" in line:
            continue
        run(line + QUICKER.get(command, ""), tmp_path)
        if command == "run" and not ran:
            ran = True
            in_python(f"{textwrap.dedent(block)}ganstudy.run('wgan.toml', quiet=True)\n", tmp_path)
    new = tmp_path / "best" / "new-samples.png"
    assert ran and new.exists() and (tmp_path / "frames").exists()
