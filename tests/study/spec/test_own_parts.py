"""Losses and remedies of a user's file in a study file: names, options, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganstudy.study.errors import UserError
from ganstudy.study.spec.design_plan import plan
from ganstudy.study.spec.reader import parse_document, parse_study
from ganstudy.study.spec.study_spec import StudySpec, differences
from ganstudy.trials.config import plugins
from ganstudy.trials.config.lanes import structure_of

FILE = """import torch
from pydantic import Field

from ganstudy.trials.own import LaneNumber, Loss, LossOptions, Remedy, RemedyOptions


class FlatOptions(RemedyOptions):
    needs_smoothable_loss = True
    excludes = frozenset({"r2"})
    weight: LaneNumber = Field(2.0, ge=0)
    power: int = Field(2, ge=1)


class Flat(Remedy):
    options: FlatOptions

    def discriminator_term(self, step):
        return None


class Plain(Remedy):
    def discriminator_term(self, step):
        return None


class SoftOptions(LossOptions):
    smoothable = True
    sharpness: LaneNumber = Field(1.0, gt=0)


class Soft(Loss):
    options: SoftOptions

    def discriminator(self, real, fake, target=1.0):
        return real.mean(-1)

    def generator(self, fake, real):
        return fake.mean(-1)


class Lion(torch.optim.Optimizer):
    def __init__(self, params, lr, betas):
        super().__init__(params, {"lr": lr})
