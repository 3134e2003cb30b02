"""Rules of a study whose trials are trained by a function of the user's own."""

from __future__ import annotations

import json
from typing import Any

from ganstudy.study.spec.command_checks import command_problems
from ganstudy.study.spec.messages import key_part
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config.training_function import check_params

USED_OF_TRAIN = ("method", "digest", "params", "seeds", "budget", "evaluations")
"""Keys of [train] that a training function's study has; the others are ganstudy's own training's."""
OF_COMMANDS = ("command", "resume", "dry_run", "watch")
"""Those that a command's study has beside them."""
UNUSED_TABLES = {
    "model": "builds its own networks",
    "losses": "has its own loss",
    "remedies": "has its own remedies",
}


def function_problems(spec: StudySpec, values: dict[str, Any]) -> list[str]:
    """Return what a training function's study cannot use, and what is wrong with its parameters.

    values: the file as plain JSON. Where ganstudy trains, parameters alone can be wrong.
    """
    train = values["train"]
    if not spec.has_training_function:
        alone = [key for key in OF_COMMANDS if train.get(key)]
        if alone:
            return [f"train.{alone[0]}: belongs to a command, and [train] has no command = [...]"]
        if not train.get("params"):
            return []
        return [
            'train.params: are those of a training function ([train] method = "my_trainer.py:train"), '
            f"and method is {spec.train.method}"
        ]
    return [
        *_unused(train, values, _used(spec)),
        *(
            f"train.params.{key_part(name)}: {problem}"
            for name, problem in check_params(spec.train.params).items()
        ),
        *(command_problems(spec) if spec.has_command else []),
    ]


def _used(spec: StudySpec) -> tuple[str, ...]:
    return (*USED_OF_TRAIN, *(OF_COMMANDS if spec.has_command else ()))


def as_read(spec: StudySpec) -> dict[str, Any]:
    """Return the study with defaults filled in, as plain JSON, without what it cannot use."""
    values: dict[str, Any] = json.loads(spec.model_dump_json())
    train = values["train"]
    if spec.has_training_function:
        values = {name: table for name, table in values.items() if name not in UNUSED_TABLES}
        values["train"] = {key: train[key] for key in _used(spec)}
    else:
        for key in ("params", "digest", *OF_COMMANDS):
            del train[key]
    if spec.code is None:
        del values["code"]
    else:
        del values["code"]["files"]
    if not spec.measures.own:
        del values["measures"]["own"]
    if not spec.train.own:
        train.pop("own", None)
    return values


def _unused(train: dict[str, Any], values: dict[str, Any], used: tuple[str, ...]) -> list[str]:
    problems = [
        f"train.{key_part(key)}: a setting of ganstudy's own training, which a training function "
        f"does not read; declare it in [train.params], {key} = ..., to have it in run.params"
        for key in train
        if key not in (*used, "home", "code")
    ]
    problems += [
        f"{table}: a training function {what}; leave [{table}] out, and declare what it needs in "
        "[train.params]"
        for table, what in UNUSED_TABLES.items()
        if table in values
    ]
    if values.get("measures", {}).get("game_steps"):
        problems.append(
            "measures.game_steps: duality gap and path angle are measured on networks that ganstudy "
            "trains; leave it out"
        )
    if (lanes := values.get("resources", {}).get("lanes", 1)) > 1:
        problems.append(
            f"resources.lanes: must be 1 or absent, got {lanes}: a training function trains one "
            "seed, and none is trained as a lane of a pack"
        )
    return problems
