"""Tables of the confirm stage on a made-up study whose numbers are known."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from scipy import stats

from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.tables.configurations.confirm import (
    SCORE_COLUMNS,
    confirmed,
)
from ganstudy.analysis.tables.configurations.search_optimism import (
    OPTIMISM_COLUMNS,
    search_optimism,
)
from ganstudy.analysis.tables.effects.confirmed_contrasts import (
    COMPARISON_COLUMNS,
    best_without_remedies,
    confirmed_comparisons,
    confirmed_contrasts,
)
from ganstudy.trials.results.facts import Origin
from ganstudy.trials.results.records import FAILURE_VERDICTS, FIRST_CONFIRM, Stage

NAN = float("nan")
C = FIRST_CONFIRM
SPACE = {"k": [1, 5], "remedies": [[], ["r1"]]}


def made(*trials: dict[str, Any], objective: dict[str, str] | None = None) -> Study:
    """A study of trials with `scores` by seed; verdicts may name what became of some seeds."""
    measure = next(iter((objective or {"minimize": "fid"}).values()))
    rows, table = [], []
    for trial in trials:
        scores = trial.pop("scores")
        gone = trial.pop("verdicts", {})
        at_end = sorted(scores.values(), key=lambda v: math.inf if math.isnan(v) else v)
        defaults = {
            "role": "",
            "confirms": None,
            "state": "complete",
            "k": 1,
            "remedies": "none",
            "feasible": True,
        }
        middle = at_end[len(at_end) // 2] if at_end else NAN
        table.append(
            {
                **defaults,
                "objective": middle,
                "num_seeds": len(scores),
                "evaluations": int(bool(scores)),
                **{
                    verdict: sum(
                        (gone.get(s, "") if v == v else "diverged") == verdict
                        for s, v in scores.items()
                    )
                    for verdict in FAILURE_VERDICTS
                },
                **trial,
            }
        )
        for seed, score in scores.items():
            verdict = "diverged" if math.isnan(score) else gone.get(seed, "converged")
            rows.append(
                {
                    "number": trial["number"],
                    "seed": seed,
                    "evaluation": 1,
                    measure: score,
                    "verdict": verdict,
                }
            )
    evaluations = pd.DataFrame(rows, columns=["number", "seed", "evaluation", measure, "verdict"])
    frame = pd.DataFrame(table).astype({"confirms": "Int64"})
    frame.insert(1, "stage", ["confirm" if n >= C else "search" for n in frame["number"]])
    spec = {"search": {"space": SPACE}, "objective": objective or {"minimize": "fid"}}
    return Study("s", spec, "", {}, {}, [], NAN, Origin(), frame, evaluations, None)


def seeds(*scores: float, first: int = 100) -> dict[int, float]:
    return dict(enumerate(scores, first))


def usual() -> Study:
    """The search said 4 for its best, and fresh seeds say 8; its twin is at 16, the other one lost a seed."""
    return made(
        {"number": 0, "scores": seeds(3.0, 4.0, 9.0, first=0), "remedies": "r1", "k": 5},
        {"number": 1, "scores": seeds(9.0, 10.0, 11.0, first=0)},
        {"number": 2, "scores": seeds(5.0, 6.0, 7.0, first=0), "remedies": "r1"},
        {
            "number": C,
            "role": "best; best with r1",
            "confirms": 0,
            "scores": seeds(7.0, 8.0, 9.0, 7.5, 8.5),
            "k": 5,
            "remedies": "r1",
        },
        {
            "number": C + 1,
            "role": "baseline",
            "confirms": 1,
            "scores": seeds(25.0, 26.0, 28.5, 24.8, 26.9),
        },
        {
            "number": C + 2,
            "role": "best",
            "confirms": 2,
            "scores": seeds(5.0, NAN, 7.0, 9.0, 6.0),
            "verdicts": {100: "collapsed"},
            "remedies": "r1",
        },
        {
            "number": C + 3,
            "role": "twin of trial 0",
            "scores": seeds(15.0, 16.0, 18.5, 14.8, 16.9),
            "k": 5,
        },
    )


def test_confirmed_has_the_fresh_score_its_interval_and_what_the_search_said() -> None:
    table = confirmed(usual())
    order = [C, C + 2, C + 1, C + 3]
    assert table["number"].tolist() == order, "in the order of the search's scores"
    first, second = table.iloc[0], table.iloc[1]
    assert (first["score"], first["score_low"], first["score_high"], first["score_level"]) == (
        8.0,
        7.0,
        9.0,
        0.9375,
    )
    assert (first["search_score"], first["search_seeds"], first["num_seeds"], first["k"]) == (
        4.0,
        3,
        5,
        5,
    )
    assert (second["score"], second["score_high"], second["valued_seeds"], second["failed"]) == (
        7.0,
        math.inf,
        4,
        2,
    )
    assert second["failed_share"] == 0.4 and second["failed_share_low"] == pytest.approx(
        0.0527, abs=1e-4
    )
    assert second["failed_share_high"] == pytest.approx(0.8534, abs=1e-4), (
        "Clopper and Pearson of 2 in 5"
    )


def test_how_much_too_good_the_search_was() -> None:
    table = search_optimism(usual())
    first, second, both = (table.iloc[i] for i in range(3))
    assert (first["optimism"], first["low"], first["high"]) == pytest.approx((2.0, 7 / 4, 9 / 4))
    assert (second["optimism"], second["high"], second["scale"]) == (
        pytest.approx(7 / 6),
        math.inf,
        "ratio",
    )
    per_seed = [
        math.sqrt(7 / 4 * 5 / 6),
        math.inf,
        math.sqrt(9 / 4 * 7 / 6),
        math.sqrt(7.5 / 4 * 9 / 6),
    ]
    per_seed.append(math.sqrt(8.5 / 4 * 6 / 6))
    assert both["optimism"] == pytest.approx(sorted(per_seed)[2]) and both["low"] == pytest.approx(
        min(per_seed)
    )
    assert (both["role"], both["configurations"], both["num_seeds"], both["high"]) == (
        "all",
        2,
        5,
        math.inf,
    )


def test_a_remedys_effect_is_told_from_the_twin_alone() -> None:
    """Not from the baseline, which has another k, nor for the second best, which has no twin."""
    (row,) = confirmed_comparisons(usual()).to_dict("records")
    logs = [math.log(a / b) for a, b in ((7, 15), (8, 16), (9, 18.5), (7.5, 14.8), (8.5, 16.9))]
    assert (row["number"], row["other"], row["first"], row["second"]) == (
        C,
        C + 3,
        "r1",
        "its twin",
    )
    assert row["effect"] == pytest.approx(math.exp(sum(logs) / 5))
    t = stats.ttest_1samp(logs, 0).confidence_interval()
    assert (row["low"], row["high"]) == pytest.approx(tuple(map(math.exp, t)))
    assert row["p"] == row["p_holm"] == 2 / 2**5 and row["comparisons"] == 1
    assert row["decision"] == "inconclusive" and row["high"] < 1, (
        "the test decides, and no interval"
    )
    assert (row["improved_share"], row["improved_high"]) == (1.0, 1.0)
    exact = stats.binomtest(5, 5).proportion_ci(method="exact").low
    assert row["improved_low"] == pytest.approx(exact)


def eight(first: int = 100, **changed: dict[str, Any]) -> Study:
    """The winner and its twin on eight fresh seeds, of which `changed` says more."""
    trials: list[dict[str, Any]] = [
        {"number": 0, "scores": seeds(3.0, 4.0, 5.0, first=0), "remedies": "r1", "k": 5},
        {
            "number": C,
            "role": "best; best with r1",
            "confirms": 0,
            "k": 5,
            "remedies": "r1",
            "scores": seeds(*range(1, 9), first=first),
        },
        {
            "number": C + 1,
            "role": "twin of trial 0",
            "k": 5,
            "scores": seeds(*range(11, 19), first=first),
        },
    ]
    names = ("search", "winner", "twin")
    return made(*({**t, **changed.get(n, {})} for n, t in zip(names, trials, strict=True)))


def test_eight_seeds_can_tell() -> None:
    (row,) = confirmed_contrasts(eight())
    assert row.contrast.p == 2 / 2**8 and row.contrast.decision == "better"
    assert row.contrast.family.primary and row.contrast.family.correction == "Holm"
    (row,) = confirmed_contrasts(eight(winner={"scores": seeds(*range(21, 29))}))
    assert row.contrast.decision == "worse"


def test_a_collapsed_seed_is_worst_though_its_score_is_good() -> None:
    """All seeds collapse, with the best scores: that is no improvement."""
    gone = dict.fromkeys(range(100, 108), "collapsed")
    (row,) = confirmed_contrasts(eight(winner={"verdicts": gone}))
    assert row.contrast.decision == "worse" and row.contrast.effect.value < 1
    assert row.improved.value == 0


def test_the_twin_is_known_by_its_settings() -> None:
    """Whatever it is called: a grid draws it by itself, and it was a baseline once."""
    for twin in ({"role": "baseline"}, {"role": "baseline", "confirms": 7}):
        assert confirmed_contrasts(eight(twin=twin))[0].other == C + 1
    assert not confirmed_contrasts(eight(twin={"k": 1})), "another k: not all else is equal"
    assert not confirmed_contrasts(eight(twin={"remedies": "r1"}))
    fixed = eight()
    fixed.spec["search"]["space"] = {"k": [1, 5]}  # type: ignore[index]
    assert confirmed_contrasts(fixed)[0].other == C + 1, "remedies that the file fixes"


def test_what_is_no_longer_chosen_is_not_compared() -> None:
    """Else each search that goes on would enlarge the family."""
    assert not confirmed_contrasts(eight(winner={"role": "chosen earlier"}))


def test_options_of_a_remedy_do_not_make_the_twin_another_configuration() -> None:
    study = eight()
    study.spec["search"]["space"]["r1.weight"] = {"low": 0.1, "high": 1.0}
    study.trials["r1.weight"] = [0.3, 0.3, NAN]
    assert confirmed_contrasts(study)[0].other == C + 1
    study.spec["search"]["space"]["lr_g"] = {"low": 0.1, "high": 1.0}
    study.trials["lr_g"] = [0.3, 0.3, 0.30001]
    assert not confirmed_contrasts(study)


def test_without_remedies_the_first_choice_meets_the_second() -> None:
    study = eight(
        search={"remedies": "none"},
        winner={"role": "best; baseline", "remedies": "none"},
        twin={"role": "best", "k": 1, "confirms": 3},
    )
    (row,) = confirmed_contrasts(study)
    assert (row.against, row.contrast.first, row.contrast.second) == (
        "second",
        "trial 0",
        "trial 3",
    )
    assert row.contrast.decision == "better" and row.contrast.family.primary
    assert best_without_remedies(study).tried == 1


def test_the_best_without_remedies_is_shown_with_how_many_were_tried() -> None:
    found = best_without_remedies(usual())
    assert found is not None
    assert (found.number, found.tried, found.tried_with) == (C + 1, 1, 2)
    assert best_without_remedies(eight(twin={"role": "baseline"})) is None, "a twin, never drawn"


def test_a_maximum_is_told_in_its_own_direction() -> None:
    study = made(
        {"number": 0, "scores": seeds(0.9, 0.8, 0.7, first=0)},
        {
            "number": C,
            "role": "best; best with r1",
            "remedies": "r1",
            "confirms": 0,
            "scores": seeds(0.6, 0.5, 0.7, 0.55, 0.65),
        },
        {
            "number": C + 1,
            "role": "twin of trial 0",
            "confirms": None,
            "scores": seeds(0.3, 0.2, 0.42, 0.25, 0.34),
        },
        objective={"maximize": "recall"},
    )
    table, optimism = confirmed(study), search_optimism(study)
    assert (table["score"][0], table["score_low"][0], table["score_high"][0]) == (0.6, 0.5, 0.7)
    assert (
        math.isnan(table["search_score"][1])
        and table["search_seeds"][1] == 0
        and pd.isna(table["confirms"][1])
    )
    (row,) = confirmed_comparisons(study).to_dict("records")
    assert row["scale"] == "difference" and row["effect"] == pytest.approx(0.298)
    assert row["statistic"] < 0 and row["p"] == 2 / 2**5, "better, whatever the direction"
    assert row["low"] < row["effect"] < row["high"] and row["improved_share"] == 1.0
    assert len(optimism) == 1 and optimism["optimism"][0] == pytest.approx(-0.2), (
        "the search had said 0.8"
    )
    assert optimism["low"][0] == pytest.approx(-0.3) and optimism["high"][0] == pytest.approx(-0.1)


@pytest.mark.parametrize("measure", ["reverse_kl", "kid"])
def test_the_catalogue_says_which_measures_are_compared_by_ratio(measure: str) -> None:
    """Where every score of the study is positive; KID, which may be negative, never is."""
    trials = (
        {"number": 0, "scores": seeds(0.02, 0.04, 0.09, first=0)},
        {
            "number": C,
            "role": "best",
            "remedies": "r1",
            "confirms": 0,
            "scores": seeds(0.06, 0.05, 0.07, 0.055, 0.065),
        },
        {
            "number": C + 1,
            "role": "twin of trial 0",
            "confirms": None,
            "scores": seeds(0.12, 0.1, 0.14, 0.11, 0.13),
        },
    )
    study = made(*trials, objective={"minimize": measure})
    if measure != "kid":
        (row,) = confirmed_comparisons(study).to_dict("records")
        assert row["scale"] == "ratio" and row["effect"] == pytest.approx(0.5)
        study.evaluations.loc[0, measure] = 0.0
    (row,) = confirmed_comparisons(study).to_dict("records")
    assert row["scale"] == "difference" and row["effect"] == pytest.approx(-0.06)


def test_a_failed_one_stays_a_row_and_is_not_compared() -> None:
    study = usual()
    study.trials.loc[study.trials["number"] == C + 2, "state"] = "failed"
    table = confirmed(study)
    row = table[table["number"] == C + 2].iloc[0]
    assert row["state"] == "failed" and math.isnan(row["score"]) and row["num_seeds"] == 0
    assert confirmed_comparisons(study)["number"].tolist() == [C]
    study.trials.loc[study.trials["number"] == C + 3, "state"] = "failed"
    assert confirmed_comparisons(study).empty, "no twin, no comparison"


def test_a_study_without_the_stage_has_empty_tables() -> None:
    plain = made({"number": 0, "scores": seeds(3.0, 4.0, 9.0, first=0)})
    without = made({"number": 0, "scores": seeds(3.0, first=0)})
    without.trials = without.trials.drop(columns=["stage", "role", "confirms"])
    for study in (plain, without):
        assert list(confirmed(study)) == [
            "number",
            "confirms",
            "role",
            "k",
            "remedies",
            *SCORE_COLUMNS,
        ]
        assert list(confirmed_comparisons(study)) == list(COMPARISON_COLUMNS)
        assert list(search_optimism(study)) == list(OPTIMISM_COLUMNS)
        assert (
            not len(confirmed(study))
            + len(confirmed_comparisons(study))
            + len(search_optimism(study))
        )
        assert (
            len(study.of_stage(Stage.SEARCH).trials) == 1
            and study.of_stage(Stage.CONFIRM).trials.empty
        )


def test_stages_part_a_study() -> None:
    study = usual()
    search, confirm = (study.of_stage(stage) for stage in (Stage.SEARCH, Stage.CONFIRM))
    assert search.trials["number"].tolist() == [0, 1, 2] and confirm.trials["number"].tolist() == [
        C,
        C + 1,
        C + 2,
        C + 3,
    ]
    assert set(search.seeds["seed"]) == {0, 1, 2} and set(confirm.seeds["seed"]) == set(
        range(100, 105)
    )
