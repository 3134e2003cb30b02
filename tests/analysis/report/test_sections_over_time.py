"""The report's sections over time: what they say and draw on courses whose truth is known, and on studies that lack
almost everything."""

from __future__ import annotations

import json
import math
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ganstudy.analysis.figures import budget as figures_budget
from ganstudy.analysis.figures import panels
from ganstudy.analysis.report import over_time
from ganstudy.analysis.report.blocks import Figure, Results, Table, flatten
from ganstudy.analysis.report.sections import budget, convergence, cycling, game, pareto
from ganstudy.analysis.report.sections import failures as failures_section
from ganstudy.analysis.tables.trajectories import failures

E = 10
SECTIONS = (convergence, failures_section, game, cycling, budget, pareto)


def falling(final, start=100.0):
    """[C, S, E] courses that fall evenly from `start` to `final` [C, S]."""
    final = np.asarray(final, dtype=float)[:, :, None]
    return start + (final - start) * np.arange(1, E + 1) / E


@pytest.fixture
def planted(study_over_time):
    """24 configurations of 3 seeds: k = 1 falls to about 10 and holds, k = 5 to about 60 and collapses half way."""
    rng = np.random.default_rng(3)
    k = np.array([1] * 12 + [5] * 12)
    final = np.where(k == 1, 10.0, 60.0)[:, None] + rng.normal(size=(24, 3))
    verdicts = np.full((24, 3, E), "unsettled", dtype=object)
    verdicts[12:, :, 5:] = "collapsed"
    more = {
        "recall": np.repeat(rng.uniform(0.2, 0.9, (24, 1, 1)), 3, axis=1),
        "d_auc": np.broadcast_to(final[:, :, None] / 100, (24, 3, E)),
        "loss_g": rng.normal(size=(24, 3, E)),
        "mismatch": np.full((24, 3, E), 0.5),
        "movement": 0.1,
        "returns": 0.0,
        "dominant_switches": 1.0,
    }
    study = study_over_time(falling(final), verdicts, more=more, k=k)
    study.trials["feasible"] = study.trials["collapsed"] == 0
    return study


def words(part, results):
    return "\n".join(map(str, part.conclusions(results)))


def drawn(part, results):
    results.study._client = SimpleNamespace(
        list_artifacts=lambda *asked: []
    )  # there are no pictures
    return {
        block.name: block for block in flatten(part.blocks(results)) if isinstance(block, Figure)
    }


def traced(figure, **wanted):
    return [
        trace
        for trace in figure.data
        if all(getattr(trace, key) == value for key, value in wanted.items())
    ]


# What is said


def test_a_planted_difference_in_holding_is_told_with_p_and_n(planted):
    text = words(failures_section, Results(planted))
    assert "50% [" in text and "24 configurations, 72 seeds, of which 36 failed for good" in text
    # All at one evaluation: how soon is not in the data.
    assert re.search(r"Values of k \(p < 0\.001\) differ in how many seeds fail\.", text)
    verdicts = np.full((24, 3, E), "unsettled", dtype=object)
    for c in range(12):
        verdicts[12 + c, :, 4 + c % 3 :] = "collapsed"
    planted.evaluations["verdict"] = verdicts.ravel()
    text = words(failures_section, Results(planted))
    assert re.search(r"Values of k \(p < 0\.001\) differ in how soon seeds fail\.", text)
    assert "24 configurations, 36 seeds failed" in text and "pruned" not in text


def test_pruned_trials_are_told_with_both_ends(study_over_time):
    scores, reached = falling(np.full((8, 2), 10.0)), [E] * 4 + [3] * 4
    text = words(failures_section, Results(study_over_time(scores, reached=reached, k=[1, 5] * 4)))
    assert "8 seeds belong to pruned trials" in text
    assert "50% of all seeds if all of these had failed, and 100% if none had." in text


def test_settings_without_effect_cannot_be_told(study_over_time):
    rng = np.random.default_rng(1)
    k = np.tile([1, 5], 12)
    verdicts = np.full((24, 2, E), "unsettled", dtype=object)
    for c in np.flatnonzero(rng.random(24) < 0.4):
        verdicts[c, :, 4 + c % 3 :] = "collapsed"
    study = study_over_time(falling(30 + 5 * rng.normal(size=(24, 2))), verdicts, k=k)
    for part, what in (
        (failures_section, "soon seeds fail"),
        (convergence, "many seeds reach FID"),
    ):
        text = words(part, Results(study))
        assert f"Whether values of k differ in how {what}" in text and "is inconclusive" in text
        assert "Values of k (" not in text


