"""The confirm stage: what the search found, on seeds that it never saw.

Being chosen flatters a score, and the search chose for its scores: so these are the numbers to
quote. Fresh seeds know nothing of the choice, all configurations have the same ones, and each was
trained to the end of the budget. docs/confirm.md says what the intervals hold, by simulation.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.selection import ENDED, NOT_TRAINING, objective, ranked, searched
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.few_seeds import (
    NAN,
    Interval,
    Seeds,
    holm,
    median_interval,
    optimism,
    paired,
    verdicts,
)
from ganstudy.analysis.stats.intervals import share, share_of_seeds
from ganstudy.trials.results.records import Stage, TrialState

LOG_SCALE = frozenset({"fid"})
"""Measures that are compared as ratios: positive, and seeds spread in proportion to the level. The
others by difference: they may be 0, or below."""
BASELINE, BEST, NEAREST = "baseline", "best", "nearest"
ESTIMATE = ("", "_low", "_high", "_level")
CONFIRMED = (
    *("score", "score_low", "score_high", "score_level", "num_seeds", "valued_seeds", "lost"),
    *("lost_share", "lost_share_low", "lost_share_high", "search_score", "search_seeds", "state"),
)
COMPARED = (
    *(
        "number",
        "confirms",
        "role",
        "baseline",
        "effect",
        "low",
        "high",
        "level",
        "scale",
        "method",
        "p",
        "p_holm",
    ),
    *("comparisons", "verdict", "improved_share", "improved_low", "improved_high", "num_seeds"),
)
OPTIMISM = (
    *(
        "number",
        "confirms",
        "role",
        "configurations",
        "search_score",
        "score",
        "optimism",
        "low",
        "high",
        "level",
    ),
    *("scale", "num_seeds"),
)


def confirmed(study: Study) -> pd.DataFrame:
    """One row per confirm trial that is over (a failed one without a score), in the order of the
    search's own scores, a baseline that it never drew last.

    number, confirms, role, the searched hyperparameters, score (of the objective: the median over
    fresh seeds) with score_low and score_high (exact for the median of all seeds, at the level
    score_level; NaN below 5 seeds), num_seeds, valued_seeds (that have a value), lost (that
    collapsed, cycled or diverged), lost_share with Clopper and Pearson's 95% interval, search_score
    (what the search said of the same configuration) with search_seeds, state.
    """
    _, sign = objective(study)
    found = _found(study)
    scores, rows = _scores(study), []
    for trial in _over(study, failed=True).to_dict("records"):
        values = scores.get(trial["number"], pd.Series(dtype=float)).to_numpy()
        seeds = (
            study.seeds[study.seeds["number"] == trial["number"]]
            if len(values)
            else study.seeds[:0]
        )
        lost = seeds["verdict"].isin([verdict.value for verdict in NOT_TRAINING])
        gone = share_of_seeds(int(lost.sum()), len(lost))
        search = found.get(_whole(trial["confirms"]), {})
        rows.append(
            {
                **{key: trial[key] for key in ("number", "confirms", "role", *searched(study))},
                **_in_direction("score", median_interval(values), sign),
                "num_seeds": len(values),
                "valued_seeds": int(np.isfinite(values).sum()),
                "lost": int(lost.sum()),
                "lost_share": gone.value,
                "lost_share_low": gone.low,
                "lost_share_high": gone.high,
                "search_score": search.get("objective", NAN),
                "search_seeds": search.get("num_seeds", 0),
                "state": trial["state"],
            }
        )
    table = pd.DataFrame(rows, columns=["number", "confirms", "role", *searched(study), *CONFIRMED])
    order = (sign * table["search_score"].astype(float)).sort_values(kind="stable").index
    return table.loc[order].reset_index(drop=True)


def confirmed_against_baseline(study: Study) -> pd.DataFrame:
    """Each confirmed configuration against the plain baseline, paired by fresh seed; nothing where
    that is missing.

    number, confirms, role, baseline (its number), effect with low and high, level: on the scale
    "ratio" (geometric mean over seeds of score / baseline) or "difference" (mean of score -
    baseline); where a seed has no value in one of the two (method "sign" instead of "t"), the
    median over seeds, infinite where that falls on one. p, p_holm (corrected for `comparisons`),
    verdict (better or worse where p_holm < 0.05, else open), improved_share (seeds on which the
    configuration beats the baseline; ties are halves) with Wilson's 95% interval: the probability
    of improvement, num_seeds (pairs).
    """
    measure, sign = objective(study)
    over, scores = _over(study), _scores(study)
    if over.empty:
        return pd.DataFrame(columns=list(COMPARED))
    of_role = over["role"].map(partial(has_role, role=BASELINE))
    baselines = over.loc[of_role, "number"].tolist()
    if not baselines:
        return pd.DataFrame(columns=list(COMPARED))
    control = scores[baselines[0]]
    rows: list[dict[str, Any]] = []
    for trial in over[over["number"] != baselines[0]].to_dict("records"):
        treated, plain = scores[trial["number"]].align(control, join="inner")
        first, second = (_scaled(values.to_numpy(), measure, sign) for values in (treated, plain))
        compared = paired(first, second)
        improved = share(
            (2 * (treated < plain) + (treated == plain)).to_numpy().astype(np.int64), 2
        )
        low, high = (compared.low, compared.high) if sign > 0 else (-compared.high, -compared.low)
        rows.append(
            {
                **{key: trial[key] for key in ("number", "confirms", "role")},
                "baseline": baselines[0],
                "effect": _unscaled(sign * compared.value, measure),
                "low": _unscaled(low, measure),
                "high": _unscaled(high, measure),
                "level": compared.level,
                "scale": _scale(measure),
                "method": compared.method,
                "p": compared.p,
                "improved_share": improved.value,
                "improved_low": improved.low,
                "improved_high": improved.high,
                "num_seeds": compared.n,
                "order": compared.value,
            }
        )
    table = pd.DataFrame(rows, columns=[*COMPARED, "order"])
    table["p_holm"] = holm(table["p"].to_numpy(dtype=float))
    table["comparisons"] = len(table)
    table["verdict"] = verdicts(
        table["p_holm"].to_numpy(dtype=float), table["order"].to_numpy(dtype=float)
    )
    return table.drop(columns="order")


def has_role(roles: Any, role: str) -> bool:
    """Whether a trial's roles, as the column `role` joins them, hold this one."""
    return role in str(roles).split("; ")


