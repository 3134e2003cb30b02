"""What a study promised beside what came out: the same statistics, on the spread of either."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ganstudy.analysis.report.blocks import Results
from ganstudy.analysis.report.sections import planned_and_found as section
from ganstudy.analysis.stats.crossed.design import Design
from ganstudy.analysis.stats.crossed.effect import MIN_POINTS, Variances
from ganstudy.analysis.stats.crossed.matched_effect import matched_effect
from ganstudy.analysis.stats.crossed.power import made_studies
from ganstudy.analysis.stats.multiplicity import bonferroni_level
from ganstudy.analysis.tables.effects.planned_and_found import as_frame, planned_and_found
from ganstudy.trials.results.outlook import Outlook, PlannedEffect

POINTS, SEEDS, TOGETHER = 5, 4, 2
PLANNED = Variances(pairs=0.05**2, seeds=0.05**2, rest=0.1**2)


def promised(smallest: float | None = 0.2, seconds: tuple[float, float] | None = (540.0, 660.0)):
    effects = tuple(
        PlannedEffect(setting, smallest, "points", POINTS, SEEDS, TOGETHER, 0.05, 0.05, 0.1)
        for setting in ("k", "remedies")
    )
    return Outlook(0.8, "ratio", "assumed, as of before", effects, 4 * POINTS, seconds)


@pytest.fixture
def study(made_study):
    """k x one remedy at five points on four seeds, the remedy unlike at every point."""
    rng = np.random.default_rng(4)
    cells = list(itertools.product(range(POINTS), (1.0, 5.0), ("none", "a")))
    at_point, at_seed = rng.normal(0, 0.5, POINTS), rng.normal(0, 0.2, SEEDS)
    logs = [
        3 + (r == "a") * (at_point[p] + at_seed) + 0.1 * rng.normal(size=SEEDS) for p, _, r in cells
    ]
    settings = {"k": [k for _, k, _ in cells], "lr_d": [p for p, *_ in cells]}
    space = {"k": [1, 5], "lr_d": {"low": 0, "high": 5}, "remedies": [[], ["a"]]}
    remedies = [r for *_, r in cells]
    made = made_study(np.exp(logs), settings | {"remedies": remedies}, space=space)
    made.trials["stage"] = "design"
    made.trials["point"] = pd.array([p for p, *_ in cells], dtype="Int64")
    made.spec["design"] = {"points": POINTS, "at": 1}
    made.spec["search"]["trials"] = 0
    return replace(made, outlook=promised(), seconds_taken=700.0)


def test_what_is_found_is_the_power_of_this_very_analysis(study) -> None:
    """Of whole made-up tables of differences with the spread that was found, 80% find the effect."""
    results = Results(study)
    (of_k, of_remedies) = planned_and_found(study, results.contrasts)
    (contrast,) = results.contrasts.remedies
    assert contrast.matched is not None and contrast.matched.variances is not None
    variances, found = contrast.matched.variances, of_remedies.found
    assert (found.n, found.seeds, found.comparisons) == (POINTS, SEEDS, TOGETHER)
    assert found.sd_pairs == pytest.approx(math.sqrt(variances.pairs))
    half = (math.log(contrast.effect.high) - math.log(contrast.effect.low)) / 2
    assert found.half_width == pytest.approx(half)
    rng, hits, repeats = np.random.default_rng(7), 0, 1500
    parts = (found.sd_pairs, found.sd_seeds, found.sd_rest)
    for _ in range(repeats):
        pairs, seeds, rest = (
            sd * rng.normal(size=shape)
            for sd, shape in zip(parts, ((POINTS, 1), (1, SEEDS), (POINTS, SEEDS)), strict=True)
        )
        table = -found.smallest + pairs + seeds + rest
        level = bonferroni_level(TOGETHER)
        made = matched_effect(table, np.zeros_like(table), level, np.arange(POINTS))
        hits += made.comparison.effect.high < 0
    # Three and a half standard errors of a share.
    assert hits / repeats == pytest.approx(0.8, abs=0.036)
    assert of_k.found.smallest < of_remedies.found.smallest


def test_what_it_would_have_taken_is_the_fewest(study) -> None:
    study = replace(study, outlook=promised(smallest=0.9))
    (of_k, row) = planned_and_found(study, Results(study).contrasts)
    assert row.is_coarser and not of_k.is_coarser and math.isnan(of_k.needed_n)
    found = row.found
    variances = Variances(found.sd_pairs**2, found.sd_seeds**2, found.sd_rest**2)

    def smallest(n: float, seeds: float) -> float:
        design = Design(int(n), int(seeds))
        made = made_studies(variances, design, bonferroni_level(TOGETHER), MIN_POINTS)
        assert made is not None
        return made.smallest(0.8)

    assert found.smallest == smallest(POINTS, SEEDS) > 0.9
    assert smallest(row.needed_n, SEEDS) <= 0.9 < smallest(row.needed_n - 1, SEEDS)
    # What points differ no seeds take away.
    assert math.isinf(row.needed_seeds)
    (claim, time) = map(str, section.conclusions(Results(study)))
    assert f"taken {row.needed_n:.0f} points on {SEEDS} seeds for remedies." in claim
    assert time.startswith("The study took 12 min, where 9 min to 11 min were expected.")


def test_planned_and_found_stand_side_by_side(study) -> None:
    rows = planned_and_found(study, Results(study).contrasts)
    table = as_frame(rows, is_ratio=True).set_index(["setting", "quantity"])
    smallest = table.loc[("remedies", "smallest effect found with the stated power")]
    assert smallest["planned"] == pytest.approx(math.exp(-0.2))
    assert smallest["found"] == pytest.approx(math.exp(-rows[1].found.smallest))
    assert tuple(table.loc[("k", "points")]) == (POINTS, POINTS)
    spread = table.loc[("remedies", "spread between points")]
    assert spread["planned"] == 0.05 and spread["found"] > 0.3
    (block,) = section.blocks(Results(study))
    assert len(block.frame) == len(table)


def test_nothing_is_said_before_the_end_or_of_a_study_that_kept_no_promise(study) -> None:
    trials = study.trials.assign(state=["running", *study.trials["state"][1:]])
    for other in (replace(study, outlook=None), replace(study, trials=trials)):
        results = Results(other)
        assert section.conclusions(results) == [] and section.blocks(results) == []


def test_a_study_that_could_tell_nothing_says_so(study) -> None:
    outlook = replace(promised(smallest=None, seconds=None), trials=7)
    study = replace(study, outlook=outlook)
    (claim, time) = map(str, section.conclusions(Results(study)))
    assert "for remedies a factor of" in claim and "where none was planned" in claim
    assert time == "The study took 12 min; no earlier study had shown what to expect."


def test_continued_studies_say_how_many_trials_were_meant(study) -> None:
    study = replace(study, outlook=replace(promised(), trials=7))
    assert str(section.conclusions(Results(study))[1]).endswith(
        f"It has {4 * POINTS} trials, and was expected to have 7."
    )


def test_an_outlook_survives_its_text() -> None:
    for outlook in (promised(), promised(None, None)):
        assert Outlook.from_text(outlook.as_text()) == outlook
