"""From frames to the numbers that the report shows: every picture and every sentence comes from one of these.

Comparisons between settings use the evaluation that every trial reached, since the scheduler lets only
the promising ones go on: their later scores are a selection. The full budget is shown beside it, with
how many reached it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.intervals import Estimate, Scores, difference_of_medians, median_of_configurations, share
from analysis.load import Study
from trials.records import MEASURES, TrialState, Verdict

SEARCHED_FIRST = ("k", "lr_d", "lr_g", "remedies")
NOT_TRAINING = (Verdict.COLLAPSED, Verdict.CYCLING, Verdict.DIVERGED)
LOST = "lost"
"""Column: seeds that collapsed, cycled or diverged."""
SEED = 0
"""Of the bootstrap, so that a report made twice says the same."""


def searched(study: Study) -> list[str]:
    """Hyperparameters that the study varied, the four of the lecture first."""
    space = study.spec.get("search", {}).get("space", {})
    columns = [key for key in space if key in study.trials]
    return sorted(columns, key=lambda key: (SEARCHED_FIRST.index(key) if key in SEARCHED_FIRST else 9, key))


def best(study: Study, count: int = 5) -> pd.DataFrame:
    """The best complete trials that satisfy the constraints, with their spread over seeds.

    number, the searched hyperparameters, objective, low and high (least and largest seed), recall and
    modes_covered (least over seeds), num_seeds.
    """
    measure, sign = objective(study)
    trials = study.trials
    ranked = trials[(trials["state"] == TrialState.COMPLETE) & trials["feasible"] & trials["objective"].notna()]
    ranked = ranked.assign(order=sign * ranked["objective"]).sort_values(["order", "number"]).head(count)
    rows = []
    for trial in ranked.to_dict("records"):
        seeds = study.seeds[study.seeds["number"] == trial["number"]]
        rows.append(
            {
                "number": trial["number"],
                **{key: trial[key] for key in searched(study)},
                measure: trial["objective"],
                "lowest": seeds[measure].min(),
                "highest": seeds[measure].max(),
                "modes_covered": seeds["modes_covered"].min(),
                "recall": seeds["recall"].median(),
                "num_seeds": len(seeds),
            }
        )
    return pd.DataFrame(rows)


def objective(study: Study) -> tuple[str, int]:
    """(measure, sign): sign * measure is smaller where better."""
    chosen = study.spec.get("objective", {})
    measure = chosen.get("minimize") or chosen.get("maximize") or "fid"
    return measure, -1 if MEASURES[measure].direction == "up" else 1


def outcomes(study: Study) -> pd.DataFrame:
    """state, trials; then one column per verdict: seeds at the last evaluation of the trials in that state."""
    verdicts = [verdict.value for verdict in Verdict]
    counted = study.trials.groupby("state")[verdicts].sum()
    counted.insert(0, "trials", study.trials.groupby("state").size())
    order = [state.value for state in TrialState if state.value in counted.index]
    return counted.loc[order].reset_index()


@dataclass(frozen=True)
class Common:
    """An evaluation at which trials are compared at equal budget."""

    evaluation: int
    progress: float
    """On the budget's axis."""
    unit: str


def common_evaluations(study: Study) -> list[Common]:
    """The last evaluation that all evaluated trials reached, and the last one of all; one entry if they agree."""
    rows = study.evaluations
    if rows.empty:
        return []
    reached = rows.groupby("number")["evaluation"].max()
    budget = study.spec["train"]["budget"]
    planned = study.spec["train"]["evaluations"]
    ends = sorted({int(reached.min()), int(reached.max())})
    return [Common(end, budget["amount"] * end / planned, budget["unit"].replace("_", " ")) for end in ends]


def scores_at(study: Study, evaluation: int, measure: str) -> pd.DataFrame:
    """One row per trial that reached `evaluation`: its hyperparameters, `scores` (array over seeds, infinity where
    a seed has none; negated where larger is better) and `lost`, seeds that collapsed, cycled or diverged."""
    rows = study.evaluations[study.evaluations["evaluation"] == evaluation]
    sign = -1.0 if MEASURES[measure].direction == "up" else 1.0
    numbers, arrays, lost = [], [], []
    for number, seeds in rows.groupby("number"):
        numbers.append(number)
        arrays.append((sign * seeds[measure]).fillna(np.inf).to_numpy(dtype=float))
        lost.append(int(seeds["verdict"].isin([verdict.value for verdict in NOT_TRAINING]).sum()))
    frame = pd.DataFrame({"number": numbers, "scores": arrays, LOST: lost})
    return frame.merge(study.trials[["number", *searched(study)]], on="number")


def by_setting(study: Study, setting: str, measure: str = "fid") -> pd.DataFrame:
    """How the values of one hyperparameter did, at each common evaluation.

    setting, evaluation, progress, configurations (n), median with low and high (95%), lost_share with
    lost_low and lost_high (95%; NaN where fewer than one configuration), num_seeds.
    """
    columns: list[dict[str, Any]] = []
    for common in common_evaluations(study):
        frame = scores_at(study, common.evaluation, measure)
        for value in values_of(study, setting):
            group = frame[frame[setting] == value]
            scores = _stack(group)
            rng = np.random.default_rng(SEED)
            median = median_of_configurations(scores, rng)
            per_configuration = scores.shape[1] if len(scores) else 1
            gone = share(group[LOST].to_numpy(dtype=np.int64), per_configuration)
            columns.append(
                {
                    setting: value,
                    "evaluation": common.evaluation,
                    "progress": common.progress,
                    "configurations": len(group),
                    "num_seeds": int(scores.size),
                    **_columns("median", median, _flip(measure)),
                    **_columns("lost_share", gone),
                }
            )
    return pd.DataFrame(columns)


