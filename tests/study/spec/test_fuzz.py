"""Whatever stands in a study file, the answer is a valid study or one clear UserError, and soon.

Files are drawn from the options themselves: each model's own fields, in and out of range. Most are then
damaged, as values, as keys, as text and as bytes.
"""

from __future__ import annotations

import copy
import functools
import gc
import json
import time
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import annotated_types
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, configuration, given, settings
from hypothesis import strategies as st
from pydantic_core import PydanticUndefined

from ganstudy.study.cli.main import main
from ganstudy.study.errors import UserError
from ganstudy.study.ledger.samplers import preview
from ganstudy.study.outlook.cost_estimate import cost_lines
from ganstudy.study.spec.keys import KEYS
from ganstudy.study.spec.reader import parse_document, parse_study, read_study
from ganstudy.study.spec.samplers.registry import SAMPLERS
from ganstudy.study.spec.tables import CONSTRAINTS, SCHEDULES, Confirm
from ganstudy.trials.config.base import StrictModel
from ganstudy.trials.config.data import DATA
from ganstudy.trials.config.losses import LOSSES
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.config.networks import MODELS
from ganstudy.trials.config.remedies import REMEDIES
from ganstudy.trials.config.trial import BUDGET_UNITS, TrialConfig
from ganstudy.trials.results.catalogue import MEASURES

SLOWEST_SECONDS = 2.0
"""Of processor time, for one file."""
LONGEST_LINE = 1200
"""Of one mistake in a message; the longest rule lists all hyperparameters or measures."""
NUMBERS: list[Any] = [
    *(
        True,
        False,
        0,
        -1,
        1,
        2,
        3,
        64,
        2**31,
        2**32,
        2**53 + 1,
        2**63,
        10**12,
        10**30,
        10**400,
        -(10**400),
    ),
    *(
        0.0,
        -0.0,
        0.5,
        1e-3,
        5e-324,
        1e-308,
        1e15,
        1e150,
        1e308,
        -1e308,
        float("inf"),
        -float("inf"),
        float("nan"),
    ),
]
TEXTS = [
    *(
        "",
        " ",
        "none",
        "auto",
        "1/3",
        "1/0",
        "-1/2",
        "5 until 10 then 1",
        "5 until 10",
        "9" * 5000,
        "x" * 300,
    ),
    *(
        "é\u0000",
        "[bold]x[/bold]",
        "<b>&amp;",
        "\u202e\U0001f600",
        "a\nb",
        "\x7f",
        "%s{0}$HOME",
        "../..",
        "/",
    ),
    *(
        "~",
        "~nobody-of-this-name/x",
        "net.py:build",
        "gone.py:build",
        "x" * 300 + ".py:f",
        ".py:",
        "a.py:b:c",
    ),
    *("\0.py:f", "a\nb.py:f", "x/" * 900, "own.py/x.py:f"),
    *(
        "feature_matching",
        "a+b",
        "color,translation",
        "cutout,cutout",
        "digits",
        "mlp",
        "fid",
        "collapsed",
        "gan",
    ),
]
OTHER: list[Any] = [
    *(
        [],
        [[]],
        [{}],
        {},
        [1, 1],
        [1, 1.0, True],
        [0.5, "1/2"],
        ["r1"],
        [["r1"]],
        [["r1", "r1"]],
        [["r1", "none"]],
    ),
    *(
        {"low": 1, "high": 0},
        {"low": 0, "high": 1, "log": True},
        {"low": -1e308, "high": 1e308},
        {"low": 1, "high": 2},
    ),
    *(
        {"low": 1, "high": 10**30},
        {"low": 2, "high": 2**62, "log": True},
        {"low": 1.5, "high": 64},
        {"low": 0.5},
    ),
    *({"weight": 1}, {"images": 50}, {"collapsed": 3}, {"": {"": ""}}, {"generator_steps": 10**12}),
    *(list(range(3000)), [[i] for i in range(50)], {f"key {i}": i for i in range(200)}),
]
ANY_TEXT = st.lists(st.integers(0, 0x10F7FF), max_size=40).map(
    lambda codes: "".join(
        chr(code if code < 0xD800 else code + 0x800) for code in codes
    )  # all but surrogates
)
# Copies, since what is drawn goes into a study that is damaged further; the next case must find it as here.
NASTY = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(TEXTS),
    st.sampled_from(OTHER).map(copy.deepcopy),
    ANY_TEXT,
)
STRANGE_KEYS = (
    "",
    " ",
    "a.b",
    "low",
    "name",
    "__class__",
    "self",
    "document",
    "unit",
    "a\nb",
    "x" * 300,
    *KEYS,
)
Study = dict[str, Any]


