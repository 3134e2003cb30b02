"""The forest plot of k and remedies: which comparisons it shows, in which order, on which scale."""

from __future__ import annotations

import dataclasses
import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ganstudy.analysis.report.blocks import Results
from ganstudy.analysis.report.effects import MOST_EFFECTS, caption, effects, effects_figure
from ganstudy.analysis.stats.estimate import Estimate
from ganstudy.analysis.tables.effects.confirmed_contrasts import Against
from ganstudy.analysis.tables.effects.contrasts import Contrast


@pytest.fixture
def results(study_over_time: Any) -> Results:
    """A grid of k and remedies whose file states a margin."""
    points = list(itertools.product([1.0, 2.0], np.logspace(-4, -3, 4), ["none", "a_b"]))
    k, lr_d, remedies = (np.array(column) for column in zip(*points, strict=True))
    noise = np.random.default_rng(0).normal(size=(16, 3))
    final = np.exp(3 - 0.7 * (remedies == "a_b")[:, None] + 0.1 * noise)
    steps = np.array([4.0, 2.0, 1.0])
    study = study_over_time(final[:, :, None] * steps, k=k, lr_d=lr_d, remedies=remedies)
    spec = {**study.spec, "objective": {**study.spec.get("objective", {}), "margin": 0.15}}
    return Results(dataclasses.replace(study, spec=spec))


def contrast_of(like: Contrast, ratio: float, **changes: Any) -> Contrast:
    effect = Estimate(ratio, ratio * 0.9, ratio * 1.1, 0.95, 8)
    return dataclasses.replace(like, effect=effect, worse_by=float(np.log(ratio)), **changes)


def shown(results: Results, monkeypatch: pytest.MonkeyPatch, **contrasts: Any) -> Any:
    """The plot of these contrasts alone."""
    table = SimpleNamespace(**{"confirmed": (), "remedies": (), "single": (), "k": (), **contrasts})
    monkeypatch.setattr(Results, "contrasts", table)
    return effects(results)


def test_fresh_seeds_come_first_then_the_largest_effect_and_open_ones_last(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    (like,) = results.contrasts.remedies
    rows = [
        contrast_of(like, 1.3, first="open", decision="inconclusive"),
        contrast_of(like, 0.9, first="small", decision="better"),
        contrast_of(like, 2.0, first="harms", decision="worse"),
    ]
    fresh = [
        SimpleNamespace(contrast=contrast_of(like, ratio, first=name), against=to, confirms=3)
        for ratio, name, to in (
            (0.95, "chosen", Against.TWIN),
            (0.4, "other", Against.TWIN),
            (0.1, "second", Against.SECOND),
        )
    ]
    found = shown(results, monkeypatch, confirmed=fresh, remedies=rows)
    assert [row.label for row in found.rows] == [
        *("chosen, fresh seeds", "other, fresh seeds"),
        *("harms", "small", "open"),
    ]
    assert [row.is_fresh for row in found.rows] == [True, True, False, False, False]


def test_one_axis_has_one_scale_and_its_margin(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    (like,) = results.contrasts.remedies
    ratio = contrast_of(like, 0.5, first="ratio", decision="better")
    other = dataclasses.replace(contrast_of(like, 0.8, first="other"), scale="difference")
    unknown = dataclasses.replace(like, effect=Estimate(float("nan")))
    found = shown(results, monkeypatch, remedies=[ratio, unknown, other])
    assert [row.label for row in found.rows] == ["ratio"]
    assert found.is_ratio and found.none == 1 and found.margin == pytest.approx((1 / 1.15, 1.15))
    assert found.title == "FID ratio (left: better)"
    assert caption(found, results.whole).endswith("Shaded: the margin.")
    differences = shown(results, monkeypatch, remedies=[other])
    assert differences.none == 0 and differences.margin is None


def test_equal_labels_name_their_trials_and_no_more_rows_than_fit(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    (like,) = results.contrasts.remedies
    single = [
        SimpleNamespace(contrast=contrast_of(like, 0.5 + 0.01 * i, first="a_b"), number=i)
        for i in range(MOST_EFFECTS + 2)
    ]
    found = shown(results, monkeypatch, single=single)
    assert [row.label for row in found.rows] == [f"a b (trial {i})" for i in range(MOST_EFFECTS)]
    assert found.num_left_out == 2
    assert "2 more in the sections." in caption(found, results.whole)
    figure = effects_figure(results)
    assert figure is not None and figure.alt.startswith("Effect on FID, with interval, of 8")


def test_nothing_compared_is_no_figure(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not shown(results, monkeypatch).rows
    assert effects_figure(results) is None
