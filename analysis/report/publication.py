"""The confirmed configurations as a table for a paper: Markdown and LaTeX, with n and provenance."""

from __future__ import annotations

import math

from ganstudy.analysis.formatting import absent, label, number
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report.blocks import Results
from ganstudy.analysis.report.phrases import score_name, unit
from ganstudy.analysis.tables.configurations.confirm import (
    ConfirmedConfiguration,
    confirmed_configurations,
)
from ganstudy.trials.results.number_format import three_digits
from ganstudy.trials.results.records import trial_name

FILES = {"Markdown": "confirmed.md", "LaTeX": "confirmed.tex"}
"""Names of the files in tables/, by what they are called."""
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        **{letter: f"\\{letter}" for letter in "&%$#_{}"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)


def confirmed_tables(results: Results) -> dict[str, str]:
    """Return the text of each of FILES; empty where nothing was confirmed."""
    study = results.whole
    found = results.cached(confirmed_configurations, study)
    if not found:
        return {}
    heads, rows = _heads(study), [_row(study, each) for each in found]
    return {
        FILES["Markdown"]: _markdown(heads, rows, _provenance(study)),
        FILES["LaTeX"]: _latex(study.name, heads, rows, _provenance(study)),
    }


def _heads(study: Study) -> list[str]:
    return ["configuration", *study.searched, "n", f"median {score_name(study)}", "failed"]


def _row(study: Study, found: ConfirmedConfiguration) -> list[str]:
    name = trial_name(found.number if found.confirms is None else found.confirms)
    settings = [_setting(found.settings[key]) for key in study.searched]
    return [
        f"{name} ({label(found.role)})",
        *settings,
        str(found.num_seeds),
        _score(found),
        f"{found.failed} of {found.num_seeds}" if found.num_seeds else "–",
    ]


def _setting(value: object) -> str:
    if absent(value):
        return "–"
    return three_digits(value) if isinstance(value, float) else label(value)


def _score(found: ConfirmedConfiguration) -> str:
    """Return the median with its interval, at a level of its own: order statistics have only some."""
    score = found.score
    if not found.num_seeds or math.isnan(score.value):
        return "–"
    if math.isnan(score.low):
        return number(score.value)
    ends = f"{number(score.low)}, {number(score.high)}"
    return f"{number(score.value)} [{ends}] ({100 * score.level:.3g}%)"


def _provenance(study: Study) -> str:
    """Return what the scores are of and were measured with, in one paragraph."""
    found, parts = study.provenance, [f"{study.name}: {study.budget.amount:g} {unit(study)}."]
    parts.append(
        "n: fresh seeds, that no choice was made by; median over them with its exact interval at "
        "the level in brackets; failed: collapsed, cycling or diverged seeds, which count."
    )
    if found:
        parts.append(
            f"{score_name(study)}: {found['num_generated']} generated against "
            f"{found['num_real']} real samples ({label(found['split'])}), extractor "
            f"{found['extractor']} ({found['extractor_digest']}), data {study.data_name} "
            f"({found['data_digest']})."
        )
    packages = study.origin.packages
    measured = [
        f"{name} {packages[name]}" for name in ("torch-fidelity", "torch") if name in packages
    ]
    parts.append(f"ganstudy source {', '.join([study.origin.source, *measured])}.")
    return " ".join(parts)


def _markdown(heads: list[str], rows: list[list[str]], provenance: str) -> str:
    cells = [[cell.replace("|", r"\|") for cell in row] for row in (heads, *rows)]
    head, *body = (f"| {' | '.join(row)} |" for row in cells)
    return "\n".join([head, f"|{'---|' * len(heads)}", *body, "", provenance, ""])


def _latex(name: str, heads: list[str], rows: list[list[str]], provenance: str) -> str:
    def line(row: list[str]) -> str:
        return " & ".join(cell.translate(_LATEX).replace("–", "--") for cell in row) + r" \\"

    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"\begin{table}",
            rf"\caption{{Configurations of {name.translate(_LATEX)} on fresh seeds.}}",
            rf"\begin{{tabular}}{{{'l' * len(heads)}}}",
            r"\toprule",
            line(heads),
            r"\midrule",
            *map(line, rows),
            r"\bottomrule",
            r"\end{tabular}",
            "",
            rf"\footnotesize {provenance.translate(_LATEX)}",
            r"\end{table}",
            "",
        ]
    )
