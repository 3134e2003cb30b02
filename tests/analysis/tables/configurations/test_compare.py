"""Two studies side by side: what is told of them, and what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from click.testing import CliRunner
from scipy import stats

from ganstudy.analysis.frames.compared_scores import compared_scores
from ganstudy.analysis.frames.load import load_study
from ganstudy.analysis.frames.study import Study, UnlikeScoresError
from ganstudy.analysis.report import compare
from ganstudy.analysis.tables.configurations import search
from ganstudy.analysis.tables.configurations.compare import UnlikeStudiesError, on_fresh_seeds
from ganstudy.study.cli.main import main


@pytest.fixture(scope="module")
def loaded(benchmark_module, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A made-up study of 40 trials."""
    made_study, folder = benchmark_module("made_study"), tmp_path_factory.mktemp("store")
    return load_study("first", made_study.fill_store(folder, 40, name="first"))


def another(study: Study, name: str = "second", factor: float = 1.0, **provenance) -> Study:
    """The same study under another name, every FID times `factor`."""
    evaluations = study.evaluations.assign(fid=study.evaluations["fid"] * factor)
    trials = study.trials.assign(
        fid=study.trials["fid"] * factor, objective=study.trials["objective"] * factor
    )
    measured = {**study.provenance, **provenance}
    return dataclasses.replace(
        study, name=name, trials=trials, evaluations=evaluations, provenance=measured
    )


def test_a_study_against_itself_has_no_difference(loaded: Study) -> None:
    budget = compare.at_equal_budget(loaded, another(loaded)).set_index("study")
    assert budget["progress"].unique().tolist() == [900.0]  # the last that pruned trials reached
    difference = budget.loc[compare.DIFFERENCE]
    assert difference["median"] == 0 and difference["median_low"] < 0 < difference["median_high"]
    finding = compare.conclusions(loaded, another(loaded))[0]
    assert finding.claim == "Which study's configurations score better is inconclusive:"


def test_each_study_counts_its_own_seeds(loaded: Study) -> None:
    """Not those that the first one planned, which of an import are those of all its trials."""
    kept = loaded.evaluations["seed"].eq(0) | loaded.evaluations["number"].isin([0, 1])
    other = dataclasses.replace(another(loaded), evaluations=loaded.evaluations[kept])
    budget = compare.at_equal_budget(loaded, other).set_index("study")
    rows = loaded.evaluations
    rows = rows[rows["number"].isin(compared_scores(loaded).numbers)]
    seeds = rows.groupby("number")["seed"].nunique()
    few = len(seeds) + sum(seeds.get(number, 1) - 1 for number in (0, 1))
    assert budget["num_seeds"].tolist() == [seeds.sum(), few, seeds.sum() + few]
    (section,) = (part for part in compare.build(loaded, other).sections if part.name == "budget")
    drawn = section.blocks[0].figure
    shown = [cell for trace in drawn.data for cell in trace.customdata]
    assert [count for _, count in shown] == [seeds.sum(), few]


@pytest.mark.parametrize(("factor", "better"), [(0.05, "second"), (20.0, "first")])
def test_the_study_with_the_lower_fid_is_told_as_better(
    loaded: Study, factor: float, better: str
) -> None:
    other = another(loaded, factor=factor)
    finding = compare.conclusions(loaded, other)[0]
    assert finding.claim == f"The configurations of {better} score better:"
    difference = compare.at_equal_budget(loaded, other).set_index("study").loc[compare.DIFFERENCE]
    assert (difference["median_high"] < 0) == (better == "second")
    both = compare.sides(loaded, other).set_index("study")
    assert both.loc["second", "fid"] == pytest.approx(factor * both.loc["first", "fid"])
    assert both.loc["second", "failed_share"] == both.loc["first", "failed_share"]


def test_larger_is_better_where_the_objective_is_maximised(loaded: Study) -> None:
    spec = {**loaded.spec, "objective": {"maximize": "recall"}}
    first = dataclasses.replace(loaded, spec=spec)
    evaluations = loaded.evaluations.assign(recall=loaded.evaluations["recall"] + 5)
    second = dataclasses.replace(first, name="second", evaluations=evaluations)
    assert (
        compare.conclusions(first, second)[0].claim == "The configurations of second score better:"
    )


