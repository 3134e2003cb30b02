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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic.fields import FieldInfo

from ganstudy.analysis.frames.export import COLUMNS
from ganstudy.trials.config.base import ImplementedOptions, StrictModel
from ganstudy.trials.config.data import DATA, ImageOptions, PluginData
from ganstudy.trials.config.losses import LOSSES
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.config.networks import MODELS, OwnModel
from ganstudy.trials.config.remedies import REMEDIES, excluded_by
from ganstudy.trials.results.catalogue import MEASURES, Measure
from ganstudy.trials.results.records import COUNTERS, Counters, Verdict

FOLDER = Path(__file__).parent
Kind = TypeVar("Kind", bound=ImplementedOptions)
MADE = "<!-- Made by docs/generate.py from the code; change it there. -->\n"
EVERY_MODEL = ("latent_dim", "latent")
"""Options that every network has."""
EVERY_IMAGE = ("mirror",)
"""Options that every data set of images has."""
MOST_WORDS = 22
"""Of a paragraph that follows the equations into the page; longer ones stay with the code."""
SOURCE = re.compile(r"\(([^()]*\b(?:19|20)\d\d\b[^()]*)\)")
"""Of an equation, in brackets beside it."""
ARROWS = {"down": " ↓", "up": " ↑", "none": ""}


def measures() -> str:
    """docs/measures.md"""
    lines = [
        MADE,
        "# Measures\n",
        "Per seed and evaluation; ↓: lower is better, ↑: higher. Those without a source are ganstudy's.",
        "[Features and floors](how-it-works.md#what-is-measured).\n",
    ]
    for group in dict.fromkeys(measure.group for measure in MEASURES.values()):
        rows = [_measure_row(measure) for measure in MEASURES.values() if measure.group == group]
        lines += [f"## {group}\n", *rows, ""]
    lines += ["## Cost\n"]
    counters = _attribute_docs(Counters)
    plain = [name for name, text in counters.items() if text == _in_words(name)]
    lines.append(f"- {', '.join(f'`{name}`' for name in plain)}")
    lines += [f"- `{name}`: {text}" for name, text in counters.items() if name not in plain]
    return "\n".join(lines) + "\n"


def _measure_row(measure: Measure) -> str:
    unit = f"{measure.unit}{ARROWS[measure.direction]}" + ("; at the end" if measure.at_end else "")
    source = "" if measure.source == "ganstudy" else f" *{measure.source}*"
    return f"- `{measure.name}` ({unit}): {measure.meaning}{source}"


def _in_words(name: str) -> str:
    return name.replace("_", " ").capitalize() + "."


def _attribute_docs(kind: type) -> dict[str, str]:
    """Return the docstrings under a class's attributes; for one without, its name in words."""
    import ast

    body = ast.parse(inspect.getsource(kind).strip()).body[0].body  # type: ignore[attr-defined]
    docs: dict[str, str] = {}
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            docs[node.target.id] = _in_words(node.target.id)
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
        "Options go under `[losses.NAME]`, `[remedies.NAME]`. x: real images, G(z): generated ones, D: the",
        "discriminator's output, theta and psi: the parameters of generator and discriminator, lambda: the",
        "option `weight`. A heading leads to the code, which says more.\n",
        "# Losses\n",
    ]
    for losses in _by_document(LOSSES):
        lines += _entry(losses)
    lines.append("# Remedies\n")
    for name, remedy_options in REMEDIES.items():
        lines += _entry({name: remedy_options})
        if others := sorted(excluded_by(name)):
            lines.append(f"Not together with {', '.join(f'`{other}`' for other in others)}.\n")
    return "\n".join(lines)


def _by_document(kinds: Mapping[str, type[Kind]]) -> list[dict[str, type[Kind]]]:
    """Return the kinds that one module implements together, for one entry each."""
    found: dict[str, dict[str, type[Kind]]] = {}
    for name, options in kinds.items():
        found.setdefault(_implementation_doc(options), {})[name] = options
    return list(found.values())


