"""Made-up results of a claim's study file: its own design, with a planted effect in place of trainings.

    python tests/benchmarks/made_claims.py [--studies 400] [--seed 20261130] [FILE ...]

prints, per file of examples/claims and criterion, how often each verdict is drawn where the planned effect is true
and where nothing is, beside the planned power.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.crossed.effect import (
    crossed_difference_of_shares,
    crossed_mean,
    crossed_share,
)
from ganstudy.analysis.stats.crossed.matched_effect import matched_effect
from ganstudy.analysis.stats.estimate import Floats, Ints
from ganstudy.analysis.stats.margin import Margin
from ganstudy.analysis.stats.multiplicity import bonferroni_level
from ganstudy.analysis.tables.effects.claimed_contrasts import claimed_contrasts
from ganstudy.analysis.tables.effects.claims import Decided, claim_verdicts, verdict_on
from ganstudy.analysis.tables.effects.contrast_table import ContrastTable
from ganstudy.analysis.tables.effects.contrasts import DIFFERENCE, RATIO, Contrast, Family
from ganstudy.analysis.tables.effects.matched_contrasts import pairwise_contrasts, remedy_contrasts
from ganstudy.study.spec.design_plan import DesignedTrial, plan
from ganstudy.study.spec.reader import read_study
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.config.k_ratio import as_schedule
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.claimed import Claim, Criterion
from ganstudy.trials.results.facts import Origin
from ganstudy.trials.results.records import Verdict

CLAIMS = Path(__file__).resolve().parents[2] / "examples" / "claims"
ON_DIGITS = (0.38, 0.162, 0.279)
"""Spread of an effect where the file states none: between points, between seeds, the rest."""
POINTS_DIFFER = 0.5
"""Standard deviation of what a point does to all of its combinations."""
REAL = 8.0
"""What real images score on every measure."""
BASE_SHARE = 0.5


def planted(criterion: Criterion) -> float:
    """Return the planned effect on the scale on which differences are drawn, in the claimed direction."""
    size = criterion.effect or 0.0
    if criterion.is_ratio and size:
        size = abs(math.log(size))
    return -size if criterion.says == "lower" else size


class Drawn(NamedTuple):
    """Made-up results of one criterion."""

    criterion: Criterion
    points: Ints
    """[C] of the designed trials."""
    treated: NDArray[np.bool_]
    """[C] whether the trial has the criterion's value; all of them of a level without one."""
    control: NDArray[np.bool_]
    values: Floats
    """[C, S] of the measure; of a share 1 where the seed has it."""


PLANNED: dict[str, tuple[Claim, list[DesignedTrial]]] = {}
"""By study document, as both take longer than the rest of a draw."""


def planned_of(spec: StudySpec) -> tuple[Claim, list[DesignedTrial]]:
    """Return the claim of a file, and its trials."""
    if spec.document not in PLANNED:
        claim = Claim.of_spec(spec.model_dump(mode="json"))
        assert claim is not None
        PLANNED[spec.document] = claim, plan(spec)
    return PLANNED[spec.document]


def drawn_results(
    spec: StudySpec, rng: np.random.Generator, number: int, share: float
) -> tuple[list[DesignedTrial], Drawn]:
    """Return the trials of a file, and results with `share` times the planned effect of a criterion."""
    claim, trials = planned_of(spec)
    criterion = claim.decided_by[number]
    points = np.array([trial.point for trial in trials])
    treated, control = (
        np.array([_has_value(trial.params, criterion, value) for trial in trials])
        for value in (criterion.value, criterion.against)
    )
    seeds, effect = len(spec.train.seeds), share * planted(criterion)
    spread = criterion.spread or ON_DIGITS
    if criterion.share is not None:
        middle = criterion.than if criterion.than is not None else BASE_SHARE
        chance = np.where(
            treated[:, None], _chances(rng, middle + effect, points, seeds, spread), BASE_SHARE
        )
        values = (rng.random(chance.shape) < chance).astype(float)
        return trials, Drawn(criterion, points, treated, control, values)
    differ = effect + _by_point(rng, points, spread[0]) + spread[1] * rng.normal(size=(1, seeds))
    noise = spread[2] * rng.normal(size=(len(trials), seeds))
    if criterion.is_contrast:
        noise = noise / math.sqrt(2) + _by_point(rng, points, POINTS_DIFFER)
    else:
        noise = noise + (criterion.than if criterion.than is not None else REAL * criterion.of_real)
    values = noise + treated[:, None] * differ
    values = np.exp(3 + values) if criterion.is_ratio else values
    return trials, Drawn(criterion, points, treated, control, values)


