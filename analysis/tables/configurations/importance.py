"""Which settings matter: Optuna's importance evaluators, with how much of their answer is chance.

An importance alone says little: it has no zero (a setting that does nothing gets some), and of few
trials its order may be chance. So each is shown beside its range over resamples of the trials,
and beside what the same evaluator gives it where the scores are permuted at random.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import (
    BaseImportanceEvaluator,
    FanovaImportanceEvaluator,
    PedAnovaImportanceEvaluator,
)
from optuna.trial import FrozenTrial, create_trial
from scipy.stats import rankdata

from ganstudy.analysis.frames.compared_scores import SEED, ComparedScores, compared_scores
from ganstudy.analysis.frames.selection import MAX_GROUPS, search_stage
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import INCONCLUSIVE, Floats
from ganstudy.analysis.stats.matching import LOG_FROM
from ganstudy.analysis.stats.multiplicity import ALPHA
from ganstudy.analysis.tables.rows import table_of

EVALUATORS: dict[str, Callable[[], BaseImportanceEvaluator]] = {
    "PED-ANOVA": lambda: PedAnovaImportanceEvaluator(target_quantile=TARGET),
    # Far below Optuna's 64 trees of depth 64, since a report fits sixty of these forests.
    "fANOVA": lambda: FanovaImportanceEvaluator(n_trees=8, max_depth=4, seed=SEED),
}
TARGET = 0.25
"""PED-ANOVA asks what sets the best quarter of the trials apart; its own tenth is two trials of
twenty.
"""
# A guess: enough to show an unstable order, too few for an interval; each is an evaluation.
RESAMPLES = {"PED-ANOVA": 30, "fANOVA": 20}
# With the observed one 100 and 40, so that p can fall to 1% and 2.5%.
DEALT = {"PED-ANOVA": 99, "fANOVA": 39}
"""How often the scores are permuted at random."""
MOST_TRIALS = {"PED-ANOVA": 300, "fANOVA": 150}
"""More than this are drawn from at random for each evaluation: fANOVA's time grows faster than
their number.
"""
# A guess: the best quarter is then five trials.
MIN_TRIALS = 20


@dataclass(frozen=True)
class ImportanceRow:
    """The importance of a setting by one evaluator."""

    evaluator: str
    setting: str
    importance: float
    low: float
    high: float
    chance: float
    p: float
    decision: str
    rank: int
    rank_low: int
    rank_high: int
    first_share: float
    configurations: int
    seeds: int
    used: int
    resamples: int
    axis: str
    progress: float


@dataclass(frozen=True)
class Domain:
    """Domain of a setting as an evaluator takes it: choices as text, ranges as floats."""

    distribution: CategoricalDistribution | FloatDistribution
    log: bool
    """Whether logarithms replace the values: fANOVA weighs a range evenly as it finds it."""

    def convert(self, value: Any) -> str | float:
        """Return the value as the distribution has it."""
        if isinstance(self.distribution, CategoricalDistribution):
            return str(value)
        number = math.log(value) if self.log else float(value)
        return min(self.distribution.high, max(self.distribution.low, number))


def importance(study: Study, evaluators: tuple[str, ...] = ("PED-ANOVA", "fANOVA")) -> pd.DataFrame:
    """Estimate the importance of every searched setting for the rank of the objective.

    The scores are those at the amount that all trials reached.

    evaluator, setting; importance (shares that sum to 1 over the settings of an evaluator); low,
    high: the middle 95% over `resamples` bootstrap resamples of the trials, a range of stability
    rather than a confidence interval, since resampling moves small importances up; chance: 95%
    quantile of the importance where the scores are permuted at random; p: of as much by chance in
    any setting of the evaluator; decision: "matters" where p <= 5%, else "inconclusive"; rank (1 is
    first) with rank_low and rank_high over the resamples, first_share: share of them that put it
    first; configurations (n), seeds; used: trials per evaluation, MOST_TRIALS of them at most;
    axis, progress.

    Diverged seeds rank worst. PED-ANOVA (Watanabe et al. 2023; conditional settings as Optuna has
    them) asks what the best quarter share, fANOVA (Hutter et al. 2014) where the variance of all
    ranks lies; fANOVA leaves out settings that only some trials have. Empty below MIN_TRIALS
    trials.
    """
    study = search_stage(study)
    frame = compared_scores(study)
    if len(frame.numbers) < MIN_TRIALS:
        return table_of(ImportanceRow, [])
    trials = _trials(study, frame, _space(study, frame))
    made = [row for name in evaluators for row in _importances(name, trials, frame)]
    return table_of(ImportanceRow, made)


def _importances(
    name: str, trials: list[FrozenTrial], frame: ComparedScores
) -> list[ImportanceRow]:
    """Return the rows of one evaluator, the most important setting first."""
    scores = frame.medians
    n, used = len(trials), min(len(trials), MOST_TRIALS[name])
    found = _evaluations(name, trials, scores, used)
    if len(found.settings) < 2:
        return []
    beyond = _beyond_chance(found.raw, found.permuted)
    importances, shares = _shares(found.raw[None])[0], _shares(found.resampled)
    chance = np.quantile(_shares(found.permuted), 1 - ALPHA, axis=0)
    ranks = rankdata(-shares, axis=1, method="min")
    rows = []
    for i, setting in enumerate(found.settings):
        low, high = np.quantile(shares[:, i], [0.025, 0.975])
        first, last = np.quantile(ranks[:, i], [0.025, 0.975], method="inverted_cdf")
        rows.append(
            ImportanceRow(
                evaluator=name,
                setting=setting,
                importance=float(importances[i]),
                low=float(low),
                high=float(high),
                chance=float(chance[i]),
                p=float(beyond[i]),
                decision="matters" if beyond[i] <= ALPHA else INCONCLUSIVE,
                rank=i + 1,
                rank_low=int(first),
                rank_high=int(last),
                first_share=float((ranks[:, i] == 1).mean()),
                configurations=n,
                seeds=frame.num_seeds,
                used=used,
                resamples=RESAMPLES[name],
                axis=frame.axis,
                progress=frame.amount,
            )
        )
    return rows


@dataclass(frozen=True)
class Evaluations:
    """What one evaluator says of the D settings, the most important first."""

    settings: list[str]
    raw: Floats
    """[D], of the trials themselves."""
    resampled: Floats
    """[R, D], of bootstrap resamples of the trials."""
    permuted: Floats
    """[P, D], of scores permuted at random."""


def _evaluations(name: str, trials: list[FrozenTrial], scores: Floats, used: int) -> Evaluations:
    """Return what an evaluator says of `used` of the trials, drawn at random."""
    rng, n = np.random.default_rng(SEED), len(trials)
    chosen = rng.permutation(n)[:used]
    sample = _optuna_study([trials[i] for i in chosen])
    raw = _evaluate(name, sample, scores[chosen])
    settings = sorted(raw, key=lambda setting: -raw[setting])
    if len(settings) < 2:
        return Evaluations(settings, np.empty(0), np.empty((0, 0)), np.empty((0, 0)))

    def of(found: dict[str, float]) -> list[float]:
        return [float(found.get(setting, 0.0)) for setting in settings]

    resampled = []
    for _ in range(RESAMPLES[name]):
        again = rng.integers(n, size=used)
        resampled.append(
            of(_evaluate(name, _optuna_study([trials[i] for i in again]), scores[again]))
        )
    # Permuted over the same trials, so that settings stay as related to each other.
    permuted = [
        of(_evaluate(name, sample, rng.permutation(scores[chosen]))) for _ in range(DEALT[name])
    ]
    return Evaluations(settings, np.array(of(raw)), np.array(resampled), np.array(permuted))


def _shares(raw: Floats) -> Floats:
    total = raw.sum(axis=1, keepdims=True)
    # Where the evaluator finds nothing at all, every setting has the same share.
    shares: Floats = np.where(total > 0, raw / np.where(total > 0, total, 1), 1 / raw.shape[1])
    return shares


def _beyond_chance(raw: Floats, permuted: Floats) -> Floats:
    """Return p per setting [D] against importances [B, D] of scores permuted at random.

    It is how often the most surprising of all settings surprises as much (Westfall & Young 1993,
    single step).
    """
    everything = np.vstack([raw, permuted])
    spread = everything.std(axis=0)
    # Standardised, since chance gives some settings more than others. The maximum over
    # settings corrects for their number.
    surprise = (everything - everything.mean(axis=0)) / np.where(spread > 0, spread, 1)
    most = surprise[1:].max(axis=1)
    p: Floats = (1 + (most[:, None] >= surprise[0]).sum(axis=0)) / (1 + len(permuted))
    return p


def _optuna_study(trials: list[FrozenTrial]) -> optuna.Study:
    # Optuna logs every new study, and its verbosity is global: it is put back.
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="minimize")
    study.add_trials(trials)
    optuna.logging.set_verbosity(verbosity)
    return study


def _evaluate(name: str, study: optuna.Study, scores: Floats) -> dict[str, float]:
    """Return the evaluator's own numbers for the scores [C].

    Trials are given by their number in the study; infinite scores rank last.
    """
    # Ranks: a few collapsed configurations would make up nearly all of a FID's variance.
    ranks = rankdata(scores)
    with warnings.catch_warnings():
        # It says that low values of a `target` count as good, which is what ranks are, and that few
        # trials have a remedy's own setting, which chance and p know.
        warnings.simplefilter("ignore")
        return EVALUATORS[name]().evaluate(study, target=lambda trial: float(ranks[trial.number]))


def _trials(study: Study, frame: ComparedScores, space: dict[str, Domain]) -> list[FrozenTrial]:
    """Return the compared trials as Optuna's own, each with the settings it was asked for."""
    table = study.trials.set_index("number").loc[frame.numbers, list(space)]
    made = []
    for row in table.to_dict("records"):
        params = {
            str(name): space[str(name)].convert(value)
            for name, value in row.items()
            if not pd.isna(value)
        }
        distributions: dict[str, BaseDistribution] = {
            name: space[name].distribution for name in params
        }
        # A complete trial needs a value; `target` is what the evaluators take.
        made.append(create_trial(value=0.0, params=params, distributions=distributions))
    return made


