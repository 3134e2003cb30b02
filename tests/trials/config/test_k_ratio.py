"""k as text and as a number: one rule for trials that were trained here and for those of others."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganstudy.trials.config.k_ratio import MAX_RATIO, as_schedule, schedule_of_text

RATIOS = st.fractions(Fraction(1, MAX_RATIO), MAX_RATIO, max_denominator=MAX_RATIO)


@given(RATIOS)
@settings(deadline=None, max_examples=50)
def test_a_constant_is_shown_as_the_nearest_decimal_number(ratio: Fraction) -> None:
    shown = as_schedule(str(ratio)).shown
    assert isinstance(shown, float)
    # No other double is nearer: the rounding error is at most half a unit in the last place.
    assert abs(Fraction(shown) - ratio) <= Fraction(shown) / 2**52


@given(RATIOS, RATIOS, st.integers(1, 999))
@settings(deadline=None, max_examples=50)
def test_a_schedule_is_shown_as_its_text(first: Fraction, last: Fraction, until: int) -> None:
    schedule = as_schedule(f"{first} until {until} then {last}")
    assert schedule.shown == (float(last) if first == last else str(schedule))


@pytest.mark.parametrize("text", ["1/2", "0.5", ".5", "0.50", "5e-1", "1/2 until 9 then 0.5"])
def test_texts_of_other_programs_are_the_same_k(text: str) -> None:
    assert schedule_of_text(text) == as_schedule("1/2")


@pytest.mark.parametrize(
    "text", ["", "-1", "0", "nan", "inf", "1e9", "many", "1/0", "2 until then 3"]
)
def test_what_is_no_k_is_refused_by_its_rule(text: str) -> None:
    with pytest.raises(ValueError, match=r"k must be|a schedule of k reads"):
        schedule_of_text(text)
