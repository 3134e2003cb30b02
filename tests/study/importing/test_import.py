"""Histories of others: what is read from a file, what is refused, and the messages of both."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ganstudy.study.errors import UserError
from ganstudy.study.importing import publish, study_facts
from ganstudy.study.importing.history import History, read_history
from ganstudy.study.importing.imported_study import read_import
from ganstudy.study.importing.mapping import Mapping, read_mapping
from ganstudy.study.importing.study_facts import spec_of
from ganstudy.study.importing.table import read_table
from ganstudy.study.spec.tables import Tracking
from ganstudy.study.tracking.messages import TrialStart
from ganstudy.trials.measures.verdict import verdict, verdict_where_certain
from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.records import EvaluationRow, TrialState

HEAD = "trial,seed,generator_steps,fid,lr_d"
BALANCED, NARROW = [125] * 8, [990, 10, 0, 0, 0, 0, 0, 0]


def history(tmp_path: Path, *lines: str, name: str = "h.csv", **mapping: Any) -> History:
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_history(read_table(path), Mapping(**mapping))


def refused(tmp_path: Path, *lines: str, **mapping: Any) -> str:
    with pytest.raises(UserError) as error:
        history(tmp_path, *lines, **mapping)
    return str(error.value)


def cells(found: History, name: str, trial: int = 0) -> list[Any]:
    (chosen,) = (t for t in found.trials if t.number == trial)
    return [row.to_json()[name] for row in chosen.rows]


# --- what is read


def test_a_plain_file(tmp_path: Path) -> None:
    found = history(
        tmp_path, HEAD, "0,1,100,9,1e-3", "0,1,200,7,1e-3", "4,1,100,5,2e-3", "4,1,200,6,2e-3"
    )
    assert [trial.number for trial in found.trials] == [0, 4]
    assert (
        found.axis == "generator_steps" and found.times == [100, 200] and found.measures == ["fid"]
    )
    assert (
        cells(found, "fid") == [9, 7]
        and cells(found, "evaluation") == [1, 2]
        and cells(found, "seed") == [1, 1]
    )
    assert (
        found.trials[1].params == {"lr_d": "0.002"} and found.trials[0].state is TrialState.COMPLETE
    )
    assert cells(found, "recall") == [None, None] and cells(found, "seconds") == [None, None]


def test_names_are_taken_by_label_and_mapping_whatever_the_capitals(tmp_path: Path) -> None:
    lines = ("Run;SEED;Iteration;FID;IS;augment", "b;0;10;9,;1.5;yes", "a;0;10;8;1.6;no")
    with pytest.raises(UserError, match="line 2, column 'FID': must be a number, got '9,'"):
        history(tmp_path, *lines, columns={"Run": "trial", "Iteration": "updates"})
    found = history(
        tmp_path,
        *(line.replace("9,", "9") for line in lines),
        columns={"Run": "trial", "Iteration": "updates"},
    )
    assert found.axis == "updates" and found.measures == ["fid", "inception_score"]
    assert [trial.params for trial in found.trials] == [
        {"trial_name": "b", "augment": "yes"},
        {"trial_name": "a", "augment": "no"},
    ], "unknown and constant within a trial: a parameter"


def test_without_a_trial_column_known_parameters_tell_trials_apart(tmp_path: Path) -> None:
    found = history(
        tmp_path, "lr_d,k,seed,images,kid", "1e-3,1,0,5,1", "1e-3,1/2,0,5,2", "1e-3,1,1,5,3"
    )
    assert [[row.seed for row in trial.rows] for trial in found.trials] == [[0, 1], [0]]
    assert [trial.params["k"] for trial in found.trials] == [1.0, 0.5]
    assert any("distinguished by lr_d, k" in note for note in found.notes)


SPELLINGS = [
    (["1e-4", "0.0001", "0.00010", "1.0E-04", "+1e-04"], "0.0001"),
    (["1", "1.0", "1.", "01", "1e0"], "1"),
    (["0", "-0.0", "0e5"], "0"),
    (["10000000", "1e7", "1.0e+07"], "10000000"),
    (["inf", "Infinity"], "inf"),
    (["9007199254740993", "9007199254740993.0"], "9007199254740993"),
]


@pytest.mark.parametrize("name", ["lr_g", "width of theirs"])
@pytest.mark.parametrize(("spellings", "number"), SPELLINGS)
def test_numbers_are_compared_as_numbers(
    tmp_path: Path, name: str, spellings: list[str], number: str
) -> None:
    """Whatever column they are in, and whether or not the file numbers its trials."""
    rows = [f"{text},{seed},100,9" for seed, text in enumerate(spellings)]
    if name == "lr_g":
        found = history(tmp_path, "lr_g,seed,images,fid", *rows, ",7,100,9", "nan,8,100,9")
        assert [trial.params for trial in found.trials] == [
            {"lr_g": number},
            {},
            {"lr_g": "nan"},
        ]
        assert len(found.trials[0].rows) == len(spellings)
    (trial,) = history(tmp_path, f"trial,{name},seed,images,fid", *(f"0,{r}" for r in rows)).trials
    assert trial.params == {name: number}


def test_what_is_no_number_in_some_cell_stays_as_it_is(tmp_path: Path) -> None:
    """And whole numbers beyond what a float holds stay apart, as do names that Python could read."""
    rows = [("1.0", "1_0", "9007199254740993"), ("1.00", "10", "9007199254740992"), ("a", "b", "1")]
    lines = [f"{n},{','.join(row)},100,9" for n, row in enumerate(rows)]
    found = history(tmp_path, "trial,version,name,big,images,fid", *lines)
    assert [tuple(trial.params.values()) for trial in found.trials] == rows


def test_ratios_remedies_and_trials_are_compared_by_their_meaning(tmp_path: Path) -> None:
    rows = ["1/2,a+b,0,5,1", "0.50,b+a,1,5,1", ".5,b+a,2,5,1", "2,,0,5,1", "2.0,none,1,5,1"]
    found = history(tmp_path, "k,remedies,seed,images,fid", *rows)
    assert [trial.params for trial in found.trials] == [
        {"k": 0.5, "remedies": "a+b"},
        {"k": 2.0, "remedies": "none"},
    ]
    numbered = history(tmp_path, "trial,seed,images,fid", "1,0,5,1", "1.0,1,5,1", "2,0,5,1")
    assert [trial.number for trial in numbered.trials] == [1, 2]
    named = history(tmp_path, "trial,seed,images,fid", "1e-4,0,5,1", "0.0001,1,5,1")
    assert [trial.params for trial in named.trials] == [{"trial_name": "0.0001"}]


def test_without_a_seed_column_every_trial_is_one_seed(tmp_path: Path) -> None:
    found = history(tmp_path, "trial,generator_steps,fid", "0,1,5", "1,1,6")
    assert cells(found, "seed", 1) == [0] and any("no column seed" in note for note in found.notes)


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    lines = [HEAD, "0,1,100,9,1e-3", "0,1,200,,1e-3", "1,1,100,5,2e-3", "1,1,200,6,2e-3"]
    text = history(tmp_path, *lines)
    pd.read_csv(tmp_path / "h.csv").to_parquet(tmp_path / "h.parquet")
    binary = read_history(read_table(tmp_path / "h.parquet"), Mapping())
    assert [t.rows for t in binary.trials] == [t.rows for t in text.trials]
    assert [float(t.params["lr_d"]) for t in binary.trials] == [1e-3, 2e-3]


def test_row_numbers_that_pandas_wrote_are_left_out(tmp_path: Path) -> None:
    frame = pd.DataFrame({"trial": [3, 3], "images": [10, 20], "fid": [2.0, 1.0]})
    frame.to_csv(tmp_path / "h.csv")
    found = read_history(read_table(tmp_path / "h.csv"), Mapping())
    assert cells(found, "fid", 3) == [2, 1] and found.trials[0].params == {}


def test_remedies_are_labels_in_alphabetical_order(tmp_path: Path) -> None:
    found = history(tmp_path, "remedies,images,fid", "r2+feature_matching,1,2", ",1,3")
    assert [trial.params["remedies"] for trial in found.trials] == ["feature_matching+r2", "none"]


# --- moments


def test_equal_evaluations_have_spent_equal_budgets(tmp_path: Path) -> None:
    """Trial 1 was measured half as often, and ended early."""
    steps = [(0, s) for s in (100, 200, 300, 400)] + [(1, s) for s in (200,)]
    found = history(tmp_path, HEAD, *(f"{t},0,{s},9,{t}" for t, s in steps))
    assert found.times == [100, 200, 300, 400]
    assert cells(found, "evaluation", 1) == [2]


def test_histories_of_unlike_lengths_are_complete_at_their_own(tmp_path: Path) -> None:
    """Unless the file says otherwise; the best is that of the best score at its own end."""
    ends = {0: 400, 1: 200, 2: 300}
    last = {0: 8.0, 1: 6.5, 2: 7.0}
    rows = [
        (trial, step, last[trial] + (end - step) / 100)
        for trial, end in ends.items()
        for step in range(100, end + 1, 100)
    ]
    lines = [f"{trial},0,{step},{fid},{trial}" for trial, step, fid in rows]
    study = made(tmp_path, HEAD, *lines)
    assert [trial.state for trial in study.history.trials] == [TrialState.COMPLETE] * 3
    outcomes = {trial.number: study.outcome(trial) for trial in study.history.trials}
    assert {n: found.objective for n, found in outcomes.items()} == last
    assert {n: found.progress for n, found in outcomes.items()} == ends
    assert study_facts.summary(study, outcomes).best.number == 1
    assert any("2 of 3 trials end before 400" in note for note in study.history.notes)
    told = made(
        tmp_path, HEAD + ",state", *(f"{line},{'pruned' * (line[0] == '1')}" for line in lines)
    )
    assert [trial.state.value for trial in told.history.trials] == [
        "complete",
        "pruned",
        "complete",
    ]
    outcomes = {trial.number: told.outcome(trial) for trial in told.history.trials}
    assert study_facts.summary(told, outcomes).best.number == 2
    assert any("1 of 3 trials end before 400" in note for note in told.history.notes)


def test_a_short_history_is_judged_by_the_end_of_its_own_length(tmp_path: Path) -> None:
    """Four narrow evaluations after eight whole ones are the last third of twelve, not of sixty."""
    head = "trial,generator_steps,fid" + "".join(f",mode_{m}" for m in range(8))
    short = [BALANCED] * 8 + [NARROW] * 4
    lines = [
        f"{trial},{step},9,{','.join(map(str, held))}"
        for trial, all_held in enumerate((short, [BALANCED] * 60))
        for step, held in enumerate(all_held, 1)
    ]
    found = history(tmp_path, head, *lines, floor={"effective_modes": 8.0})
    assert cells(found, "verdict")[-1] == "collapsed"


def test_steps_that_hardly_differ_are_one_moment(tmp_path: Path) -> None:
    rows = ["0,0,9.9,9,1", "0,0,20.1,9,1", "1,0,10.1,9,2", "1,0,19.9,9,2"]
    assert history(tmp_path, "trial,seed,seconds,fid,lr_d", *rows).times == [10.1, 20.1]
    close = ["0,0,9.9,9,1", "0,0,10.1,9,1", "0,0,20,9,1", "1,0,10,8,2"]
    found = history(tmp_path, "trial,seed,seconds,fid,lr_d", *close)
    assert cells(found, "evaluation") == [1, 2, 3], "never two rows of one seed"


def test_the_axis_can_be_chosen(tmp_path: Path) -> None:
    rows = ["0,10,100,9", "1,10,300,9"]
    head = "trial,generator_steps,images,fid"
    assert history(tmp_path, head, *rows).axis == "generator_steps"
    found = history(tmp_path, head, *rows, axis="images")
    assert found.axis == "images" and found.times == [100, 300]


# --- seeds that end


def test_a_seed_whose_scores_end_not_finite_has_diverged_until_its_trial_ends(
    tmp_path: Path,
) -> None:
    rows = ["0,0,100,9,1", "0,0,200,8,1", "0,0,300,7,1", "0,1,100,9,1", "0,1,200,inf,1"]
    (trial,) = history(tmp_path, HEAD, *rows).trials
    one = [row.to_json() for row in trial.rows if row.seed == 1]
    assert [(row["finite"], row["verdict"], row["fid"]) for row in one] == [
        (True, "unknown", 9),
        (False, "diverged", None),
        (False, "diverged", None),
    ]
    assert trial.notes == [] and one[-1]["generator_steps"] == 300


def test_a_score_that_was_not_made_at_some_evaluations_is_no_divergence(tmp_path: Path) -> None:
    rows = ["0,0,100,nan,1", "0,0,200,8,1", "0,0,300,nan,1", "0,0,400,7,1"]
    assert cells(history(tmp_path, HEAD, *rows), "finite") == [True] * 4
    head = "trial,generator_steps,fid,kid"
    assert cells(history(tmp_path, head, "0,1,5,", "0,2,5,NA"), "finite") == [True, True], (
        "kid was never measured"
    )


@pytest.mark.parametrize("given", ["nan", "NaN", "inf", "-inf"])
@pytest.mark.parametrize("elsewhere", ["nan", "", "250.0"])
def test_a_score_that_was_given_and_is_not_finite_is_divergence(
    tmp_path: Path, given: str, elsewhere: str
) -> None:
    """Whatever the rest of the column holds: as long as no later score of the seed is finite."""
    rows = [f"0,0,100,{elsewhere},1", f"0,0,200,{given},1", "0,0,300,,1"]
    found = history(tmp_path, HEAD, *rows, f"1,0,100,{given},2", f"1,0,200,{given},2")
    assert cells(found, "verdict")[1:] == ["diverged", "diverged"]
    assert cells(found, "finite")[0] is (elsewhere != "nan")
    assert cells(found, "verdict", 1) == ["diverged", "diverged"]
    assert cells(found, "fid", 1) == [None, None]
    assert any("no finite number" in note for note in found.notes) is (elsewhere != "250.0")


def test_empty_cells_were_not_measured_and_say_nothing(tmp_path: Path) -> None:
    found = history(tmp_path, "trial,images,fid,recall", "0,1,,0.5", "0,2,,0.5", "1,1,NA,0.5")
    assert cells(found, "verdict") == ["unknown"] * 2 and cells(found, "finite", 1) == [True]


def test_a_number_of_samples_that_is_not_finite_is_divergence(tmp_path: Path) -> None:
    head = "trial,generator_steps,mode_0,mode_1"
    found = history(tmp_path, head, "0,1,5,5", "0,2,nan,nan", "0,3,,", "1,1,5,5", "1,2,,")
    assert cells(found, "verdict") == ["unknown", "diverged", "diverged"]
    assert cells(found, "finite", 1) == [True, True]
    alone = history(tmp_path, head, "0,1,inf,inf", "0,2,inf,inf")
    assert cells(alone, "verdict") == ["diverged"] * 2


def test_a_seed_that_ends_early_without_a_reason_has_no_score_at_the_end(tmp_path: Path) -> None:
    rows = ["0,0,100,9,1", "0,0,200,8,1", "0,1,100,2,1"]
    (trial,) = history(tmp_path, HEAD, *rows).trials
    last = [row.to_json() for row in trial.rows if row.evaluation == 2]
    assert [(row["seed"], row["fid"], row["finite"], row["verdict"]) for row in last] == [
        (0, 8, True, "unknown"),
        (1, None, True, "unknown"),
    ]
    assert "seed 1 ends at 100 of 200 generator_steps" in trial.notes[0]


def test_columns_may_say_what_became_of_seeds_and_trials(tmp_path: Path) -> None:
    head = "trial,seed,generator_steps,fid,finite,verdict,state,error"
    rows = [
        "0,0,1,9,true,Mode Collapse,complete,",
        "0,1,1,8,no,,complete,",
        "1,0,1,7,,cycling,failed,out of memory",
    ]
    found = history(tmp_path, head, *rows, verdicts={"mode collapse": "collapsed"})
    assert cells(found, "verdict") == ["collapsed", "diverged"] and cells(found, "fid") == [9, None]
    assert found.trials[1].state is TrialState.FAILED and found.trials[1].error == "out of memory"
    assert cells(found, "verdict", 1) == ["cycling"]


# --- verdicts


def of_modes(
    tmp_path: Path, *histograms: list[int], more: str = "", numbers: str = "", **mapping: Any
) -> History:
    head = "trial,generator_steps,fid" + more + "".join(f",mode_{m}" for m in range(8))
    rows = [f"0,{i + 1},9{numbers},{','.join(map(str, held))}" for i, held in enumerate(histograms)]
    return history(tmp_path, head, *rows, **mapping)


FLOOR = {"effective_modes": 8.0, "density": 1.0, "coverage": 0.9, "high_quality": 0.99}


def test_a_seed_of_few_modes_has_collapsed_whatever_else_was_measured(tmp_path: Path) -> None:
    found = of_modes(tmp_path, *[NARROW] * 9, floor={"effective_modes": 8.0})
    assert cells(found, "verdict")[-1] == "collapsed"
    assert cells(found, "effective_modes")[-1] == pytest.approx(
        np.exp(-(0.99 * np.log(0.99) + 0.01 * np.log(0.01)))
    )
    assert cells(found, "movement")[1:] == [0.0] * 8 and "effective_modes" in found.derived


def test_a_seed_that_hops_is_cycling(tmp_path: Path) -> None:
    hops = [NARROW[-m:] + NARROW[:-m] if m else NARROW for m in (0, 3, 6, 0, 3, 6, 0, 3, 6)]
    found = of_modes(tmp_path, *hops, floor={"effective_modes": 8.0})
    assert cells(found, "verdict")[-1] == "cycling" and cells(found, "dominant_switches")[-1] == 8


def test_all_modes_alone_do_not_tell_that_a_seed_has_converged(tmp_path: Path) -> None:
    assert cells(of_modes(tmp_path, *[BALANCED] * 9, floor=FLOOR), "verdict")[-1] == "unknown"
    full = of_modes(
        tmp_path,
        *[BALANCED] * 9,
        more=",density,coverage,high_quality",
        numbers=",1,0.9,0.9",
        floor=FLOOR,
    )
    assert cells(full, "verdict")[-1] == "converged"


def test_without_a_floor_there_is_no_verdict_by_modes(tmp_path: Path) -> None:
    found = of_modes(tmp_path, *[NARROW] * 9)
    assert set(cells(found, "verdict")) == {"unknown"}
    assert any("[floor] effective_modes = 8.0" in note for note in found.notes)


def test_where_all_is_measured_the_verdict_is_that_of_the_rules() -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(300):
        rows = []
        for _ in range(6):
            histogram = rng.multinomial(500, rng.dirichlet(np.full(4, rng.choice([0.05, 0.5, 50]))))
            shares = histogram[histogram > 0] / 500
            is_finite = rng.random() > 0.02
            measures = {
                "effective_modes": float(np.exp(-(shares * np.log(shares)).sum())),
                "density": 1.0,
                "coverage": float(rng.choice([0.1, 0.8, 0.9])),
                "high_quality": 0.9,
            }
            rows.append(EvaluationRow(0, len(rows) + 1, is_finite, measures, histogram.tolist()))
        floor = FLOOR | {"effective_modes": 4.0}
        expected = verdict(rows, 6, floor)
        assert verdict_where_certain(rows, 6, floor) is expected
        seen.add(expected)
        # With coverage hidden, the verdict is the same or unknown.
        unknown = {"coverage": None, "high_quality": None}
        hidden = [replace(row, measures={**row.measures, **unknown}) for row in rows]
        assert verdict_where_certain(hidden, 6, floor) in (expected, "unknown")
    assert len(seen) == 5


# --- what is refused


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ("trial,seed,generator_steps,fid", "0,0,100,bad"),
            "h.csv, line 2, column 'fid': must be a number, got 'bad'",
        ),
        (
            ("trial,generator_steps,fid", "", "0,100,1", "0,1e,1"),
            "line 4, column 'generator_steps': must be a number",
        ),
        (
            ("trial,generator_steps,fid", "0,,1"),
            "line 2, column 'generator_steps': generator_steps is missing",
        ),
        (("trial,generator_steps,fid", "0,-1,1"), "generator_steps must be a number >= 0, got -1"),
        (
            ("trial,seed,images,fid", "0,1.5,1,1"),
            "line 2, column 'seed': a seed must be a whole number in 0..4294967295",
        ),
        (
            ("trial,seed,images,fid", "0,,1,1"),
            "line 2, column 'seed': a seed must be a whole number",
        ),
        (("trial,images,fid", ",1,1"), "line 2, column 'trial': the trial is missing"),
        (
            ("trial,seed,images,fid", "0,0,1,1", "0,0,2,1", "0,0,1,3"),
            "h.csv, line 4: trial 0, seed 0, step 1 stands there already (line 2)",
        ),
        (
            ("trial,images,fid", "a,1,1", "a,1,1"),
            "trial 'a', seed 0, step 1 stands there already (line 2); if these are",
        ),
        (("images,fid", "1,2"), "nothing tells the trials apart"),
        (
            ("trial,images,speed", "0,1,2"),
            "h.csv has no measure at all; its columns: trial, images, speed",
        ),
        (("trial,fid", "0,1"), "no column says how far the training was; known: generator_steps"),
        (("trial,images,fid",), "h.csv has no rows"),
        (("",), "h.csv is empty"),
        (
            ("trial,images,fid,fid", "0,1,1,1"),
            "column names must differ, but 'fid' is there more than once",
        ),
        (("trial,images,fid,FID", "0,1,1,1"), "the columns 'fid' and 'FID' both mean fid"),
        (("trial,images,,fid", "0,1,x,1"), "column 3 has no name"),
        (("trial,images,fid", "0,1"), "h.csv, line 2: 2 cells, and the header has 3 columns"),
        (("trial,images,fid", '0,1,"1'), "h.csv, line 2: not valid CSV"),
        (
            ("trial,images,fid,lr_d", "0,1,1,2", "0,2,1,3"),
            "line 3, column 'lr_d': lr_d must be the same in all rows of a",
        ),
        (
            ("trial,images,fid,acc", "0,1,1,2", "0,2,1,3"),
            "column 'acc': this name is not known, and it is no parameter",
        ),
        (
            ("trial,images,fid,error_count,objective", "0,1,1,2,3"),
            "a parameter cannot be called 'objective', which is a",
        ),
        (
            ("trial,images,fid,a;b", "0,1,1,2"),
            "a parameter cannot be called 'a;b', which is no name that MLflow takes",
        ),
        (("trial,images,fid,k", "0,1,1,-2"), "line 2, column 'k': k: "),
        (
            ("trial,images,fid,state", "0,1,1,great"),
            "line 2, column 'state': unknown state 'great'; known: complete, pruned",
        ),
        (
            ("trial,images,fid,verdict", "0,1,1,great"),
            "line 2, column 'verdict': unknown verdict 'great'; known: converged",
        ),
        (
            ("trial,images,fid,finite", "0,1,1,maybe"),
            "line 2, column 'finite': finite must be true or false, got 'maybe'",
        ),
        (
            ("trial,images,mode_0,mode_1", "0,1,5,2.5"),
            "line 2, column 'mode_1': the samples of a mode must be a whole",
        ),
        (("trial,images,mode_0,mode_1", "0,1,5,"), "a row must have all modes or none, got ''"),
        (("trial,images,mode_0", "0,1,5"), "modes need two columns or more"),
    ],
)
def test_bad_files_are_told_with_line_and_column(
    tmp_path: Path, lines: tuple[str, ...], message: str
) -> None:
    told = refused(tmp_path, *lines)
    assert message in told, told


IN_UNIT_INTERVAL = [
    *("precision", "recall", "coverage", "high_quality", "ndb", "duplicates"),
    *("movement", "d_real", "d_fake", "d_auc"),
]
"""Written out, so that the catalogue's units are held to it."""
CORRELATIONS = ["mismatch", "path_attraction", "path_rotation"]


