"""The card of an exported generator: what it is, what it scored, where it comes from, how to load
it. Markdown.

What comes from files and people (names, questions) stands in it as text: nothing of it can become a
link, a picture or HTML.
"""

from __future__ import annotations

import json
from typing import Any

from ganstudy.study.export.markdown import escape as text
from ganstudy.trials.results.catalogue import COPYING, MEASURES, MODES, QUALITY

GROUPS = (QUALITY, MODES, COPYING)
"""Of measures: those of the samples. The others tell of the training."""
TRAINED_AS = {
    "gan": "A GAN's generator",
    "autoencoder": "An autoencoder's decoder",
    "vae": "A variational autoencoder's decoder",
}


def card(settings: dict[str, Any]) -> str:
    """README.md for config.json's content."""
    facts, configuration = settings["facts"], settings["configuration"]
    own = settings["generator"].get("own")
    kind = "images" if settings["values"].startswith("images") else "points"
    shape = " x ".join(map(str, settings["shape"]))
    lines = [
        f"# Generator of {text(settings['study'])}, trial {settings['trial']}",
        "",
        *([f"> {text(facts['question'])}", ""] if facts["question"] else []),
        f"{TRAINED_AS[configuration['method']]} of {kind} ({shape}), network "
        f"`{_code(configuration['model']['name'])}`, trained on `{_code(configuration['data']['name'])}` by ganstudy. "
        + text(facts["role"]),
        "",
        "![Samples](samples.png)",
        "",
        "## Use",
        "",
        "```python",
        "from model import load, picture, sample  # needs torch, safetensors and pillow; not ganstudy",
        "",
        f"samples = sample(64, seed=0)  # [64, {', '.join(map(str, settings['shape']))}], {settings['values']}",
        'picture(samples).save("grid.png")',
        f"generator = load({settings['default_seed']})  # latents [N, {settings['latent_dim']}] -> samples",
        "```",
        "",
        f"Latents: {settings['latent']}, {settings['latent_dim']} dimensions. Trained on the random seeds "
        f"{', '.join(map(str, settings['seeds']))}, a file of weights each; `load()` takes seed "
        f"{settings['default_seed']}. Samples agree with those that were scored up to float32 rounding.",
        "",
    ]
    if own:
        lines += [
            f"`{_code(own['file'])}` is the author's own code, which `load()` runs: read it first.",
            "",
        ]
    return "\n".join([*lines, *_scores(facts), *_origin(settings), *_licence(configuration)])


def _scores(facts: dict[str, Any]) -> list[str]:
    lines = [
        "## Scores",
        "",
        f"Over {facts['num_seeds']} seeds at the end of the training ({text(facts['budget'])}), "
        f"{text(facts['diverged'])}. The range is that of single seeds, no interval of confidence. Floor: real "
        "training data scored as if generated.",
        "",
        "| measure | median | lowest to highest seed | floor | better |",
        "|---|---:|---:|---:|---|",
    ]
    for name, score in facts["scores"].items():
        measure = MEASURES[name]
        if measure.group in GROUPS:
            better = {"down": "lower", "up": "higher", "none": ""}[measure.direction]
            ends = f"{score['lowest']:.4g} to {score['highest']:.4g}"
            floor = "" if score["floor"] is None else f"{score['floor']:.4g}"
            lines.append(
                f"| {measure.label} | {_number(score['median'])} | {ends} | {floor} | {better} |"
            )
    return [*lines, "", *(text(note) for note in facts["notes"]), ""]


def _number(value: float | None) -> str:
    return "diverged" if value is None else f"{value:.4g}"


def _origin(settings: dict[str, Any]) -> list[str]:
    facts, used = settings["facts"], settings["facts"]["provenance"]
    searched = ", ".join(
        f"`{_code(key)}` = `{_code(value)}`" for key, value in facts["params"].items()
    )
    return [
        "## Provenance",
        "",
        f"- Study `{_code(settings['study'])}`, trial {settings['trial']}: {searched or 'nothing was searched'}.",
        f"- Configuration digest `{_code(facts['config_digest'])}`; complete in config.json.",
        f"- Scored with `{_code(used.get('extractor', 'unknown'))}` "
        f"(digest `{_code(used.get('extractor_digest', '?'))}`), "
        f"{used.get('num_generated', '?')} generated against {used.get('num_real', '?')} real samples "
        f"({text(used.get('split', '?'))}). Scores by another extractor are not comparable.",
        f"- Data digest `{_code(used.get('data_digest', '?'))}`.",
        f"- ganstudy source `{_code(facts['source'])}`, Python `{_code(facts['python'])}`.",
        "",
    ]


def _licence(configuration: dict[str, Any]) -> list[str]:
    return [
        "## Licence",
        "",
        "model.py is part of ganstudy (Apache-2.0). The weights belong to who trained them; whether they may be passed "
        f"on also depends on the licence of the training data (`{_code(configuration['data']['name'])}`), which is not "
        "ganstudy's. State yours here before you publish them.",
        "",
    ]


def _code(value: object) -> str:
    """For between backquotes: no backquote, no line break."""
    shown = value if isinstance(value, str) else json.dumps(value)
    return " ".join("".join(c if c.isprintable() else " " for c in shown).replace("`", "'").split())
