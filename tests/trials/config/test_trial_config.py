"""A trial's configuration: its digest, its options, and what it shares with [train] of a study file."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from ganstudy.study.spec.keys import BASELINE_KEYS, MODEL_KEYS, TRIAL_KEYS
from ganstudy.study.spec.tables import Train
from ganstudy.trials.config.losses import LOSSES, LeastSquaresOptions
from ganstudy.trials.config.networks import MODELS, OwnModel
from ganstudy.trials.config.remedies import REMEDIES, DiffAugmentOptions, LeCamOptions
from ganstudy.trials.config.trial import TrainingSettings, TrialConfig

ALL_REMEDIES = {
    # By name, so that another remedy leaves the digest as it is.
    "remedies": [
        "optimistic_adam",
        "generator_ema",
        "lecam",
        "diff_augment",
        "instance_noise",
        "gradient_penalty",
        "r2",
        "r1",
        "spectral_normalisation",
        "unrolled_discriminator",
        "packing",
        "virtual_batch_normalisation",
        "one_sided_label_smoothing",
        "minibatch_discrimination",
        "historical_averaging",
        "feature_matching",
    ],
    "remedy_options": {
        "lecam": {"weight": 1, "start": 5},
        "diff_augment": {"policy": "color,cutout"},
        "r1": {"gamma": 3},
    },
    "model": {"name": "mlp", "batch_norm": True},
    "k": "5 until 100 then 1/3",
    "loss": "least_squares",
    "loss_options": {"a": -1},
}

# Digests are part of what studies keep: a configuration must have the same one for ever.
DIGESTS: dict[str, tuple[dict[str, Any], str]] = {
    "defaults": ({}, "7b5f42f4ebbd32c3"),
    "loss with options": ({"loss": "wasserstein_gp"}, "b742ea59f40834e2"),
    "all remedies": (ALL_REMEDIES, "f7ce1f5a32a9f7b8"),
    "other data": ({"data": {"name": "mnist"}}, "b47a2ff2e3a6c419"),
    "points": ({"data": {"name": "ring"}, "model": {"name": "pacgan_points"}}, "e20efb5a8eccc61e"),
    "baseline": ({"method": "vae"}, "c9a96e829690c48b"),
    "own networks": (
        {"model": {"name": "my_gan.py:build", "digest": "ab", "options": {"x": 1}}},
        "19e1f3a3b380fe32",
    ),
    "own data": (
        {"data": {"name": "my.py:b", "digest": "ab", "held_out": 0.3}},
        "bccfe1cfe9bf2281",
    ),
}


def config(**changes: Any) -> TrialConfig:
    base = {"data": {"name": "digits"}, "budget": {"unit": "generator_steps", "amount": 100}}
    return TrialConfig(**{**base, **changes})


@pytest.mark.parametrize("name", DIGESTS)
def test_digests_stay_what_they_were(name: str) -> None:
    changes, digest = DIGESTS[name]
    assert config(**changes).digest == digest


@pytest.mark.parametrize("name", DIGESTS)
def test_a_configuration_survives_json_and_its_own_fields(name: str) -> None:
    made = config(**DIGESTS[name][0])
    for again in (
        TrialConfig.model_validate_json(made.model_dump_json()),
        TrialConfig(**made.model_dump()),
        TrialConfig(**dict(made)),
    ):
        assert again == made and again.digest == made.digest


def test_options_keep_their_class_and_are_complete() -> None:
    made = config(**ALL_REMEDIES)
    assert made.loss_options == LeastSquaresOptions(a=-1)
    assert list(made.remedy_options) == list(made.remedies) == sorted(ALL_REMEDIES["remedies"])
    assert all(type(options) is REMEDIES[name] for name, options in made.remedy_options.items())
    assert made.remedy_options["lecam"] == LeCamOptions(weight=1, start=5)
    assert made.remedy_options["diff_augment"] == DiffAugmentOptions(policy=("color", "cutout"))
    written = json.loads(made.model_dump_json())
    assert written["loss_options"] == {"a": -1.0, "b": 1.0, "c": 1.0}
    assert written["remedy_options"]["lecam"] == {"weight": 1.0, "decay": 0.99, "start": 5}


def test_options_of_remedies_that_are_off_do_not_count() -> None:
    assert config(remedy_options={"lecam": {"weight": 1}}) == config()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": "x"}, "unknown loss 'x'"),
        ({"loss_options": {"clip": 1}}, "Extra inputs"),
        ({"remedies": ["r1"], "remedy_options": {"r1": {"gamma": -1}}}, "greater than or equal"),
        ({"remedies": ["r1", "r1"]}, "a remedy may be named once"),
    ],
)
def test_what_is_wrong_is_reported_once(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message) as error:
        config(**changes)
    assert error.value.error_count() == 1


def test_names_are_those_that_the_options_state() -> None:
    assert all(options.name == name for name, options in {**LOSSES, **REMEDIES}.items())
    assert type(config().model) is MODELS["mlp"]
    assert type(config(model={"name": "net.py:build"}).model) is OwnModel


def test_the_study_file_and_the_trial_share_their_settings() -> None:
    settings = TrainingSettings.model_fields
    assert Train.model_fields.keys() == settings.keys() | {
        *("digest", "params"),
        *("command", "resume", "dry_run", "watch", "home", "code"),
    }
    assert TrialConfig.model_fields.keys() > settings.keys()
    assert {*TRIAL_KEYS, "own", "seeds", "budget", "evaluations"} == settings.keys()
    of_a_gan = {"k", "lr_d", "loss", "remedies"}
    assert {*TRIAL_KEYS, *MODEL_KEYS} - of_a_gan == BASELINE_KEYS
