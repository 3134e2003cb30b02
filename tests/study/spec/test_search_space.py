"""The search space: what is asked of Optuna, and the configuration that comes of the answers."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import optuna
import pytest
from pydantic import ValidationError

from ganstudy.study.spec.domains import (
    MOST_DIVISORS,
    Choices,
    Fixed,
    Range,
    boundary_values,
    parse_domain,
)
from ganstudy.study.spec.keys import BATCH_DIVISORS, KEYS, TYPES
from ganstudy.study.spec.reader import read_study
from ganstudy.study.spec.search_space import SearchSpace
from ganstudy.study.spec.trial_template import TrialTemplate
from ganstudy.trials.config.remedies import REMEDIES
from ganstudy.trials.results.records import remedies_of, remedy_label

BASE: dict[str, Any] = {
    "data": {"name": "digits"},
    "model": {"name": "mlp", "latent_dim": 8},
    "remedies": [],
    "remedy_options": {"minibatch_discrimination": {"kernel_dim": 5}},
    "budget": {"unit": "updates", "amount": 100},
}
SETS = [[], ["historical_averaging"], ["minibatch_discrimination", "historical_averaging"]]
WEIGHT, KERNELS = "historical_averaging.weight", "minibatch_discrimination.kernels"


def space(base: dict[str, Any] | None = None, **domains: Any) -> SearchSpace:
    """A space; `__` in a keyword stands for the dot of a remedy's parameter."""
    named = {key.replace("__", "."): value for key, value in domains.items()}
    domains = {key: parse_domain(key, value) for key, value in named.items()}
    return SearchSpace(domains, TrialTemplate({**BASE, **(base or {})}))


