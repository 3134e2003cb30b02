"""The user's own files in the report: each with the digest of what was run."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from ganstudy.analysis.frames.own_code import own_files
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.blocks import Facts, Results
from ganstudy.analysis.report.sections import provenance
from ganstudy.study.spec.reader import parse_study, read_study

EXAMPLES = Path(__file__).parents[3] / "examples"


def digest_of(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()


@pytest.mark.parametrize(
    ("study", "expected"),
    [
        (
            "own_remedy.toml",
            {
                "own_remedy.py": (
                    "loss Logistic",
                    "remedy FlatEverywhere",
                    "measure spread_gap",
                )
            },
        ),
        (
            "own_gan_own_data.toml",
            {"my_data.py": ("data Dataset",), "my_gan.py": ("network build",)},
        ),
        ("own_training.toml", {"my_trainer.py": ("training function train",)}),
        ("command/study.toml", {"train.py": ("script",)}),
        ("digits.toml", {}),
    ],
)
def test_each_file_has_its_digest(study: str, expected: dict[str, tuple[str, ...]]) -> None:
    path = EXAMPLES / study
    found = own_files(read_study(path)[0].model_dump(mode="json"))
    assert {file.name: file.used_for for file in found} == expected
    assert {file.name: file.digest for file in found} == {
        name: digest_of(path.parent / name) for name in expected
    }


OPTIMISER = """
import torch


class Lion(torch.optim.SGD):
    pass
"""


def test_the_report_says_them(tmp_path: Path, study_over_time, monkeypatch) -> None:
    monkeypatch.setattr(Study, "study_file", lambda _: "")
    (tmp_path / "mine").mkdir()
    for name in ("my_optimiser.py", "other.py"):
        (tmp_path / name).write_text(OPTIMISER)
        (tmp_path / "mine" / name).write_text(OPTIMISER)
    text = (
        'name = "s"\n[data]\nname = "ring"\n[train]\nseeds = [0, 1]\nbudget = { generator_steps = 90 }\n'
        'optimiser = "my_optimiser.py:Lion"\n[search]\ntrials = 2\nsampler = "random"\n'
        "[search.space]\nlr_d = [1e-3, 1e-4]\n"
    )
    spec = parse_study(text, "study.toml", tmp_path).model_dump(mode="json")
    study = study_over_time(np.ones((2, 2, 3)))
    study.spec |= {key: spec[key] for key in ("data", "model", "train", "measures", "code")}
    shown = digest_of(tmp_path / "my_optimiser.py")
    told = ("Your code", f"my_optimiser.py ({shown}): optimiser Lion")
    (facts,) = (b for b in provenance.blocks(Results(study)) if isinstance(b, Facts))
    assert told in facts.facts

    # With [code], the digest is that of the whole folder.
    text = text.replace('"my_opt', '"mine/my_opt') + '[code]\nfolder = "mine"\n'
    folder = parse_study(text, "study.toml", tmp_path)
    (file,) = own_files(folder.model_dump(mode="json"))
    assert folder.code is not None and file.digest == folder.code.digest
    assert file.used_for == ("optimiser Lion",) and file.name == str(folder.code.folder)
