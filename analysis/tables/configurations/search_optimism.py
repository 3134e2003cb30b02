"""Estimate how much the search's own scores flattered what it chose, by fresh seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.stats.estimate import NAN, Estimate, Floats
from ganstudy.analysis.stats.few_seeds import median_interval, optimism
from ganstudy.analysis.tables.configurations.confirm import confirmed_configurations, scores_by_seed
from ganstudy.analysis.tables.rows import Cells
from ganstudy.trials.results.roles import BEST, has_role

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


@dataclass(frozen=True)
class SearchOptimism:
    """How much the search's own score flattered a configuration, or all that it chose as best."""

    number: int | None
    """Of the confirm trial; None over all of them."""
    confirms: int | None
    role: str
    """"all" over all of them."""
    configurations: int
    search_score: float
    score: float
    """Median over fresh seeds; NaN over all of them, as is search_score."""
    optimism: Estimate
    """Score on fresh seeds divided by the search's own, or less it, as `scale` says."""
    scale: str
    """"ratio" or "difference"."""
    num_seeds: int

    def columns(self) -> Cells:
        """Return the row of the table of `search_optimism`."""
        return {
            "number": self.number,
            "confirms": self.confirms,
            "role": self.role,
            "configurations": self.configurations,
            "search_score": self.search_score,
            "score": self.score,
            "optimism": self.optimism.value,
            "low": self.optimism.low,
            "high": self.optimism.high,
            "level": self.optimism.level,
            "scale": self.scale,
            "num_seeds": self.num_seeds,
        }


def optimism_of_search(study: Study) -> list[SearchOptimism]:
    """Estimate how much the search's own scores flattered what it chose as best.

    There is one of every configuration with the role "best", and a last one over all of them if
    they are several. On the scale "ratio" an optimism above 1 says that the search's score was too
    small. Exact intervals of medians over seeds (NaN below 5): of the configuration's own score;
    over all, of the median over configurations.
    """
    sign, scores = study.objective.sign, scores_by_seed(study)
    chosen = [
        each
        for each in confirmed_configurations(study)
        if has_role(each.role, BEST) and not math.isnan(each.search_score)
    ]
    in_search = _on_scale(np.array([sign * each.search_score for each in chosen]), study)
    made = [
        SearchOptimism(
            number=each.number,
            confirms=each.confirms,
            role=each.role,
            configurations=1,
            search_score=each.search_score,
            score=each.score.value,
            optimism=_optimism(
                median_interval(_on_scale(scores[each.number].to_numpy(), study)), own, study
            ),
            scale=_scale(study),
            num_seeds=each.num_seeds,
        )
        for each, own in zip(chosen, in_search.tolist(), strict=True)
    ]
    if len(chosen) > 1:
        made.append(_overall(study, [scores[each.number] for each in chosen], in_search))
    return made


def _overall(study: Study, scores: list[pd.Series], in_search: Floats) -> SearchOptimism:
    """Return the optimism over all configurations, of their scores by seed and in the search."""
    # Inner: the median over configurations on a seed must be over the same ones for every seed.
    together = pd.concat(scores, axis=1, join="inner")
    with np.errstate(invalid="ignore"):
        overall = optimism(in_search, _on_scale(together.to_numpy().T, study))
    return SearchOptimism(
        number=None,
        confirms=None,
        role="all",
        configurations=len(scores),
        search_score=NAN,
        score=NAN,
        # 0.0: `optimism` has taken the search's scores off already.
        optimism=_optimism(overall, 0.0, study),
        scale=_scale(study),
        num_seeds=overall.n,
    )


def search_optimism(study: Study) -> pd.DataFrame:
    """Return the table of optimism_of_search, one row each with OPTIMISM_COLUMNS.

    number and confirms are <NA> in the last row, which is over all configurations; optimism has low
    and high at `level`.
    """
    made = [each.columns() for each in optimism_of_search(study)]
    # Int64, as a missing number in the last row would make floats or objects of the numbers.
    return pd.DataFrame(made, columns=list(OPTIMISM_COLUMNS)).astype(
        {"number": "Int64", "confirms": "Int64"}
    )


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


def _optimism(fresh: Estimate, in_search: float, study: Study) -> Estimate:
    """Return scores less the search's own, as shown."""
    value, low, high = (end - in_search for end in (fresh.value, fresh.low, fresh.high))
    return _as_shown(replace(fresh, value=value, low=low, high=high), study)