def test_time_to_a_score_and_what_is_still_moving(planted):
    text = words(convergence, Results(planted))
    assert re.search(
        r"Values of k \(p < 0\.001\) differ in how many seeds reach FID 1\d\.\d\.", text
    )
    assert (
        "FID was still falling over the last third of the budget" in text
        and "24 configurations" in text
    )


def test_measures_of_the_game_that_go_with_the_score_are_named_with_intervals(planted):
    text = words(game, Results(planted))
    auc = r"Discriminator AUC \(high is worse: \+[\d.]+ \["
    assert re.search(f"1 of 2 measures of the game correlate with FID: {auc}", text)
    assert "n = 24" in text and "Generator loss (" not in text
    assert (
        "The generator's loss falls and rises with FID" in text
        and "+0.5 [+0.5, +0.5] (24 configurations" in text
    )


def test_a_loss_that_misleads_is_told(planted):
    planted.evaluations["mismatch"] = -0.5
    text = words(game, Results(planted))
    assert "The generator's loss misleads, it falls while FID rises" in text
    assert re.search(r"it is below 0 in 100% \[.*\] of 72 seeds", text)


def test_half_a_random_search_and_the_order_of_one_that_learns(study_over_time):
    final = np.arange(24.0)[::-1, None] + 10
    text = words(budget, Results(study_over_time(falling(final), sampler="random", k=[1, 5] * 12)))
    assert "found its best, FID 10, after 24 of 24 trials." in text
    assert re.search(r"the best of 1[0-2] trials drawn from them has FID 1[01] ", text)
    learns = words(
        budget, Results(study_over_time(falling(final[::-1]), sampler="tpe", k=[1, 5] * 12))
    )
    assert (
        "after 1 of 24 trials; what more trials would bring is inconclusive" in learns
        and "single draw" in learns
    )


def test_a_front_is_told_with_its_members(planted):
    results = Results(planted)
    text = words(pareto, results)
    front = results.cached(pareto.pareto.pareto_front, results.study).query("on_front")
    assert (
        f"{len(front)} of 12 complete configurations" in text
        and "FID, recall and seconds together" in text
    )
    assert all(f"trial {number} (" in text for number in front["number"].head(pareto.NAMED))


def test_cycling_is_told_with_its_share(study_over_time):
    verdicts = np.full((12, 2, E), "unsettled", dtype=object)
    verdicts[:3, :, 6:] = "cycling"
    text = words(
        cycling, Results(study_over_time(falling(np.full((12, 2), 10.0)), verdicts, k=[1, 5] * 6))
    )
    assert (
        "25% [" in text
        and "24 seeds of 12 configurations" in text
        and "Modes were not counted" in text
    )


# What is drawn


def test_panels_draw_each_value_with_its_own_line_and_bands(planted):
    figure = drawn(failures_section, Results(planted))["survival_k"].figure
    titles = [note.text for note in figure.layout.annotations]
    assert titles == ["k = 1<br>n = 12", "k = 5<br>n = 12"]
    first, second = traced(figure, mode="lines+markers")
    assert (np.asarray(first.y) == 1).all() and second.y[-1] == 0 and first.line.shape == "hv"
    assert len(traced(figure, fill="tonexty")) == 2


def test_a_line_that_diverges_breaks_and_its_band_leaves_the_panel():
    table = pd.DataFrame({"k": [1, 1, 5, 5], "progress": [1.0, 2.0] * 2, "configurations": 6})
    table = table.assign(
        median=[10.0, math.inf, 20.0, 15.0], low=5.0, high=[20.0, math.inf, 30.0, 25.0]
    )
    curves = panels.Curves(table, "k", "median", ("x", "y"), (panels.Band("low", "high", 0.2),))
    figure = panels.panels(curves)
    line = traced(figure, mode="lines+markers")[0]
    assert np.isnan(line.y[1]) and line.y[0] == 10
    ends = [trace.y[1] for trace in figure.data if trace.line.width == 0 and trace.fill is None]
    assert math.isfinite(ends[0]) and math.log10(ends[0]) > figure.layout.yaxis.range[1]