"""
TRAIN = "seeds = [0, 1, 2]\nbudget = { generator_steps = 40 }\nevaluations = 4\n"
SPACE = """
remedies = [[], ["own.py:Flat"], ["r1", "own.py:Flat"]]
"Flat.weight" = { low = 0.1, high = 10.0, log = true }
"""


def study(folder: Path, train: str = "", space: str = SPACE, more: str = "") -> StudySpec:
    (folder / "own.py").write_text(FILE)
    text = (
        f'name = "s"\n[data]\nname = "ring"\n[train]\n{TRAIN}{train}\n'
        f"[search]\ntrials = 4\n[search.space]\n{space}\n{more}"
    )
    return parse_study(text, "study.toml", folder)


def refusal(folder: Path, **changes: str) -> str:
    with pytest.raises(UserError) as found:
        study(folder, **changes)
    return str(found.value)


def test_a_reference_becomes_the_name_of_its_class_wherever_a_name_may_stand(
    tmp_path: Path,
) -> None:
    more = (
        '[losses.Soft]\nsharpness = 2.0\n[remedies."own.py:Flat"]\npower = 3\n'
        '[design]\nfactors = ["remedies", "own.py:Plain"]\npoints = 1\n[confirm]\ntop = 1\n'
    )
    space = 'remedies = [[], ["own.py:Flat"]]\n"own.py:Plain" = [false, true]\n'
    spec = study(tmp_path, 'loss = "own.py:Soft"\n', space, more)
    assert list(spec.search.space) == ["remedies", "Plain"]
    assert spec.train.loss == "Soft" and set(spec.train.own) == {"Soft", "Flat", "Plain"}
    configs = [spec.space.trial_config(trial.params) for trial in plan(spec)]
    assert {config.remedies for config in configs} == {
        (),
        ("Flat",),
        ("Plain",),
        ("Flat", "Plain"),
    }
    both = next(config for config in configs if len(config.remedies) == 2)
    assert both.loss_options.model_dump() == {"sharpness": 2.0}
    assert both.remedy_options["Flat"].model_dump() == {"weight": 2.0, "power": 3}


def test_an_optimiser_is_searched_beside_ganstudys(tmp_path: Path) -> None:
    space = 'optimiser = ["adam", "own.py:Lion"]\nremedies = [[], ["own.py:Flat"]]\n'
    spec = study(tmp_path, "", space, "[design]\npoints = 1\n")
    assert spec.train.own["Lion"].kind == "optimiser" and spec.train.optimiser == "adam"
    configs = [spec.space.trial_config(trial.params) for trial in plan(spec)]
    assert {(config.optimiser, config.remedies) for config in configs} == {
        (optimiser, remedies) for optimiser in ("adam", "Lion") for remedies in ((), ("Flat",))
    }
    # Each is tried before anything is trained, and none is in a pack with another.
    assert len(spec.distinct_architectures()) == 4
    assert len({structure_of(config) for config in configs}) == 4
    fixed = study(tmp_path, 'optimiser = "own.py:Lion"\n', "lr_g = [1e-3]")
    assert fixed.space.trial_config({"lr_g": 1e-3}).optimiser == "Lion"
    assert fixed.plugin_digests == [fixed.train.own["Lion"].digest]


def test_the_study_is_read_again_without_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = study(tmp_path, 'loss = "own.py:Soft"\n')
    (tmp_path / "own.py").unlink()
    monkeypatch.setattr(plugins, "_registered", {})
    again = parse_document(spec.document, "study.toml")
    assert again == spec and differences(again.identity(), spec.identity()) == []
    config = again.space.trial_config({"remedies": "Flat", "Flat.weight": 3.0})
    assert config.remedy_options["Flat"].model_dump() == {"weight": 3.0, "power": 2}
    assert config.digest == spec.space.trial_config({"remedies": "Flat", "Flat.weight": 3.0}).digest


def test_another_file_is_another_study(tmp_path: Path) -> None:
    spec = study(tmp_path)
    (tmp_path / "own.py").write_text(FILE.replace("Field(2.0", "Field(3.0"))
    text = f'name = "s"\n[data]\nname = "ring"\n[train]\n{TRAIN}\n[search]\ntrials = 4\n'
    changed = parse_study(f"{text}[search.space]\n{SPACE}", "study.toml", tmp_path)
    lines = differences(spec.identity(), changed.identity())
    assert [line.split(":")[0] for line in lines] == [
        "train.own.Flat.digest",
        "train.own.Flat.options.weight.default",
    ]


def test_a_study_without_own_parts_is_what_it_was(tmp_path: Path) -> None:
    spec = study(tmp_path, space="lr_g = [1e-3]")
    assert not any("own" in key for key in spec.identity())
    assert spec.plugin_digests == [] and not spec.has_own_parts
    assert study(tmp_path).has_own_parts and len(study(tmp_path).plugin_digests) == 1


REFUSED = {
    "no such file": (
        {"train": 'loss = "other.py:Soft"'},
        "train.loss: other.py must be a Python file of yours, and there is no file",
    ),
    "no such class": (
        {"train": 'loss = "own.py:Hard"'},
        "train.loss: own.py has no callable 'Hard'",
    ),
    "no class on a contract": (
        {"train": 'loss = "own.py:Field"'},
        "Field must be a class on Loss or Remedy",
    ),
    "a remedy as a loss": (
        {"train": 'loss = "own.py:Flat"'},
        "train.loss: own.py:Flat is a remedy, and a loss is needed here",
    ),
    "a loss as a remedy": (
        {"space": 'remedies = [[], ["own.py:Soft"]]'},
        "search.space.remedies: own.py:Soft is a loss, and a remedy is needed here",
    ),
    "a remedy as an optimiser": (
        {"train": 'optimiser = "own.py:Flat"'},
        "train.optimiser: own.py:Flat is a remedy, and an optimiser is needed here",
    ),
    "an unknown optimiser": (
        {"train": 'optimiser = "lion"'},
        "train.optimiser: unknown optimiser 'lion'; known: adam, sgd, rmsprop; or your own: "
        "my_optimiser.py:NAME",
    ),
    "an optimiser with what makes steps of ganstudy's": (
        {"space": 'optimiser = ["adam", "own.py:Lion"]\nremedies = [[], ["extragradient"]]'},
        "extragradient makes steps of ganstudy's own optimisers (adam, sgd, rmsprop), and optimiser "
        "is Lion",
    ),
    "a name without a file": (
        {"space": 'remedies = [[], ["Flat"]]'},
        "unknown remedy 'Flat'; known: feature_matching",
    ),
    "an option out of bounds": (
        {"space": SPACE.replace("0.1", "-1.0").replace(", log = true", "")},
        "search.space.Flat.weight: must be >= 0, got -1.0",
    ),
    "a fixed option out of bounds": (
        {"more": "[remedies.Flat]\npower = 0"},
        "remedies.Flat.power: must be >= 1, got 0",
    ),
    "a fixed option of another type": (
        {"more": '[remedies.Flat]\npower = "two"'},
        "remedies.Flat.power: input should be a valid integer",
    ),
    "an unknown option": (
        {"more": "[remedies.Flat]\nwidth = 0"},
        "unknown option of Flat 'width'; known: weight, power",
    ),
    "an option of what is not on": (
        {"space": "lr_g = [1e-3]", "more": '[remedies."own.py:Flat"]\nweight = 1.0'},
        "which no configuration switches on",
    ),
    "a range of what is no number": (
        {"space": SPACE + '"Flat.power" = { low = 1.5, high = 2.5 }'},
        "a range of whole numbers needs whole ends",
    ),
    "parts that exclude one another": (
        {"space": 'remedies = [["own.py:Flat", "r2"]]'},
        "Flat and r2 cannot be on together",
    ),
    "parts that need something": (
        {"train": 'loss = "hinge"'},
        "Flat needs a loss with a target on real data",
    ),
    "the table that is ours": ({"train": "own = {}"}, "train.own: unknown key"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(what: str, tmp_path: Path) -> None:
    changes, message = REFUSED[what]
    assert message in refusal(tmp_path, **changes)


def test_a_name_of_ganstudys_and_one_of_another_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "more.py").write_text(FILE + "\n\nclass r1(Flat):\n    pass\n")
    space = 'remedies = [["more.py:r1"]]'
    assert "r1 is a remedy of ganstudy's: give your class another name" in refusal(
        tmp_path, space=space
    )
    space = 'remedies = [["own.py:Flat"], ["more.py:Flat"]]'
    assert "Flat is the name of a class in own.py too (search.space.remedies)" in refusal(
        tmp_path, space=space
    )


MEASURE = """from ganstudy.trials.own import measure


