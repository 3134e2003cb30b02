"""Effects are estimated from the designed trials alone, at the amount at which all were compared."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ganstudy.analysis.frames.compared_scores import compared_scores
from ganstudy.analysis.frames.designed import compared_trials, has_design
from ganstudy.analysis.frames.selection import search_stage
from ganstudy.analysis.tables.effects.contrast_table import contrast_table
from ganstudy.analysis.tables.effects.contrasts import CONFIRMED
from ganstudy.analysis.tables.effects.interactions import interactions
from ganstudy.analysis.tables.effects.k_by_remedies import k_by_remedies
from ganstudy.analysis.tables.effects.matched_contrasts import pairwise_contrasts, remedy_contrasts

POINTS, SEEDS, EVALUATIONS, AT = 5, 4, 4, 2
REMEDIES = ("none", "feature_matching", "minibatch_discrimination")
PROMOTED = (3, 8)
SPACE = {
    "k": [1, 5],
    "lr_d": {"low": 1e-4, "high": 1e-2},
    "remedies": [[], ["feature_matching"], ["minibatch_discrimination"]],
}


@pytest.fixture
def study(made_study):
    """k x remedies at 5 points; two trials went on, and three were drawn afterwards.

    k = 5 doubles the score, feature matching halves it; what was drawn afterwards says otherwise.
    """
    rng = np.random.default_rng(0)
    cells = list(itertools.product(range(POINTS), (1, 5), REMEDIES))
    lrs = 10 ** rng.uniform(-4, -2, POINTS)
    settings = [(lrs[p], k, r) for p, k, r in cells] + [(1e-3, 5, "feature_matching")] * 3
    scores = np.array(
        [
            40 * lr**0.1 * (2 if k == 5 else 1) * (0.5 if r == "feature_matching" else 1)
            for lr, k, r in settings
        ]
    )[:, None, None] * np.exp(0.05 * rng.normal(size=(len(settings), SEEDS, 1)))
    scores = scores * np.array([2.0, 1.0, 0.6, 0.5])
    scores[len(cells) :] *= 50.0
    ends = [EVALUATIONS if i in PROMOTED else AT for i in range(len(cells))] + [EVALUATIONS] * 3
    made = made_study(
        scores,
        {
            "k": [k for _, k, _ in settings],
            "lr_d": [lr for lr, _, _ in settings],
            "remedies": [r for _, _, r in settings],
        },
        space=SPACE,
        reached=ends,
        states=["complete" if end == EVALUATIONS else "pruned" for end in ends],
    )
    made.trials["stage"] = ["design"] * len(cells) + ["search"] * 3
    made.trials["point"] = pd.array([p for p, _, _ in cells] + [pd.NA] * 3, dtype="Int64")
    made.trials["objective"] = [
        float(np.median(scores[i, :, end - 1])) for i, end in enumerate(ends)
    ]
    made.trials = made.trials.assign(collapsed=0, cycling=0, diverged=0)
    made.spec["design"] = {"points": POINTS, "at": AT / EVALUATIONS, "promote": 2}
    made.spec["train"]["seeds"] = list(range(SEEDS))
    return made


def test_the_design_is_compared_at_its_own_amount(study) -> None:
    designed = compared_trials(study)
    assert has_design(study) and len(designed.trials) == 30
    assert designed.evaluations["evaluation"].max() == AT
    assert set(designed.trials["state"]) == {"complete"}
    frame = compared_scores(designed)
    assert frame.amount == 200.0 and len(frame.numbers) == 30
    rows = study.evaluations
    at = rows[(rows["evaluation"] == AT) & (rows["number"] < 30)]
    medians = at.groupby("number")["fid"].median()
    assert designed.trials["objective"].tolist() == pytest.approx(medians.tolist())
    assert compared_trials(designed) is designed, "and once more it is the same"
    assert len(search_stage(study).trials) == 33, "the best configuration comes from all"


def test_what_happened_later_changes_no_effect(study) -> None:
    """The same contrasts, whatever promoted and drawn trials came to."""
    only = study.trials["number"] < 30
    short = study.only(only)
    short = replace(short, evaluations=short.evaluations[short.evaluations["evaluation"] <= AT])
    for contrasts in (remedy_contrasts, pairwise_contrasts):
        for one, other in zip(contrasts(study), contrasts(short), strict=True):
            assert (one.first, one.second, one.axis) == (other.first, other.second, other.axis)
            # As text: where k = 5 has no evaluation yet, both are NaN.
            assert repr(one.effect) == repr(other.effect) and one.amount == other.amount


def test_twins_are_exact_and_the_unit_is_the_point(study) -> None:
    (against, _) = sorted(remedy_contrasts(study), key=lambda row: row.first)
    assert against.first == "feature_matching" and against.decision == "better"
    assert (against.matching, against.distance) == ("exact", 0.0)
    assert (against.effect.n, against.effect.unit, against.seeds) == (POINTS, "points", SEEDS)
    scores = compared_scores(compared_trials(study))
    table = study.trials.set_index("number").loc[scores.numbers]
    logs = pd.DataFrame(np.log(scores.scores)).set_index(
        [table["point"].astype(int).tolist(), table["k"].tolist(), table["remedies"].tolist()]
    )
    both = [logs.xs(remedy, level=2) for remedy in ("feature_matching", "none")]
    by_hand = float(np.exp((both[0] - both[1]).to_numpy().mean()))
    assert against.effect.value == pytest.approx(by_hand)
    assert 0.45 < by_hand < 0.55


def test_pairs_need_not_agree_in_what_one_side_has_no_use_for(study) -> None:
    """As of a GAN and a VAE: the point says the learning rates, and the VAE has one player less."""
    trials = study.trials.assign(lr_d=study.trials["lr_d"].where(study.trials["k"] == 1, 2e-4))
    changed = replace(study, trials=trials)
    for one, other in zip(pairwise_contrasts(study), pairwise_contrasts(changed), strict=True):
        assert repr(one.effect) == repr(other.effect)
        # Of three remedies at five points, not one pair of all with all.
        assert other.effect.n in (0, POINTS)
    assert any(row.effect.n for row in pairwise_contrasts(changed))


def test_the_factors_of_a_design_are_the_primary_family(study) -> None:
    study.spec["confirm"] = {"seeds": [100, 101]}
    rows = contrast_table(study).rows
    primary = [row for row in rows if row.family.primary]
    assert {row.question for row in primary} == {"k", "remedies"}
    assert {row.family.comparisons for row in primary} == {1 + 2}
    assert not any(row.question == CONFIRMED for row in primary)


def test_who_had_died_or_failed_since_counts_as_it_was_there(study) -> None:
    """A trial that failed after the comparison was compared; one that failed before it was not."""
    trials = study.trials.copy()
    trials.loc[trials["number"] == PROMOTED[0], "state"] = "failed"
    trials.loc[trials["number"] == 0, "state"] = "failed"
    rows = study.evaluations
    rows = rows[(rows["number"] != 0) | (rows["evaluation"] < AT)]
    designed = compared_trials(replace(study, trials=trials, evaluations=rows))
    states = designed.trials.set_index("number")["state"]
    assert states[0] == "failed" and states[PROMOTED[0]] == "complete"
    assert 0 not in compared_scores(designed).numbers


def test_interactions_with_settings_of_the_points_count_points(study) -> None:
    """A learning rate that has five values is no evidence of thirty."""
    table = interactions(study).set_index(["first", "second"])
    of_rate = table.loc[("feature_matching", "lr_d")]
    assert of_rate["configurations"] == POINTS and np.isnan(of_rate["low"])
    assert ("feature_matching", "k") not in table.index, "their joint test finds nothing"
    study = depending(study)
    table = interactions(study).set_index(["first", "second"])
    assert table.loc[("feature_matching", "k"), "configurations"] == 2 * POINTS


def depending(study):
    """The study with minibatch discrimination of a third of the score where k = 5."""
    own = study.trials["remedies"].eq("minibatch_discrimination") & study.trials["k"].eq(5)
    numbers = study.trials.loc[own, "number"]
    factor = np.where(study.evaluations["number"].isin(numbers), 1 / 3, 1.0)
    return replace(
        study, evaluations=study.evaluations.assign(fid=study.evaluations["fid"] * factor)
    )


def test_one_joint_test_says_whether_effects_at_each_k_are_shown(study) -> None:
    alike, unlike = k_by_remedies(study), k_by_remedies(depending(study))
    assert alike is not None and alike.test is not None and not alike.is_found
    assert unlike is not None and unlike.is_found
    rows = contrast_table(depending(study)).by_k
    assert {(row.at, row.first) for row in rows} == {
        (f"k = {k}", remedy) for k in (1, 5) for remedy in REMEDIES[1:]
    }
    assert not any(row.family.primary for row in rows)
    assert {row.family.comparisons for row in rows} == {4}
    better = {(row.at, row.first) for row in rows if row.decision == "better"}
    assert ("k = 5", "minibatch_discrimination") in better
    assert ("k = 1", "minibatch_discrimination") not in better
    # By hand: twins at k = 5.
    scores = compared_scores(compared_trials(depending(study)))
    table = study.trials.set_index("number").loc[scores.numbers]
    logs = np.log(scores.scores)
    own, none = (
        logs[((table["k"] == 5) & (table["remedies"] == remedy)).to_numpy()].mean()
        for remedy in ("minibatch_discrimination", "none")
    )
    (row,) = (r for r in rows if (r.at, r.first) == ("k = 5", "minibatch_discrimination"))
    assert row.effect.value == pytest.approx(np.exp(own - none))


def test_the_joint_test_is_of_whole_points(study) -> None:
    """A point that lacks a combination on some seed takes no part; a diverged seed is the worst."""
    rows = study.evaluations
    lacking = replace(study, evaluations=rows[(rows["number"] != 0) | (rows["seed"] != 1)])
    found = k_by_remedies(lacking)
    assert found is not None and found.test is not None and found.test.points == POINTS - 1
    gone = rows["number"].eq(7) & rows["seed"].eq(2)
    worst = rows.loc[(rows["number"] < 30) & (rows["evaluation"] == AT), "fid"].max()
    diverged = rows.assign(fid=rows["fid"].mask(gone), finite=~gone)
    capped = rows.assign(fid=rows["fid"].mask(gone, worst))
    first, second = (k_by_remedies(replace(study, evaluations=each)) for each in (diverged, capped))
    assert first is not None and first == second


def test_no_design_and_no_second_factor_have_no_joint_test(study) -> None:
    assert k_by_remedies(study.only(study.trials["k"] == 1)) is None
    study.spec.pop("design")
    assert k_by_remedies(study) is None