def first_choice(study: Study, table: pd.DataFrame) -> dict[str, Any] | None:
    """The row of `confirmed` to quote: what the search's own scores put first (or what came nearest
    to the constraints), whatever the fresh seeds said of the others. None where that has no score,
    or not yet."""
    for role in (BEST, NEAREST):
        named = table[table["role"].map(partial(has_role, role=role))]
        if role == BEST and len(named):
            named = named[_is_first(study, named)]
        if len(named):
            row = {str(key): value for key, value in named.iloc[0].to_dict().items()}
            return row if row["num_seeds"] and not pd.isna(row["score"]) else None
    return None


def _is_first(study: Study, table: pd.DataFrame) -> pd.Series:
    """Which of the confirmed are the search's first choice: others may be done with before it is."""
    search = study.of_stage(Stage.SEARCH)
    candidates = ranked(search)
    candidates = candidates[candidates["candidate"]]
    if candidates.empty:
        return pd.Series(False, index=table.index)
    first = candidates.iloc[0]
    keys = searched(search)
    alike = (table[keys].astype(str) == first[keys].astype(str)).all(
        axis=1
    )  # it may have been drawn twice
    return alike | table["confirms"].eq(first["number"]).fillna(False).astype(bool)


def readable(table: pd.DataFrame) -> list[str]:
    """The columns of a table of this module that say something to a reader: without empty ones, and
    without confirm trials' own numbers, which count from a million; readers know the trials that
    they confirm."""
    filled = table.dropna(axis=1, how="all").columns
    return [column for column in filled if column not in ("number", "baseline")]


