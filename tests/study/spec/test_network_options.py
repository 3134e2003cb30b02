"""Options of a user's own networks that are searched: names, ranges, configurations, packs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest

from ganstudy.study.errors import UserError
from ganstudy.study.ledger.trial_row import StagePlace
from ganstudy.study.spec.design_plan import plan
from ganstudy.study.spec.domains import Choices, Fixed, Range
from ganstudy.study.spec.reader import parse_document, parse_study
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.study.tracking.messages import TrialStart
from ganstudy.study.tracking.run_fields import flat_params
from ganstudy.trials.config import plugins
from ganstudy.trials.config.lanes import structure_of
from ganstudy.trials.results.records import Stage

FILE = """
def build(shape, latent_dim, width=32, slope: float = 0, *, deep=False, kind: "str | int" = "a", path=None):
    return None, None


def any_of_them(shape, latent_dim, **options):
    return None, None


def needy(shape, latent_dim, depth, width=3):
    return None, None


class Build:
    def __new__(cls, shape, latent_dim, width: float = 1):
        return None, None
"""
SPACE = """
"model.options.width" = [8, 16]
"model.options.slope" = { low = 0, high = 1 }
"""
TRAIN = "seeds = [0, 1]\nbudget = { generator_steps = 40 }\nevaluations = 4\n"


def study(folder: Path, space: str = SPACE, model: str = "", more: str = "") -> StudySpec:
    (folder / "nets.py").write_text(FILE)
    model = model or 'name = "nets.py:build"\noptions = { kind = "b" }\n'
    text = (
        f'name = "s"\n[data]\nname = "ring"\n[model]\n{model}[train]\n{TRAIN}'
        f"[search]\ntrials = 4\n[search.space]\n{space}\n{more}"
    )
    return parse_study(text, "study.toml", folder)


def test_options_are_searched_beside_fixed_ones(tmp_path: Path) -> None:
    spec = study(
        tmp_path, SPACE + '"model.options.deep" = [false, true]\n"model.options.path" = "x"\n'
    )
    assert spec.space.domains == {
        "model.options.width": Choices((8, 16)),
        "model.options.slope": Range(0.0, 1.0),
        "model.options.deep": Choices((False, True)),
        "model.options.path": Fixed("x"),
    }
    params = {"model.options.width": 16, "model.options.slope": 0.5, "model.options.path": "x"}
    config = spec.space.trial_config(params)
    assert config.model.model_dump()["options"] == {
        "kind": "b",
        "width": 16,
        "slope": 0.5,
        "path": "x",
    }
    shown = flat_params(TrialStart.of(params, config, StagePlace(Stage.SEARCH)))
    assert {key: value for key, value in shown.items() if key.startswith("model.options.")} == {
        **params,
        "model.options.kind": "b",
    }


def test_a_range_is_real_where_the_function_says_so_and_stays_so_without_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = study(
        tmp_path, SPACE + '"model.options.kind" = { low = 1, high = 3 }', 'name = "nets.py:build"\n'
    )
    real = spec.space.domains["model.options.slope"]
    assert real == Range(0.0, 1.0) and isinstance(real, Range) and type(real.low) is float
    # Of an option that may be anything, whole ends are a range of whole numbers.
    whole = spec.space.domains["model.options.kind"]
    assert whole == Range(1, 3) and isinstance(whole, Range) and type(whole.low) is int
    (tmp_path / "nets.py").unlink()
    monkeypatch.setattr(plugins, "_registered", {})
    again = parse_document(spec.document, "study.toml")
    assert again.space.domains == spec.space.domains and again == spec


@pytest.mark.parametrize("function", ["any_of_them", "Build"])
def test_what_a_file_does_not_show_python_tells(tmp_path: Path, function: str) -> None:
    spec = study(
        tmp_path, '"model.options.width" = { low = 0, high = 1 }', f'name = "nets.py:{function}"\n'
    )
    low = spec.space.domains["model.options.width"].low  # type: ignore[union-attr]
    assert type(low) is (float if function == "Build" else int)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a misspelt name": (
        {"space": '"model.options.widht" = [8, 16]'},
        r"search.space.model.options.widht: build (nets.py:2) takes no 'widht' (did you mean "
        "width?); known: width, slope, deep, kind, path",
    ),
    "a misspelt name that is fixed": (
        {"model": 'name = "nets.py:build"\noptions = { depth = 3 }\n'},
        "model.options.depth: build (nets.py:2) takes no 'depth'",
    ),
    "a misspelt name of a class": (
        {"space": '"model.options.widht" = 8', "model": 'name = "nets.py:Build"\n'},
        "takes no 'widht' (did you mean width?); known: width",
    ),
    "one that is missing": (
        {"model": 'name = "nets.py:needy"\n', "space": '"model.options.width" = [1, 2]'},
        "model.options.depth: is required by needy (nets.py:10), and missing",
    ),
    "what ganstudy gives": (
        {"space": '"model.options.shape" = [8, 16]'},
        "model.options must not hold shape: ganstudy gives it itself",
    ),
    "in two places": (
        {"space": '"model.options.kind" = ["a", "b"]'},
        "search.space.model.options.kind: stands in [model.options] too; name it in one place",
    ),
    "a range of yes and no": (
        {"space": '"model.options.deep" = { low = 0, high = 1 }'},
        "nets.py:2 takes bool there, which cannot have a range",
    ),
    "a real range of a whole number": (
        {"space": '"model.options.width" = { low = 0.5, high = 8 }'},
        "takes whole numbers there (int), so both ends of the range must be whole",
    ),
    "lists as choices": (
        {"space": '"model.options.path" = [[1, 2], [3]]'},
        "each choice must be a number, text, true or false",
    ),
    "not a number": ({"space": '"model.options.path" = [1.0, nan]'}, "must be finite, got nan"),
    "twice the same": ({"space": '"model.options.path" = [1, 1]'}, "choices must be distinct"),
    "an option of an option": (
        {
            "space": '"model.options.path.a" = [1, 2]',
            "model": 'name = "nets.py:any_of_them"\n',
        },
        "one word of their function, got 'path.a'",
    ),
    "networks of ganstudy's": (
        {"model": 'name = "mlp"\n', "space": '"model.options.width" = [8, 16]'},
        "an option of networks of your own, and [model] has mlp, whose options are searched by their "
        "names: latent_dim, latent, width",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path: Path, name: str) -> None:
    changes, told = REFUSED[name]
    with pytest.raises(UserError) as found:
        study(tmp_path, **changes)
    assert told in str(found.value)


def test_every_value_is_built_before_a_study_starts(tmp_path: Path) -> None:
    spec = study(
        tmp_path,
        '"model.options.width" = { low = 4, high = 64 }\n"model.options.deep" = [false, true]\n'
        'remedies = [[], ["r1"]]\n',
    )
    built = [config.model.model_dump()["options"] for config in spec.distinct_architectures()]
    assert [{k: v for k, v in each.items() if k != "kind"} for each in built] == [
        {"width": 4, "deep": False},
        {"width": 5, "deep": False},
        {"width": 64, "deep": False},
        {"width": 4, "deep": True},
        {"width": 4, "deep": False},  # with R1
    ]


def test_a_design_crosses_them_and_packs_hold_equal_networks_alone(tmp_path: Path) -> None:
    space = SPACE + "lr_g = { low = 1e-4, high = 1e-3, log = true }\n"
    more = '[design]\npoints = 4\nfactors = ["model.options.width"]\n'
    spec = study(tmp_path, space, more=more)
    trials = plan(spec)
    assert len(trials) == 8
    by_point: dict[int, list[Any]] = {}
    for trial in trials:
        by_point.setdefault(trial.point, []).append(trial.params)
    for first, second in by_point.values():
        assert {first["model.options.width"], second["model.options.width"]} == {8, 16}
        assert first["model.options.slope"] == second["model.options.slope"]
        assert structure_of(spec.space.trial_config(first)) != structure_of(
            spec.space.trial_config(second)
        )
    apart = dict(trials[0].params) | {"lr_g": 2e-4}
    assert structure_of(spec.space.trial_config(apart)) == structure_of(
        spec.space.trial_config(trials[0].params)
    )


def test_samplers_draw_them_and_baselines_have_them(tmp_path: Path) -> None:
    spec = study(tmp_path, SPACE + 'method = ["gan", "vae"]\n')
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    drawn = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    for _ in range(8):
        params = spec.space.suggest(drawn.ask())
        assert {"model.options.width", "model.options.slope"} <= params.keys()
        options = spec.space.trial_config(params).model.model_dump()["options"]
        assert options["width"] == params["model.options.width"]


def test_a_training_function_has_its_own_parameters(tmp_path: Path) -> None:
    (tmp_path / "t.py").write_text("def train(run): pass\n")
    text = (
        f'name = "s"\n[data]\nname = "ring"\n[train]\nmethod = "t.py:train"\n{TRAIN}[train.params]\nw = 1\n'
        '[search.space]\n"model.options.width" = [1, 2]\n'
    )
    with pytest.raises(UserError, match=r'declared in \[train.params\] and searched as "params.w"'):
        parse_study(text, "study.toml", tmp_path)
