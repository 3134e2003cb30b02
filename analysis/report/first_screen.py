"""What stands below the answer: samples side by side, the effects, and how many seeds failed."""

from __future__ import annotations

from dataclasses import dataclass

from ganstudy.analysis.frames.comparable_verdicts import too_early
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report import samples
from ganstudy.analysis.report.blocks import Figure, Picture, Results
from ganstudy.analysis.report.effects import effects_figure
from ganstudy.analysis.report.sections.confirm import quoted
from ganstudy.analysis.tables.configurations import search, shown_samples
from ganstudy.analysis.tables.configurations.shown_samples import ShownSeed
from ganstudy.analysis.tables.effects.confirmed_contrasts import Against
from ganstudy.trials.results.records import FAILURE_VERDICTS, OWN_SEEDS, Stage, Verdict


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
    return FirstScreen(pictures, note, effects_figure(results), _failures(results.whole))


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
