"""The model card of an exported generator (Mitchell et al. 2019), as Markdown.

It says what the generator is, how to load it, its scores and their provenance. What comes from
files and people (names, questions) is escaped: nothing of it can become a link, a picture or HTML.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ganstudy.analysis.tables.configurations.best_configuration import BestConfiguration
from ganstudy.study.export.markdown import escape as text
from ganstudy.trials.results.catalogue import COPYING, MEASURES, MODES, QUALITY
from ganstudy.trials.results.documents import JsonObject
from ganstudy.trials.results.own_measures import OWN

if TYPE_CHECKING:
    from ganstudy.trials.export.export import GeneratorDescription

GROUPS = (QUALITY, MODES, COPYING, OWN)
"""Of measures: those of the samples. The others describe the training."""
TRAINED_AS = {
    "gan": "A GAN's generator",
    "autoencoder": "An autoencoder's decoder",
    "vae": "A variational autoencoder's decoder",
}


@dataclass(frozen=True)
class ExportedGenerator:
    """Content of an exported folder's config.json, which trials/export/standalone.py reads."""

    format: int
    """Version of config.json."""
    study: str
    trial: int
    seeds: list[int]
    default_seed: int
    latent: str
    latent_dim: int
    shape: list[int]
    """Of one sample."""
    values: str
    """Kind of the samples and their range, in words."""
    reach: float | None
    """Of points: what a picture of them shows in either direction."""
    generator: GeneratorDescription
    """How the network is built; see trials/export/standalone.py."""
    configuration: JsonObject
    """The trial's whole configuration."""
    facts: BestConfiguration
    """Scores and provenance."""

    def to_json(self) -> JsonObject:
        """Return the content as plain JSON."""
        facts = self.facts.to_json()
        del facts["seeds"], facts["default_seed"]  # those of the export are beside the facts
        return {**vars(self), "generator": self.generator.to_json(), "facts": facts}


def card(exported: ExportedGenerator) -> str:
    """Return README.md of an exported generator."""
    facts, tables = exported.facts, exported.configuration
    own = exported.generator.own
    kind = "images" if exported.values.startswith("images") else "points"
    shape = " x ".join(map(str, exported.shape))
    question = [f"> {text(facts.question)}", ""] if facts.question else []
    lines = [
        f"# Generator of {text(exported.study)}, trial {exported.trial}",
        "",
        *question,
        f"{TRAINED_AS[tables['method']]} of {kind} ({shape}), network "
        f"`{_code(tables['model']['name'])}`, trained on `{_code(tables['data']['name'])}` by "
        "ganstudy. " + text(facts.role),
        "",
        "![Samples](samples.png)",
        "",
        "## Use",
        "",
        "```python",
        "from model import load, picture, sample  # needs torch, safetensors and pillow; not ganstudy",
        "",
        f"samples = sample(64, seed=0)  # [64, {', '.join(map(str, exported.shape))}], "
        + exported.values,
        'picture(samples).save("grid.png")',
        f"generator = load({exported.default_seed})  # latents [N, {exported.latent_dim}] -> samples",
        "```",
        "",
        f"Latents: {exported.latent}, {exported.latent_dim} dimensions. Trained on the random seeds "
        f"{', '.join(map(str, exported.seeds))}, a file of weights each; `load()` takes seed "
        f"{exported.default_seed}. Samples agree with those that were scored up to float32 rounding.",
        "",
    ]
    if own:
        lines += [
            f"`{_code(own.file)}` is the author's own code, which `load()` runs: read it first.",
            "",
        ]
    return "\n".join([*lines, *_scores(facts), *_provenance(exported), *_licence(tables)])


def _scores(facts: BestConfiguration) -> list[str]:
    lines = [
        "## Scores",
        "",
        f"Over {facts.num_seeds} seeds at the end of the training ({text(facts.budget)}), "
        f"{text(facts.diverged)}. The range is that of single seeds, no interval of confidence. "
        "Floor: real training data scored as if generated.",
        "",
        "| measure | median | lowest to highest seed | floor | better |",
        "|---|---:|---:|---:|---|",
    ]
    for name, score in facts.scores.items():
        measure = MEASURES[name]
        if measure.group in GROUPS:
            better = measure.better
            median = "diverged" if score.median is None else f"{score.median:.4g}"
            ends = f"{score.lowest:.4g} to {score.highest:.4g}"
            floor = "" if score.floor is None else f"{score.floor:.4g}"
            lines.append(f"| {measure.label} | {median} | {ends} | {floor} | {better} |")
    return [*lines, "", *(text(note) for note in facts.notes), ""]


def _provenance(exported: ExportedGenerator) -> list[str]:
    facts, used = exported.facts, exported.facts.provenance
    searched = ", ".join(
        f"`{_code(key)}` = `{_code(value)}`" for key, value in facts.params.items()
    )
    return [
        "## Provenance",
        "",
        f"- Study `{_code(exported.study)}`, trial {exported.trial}: "
        f"{searched or 'nothing was searched'}.",
        f"- Configuration digest `{_code(facts.config_digest)}`; complete in config.json.",
        f"- Scored with `{_code(used.get('extractor', 'unknown'))}` "
        f"(digest `{_code(used.get('extractor_digest', '?'))}`), "
        f"{used.get('num_generated', '?')} generated against {used.get('num_real', '?')} real samples "
        f"({text(used.get('split', '?'))}). Scores by another extractor are not comparable.",
        f"- Data digest `{_code(used.get('data_digest', '?'))}`.",
        f"- ganstudy source `{_code(facts.source)}`, Python `{_code(facts.python)}`.",
        "",
    ]


def _licence(tables: JsonObject) -> list[str]:
    return [
        "## Licence",
        "",
        "model.py is part of ganstudy (Apache-2.0). The weights belong to who trained them; whether "
        "they may be passed on also depends on the licence of the training data "
        f"(`{_code(tables['data']['name'])}`), which is not ganstudy's. State yours here before you "
        "publish them.",
        "",
    ]


def _code(value: object) -> str:
    """Return `value` for between backquotes: without a backquote or a line break."""
    shown = value if isinstance(value, str) else json.dumps(value)
    return " ".join("".join(c if c.isprintable() else " " for c in shown).replace("`", "'").split())