def _space(study: Study, frame: ComparedScores) -> dict[str, Domain]:
    """Return the domain of each searched setting.

    Settings with one value among the compared trials are left out.
    """
    asked = study.space
    table = study.trials.set_index("number").loc[frame.numbers]
    space = {}
    for name in study.searched:
        values, domain = table[name].dropna(), asked.get(name)
        # What does not vary cannot matter.
        if values.nunique() < 2:
            continue
        if (
            isinstance(domain, dict)
            and {"low", "high"} <= set(domain)
            and pd.api.types.is_numeric_dtype(values)
        ):
            space[name] = _range(
                float(domain["low"]), float(domain["high"]), bool(domain.get("log"))
            )
        elif (
            not isinstance(domain, list)
            and pd.api.types.is_numeric_dtype(values)
            and values.nunique() > MAX_GROUPS
        ):
            low, high = float(values.min()), float(values.max())
            space[name] = _range(low, high, low > 0 and high >= LOG_FROM * low)
        else:
            space[name] = Domain(
                CategoricalDistribution(sorted(values.map(str).unique())), log=False
            )
    return space


def _range(low: float, high: float, log: bool) -> Domain:
    ends = (math.log(low), math.log(high)) if log else (low, high)
    return Domain(FloatDistribution(*ends), log)
