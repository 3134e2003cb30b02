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

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.tables.claimed_contrasts import claimed_contrasts
from ganstudy.analysis.tables.claims import Decided, claim_verdicts
from ganstudy.analysis.tables.contrast_table import ContrastTable
from ganstudy.analysis.tables.matched_contrasts import pairwise_contrasts, remedy_contrasts
from ganstudy.study.spec.design_plan import plan
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


def made_claim(spec: StudySpec, rng: np.random.Generator, number: int, share: float) -> Study:
    """Return a study of that file in which a criterion has `share` times its planned effect.

    number: of the criterion. What other criteria are about is noise.
    """
    claim = Claim.of_spec(spec.model_dump(mode="json"))
    assert claim is not None
    trials, seeds = plan(spec), list(spec.train.seeds)
    points = np.array([trial.point for trial in trials])
    shape = (len(trials), len(seeds))
    criterion = claim.decided_by[number]
    drawn = _drawn(rng, criterion, trials, (points, len(seeds)), share)
    verdicts = np.full(shape, Verdict.CONVERGED.value, dtype=object)
    values = {spec.measure: np.exp(3 + 0.3 * rng.normal(size=shape))}
    if criterion.measure is not None:
        values[criterion.measure] = drawn
        verdicts[:] = next(iter(criterion.of), Verdict.CONVERGED.value)
    else:
        has = rng.random(shape) < np.clip(drawn, 0, 1)
        name = "collapsed" if criterion.share == "failed" else str(criterion.share)
        other = next((of for of in criterion.of if of != name), Verdict.CONVERGED.value)
        verdicts = np.where(has, name, other)
    study = _frames(spec, (trials, points), values, verdicts)
    if criterion.axis is None:
        # Every axis that is counted costs a comparison.
        study.evaluations = study.evaluations.drop(columns="seconds")
    return study


def _drawn(rng, criterion, trials, at, share) -> np.ndarray:
    """Return [C, S] values of a measure, or probabilities of a share."""
    points, seeds = at
    pairs, of_seeds, rest = criterion.spread or ON_DIGITS
    number = points.max() + 1
    effect = (
        share * planted(criterion)
        + pairs * rng.normal(size=(number, 1))[points]
        + of_seeds * rng.normal(size=(1, seeds))
    )
    noise = rest * rng.normal(size=(len(trials), seeds))
    if not criterion.is_contrast:
        bound = criterion.than if criterion.than is not None else REAL * criterion.of_real
        # A share's rest is that of its coins.
        return bound + effect + (0 if criterion.share else noise)
    treated = np.array([_has_value(trial.params, criterion) for trial in trials])[:, None]
    if criterion.share:
        return BASE_SHARE + treated * effect
    shared = POINTS_DIFFER * rng.normal(size=(number, 1))[points]
    made = shared + noise / math.sqrt(2) + treated * effect
    return np.exp(3 + made) if criterion.is_ratio else made


def _has_value(params, criterion) -> bool:
    value = params[criterion.setting]
    if criterion.setting == "k":
        value = as_schedule(value).shown
    return value == criterion.value


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
    return Counter(verdict_of(spec, rng, number, share).verdict.value for _ in range(studies))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20261130)
    given = parser.parse_args()
    print("| file | criterion | planned effect | planned power | effect | verdicts |")
    print("|---|---|---|---|---|---|")
    for file in given.files or sorted(CLAIMS.glob("*.toml")):
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
