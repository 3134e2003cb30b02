"""[claim]: what it takes, and the files that are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganstudy.study.errors import UserError
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.spec.reader import parse_study, read_study
from ganstudy.study.spec.study_spec import StudySpec
from ganstudy.trials.results.claimed import Claim, Criterion

CONTRAST = """
measure = "fid"
setting = "k"
value = "1/2"
against = 1
says = "lower"
effect = 0.7
"""
LEVEL = """
share = "cycling"
of = ["cycling", "collapsed"]
says = "higher"
than = 0.5
"""
HEAD = """
name = "s"
data = { name = "digits" }
[train]
budget = { updates = 100 }
evaluations = 4
[search]
trials = 0
[search.space]
k = [0.5, 1, 5]
remedies = [[], ["r1", "feature_matching"]]
lr_d = { low = 1e-4, high = 1e-2, log = true }
lr_g = [1e-4, 1e-3]
[measures]
game_steps = GAME
[design]
points = 4
factors = ["k", "remedies"]
AT
[claim]
sentence = "It helps."
[[claim.decided_by]]
"""


def study(criterion: str = CONTRAST, game: int = 0, at: str = "") -> StudySpec:
    return parse_study(HEAD.replace("GAME", str(game)).replace("AT", at) + criterion, "s.toml")


def test_values_are_found_however_they_are_written() -> None:
    """By the values that the trials themselves show: 1/2 is 0.5, and sets of remedies have no order."""
    claim = study().claim
    assert claim is not None and claim.decided_by[0].value == 0.5
    named = 'setting = "remedies"\nvalue = ["feature_matching", "r1"]\nagainst = []'
    spec = study(f'share = "failed"\nsays = "lower"\n{named}')
    stated = Claim.of_spec(spec.model_dump(mode="json"))
    assert stated is not None
    (criterion,) = stated.decided_by
    assert (criterion.value, criterion.against) == ("feature_matching+r1", "none")


@pytest.mark.parametrize(
    ("criterion", "refused"),
    [
        (CONTRAST.replace('"1/2"', "2"), "value: 2.0 is not among the values of k: 0.5, 1, 5"),
        (CONTRAST.replace('"1/2"', "1"), "against: must be another value of k than value"),
        (CONTRAST.replace('"1/2"', "true"), "k must be a number"),
        (CONTRAST.replace('"k"', '"lr_d"'), "'lr_d' is no factor of the design; its factors: k, r"),
        (CONTRAST.replace('"k"', '"lr_g"'), "'lr_g' is no factor"),
        (CONTRAST.replace('"fid"', '"fit"'), "unknown measure 'fit' (did you mean fid?); known: fid, kid"),
        (CONTRAST + 'share = "failed"', "name one of measure and share, got 'fid' and 'failed'"),
        (CONTRAST.replace('measure = "fid"', ""), "name one of measure and share, got neither"),
        (CONTRAST.replace("lower", "better"), "says: unknown value 'better'; known: lower, higher"),
        (CONTRAST.replace("0.7", "1.4"), "effect must be a factor below 1"),
        (CONTRAST.replace("lower", "higher"), "effect must be a factor above 1"),
        (CONTRAST + "than = 3.0", "than belongs to a level"),
        (CONTRAST + "margin = 0.1", "margin: fid is the objective; its margin stands in [objective]"),
        (CONTRAST + 'axis = "hours"', "unknown axis 'hours'; known: generator_steps"),
        (CONTRAST + "spread = [0.1, 0.2]", "spread"),
        (CONTRAST + "spread = [0.0, 0.0, 0.0]", "spread must not be all 0"),
        (CONTRAST + "spread = [-1.0, 0.0, 1.0]", "each >= 0"),
        (CONTRAST + "wins = 1", "unknown key 'wins'; known: measure, share, says, effect"),
        (CONTRAST.replace("against = 1\n", ""), "a level needs one bound, than or of_real"),
        (LEVEL + "of_real = 0.9", "a level needs one bound"),
        (LEVEL.replace("0.5", "1.0"), "than must be between 0 and 1 for a share"),
        (LEVEL.replace('"collapsed"', '"lost"'), "unknown verdict 'lost'; known: diverged"),
        (LEVEL.replace('"cycling"\n', '"lost"\n', 1), "unknown share of seeds 'lost'"),
        (LEVEL + "margin = 0.1", "margin belongs to a contrast"),
        (LEVEL + 'setting = "k"', "setting and value go together"),
        ('measure = "loss_g"\nsays = "lower"\nof_real = 0.9', "real images have no loss_g"),
        ('measure = "duality_gap"\nsays = "higher"\nthan = 0.1', "measures.game_steps = 0"),
        ('share = "failed"\nsays = "lower"\nsetting="k"\nvalue=1\nagainst=5\nmargin=0.6', "<= 0.5"),
        ('share = "failed"\nsays = "lower"\nsetting="k"\nvalue=1\nagainst=5\naxis="updates"', "axis"),
    ],
)  # fmt: skip
def test_what_cannot_decide_a_claim_is_refused(criterion: str, refused: str) -> None:
    with pytest.raises(UserError) as caught:
        study(criterion)
    assert str(caught.value).startswith("s.toml: claim.decided_by.0")
    assert refused in str(caught.value)


def test_a_measure_of_the_end_is_refused_where_the_design_ends_earlier() -> None:
    gap = 'measure = "duality_gap"\nsays = "higher"\nthan = 0.1'
    study(gap, game=10)
    with pytest.raises(
        UserError, match=r"end of the budget alone.*0\.5 of it; take design\.at = 1"
    ):
        study(gap, game=10, at="at = 0.5\npromote = 2")


def test_a_claim_needs_a_design() -> None:
    text = (HEAD + CONTRAST).replace("GAME", "0").replace("AT", "")
    text = text.replace('[design]\npoints = 4\nfactors = ["k", "remedies"]', "")
    with pytest.raises(UserError, match=r"claim: needs \[design\]"):
        parse_study(text.replace("trials = 0", "trials = 5"), "s.toml")


def test_a_claim_is_stated_before_the_first_trial(tmp_path: Path) -> None:
    spec, path = study(), tmp_path / "ledger.db"
    ledger = Ledger.create(path, spec, "")
    other = study(CONTRAST.replace('"1/2"', "5"))
    assert Ledger.check_same(path, other) is not None, "no trial has begun"
    ledger.search.propose()
    assert Ledger.check_same(path, spec) is not None
    with pytest.raises(UserError, match="must be stated before the first trial"):
        Ledger.check_same(path, other)
    with pytest.raises(UserError, match="must be stated before the first trial"):
        Ledger.check_same(path, spec.model_copy(update={"claim": None}))


def test_criteria_of_the_published_file_are_those_of_the_file() -> None:
    """Whatever a criterion may state is read again from the study's published JSON."""
    for text in (CONTRAST, LEVEL):
        stated = study(text).model_dump(mode="json")["claim"]["decided_by"][0]
        read = Criterion.from_json(stated)
        assert {key: getattr(read, key) for key in stated} == {
            key: tuple(value) if isinstance(value, list) else value for key, value in stated.items()
        }


@pytest.mark.parametrize(
    "file", sorted((Path(__file__).parents[3] / "examples" / "claims").glob("*.toml"))
)
def test_the_examples_are_valid_and_decide_something(file: Path) -> None:
    spec, _ = read_study(file)
    assert spec.claim is not None and spec.name.startswith("claim-")
    assert spec.claim.decided_by[0].effect is not None
