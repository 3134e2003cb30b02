"""The contracts that a user's tests inherit, on the example's own parts and on wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganstudy.trials.config.plugins import load, register
from ganstudy.trials.testing import LossContract, MeasureContract, RemedyContract

FILE = Path(__file__).parents[2] / "examples" / "own_remedy.py"


def of_example(name: str):
    return load(f"{FILE.name}:{name}", register(FILE))


class TestFlatEverywhere(RemedyContract):
    remedy = of_example("FlatEverywhere")
    options = {"gamma": 3.0}


class TestLogistic(LossContract):
    loss = of_example("Logistic")
    data = "digits"


class TestSpreadGap(MeasureContract):
    measure = staticmethod(of_example("spread_gap"))


WRONG = """from ganstudy.trials.own import Loss, measure


class Mixed(Loss):
    def discriminator(self, real, fake, target=1.0):
        return (fake - real).mean(-1) + real.mean()

    def generator(self, fake, real):
        return -fake.mean(-1)


@measure(label="Distance", better="larger")
def distance(generated, real):
    return (generated.std(0) - real.std(0)).norm()


@measure(label="Distance", better="smaller")
def pairs(generated, real):
    return (generated.std(0) - real.std(0)).abs()


@measure(label="Distance", better="smaller")
def clamped(generated, real):
    return generated.clamp_(0, 0.1).mean()
"""


def test_wrong_ones_fail(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(WRONG)
    found = {
        name: load(f"wrong.py:{name}", register(file))
        for name in ("Mixed", "distance", "pairs", "clamped")
    }
    loss = type("Wrong", (LossContract,), {"loss": found["Mixed"]})()
    with pytest.raises(ValueError, match=r"wrong.py:4: with Mixed a seed in a pack does not train"):
        loss.test_alone_as_in_a_pack_and_after_a_resume()
    measures = {
        name: type("Wrong", (MeasureContract,), {"measure": staticmethod(found[name])})()
        for name in ("distance", "pairs", "clamped")
    }
    with pytest.raises(AssertionError, match="declare the other direction"):
        measures["distance"].test_direction()
    with pytest.raises(
        ValueError, match=r"wrong.py:\d+: a measure must return one number, got a tensor \[2\]"
    ):
        measures["pairs"].test_number()
    with pytest.raises(ValueError, match="must not change the samples"):
        measures["clamped"].test_number()