def draws(
    searched: SearchSpace, storage: str | None = None, count: int = 40
) -> list[tuple[dict[str, Any], Any]]:
    """(what `suggest` returned, what Optuna kept of it) of some random trials."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), storage=storage)
    suggested = [searched.suggest(study.ask()) for _ in range(count)]
    return list(zip(suggested, (trial.params for trial in study.trials), strict=True))


@pytest.fixture(autouse=True)
def _quiet_optuna() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture
def rich_space() -> SearchSpace:
    """Every kind of domain, written with the remedies after their own parameters."""
    return space(
        historical_averaging__weight={"low": 1e-3, "high": 1.0, "log": True},
        minibatch_discrimination__kernels=[2, 4],
        minibatch_discrimination__reduction="mean",
        remedies=SETS,
        k=[0.5, 1, "1/3"],
        lr_d={"low": 1e-4, "high": 1e-2, "log": True},
        lr_g=1e-3,
        beta1={"low": 0, "high": 0.9},
        width={"low": 4, "high": 6},
        loss="minimax",
    )


def test_a_remedys_parameters_are_asked_only_where_it_is_on(rich_space: SearchSpace) -> None:
    seen = set()
    for params, _ in draws(rich_space):
        on = set(remedies_of(params["remedies"]))
        seen.add(params["remedies"])
        assert {key.split(".")[0] for key in params if "." in key} == on
        assert (WEIGHT in params) == ("historical_averaging" in on)
        assert (KERNELS in params) == ("minibatch_discrimination" in on)
    assert seen == {remedy_label(names) for names in SETS}


def test_the_remedies_of_the_file_decide_where_none_are_searched() -> None:
    domains = {
        "historical_averaging__weight": [0.1, 0.2],
        "minibatch_discrimination__kernels": [2, 4],
    }
    on = space({"remedies": ["historical_averaging"]}, **domains)
    assert all(set(params) == {WEIGHT} for params, _ in draws(on, count=5))
    assert on.remedies_in_use == {"historical_averaging"}
    assert all(params == {} for params, _ in draws(space(**domains), count=5))


def test_draws_lie_in_their_domains(rich_space: SearchSpace) -> None:
    found = [params for params, _ in draws(rich_space)]
    assert {params["k"] for params in found} == {0.5, 1, "1/3"}
    assert {params["width"] for params in found} == {4, 5, 6}
    assert all(type(params["width"]) is int for params in found)
    assert all(type(params["beta1"]) is float and 0 <= params["beta1"] <= 0.9 for params in found)
    assert len({params["beta1"] for params in found}) > 30, "real, although one end is whole"
    below = sum(params["lr_d"] < 1e-3 for params in found)
    assert 10 < below < 30, "half of a log range lies below its geometric mean"
    assert all(1e-4 <= params["lr_d"] <= 1e-2 for params in found)


def test_fixed_values_are_set_and_never_asked(rich_space: SearchSpace) -> None:
    for params, kept in draws(rich_space, count=10):
        assert (params["lr_g"], params["loss"]) == (1e-3, "minimax")
        assert {"lr_g", "loss", "minibatch_discrimination.reduction"} & set(kept) == set()


def test_with_fixed_undoes_what_optuna_keeps(rich_space: SearchSpace, tmp_path: Path) -> None:
    for params, kept in draws(rich_space, storage=f"sqlite:///{tmp_path / 'optuna.db'}", count=25):
        completed = rich_space.with_fixed(kept)
        assert completed == params
        assert {key: type(value) for key, value in completed.items()} == {
            k: type(v) for k, v in params.items()
        }
        assert rich_space.trial_config(completed).digest == rich_space.trial_config(params).digest


def test_configuration_of_a_draw(rich_space: SearchSpace) -> None:
    for params, _ in draws(rich_space, count=20):
        config = rich_space.trial_config(params)
        assert (
            config.k.last
            == {0.5: Fraction(1, 2), 1: Fraction(1), "1/3": Fraction(1, 3)}[params["k"]]
        )
        assert (config.lr_d, config.lr_g, config.loss) == (params["lr_d"], 1e-3, "minimax")
        assert (config.model.width, config.model.latent_dim) == (params["width"], 8)
        assert (
            set(config.remedies)
            == set(config.remedy_options)
            == set(remedies_of(params["remedies"]))
        )
        if "minibatch_discrimination" in config.remedies:
            expected = {
                "kernels": params[KERNELS],
                "kernel_dim": 5,
                "reduction": "mean",
                "weight_norm": True,
            }
            assert config.remedy_options["minibatch_discrimination"].model_dump() == expected
        if "historical_averaging" in config.remedies:
            assert config.remedy_options["historical_averaging"].model_dump() == {
                "weight": params[WEIGHT]
            }
    assert BASE["model"] == {"name": "mlp", "latent_dim": 8}, "the base is shared by all trials"
    assert BASE["remedy_options"] == {"minibatch_discrimination": {"kernel_dim": 5}}


def test_a_default_left_out_or_written_is_the_same_configuration() -> None:
    base = {"remedies": ["historical_averaging"]}
    left_out = space(base).trial_config({})
    assert (
        left_out.digest
        == space(base, historical_averaging__weight=0.1).trial_config({WEIGHT: 0.1}).digest
    )
    assert (
        left_out.digest
        != space(base, historical_averaging__weight=0.2).trial_config({WEIGHT: 0.2}).digest
    )


def test_a_parameter_of_a_remedy_that_is_off_changes_nothing() -> None:
    searched = space(remedies=SETS, historical_averaging__weight=[0.1, 0.2])
    plain, odd = ({"remedies": "none"}, {"remedies": "none", WEIGHT: 0.2})
    assert searched.with_fixed(odd) == plain
    assert searched.trial_config(odd).digest == searched.trial_config(plain).digest


def test_a_draw_out_of_bounds_is_refused() -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        space().trial_config({"lr_d": -1.0})


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("lr_d", 0.1, Fixed(0.1)),
        ("k", "1/3", Fixed("1/3")),
        ("k", [1, "1/3"], Choices((1, "1/3"))),
        ("width", {"low": 1, "high": 8}, Range(1, 8)),
        ("lr_d", {"low": 1, "high": 8.0}, Range(1.0, 8.0)),
        ("lr_d", {"low": 0.1, "high": 1, "log": True}, Range(0.1, 1.0, log=True)),
        ("lr_d", {"low": 0.1, "high": 0.1}, Range(0.1, 0.1)),
        (
            "remedies",
            SETS,
            Choices(
                ("none", "historical_averaging", "historical_averaging+minibatch_discrimination")
            ),
        ),
    ],
)
def test_domains(key: str, value: Any, expected: Fixed | Choices | Range) -> None:
    found = parse_domain(key, value)
    assert found == expected
    if isinstance(found, Range) and isinstance(expected, Range):
        assert (type(found.low), type(found.high)) == (type(expected.low), type(expected.high))


def test_the_search_space_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading tries hundreds of configurations against it, and the driver asks for it all the time."""
    parsed: list[str] = []

    def counted(key: str, value: Any, *own: Any) -> Any:
        parsed.append(key)
        return parse_domain(key, value, *own)

    monkeypatch.setattr("ganstudy.study.spec.domains.parse_domain", counted)
    spec, _ = read_study(Path(__file__).parents[3] / "examples" / "digits.toml")
    assert spec.distinct_architectures() and spec.space is spec.space
    assert sorted(parsed) == sorted(spec.search.space)


@pytest.mark.parametrize("names", SETS)
def test_labels_of_remedies_can_be_read_back(names: list[str]) -> None:
    assert remedies_of(remedy_label(names)) == sorted(names)
    assert remedy_label(names) == remedy_label(names[::-1])


def test_every_hyperparameter_has_a_type() -> None:
    assert set(TYPES) == set(KEYS)
    assert (TYPES["lr_d"], TYPES["batch_size"], TYPES["width"], TYPES[KERNELS]) == (
        float,
        int,
        int,
        int,
    )


def test_every_value_of_an_option_that_must_divide_the_batch_is_tried() -> None:
    """So no such option may take more values than are tried one by one."""
    for key in BATCH_DIVISORS:
        name, option = key.split(".")
        with pytest.raises(ValidationError):
            REMEDIES[name].model_validate({option: MOST_DIVISORS + 1})
        assert boundary_values(key, Range(2, MOST_DIVISORS)) == [*range(2, MOST_DIVISORS + 1)]
    assert boundary_values("batch_size", Range(2, 64)) == [2, 3, 64]