def _entry(kinds: Mapping[str, type[ImplementedOptions]]) -> list[str]:
    doc = _implementation_doc(next(iter(kinds.values())))
    names = ", ".join(kinds)
    # "Feature matching: ..." stands below the heading feature_matching.
    title, colon, rest = doc.partition(": ")
    if colon and re.sub("[ -]", "_", title.lower()) == names:
        doc = rest[0].upper() + rest[1:]
    file = next(iter(kinds.values())).implementation.partition(":")[0].replace(".", "/")
    link = f"../{file.removeprefix('ganstudy/')}.py"
    return [f"## [{names}]({link})\n", _in_short(doc), "", *_options_list(kinds)]


def _in_short(doc: str) -> str:
    """Return the summary of a module's documentation, with its sources, and the first equations.

    The paragraph after them too, if it is short. The rest stays with the code, to which the page
    links.
    """
    blocks = re.split(r"\n\s*\n", doc)
    is_equation = [block.startswith("    ") for block in blocks]
    first = is_equation.index(True) if any(is_equation) else len(blocks)
    after = next((i for i in range(first, len(blocks)) if not is_equation[i]), len(blocks))
    summary, *more = blocks[:first]
    equations = blocks[first:after]
    beside = SOURCE.findall("".join(equations))
    if sources := [source for source in beside if source not in summary]:
        summary = f"{summary.removesuffix('.')} ({'; '.join(sources)})."
    more += [_bare(block) for block in equations]
    more += [block for block in blocks[after : after + 1] if _is_note(block)]
    return "\n\n".join([summary, *more])


def _bare(equations: str) -> str:
    """Return lines of equations without the remarks beside them, three spaces away."""
    lines = [re.split(r" {3,}", line.strip())[0] for line in equations.splitlines()]
    return "\n".join(f"    {line}" for line in lines if not SOURCE.fullmatch(line))


def _is_note(paragraph: str) -> bool:
    """Return whether a paragraph is short, and leads to nothing else."""
    return len(paragraph.split()) <= MOST_WORDS and not paragraph.endswith(":")


def _implementation_doc(options: type[ImplementedOptions]) -> str:
    """Return the docstring of the module that implements what the options belong to."""
    module = importlib.import_module(options.implementation.partition(":")[0])
    return inspect.getdoc(module) or ""


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
        "Defaults and other choices stand in brackets. Layers: `trials/networks/NAME.py`.\n",
        "# [data]\n",
    ]
    lines += [
        "Every data set of images has\n",
        *_options_list({"images": ImageOptions}, only=EVERY_IMAGE),
    ]
    told: set[str] = set()
    for data in _by_document(DATA):
        lines += _named(data, told)
    own_data, own_model = "extending.md#data", "extending.md#networks"
    lines += [f'## ["my_data.py:Dataset"]({own_data})\n']
    lines += _options_list({"own": PluginData}, _told())
    lines += ["# [model]\n", *_options_list(MODELS, only=EVERY_MODEL)]
    for models in _by_document(MODELS):
        lines += _named(models, told, layers=True)
    lines += [f'## ["my_gan.py:build"]({own_model})\n']
    lines += _options_list({"own": OwnModel}, EVERY_MODEL)
    lines += ["# [measures]\n", *_options_list({"measures": MeasuresConfig})]
    return "\n".join(lines)


def _told() -> tuple[str, ...]:
    """Return the options of a user's own data that a data set before says in the same words."""
    return tuple(
        name
        for name, said in _all_attribute_docs(PluginData).items()
        if any(_all_attribute_docs(kind).get(name) == said for kind in DATA.values())
    )


def _named(
    kinds: Mapping[str, type[ImplementedOptions]], told: set[str], layers: bool = False
) -> list[str]:
    """Return the entry of what one module implements; layers: of networks, whose file has those."""
    doc = _implementation_doc(next(iter(kinds.values())))
    said = re.split(r"\n\s*\n", doc)[0] if layers else doc
    if len(kinds) == 1 and not layers:
        said = inspect.getdoc(next(iter(kinds.values()))) or doc
    lines = [f"## {', '.join(kinds)}\n", *_markdown(said).split("\n"), ""]
    if len(kinds) > 1:
        lines += [f"- `{name}`: {inspect.getdoc(kind)}" for name, kind in kinds.items()]
    options = _options_list(kinds, (*EVERY_MODEL, *EVERY_IMAGE), told=told)
    return lines + (options or [""] * (len(kinds) > 1))