def test_of_many_values_those_with_most_configurations_are_drawn():
    values = [f"remedy {i}" for i in range(12)]
    table = pd.DataFrame({"remedies": np.repeat(values, 2), "progress": [1.0, 2.0] * 12})
    table = table.assign(configurations=np.repeat(np.arange(12), 2), share=0.5)
    assert panels.largest(table, "remedies") == values[4:]
    curves = panels.Curves(table, "remedies", "share", ("steps", "share"), share=True)
    (made,) = over_time.figure("x", curves, "All.")
    assert (
        len(traced(made.figure, mode="lines+markers")) == 8 and "Of 12 values the 8" in made.caption
    )


def test_numbers_at_risk_are_those_still_watched(study_over_time):
    study = study_over_time(
        falling(np.full((8, 2), 10.0)), reached=[E] * 4 + [3, 3, E, E], k=[1] * 4 + [5] * 4
    )
    table = failures_section.at_risk(failures.survival_curves(study, "k"), "k").set_index("k")
    assert table.columns[[0, -1]].tolist() == ["at 300", "at 1000"] and len(table.columns) == 6
    assert table.loc[1].tolist() == [8] * 6 and table.loc[5].tolist() == [8, 4, 4, 4, 4, 4]


def test_the_menu_of_the_budget_moves_every_trace(study_over_time):
    study = study_over_time(falling(np.arange(24.0)[:, None] + 10), k=[1, 5] * 12)
    figure = drawn(budget, Results(study))["budget"].figure
    (menu,) = figure.layout.updatemenus
    assert [button.label for button in menu.buttons] == [
        "by trials",
        "by seconds",
    ]  # no device was held
    for button in menu.buttons:
        assert [len(x) for x in button.args[0]["x"]] == [len(trace.y) for trace in figure.data]
    assert menu.buttons[0].args[0]["x"][1][-1] == 24
    assert menu.buttons[1].args[0]["x"][1][-1] == pytest.approx(
        study.trials["seconds"].sum(), rel=1e-4
    )
    trace = traced(figure, name="the search's own order")[0]
    assert (np.asarray(trace.y) == 10).all()


def test_a_long_running_best_keeps_every_change():
    best = np.repeat(np.arange(40.0, 0, -1), 100)
    trace = pd.DataFrame({"trials": np.arange(1, 4001), "best": best})
    thin = figures_budget._thinned(trace)
    assert len(thin) <= figures_budget.TRACE_POINTS and thin["trials"].iloc[[0, -1]].tolist() == [
        1,
        4000,
    ]
    assert thin.groupby("best")["trials"].min().sort_index(ascending=False).tolist() == list(
        range(1, 4000, 100)
    )


def test_the_front_is_marked(planted):
    results = Results(planted)
    figure = drawn(pareto, results)["pareto"].figure
    shapes = {t.marker.symbol: len(t.x) for t in figure.data if t.x[0] is not None}
    front = int(results.cached(pareto.pareto.pareto_front, results.study)["on_front"].sum())
    assert shapes == {"circle": 12 - front, "diamond": front}


def test_how_a_seed_moved_is_drawn_under_its_film(planted):
    made = drawn(cycling, Results(planted))
    assert {name.split("_")[0] for name in made} == {"moves"} and len(made) == 3
    collapsed = next(block for block in made.values() if "collapsed" in block.alt)
    (crosses,) = traced(collapsed.figure, name="failure verdict")
    assert list(crosses.x) == [600, 700, 800, 900, 1000]
    assert len(traced(collapsed.figure, name="hidden coverage")) == 0  # it was not measured


# Studies that lack things


def bare(build):
    """As an import of FID alone makes it: a single seed, no counters, verdicts unknown, no space that was searched."""
    study = build(falling(np.linspace(10, 40, 8)[:, None]), sampler="", k=[1, 5] * 4)
    study.evaluations["verdict"] = "unknown"
    for frame in (study.evaluations, study.trials):
        frame[["seconds", "device_seconds"]] = np.nan
    return study


