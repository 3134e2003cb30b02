"""The fences of the house: who may import what, what importing costs, and how files are named and sized."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("study", "trials", "analysis")
FILES = [
    path.relative_to(ROOT).as_posix()
    for room in ROOMS
    for path in sorted((ROOT / room).rglob("*.py"))
]
LONGEST = 400
ALLOWED = {
    "ray": ("study/",),
    "mlflow": (
        "study/tracking/mlflow_store.py",
        "study/importing/sources/mlflow_experiment.py",
        "analysis/frames/mlflow_client.py",
    ),
    "tensorboard": ("study/importing/sources/event_files.py",),
    "torch_fidelity": ("trials/measures/features/fidelity.py",),
    "optuna": ("study/", "analysis/tables/configurations/importance.py"),
    "ganstudy.study": ("study/",),
    "ganstudy.analysis": (
        "analysis/",
        "study/cli/report.py",
        "study/cli/best.py",
        "study/cli/export.py",
        "study/outlook/",
        "study/cli/verify.py",
        "study/export/",
        "study/python/",
    ),
}
"""The places that may import a package; a package that is not named here may be imported anywhere."""
UNSAFE_MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve", "joblib"}
UNSAFE_CALLS = {
    "eval",
    "exec",
    "__import__",
    "os.system",
    "os.popen",
    "torch.hub.load",
    "torch.jit.load",
}
OWN_CODE = ("trials/config/plugins.py: exec",)
"""Where code from a file is run on purpose: a user's own data and networks."""
OF_TRIALS_IN_ANALYSIS = ("ganstudy.trials.results.",)


def imported(source: str) -> set[str]:
    """Dotted names of all modules that `source` imports, inside functions too; relative ones start with a dot."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # `from ganstudy.trials.config import plugins` names a module, `... import MEASURES` does not: both
            # pass for a module's name, which begins with the right one.
            module = "." * node.level + (node.module or "")
            names.update(f"{module}.{alias.name}" for alias in node.names)
    return names


def breaches(file: str, source: str) -> list[str]:
    """Every import of `source` that a fence forbids in `file`."""
    return [f"{file}: {name}" for name in sorted(imported(source)) if not allowed(file, name)]


def allowed(file: str, name: str) -> bool:
    """Whether `file` may import the module `name`."""
    package = ".".join(name.split(".")[:2]) if name.startswith("ganstudy.") else name.split(".")[0]
    if package == "ganstudy.trials" and file.startswith("analysis/"):
        return f"{name}.".startswith(OF_TRIALS_IN_ANALYSIS)
    # A bare `study`, `trials` or `analysis` would be the user's own.
    return (
        not name.startswith(".")
        and name.split(".")[0] not in ROOMS
        and file.startswith(ALLOWED.get(package, ""))
    )


ROOMS_IN_ORDER = {
    "study": "errors home spec ledger cluster tracking tune driver importing outlook export cli python",
    "trials": "results config ensemble data networks remedies losses measures gan training export "
    "testing own",
    "analysis": "formatting stats frames tables figures report",
}
"""The rooms of each package: one may import from those before it."""


def room_of(module: str) -> tuple[str, str]:
    """Return ("study", "spec") of "ganstudy.study.spec.reader.read_study"."""
    _, package, room = module.split(".")[:3]
    return package, room


def upward(file: str, source: str) -> list[str]:
    """Return every import of `source` that goes up from the room in which `file` stands."""
    package, room = Path(file).with_suffix("").parts[:2]
    order = ROOMS_IN_ORDER[package].split()
    own = (name for name in imported(source) if name.startswith(f"ganstudy.{package}."))
    return sorted(name for name in own if order.index(room_of(name)[1]) > order.index(room))


@pytest.mark.parametrize("file", [file for file in FILES if Path(file).parts[1] != "__init__.py"])
def test_imports_go_down_from_room_to_room(file: str) -> None:
    assert upward(file, (ROOT / file).read_text(encoding="utf-8")) == []


def test_an_import_upwards_would_be_noticed() -> None:
    lazy = "def f():\n    from ganstudy.trials.training.trial import Trial"
    assert upward("trials/gan/trainer.py", lazy) == ["ganstudy.trials.training.trial.Trial"]
    assert upward("trials/training/trial.py", lazy) == []


def test_no_file_imports_itself_through_others() -> None:
    """Imports inside functions and for types count: who reads one file must not have to read a circle."""
    modules = {
        "ganstudy." + file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for file in FILES
    }
    graph: dict[str, set[str]] = defaultdict(set)
    for file in FILES:
        module = "ganstudy." + file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in imported((ROOT / file).read_text(encoding="utf-8")):
            found = name if name in modules else name.rpartition(".")[0]
            if found in modules and found != module:
                graph[module].add(found)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_every_package_is_installed() -> None:
    """Without a line here, only who works in the repository has it."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = [Path(file).parent for file in FILES if Path(file).name == "__init__.py"]
    packages = {"ganstudy", *(f"ganstudy.{'.'.join(folder.parts)}" for folder in folders)}
    assert set(listed["tool"]["setuptools"]["packages"]) == packages


