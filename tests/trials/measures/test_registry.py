"""The catalogue names what computes each measure of samples, and nothing else lists them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ganstudy.trials.measures.kid import KID
from ganstudy.trials.measures.registry import SAMPLE_MEASURES, sample_measures
from ganstudy.trials.results.catalogue import COPYING, MEASURES, MODES, QUALITY


def test_every_measure_of_samples_has_one_implementation() -> None:
    computed = [name for measure in SAMPLE_MEASURES for name in measure.names]
    of_samples = [m.name for m in MEASURES.values() if m.group in (QUALITY, MODES, COPYING)]
    assert sorted(computed) == sorted(of_samples)


def test_an_implementation_computes_just_what_names_it() -> None:
    kid = MEASURES["kid"]
    assert sample_measures([kid, MEASURES["loss_d"]]) == (KID,)
    with pytest.raises(ValueError, match=r"kid:KID computes kid, and .* has kid, another of it"):
        sample_measures([kid, replace(kid, name="another")])
    with pytest.raises(ValueError, match="DENSITY_COVERAGE computes density, coverage, and"):
        sample_measures([MEASURES["density"]])
