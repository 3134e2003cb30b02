"""What stands below the answer: samples side by side, the effects, and how many seeds failed."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ganstudy.analysis.figures.forest import Effect, forest
from ganstudy.analysis.formatting import count, label, number
from ganstudy.analysis.frames.comparable_verdicts import too_early
from ganstudy.analysis.frames.selection import own_axis
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report import phrases, samples
from ganstudy.analysis.report.blocks import Figure, Picture, Results
from ganstudy.analysis.report.phrases import score_name, unit
from ganstudy.analysis.report.sections.confirm import quoted
from ganstudy.analysis.tables import search, shown_samples
from ganstudy.analysis.tables.confirmed_contrasts import Against
from ganstudy.analysis.tables.contrasts import RATIO, Contrast, margin_of
from ganstudy.analysis.tables.shown_samples import ShownSeed
from ganstudy.trials.results.records import FAILURE_VERDICTS, OWN_SEEDS, Stage, Verdict

MOST_EFFECTS = 8
"""Rows of the forest plot: as many as fit beside the samples."""


@dataclass(frozen=True)
class FailedShare:
    """How many seeds of a stage failed, and how."""

    stage: str
    failed: int
    total: int
    parts: list[tuple[str, int, str]]
    """Verdict, seeds, colour."""


@dataclass(frozen=True)
class FirstScreen:
    """Pictures, effects and failures of a study."""

    pictures: list[Picture]
    note: str
    effects: Figure | None
    failures: list[FailedShare]


def first_screen(results: Results) -> FirstScreen:
    """Return what stands below the sentences; empty parts where the study has nothing for them."""
    pictures = _pictures(results)
    note = ""
    if pictures:
        note = "The same latents in every picture." if samples.common_latents(results.whole) else ""
    return FirstScreen(pictures, note, _effects(results), _failures(results.whole))


def _pictures(results: Results) -> list[Picture]:
    """Return real images, the best generator, its twin, and a seed of the worst verdict."""
    study, choice = results.whole, quoted(results)
    if study.trials.empty or study.evaluations.empty:
        return []
    made = samples.real_picture(results)
    best = search.best(results.study, 1)
    number_of_best = None if best.empty else int(best["number"].iloc[0])
    name = "Best of the search"
    if choice is not None:
        number_of_best, name = choice.number, "Best, confirmed"
    shown = None if number_of_best is None else shown_samples.median_seed(study, number_of_best)
    if shown is not None:
        made += samples.picture(results, shown, f"{name}, median seed")
        made += _twin(results, shown)
    worst = shown_samples.worst_seed(study)
    if worst is not None and worst != shown:
        title = "Worst verdict" if worst.failed else "Worst score"
        made += samples.picture(results, worst, title)
    return made


def _twin(results: Results, shown: ShownSeed) -> list[Picture]:
    """Return the samples of the twin without remedies, of the same seed."""
    for row in results.contrasts.confirmed:
        if row.against is not Against.TWIN or row.number != shown.number:
            continue
        found = shown_samples.seeds_best_first(results.whole, row.other)
        same = [seed for seed in found if seed.seed == shown.seed]
        if same:
            return samples.picture(results, same[0], "Its twin without remedies, same seed")
    return []


# Effects


def _effects(results: Results) -> Figure | None:
    """Return one forest plot of k and remedies, the confirmed ones first."""
    rows = _rows(results)
    if not rows:
        return None
    study, name = results.whole, score_name(results.whole)
    table = pd.DataFrame([_row(*each) for each in rows[:MOST_EFFECTS]])
    is_ratio = rows[0][1].scale == RATIO
    better = "left" if study.objective.sign > 0 else "right"
    what = "ratio" if is_ratio else "difference"
    margin = margin_of(study)
    effect = Effect(
        columns=("effect", "low", "high"),
        decision="decision",
        title=f"{name} {what} ({better}: better)",
        none=1 if is_ratio else 0,
        factor=is_ratio,
        margin=None if margin is None else margin.ends,
        row_height=36,
    )
    return Figure("effects", forest(table, "name", effect), _caption(rows, study), _alt(rows, name))


def _rows(results: Results) -> list[tuple[str, Contrast]]:
    own = own_axis(results.study)
    table = results.contrasts
    fresh = [
        (f"{label(row.contrast.first)}, fresh seeds", row.contrast)
        for row in table.confirmed
        if row.against is Against.TWIN
    ]
    remedies = [
        (label(row.first), row)
        for row in (*table.remedies, *(each.contrast for each in table.single))
    ]
    k = [
        (f"k = {label(row.first)} against {label(row.second)}", row)
        for row in table.k
        if row.axis == own
    ]
    found = [(text, row) for text, row in (*remedies, *k) if row.effect.n]
    found.sort(key=lambda pair: (pair[1].is_open, -abs(pair[1].worse_by)))
    return [*fresh, *found]


def _row(name: str, row: Contrast) -> dict[str, object]:
    return {
        "name": name,
        "effect": row.effect.value,
        "low": row.effect.low,
        "high": row.effect.high,
        "decision": row.decision,
        "pairs": row.effect.n,
        "unit": row.effect.unit,
        "seeds": row.seeds,
    }


def _caption(rows: list[tuple[str, Contrast]], study: Study) -> str:
    """Return what the rows are compared with, and what their intervals hold for."""
    early = [row for _, row in rows if row.axis]
    parts = ["Remedies against none."]
    if early:
        amount = f"{number(early[0].amount)} {unit(study)}"
        parts[0] = f"Remedies against none, and k, at {amount}{phrases.together(early)}."
    if any(not row.axis for _, row in rows):
        end = f"{study.budget.amount:g} {unit(study)}"
        parts.append(
            f"Fresh seeds: against the same without, at {end}; each interval alone, if differences "
            "are normal."
        )
    if margin_of(study) is not None:
        parts.append("Shaded: the margin.")
    if len(rows) > MOST_EFFECTS:
        parts.append(f"{len(rows) - MOST_EFFECTS} more in the sections.")
    return " ".join(parts)


def _alt(rows: list[tuple[str, Contrast]], name: str) -> str:
    return f"Effect on {name}, with interval, of {count(len(rows), 'comparison')}."


# Failures


def _failures(study: Study) -> list[FailedShare]:
    """Return the failed seeds of the study's own seeds, and of the fresh ones.

    Of those that were evaluated often enough to be judged.
    """
    made = []
    for name, stages in (("own seeds", OWN_SEEDS), ("fresh seeds", (Stage.CONFIRM,))):
        trials = study.of_stage(*stages).trials
        early = int(too_early(trials).sum()) if len(trials) else 0
        total = int(trials["num_seeds"].sum()) - early if len(trials) else 0
        name += f" of {total + early} that could be judged" if early else ""
        if not total or trials[Verdict.UNKNOWN.value].any():
            continue
        parts = [
            (verdict.value, int(trials[verdict.value].sum()), verdict.colour)
            for verdict in FAILURE_VERDICTS
        ]
        failed = sum(seeds for _, seeds, _ in parts)
        made.append(FailedShare(name, failed, total, [part for part in parts if part[1]]))
    return made