def _options_list(
    kinds: Mapping[str, type[StrictModel]],
    without: Sequence[str] = (),
    only: Sequence[str] = (),
    told: set[str] | None = None,
) -> list[str]:
    """Return a line per option of these kinds: default, other choices, meaning.

    Options without a docstring, which an equation explains, share a line.
    told: lines of entries before, whose options are named alone; those of this entry are added.
    """
    rows: dict[tuple[str, str], dict[str, list[str]]] = {}
    for kind, options in kinds.items():
        docs = _all_attribute_docs(options)
        for name, field in options.model_fields.items():
            if name not in ("name", "digest", *without) and (not only or name in only):
                of = rows.setdefault((name, docs.get(name, "")), {})
                of.setdefault(_values(field), []).append(kind)
    lines, again, plain = [], [], []
    for (name, doc), by_values in rows.items():
        # What two kinds do not share, says whose it is.
        own = len(by_values) > 1 or sum(other == name for other, _ in rows) > 1
        if len(by_values) > 1:
            by_values = {value.partition(" or ")[0]: of for value, of in by_values.items()}
        values = [f"{v} in {', '.join(of)}" if own else v for v, of in by_values.items()]
        if len(by_values) > 1:
            # The first is everybody's but for those that are named.
            values[0] = next(iter(by_values))
        shown = f" ({'; '.join(values)})" if any(values) else ""
        line = f"- `{name}`{shown}: {doc}"
        if doc == _in_words(name):
            plain.append(f"`{name}`{shown}")
            continue
        if told is not None and line in told:
            again.append(f"`{name}`")
            continue
        lines.append(line)
    if told is not None:
        told.update(lines)
    if plain:
        lines.insert(0, f"- {', '.join(plain)}")
    if again:
        lines.append(f"- {', '.join(again)}: as above.")
    return [*lines, ""] if lines else []


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
        return ""
    if isinstance(default, tuple):
        return f"`{list(default)}`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _values(field: FieldInfo) -> str:
    """Return the default and the other choices; what else may stand there, the rules say."""
    annotation, default = field.annotation, _default(field)
    if typing.get_origin(annotation) is typing.Literal:
        others = [f"`{choice}`" for choice in typing.get_args(annotation)]
        return " or ".join([default, *(other for other in others if other != default)])
    return default


def frames() -> str:
    """docs/frames.md"""
    lines = [
        MADE,
        "# A study in pandas\n",
        "From `ganstudy.load(NAME)` ([Python](python.md)) or `ganstudy export NAME --out DIR`.",
        "A column that two frames share is described once. Missing numbers are NaN. A score that is",
        "missing because its seed diverged is the worst there is: fill it before you average.\n",
    ]
    heads = {
        "trials": "One row per trial; also a column per hyperparameter, and a number of seeds per verdict.",
        "evaluations": "One row per trial, seed and evaluation.",
        "seeds": "The rows of `evaluations` at each trial's last.",
        "modes": "One row per trial, seed, evaluation and mode.",
    }
    told: dict[str, str] = {}
    for name, head in heads.items():
        lines += [f"## {name}\n", f"{head}\n"]
        columns = {} if name == "seeds" else COLUMNS[name]
        measured = [column for column in columns if column in MEASURES]
        for column, meaning in columns.items():
            # Those of the measures and counters stand in measures.md; what two frames share, in the first.
            if column not in (*MEASURES, *COUNTERS, *Verdict) and told.get(column) != meaning:
                lines.append(f"- `{column}`: {meaning}")
                told[column] = meaning
        if measured:
            of = " (median over seeds at the last evaluation)" if name == "trials" else ""
            lines.append(f"- every [measure](measures.md){of} and [cost](measures.md#cost)")
        if name == "evaluations":
            lines.append("- `own/NAME`: metrics that a training of your own reported")
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
