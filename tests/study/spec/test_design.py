"""[design]: the trials that it plans, and the files that it refuses."""

from __future__ import annotations

import itertools
import json
import math

import pytest
from scipy.stats import qmc

from ganstudy.study.errors import UserError
from ganstudy.study.spec.design_plan import plan, planned_trials
from ganstudy.study.spec.reader import parse_document, parse_study
from ganstudy.study.spec.study_spec import StudySpec

SPACE = """
k = [1, 2, "1/3"]
lr_d = { low = 1e-4, high = 1e-2, log = true }
width = { low = 4, high = 64 }
loss = ["hinge"]
remedies = [[], ["historical_averaging"], ["minibatch_discrimination"]]
"historical_averaging.weight" = { low = 1e-3, high = 1.0, log = true }
"""


def study(
    design: str = "points = 5\n",
    space: str = SPACE,
    search: str = "seed = 3\n",
    evaluations: int = 10,
) -> StudySpec:
    text = (
        'name = "s"\ndata = { name = "digits" }\n[train]\nbudget = { updates = 100 }\n'
        f"evaluations = {evaluations}\n[search]\n{search}[search.space]\n{space}[design]\n{design}"
    )
    return parse_study(text, "s.toml")


def refusal(**parts: str | int) -> str:
    with pytest.raises(UserError) as caught:
        study(**parts)  # type: ignore[arg-type]
    return str(caught.value)


def test_every_combination_is_at_every_point_once() -> None:
    """By enumeration: 3 values of k and 3 sets of remedies at 5 points."""
    spec = study()
    trials = plan(spec)
    assert planned_trials(spec) == len(trials) == 45
    cells = [(t.point, t.params["k"], t.params["remedies"]) for t in trials]
    sets = ("none", "historical_averaging", "minibatch_discrimination")
    assert sorted(cells, key=str) == sorted(
        itertools.product(range(5), (1, 2, "1/3"), sets), key=str
    )
    assert [t.point for t in trials] == sorted(t.point for t in trials), "whole blocks first"


def test_all_else_is_the_same_at_a_point_and_another_at_the_next() -> None:
    by_point: dict[int, set[str]] = {}
    weights: dict[int, set[float]] = {}
    for trial in plan(study()):
        rest = {key: trial.params[key] for key in ("lr_d", "width", "loss")}
        by_point.setdefault(trial.point, set()).add(json.dumps(rest))
        has_weight = "historical_averaging.weight" in trial.params
        assert has_weight == (trial.params["remedies"] == "historical_averaging")
        if has_weight:
            weights.setdefault(trial.point, set()).add(trial.params["historical_averaging.weight"])
    assert all(len(values) == 1 for values in (*by_point.values(), *weights.values()))
    assert len(set.union(*by_point.values())) == 5


def test_points_are_scipys_scrambled_sobol_sequence_on_each_settings_scale() -> None:
    spec = study("points = 8\n")
    units = qmc.Sobol(3, scramble=True, rng=3).random(8)
    found = {
        t.point: t.params for t in plan(spec) if t.params["remedies"] == "historical_averaging"
    }
    for point, (lr, width, weight) in enumerate(units):
        params = found[point]
        assert params["lr_d"] == pytest.approx(1e-4 * 100**lr)
        assert params["width"] == round(3.5 + 61 * width) and isinstance(params["width"], int)
        assert params["historical_averaging.weight"] == pytest.approx(1e-3 * 1000**weight)


def test_a_plan_follows_from_the_seed_and_goes_on_where_a_shorter_one_ends() -> None:
    assert plan(study()) == plan(study())
    assert plan(study("points = 9\n"))[:45] == plan(study())
    other = plan(study(search="seed = 4\n"))
    assert {t.params["lr_d"] for t in other}.isdisjoint(t.params["lr_d"] for t in plan(study()))
    orders = {
        tuple((t.params["k"], t.params["remedies"]) for t in plan(study()) if t.point == point)
        for point in range(5)
    }
    assert len(orders) == 5, "in another order at each point"