def nothing(build):
    study = build(falling([[10.0]]), k=[1])
    study.trials, study.evaluations = study.trials.head(0), study.evaluations.head(0)
    return study


def failed(build):
    study = build(falling(np.full((4, 2), 10.0)), states=["failed"] * 4, k=[1, 5] * 2)
    study.trials["objective"], study.trials["feasible"] = np.nan, False
    study.evaluations = study.evaluations.head(0)
    return study


LACKING = {
    "imported": bare,
    "nothing": nothing,
    "failed": failed,
    "one trial": lambda build: build(falling([[10.0, 11.0]]), k=[1]),
    "one evaluation": lambda build: build(falling(np.full((6, 2), 10.0))[:, :, :1], k=[1, 5] * 3),
    "all diverged": lambda build: build(np.full((6, 2, E), np.nan), k=[1, 5] * 3),
    "single seeds": lambda build: build(falling(np.linspace(10, 40, 12)[:, None]), k=[1, 5] * 6),
    "all pruned": lambda build: build(
        falling(np.full((6, 2), 10.0)), reached=[3] * 6, k=[1, 5] * 3
    ),
    "recall": lambda build: build(
        1 - falling(np.full((8, 2), 10.0)) / 100, objective={"maximize": "recall"}, k=[1, 5] * 4
    ),
}


@pytest.mark.parametrize("case", LACKING)
def test_studies_that_lack_things_draw_nothing_empty_and_say_nothing_odd(case, study_over_time):
    results = Results(LACKING[case](study_over_time))
    for part in SECTIONS:
        text = words(part, results)
        assert not re.search(r"\bnan\b|\binf\b|None(?! of)|\.0 ", text), text
        for block in drawn(part, results).values():
            values = [
                np.asarray(trace.y, dtype=object)
                for trace in block.figure.data
                if trace.x is not None and len(trace.x)
            ]
            assert any(pd.notna(y).any() for y in values), block.name
            assert block.alt and block.caption and "nan" not in block.alt
            json.loads(block.figure.to_json())
        assert not [said for said in part.conclusions(results) if said.first]
    if case in ("nothing", "failed"):
        assert not any(drawn(part, results) for part in SECTIONS)


def test_what_is_lacking_is_said(study_over_time):
    assert "the sampler is not known" in words(budget, Results(bare(study_over_time)))
    for part in (failures_section, cycling):
        results = Results(bare(study_over_time))
        assert "unknown: the verdict is unknown for 8 of 8 seeds." in words(part, results)
        drawn(part, results)
        assert not [
            block
            for block in part.blocks(results)
            if isinstance(block, Table) and block.name.endswith("_k")
        ]
    assert "so what more trials would bring is unknown" in words(
        budget, Results(failed(study_over_time))
    )
    single = Results(LACKING["single seeds"](study_over_time))
    assert "How sure this is remains unknown with a single seed" in words(pareto, single)
    few = Results(study_over_time(falling(np.full((4, 2), 10.0)), k=[1, 5] * 2))
    assert "Below 6 configurations there is no interval" in words(failures_section, few)
    assert "a test needs 6 configurations and at least one such seed" in words(
        failures_section, few
    )


def test_names_of_tables_and_figures_are_unique_and_figures_stay_small(study_over_time):
    """2,000 configurations of 8 values of k and as many remedies: the size does not grow with the trials."""
    rng = np.random.default_rng(0)
    final = rng.uniform(10, 80, (2000, 1))
    more = {"recall": rng.uniform(0, 1, (2000, 1, 1)), "d_auc": rng.uniform(0, 1, (2000, 1, 1))}
    remedies = rng.choice([f"remedy_{i}" for i in range(10)], 2000)
    study = study_over_time(
        falling(final), more=more, k=rng.choice(np.arange(8) / 2, 2000), remedies=remedies
    )
    results = Results(study)
    assert drawn(pareto, results)
    blocks = [block for part in SECTIONS for block in flatten(part.blocks(results))]
    figures = [block for block in blocks if isinstance(block, Figure)]
    tables = [block.name for block in blocks if isinstance(block, Table)]
    assert len({block.name for block in figures}) == len(figures) >= 8 and len(set(tables)) == len(
        tables
    )
    assert max(len(block.figure.to_json()) for block in figures) < 300_000