@pytest.mark.parametrize("name", IN_UNIT_INTERVAL)
def test_a_share_lies_between_0_and_1(tmp_path: Path, name: str) -> None:
    head = f"trial,images,fid,{name}"
    assert cells(history(tmp_path, head, "0,1,9,0", "0,2,9,1", "0,3,9,", "0,4,9,inf"), name)[
        :2
    ] == [0, 1]
    told = refused(tmp_path, head, "0,1,9,0.5", "0,2,9,65", "0,3,9,100")
    assert f"h.csv, line 3, column '{name}': {name} (" in told
    assert "must lie in [0, 1], got 65; if these are percent, divide them by 100" in told
    for value in ("-0.1", "100.5"):
        told = refused(tmp_path, head, "0,1,9,0.5", f"0,2,9,{value}")
        assert f"must lie in [0, 1], got {value}" in told and "percent" not in told


@pytest.mark.parametrize("name", CORRELATIONS)
def test_a_correlation_lies_between_minus_1_and_1(tmp_path: Path, name: str) -> None:
    head = f"trial,images,fid,{name}"
    assert cells(history(tmp_path, head, "0,1,9,-1", "0,2,9,1"), name) == [-1, 1]
    assert "line 2, column" in refused(tmp_path, head, "0,1,9,-1.5", "0,2,9,1")


