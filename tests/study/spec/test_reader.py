"""The study file: what is refused, with which words, and what a valid one becomes."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ganstudy.study.cli.main import main
from ganstudy.study.errors import UserError
from ganstudy.study.ledger.samplers import preview
from ganstudy.study.outlook.cost_estimate import cost_lines
from ganstudy.study.spec.messages import known_keys
from ganstudy.study.spec.reader import parse_study
from ganstudy.study.spec.study_spec import StudySpec, differences

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "examples").glob("*.toml"))
TRAIN = "budget = { generator_steps = 100 }\nevaluations = 2\n"
ROOT_KEYS = 'name = "s"\n'
REMEDIES = "feature_matching, historical_averaging, minibatch_discrimination"
WEIGHT = '"historical_averaging.weight"'
ON = 'remedies = ["historical_averaging"]\n'
OFF_RULE = (
    "a parameter of historical_averaging, which no configuration switches on (remedies in use: "
)


def toml(tables: dict[str, str] | None = None, root: str = ROOT_KEYS, train: str = TRAIN) -> str:
    """A small valid study file with `tables` in the place of its own, or beside them."""
    contents = {"data": 'name = "digits"', "train": train, **(tables or {})}
    return root + "".join(f"[{name}]\n{content}\n" for name, content in contents.items())


def train(more: str) -> str:
    """A study file with more lines in [train]."""
    return toml(train=TRAIN + more)


def space(lines: str, train_lines: str = "") -> str:
    """A study file with a search space."""
    return toml({"search.space": lines}, train=TRAIN + train_lines)


def budget(value: str) -> str:
    """A study file with another budget."""
    return toml(train=f"budget = {value}\nevaluations = 2\n")


BAD: dict[str, tuple[str, list[str]]] = {
    # Not a document.
    "syntax": ('name = "s"\n[data\nname = "digits"\n', ["not valid TOML", "line 2", "column 6"]),
    "key twice": ('name = "s"\nname = "t"\n', ["not valid TOML", "line 2"]),
    "endless number": (train("lr_d = " + "9" * 5000), ["not valid TOML"]),
    "endless nesting": (train("lr_d = " + "[" * 5000), ["not valid TOML"]),
    "nothing": ("", ["name: is required and missing", "data: is required", "train: is required"]),
    # Unknown keys, with the known ones.
    "unknown table": (
        toml({"serach": "trials = 1"}),
        ["serach: unknown key 'serach' (did you mean search?); known: name, question, data"],
    ),
    "unknown key": (
        train("learning_rate = 1"),
        ["train.learning_rate: unknown key", "lr_d, lr_g, beta1"],
    ),
    "unknown key of a model": (
        toml({"model": "hight = 1"}),
        ["model.hight", "known: name, latent_dim, latent, width, depth"],
    ),
    "unknown key of a budget": (
        budget("{ unit = 'images' }"),
        ["unknown budget unit 'unit'", "images"],
    ),
    "unknown hyperparameter": (
        space("lr = 0.1"),
        ["search.space.lr: unknown hyperparameter 'lr'", "k, lr_d, lr_g"],
    ),
    "unquoted dotted key": (
        space(WEIGHT.strip('"') + " = 0.1", ON),
        ["'historical_averaging'", WEIGHT.strip('"')],
    ),
    "unknown key of a range": (
        space("lr_d = { low = 1e-4, hi = 1 }"),
        ["lr_d: unknown key 'hi'", "low, high, log"],
    ),
    # Unknown names, with the known ones.
    "data": (
        toml({"data": 'name = "imagenet"'}),
        ["data.name: unknown data 'imagenet'", "known: digits, ring"],
    ),
    "model": (toml({"model": 'name = "gpt"'}), ["model.name: unknown model 'gpt'", "known: mlp"]),
    "loss": (
        train('loss = "focal"'),
        ["train.loss: unknown loss 'focal'", "known: non_saturating, minimax"],
    ),
    "loss in the space": (
        space('loss = ["minimax", "focal"]'),
        ["search.space.loss: unknown loss 'focal'", "minimax"],
    ),
    "sampler": (
        toml({"search": 'sampler = "cmaes"'}),
        ["search.sampler: unknown sampler 'cmaes'", "known: tpe, random"],
    ),
    "grid with a range": (
        toml({"search": 'sampler = "grid"', "search.space": "lr_d = { low = 0.1, high = 1 }"}),
        ["search.space: a grid needs lists of choices, and lr_d is a range"],
    ),
    "grid with options": (
        toml(
            {"search": 'sampler = "grid"', "search.space": f"{WEIGHT} = [0.1, 1]"}, train=TRAIN + ON
        ),
        ["search.space: a grid cannot hold historical_averaging.weight"],
    ),
    "grid too small": (
        toml(
            {
                "search": 'sampler = "grid"\ntrials = 5',
                "search.space": "k = [1, 2]\nlr_d = [0.1, 1]",
            }
        ),
        ["search.trials: must be <= 4, the configurations of this grid, got 5"],
    ),
    "incompatible": (
        space('loss = ["minimax", "hinge"]', 'remedies = ["one_sided_label_smoothing"]'),
        [
            "one_sided_label_smoothing needs a loss with a target",
            "non_saturating, minimax, least_squares",
            "loss = hinge",
        ],
    ),
    "weight clipping beside spectral normalisation": (
        space('loss = ["wasserstein", "hinge"]', 'remedies = ["spectral_normalisation"]'),
        ["wasserstein clips the weights that spectral_normalisation divides", "loss = wasserstein"],
    ),
    "modes of data that have their own": (
        toml({"data": 'name = "ring"', "measures": 'modes = "bins"'}),
        [
            "modes 'bins' is for data without modes of their own, and ring has a mixture's components"
        ],
    ),
    "fewer samples than FID needs": (
        toml({"measures": "samples = 64"}),
        ["FID on 64 features needs >= 65 generated samples, got samples=64"],
    ),
    "a vae whose latents are searched": (
        space('latent = ["normal", "uniform"]', 'method = "vae"'),
        [
            "a vae's latents are normal, and mlp as configured draws uniform ones",
            "latent = uniform",
        ],
    ),
    "a vae with uniform latents": (
        toml({"model": 'name = "dcgan"'}, train=TRAIN + 'method = "vae"\n'),
        ["a vae's latents are normal, and dcgan as configured draws uniform ones: set latent"],
    ),
    "switches that exclude each other": (
        space("optimistic_adam = [false, true]\nextragradient = [false, true]"),
        ["extragradient and optimistic_adam cannot be on together"],
    ),
    "schedule of k": (
        train('k = "5 until 10"'),
        ["train.k: a schedule of k reads '5 until 100 then 1'"],
    ),
    "schedule of k that falls": (train('k = "5 until 9 then 2 until 3 then 1"'), ["rising"]),
    "option of another model": (
        space("batch_norm = [1]"),
        ["search.space.batch_norm: must be true or false"],
    ),
    "schedule": (
        toml({"schedule": 'name = "pbt"'}),
        ["schedule.name: unknown schedule 'pbt'", "known: asha, fifo"],
    ),
    "measure": (
        toml({"objective": 'minimize = "fidd"'}),
        ["unknown measure 'fidd'", "known: fid, kid"],
    ),
    "verdict": (
        toml({"objective": "require = { ok = 0 }"}),
        ["unknown verdict to limit 'ok'", "known: collapsed"],
    ),
    "remedy": (
        train('remedies = ["dropout"]'),
        ["train.remedies: unknown remedy 'dropout'", REMEDIES],
    ),
    "remedy beside a space": (
        space("lr_d = 0.1", 'remedies = ["x"]'),
        ["train.remedies: unknown remedy 'x'"],
    ),
    "remedy in the space": (
        space('remedies = [[], ["x"]]'),
        ["search.space.remedies: unknown remedy 'x'", REMEDIES],
    ),
    "remedy called none": (
        space('remedies = [["none"]]'),
        ["search.space.remedies: unknown remedy 'none'", REMEDIES],
    ),
    "remedies joined": (
        space('remedies = [["feature_matching+historical_averaging"]]'),
        ["unknown remedy 'feature_matching+historical_averaging'", REMEDIES],
    ),
    "remedy that is a number": (
        space("remedies = [[1]]"),
        ["search.space.remedies: unknown remedy 1", REMEDIES],
    ),
    "options of an unknown remedy": (
        toml({"remedies.x": "weight = 1"}),
        ["remedies.x: unknown remedy 'x'", REMEDIES],
    ),
    "no options of an unknown remedy": (
        toml({"remedies.x": ""}),
        ["remedies.x: unknown remedy 'x'", REMEDIES],
    ),
    "unknown option": (
        toml({"remedies.historical_averaging": "wieght = 1"}, train=TRAIN + ON),
        [
            "remedies.historical_averaging.wieght: unknown option",
            "(did you mean weight?); known: weight",
        ],
    ),
    # The one that is meant comes before all others.
    "misspelt key": (
        train("evalutions = 4"),
        ["unknown key 'evalutions' (did you mean evaluations?); known: budget, evaluations, seeds"],
    ),
    "misspelt remedy": (
        space('remedies = [[], ["feature_maching"]]'),
        ["'feature_maching' (did you mean feature_matching?); known: feature_matching"],
    ),
    "beginning of a remedy's name": (
        space('remedies = [[], ["minibatch"]]'),
        ["'minibatch' (did you mean minibatch_discrimination?)"],
    ),
    "misspelt model": (
        toml({"model": 'name = "DCGANN"'}),
        ["unknown model 'DCGANN' (did you mean dcgan?); known: mlp, dcgan"],
    ),
    "misspelt value": (
        toml({"data": 'name = "images"\npath = "."\nlabels = "folder"'}),
        ["data.labels: unknown value 'folder' (did you mean folders?); known: none, folders, file"],
    ),
    "beginning of two keys": (space("lr = 0.1"), ["'lr' (did you mean lr_d or lr_g?); known: k"]),
    # What reading a file fills in is no key of it.
    "digest of a method": (train('digest = "x"'), ["train.digest: unknown key 'digest'", "budget"]),
    "home of a command": (train('home = "x"'), ["train.home: unknown key 'home'; known: budget"]),
    # k.
    "k = 0": (train("k = 0"), ["train.k: k must be > 0", "got k=0"]),
    "k = 0 beside a space": (space("lr_d = 0.1", "k = 0"), ["train.k: k must be > 0", "got k=0"]),
    "k negative": (train("k = -0.5"), ["train.k: k must be > 0", "got k=-0.5"]),
    "k negative text": (train('k = "-1/3"'), ["train.k: k must be > 0", "got k=-1/3"]),
    "k no fraction": (
        train('k = "1/0"'),
        ["train.k: k must be a number from 1/1000 to 1000 or a fraction", "got '1/0'"],
    ),
    "k = nan": (
        train("k = nan"),
        ["train.k: k must be a number from 1/1000 to 1000 or a fraction", "got nan"],
    ),
    "k beyond all floats": (
        train('k = "1e400"'),
        ["train.k: k must be a number from 1/1000 to 1000", "got '1e400'"],
    ),
    "k too large": (
        train("k = 1001"),
        ["train.k: k must be a number from 1/1000 to 1000", "got 1001"],
    ),
    "k too small": (
        train("k = 0.0009"),
        ["train.k: k must be a number from 1/1000 to 1000", "got 0.0009"],
    ),
    "k a list": (
        train("k = [1, 2]"),
        ["train.k: k must be a number from 1/1000 to 1000 or a fraction", "got [1, 2]"],
    ),
    "k = 0 in the space": (space("k = 0"), ["search.space.k: k must be > 0", "got k=0"]),
    "k = 0 among choices": (space("k = [1, 2, 0]"), ["search.space.k: k must be > 0", "got k=0"]),
    "k range from 0": (
        space("k = { low = 0, high = 2 }"),
        ["search.space.k: k must be > 0", "got k=0"],
    ),
    "k twice": (space('k = [0.5, "1/2"]'), ["search.space.k: choices must be distinct", "'1/2'"]),
    # Domains.
    "low > high": (
        space("lr_d = { low = 1e-2, high = 1e-4 }"),
        ["search.space.lr_d: low <= high", "low=0.01"],
    ),
    "log from 0": (
        space("lr_d = { low = 0, high = 1, log = true }"),
        ["lr_d: a log range needs low > 0", "low=0"],
    ),
    "log from -1": (
        space("width = { low = -1, high = 8, log = true }"),
        ["width: a log range", "got low=-1"],
    ),
    "log no switch": (
        space("lr_d = { low = 1e-4, high = 1, log = 1 }"),
        ["lr_d: log must be true or false, got 1"],
    ),
    "no low": (
        space("lr_d = { high = 1 }"),
        ["search.space.lr_d: a range needs a finite number `low`, got None"],
    ),
    "empty range": (space("lr_d = {}"), ["search.space.lr_d: a range needs a finite number `low`"]),
    "range to inf": (space("lr_d = { low = 1, high = inf }"), ["a finite number `high`, got inf"]),
    "range from nan": (space("lr_d = { low = nan, high = 1 }"), ["a finite number `low`, got nan"]),
    "range past all floats": (
        space(f"lr_d = {{ low = 0.5, high = 1{'0' * 400} }}"),
        ["lr_d: a range needs a finite"],
    ),
    "range of booleans": (
        space("lr_d = { low = false, high = true }"),
        ["a finite number `low`, got False"],
    ),
    "range of texts": (space("lr_d = { low = '1', high = 2 }"), ["a finite number `low`, got '1'"]),
    "fractions of a width": (
        space("width = { low = 1.0, high = 9.0 }"),
        ["search.space.width: ", "whole", "low=1.0"],
    ),
    "no choices": (space("k = []"), ["search.space.k: at least one choice is needed"]),
    "no remedy sets": (
        space("remedies = []"),
        ["search.space.remedies: at least one choice is needed"],
    ),
    "choice twice": (space("lr_d = [0.1, 0.2, 0.1]"), ["lr_d: choices must be distinct, but 0.1"]),
    "remedy set twice": (
        space(
            'remedies = [["feature_matching", "historical_averaging"], ["historical_averaging", "feature_matching"]]'
        ),
        ["search.space.remedies: choices must be distinct"],
    ),
    "remedy twice in a set": (
        space('remedies = [["feature_matching", "feature_matching"]]'),
        ["search.space.remedies: a remedy may be named once"],
    ),
    "remedy twice": (
        train('remedies = ["feature_matching", "feature_matching"]'),
        ["train.remedies: a remedy may"],
    ),
    "flat remedies": (
        space('remedies = ["feature_matching"]'),
        ["remedies must be a list of lists"],
    ),
    "one remedy": (space('remedies = "feature_matching"'), ["remedies must be a list of lists"]),
    "choices of lists": (
        space("lr_d = [[0.1]]"),
        ["search.space.lr_d: must be a number or text", "got [0.1]"],
    ),
    "learning rate 0": (
        space("lr_g = { low = 0, high = 0.1 }"),
        ["search.space.lr_g: must be > 0, got 0"],
    ),
    "beta 1": (space("beta1 = [0.5, 1.0]"), ["search.space.beta1: must be < 1, got 1.0"]),
    "batch of 1": (space("batch_size = [1, 2]"), ["search.space.batch_size: must be >= 2, got 1"]),
    # Seeds.
    "seeds twice": (
        train("seeds = [0, 1, 0]"),
        ["train.seeds: seeds must be distinct", "[0]", "[0, 1, 0]"],
    ),
    "no seeds": (train("seeds = []"), ["train.seeds: at least one seed"]),
    "negative seed": (train("seeds = [-1]"), ["train.seeds: seeds must be >= 0, got -1"]),
    # Remedies that are off.
    "option of a remedy that is off": (
        toml({"remedies.historical_averaging": "weight = 1"}),
        ["remedies.historical_averaging.weight: " + OFF_RULE + "none"],
    ),
    "option asked of a remedy that is off": (
        space(f'{WEIGHT} = [0.1, 0.2]\nremedies = [[], ["feature_matching"]]'),
        ["search.space.historical_averaging.weight: " + OFF_RULE + "feature_matching"],
    ),
    "option out of range": (
        toml({"remedies.historical_averaging": "weight = -1"}, train=TRAIN + ON),
        ["remedies.historical_averaging.weight: must be >= 0, got -1"],
    ),
    "option asked out of range": (
        space(f"{WEIGHT} = [0.1, -2]", ON),
        [WEIGHT.strip('"'), "must be >= 0, got -2"],
    ),
    "option no choice of its own": (
        toml(
            {"remedies.feature_matching": 'norm = "l3"'},
            train=TRAIN + 'remedies = ["feature_matching"]',
        ),
        ["remedies.feature_matching.norm: ", "unknown value 'l3'; known: l2_squared, l1"],
    ),
    # Budget.
    "budget unit": (
        budget("{ epochs = 3 }"),
        ["train.budget", "unknown budget unit 'epochs'", "generator_steps, disc"],
    ),
    "budget of two units": (
        budget("{ images = 9, updates = 9 }"),
        ["train.budget: budget must name one unit"],
    ),
    "budget without a unit": (
        budget("100"),
        ["train.budget: budget must name one unit", "got 100"],
    ),
    "budget 0": (budget("{ updates = 0 }"), ["train.budget", "must be > 0, got 0"]),
    "budget inf": (budget("{ updates = inf }"), ["train.budget", "finite number, got inf"]),
    "evaluations > budget": (
        budget("{ updates = 1 }"),
        ["train: evaluations <= budget", "evaluations=2", "budget=1"],
    ),
    "no evaluations": (
        toml(train="budget = { updates = 9 }\nevaluations = 0"),
        ["train.evaluations: must be >= 1"],
    ),
    "grace > budget": (
        toml({"schedule": "grace = 101"}),
        ["schedule.grace <= budget must hold", "101 > 100"],
    ),
    "rungs without end": (
        toml({"schedule": "grace = 1\nreduction_factor = 1.0000001"}),
        ["schedule.reduction_factor"],
    ),
    # Wrong types.
    "true for a rate": (train("lr_d = true"), ["train.lr_d: ", "number, got True"]),
    "text for a rate": (train('lr_d = "1e-4"'), ["train.lr_d: ", "number, got '1e-4'"]),
    "table for a rate": (train("lr_d = { low = 1, high = 2 }"), ["train.lr_d: ", "number, got {"]),
    "nan for a rate": (train("lr_d = nan"), ["train.lr_d: ", "finite number, got nan"]),
    "inf for a rate": (train("lr_g = inf"), ["train.lr_g: ", "finite number, got inf"]),
    "nan for a beta": (train("beta1 = nan"), ["train.beta1: ", "got nan"]),
    "date for a rate": (train("lr_d = 2020-01-01"), ["train.lr_d: ", "number, got '2020-01-01'"]),
    "true for evaluations": (
        toml(train=TRAIN.replace("2", "true")),
        ["train.evaluations: ", "integer, got True"],
    ),
    "true for a batch": (train("batch_size = true"), ["train.batch_size: ", "integer, got True"]),
    "half a batch": (train("batch_size = 64.5"), ["train.batch_size: ", "integer, got 64.5"]),
    "true for a seed": (train("seeds = [true, 2]"), ["train.seeds", "integer, got True"]),
    "true for k": (
        train("k = true"),
        ["train.k: k must be a number from 1/1000 to 1000", "got True"],
    ),
    "true for a budget": (budget("{ updates = true }"), ["train.budget", "number, got True"]),
    "true for a width": (toml({"model": "width = true"}), ["model.width: ", "integer, got True"]),
    "true for cpus": (toml({"resources": "cpus = true"}), ["resources.cpus: ", "number, got True"]),
    "inf cpus": (toml({"resources": "cpus = inf"}), ["resources.cpus: ", "finite number, got inf"]),
    "nan gpus": (toml({"resources": "gpus = nan"}), ["resources.gpus: ", "finite number, got nan"]),
    "one GPU and a half": (
        toml({"resources": "gpus = 1.5"}),
        ["resources.gpus: must be <= 1, got 1.5: a trial trains on one GPU"],
    ),
    "two GPUs": (
        toml({"resources": "gpus = 2"}),
        ["resources.gpus: must be <= 1, got 2: a trial trains on one GPU", "a fraction"],
    ),
    "one core and a half": (
        toml({"resources": "cpus = 1.5"}),
        ["resources: cpus above 1 must be whole, got 1.5"],
    ),
    "true for trials": (
        toml({"search": "trials = true"}),
        ["search.trials: ", "integer, got True"],
    ),
    "true for a limit": (
        toml({"objective": "require = { collapsed = true }"}),
        ["objective.require", "got True"],
    ),
    "true for an option": (
        toml({"remedies.historical_averaging": "weight = true"}, train=TRAIN + ON),
        ["remedies.historical_averaging.weight: ", "number, got True"],
    ),
    "true in the space": (space("lr_d = true"), ["search.space.lr_d: ", "number", "got True"]),
    "true among choices": (
        space("lr_d = [0.1, true]"),
        ["search.space.lr_d: ", "number", "got True"],
    ),
    "text among numbers": (
        space('batch_size = [32, "64"]'),
        ["search.space.batch_size: must be a number, got '64'"],
    ),
    "text for a table": (
        'name = "s"\ndata = "digits"\n[train]\n' + TRAIN,
        ["data: must be a table, got 'digits'"],
    ),
    "list for a table": (
        toml({"search": "space = [1]"}),
        ["search.space: must be a table, got [1]"],
    ),
    "number for a remedy's table": (
        toml({"remedies": "historical_averaging = 1"}),
        ["must be a table, got 1"],
    ),
    # One place for each key.
    "in train and space": (
        space("lr_d = [0.1, 0.2]", "lr_d = 0.1"),
        ["search.space.lr_d: stands in [train] too"],
    ),
    "in model and space": (
        toml({"model": "width = 8", "search.space": "width = [8, 16]"}),
        ["search.space.width: stands in [model] too"],
    ),
    "in remedies and space": (
        toml(
            {"remedies.historical_averaging": "weight = 1", "search.space": f"{WEIGHT} = [1, 2]"},
            train=TRAIN + ON,
        ),
        ["search.space.historical_averaging.weight: stands in [remedies.historical_averaging] too"],
    ),
    # Tracking: an address and nothing else, and what was given is not told.
    **{
        f"tracking {uri!r}": (toml({"tracking": f"uri = {uri}"}), ["tracking", *told])
        for uri, told in {
            '"http://user:hunter2@host"': ["MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"],
            '"http://hunter2@host"': ["no user name or password"],
            '"http://host/?token=hunter2"': ["no query (?)"],
            '"http://host/#hunter2"': ["no fragment (#)"],
            '"hunter2://host"': ["http://HOST[:PORT][/PATH], or https://"],
            '"sqlite:///x.db"': ["http://HOST[:PORT][/PATH], or https://"],
            '"http://user:hunter2"': ["http://HOST[:PORT][/PATH], or https://"],
            '"http://[hunter2]"': ["http://HOST[:PORT][/PATH], or https://"],
            '"http:/user:hunter2/host"': ["http://HOST[:PORT][/PATH], or https://"],
            '""': ["http://HOST[:PORT][/PATH], or https://"],
            '["http://user:hunter2@host"]': ["string; what was given is not repeated"],
            '{ password = "hunter2" }': ["string; what was given is not repeated"],
        }.items()
    },
    "text for tracking": (
        toml(root=ROOT_KEYS + 'tracking = "http://user:hunter2@host"\n'),
        ["tracking: must be a table; what was given is not repeated"],
    ),
    # Objective.
    "margin of nothing": (
        toml({"objective": "margin = 0"}),
        ["objective.margin: must be > 0, got 0"],
    ),
    "margin in percent": (
        toml({"objective": "margin = 15"}),
        ["objective: margin must be <= 1 for fid", "a factor of 1.15", "got 15"],
    ),
    "margin of a share in percent": (
        toml({"objective": 'maximize = "recall"\nmargin = 2'}),
        ["objective: margin must be <= 0.5 for recall", "got 2"],
    ),
    "infinite margin": (
        toml({"objective": 'minimize = "kid"\nmargin = inf'}),
        ["objective.margin"],
    ),
    "margin that is no number": (
        toml({"objective": "margin = true"}),
        ["objective.margin", "got True"],
    ),
    "two objectives": (
        toml({"objective": 'minimize = "fid"\nmaximize = "recall"'}),
        ["objective: name one of"],
    ),
    "wrong direction": (
        toml({"objective": 'maximize = "fid"'}),
        ["objective: fid is better smaller", "minimize"],
    ),
    "measure without a direction": (
        toml({"objective": 'minimize = "loss_d"'}),
        ["unknown measure 'loss_d'"],
    ),
    "negative limit": (
        toml({"objective": "require = { collapsed = -1 }"}),
        ["objective.require", "got -1"],
    ),
    **{
        f"name {name!r}": (
            toml(root=f"name = {json.dumps(name)}\n"),
            ["name: ", "letters, digits", repr(name)],
        )
        for name in ("", ".", "..", "../x", "a/b", "a b", "a\n", "-a", "é", "a" * 81)
    },
}


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Commands run in an empty folder, so that whatever they write is seen, and can never reach Ray."""
    monkeypatch.setitem(sys.modules, "ganstudy.study.driver.run", None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANSTUDY_HOME", raising=False)
    return CliRunner()


@pytest.mark.parametrize(("text", "fragments"), BAD.values(), ids=BAD)
def test_bad_file_is_refused_in_clear_words(text: str, fragments: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        parse_study(text, "my.toml")
    message = str(caught.value)
    assert all(line.startswith("my.toml: ") for line in message.splitlines()), message
    assert [fragment for fragment in fragments if fragment not in message] == [], message
    assert "hunter2" not in message
    assert ": :" not in message and "pydantic" not in message and "Config" not in message, message


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize(("text", "fragments"), BAD.values(), ids=BAD)
def test_bad_file_ends_with_code_2_and_nothing_written(
    command: str, text: str, fragments: list[str], runner: CliRunner
) -> None:
    Path("my.toml").write_text(text, encoding="utf-8")
    result = runner.invoke(main, [command, "my.toml", "--home", "home"])
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == "" and result.stderr.startswith("ganstudy: my.toml: ")
    assert "hunter2" not in result.stderr
    assert [path.name for path in Path().iterdir()] == ["my.toml"]


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such study file"),
        (b'name = "\xff"', "cannot be read"),
        ("folder", "cannot be read"),
    ],
    ids=["missing", "not UTF-8", "a folder"],
)
def test_unreadable_file(
    command: str, content: bytes | str | None, message: str, runner: CliRunner
) -> None:
    file = Path("my.toml")
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content:
        file.mkdir()
    result = runner.invoke(main, [command, "my.toml", "--home", "home"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("ganstudy: my.toml: ") and message in result.stderr
    assert not Path("home").exists()


def test_a_bad_file_given_to_the_installed_command(tmp_path: Path) -> None:
    """In a process of its own: one message, no traceback, code 2."""
    (tmp_path / "my.toml").write_text(train("k = 0"), encoding="utf-8")
    command = [
        sys.executable,
        "-P",
        "-c",
        "from ganstudy.study.cli.main import main; main()",
        "check",
        "my.toml",
        "--home",
        "home",
    ]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 2 and result.stdout == ""
    assert (
        result.stderr.splitlines() == [result.stderr.strip()] and "k must be > 0" in result.stderr
    )
    assert not (tmp_path / "home").exists()


def test_all_mistakes_are_told_at_once() -> None:
    text = toml({"search": 'sampler = "x"\ntrials = -1', "model": 'name = "y"'})
    with pytest.raises(UserError) as caught:
        parse_study(text, "my.toml")
    places = [line.split(": ")[1] for line in str(caught.value).splitlines()]
    assert sorted(places) == ["model.name", "search.sampler", "search.trials"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_valid(path: Path, runner: CliRunner) -> None:
    spec = parse_study(path.read_text(encoding="utf-8"), path.name, path.parent)
    assert_usable(spec)
    assert runner.invoke(main, ["check", str(path), "--home", "home", "--no-time"]).exit_code == 0
    assert not Path("home").exists()


def test_there_are_examples() -> None:
    assert "digits" in {path.stem for path in EXAMPLES}


def test_defaults() -> None:
    spec = parse_study(toml(), "my.toml")
    assert (spec.model.name, spec.model.latent_dim, spec.model.width, spec.model.depth) == (
        "mlp",
        32,
        128,
        2,
    )
    assert (spec.train.loss, spec.train.k, spec.train.batch_size, spec.train.seeds) == (
        "non_saturating",
        1,
        64,
        (0, 1, 2),
    )
    assert (spec.search.sampler, spec.search.trials, spec.search.seed, spec.search.space) == (
        "tpe",
        24,
        0,
        {},
    )
    assert (spec.objective.measure, spec.objective.direction) == ("fid", "minimize")
    assert spec.objective.require == {"collapsed": 0, "cycling": 0, "diverged": 0}
    assert (spec.schedule.name, spec.resources.cpus, spec.resources.gpus, spec.tracking.uri) == (
        "asha",
        1,
        0,
        None,
    )
    assert spec.grace == pytest.approx(100 / 9)
    assert spec.rungs() == pytest.approx([100 / 9, 100 / 3]), "and never the budget itself"


def test_a_stated_limit_leaves_the_others_at_zero() -> None:
    spec = parse_study(
        toml({"objective": 'maximize = "recall"\nrequire = { collapsed = 2 }'}), "my.toml"
    )
    assert spec.objective.require == {"collapsed": 2, "cycling": 0, "diverged": 0}
    assert (spec.objective.measure, spec.objective.direction) == ("recall", "maximize")


SPACE = {"search.space": "lr_d = { low = 1e-4, high = 3e-3, log = true }\nk = [0.5, 1]"}


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (toml(SPACE), []),
        (toml(SPACE, root=ROOT_KEYS + 'question = "Why?"\n'), []),
        (toml({**SPACE, "search": "trials = 99"}), []),
        (toml({**SPACE, "resources": "cpus = 2"}), []),
        (toml({**SPACE, "tracking": 'uri = "http://x"'}), ['tracking.uri: null -> "http://x"']),
        (toml({**SPACE, "model": "width = 128", "search": 'sampler = "tpe"'}), []),
        (toml({**SPACE, "search": "seed = 7"}), ["search.seed: 0 -> 7"]),
        (toml({**SPACE, "data": 'name = "ring"'}), ['data.name: "digits" -> "ring"']),
        (toml(SPACE, train=TRAIN + "seeds = [0, 1]"), ["train.seeds: [0, 1, 2] -> [0, 1]"]),
        (
            toml({"search.space": SPACE["search.space"].replace("3e-3", "1e-2")}),
            ["search.space.lr_d.high: 0.003 -> 0.01"],
        ),
        (
            toml({"search.space": SPACE["search.space"] + "\nwidth = [8, 16]"}),
            ["search.space.width: absent -> [8, 16]"],
        ),
        (
            toml({"search.space": "k = [0.5, 1]", "schedule": "grace = 50"}),
            [
                "search.space.lr_d.low: 0.0001 -> absent",
                "search.space.lr_d.high: 0.003 -> absent",
                "search.space.lr_d.log: true -> absent",
                "schedule.grace: null -> 50.0",
            ],
        ),
    ],
)
def test_what_makes_a_file_a_different_study(other: str, expected: list[str]) -> None:
    old, new = (parse_study(text, "my.toml").identity() for text in (toml(SPACE), other))
    assert sorted(differences(old, new)) == sorted(expected)


@pytest.mark.parametrize(
    ("amount", "batch", "expected"),
    [
        ("{ generator_steps = 100 }", 10, "150 to 300 updates"),
        ("{ discriminator_steps = 100 }", 10, "150 to 300 updates"),
        ("{ updates = 100 }", 10, "100 updates"),
        ("{ images = 1000 }", 10, "150 to 300 updates"),
        ("{ images = 1000 }", [5, 10], "150 to 600 updates"),
    ],
)
def test_cost_of_a_study(
    amount: str, batch: int | list[int], expected: str, tmp_path: Path
) -> None:
    """k from 1/2 to 2: a discriminator step comes with 1/k generator steps."""
    text = toml(
        {"search.space": f"k = [2, 0.5, 1]\nbatch_size = {batch}"},
        train=TRAIN.replace("{ generator_steps = 100 }", amount),
    )
    lines = cost_lines(parse_study(text, "my.toml"))
    assert any(expected in line for line in lines), lines


@pytest.mark.parametrize(
    ("amount", "k", "said"),
    [
        (
            "{ generator_steps = 1000 }",
            "[1]",
            "lecam never acts: it sets in after 1,000 discriminator steps, and a trial",
        ),
        ("{ generator_steps = 1001 }", "[1]", None),
        (
            "{ generator_steps = 500 }",
            "[1, 5]",
            "never acts in some trials: it sets in after up to 1,000 discriminator",
        ),
        ("{ generator_steps = 500 }", "[3, 5]", None),
        ("{ updates = 2000 }", "[1]", "lecam never acts"),
        ("{ updates = 2010 }", "[1]", None),
        ("{ images = 64000 }", "[1]", "lecam never acts"),
        ("{ discriminator_steps = 1001 }", "[1]", None),
        ("{ seconds = 1 }", "[1]", None),
    ],
)
def test_a_check_tells_of_a_penalty_that_never_sets_in(
    amount: str, k: str, said: str | None, tmp_path: Path
) -> None:
    text = toml(
        {"search.space": f"k = {k}\nbatch_size = [64]\nlecam = [true, false]"},
        train=TRAIN.replace("{ generator_steps = 100 }", amount),
    )
    told = " ".join(line for line in cost_lines(parse_study(text, "my.toml")) if "lecam" in line)
    assert said in told if said else told == "", told


def assert_usable(spec: StudySpec) -> None:
    """Every command that reads a valid study can work with it."""
    for params in preview(spec, 3):
        spec.space.trial_config(params)
    assert differences(spec.identity(), spec.identity()) == []
    json.dumps(spec.identity())
    assert cost_lines(spec)


NASTY: list[Any] = [
    *(True, False, 0, -1, 1, 2, 2**63, 10**30, 1e308, -0.0, 0.5, float("inf"), float("nan")),
    *("", "none", "1/3", "x" * 200, "é\u0000", "low", "collapsed"),
    *(
        [],
        [[]],
        [True],
        [1, 1],
        [1, 2],
        [0.5, "1/3"],
        ["feature_matching"],
        [["feature_matching"]],
        [[1]],
        [{}],
        [None],
    ),
    *(
        {},
        {"low": 1, "high": 0},
        {"low": 1.5, "high": 64},
        {"low": 2.0, "high": 64.0},
        {"low": 2, "high": 64},
    ),
    *({"low": 0.1, "high": 1, "log": True}, {"weight": 1}, {"images": 50}, {"collapsed": 3}),
]
STRANGE_KEYS = [
    "",
    "a.b",
    "low",
    "name",
    "k",
    "remedies",
    "feature_matching.norm",
    "model_fields",
    "__class__",
    "self",
]


def as_toml(value: Any) -> str:
    """`value` as an inline TOML value; None, which TOML lacks, as a date."""
    if isinstance(value, dict):
        return (
            "{ "
            + ", ".join(f"{json.dumps(key)} = {as_toml(inner)}" for key, inner in value.items())
            + " }"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if value is None:
        return "2020-01-01"
    return str(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=True)


def tables_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """`document` and all tables in it."""
    return [
        document,
        *(t for value in document.values() if isinstance(value, dict) for t in tables_of(value)),
    ]


def mutated(rng: random.Random, document: dict[str, Any]) -> str:
    """`document` with one or two nasty changes, as TOML."""
    for _ in range(rng.randint(1, 2)):
        table = rng.choice(tables_of(document))
        key = rng.choice([*table, *rng.sample(STRANGE_KEYS, 1)])
        if rng.random() < 0.2:
            table.pop(key, None)
        else:
            table[key] = json.loads(json.dumps(rng.choice(NASTY)))
    text = "".join(f"{json.dumps(key)} = {as_toml(value)}\n" for key, value in document.items())
    if rng.random() < 0.1:
        cut = rng.randrange(len(text))
        text = text[:cut] + rng.choice(["", "\n", "=", "[", '"', "\x00", "1"]) + text[cut + 1 :]
    return text


VALID = """
name = "fuzz"
question = "?"
data = { name = "digits" }
model = { name = "mlp", latent_dim = 8, width = 16 }
remedies = { minibatch_discrimination = { kernel_dim = 4 } }
objective = { minimize = "fid", require = { collapsed = 1 } }
schedule = { name = "asha", grace = 10, reduction_factor = 2 }
resources = { cpus = 1, gpus = 0.5 }
tracking = { uri = "http://127.0.0.1:5000" }
[train]
loss = "minimax"
beta1 = 0.5
batch_size = 32
seeds = [0, 1]
budget = { generator_steps = 50 }
evaluations = 5
[search]
sampler = "random"
trials = 4
seed = 1
[search.space]
k = [0.5, 1, "1/3"]
lr_d = { low = 1e-4, high = 1e-2, log = true }
lr_g = 1e-3
depth = { low = 1, high = 3 }
remedies = [[], ["historical_averaging"], ["minibatch_discrimination"]]
"historical_averaging.weight" = { low = 1e-3, high = 1.0, log = true }
"minibatch_discrimination.kernels" = [4, 8]
"""


def test_no_mutation_of_a_valid_file_breaks_the_reader() -> None:
    """A study that every command can use, or a UserError: never another exception."""
    assert_usable(parse_study(VALID, "fuzz.toml"))
    rng, valid = random.Random(0), 0
    for _ in range(600):
        text = mutated(rng, tomllib.loads(VALID))
        try:
            spec = parse_study(text, "fuzz.toml")
        except UserError as error:
            assert str(error).startswith("fuzz.toml: ")
            continue
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} from parse_study for\n{text}") from error
        valid += 1
        try:
            assert_usable(spec)
        except Exception as error:
            raise AssertionError(f"{type(error).__name__} from a valid study:\n{text}") from error
    assert 50 < valid < 550, "the mutations reach both sides"


TABLES = {
    "[train]": ("train",),
    "[search]": ("search",),
    "[objective]": ("objective",),
    "[claim]": ("claim", "decided_by"),
    "[schedule]": ("schedule",),
    "[resources]": ("resources",),
}


@pytest.mark.parametrize("title", TABLES)
def test_known_keys_stand_in_the_order_of_their_page(title: str) -> None:
    """And are those that a file may state: all that the page names, in its order."""
    page = (Path(__file__).parents[3] / "docs" / "study-file.md").read_text(encoding="utf-8")
    section = next(part for part in page.split("\n## ") if part.startswith(title))
    told = re.findall(r"`(\w+)`", " ".join(re.findall(r"^- (.*)$", section, re.MULTILINE)))
    known = known_keys(TABLES[title])
    order = list(dict.fromkeys(key for key in told if key in known))
    assert [key for key in known if key in order] == order != []
    assert {"own", "digest", "home", "code", "files"}.isdisjoint(known)