def test_there_are_files_to_judge() -> None:
    assert {
        "study/cli/main.py",
        "trials/results/records.py",
        "trials/measures/features/fidelity.py",
        "analysis/frames/load.py",
    } <= set(FILES)


@pytest.mark.parametrize("file", FILES)
def test_imports_stay_inside_their_fences(file: str) -> None:
    assert breaches(file, (ROOT / file).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("file", "source", "forbidden"),
    [
        ("trials/training/trial.py", "import ray", True),
        ("trials/training/trial.py", "def f():\n    from ray import tune", True),
        ("study/tune/searcher.py", "from ray.tune.search import Searcher", False),
        ("study/cli/main.py", "import mlflow.tracking as t", True),
        ("study/tracking/mlflow_store.py", "import mlflow", False),
        ("trials/measures/modes.py", "from torch_fidelity import x", True),
        ("trials/ensemble/ensemble.py", "import optuna", True),
        ("analysis/tables/configurations/search.py", "import optuna", True),
        ("analysis/tables/configurations/importance.py", "import optuna", False),
        ("trials/training/trial.py", "from ganstudy.study.spec.study_spec import StudySpec", True),
        ("trials/training/trial.py", "import analysis", True),
        ("trials/training/trial.py", "from ..study import spec", True),
        ("analysis/frames/load.py", "from ganstudy.study.home import Home", True),
        ("analysis/frames/load.py", "from ganstudy.trials.config.trial import REMEDIES", True),
        ("analysis/frames/load.py", "from trials import config", True),
        ("analysis/frames/load.py", "from ganstudy.trials.results.records import Verdict", False),
        (
            "analysis/frames/load.py",
            "from ganstudy.trials.results.catalogue import MEASURES",
            False,
        ),
        (
            "analysis/frames/load.py",
            "from ganstudy.analysis.tables.configurations.search import x",
            False,
        ),
        ("study/driver/run.py", "from ganstudy.analysis.frames.load import load_study", True),
        ("study/cli/report.py", "from ganstudy.analysis.frames.load import load_study", False),
    ],
)
def test_the_fences_would_notice(file: str, source: str, forbidden: bool) -> None:
    assert bool(breaches(file, source)) is forbidden


def test_the_driver_loads_no_torch() -> None:
    """It schedules; three seconds of every start, and gigabytes, are the workers' own."""
    code = "import sys, ganstudy.study.driver.run, ganstudy.study.tune.trainable; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def dangers(file: str, source: str) -> list[str]:
    """Everything in `source` that could run what a file or a string holds."""
    tree = ast.parse(source)
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    found = [name for name in modules if name.split(".")[0] in UNSAFE_MODULES]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            unsafe = name in UNSAFE_CALLS or (name.startswith("yaml.") and name != "yaml.safe_load")
            unsafe |= name == "torch.load" and options.get("weights_only") != "True"
            unsafe |= (
                options.get("allow_pickle", "False") != "False"
                or options.get("shell", "False") != "False"
            )
            found += [name] if unsafe else []
    return [danger for danger in (f"{file}: {name}" for name in found) if danger not in OWN_CODE]


@pytest.mark.parametrize("file", FILES)
def test_nothing_runs_what_a_file_holds(file: str) -> None:
    assert dangers(file, (ROOT / file).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("torch.load(path)", ["torch.load"]),
        ("torch.load(path, weights_only=False)", ["torch.load"]),
        ("torch.load(path, weights_only=True)", []),
        ("np.load(path, allow_pickle=True)", ["np.load"]),
        ("np.load(path, allow_pickle=anything)", ["np.load"]),
        ("np.load(path)", []),
        ("def f():\n    import pickle", ["pickle"]),
        ("from joblib import load", ["joblib"]),
        ("yaml.load(text)", ["yaml.load"]),
        ("yaml.safe_load(text)", []),
        ("subprocess.run(command, shell=True)", ["subprocess.run"]),
        ("subprocess.run(command)", []),
        ("exec(text)", ["exec"]),
        ("network.eval()", []),
    ],
)
def test_a_danger_would_be_noticed(source: str, found: list[str]) -> None:
    assert dangers("trials/x.py", source) == [f"trials/x.py: {name}" for name in found]