def values_of(study: Study, setting: str) -> list[Any]:
    """Values of a hyperparameter that were tried; 'none' first, the rest in order."""
    values = study.trials[setting].dropna().unique().tolist()
    return sorted(values, key=lambda value: (value != "none", value if isinstance(value, int | float) else str(value)))


def remedies_against_none(study: Study, measure: str = "fid") -> pd.DataFrame:
    """Difference of the median over configurations to that without remedy, at the evaluation all trials reached.

    remedies, configurations, control_configurations, difference with low and high (95%), told: whether
    the interval excludes 0. Configurations were drawn by the sampler, so other settings differ too.
    """
    common = common_evaluations(study)
    if not common or "remedies" not in searched(study):
        return pd.DataFrame()
    frame = scores_at(study, common[0].evaluation, measure)
    control = _stack(frame[frame["remedies"] == "none"])
    rows = []
    for label in values_of(study, "remedies"):
        if label == "none":
            continue
        treated = _stack(frame[frame["remedies"] == label])
        effect = difference_of_medians(treated, control, np.random.default_rng(SEED))
        low, high = (effect.low, effect.high) if not _flip(measure) else (-effect.high, -effect.low)
        rows.append(
            {
                "remedies": label,
                "configurations": len(treated),
                "control_configurations": len(control),
                "difference": -effect.value if _flip(measure) else effect.value,
                "low": low,
                "high": high,
                "told": bool(low > 0 or high < 0),
                "progress": common[0].progress,
            }
        )
    return pd.DataFrame(rows)


def learning_rates(study: Study) -> pd.DataFrame:
    """number, lr_d, lr_g, k, remedies, state, fid (median over seeds), lost and num_seeds, at the last evaluation."""
    trials = study.trials.assign(lost=study.trials[[verdict.value for verdict in NOT_TRAINING]].sum(axis=1))
    wanted = ["number", "lr_d", "lr_g", "k", "remedies", "state", "fid", "evaluations", LOST, "num_seeds"]
    return trials[[column for column in wanted if column in trials]]


def convergence(study: Study, measure: str = "fid") -> pd.DataFrame:
    """number, evaluation, progress, median, lowest and highest over the seeds that have a value, num_seeds."""
    unit = study.spec["train"]["budget"]["unit"]
    grouped = study.evaluations.groupby(["number", "evaluation"])
    frame = grouped.agg(
        progress=(unit, "first"),
        median=(measure, "median"),
        lowest=(measure, "min"),
        highest=(measure, "max"),
        num_seeds=(measure, "count"),
    )
    return frame.reset_index()


def typical_seeds(study: Study) -> pd.DataFrame:
    """One (number, seed) per verdict that occurs: of the longest trials, the one of median FID; the best first."""
    last = study.seeds
    rows = []
    winners = best(study, 1)
    if len(winners):
        number = winners["number"].iloc[0]
        seed = last[last["number"] == number].sort_values("fid").iloc[0]
        rows.append({"number": number, "seed": seed["seed"], "verdict": seed["verdict"], "why": "best configuration"})
    for verdict in Verdict:
        group = last[last["verdict"] == verdict.value]
        if len(group):
            longest = group[group["evaluation"] == group["evaluation"].max()].sort_values("fid")
            chosen = longest.iloc[len(longest) // 2]
            rows.append(
                {"number": chosen["number"], "seed": chosen["seed"], "verdict": verdict.value, "why": "typical"}
            )
    return pd.DataFrame(rows, columns=["number", "seed", "verdict", "why"])


def mode_film(study: Study, number: int, seed: int) -> pd.DataFrame:
    """Share of the samples per mode (rows, in the order of mode_names) over generator steps (columns)."""
    rows = study.modes[(study.modes["number"] == number) & (study.modes["seed"] == seed)]
    counts = rows.pivot_table(index="mode", columns="generator_steps", values="count", aggfunc="sum")
    return counts / counts.sum()


def _stack(group: pd.DataFrame) -> Scores:
    return np.stack(group["scores"].to_list()) if len(group) else np.empty((0, 1))


def _flip(measure: str) -> bool:
    return MEASURES[measure].direction == "up"


def _columns(name: str, estimate: Estimate, flip: bool = False) -> dict[str, float]:
    low, high = (-estimate.high, -estimate.low) if flip else (estimate.low, estimate.high)
    return {name: -estimate.value if flip else estimate.value, f"{name}_low": low, f"{name}_high": high}


def tables(study: Study) -> dict[str, pd.DataFrame]:
    """All tables of the report by name, and the frames that they come from."""
    made = {
        "best": best(study),
        "outcomes": outcomes(study),
        "remedies_against_none": remedies_against_none(study),
        "learning_rates": learning_rates(study),
        "convergence": convergence(study),
    }
    for setting in ("k", "remedies"):
        if setting in searched(study):
            made[f"by_{setting}"] = by_setting(study, setting)
    frames = {"trials": study.trials, "seeds": study.seeds, "evaluations": study.evaluations, "modes": study.modes}
    return made | frames