def test_settings_that_are_no_factors_belong_to_the_point() -> None:
    trials = plan(study('points = 6\nfactors = ["k"]\n'))
    assert len(trials) == 18
    for point in range(6):
        assert len({t.params["remedies"] for t in trials if t.point == point}) == 1
    assert len({t.params["remedies"] for t in trials}) > 1


def test_a_factor_of_one_remedy_makes_no_second_plain_trial() -> None:
    space = SPACE.replace(
        '"historical_averaging.weight" = { low = 1e-3, high = 1.0, log = true }',
        '"historical_averaging.weight" = [0.01, 0.1]',
    )
    trials = plan(study(space=space))
    assert len(trials) == 3 * (1 + 2 + 1) * 5
    assert len({json.dumps(t.params, sort_keys=True) for t in trials}) == len(trials)


def test_values_stay_within_their_ranges() -> None:
    space = (
        "k = [1, 2]\nlr_d = { low = 1e-4, high = 1e-2, log = true }\n"
        "latent_dim = { low = 1, high = 4, log = true }\n"
    )
    values = [t.params["latent_dim"] for t in plan(study("points = 64\n", space))]
    assert {*values} == {1, 2, 3, 4}
    shares = [values.count(v) / len(values) for v in (1, 4)]
    expected = [math.log((v + 0.5) / (v - 0.5)) / math.log(4.5 / 0.5) for v in (1, 4)]
    assert shares == pytest.approx(expected, abs=0.02), "by the logarithm, as Optuna draws"


def test_default_points_and_factors() -> None:
    assert planned_trials(study("")) == 9 * 8
    assert planned_trials(study("", space='k = [1, 2]\nremedies = [[], ["r1"]]\n')) == 4


def test_where_an_effect_is_the_question_there_are_six_seeds_unless_the_file_says_others() -> None:
    head = 'name = "s"\ndata = { name = "digits" }\n[train]\nbudget = { updates = 100 }\n'
    tail = "[search]\ntrials = 4\n[search.space]\nk = [1, 2]\n"
    search = parse_study(head + tail, "s.toml")
    designed = parse_study(f"{head}{tail}[design]\n", "s.toml")
    stated = parse_study(f"{head}seeds = [7, 8, 9]\n{tail}[design]\n", "s.toml")
    assert (search.train.seeds, designed.train.seeds) == ((0, 1, 2), (0, 1, 2, 3, 4, 5))
    assert stated.train.seeds == (7, 8, 9)
    # A ledger keeps the document: what began goes on with its seeds, whatever the default is then.
    older = json.loads(designed.document)
    del older["train"]["seeds"]
    assert parse_document(designed.document, "ledger") == designed
    assert parse_document(json.dumps(older), "ledger").train.seeds == (0, 1, 2)


@pytest.mark.parametrize(
    "at, evaluations, exact",
    [("0.33", 3, 1 / 3), ("0.67", 3, 2 / 3), ("0.333333", 3, 1 / 3), ("0.3", 10, 0.3)],
)
def test_a_share_as_people_write_it_is_the_evaluation_it_stands_for(
    at: str, evaluations: int, exact: float
) -> None:
    design = study(f"points = 2\nat = {at}\npromote = 2\n", evaluations=evaluations).design
    assert design is not None and design.at == exact
    assert design.evaluation(evaluations) == round(exact * evaluations)


def test_no_share_stands_for_either_of_two_evaluations() -> None:
    with pytest.raises(UserError, match=r"got 0.123; the nearest: 0.12 or 0.13"):
        study("points = 2\nat = 0.123\npromote = 2\n", evaluations=100)


def test_a_study_without_a_design_is_as_before() -> None:
    spec = study()
    before = spec.model_copy(update={"design": None})
    assert planned_trials(before) == 0 and before.identity()["design"] is None


