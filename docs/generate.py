"""Write the reference pages that follow from the code.

The pages are those of measures, losses and remedies, data and networks.

python docs/generate.py            writes them
python docs/generate.py --check    says which are out of date, and ends with 1 if any is
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import textwrap
import typing
from collections.abc import Mapping
from pathlib import Path

from pydantic.fields import FieldInfo

from ganstudy.analysis.frames.export import COLUMNS
from ganstudy.trials.config.base import PLUGIN, ImplementedOptions, StrictModel
from ganstudy.trials.config.data import DATA, PluginData
from ganstudy.trials.config.losses import LOSSES
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.config.networks import MODELS, OwnModel
from ganstudy.trials.config.remedies import REMEDIES, excluded_by
from ganstudy.trials.results.catalogue import MEASURES, Measure
from ganstudy.trials.results.records import Counters

FOLDER = Path(__file__).parent
MADE = "<!-- Made by docs/generate.py from the code; change it there. -->\n"
ARROWS = {"down": "lower is better", "up": "higher is better", "none": "neither"}


def measures() -> str:
    """docs/measures.md"""
    lines = [
        MADE,
        "# Measures\n",
        "Per seed and evaluation, under the same name in MLflow, in the tables and in the report. A measure that does",
        "not apply to the data, the loss or the method is absent. How samples, modes and floors are made:",
        "[how-it-works.md](how-it-works.md). What the game's measures say and cost: [game.md](game.md).\n",
    ]
    for group in dict.fromkeys(measure.group for measure in MEASURES.values()):
        lines += [
            f"## {group}\n",
            "| name | unit | better | meaning | source |",
            "|---|---|---|---|---|",
        ]
        lines += [_measure_row(measure) for measure in MEASURES.values() if measure.group == group]
        lines.append("")
    lines += [
        "## Cost\n",
        "Counted always, whatever the unit of the budget.\n",
        "| name | meaning |",
        "|---|---|",
    ]
    lines += [f"| `{name}` | {text} |" for name, text in _attribute_docs(Counters).items()]
    return "\n".join(lines) + "\n"


def _measure_row(measure: Measure) -> str:
    meaning = measure.meaning + (" At the end of the budget only." if measure.at_end else "")
    return f"| `{measure.name}` | {measure.unit} | {ARROWS[measure.direction]} | {meaning} | {measure.source} |"


def _attribute_docs(kind: type) -> dict[str, str]:
    """Return the docstrings under a class's attributes; for one without, its name in words."""
    import ast

    body = ast.parse(inspect.getsource(kind).strip()).body[0].body  # type: ignore[attr-defined]
    docs: dict[str, str] = {}
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            docs[node.target.id] = node.target.id.replace("_", " ").capitalize() + "."
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and docs:
            docs[list(docs)[-1]] = " ".join(str(node.value.value).split())
        elif isinstance(node, ast.FunctionDef) and node.name == "updates":
            docs["updates"] = " ".join((ast.get_docstring(node) or "").split())
    return docs


def remedies_and_losses() -> str:
    """docs/remedies.md"""
    lines = [
        MADE,
        "# Losses and remedies\n",
        "Each stands in a file under `trials/losses/` or `trials/remedies/`, and is tested against the equation given",
        'here. In a study file a loss is `[train] loss = "hinge"`, its options',
        "`[losses.NAME]`; a remedy is switched on by `[train] remedies = [...]`, its options `[remedies.NAME]`. All",
        "of them can be searched: see [study-file.md](study-file.md).\n",
        "# Losses\n",
    ]
    for name, options in LOSSES.items():
        lines += _entry(name, options)
    lines.append("# Remedies\n")
    for name, remedy_options in REMEDIES.items():
        lines += _entry(name, remedy_options)
        if others := sorted(excluded_by(name)):
            lines.append(f"Not together with {', '.join(f'`{other}`' for other in others)}.\n")
    return "\n".join(lines)


def _entry(name: str, options: type[ImplementedOptions]) -> list[str]:
    return [f"## {name}\n", _implementation_doc(options), "", *_options_table(options)]


def _implementation_doc(options: type[ImplementedOptions]) -> str:
    """Return the docstring of the module that implements what the options belong to."""
    module = importlib.import_module(options.implementation.partition(":")[0])
    return _markdown(inspect.getdoc(module) or "")


def _markdown(text: str) -> str:
    """Return a docstring with its indented equations fenced as code."""
    lines: list[str] = []
    for block in re.split(r"\n\s*\n", text):
        indented = block.startswith("    ")
        lines += ["```text", textwrap.dedent(block), "```", ""] if indented else [block, ""]
    # An equation that goes on after an empty line is one block.
    return "\n".join(lines).replace("```\n\n```text\n", "\n").rstrip()