def _by_point(rng, points, spread) -> Floats:
    return spread * rng.normal(size=(points.max() + 1, 1))[points]


def _chances(rng, mean, points, seeds, spread) -> Floats:
    """Return [C, S] probabilities of that very mean: spread no wider than 0 and 1 allow."""
    width = math.sqrt(3) * (spread[0] + spread[1])
    scale = math.sqrt(3) * min(1.0, min(mean, 1 - mean) / width)
    by_point = rng.uniform(-1, 1, size=(points.max() + 1, 1))[points]
    by_seed = rng.uniform(-1, 1, size=(1, seeds))
    return mean + scale * (spread[0] * by_point + spread[1] * by_seed)


def made_claim(spec: StudySpec, rng: np.random.Generator, number: int, share: float) -> Study:
    """Return a study of that file in which a criterion has `share` times its planned effect.

    number: of the criterion. What other criteria are about is the same everywhere.
    """
    trials, drawn = drawn_results(spec, rng, number, share)
    criterion, shape = drawn.criterion, drawn.values.shape
    verdicts = np.full(shape, next(iter(criterion.of), Verdict.CONVERGED.value), dtype=object)
    values = {spec.measure: np.full(shape, 20.0)}
    if criterion.measure is not None:
        values[criterion.measure] = drawn.values
    else:
        name = "collapsed" if criterion.share == "failed" else str(criterion.share)
        other = next((of for of in criterion.of if of != name), Verdict.CONVERGED.value)
        verdicts = np.where(drawn.values > 0, name, other)
    study = _frames(spec, (trials, drawn.points), values, verdicts)
    if criterion.axis is None:
        # Every axis that is counted costs a comparison.
        study.evaluations = study.evaluations.drop(columns="seconds")
    return study


def quick_verdict(drawn: Drawn, comparisons: int, margin: float | None) -> str:
    """Return the verdict on made-up results from their arrays alone, without a study's frames.

    tests/analysis/tables/test_claims.py holds it to the verdict on the study of the same results.
    """
    level, criterion = bonferroni_level(comparisons), drawn.criterion
    if not criterion.is_contrast:
        return _quick_level(drawn, level)
    arms = []
    for arm in (drawn.treated, drawn.control):
        order = np.argsort(drawn.points[arm], kind="stable")
        arms.append(drawn.values[arm][order])
    points = np.sort(drawn.points[drawn.treated])
    if criterion.share is not None:
        effect = crossed_difference_of_shares(*arms, level, points).comparison.effect
    else:
        logs = [np.log(arm) if criterion.is_ratio else arm for arm in arms]
        effect = matched_effect(*logs, level, points).comparison.effect
        effect = effect.as_ratio() if criterion.is_ratio else effect
    row = Contrast(
        question="", first=1, second=0, axis="", amount=1.0,
        scale=RATIO if criterion.is_ratio else DIFFERENCE, effect=effect, worse_by=0.0, p=0.0,
        p_adjusted=0.0, family=Family("", comparisons), decision="inconclusive", method="", seeds=0,
    )  # fmt: skip
    stated = None if margin is None else Margin(margin, criterion.is_ratio)
    return str(verdict_on(row.against(stated), criterion.says))


def _quick_level(drawn: Drawn, level: float) -> str:
    criterion, values = drawn.criterion, drawn.values[drawn.treated]
    points = drawn.points[drawn.treated]
    bound = criterion.than if criterion.than is not None else REAL * criterion.of_real
    if criterion.share is not None:
        found = crossed_share(values, level, points)
        low, high = found.low - bound, found.high - bound
    else:
        effect = crossed_mean(values - bound, level, points).comparison.effect
        low, high = effect.low, effect.high
    below, above = high < 0, low > 0
    if criterion.says == "higher":
        below, above = above, below
    return "holds" if below else "does not hold" if above else "inconclusive"


def _has_value(params, criterion, stated) -> bool:
    if criterion.setting is None:
        return True
    value = params[criterion.setting]
    if criterion.setting == "k":
        value = as_schedule(value).shown
    return stated is not None and value == stated


