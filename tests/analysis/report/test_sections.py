"""What the report's sections say of a study with fresh seeds, and of one that lacks things."""

from __future__ import annotations

import dataclasses
import math
import re

import numpy as np
import pandas as pd
import pytest

from ganstudy.analysis.formatting import label
from ganstudy.analysis.frames import selection
from ganstudy.analysis.frames.load import load_study
from ganstudy.analysis.frames.study import Study
from ganstudy.analysis.report import compare, conclusions, html
from ganstudy.analysis.report.blocks import Results, Table
from ganstudy.analysis.report.first_screen import FailedShare, first_screen
from ganstudy.analysis.report.phrases import Conclusion
from ganstudy.analysis.report.sections import confirm as section
from ganstudy.analysis.report.sections import (
    importance,
    interactions,
    k_ratio,
    outcomes,
    remedies,
    sample_size,
    seeds,
)
from ganstudy.analysis.report.shown_table import Shown
from ganstudy.analysis.tables.configurations import confirm
from ganstudy.analysis.tables.configurations.search_optimism import search_optimism
from ganstudy.analysis.tables.effects.confirmed_contrasts import confirmed_comparisons
from ganstudy.trials.results.records import FIRST_CONFIRM, Stage, Verdict

FRESH = range(100, 108)


@pytest.fixture(scope="module")
def loaded(benchmark_module, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A made-up study of 60 trials."""
    made_study, folder = benchmark_module("made_study"), tmp_path_factory.mktemp("store")
    return load_study("first", made_study.fill_store(folder, 60, name="first"))


def with_fresh_seeds(
    study: Study, factors: tuple[float, ...] = (2.0, 1.0, 4.0), name: str = "first"
) -> Study:
    """The study with its two best, its best plain configuration and the best one's twin confirmed: their search's FID
    times a factor, of the twin the plain one's.
    """
    rng = np.random.default_rng(5)
    order = selection.ranked(study)
    order = order[order["candidate"]]
    plain = order[order["remedies"] == "none"].iloc[0]["number"]
    chosen = [*order[order["number"] != plain].head(2)["number"], plain, plain]
    trials, rows = [], []
    roles = ("best", "best with remedies", "baseline", f"twin of trial {chosen[0]}")
    factors = (*factors, factors[-1])
    for i, (number, role, factor) in enumerate(zip(chosen, roles, factors, strict=True)):
        row = study.trials[study.trials["number"] == number].iloc[0]
        new = FIRST_CONFIRM + i
        fids = row["objective"] * factor * np.exp(0.05 * rng.normal(size=len(FRESH)))
        last = study.seeds[study.seeds["number"] == number].iloc[[0] * len(FRESH)]
        rows.append(
            last.assign(number=new, seed=list(FRESH), fid=fids, finite=True, verdict="converged")
        )
        settled = {
            "number": new,
            "stage": "confirm",
            "role": role,
            "confirms": number,
            "num_seeds": len(FRESH),
        }
        trials.append(
            row.to_dict()
            | settled
            | {"fid": float(np.median(fids)), "objective": float(np.median(fids))}
        )
    own = [key for key in study.searched if key.split(".")[0] not in trials[0]["remedies"]]
    settings = {key: trials[0][key] for key in own if key != "remedies"}
    trials[3] |= settings | {"confirms": pd.NA, "remedies": "none"}
    made = pd.concat([study.trials, pd.DataFrame(trials)], ignore_index=True).astype(
        {"confirms": "Int64"}
    )
    return dataclasses.replace(
        study,
        name=name,
        trials=made,
        evaluations=pd.concat([study.evaluations, *rows], ignore_index=True),
    )


@pytest.fixture(scope="module")
def fresh(loaded: Study) -> Results:
    """The results of the study with fresh seeds, computed once for all tests."""
    return Results(with_fresh_seeds(loaded))


def test_confirm_trials_are_counted_apart_and_shown_by_what_they_confirm(
    loaded: Study, fresh: Results
) -> None:
    """Their own numbers count from a million, and mean nothing to a reader."""
    study = fresh.whole
    assert html._subtitle(study).startswith(
        "60 trials of 3 seeds each · 4 trained again on fresh seeds · "
    )
    assert html._subtitle(loaded) == html._subtitle(study).replace(
        "4 trained again on fresh seeds · ", ""
    )
    shown = [Shown(block) for block in section.blocks(fresh) if isinstance(block, Table)]
    assert len(shown) == 3
    assert not any(
        str(FIRST_CONFIRM)[:-1] in cell.text
        for table in shown
        for row in table.rows
        for cell in row
    )


def test_the_answer_begins_with_the_first_choice_on_fresh_seeds_though_another_did_better(
    fresh: Results,
) -> None:
    study = fresh.whole
    found = confirm.confirmed_configurations(study)
    choice = confirm.first_choice(study, found)
    assert choice is not None and choice.role == "best"
    assert choice.score.value > min(each.score.value for each in found)
    first, *others = conclusions.conclusions(fresh)
    assert first.claim.startswith(f"Confirmed on fresh seeds: FID {choice.score.value:.3g} [")
    assert "; 99.2% interval], the median of 8 fresh seeds" in first.claim
    assert f"Trial {choice.confirms}, the search's first choice: k = " in first.claim
    assert "None of 8 fresh seeds collapsed, cycled or diverged" in first.basis
    factor = search_optimism(study).iloc[0]["optimism"]
    assert f"was too good: the fresh median is × {factor:.3g} [" in first.basis
    assert factor == pytest.approx(2.0, rel=0.1)
    (compared,) = confirmed_comparisons(study).to_dict("records")
    assert compared["number"] == choice.number
    words = (
        f"{label(compared['first']).capitalize()}, all else equal, on 8 fresh seeds: better than "
    )
    assert words + "without (p = 0.0078, P(improvement) 100% [63%, 100%]). " in first.basis
    assert f"FID × {compared['effect']:.3g} [" in first.basis
    assert "], if differences of logarithms are normal. " in first.basis
    brief = conclusions.answer(fresh)
    (score,) = (one.claim for one in brief if ", median of 8 fresh seeds; none" in one.claim)
    assert f"The chosen trial {choice.confirms} (k = " in score
    assert f"{choice.score.value:.3g} [" in score and "; 99.2%] (real " in score
    assert not any(
        "before quoting it" in str(finding) or finding.claim.startswith("Best conf")
        for finding in others
    )


def test_the_best_without_remedies_is_no_control(loaded: Study, fresh: Results) -> None:
    """It is told with how many were tried, and in what else it differs; no word of a test."""
    table = confirm.confirmed(fresh.whole)
    plain = table[table["role"] == "baseline"].iloc[0]
    without = int((loaded.trials["remedies"] == "none").sum())
    first, *others = section.conclusions(fresh)
    (found,) = (one for one in others if one.claim.startswith("The best without remedies"))
    assert not found.first and "without remedies" not in str(first)
    sentence = str(found)
    assert sentence.startswith(f"The best without remedies, out of {without} trials, has FID ")
    assert (
        f"(trial {int(plain['confirms'])}: k = " in sentence
        and "0 of its 8 fresh seeds" in sentence
    )
    assert f"this is the best of {60 - without} trials with remedies. " in sentence
    assert "That is no effect of remedies: they differ in " in sentence and "lr_d" in sentence
    assert sentence.rstrip().endswith(
        ", and the more trials there are, the better tuned is the best."
    )
    assert not re.search(r"better than|worse than|p = ", sentence)


def test_without_its_twin_nothing_is_told_of_remedies(fresh: Results) -> None:
    """As in studies of before, whose baseline is another configuration."""
    study = fresh.whole
    old = study.only(~study.trials["role"].fillna("").str.startswith("twin"))
    basis = section.conclusions(Results(old))[0].basis
    assert "The effect of its remedies is not estimated: its twin, " in basis
    assert "all else equal, on" not in basis and "better than" not in basis
    assert Results(old).contrasts.primary == []


def test_a_figure_is_called_too_good_only_where_the_interval_says_so(loaded: Study) -> None:
    for factor, words in (
        (2.0, "was too good: the fresh median is × 1.9"),
        (0.5, "was not too good: the fresh median is × 0.49"),
    ):
        finding = section.conclusions(Results(with_fresh_seeds(loaded, (factor,) * 3)))[0]
        assert words in finding.basis, finding.basis
    finding = section.conclusions(Results(with_fresh_seeds(loaded, (1.0,) * 3)))[0]
    assert "Whether the search's own FID of " in finding.basis
    assert "was too good is inconclusive: the fresh" in finding.basis


def test_seeds_that_cannot_be_judged_yet_are_not_told_to_have_held(loaded: Study) -> None:
    """Before its third evaluation no seed can have collapsed, whatever its samples show."""
    none = dict.fromkeys((verdict.value for verdict in Verdict), 0)
    trials = loaded.trials.assign(**(none | {"unsettled": loaded.trials["num_seeds"]}))
    trials["evaluations"] = [3] * 6 + [1] * 54

    def told(**changes: object) -> tuple[Conclusion, list[FailedShare]]:
        study = dataclasses.replace(loaded, trials=trials.assign(**changes))
        (finding,) = outcomes.conclusions(Results(study))
        return finding, first_screen(Results(study)).failures

    finding, shares = told()
    assert finding.claim.startswith("No seed of 60 configurations (")
    assert finding.claim.endswith("is known to have failed:")
    assert finding.basis.startswith("162 of 180 seeds were evaluated fewer than 3 times, before")
    assert finding.basis.endswith("of the other 18 none had collapsed, cycled or diverged.")
    assert finding.brief is not None
    assert "162 of 180 were evaluated too few times" in finding.brief.text
    assert len(finding.brief.text.split()) <= 25
    (share,) = shares
    assert (share.failed, share.total) == (0, 18)
    assert share.stage == "own seeds of 180 that could be judged"
    # A seed that diverged has done so at any time.
    finding, (share,) = told(diverged=[0] * 59 + [1], unsettled=[3] * 59 + [2])
    assert finding.claim.startswith("At least 1 of 60 configurations")
    assert "161 of 180 seeds were evaluated fewer than 3 times" in finding.basis
    assert (share.failed, share.total) == (1, 19)
    finding, shares = told(evaluations=1)
    assert finding.claim.endswith("had a failed seed is unknown:") and not shares
    finding, (share,) = told(evaluations=3)
    assert finding.claim.startswith("None of 60 configurations") and share.total == 180


def test_unknown_verdicts_are_not_read_as_nothing_lost(loaded: Study) -> None:
    kept = dict.fromkeys((verdict.value for verdict in Verdict), 0)
    trials = loaded.trials.assign(**{**kept, "unknown": loaded.trials["num_seeds"]})
    study = dataclasses.replace(
        loaded, trials=trials, evaluations=loaded.evaluations.assign(verdict="unknown")
    )
    (finding,) = outcomes.conclusions(Results(study))
    assert finding.claim.startswith("Whether any of 60 configurations (")
    assert finding.claim.endswith("had a failed seed is unknown:")
    assert finding.basis == "the verdict is unknown for 180 of 180 seeds."
    assert finding.brief is not None
    assert finding.brief.text == "Whether any of 180 seeds failed is unknown."
    assert not any(
        "Failed seeds by k" in str(other) for other in conclusions.conclusions(Results(study))
    )
    one = dataclasses.replace(study, trials=trials.assign(diverged=[1] + [0] * 59))
    (finding,) = outcomes.conclusions(Results(one))
    assert (
        finding.claim.startswith("At least 1 of 60 configurations")
        and "the verdict is unknown" in finding.basis
    )
    assert finding.brief is not None and finding.brief.text.startswith("At least 1 of 60 ")


def test_the_second_best_is_not_quoted_while_the_first_is_in_training(fresh: Results) -> None:
    study = fresh.whole
    roles = {"best with remedies": "best"}
    trials = study.trials.assign(role=study.trials["role"].replace(roles))
    both = dataclasses.replace(study, trials=trials)
    first = confirm.first_choice(both, confirm.confirmed_configurations(both))
    assert first is not None and first.number == FIRST_CONFIRM
    state = trials["state"].where(trials["number"] != FIRST_CONFIRM, "running")
    unfinished = dataclasses.replace(both, trials=trials.assign(state=state))
    assert confirm.first_choice(unfinished, confirm.confirmed_configurations(unfinished)) is None


def test_without_fresh_seeds_the_caveat_names_the_stage(loaded: Study) -> None:
    first = conclusions.sentences(loaded)[0]
    assert (
        first.startswith("Best configuration")
        and "before quoting it, as [confirm] in the study file does" in first
    )


def test_no_difference_from_the_twin_is_inconclusive(loaded: Study) -> None:
    study = with_fresh_seeds(loaded, (1.0, 1.0, 1.0))
    level = study.trials["number"].isin(range(FIRST_CONFIRM, FIRST_CONFIRM + 4))
    numbers = study.trials.loc[level, "number"]
    rng = np.random.default_rng(0)
    noise = pd.Series(
        50 * np.exp(0.3 * rng.normal(size=len(study.evaluations))), index=study.evaluations.index
    )
    rows = study.evaluations
    flat = rows.assign(fid=rows["fid"].where(~rows["number"].isin(numbers), noise))
    finding = section.conclusions(Results(dataclasses.replace(study, evaluations=flat)))[0]
    assert ", all else equal, on 8 fresh seeds: inconclusive (p = " in finding.basis


def test_the_test_decides_where_the_mean_says_otherwise(fresh: Results) -> None:
    """One collapsed seed with a huge score draws the mean the other way: both are said as what they are."""
    study = fresh.whole
    own = study.evaluations["number"] == FIRST_CONFIRM
    one = own & (study.evaluations["seed"] == 103)
    twin = study.evaluations["number"] == FIRST_CONFIRM + 3
    few = [103, 104, 105]
    scores = study.evaluations["fid"].where(~own, 10.0 + study.evaluations["seed"] / 100)
    scores = scores.where(~twin, 12.0 + study.evaluations["seed"] / 100).where(~one, 1e6)
    verdicts = study.evaluations["verdict"].where(~one, "collapsed")
    rows = study.evaluations.assign(fid=scores, verdict=verdicts)
    for seed in few[1:]:
        rows.loc[twin & (rows["seed"] == seed), "verdict"] = "diverged"
    changed = dataclasses.replace(study, evaluations=rows)
    results = Results(changed)
    (found,) = results.contrasts.confirmed
    basis = section.conclusions(results)[0].basis
    assert found.contrast.statistic < 0 < found.contrast.worse_by
    assert "if differences of logarithms are normal, the mean drawn the other way by few" in basis


def test_the_first_screen_is_short_and_every_section_has_its_tables(fresh: Results) -> None:
    made = html.build(fresh.whole)
    assert 3 <= len(made.answer) <= 6
    names = [part.name for part in made.sections]
    assert names[0] == "confirm"
    assert {
        "interactions",
        "importance",
        "seeds",
        "sample_size",
        "k_ratio",
        "remedies",
        "learning_rates",
    } <= set(names)
    assert made.tables.keys() >= {
        *(
            "confirmed",
            "confirmed_comparisons",
            "search_optimism",
            "remedy_effects",
            "k_answer_by_axis",
        ),
        *(
            "k_response",
            "k_pairwise",
            "rate_map",
            "rate_ratio",
            "interactions",
            "importance",
            "per_configuration",
        ),
        *("spread", "overall", "needed_sample_sizes"),
    }


def test_the_menu_shows_one_axis_at_a_time_and_begins_with_the_budget(loaded: Study) -> None:
    (figure, *_) = k_ratio.blocks(Results(loaded))
    (menu,) = figure.figure.layout.updatemenus
    assert [button.label for button in menu.buttons] == [
        f"at equal {axis}"
        for axis in ("generator steps", "discriminator steps", "updates", "images", "seconds")
    ]
    assert menu.active == 0
    shown = [trace.visible for trace in figure.figure.data]
    assert list(menu.buttons[0].args[0]["visible"]) == shown and any(shown) and not all(shown)
    sums = np.sum([button.args[0]["visible"] for button in menu.buttons], axis=0)
    assert (sums == 1).all(), "every trace belongs to one axis"


def lacking(study: Study) -> dict[str, Study]:
    """Studies that lack things."""
    one_seed = study.evaluations[study.evaluations["seed"] == 0]
    counters = ["discriminator_steps", "updates", "images", "seconds", "generator_steps"]
    train = {key: value for key, value in study.spec["train"].items() if key != "seeds"}
    failed = study.trials.head(3).assign(
        state="failed", objective=math.nan, feasible=False, evaluations=0, num_seeds=0
    )
    return {
        "one seed": dataclasses.replace(
            study, evaluations=one_seed, trials=study.trials.assign(num_seeds=1)
        ),
        "no counters": dataclasses.replace(
            study,
            spec=study.spec | {"train": train},
            evaluations=study.evaluations.assign(**dict.fromkeys(counters)),
        ),
        "all failed": dataclasses.replace(study, trials=failed, evaluations=study.evaluations[:0]),
        "nothing": dataclasses.replace(
            study, trials=study.trials[:0], evaluations=study.evaluations[:0]
        ),
        "one trial": dataclasses.replace(
            study,
            trials=study.trials.head(1),
            evaluations=study.evaluations[study.evaluations["number"] == 0],
        ),
    }


@pytest.mark.parametrize("case", ["one seed", "no counters", "all failed", "nothing", "one trial"])
def test_sections_of_a_study_that_lacks_things_say_so_or_nothing(loaded: Study, case: str) -> None:
    results = Results(lacking(loaded)[case])
    for part in (section, interactions, importance, seeds, sample_size, k_ratio, remedies):
        for finding in part.conclusions(results):
            assert not any(word in f" {finding} " for word in (" nan", "[nan", " inf ", "None")), (
                str(finding)
            )
        part.blocks(results)


def test_a_confirm_trial_that_failed_is_not_quoted(fresh: Results) -> None:
    study = fresh.whole
    best = study.trials["role"] == "best"
    number = study.trials.loc[best, "number"].iloc[0]
    trials = study.trials.copy()
    trials.loc[best, ["state", "evaluations", "objective"]] = ["failed", 0, math.nan]
    broken = dataclasses.replace(
        study, trials=trials, evaluations=study.evaluations[study.evaluations["number"] != number]
    )
    assert section.conclusions(Results(broken)) == []
    assert conclusions.sentences(broken)[0].startswith("Best configuration (trial")


def test_two_confirmed_studies_are_compared_on_fresh_seeds(loaded: Study, fresh: Results) -> None:
    first = fresh.whole
    second = with_fresh_seeds(loaded, (8.0, 1.0, 4.0), name="second")
    finding = compare.conclusions(first, second)[1]
    assert (
        finding.claim.startswith("FID on fresh seeds: first ")
        and "that of first scores better (p = 0.0078; signed-rank test" in finding.basis
    )
    assert compare.conclusions(first, loaded)[1].claim.startswith("Best FID:")
    made = compare.build(first, second)
    assert {"confirmed_1", "confirmed_2", "expected_best"} <= made.tables.keys()
    assert made.tables["sides"]["trials"].tolist() == [len(first.of_stage(Stage.SEARCH).trials)] * 2


def test_only_a_full_grid_has_no_caveat_about_other_settings(loaded: Study) -> None:
    search = {"sampler": "grid", "space": {"k": [1, 5], "remedies": [[], ["lecam"]]}}
    trials = loaded.trials.head(4).assign(k=[1.0, 1.0, 5.0, 5.0], remedies=["none", "lecam"] * 2)
    full = dataclasses.replace(loaded, trials=trials, spec=loaded.spec | {"search": search})
    assert selection.is_full_grid(full)
    assert not selection.is_full_grid(dataclasses.replace(full, trials=trials.head(3)))
    learning = loaded.spec | {"search": search | {"sampler": "tpe"}}
    assert not selection.is_full_grid(dataclasses.replace(full, spec=learning))
    not_evaluated = trials.assign(evaluations=[1, 1, 1, 0])
    assert not selection.is_full_grid(dataclasses.replace(full, trials=not_evaluated))