def test_what_is_no_share_may_be_any_number(tmp_path: Path) -> None:
    others = sorted(set(MEASURES) - {*IN_UNIT_INTERVAL, *CORRELATIONS})
    found = history(tmp_path, ",".join(["trial", "images", *others]), "0,1" + ",60" * len(others))
    assert [cells(found, name) for name in others] == [[60]] * len(others)


def test_all_shares_in_percent_are_told_at_once(tmp_path: Path) -> None:
    told = refused(tmp_path, "trial,images,fid,Recall,coverage", "0,1,9,45,60")
    assert told.endswith("by 100. The same of: coverage") and "column 'Recall'" in told
    with pytest.raises(UserError, match=r"floor: coverage \(share of real\) must lie in \[0, 1\]"):
        path = tmp_path / "map.toml"
        path.write_text("floor = { coverage = 94 }")
        read_mapping(path, (), {})


def test_unknown_columns_are_listed_with_the_known_names(tmp_path: Path) -> None:
    told = refused(tmp_path, "trial,images,fid,acc,loss_x", "0,1,1,2,1", "0,2,1,3,2")
    assert (
        "'acc', 'loss_x'" in told
        and "--ignore" in told
        and "inception_score" in told
        and "generator_steps" in told
    )
    found = history(
        tmp_path, "trial,images,fid,acc,loss_x", "0,1,1,2,1", "0,2,1,3,2", ignore=["acc", "loss_x"]
    )
    assert found.trials[0].params == {}


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "h.csv"
    with pytest.raises(UserError, match="no such file"):
        read_table(path)
    path.write_bytes(b"trial,images,fid\n0,1,1\n0,2,\xe9\n")
    with pytest.raises(UserError, match=r"h.csv, line 3: not UTF-8 \(byte 0xE9\)"):
        read_table(path)
    path.write_bytes("trial,images,fid\n0,1,1\n".encode("utf-16"))
    with pytest.raises(UserError, match="line 1: not UTF-8"):
        read_table(path)
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(UserError, match="not valid Parquet"):
        read_table(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_table(tmp_path)


def test_lines_are_counted_as_in_the_file(tmp_path: Path) -> None:
    """Quoted line breaks, empty lines and a byte order mark."""
    path = tmp_path / "h.csv"
    path.write_text(
        '\ufefftrial,images,fid,note\n0,1,1,"two\nlines"\n\n0,2,x,"two\nlines"\n', encoding="utf-8"
    )
    with pytest.raises(UserError, match="line 5, column 'fid'"):
        read_history(read_table(path), Mapping())


@pytest.mark.parametrize(
    ("text", "pairs", "message"),
    [
        ("colums = {}", (), "unknown key 'colums' (did you mean columns?); known: columns, ignore"),
        ("[columns", (), "not valid TOML"),
        ("", ("ab",), "--map must look like THEIRS=OURS, got 'ab'"),
        ("axis = 'epochs'", (), "axis: unknown axis 'epochs'; known: generator_steps"),
        ("objective = 'loss_d'", (), "unknown measure that decides 'loss_d'; known: fid"),
        ("floor = { fid = nan }", (), "fid must be a finite number"),
        ("floor = { fit = 1 }", (), "unknown measure 'fit'"),
        (
            "provenance = { extractor = 'x', who = 1 }",
            (),
            "unknown key 'provenance.who'; known: extractor",
        ),
        ("verdicts = { dead = 'gone' }", (), "unknown verdict 'gone'"),
        ("columns = 3", (), "columns"),
    ],
)
def test_bad_mappings(tmp_path: Path, text: str, pairs: tuple[str, ...], message: str) -> None:
    path = tmp_path / "map.toml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_mapping(path, pairs, {})
    assert message in str(error.value), str(error.value)


def test_a_mapping_names_columns_that_are_there(tmp_path: Path) -> None:
    assert "has no column 'step', which the mapping names; it has: trial" in refused(
        tmp_path, HEAD, "0,0,1,1,1", columns={"step": "images"}
    )


# --- the study that becomes of it


def made(tmp_path: Path, *lines: str, **mapping: Any):
    path = tmp_path / "h.csv"
    path.write_text("\n".join(lines) + "\n")
    return read_import(path, "elsewhere", Mapping(**mapping), Tracking())


def test_what_varies_is_the_space_and_fid_decides(tmp_path: Path) -> None:
    rows = [f"{n},0,100,{9 - n},0.1,{1e-4 * 2**n},x" for n in range(4)] + ["4,0,100,nan,0.1,0.5,x"]
    study = made(tmp_path, "trial,seed,generator_steps,fid,recall,lr_g,data", *rows)
    spec = spec_of(study)
    assert spec["search"]["space"] == {"lr_g": [1e-4, 2e-4, 4e-4, 8e-4, 0.5]} and spec["fixed"] == {
        "data": "x"
    }
    assert spec["objective"]["minimize"] == "fid" and spec["objective"]["require"] == {
        "diverged": 0
    }
    assert spec["train"]["budget"] == {"unit": "generator_steps", "amount": 100}
    other = made(tmp_path, "trial,images,recall", "0,1,0.5")
    assert spec_of(other)["objective"]["maximize"] == "recall"
    with pytest.raises(UserError, match="no measure that could decide"):
        made(tmp_path, "trial,images,loss_g", "0,1,0.5")
    with pytest.raises(UserError, match=r"h\.csv has no kid; it has: recall"):
        made(tmp_path, "trial,images,recall", "0,1,0.5", objective="kid")


def test_equal_configurations_have_equal_digests_however_they_are_spelt(tmp_path: Path) -> None:
    """Of two files as of two trials of one: the digest is what tells configurations apart."""

    class Kept:
        def __init__(self) -> None:
            self.digests: list[str] = []

        def put_history(self, number: int, start: TrialStart, evaluations: Any) -> None:
            self.digests.append(start.digest)

        def put_end(self, *ending: Any) -> None:
            pass

    kept: Any = Kept()
    for spellings in (["1e-4", "0.00010", "1e-3"], ["0.0001", "1.0e-4", "0.001"]):
        rows = [f"{n},0,1,1,{text}" for n, text in enumerate(spellings)]
        study = made(tmp_path, HEAD, *rows)
        for trial in study.history.trials:
            publish._put(study, trial, study.outcome(trial), kept)
    first, second, other = kept.digests[:3]
    assert first == second != other and kept.digests[3:] == kept.digests[:3]


def test_the_digest_follows_the_file_and_how_it_is_read(tmp_path: Path) -> None:
    first = made(tmp_path, HEAD, "0,0,1,1,1")
    assert made(tmp_path, HEAD, "0,0,1,1,1").digest == first.digest
    assert made(tmp_path, HEAD, "0,0,1,1,1", question="?").digest != first.digest
    assert made(tmp_path, HEAD, "0,0,1,2,1").digest != first.digest
    assert json.loads(json.dumps(spec_of(first))) == spec_of(first)