def search_optimism(study: Study) -> pd.DataFrame:
    """How much the search's own figures flattered what it chose as best.

    One row per configuration with the role "best", and a last one over all of them (number and
    confirms <NA>, role "all"): configurations (1, or how many), search_score, score (median over
    fresh seeds), optimism with low and high at `level`: on the scale "ratio", score / search_score,
    above 1 where a smaller score is better and the search's was too small; on the scale
    "difference", score - search_score. Exact intervals of medians over seeds (NaN below 5): of the
    configuration's own score; over all, of the median over configurations. num_seeds.
    """
    measure, sign = objective(study)
    table, scores = confirmed(study), _scores(study)
    chosen = table[table["role"].map(partial(has_role, role=BEST)) & table["search_score"].notna()]
    rows: list[dict[str, Any]] = []
    for row in chosen.to_dict("records"):
        fresh = median_interval(_scaled(scores[row["number"]].to_numpy(), measure, sign))
        said = _scaled(np.array([sign * row["search_score"]]), measure, sign)[0]
        named = {
            key: row[key]
            for key in ("number", "confirms", "role", "search_score", "score", "num_seeds")
        }
        rows.append({**named, "configurations": 1, **_too_good(fresh, said, measure, sign)})
    if len(chosen) > 1:
        together = (
            pd.concat([scores[number] for number in chosen["number"]], axis=1, join="inner")
            .to_numpy()
            .T
        )
        said = _scaled(sign * chosen["search_score"].to_numpy(dtype=float), measure, sign)
        with np.errstate(invalid="ignore"):
            overall = optimism(said, _scaled(together, measure, sign))
        named = {
            "number": pd.NA,
            "confirms": pd.NA,
            "role": "all",
            "search_score": NAN,
            "score": NAN,
        }
        counted = {"configurations": len(chosen), "num_seeds": overall.n}
        rows.append({**named, **counted, **_too_good(overall, 0.0, measure, sign)})
    return pd.DataFrame(rows, columns=list(OPTIMISM)).astype(
        {"number": "Int64", "confirms": "Int64"}
    )


def _over(study: Study, failed: bool = False) -> pd.DataFrame:
    """The confirm trials that ended with an evaluation, and those that failed if so asked."""
    trials = study.of_stage(Stage.CONFIRM).trials
    ended = trials["state"].isin(ENDED) & (trials["evaluations"] > 0)
    return trials[ended | (trials["state"] == TrialState.FAILED) if failed else ended]


def _found(study: Study) -> dict[int | None, dict[str, Any]]:
    """The search's trials by number."""
    trials = study.of_stage(Stage.SEARCH).trials
    return trials.set_index("number")[["objective", "num_seeds"]].to_dict("index")  # type: ignore[return-value]


def _scores(study: Study) -> dict[int, pd.Series]:
    """By number of a confirm trial: the objective at its end by seed; smaller is better, infinity
    where it is none.
    """
    measure, sign = objective(study)
    rows = study.seeds[study.seeds["number"].isin(_over(study)["number"])]
    ranked = rows.assign(score=(sign * rows[measure].astype(float)).fillna(np.inf))
    return {
        n: ranked[ranked["number"] == n].set_index("seed")["score"]
        for n in ranked["number"].unique().tolist()
    }


def _scale(measure: str) -> str:
    return "ratio" if measure in LOG_SCALE else "difference"


def _scaled(scores: Seeds, measure: str, sign: int) -> Seeds:
    """On the scale on which scores are compared; smaller is better."""
    if measure not in LOG_SCALE:
        return scores
    logs: Seeds = sign * np.log(np.maximum(sign * scores, np.finfo(float).tiny))
    return logs


def _unscaled(value: float, measure: str) -> float:
    return float(np.exp(value)) if measure in LOG_SCALE else value


def _in_direction(name: str, interval: Interval, sign: int) -> dict[str, float]:
    """The interval in the measure's own direction."""
    low, high = (interval.low, interval.high) if sign > 0 else (-interval.high, -interval.low)
    return dict(
        zip(
            (name + end for end in ESTIMATE),
            (sign * interval.value, low, high, interval.level),
            strict=True,
        )
    )


def _too_good(fresh: Interval, said: float, measure: str, sign: int) -> dict[str, Any]:
    ends = _in_direction(
        "", Interval(fresh.value - said, fresh.low - said, fresh.high - said, fresh.level, 0), sign
    )
    values = {
        key: _unscaled(ends[end], measure)
        for key, end in zip(("optimism", "low", "high"), ESTIMATE[:3], strict=True)
    }
    return {**values, "level": fresh.level, "scale": _scale(measure)}


def _whole(number: Any) -> int | None:
    return None if pd.isna(number) else int(number)
