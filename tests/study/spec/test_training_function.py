"""[train] method = "my_trainer.py:train": parameters and their search; what such a study cannot use."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganstudy.study.errors import UserError
from ganstudy.study.ledger.packing import lanes_by_default, trials_per_pack
from ganstudy.study.ledger.trial_row import StagePlace
from ganstudy.study.spec.domains import Choices, Range
from ganstudy.study.spec.reader import parse_document, parse_study
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.study.tracking.messages import TrialStart
from ganstudy.study.tracking.run_fields import flat_params, run_name
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import Stage

TRAIN = """
method = "my_trainer.py:train"
seeds = [0, 1, 2]
budget = { generator_steps = 40 }
evaluations = 4
"""
PARAMS = """
k = 1
lr_g = 1e-3
lr_d = 2e-4
width = 16
depth = 2
noise = "normal"
sharp = false
sizes = [16, 32]
remedies = []
"""
SPACE = """
"params.k" = [0.5, 1, "5 until 100 then 1"]
"params.lr_g" = { low = 1e-4, high = 1e-2, log = true }
"params.width" = { low = 8, high = 64, log = true }
"params.noise" = ["normal", "uniform"]
"params.sharp" = [false, true]
"params.remedies" = [[], ["mine"], ["mine", "theirs"]]
"""


def study(
    folder: Path, train: str = TRAIN, params: str = PARAMS, space: str = SPACE, more: str = ""
) -> StudySpec:
    (folder / "my_trainer.py").write_text("def train(run):\n    pass\n")
    text = (
        f'name = "s"\n[data]\nname = "ring"\n[train]\n{train}\n[train.params]\n{params}\n'
        f"[search]\ntrials = 4\n[search.space]\n{space}\n{more}"
    )
    return parse_study(text, "study.toml", folder)


def refusal(folder: Path, **changes: str) -> list[str]:
    with pytest.raises(UserError) as found:
        study(folder, **changes)
    return str(found.value).splitlines()


def test_parameters_are_searched_and_reach_the_trial(tmp_path: Path) -> None:
    spec = study(tmp_path)
    assert spec.has_training_function and spec.plugin_digests == [spec.train.digest]
    domains = spec.space.domains
    assert domains["params.remedies"] == Choices(("none", "mine", "mine+theirs"))
    assert domains["params.lr_g"] == Range(1e-4, 1e-2, log=True)
    width = domains["params.width"]
    assert isinstance(width, Range) and isinstance(width.low, int)
    config = spec.space.trial_config({"params.width": 32, "params.remedies": "mine+theirs"})
    assert config.function is not None
    assert config.function.params == {
        "k": 1,
        "lr_g": 1e-3,
        "lr_d": 2e-4,
        "width": 32,
        "depth": 2,
        "noise": "normal",
        "sharp": False,
        "sizes": [16, 32],
        "remedies": ["mine", "theirs"],
    }
    assert config.method == "my_trainer.py:train"
    again = TrialConfig.model_validate_json(config.model_dump_json())
    assert again == config and again.digest == config.digest
    assert config.digest != spec.space.trial_config({"params.width": 16}).digest


def test_the_file_is_part_of_the_study(tmp_path: Path) -> None:
    spec = study(tmp_path)
    read_again = parse_document(spec.document, "ledger")
    assert read_again.identity() == spec.identity()
    (tmp_path / "my_trainer.py").write_text("def train(run):\n    return\n")
    text = (tmp_path / "my_trainer.py").read_text()
    other = parse_study(
        f'name = "s"\n[data]\nname = "ring"\n[train]\n{TRAIN}\n[train.params]\n{PARAMS}\n'
        f"[search]\ntrials = 4\n[search.space]\n{SPACE}",
        "study.toml",
        tmp_path,
    )
    assert text and other.identity() != spec.identity()


def test_parameters_of_the_reports_names_are_its_settings(tmp_path: Path) -> None:
    spec = study(tmp_path)
    params = {"params.k": "5 until 100 then 1", "params.remedies": "mine", "params.width": 8}
    config = spec.space.trial_config(params)
    start = TrialStart(
        params, config.digest, config.model_dump(mode="json"), StagePlace(Stage.SEARCH)
    )
    shown = flat_params(start)
    assert shown["k"] == "5 until 100 then 1" and shown["remedies"] == "mine"
    assert (shown["lr_g"], shown["lr_d"], shown["params.width"]) == (1e-3, 2e-4, 8)
    assert shown["method"] == "my_trainer.py:train" and shown["data"] == "ring"
    # What ganstudy's own training would have had is no setting of this trial.
    assert not {"loss", "beta1", "batch_size", "optimiser", "model", "latent_dim"} & shown.keys()
    assert run_name(7, start) == "0007 k=5 until 100 then 1 mine"


def test_what_is_not_declared_is_no_setting(tmp_path: Path) -> None:
    spec = study(tmp_path, params="width = 8", space='"params.width" = [8, 16]')
    config = spec.space.trial_config({"params.width": 16})
    start = TrialStart({}, config.digest, config.model_dump(mode="json"), StagePlace(Stage.SEARCH))
    assert not {"k", "lr_d", "lr_g", "remedies"} & flat_params(start).keys()


def test_twins_have_the_functions_remedies_off(tmp_path: Path) -> None:
    spec = study(tmp_path)
    template = spec.space.template
    drawn = {"params.k": 1, "params.remedies": "mine", "params.width": 8}
    assert template.without_remedies(drawn) == {**drawn, "params.remedies": "none"}
    assert template.remedy_set(drawn) == "mine"
    assert spec.space.num_remedy_sets() == 3 and spec.space.includes_plain_gan
    none = study(tmp_path, params="width = 8", space='"params.width" = [8, 16]').space
    assert none.num_remedy_sets() == 1 and none.includes_plain_gan
    assert none.template.remedy_set({"params.width": 8}) == "none"


def test_it_is_tried_at_both_ends_of_every_parameter(tmp_path: Path) -> None:
    tried = [config.function.params for config in study(tmp_path).distinct_architectures()]
    assert {params["width"] for params in tried} >= {8, 64}
    assert {params["noise"] for params in tried} == {"normal", "uniform"}
    assert {tuple(params["remedies"]) for params in tried} == {(), ("mine",), ("mine", "theirs")}
    assert len(tried) == 1 + 2 + 1 + 2 + 1 + 1 + 2


def test_no_trial_is_a_lane_of_a_pack(tmp_path: Path) -> None:
    spec = study(tmp_path, more='[schedule]\nname = "fifo"')
    assert lanes_by_default(spec) == 1
    assert trials_per_pack(spec, Stage.DESIGN, 3, 10) == 1
    assert trials_per_pack(spec, Stage.CONFIRM, 3, 10) == 1


REFUSED = {
    "k": ({"train": TRAIN + "k = 2"}, "train.k: a setting of ganstudy's own training"),
    "loss": ({"train": TRAIN + 'loss = "hinge"'}, "train.loss: a setting of ganstudy's own"),
    "remedies": ({"train": TRAIN + 'remedies = ["r1"]'}, "train.remedies: a setting of"),
    "batch size": ({"train": TRAIN + "batch_size = 8"}, "train.batch_size: a setting of"),
    "networks": ({"more": '[model]\nname = "mlp"'}, "model: a training function builds its own"),
    "losses": ({"more": "[losses.hinge]"}, "losses: a training function has its own loss"),
    "their options": ({"more": "[remedies.r1]\ngamma = 1"}, "remedies: a training function has"),
    "lanes": ({"more": "[resources]\nlanes = 8"}, "resources.lanes: must be 1 or absent, got 8"),
    "the game": ({"more": "[measures]\ngame_steps = 9"}, "measures.game_steps: duality gap and"),
    "not declared": (
        {"space": '"params.widht" = [1, 2]'},
        "search.space.params.widht: not declared in [train.params]: give it a value there "
        '(did you mean width?); known: "params.k"',
    ),
    "ours": ({"space": "k = [1, 2]"}, "search.space.k: a training function has its own parameters"),
    "a list": ({"space": '"params.sizes" = [1, 2]'}, "search.space.params.sizes: a list is one"),
    "no whole number": (
        {"space": '"params.width" = [8, 8.5]'},
        "search.space.params.width: must be whole, as its value in [train.params] is, got 8.5; declare it as 16.0",
    ),
    "no whole range": (
        {"space": '"params.width" = { low = 8, high = 9.5 }'},
        "search.space.params.width: a range of whole numbers needs whole ends",
    ),
    "no number": ({"space": '"params.lr_g" = ["a"]'}, "search.space.params.lr_g: must be a number"),
    "no rate": (
        {"space": '"params.lr_g" = [0, 1]'},
        "search.space.params.lr_g: must be > 0, got 0",
    ),
    "no k": ({"space": '"params.k" = [0]'}, "search.space.params.k: k must be > 0"),
    "no text": ({"space": '"params.noise" = [1]'}, "search.space.params.noise: must be text"),
    "no range": (
        {"space": '"params.noise" = { low = 1, high = 2 }'},
        "search.space.params.noise: noise is no number, so it cannot have a range",
    ),
    "no switch": ({"space": '"params.sharp" = [0, 1]'}, "search.space.params.sharp: must be true"),
    "twice": ({"space": '"params.k" = [0.5, "1/2"]'}, "search.space.params.k: choices must be dis"),
    "no sets": (
        {"space": '"params.remedies" = ["mine"]'},
        "search.space.params.remedies: remedies must be a list of lists",
    ),
    "a remedy called none": (
        {"space": '"params.remedies" = [[], ["none"]]'},
        "search.space.params.remedies: a remedy's name must be text without '+', other than 'none'",
    ),
    "a declared k": ({"params": 'k = "often"', "space": ""}, "train.params.k: k must be a number"),
    "declared remedies": (
        {"params": 'remedies = "mine"', "space": ""},
        "train.params.remedies: must be a list of names of remedies, each once",
    ),
    "a table": ({"params": "a = { b = 1 }", "space": ""}, "train.params.a: must be a number, text"),
    "a date": ({"params": '"a b" = 1', "space": ""}, "train.params.'a b': a parameter's name must"),
    "infinity": ({"params": "a = inf", "space": ""}, "train.params.a: must be finite, got inf"),
    "another method": (
        {"train": TRAIN.replace("my_trainer.py:train", "gans")},
        "train.method: unknown method 'gans' (did you mean gan?); known: gan, autoencoder, vae, my_trainer.py:train",
    ),
    "ours with parameters": (
        {"train": TRAIN.replace("my_trainer.py:train", "gan"), "space": ""},
        "train.params: are those of a training function ([train] method = ",
    ),
    "ours with searched parameters": (
        {"train": TRAIN.replace("my_trainer.py:train", "gan"), "params": ""},
        "search.space.params.k: a parameter of a training function, and ganstudy trains by itself",
    ),
    "no file": (
        {"train": TRAIN.replace("my_trainer", "your_trainer")},
        "train.method: your_trainer.py must be a Python file of yours, and there is no file",
    ),
    "two GPUs": ({"more": "[resources]\ngpus = 2"}, "resources.gpus: must be <= 1, got 2"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_such_a_study_cannot_use_is_refused(name: str, tmp_path: Path) -> None:
    changes, message = REFUSED[name]
    lines = refusal(tmp_path, **changes)
    assert any(line.startswith(f"study.toml: {message}") for line in lines), lines


def test_the_digests_of_studies_without_a_function_are_as_they_were(tmp_path: Path) -> None:
    config = TrialConfig(data={"name": "ring"}, budget={"unit": "updates", "amount": 2})
    assert "function" not in config.model_dump(exclude_none=True)
    # Of the version before there were functions: checkpoints on disk have it in their names.
    assert config.digest == DIGEST


DIGEST = "107264d0acd23daf"