@measure(label="Gap", better="{better}", unit="share of pixels")
def gap(generated, real):
    return 0.5
"""


def measured(
    folder: Path, objective: str, better: str = "larger", own: str = '["m.py:gap"]'
) -> StudySpec:
    (folder / "m.py").write_text(MEASURE.format(better=better))
    return study(
        folder, space="lr_g = [1e-3]", more=f"[measures]\nown = {own}\n[objective]\n{objective}"
    )


def test_an_own_measure_may_be_the_objective(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = measured(tmp_path, 'maximize = "gap"\nmargin = 0.05')
    assert spec.measure == "gap" and list(spec.measures.own) == ["gap"]
    assert len(spec.plugin_digests) == 1 and spec.has_own_parts
    (tmp_path / "m.py").unlink()
    monkeypatch.setattr(plugins, "_registered", {})
    assert parse_document(spec.document, "study.toml") == spec
    config = spec.space.trial_config({"lr_g": 1e-3})
    assert config.measures == spec.measures
    assert config.digest != study(tmp_path, space="lr_g = [1e-3]").space.trial_config({}).digest


@pytest.mark.parametrize(
    ("objective", "own", "message"),
    [
        ('minimize = "gap"', '["m.py:gap"]', "objective: gap is better larger; say maximize"),
        (
            'maximize = "gap"\nmargin = 2.0',
            '["m.py:gap"]',
            "margin must be <= 0.5 for gap, a share",
        ),
        ('maximize = "gaps"', '["m.py:gap"]', "unknown measure 'gaps'"),
        ("", '["m.py:gap", "m.py:gap"]', "measures.own: gap stands there twice"),
        ("", '["m.py:gip"]', "measures.own: m.py has no callable 'gip'"),
        ("", '["n.py:gap"]', "measures.own: n.py must be a Python file of yours"),
        ("", '["gap"]', "measures.own: a reference to your own file must look like"),
        ("", '"m.py:gap"', "measures.own: must be a list of references"),
    ],
)
def test_a_wrong_own_measure_is_refused(
    objective: str, own: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as found:
        measured(tmp_path, objective, own=own)
    assert message in str(found.value)