@functools.cache
def values_of(model: type[StrictModel], option: str) -> st.SearchStrategy[Any]:
    """Values that the option's own annotation and bounds allow, most of them."""
    field = model.model_fields[option]
    return _of_annotation(field.annotation, field.metadata)


def _of_annotation(annotation: Any, metadata: list[Any]) -> st.SearchStrategy[Any]:
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _of_annotation(inside[0], [*metadata, *inside[1:]])
    if origin in (typing.Union, types.UnionType):
        return st.one_of(
            *(_of_annotation(one, metadata) for one in inside if one is not type(None))
        )
    if origin is typing.Literal:
        return st.sampled_from(inside)
    if annotation is bool:
        return st.booleans()
    if annotation in (int, float):
        return _numbers(annotation, metadata)
    if origin is tuple and inside == (float, float):
        return st.sampled_from([[0, 1], [0.0, 255.0], [-1, 1]])
    if origin is dict:
        return st.dictionaries(
            st.sampled_from(("size", "width", "flag", "nested")), NASTY, max_size=2
        )
    if annotation == tuple[str, ...]:
        return st.sampled_from(("color", "color,translation", "cutout"))
    return st.sampled_from(("a", "some text", "data.npz"))


def _numbers(kind: type[int] | type[float], metadata: list[Any]) -> st.SearchStrategy[Any]:
    low, high, step = 0.0, None, 1
    for rule in metadata:
        match rule:
            case annotated_types.Ge(bound) | annotated_types.Gt(bound):
                low = bound if kind is int or isinstance(rule, annotated_types.Ge) else bound + 1e-4
            case annotated_types.Le(bound) | annotated_types.Lt(bound):
                high = (
                    bound if kind is int or isinstance(rule, annotated_types.Le) else bound - 1e-4
                )
            case annotated_types.MultipleOf(multiple):
                step = multiple
    if kind is int:
        first = -(-int(low) // step)
        return st.integers(first, min(first + 40, int(high) // step if high else first + 40)).map(
            lambda n: n * step
        )
    return st.sampled_from(
        (low, low + 0.5 * ((high or low + 2) - low), high if high is not None else low + 7.25)
    )


COIN = st.binary(min_size=40, max_size=40)


def some(draw: st.DrawFn, keys: Iterable[str], one_in: int = 4) -> list[str]:
    """Some of at most 40 keys, by one draw: drawing one for each takes most of the time."""
    return [key for key, byte in zip(keys, draw(COIN), strict=False) if byte > 255 - 256 // one_in]


def tables(draw: st.DrawFn, model: type[StrictModel], *, without: tuple[str, ...] = ()) -> Study:
    """Some of the options of `model`, and all that are required."""
    optional = {*some(draw, model.model_fields)}
    return {
        key: draw(values_of(model, key))
        for key, field in model.model_fields.items()
        if key not in without and (key in optional or field.default is PydanticUndefined)
    }


JUDGED = tuple(measure for measure in MEASURES.values() if measure.direction != "none")
ELSE = {"loss": ["relativistic_average"], "method": []}
METHODS = (*["gan"] * 6, "vae", "autoencoder")
RATIOS = st.sampled_from(
    (1, 2, 0.5, 0.001, 1000, "1/3", "5 until 100 then 1", "2 until 10 then 1/2 until 20 then 3")
)


def a_domain(draw: st.DrawFn, values: st.SearchStrategy[Any], ranges: bool) -> Any:
    """One value, several distinct ones, or a range between two."""
    drawn = draw(st.lists(values, min_size=1, max_size=3, unique_by=lambda v: json.dumps(v)))
    if (
        len(drawn) == 2
        and ranges
        and all(type(v) in (int, float) for v in drawn)
        and draw(st.booleans())
    ):
        low, high = sorted(drawn)
        return {"low": low, "high": high} | (
            {"log": True} if low > 0 and draw(st.booleans()) else {}
        )
    return drawn[0] if len(drawn) == 1 and draw(st.booleans()) else drawn


@st.composite
def valid_studies(draw: st.DrawFn) -> Study:
    """A study file as tables; nearly all of them are valid."""
    data = draw(st.sampled_from((*DATA, "own.py:Data")))
    points = getattr(DATA.get(data), "points", False)
    model = draw(
        st.sampled_from(
            (*(n for n, m in MODELS.items() if not (points and m.images_only)), "net.py:build")
        )
    )
    options = MODELS.get(model)
    if data in DATA:
        study = {
            "name": "s",
            "data": {"name": data, **tables(draw, DATA[data], without=("name", *ARRAYS))},
        }
    else:
        study = {
            "name": "s",
            "data": {"name": data, "options": draw(_of_annotation(dict[str, Any], []))},
        }
    in_model = {} if options is None else tables(draw, options, without=("name",))
    study["model"] = {"name": model, **in_model}
    method = draw(st.sampled_from(METHODS))
    loss = draw(st.sampled_from((*LOSSES,)))
    unit = draw(st.sampled_from(BUDGET_UNITS))
    train: Study = {
        "method": method,
        "loss": loss,
        "budget": {unit: draw(st.sampled_from((20, 1000, 250.5, 10**6)))},
    }
    train["evaluations"] = draw(st.integers(1, 20))
    train |= {key: draw(TRAIN_VALUES[key]) for key in some(draw, TRAIN_VALUES, 3)}
    study["train"] = train
    remedies = remedies_for(loss, points, options, in_model) if method == "gan" else []
    on = draw(st.lists(st.sampled_from(remedies), max_size=3, unique=True)) if remedies else []
    if {"optimistic_adam", "extragradient"} <= {*on}:
        on.remove("extragradient")
    sampler = draw(st.sampled_from(tuple(SAMPLERS)))
    space: Study = {
        key: [train.pop(key), *others] for key, others in ELSE.items() if key in some(draw, ELSE)
    }
    how = draw(st.sampled_from(("train", "sets", "switches")))
    if on and how == "train":
        train["remedies"] = on
    elif on and how == "sets":
        space["remedies"] = [[], on, *([on[:1]] if len(on) > 1 else [])]
    elif on:
        space |= {name: draw(st.sampled_from([[False, True], True, [True]])) for name in on}
    study["remedies"] = {name: tables(draw, REMEDIES[name]) for name in on if name != "packing"}
    study["losses"] = {loss: tables(draw, LOSSES[loss])} if method == "gan" else {}
    for name in on:
        for option in some(draw, REMEDIES[name].model_fields):
            if option not in study["remedies"].get(name, {}) and name != "packing":
                space[f"{name}.{option}"] = a_domain(draw, values_of(REMEDIES[name], option), True)
                sampler = "tpe"  # a grid cannot hold options
    ranges = sampler != "grid"
    for key in some(draw, TRAIN_VALUES):
        if key not in train and key != "seeds":
            space[key] = a_domain(draw, TRAIN_VALUES[key], ranges and key != "batch_size")
    for key in some(draw, [] if options is None else options.model_fields):
        if key not in in_model and key != "name":
            may_range = ranges and (model, key) != ("resnet", "width")  # which must be even
            space[key] = a_domain(draw, values_of(options, key), may_range)
    points_of_grid = 1
    for value in space.values():
        points_of_grid *= len(value) if isinstance(value, list) else 1
    trials = draw(st.integers(1, min(50, points_of_grid) if sampler == "grid" else 50))
    study["search"] = {
        "sampler": sampler,
        "trials": trials,
        "seed": draw(st.integers(0, 9)),
        "space": space,
    }
    study["measures"] = tables(draw, MeasuresConfig, without=("weights_digest",))
    measure = draw(st.sampled_from(JUDGED))
    limits = draw(st.dictionaries(st.sampled_from(CONSTRAINTS), st.integers(0, 3), max_size=2))
    study["objective"] = {
        "minimize" if measure.direction == "down" else "maximize": measure.name,
        "require": limits,
    }
    study["schedule"] = {
        "name": draw(st.sampled_from(SCHEDULES)),
        "reduction_factor": draw(st.sampled_from((2, 3.5))),
    }
    if draw(st.booleans()):
        seeds = draw(
            st.lists(st.integers(90, 200), min_size=1, max_size=4, unique=True)
        )  # some stand in [train] too
        study["confirm"] = {**tables(draw, Confirm, without=("seeds",)), "seeds": seeds}
    study["resources"] = {
        "cpus": draw(st.sampled_from((0.5, 1, 4))),
        "gpus": draw(st.sampled_from((0, 0.25, 1))),
    }
    if draw(st.booleans()):
        study["tracking"] = {"uri": "http://127.0.0.1:5000"}
    return {key: value for key, value in study.items() if value != {}}


ARRAYS = ("held_out", "held_out_images_key", "held_out_labels_key", "root")
TRAIN_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "k": RATIOS,
    "optimiser": st.sampled_from(("adam", "sgd", "rmsprop")),
    "batch_size": st.sampled_from((64, 128, 256)),
    "seeds": st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True),
    **{key: values_of(TrialConfig, key) for key in ("lr_d", "lr_g", "beta1", "beta2")},
}


def remedies_for(
    loss: str, points: bool, model: type[StrictModel] | None, options: Study
) -> list[str]:
    """The remedies that go with the rest of a study."""
    not_here = {"one_sided_label_smoothing"} if not LOSSES[loss].smoothable else set()
    not_here |= {"gradient_penalty"} if loss == "wasserstein_gp" else set()
    not_here |= {"diff_augment"} if points else set()
    if model is MODELS["mlp"] and not options.get("batch_norm"):
        not_here.add("virtual_batch_normalisation")
    return [name for name in REMEDIES if name not in not_here]


def all_tables(study: Study) -> list[Study]:
    """`study` and all tables in it."""
    return [
        study,
        *(
            table
            for value in study.values()
            if isinstance(value, dict)
            for table in all_tables(value)
        ),
    ]


@st.composite
def damaged_studies(draw: st.DrawFn) -> Study:
    """A study with up to three keys removed, renamed, added, or given another value."""
    study = draw(valid_studies())
    for _ in range(draw(st.integers(0, 3))):
        table = draw(st.sampled_from(all_tables(study)))
        key = draw(st.sampled_from((*table, draw(st.sampled_from(STRANGE_KEYS)))))
        act = draw(st.sampled_from(("set", "set", "set", "remove", "rename", "wrap")))
        if act == "set" or key not in table:
            table[key] = draw(NASTY)
        elif act == "wrap":
            table[key] = [table[key], *([draw(NASTY)] if draw(st.booleans()) else [])]
        else:
            value = table.pop(key)
            if act == "rename":
                table[draw(st.sampled_from((key.upper(), key + "s", key[1:], *STRANGE_KEYS)))] = (
                    value
                )
    return study


def as_toml(value: Any) -> str:
    """`value` as an inline TOML value."""
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{as_toml(key)} = {as_toml(inner)}" for key, inner in value.items())
            + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value) if isinstance(value, float) else json.dumps(value)