ALL = "points = 4\n"
NO_POINTS = 'k = [1, 2]\nremedies = [[], ["r1"]]\n'
NARROW = "k = [1, 2]\nwidth = { low = 8, high = 9 }\n"
OF_ONE_REMEDY = (
    'remedies = [[], ["historical_averaging"]]\n'
    '"historical_averaging.weight" = { low = 0.1, high = 9.0 }\n'
)
WEIGHTS = SPACE.replace("{ low = 1e-3, high = 1.0, log = true }", "[0.1, 1.0]")
REFUSED: list[tuple[dict[str, str], str]] = [
    ({"design": 'factors = ["beta1"]\n'}, "design.factors: beta1 is no setting of"),
    (
        {"design": 'factors = ["lr_d"]\n'},
        "lr_d is no list of choices; settings that are lists: k, loss, remedies",
    ),
    ({"design": "factors = []\n"}, "design.factors: at least one factor"),
    ({"design": 'factors = ["k", "k"]\n'}, "design.factors: a factor may be named once"),
    ({"design": "points = 0\n"}, "design.points: must be >= 1, got 0"),
    (
        {"design": "at = 0.35\npromote = 2\n"},
        "must lie on one of the 10 evaluations, got 0.35; the nearest: 0.3 or 0.4",
    ),
    ({"design": "at = 0.05\npromote = 2\n"}, "the nearest: 0.1"),
    ({"design": "at = 0.3\n"}, "promote is required where at < 1"),
    ({"design": "promote = 2\n"}, "promote needs at < 1"),
    ({"design": "at = 1.5\n"}, "design.at: must be <= 1, got 1.5"),
    (
        {"design": "points = 2\nat = 0.5\npromote = 19\n"},
        "design.promote: must be <= 18, the trials of the design, got 19",
    ),
    (
        {"design": "points = 200\n"},
        "9 combinations of k, loss, remedies at 200 points are 1800 trials, and design.most allows "
        "1000; take at most 111 points",
    ),
    ({"design": "points = 1\nmost = 8\n"}, "take fewer choices of a factor"),
    ({"design": ALL, "space": NO_POINTS}, "must be 1, got 4: nothing varies from point to point"),
    ({"design": ALL, "space": NARROW}, "are the same settings where k = "),
    ({"design": ALL, "space": OF_ONE_REMEDY}, "are the same settings where remedies = none"),
    (
        {"design": 'factors = ["historical_averaging.weight"]\n', "space": WEIGHTS},
        "depends on remedies, which varies from point to point",
    ),
    ({"space": "lr_d = { low = 1e-4, high = 1e-2 }\n"}, "design: needs a factor"),
    (
        {"search": "trials = 1000000\n"},
        "search.trials: must be <= 999955 beside the 45 trials of [design]",
    ),
    (
        {"search": 'sampler = "grid"\n', "space": "k = [1, 2]\n", "design": "points = 1\n"},
        "search.sampler: 'grid' goes through",
    ),
]


@pytest.mark.parametrize(("parts", "told"), REFUSED)
def test_a_design_that_cannot_be_is_refused_with_a_way_out(
    parts: dict[str, str], told: str
) -> None:
    message = refusal(**parts)
    assert told in message and message.count("\n") == 0, message


def test_a_search_of_no_trials_needs_a_design() -> None:
    assert study(search="trials = 0\n").search.trials == 0
    text = 'name = "s"\ndata = { name = "digits" }\n[train]\nbudget = { updates = 90 }\n[search]\ntrials = 0\n'
    with pytest.raises(UserError, match=r"search\.trials: must be >= 1, got 0"):
        parse_study(text, "s.toml")
    spec = study("points = 1\n", "k = [1, 2]\n", 'sampler = "grid"\ntrials = 0\n')
    assert spec.search.trials == 0, "nothing is left for the sampler to draw"