def test_budgets_are_matched_by_what_was_spent_not_by_the_number_of_the_evaluation(
    loaded: Study,
) -> None:
    train = {**loaded.spec["train"], "budget": {"unit": "generator_steps", "amount": 1500}}
    half = dataclasses.replace(another(loaded, "half"), spec={**loaded.spec, "train": train})
    # Evaluations 1 to 3 of the half lie at 150, 300, 450; those of the whole at 300, 600, 900.
    assert compare.at_equal_budget(loaded, half)["progress"].unique().tolist() == [300.0]
    odd = {**train, "budget": {"unit": "generator_steps", "amount": 1234.5}}
    other = dataclasses.replace(half, spec={**loaded.spec, "train": odd})
    assert compare.at_equal_budget(loaded, other).empty
    assert "no budget in common" in str(compare.conclusions(loaded, other)[0])


def test_uneven_moments_are_matched_where_they_lie(loaded: Study) -> None:
    """Imported histories: their evaluations are no equal shares of the budget."""
    uneven = {
        **loaded.spec["train"],
        "moments": [100, 200, 2400, 2500, 2600, 2700, 2800, 2850, 2900, 3000],
    }
    other = dataclasses.replace(another(loaded), spec={**loaded.spec, "train": uneven})
    assert compare.at_equal_budget(loaded, other).empty, "900 in the one, 2400 in the other"
    uneven["moments"][1] = 600
    (progress,) = compare.at_equal_budget(loaded, other)["progress"].unique()
    assert progress == 600.0


def test_lost_seeds_are_not_compared_where_verdicts_are_unknown(loaded: Study) -> None:
    other = another(loaded)
    hidden = dataclasses.replace(
        other, trials=other.trials.assign(unknown=other.trials["num_seeds"])
    )
    (finding,) = (s for s in compare.conclusions(loaded, hidden) if "failed" in str(s))
    assert finding.claim == "Which study had more failed seeds is unknown:"
    assert finding.basis == "no verdict is known of 120 seeds of second."
    assert compare.sides(loaded, hidden)["failed_share"].isna().tolist() == [False, True]


def test_configurations_count_alike_in_the_share_of_lost_seeds_whatever_their_seeds(
    loaded: Study,
) -> None:
    trials = loaded.trials.head(2).assign(num_seeds=[1, 3], collapsed=[1, 0], cycling=0, diverged=0)
    few = dataclasses.replace(loaded, trials=trials)
    assert compare.sides(few, few)["failed_share"].tolist() == [0.5, 0.5]


def test_too_few_configurations_tell_nothing(loaded: Study) -> None:
    few = dataclasses.replace(another(loaded, factor=0.05), trials=loaded.trials.head(5))
    finding = compare.conclusions(loaded, few)[0]
    assert (
        "is inconclusive" in finding.claim
        and "below 6 configurations there is no interval" in finding.basis
    )


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("extractor_digest", "other"),
        ("data_digest", "other"),
        ("num_generated", 50),
        ("split", "all"),
        ("modes", "x"),
    ],
)
def test_unlike_scores_are_refused_with_what_differs(
    loaded: Study, column: str, value: object
) -> None:
    other = another(loaded, **{column: value})
    with pytest.raises(
        UnlikeScoresError, match=rf"{column} is \S.* in first and {value} in second$"
    ):
        compare.build(loaded, other)


def test_unlike_goals_and_budgets_are_refused(loaded: Study) -> None:
    goal = dataclasses.replace(
        loaded, name="goal", spec={**loaded.spec, "objective": {"maximize": "recall"}}
    )
    with pytest.raises(
        UnlikeStudiesError, match=r"unlike objective .*: fid in first, recall in goal"
    ):
        compare.build(loaded, goal)
    train = {**loaded.spec["train"], "budget": {"unit": "images", "amount": 3000}}
    images = dataclasses.replace(loaded, name="other", spec={**loaded.spec, "train": train})
    with pytest.raises(UnlikeStudiesError, match="generator_steps in first, images in other"):
        compare.build(loaded, images)