def written(study: Study) -> str:
    """`study` as a TOML file."""
    inline = {key: value for key, value in study.items() if not isinstance(value, dict)}
    text = "".join(f"{as_toml(key)} = {as_toml(value)}\n" for key, value in inline.items())
    for name in [key for key in study if key not in inline]:
        text += f"[{as_toml(name)}]\n" + "".join(
            f"{as_toml(k)} = {as_toml(v)}\n" for k, v in study[name].items()
        )
    return text


SMALL = 'name = "s"\ndata = { name = "digits" }\n[train]\nbudget = { generator_steps = 100 }\n'
LARGE = [
    *(SMALL + "lr_d = " + "[" * n + "]" * n for n in (50, 250, 900, 20_000)),
    *(SMALL + "a." * n + "b = 1" for n in (40, 100, 400, 90_000)),
    SMALL + "[" + '"a" . ' * 20_000 + "b]",
    "a" * 190_000,
    '"' * 190_001,
    SMALL + f"seeds = [{'1, ' * 50_000}]",
    SMALL + f"seeds = {list(range(20_000))}",
    SMALL + f"lr_d = 0x{'f' * 9000}",
    SMALL + f"remedies = {json.dumps(['r1'] * 20_000)}",
    SMALL + "evaluations = 1000000000000",
    SMALL + "[search]\ntrials = 1000000000000",
    SMALL
    + '[search]\nsampler = "grid"\nspace = { '
    + ", ".join(f"{k} = {[*range(1, 400)]}" for k in KEYS[:3])
    + " }",
    SMALL + "[search.space]\n" + "".join(f"{name} = [false, true]\n" for name in REMEDIES),
    SMALL + f"[search.space]\nlr_d = {[i / 1e5 for i in range(1, 50_000)]}",
    SMALL + f"[search.space]\nk = {json.dumps([f'1/{i}' for i in range(1, 1000)])}",
    SMALL
    + f"[search.space]\nk = {json.dumps(' then '.join(f'{i} until {i}' for i in range(1, 900)) + ' then 1')}",
    SMALL + "".join(f'"unknown {i}" = 1\n' for i in range(20_000)),
    "#" * 3_000_000,
]
LINES = (
    *SMALL.splitlines(),
    "[search.space]",
    "k = [1, 2]",
    "= 1",
    "[[train]]",
    "[train",
    '"""',
    "#",
    "a.b.c = 1",
)
PIECES = (
    "\0",
    "\ufeff",
    "\r\n",
    "\r",
    "\n",
    "=",
    "[",
    "]]",
    '"',
    "'''",
    "{",
    "1979-05-27T07:32:00Z",
    "nan",
    "é",
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """What a study file may hold: a study, most often damaged; parts of one; anything at all."""
    kind = draw(st.integers(0, 19))
    if kind == 0:
        return draw(ANY_TEXT)
    if kind == 1:
        return "\n".join(draw(st.lists(st.sampled_from(LINES), max_size=9)))
    if kind == 2:
        return (
            draw(st.sampled_from(LARGE))
            if draw(st.integers(0, 4)) == 0
            else SMALL + as_toml(draw(NASTY))
        )
    text = written(draw(valid_studies() if kind < 10 else damaged_studies()))
    if kind < 16:
        return text
    at = draw(st.integers(0, len(text)))
    lines = text.splitlines(keepends=True)
    return {
        16: text[:at] + draw(st.sampled_from(PIECES)) + text[at:],
        17: text[:at] + text[at + draw(st.integers(1, 9)) :],
        18: text + lines[at % len(lines)],
        19: text.replace("\n", "\r\n"),
    }[kind]


@st.composite
def files(draw: st.DrawFn) -> bytes | str | None:
    """What the path given to `check` may hold: bytes, a folder (as a text), or nothing."""
    kind = draw(st.integers(0, 19))
    if kind < 2:
        return draw(st.sampled_from(("folder", None)))
    if kind == 2:
        return draw(st.binary(max_size=80))
    content = draw(texts())
    if kind < 16:
        return content.encode()
    at = draw(st.integers(0, len(content)))
    before, after = content[:at].encode(), content[at:].encode()
    return {
        16: content.encode("utf-16"),
        17: b"\xef\xbb\xbf" + content.encode(),
        18: before + draw(st.sampled_from((b"\xff", b"\xed\xa0\x80", b"\0", b"\xc3"))) + after,
        19: content.encode("latin-1", "replace"),
    }[kind]


@dataclass
class Tally:
    """What the cases came to."""

    valid: int = 0
    refused: int = 0
    slowest: float = 0.0
    slowest_case: str = ""

    def timed(self, case: Callable[[Any], bool], content: Any) -> None:
        """Counts one case, and holds it to the time that an answer may take.

        Without the collector of cycles, which at thousands of cases goes through all that hypothesis remembers for
        seconds at a time, in whichever case it falls.
        """
        gc.disable()
        start = time.process_time()
        try:
            valid = case(content)
        finally:
            seconds = time.process_time() - start
            gc.enable()
        self.valid += valid
        self.refused += not valid
        if seconds > self.slowest:
            self.slowest, self.slowest_case = seconds, repr(content)[:300]
        assert seconds < SLOWEST_SECONDS, f"{seconds:.1f} s"

    def __str__(self) -> str:
        cases = self.valid + self.refused
        slowest = f"slowest {self.slowest:.2f} s: {self.slowest_case}"
        return f"{cases} cases: {self.valid} valid, {self.refused} refused; {slowest}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a study's own files lie."""
    path = tmp_path_factory.mktemp("fuzz")
    configuration.set_hypothesis_home_dir(path / "hypothesis")
    for name in ("net.py", "own.py"):
        (path / name).write_text(
            "raise RuntimeError('is not run by the reader')\n", encoding="utf-8"
        )
    return path


def explore(strategy: st.SearchStrategy[Any], case: Callable[[Any], bool], cases: int) -> Tally:
    """Runs the same `cases` cases each time."""
    tally = Tally()

    @settings(
        max_examples=cases,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(strategy)
    def holds(content: Any) -> None:
        tally.timed(case, content)

    holds()
    print(tally)
    return tally


def assert_clear(message: str, start: str) -> None:
    lines = message.splitlines()
    assert all(line.startswith(start) and line.isprintable() for line in lines), message[:2000]
    assert 1 <= len(lines) <= 30 and max(map(len, lines)) <= LONGEST_LINE, message[:2000]
    assert "None (" not in message and "pydantic" not in message and ": :" not in message, message


def reads(folder: Path) -> Callable[[str], bool]:
    """Whether a text is a valid study, which can then be used throughout."""

    def case(text: str) -> bool:
        try:
            spec = parse_study(text, "s.toml", folder)
        except UserError as error:
            assert_clear(str(error), "s.toml: ")
            return False
        for params in preview(spec, 4):
            spec.space.trial_config(params)
        again = parse_document(spec.document, "s.toml")
        assert repr(again) == repr(spec) and again.document == spec.document
        assert json.dumps(spec.identity()) == json.dumps(again.identity())
        assert cost_lines(spec) and spec.rungs() is not None
        return True

    return case


def checks(folder: Path) -> Callable[[bytes | str | None], bool]:
    """Whether `ganstudy check` finds a file valid."""
    runner = CliRunner()

    def case(content: bytes | str | None) -> bool:
        file = folder / ("folder.toml" if content == "folder" else "study.toml")
        file.unlink(missing_ok=True) if content != "folder" else file.mkdir(exist_ok=True)
        if isinstance(content, bytes):
            file.write_bytes(content)
        try:
            own_parts = read_study(file)[0].has_own_parts
        except UserError:
            own_parts = False
        if own_parts:  # whose check runs the user's own code; tests/trials/networks/test_plugin.py
            return True
        result = runner.invoke(
            main, ["check", str(file), "--home", str(folder / "home"), "--no-time"]
        )
        if result.exit_code:
            assert (result.exit_code, result.stdout) == (2, "") and isinstance(
                result.exception, SystemExit
            )
            assert_clear(result.stderr.removeprefix("ganstudy: "), f"{file}: ")
            return False
        assert "is a valid study" in result.stdout and result.stderr == ""
        return True

    return case


def test_a_text_is_a_usable_study_or_is_refused(folder: Path) -> None:
    tally = explore(texts(), reads(folder), 300)
    assert tally.valid > 60 and tally.refused > 60, tally


def test_check_accepts_a_file_or_ends_with_one_message(folder: Path) -> None:
    tally = explore(files(), checks(folder), 150)
    assert tally.valid > 20 and tally.refused > 40, tally
    assert not (folder / "home").exists()


@pytest.mark.parametrize("text", LARGE, ids=lambda text: f"{text[-400:][:20]!r}")
def test_a_large_file_is_answered_soon(text: str, folder: Path) -> None:
    Tally().timed(checks(folder), text.encode())


@pytest.mark.slow
@pytest.mark.parametrize("cases", [3_000, pytest.param(20_000, marks=pytest.mark.exhaustive)])
def test_of_thousands_of_texts_each_is_usable_or_is_refused(folder: Path, cases: int) -> None:
    tally = explore(texts(), reads(folder), cases)
    assert tally.valid + tally.refused >= cases
    assert min(tally.valid, tally.refused) > 3 * cases // 40, tally


@pytest.mark.slow
@pytest.mark.exhaustive
def test_of_six_thousand_files_each_is_usable_or_is_refused(folder: Path) -> None:
    tally = explore(files(), checks(folder), 6_000)
    assert tally.valid + tally.refused >= 6_000
    assert tally.valid > 1500 and tally.refused > 1500, tally