def data_and_networks() -> str:
    """docs/options.md"""
    lines = [
        MADE,
        "# Data, networks and measures in the study file\n",
        "# [data]\n",
    ]
    for name, options in {**DATA, PLUGIN: PluginData}.items():
        lines += _named(name, options)
    lines.append("# [model]\n")
    for name, model in {**MODELS, PLUGIN: OwnModel}.items():
        lines += _named(name, model)
    lines += ["# [measures]\n", *_options_table(MeasuresConfig)]
    return "\n".join(lines)


def _named(name: str, options: type[ImplementedOptions]) -> list[str]:
    title = "your own file" if name == PLUGIN else f'name = "{name}"'
    return [
        f"## {title}\n",
        inspect.getdoc(options) or "",
        "",
        _implementation_doc(options),
        "",
        *_options_table(options),
    ]


def _options_table(options: type[StrictModel]) -> list[str]:
    docs = _all_attribute_docs(options)
    shown = {
        name: field
        for name, field in options.model_fields.items()
        if name not in ("name", "digest")
    }
    if not shown:
        return ["No options.\n"]
    rows = [
        f"| `{name}` | {_default(f)} | {_allowed(f)} | {docs.get(name, '')} |"
        for name, f in shown.items()
    ]
    return ["| option | default | allowed | meaning |", "|---|---|---|---|", *rows, ""]


def _all_attribute_docs(options: type[StrictModel]) -> Mapping[str, str]:
    docs: dict[str, str] = {}
    for kind in reversed(options.__mro__):
        if issubclass(kind, StrictModel) and kind is not StrictModel:
            docs |= _attribute_docs(kind)
    return docs


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default()
    if default is None:
        return "absent"
    if isinstance(default, tuple):
        return f"`{list(default)}`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _allowed(field: FieldInfo) -> str:
    annotation = field.annotation
    choices = typing.get_args(annotation) if typing.get_origin(annotation) is typing.Literal else ()
    if choices:
        return " or ".join(f"`{choice}`" for choice in choices)
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    bounds = [
        f"{signs[k]} {getattr(m, k):g}" for m in field.metadata for k in signs if hasattr(m, k)
    ]
    kind = {bool: "true or false", int: "whole number", float: "number", str: "text"}.get(
        annotation, ""
    )  # type: ignore[arg-type]
    return ", ".join([kind, *bounds]) if kind else ", ".join(bounds)


def frames() -> str:
    """docs/frames.md"""
    lines = [
        MADE,
        "# A study in pandas\n",
        "```python",
        "from ganstudy.analysis.frames.load import load_study",
        "",
        'study = load_study("digits")  # from $GANSTUDY_HOME, ./ganstudy-data or MLFLOW_TRACKING_URI',
        "study.trials, study.seeds, study.evaluations, study.modes",
        "```\n",
        "Beside the frames: `study.floor` (every measure of real training data scored as if generated), `study.spec`",
        "(the study file with its defaults), `study.mode_names`, `study.provenance`, `study.question`, and",
        "`study.sample_grids(number)` (pictures by generator steps).",
        "Missing numbers are NaN: a score that is missing because its seed diverged is the worst there is, so fill it",
        "before you average, or count it.\n",
        "`ganstudy export NAME --out DIR --format parquet` (or `csv`) writes the four frames as files.",
        "[examples/analysis.ipynb](../examples/analysis.ipynb) shows them at work. Studies that were trained elsewhere",
        "([import.md](import.md)) have the same frames; what their file did not hold is missing.\n",
    ]
    heads = {
        "trials": "One row per trial, and one more column per hyperparameter, under its name in the study file.",
        "seeds": "One row per trial and seed: its row of `evaluations` at the trial's last evaluation. Same columns.",
        "evaluations": "One row per trial, seed and evaluation.",
        "modes": "One row per trial, seed, evaluation and mode.",
    }
    for name in ("trials", "evaluations", "seeds", "modes"):
        lines += [f"## {name}\n", f"{heads[name]}\n"]
        if name != "seeds":
            lines += ["| column | meaning |", "|---|---|"]
            lines += [f"| `{column}` | {meaning} |" for column, meaning in COLUMNS[name].items()]
            lines.append("")
    return "\n".join(lines)


PAGES = {
    "measures.md": measures,
    "remedies.md": remedies_and_losses,
    "options.md": data_and_networks,
    "frames.md": frames,
}


def main() -> int:
    """Return the number of pages that were out of date, at most 1."""
    stale = []
    for name, make in PAGES.items():
        text, path = make(), FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    print(
        ("out of date: " if "--check" in sys.argv else "written: ") + (", ".join(stale) or "none")
    )
    return int("--check" in sys.argv and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