def test_the_report_holds_both_and_every_sentence(loaded: Study, tmp_path) -> None:
    sentences = compare.write(
        loaded, another(loaded, "<b>second</b>"), tmp_path / "new" / "report.html"
    )
    html = (tmp_path / "new" / "report.html").read_text()
    assert len(sentences) == 4 and "<b>second" not in html and "&lt;b&gt;second" in html
    best = search.best(loaded, 1).iloc[0]
    assert f"first {best['fid']:.3g} (median of 3 seeds" in sentences[1]
    assert {p.name for p in (tmp_path / "new" / "tables").glob("*.csv")} == {
        *("sides.csv", "at_equal_budget.csv", "best_1.csv", "best_2.csv", "expected_best.csv")
    }


def test_a_study_that_is_not_there_is_named(tmp_path) -> None:
    result = CliRunner().invoke(main, ["compare", "one", "two", "--home", str(tmp_path)])
    assert result.exit_code == 2 and "no study named 'one'" in result.output
    result = CliRunner().invoke(main, ["compare", "one", "one", "--home", str(tmp_path)])
    assert result.exit_code == 2 and "both are named 'one'" in result.output


def fresh(study_over_time, name: str, scores: list[float], seeds: list[int] | None = None) -> Study:
    """A study with one trial, number 0, of these final scores."""
    made = study_over_time(np.repeat(np.array(scores)[None, :, None], 2, axis=2))
    if seeds is not None:
        rows = made.evaluations
        made = dataclasses.replace(
            made, evaluations=rows.assign(seed=np.array(seeds)[rows["seed"].to_numpy()])
        )
    return dataclasses.replace(made, name=name)


def test_the_same_fresh_seeds_are_paired_exactly(study_over_time) -> None:
    """Seven seeds of unlike luck; one side is better by a little on each: p = 2 / 2^7."""
    luck = np.array([1.0, 30.0, 5.0, 80.0, 2.0, 10.0, 200.0])
    one = fresh(study_over_time, "one", list(luck))
    other = fresh(study_over_time, "other", list(luck * 1.2))
    found = on_fresh_seeds(one, other, (0, 0))
    assert found.paired and found.better == "one" and found.p == pytest.approx(2 / 2**7)
    assert on_fresh_seeds(other, one, (0, 0)).better == "one"
    # Unlike seeds cannot be paired: the luck of either hides it.
    unlike = fresh(study_over_time, "other", list(luck * 1.2), seeds=list(range(10, 17)))
    found = on_fresh_seeds(one, unlike, (0, 0))
    assert not found.paired and not found.better
    assert found.p == pytest.approx(stats.mannwhitneyu(luck, luck * 1.2, method="exact").pvalue)


def test_diverged_seeds_are_worst_in_either_test(study_over_time) -> None:
    """All eight of one side trained, none of the other: 2 / 2^8 paired, 2 / C(16, 8) by ranks."""
    good = fresh(study_over_time, "good", list(np.arange(1.0, 9.0)))
    lost = fresh(study_over_time, "lost", [np.nan] * 8)
    found = on_fresh_seeds(lost, good, (0, 0))
    assert found.better == "good" and found.p == pytest.approx(2 / 2**8)
    unlike = fresh(study_over_time, "lost", [np.nan] * 8, seeds=list(range(20, 28)))
    found = on_fresh_seeds(good, unlike, (0, 0))
    assert found.better == "good" and found.p <= 0.001
    assert on_fresh_seeds(lost, dataclasses.replace(lost, name="too"), (0, 0)).better == ""


def test_studies_on_fewer_than_three_seeds_claim_nothing_about_others(loaded: Study) -> None:
    kept = loaded.evaluations["seed"].lt(2)
    one, other = (
        dataclasses.replace(study, evaluations=study.evaluations[kept])
        for study in (loaded, another(loaded, factor=0.05))
    )
    finding = compare.conclusions(one, other)[0]
    assert "is inconclusive" in finding.claim
    assert "fewer than 3 seeds carry no claim about others" in finding.basis
