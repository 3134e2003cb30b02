"""The confirm stage: what the search found, on seeds that it never saw.

Being chosen flatters a score, and the search chose for its scores: so these are the numbers to
quote. Fresh seeds know nothing of the choice, all configurations have the same ones, and each was
trained to the end of the budget. docs/confirm.md has how often the intervals cover, by simulation.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.selection import ENDED, ranked, search_stage
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import NAN, Estimate, Floats
from ganstudy.analysis.stats.few_seeds import median_interval, optimism
from ganstudy.analysis.stats.proportions import binomial_proportion
from ganstudy.trials.results.records import FAILURE_VERDICTS, Stage, TrialState
from ganstudy.trials.results.roles import BEST, NEAREST, has_role

SCORE_COLUMNS = (
    "score",
    "score_low",
    "score_high",
    "score_level",
    "num_seeds",
    "valued_seeds",
    "failed",
    "failed_share",
    "failed_share_low",
    "failed_share_high",
    "search_score",
    "search_seeds",
    "state",
)
OPTIMISM_COLUMNS = (
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
    "scale",
    "num_seeds",
)


def confirmed(study: Study) -> pd.DataFrame:
    """Return one row per confirm trial that is over, in the order of the search's own scores.

    Twins that the search never drew come last. A trial that failed has no score.

    number, confirms, role, the searched hyperparameters, score (of the objective: the median over
    fresh seeds) with score_low and score_high (exact for the median of all seeds, at the level
    score_level; NaN below 5 seeds), num_seeds, valued_seeds (that have a value), failed (that
    collapsed, cycled or diverged), failed_share with Clopper and Pearson's 95% interval, search_score
    (the search's score of the same configuration) with search_seeds, state.
    """
    sign = study.objective.sign
    in_search = search_stage(study).trials.set_index("number")
    found = in_search.reindex(columns=["objective", "num_seeds"]).to_dict("index")
    scores, rows = _scores(study), []
    for trial in _over(study, failed=True).to_dict("records"):
        # A trial that failed has no scores and still is a row: that it does not train is a result.
        values = scores.get(trial["number"], pd.Series(dtype=float)).to_numpy()
        seeds = (
            study.seeds[study.seeds["number"] == trial["number"]]
            if len(values)
            else study.seeds[:0]
        )
        failed = int(seeds["verdict"].isin(FAILURE_VERDICTS).sum())
        score = median_interval(values).in_direction(sign)
        search = {} if pd.isna(trial["confirms"]) else found.get(int(trial["confirms"]), {})
        rows.append(
            {
                **{key: trial[key] for key in ("number", "confirms", "role", *study.searched)},
                **score.columns("score"),
                "score_level": score.level,
                "num_seeds": len(values),
                "valued_seeds": int(np.isfinite(values).sum()),
                "failed": failed,
                **binomial_proportion(failed, len(seeds)).columns("failed_share"),
                "search_score": search.get("objective", NAN),
                "search_seeds": search.get("num_seeds", 0),
                "state": trial["state"],
            }
        )
    columns = ["number", "confirms", "role", *study.searched, *SCORE_COLUMNS]
    # Int64, as a twin that the search never drew would make floats of the others' numbers.
    table = pd.DataFrame(rows, columns=columns).astype({"confirms": "Int64"})
    # Not by the fresh scores: the best of them would be flattered once more, by its fresh seeds.
    order = (sign * table["search_score"].astype(float)).sort_values(kind="stable").index
    return table.loc[order].reset_index(drop=True)


def first_choice(study: Study, table: pd.DataFrame) -> dict[str, Any] | None:
    """Return the row of `confirmed` to quote: the first by the search's own scores.

    Where none met the constraints, it is what came nearest to them. The scores of fresh seeds do
    not change the choice. It is None where that row has no score, or not yet.
    """
    # Not the best of the confirmed: being chosen by fresh scores flatters these too
    # (docs/confirm.md has by how much).
    for role in (BEST, NEAREST):
        named = table[table["role"].map(partial(has_role, role=role))]
        if role == BEST and len(named):
            named = named[_is_first(study, named)]
        if len(named):
            row = {str(key): value for key, value in named.iloc[0].to_dict().items()}
            return row if row["num_seeds"] and not pd.isna(row["score"]) else None
    return None


def _is_first(study: Study, table: pd.DataFrame) -> pd.Series:
    """Return which of the confirmed are the search's first choice: others may end before it does."""
    search = search_stage(study)
    candidates = ranked(search)
    candidates = candidates[candidates["candidate"]]
    if candidates.empty:
        return pd.Series(False, index=table.index)
    first = candidates.iloc[0]
    keys = search.searched
    # By settings too: the configuration may have been drawn twice.
    alike = (table[keys].astype(str) == first[keys].astype(str)).all(axis=1)
    # `confirms` is <NA> for a twin that the search never drew.
    return alike | table["confirms"].eq(first["number"]).fillna(False).astype(bool)


def readable(table: pd.DataFrame) -> list[str]:
    """Return the columns of a table of this module that say something to a reader.

    Empty ones are left out, and so are confirm trials' own numbers, which count from a million:
    readers know the trials that they confirm.
    """
    filled = table.dropna(axis=1, how="all").columns
    return [column for column in filled if column not in ("number", "other")]


def search_optimism(study: Study) -> pd.DataFrame:
    """Estimate how much the search's own scores flattered what it chose as best.

    One row per configuration with the role "best", and a last one over all of them (number and
    confirms <NA>, role "all"): configurations (1, or how many), search_score, score (median over
    fresh seeds), optimism with low and high at `level`: on the scale "ratio", score / search_score,
    above 1 where a smaller score is better and the search's was too small; on the scale
    "difference", score - search_score. Exact intervals of medians over seeds (NaN below 5): of the
    configuration's own score; over all, of the median over configurations. num_seeds.
    """
    sign = study.objective.sign
    table, scores = confirmed(study), _scores(study)
    chosen = table[table["role"].map(partial(has_role, role=BEST)) & table["search_score"].notna()]
    rows: list[dict[str, Any]] = []
    for row in chosen.to_dict("records"):
        fresh = median_interval(_on_scale(scores[row["number"]].to_numpy(), study))
        in_search = float(_on_scale(np.array([sign * row["search_score"]]), study)[0])
        named = {
            key: row[key]
            for key in ("number", "confirms", "role", "search_score", "score", "num_seeds")
        }
        rows.append({**named, "configurations": 1, **_optimism(fresh, in_search, study)})
    if len(chosen) > 1:
        together = (
            # Inner: the median over configurations on a seed must be over the same ones for every
            # seed.
            pd.concat([scores[number] for number in chosen["number"]], axis=1, join="inner")
            .to_numpy()
            .T
        )
        in_searches = _on_scale(sign * chosen["search_score"].to_numpy(dtype=float), study)
        with np.errstate(invalid="ignore"):
            overall = optimism(in_searches, _on_scale(together, study))
        named = {
            "number": pd.NA,
            "confirms": pd.NA,
            "role": "all",
            "search_score": NAN,
            "score": NAN,
        }
        counted = {"configurations": len(chosen), "num_seeds": overall.n}
        # 0.0: `optimism` has taken the search's scores off already.
        rows.append({**named, **counted, **_optimism(overall, 0.0, study)})
    # Int64, as pd.NA in the last row would make floats or objects of the numbers.
    return pd.DataFrame(rows, columns=list(OPTIMISM_COLUMNS)).astype(
        {"number": "Int64", "confirms": "Int64"}
    )


def _over(study: Study, failed: bool = False) -> pd.DataFrame:
    """Return the confirm trials that ended with an evaluation, and those that failed if `failed`."""
    trials = study.of_stage(Stage.CONFIRM).trials
    ended = trials["state"].isin(ENDED) & (trials["evaluations"] > 0)
    return trials[ended | (trials["state"] == TrialState.FAILED) if failed else ended]


def _scores(study: Study) -> dict[int, pd.Series]:
    """Return by number of a confirm trial the objective at its end by seed.

    Smaller is better, and infinity stands where a seed has no value.
    """
    measure, sign = study.objective
    rows = study.seeds[study.seeds["number"].isin(_over(study)["number"])]
    # A seed without a value ranks worst: left out, divergence would improve the score.
    ranked = rows.assign(score=(sign * rows[measure].astype(float)).fillna(np.inf))
    return {
        n: ranked[ranked["number"] == n].set_index("seed")["score"]
        for n in ranked["number"].unique().tolist()
    }


def _scale(study: Study) -> str:
    return "ratio" if study.is_ratio else "difference"


def _on_scale(scores: Floats, study: Study) -> Floats:
    """Return scores on the scale on which they are compared: logarithms for ratios."""
    # A difference of logarithms is a ratio, and skewed scores become more symmetric by them.
    return np.log(scores) if study.is_ratio else scores


def _as_shown(effect: Estimate, study: Study) -> Estimate:
    """Return an effect on that scale in the measure's own direction, ratios as factors."""
    effect = effect.in_direction(study.objective.sign)
    return effect.as_ratio() if study.is_ratio else effect


def _optimism(fresh: Estimate, in_search: float, study: Study) -> dict[str, Any]:
    """Return the columns optimism, low, high, level and scale of scores less the search's own."""
    value, low, high = (end - in_search for end in (fresh.value, fresh.low, fresh.high))
    shown = _as_shown(replace(fresh, value=value, low=low, high=high), study)
    return {
        "optimism": shown.value,
        "low": shown.low,
        "high": shown.high,
        "level": shown.level,
        "scale": _scale(study),
    }
