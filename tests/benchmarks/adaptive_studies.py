"""Whole adaptive searches in which remedies and k do nothing on average, or one remedy helps: what the
table of contrasts says of them.

    python tests/benchmarks/adaptive_studies.py [--studies 2000] [--seed 20261130] [--to DIR]

Every study is drawn by Optuna's TPE as the ledger draws it, stopped by Ray's ASHA as the driver stops it,
two trials at a time, and read by analysis/tables/effects/contrast_table.py. Scores are made up: log FID falls over
the budget to a level that the learning rates set, with what a remedy does at one setting, what it does on
one seed, a seed's luck, and the rest; sizes as in tests/benchmarks/operating_characteristics.py.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
from made_frames import STEPS, made_frames
from scipy import stats

from ganstudy.analysis.frames.compared_scores import own_axis
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.tables.effects.contrast_table import contrast_table
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.ledger.search_stage import SearchStage
from ganstudy.study.spec.reader import parse_study
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.study.tune.scheduler import scheduler, score

EVALUATIONS, SLOTS = 9, 2
PAIR, SEED, REST, LUCK = 0.38, 0.162, 0.279, 0.1
"""Standard deviations of log FID ratios: remedy x setting, remedy x seed, the rest, a seed's luck."""
REMEDIES = ("none", "feature_matching", "historical_averaging", "minibatch_discrimination")
FILE = """
name = "made"
[data]
name = "digits"
[train]
seeds = {seeds}
budget = {{ generator_steps = {steps} }}
evaluations = {evaluations}
[search]
sampler = "{sampler}"
trials = {trials}
seed = {seed}
[search.space]
k = [1, 2, 5]
lr_d = {{ low = 1e-4, high = 1e-2, log = true }}
lr_g = {{ low = 1e-4, high = 1e-2, log = true }}
remedies = [[], ["feature_matching"], ["historical_averaging"], ["minibatch_discrimination"]]
[schedule]
name = "{schedule}"
"""


@dataclass(frozen=True)
class Cell:
    """Studies of one kind."""

    name: str
    trials: int = 60
    seeds: int = 6
    sampler: str = "tpe"
    schedule: str = "asha"
    helps: float = 1.0
    """Factor in FID of minibatch discrimination, on average over settings and seeds."""


CELLS = (
    Cell("TPE with ASHA, 3 seeds", seeds=3),
    Cell("TPE with ASHA, 6 seeds"),
    Cell("TPE with ASHA, 6 seeds, 120 trials", trials=120),
    Cell("random without early stops, 6 seeds", sampler="random", schedule="fifo"),
    Cell("TPE with ASHA, 6 seeds, one remedy x 0.5", helps=0.5),
)