def _frames(spec, designed, values, verdicts) -> Study:
    trials, points = designed
    num, seeds, evaluations = *verdicts.shape, spec.train.evaluations
    c, s, e = (axis.ravel() for axis in np.indices((num, seeds, evaluations)))
    k = np.array(
        [float(as_schedule(t.params.get("k", spec.train.k)).last) for t in trials], dtype=float
    )
    unit = spec.train.budget.amount / evaluations
    rows = pd.DataFrame({"number": c, "seed": np.array(spec.train.seeds)[s], "evaluation": e + 1})
    rows = rows.assign(finite=True, verdict=verdicts[c, s], histogram=None)
    rows = rows.assign(
        generator_steps=unit * (e + 1),
        seconds=(1 + k[c]) * unit * (e + 1),
        **{name: drawn[c, s] for name, drawn in values.items()},
    )
    table = pd.DataFrame([dict(trial.params) for trial in trials])
    if "k" in table:
        table["k"] = [as_schedule(value).shown for value in table["k"]]
    table = table.assign(
        number=range(num), stage="design", point=pd.array(points, dtype="Int64"),
        config_digest=[f"c{i}" for i in range(num)], state="complete", feasible=True,
        evaluations=evaluations, num_seeds=seeds, error="", run_id="", role="", confirms=pd.NA,
    )  # fmt: skip
    for name, drawn in values.items():
        table[name] = np.median(drawn, axis=1)
    for verdict in Verdict:
        table[verdict.value] = (verdicts == verdict.value).sum(axis=1)
    table["objective"] = table[spec.measure]
    return Study(
        name=spec.name, spec=spec.model_dump(mode="json"), question="", provenance={},
        floor=dict.fromkeys(MEASURES, REAL), mode_names=[], real_effective_modes=float("nan"),
        origin=Origin(), trials=table, evaluations=rows, _client=None,
    )  # fmt: skip


def table_of(study: Study, number: int) -> ContrastTable:
    """Return the rows of contrast_table that decide a criterion: the others take most of its time."""
    claim = Claim.of_spec(study.spec)
    assert claim is not None
    criterion = claim.decided_by[number]
    own = criterion.setting if criterion.is_in_table(study.objective.measure) else None
    return ContrastTable(
        confirmed=(),
        k=tuple(pairwise_contrasts(study)) if own == "k" else (),
        remedies=tuple(remedy_contrasts(study)) if own == "remedies" else (),
        single=(),
        best=(),
        claimed=claimed_contrasts(study),
    )


def verdict_of(spec: StudySpec, rng: np.random.Generator, number: int, share: float) -> Decided:
    """Return the verdict on a criterion of a made-up study of that file, by the real analysis."""
    study = made_claim(spec, rng, number, share)
    return claim_verdicts(study, table_of(study, number))[number]


def rates(spec: StudySpec, number: int, share: float, studies: int, seed: int) -> Counter[str]:
    """Return how often each verdict is drawn on a criterion."""
    rng = np.random.default_rng([seed, number])
    claim, _ = planned_of(spec)
    criterion = claim.decided_by[number]
    own = criterion.is_in_table(spec.measure)
    margin = spec.objective.margin if own else criterion.margin
    comparisons = 1 if own else len(claim.others(spec.measure))
    found: Counter[str] = Counter()
    for _ in range(studies):
        _, drawn = drawn_results(spec, rng, number, share)
        found[quick_verdict(drawn, comparisons, margin)] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20261130)
    parser.add_argument("--short", action="store_true", help="two studies, of the first file")
    given = parser.parse_args()
    files = given.files or sorted(CLAIMS.glob("*.toml"))
    if given.short:
        files, given.studies = files[:1], 2
    print("| file | criterion | planned effect | planned power | effect | verdicts |")
    print("|---|---|---|---|---|---|")
    for file in files:
        spec, _ = read_study(file)
        for number, criterion in enumerate(spec.claim.decided_by):
            if criterion.effect is None:
                continue
            planned = verdict_of(spec, np.random.default_rng(0), number, 1.0).planned
            for share in (1.0, 0.0, -1.0):
                counted = rates(spec, number, share, given.studies, given.seed)
                found = ", ".join(f"{k} {v / given.studies:.1%}" for k, v in counted.most_common())
                row = (file.stem, number, criterion.effect, f"{planned.power:.0%}", f"x {share:g}")
                print(f"| {' | '.join(map(str, row))} | {found} |", flush=True)


if __name__ == "__main__":
    main()