def test_importing_loads_neither_torch_nor_ray() -> None:
    """In one process, as what none of them loads no single one does."""
    modules = (
        "ganstudy.trials.results.records",
        "ganstudy.trials.config.trial",
        "ganstudy.study.spec.tables",
        "ganstudy.analysis.frames.load",
        "ganstudy.analysis.tables.configurations.search",
        "ganstudy.study.cli.main",
    )
    loaded = "[name for name in ('torch', 'ray') if name in sys.modules]"
    code = f"import sys, {', '.join(modules)}; print({loaded})"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "[]"


def test_no_file_is_a_drawer_for_everything() -> None:
    drawers = {"util", "utils", "helper", "helpers", "common", "misc"}
    assert [
        file for file in FILES if Path(file).stem in drawers or drawers & set(Path(file).parts)
    ] == []


LOOSE = {
    "named once, for all others": ("trials/results/documents.py", "analysis/tables/rows.py"),
    "tables of a study file, before they are checked": (
        "study/spec/checks.py",
        "study/spec/domains.py",
        "study/spec/own_parts.py",
        "study/spec/reader.py",
        "study/spec/study_spec.py",
        "study/spec/tables.py",
        "study/spec/trial_template.py",
        "study/importing/mapping.py",
    ),
    "what Ray Tune hands over": (
        "study/tune/pack_searcher.py",
        "study/tune/pack_trainable.py",
        "study/tune/searcher.py",
        "study/tune/trainable.py",
        "study/tune/trial_task.py",
    ),
    "what click hands over": ("study/cli/cluster.py",),
    "what a network of the user's takes and holds": (
        "trials/config/data.py",
        "trials/config/networks.py",
        "trials/ensemble/calls.py",
        "trials/ensemble/ensemble.py",
        "trials/ensemble/plain_values.py",
        "trials/networks/plugin.py",
        "trials/testing.py",
    ),
    "parameters of a training function, whose names and types are the user's": (
        "study/spec/function_checks.py",
        "study/tracking/run_fields.py",
        "trials/config/training_function.py",
        "trials/training/functions/run.py",
    ),
    "objects that a training function keeps, and their states": (
        "trials/training/functions/global_state.py",
        "trials/training/functions/kept.py",
        "trials/training/functions/losses.py",
        "trials/training/functions/seed_state.py",
    ),
    "JSON of a checkpoint": ("trials/training/checkpoint.py", "trials/training/trial_state.py"),
    "is exported, and imports nothing of ganstudy": ("trials/export/standalone.py",),
    "rows of frames that have the study's own columns": (
        "analysis/frames/load.py",
        "analysis/formatting.py",
        "analysis/report/sections/best_configuration.py",
        "analysis/report/sections/budget.py",
        "analysis/report/sections/cycling.py",
        "analysis/report/sections/pareto.py",
    ),
    "what plotly takes": (
        "analysis/figures/budget.py",
        "analysis/figures/by_setting.py",
        "analysis/figures/k_ratio.py",
        "analysis/figures/learning_rates.py",
        "analysis/figures/panels.py",
        "analysis/figures/style.py",
    ),
}
"""By reason, the files in which a dictionary with values of any type may travel: elsewhere, rows are
dataclasses, and JSON objects and settings have their names (trials/results/documents.py)."""


def loose_dictionaries(source: str) -> int:
    """Return how many annotations of `source` are dictionaries by name with values of any type."""
    return sum(
        ast.unparse(node) == "dict[str, Any]"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Subscript)
    )


def test_what_travels_has_a_type() -> None:
    found = {
        file for file in FILES if loose_dictionaries((ROOT / file).read_text(encoding="utf-8"))
    }
    assert found == {file for files in LOOSE.values() for file in files}


@pytest.mark.parametrize(
    ("source", "number"),
    [
        ("def f(row: dict[str, Any]) -> list[dict[str, Any]]: ...", 2),
        ("Row = dict[str, Any]", 1),
        ("def f(row: dict[str, float], text='dict[str, Any]') -> JsonObject: ...", 0),
    ],
)
def test_a_loose_dictionary_would_be_noticed(source: str, number: int) -> None:
    assert loose_dictionaries(source) == number


def test_no_file_is_too_long() -> None:
    lengths = {file: len((ROOT / file).read_text(encoding="utf-8").splitlines()) for file in FILES}
    assert {file: length for file, length in lengths.items() if length > LONGEST} == {}