class World:
    """Scores of one study: draws what its remedies and seeds do once, each trial's own as it comes."""

    def __init__(self, cell: Cell, rng: np.random.Generator) -> None:
        self._cell, self._rng = cell, rng
        self._luck = LUCK * rng.normal(size=cell.seeds)
        self._on_seed = SEED / math.sqrt(2) * rng.normal(size=(2, 8, cell.seeds))

    def scores(self, params: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return FID [S, E] of a configuration."""
        cell, rng = self._cell, self._rng
        remedy = REMEDIES.index(params["remedies"])
        level = (
            4.0 + math.log10(params["lr_d"] / 5e-4) ** 2 + math.log10(params["lr_g"] / 1e-3) ** 2
        )
        # Half of the variance of a difference belongs to either side.
        level += PAIR / math.sqrt(2) * rng.normal()
        level += math.log(cell.helps) if params["remedies"] == REMEDIES[-1] else 0.0
        of_seed = (
            self._luck + self._on_seed[0, remedy] + self._on_seed[1, [1, 2, 5].index(params["k"])]
        )
        of_seed = of_seed + REST / math.sqrt(2) * rng.normal(size=cell.seeds)
        falling = 2.0 * np.exp(-3.0 * np.arange(1, EVALUATIONS + 1) / EVALUATIONS)
        noise = 0.05 * rng.normal(size=(cell.seeds, EVALUATIONS))
        return np.exp(level + of_seed[:, None] + falling + noise)


def searched(cell: Cell, seed: int) -> Study:
    """Run one search, and return it as frames."""
    text = FILE.format(
        seeds=list(range(cell.seeds)),
        steps=int(STEPS) * EVALUATIONS,
        evaluations=EVALUATIONS,
        sampler=cell.sampler,
        trials=cell.trials,
        seed=seed,
        schedule=cell.schedule,
    )
    spec = parse_study(text, "made")
    stage = SearchStage(optuna.create_study(direction="minimize"), spec)
    world = World(cell, np.random.default_rng([seed, 7]))
    drawn, scores, reached, states = [], [], [], []
    schedule = scheduler(spec)
    running: list[tuple[int, int]] = []
    while stage.left():
        while len(running) < SLOTS and stage.remaining():
            number, params = stage.propose()
            drawn.append(params)
            scores.append(world.scores(params))
            reached.append(0)
            states.append("complete")
            running.append((number, 0))
        number, evaluation = running.pop(0)
        evaluation += 1
        reached[number] = evaluation
        objective = float(np.median(scores[number][:, evaluation - 1]))
        finished = evaluation == EVALUATIONS
        stage.record_evaluation(number, objective, STEPS * evaluation)
        if finished or stopped(schedule, spec, number, evaluation, objective):
            states[number] = "complete" if finished else "pruned"
            verdicts = {"unsettled": cell.seeds}
            outcome = Outcome(finished, objective, STEPS * evaluation, verdicts, {})
            stage.record_end(number, outcome, None)
        else:
            running.append((number, evaluation))
    space = spec.model_dump(mode="json")["search"]["space"]
    columns = {key: [row[key] for row in drawn] for key in drawn[0]}
    study = made_frames(np.stack(scores), columns, space, reached=reached, states=states)
    study.spec["search"]["sampler"] = cell.sampler
    study.spec["schedule"] = {"name": cell.schedule}
    return study


def stopped(schedule: Any, spec: StudySpec, number: int, evaluation: int, objective: float) -> bool:
    """Return whether ASHA stops the trial after this evaluation."""
    brackets = getattr(schedule, "_brackets", [])
    trial = SimpleNamespace(trial_id=str(number))
    found = [b.on_result(trial, STEPS * evaluation, score(objective, False)) for b in brackets]
    return "STOP" in found


def findings(study: Study) -> Counter[str]:
    """Return what the table of contrasts finds, one count per kind."""
    table, found = contrast_table(study), Counter[str]()
    own = own_axis(study)
    kinds = {
        "remedies": table.remedies,
        "k": [row for row in table.k if row.axis == own],
        "k, other axes": [row for row in table.k if row.axis != own],
    }
    for kind, rows in kinds.items():
        found[kind] += any(row.decision in ("better", "worse") for row in rows)
        found[f"{kind}: asked"] += any(row.p == row.p for row in rows)
    for row in table.remedies:
        if row.first == REMEDIES[-1]:
            found["the last remedy better"] += row.decision == "better"
    return found


KINDS = ("remedies", "k", "k, other axes")
HEAD = (
    "studies",
    *(column for kind in KINDS for column in (kind, f"{kind}: asked")),
    "the remedy that helps",
)


def row(cell: Cell, found: Counter[str], studies: int) -> list[str]:
    """Return the row of a cell, under HEAD."""
    cells = [f"{cell.name} ({studies})"]
    for kind in KINDS:
        cells += [share(found[kind], studies), f"{found[f'{kind}: asked'] / studies:.0%}"]
    cells.append("" if cell.helps == 1 else share(found["the last remedy better"], studies))
    return cells


def share(times: int, studies: int) -> str:
    """Return a rate with its interval."""
    low, high = stats.binomtest(times, studies).proportion_ci(method="exact")
    return f"{times / studies:.1%} [{low:.1%}, {high:.1%}]"


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=20261130)
    parser.add_argument("--cells", type=int, nargs="*", default=range(len(CELLS)))
    parser.add_argument("--to", type=Path, default=Path("docs/simulated"))
    parser.add_argument("--short", action="store_true", help="whether it runs, in print")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    studies = 1 if arguments.short else arguments.studies
    made = [list(HEAD)]
    for cell in (CELLS[i] for i in ([1] if arguments.short else arguments.cells)):
        found = Counter[str]()
        for i in range(studies):
            found.update(findings(searched(cell, arguments.seed + i)))
        made.append(row(cell, found, studies))
        csv.writer(sys.stdout, lineterminator="\n").writerow(made[-1])
        sys.stdout.flush()
    if not arguments.short:
        with (arguments.to / "searches.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(made)


if __name__ == "__main__":
    main()
