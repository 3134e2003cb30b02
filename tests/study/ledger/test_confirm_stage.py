"""The confirm stage: its table in the study file, what it chooses, and what the ledger keeps of it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import optuna
import pytest
from pydantic import ValidationError
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler

from ganstudy.study.driver.stages import stages_in_order
from ganstudy.study.driver.status import study_status
from ganstudy.study.errors import UserError
from ganstudy.study.export.export import configuration
from ganstudy.study.home import Home
from ganstudy.study.ledger.confirm_selection import Candidate, max_trials, no_twins, select
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.outlook.confirm_notes import confirm_notes
from ganstudy.study.outlook.cost_estimate import cost_lines
from ganstudy.study.spec import tables
from ganstudy.study.spec.reader import parse_study
from ganstudy.study.spec.search_space import SearchSpace
from ganstudy.study.tracking.outbox import START, Outbox
from ganstudy.study.tune.scheduler import scheduler
from ganstudy.study.tune.stopping import StopRequest
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.results.records import FIRST_CONFIRM, Stage, TrialState

FILE = """
name = "s"
data = { name = "digits" }
[train]
budget = { updates = 100 }
evaluations = 2
[search]
sampler = "SAMPLER"
trials = 8
[search.space]
lr_g = { low = 1e-4, high = 1e-2, log = true }
remedies = [[], ["feature_matching"], ["historical_averaging"]]
"historical_averaging.weight" = { low = 1e-3, high = 1.0, log = true }
"""
CONFIRM = "[confirm]\ntop = 2\nseeds = [10, 11, 12, 13, 14]\n"


def study_file(confirm: str = CONFIRM, sampler: str = "random", **replaced: str) -> str:
    text = FILE.replace("SAMPLER", sampler) + confirm
    for old, new in replaced.items():
        text = text.replace(old, new)
    return text


def create(path: Path, text: str) -> Ledger:
    return Ledger.create(path, parse_study(text, "s.toml"), text)


def outcome(
    objective: float | None = 1.0, finished: bool = True, progress: float = 100.0, **verdicts: int
) -> Outcome:
    return Outcome(
        finished,
        objective,
        progress,
        verdicts or {"converged": 3},
        {"updates": 100.0, "seconds": 5.0},
    )


def candidate(
    number: int, objective: float | None, remedies: str = "none", finished: bool = True, **more: Any
):
    state = TrialState.COMPLETE if finished else TrialState.PRUNED
    params: dict[str, Any] = {"lr_g": 1e-3 + number * 1e-5, "remedies": remedies}
    if remedies == "historical_averaging":
        params["historical_averaging.weight"] = 0.1
    return Candidate(number, params, state, outcome(objective, finished, **more))


def chosen(candidates: list[Candidate], text: str | None = None) -> list[tuple[int | None, str]]:
    return [
        (c.confirms, c.role)
        for c in select(parse_study(text or study_file(), "s.toml"), candidates)
    ]


FM, HA = "feature_matching", "historical_averaging"


def test_the_best_the_best_of_each_set_of_remedies_and_the_baseline() -> None:
    found = [
        candidate(0, 5.0),
        candidate(1, 1.0, FM),
        candidate(2, 2.0, FM),
        candidate(3, 9.0, HA),
        candidate(4, 4.0),
    ]
    expected: list[tuple[int | None, str]] = [
        (1, f"best; best with {FM}"),
        (2, "best"),
        (3, f"best with {HA}"),
        (4, "baseline"),
        (None, "twin of trial 1"),
        (None, "twin of trial 3"),
    ]
    assert chosen(found) == expected == chosen(found[::-1]), (
        "whatever the order in which they ended"
    )
    selected = select(parse_study(study_file(), "s.toml"), found)
    assert {choice.config.seeds for choice in selected} == {(10, 11, 12, 13, 14)}
    assert selected[0].config.remedies == (FM,) and selected[0].config.lr_g == pytest.approx(
        1.01e-3
    )


def test_options_of_the_table() -> None:
    found = [candidate(0, 5.0), candidate(1, 1.0, FM), candidate(2, 2.0, HA)]
    only = "[confirm]\ntop = 1\nremedy_sets = 0\nbaseline = false\n"
    assert chosen(found, study_file(only)) == [(1, "best"), (None, "twin of trial 1")]
    assert chosen(found, study_file(only + "twins = 0\n")) == [(1, "best")]
    one_set = "[confirm]\ntop = 1\nremedy_sets = 1\n"
    expected = [(1, f"best; best with {FM}"), (0, "baseline"), (None, "twin of trial 1")]
    assert chosen(found, study_file(one_set)) == expected
    one_twin = chosen(found, study_file("[confirm]\ntop = 1\ntwins = 1\n"))
    assert [role for _, role in one_twin][-2:] == ["baseline", "twin of trial 1"]


def test_a_twin_differs_in_remedies_and_their_options_alone() -> None:
    spec = parse_study(study_file(), "s.toml")
    best = candidate(3, 1.0, HA)
    *_, twin = select(spec, [best, candidate(4, 2.0)])
    of_best = spec.space.trial_config(best.params).model_copy(update={"seeds": twin.config.seeds})
    unlike = {
        key for key, value in twin.config.model_dump().items() if value != of_best.model_dump()[key]
    }
    assert unlike == {"remedies", "remedy_options"}, "historical averaging and its weight"
    assert (twin.config.remedies, twin.roles) == ((), ("twin of trial 3",))


def test_a_twin_that_the_search_drew_is_trained_once() -> None:
    """As in a grid: the best without remedies may be the twin itself."""
    plain = Candidate(5, {**candidate(1, 1.0).params}, TrialState.COMPLETE, outcome(3.0))
    found = chosen([candidate(1, 1.0, FM), plain])
    assert found == [(1, f"best; best with {FM}"), (5, "best; baseline; twin of trial 1")]


def test_a_first_choice_without_remedies_has_no_twin() -> None:
    found = chosen([candidate(0, 1.0), candidate(1, 2.0, FM)])
    expected = [(0, "best; baseline"), (1, f"best; best with {FM}"), (None, "twin of trial 1")]
    assert found == expected


def test_remedies_that_cannot_be_switched_off_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """No rule of today asks for a remedy; one that did must not keep a study from its stage."""
    spec = parse_study(study_file(), "s.toml")
    found = [candidate(0, 1.0, FM), candidate(1, 2.0)]
    assert no_twins(spec, select(spec, found)) == []
    whole = SearchSpace.trial_config

    def refusing(space: SearchSpace, params: dict[str, Any]) -> TrialConfig:
        if params["remedies"] == "none" and params["lr_g"] == 1e-3:
            raise ValidationError.from_exception_data("needs a remedy", [])
        return whole(space, params)

    monkeypatch.setattr(SearchSpace, "trial_config", refusing)
    selected = select(spec, found)
    assert [choice.role for choice in selected] == [f"best; best with {FM}", "best; baseline"]
    assert no_twins(spec, selected) == [0]


def test_a_maximum_is_confirmed_at_its_high_end() -> None:
    text = study_file(**{"[search]\n": '[objective]\nmaximize = "recall"\n[search]\n'})
    assert chosen([candidate(0, 0.2), candidate(1, 0.9), candidate(2, 0.5)], text)[0] == (
        1,
        "best; baseline",
    )


def test_the_same_configuration_drawn_twice_is_confirmed_once() -> None:
    twice = Candidate(7, candidate(1, 1.0).params, TrialState.COMPLETE, outcome(1.0))
    assert chosen([candidate(1, 1.0), twice, candidate(2, 3.0)]) == [
        (1, "best; baseline"),
        (2, "best"),
    ]


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        # Nothing within the constraints: the fewest seeds in excess, not the best score.
        (
            [candidate(0, 1.0, FM, collapsed=3), candidate(1, 8.0, FM, collapsed=1)],
            (1, f"nearest; best with {FM}"),
        ),
        # Nothing complete: what came furthest, not the best score.
        (
            [candidate(0, 1.0, FM, False, progress=50), candidate(1, 8.0, FM, False, progress=99)],
            (1, f"nearest; best with {FM}"),
        ),
        # A complete one beyond the constraints before one that was stopped.
        (
            [candidate(0, 1.0, FM, False), candidate(1, 8.0, FM, collapsed=1)],
            (1, f"nearest; best with {FM}"),
        ),
        # A median on diverged seeds comes last.
        (
            [candidate(0, None, FM, diverged=3), candidate(1, 8.0, FM, False)],
            (1, f"nearest; best with {FM}"),
        ),
    ],
)
def test_where_none_satisfies_the_constraints_the_nearest_is_confirmed(
    candidates, expected
) -> None:
    found = chosen(candidates)
    assert found == [expected, (None, "twin of trial 1")]


def test_a_baseline_that_only_diverges_is_confirmed_too() -> None:
    found = chosen([candidate(0, 1.0, FM), candidate(1, None, diverged=3)])
    expected = [(0, f"best; best with {FM}"), (1, "baseline"), (None, "twin of trial 0")]
    assert found == expected, "that it diverges is the finding"


def test_nothing_evaluated_nothing_confirmed() -> None:
    assert chosen([]) == []


@pytest.mark.parametrize("twins", [0, 1])
def test_a_baseline_that_was_never_drawn_is_the_best_one_without_its_remedies(twins: int) -> None:
    text = study_file(CONFIRM + f"twins = {twins}\n").replace("remedies = [[], ", "remedies = [")
    spec = parse_study(text, "s.toml")
    best = candidate(3, 1.0, HA)
    *_, baseline = select(spec, [best, candidate(4, 2.0, FM)])
    assert (baseline.confirms, baseline.role) == (None, "twin of trial 3")
    assert baseline.config.remedies == () and baseline.config.remedy_options == {}
    assert baseline.config.lr_g == best.params["lr_g"], "else as the best: a fair match"
    fixed = study_file().replace(
        'remedies = [[], ["feature_matching"], ["historical_averaging"]]\n', ""
    )
    fixed = fixed.replace(
        '"historical_averaging.weight" = { low = 1e-3, high = 1.0, log = true }\n', ""
    )
    fixed = fixed.replace("evaluations = 2\n", 'evaluations = 2\nremedies = ["feature_matching"]\n')
    spec = parse_study(fixed, "s.toml")
    best, baseline = select(spec, [Candidate(0, {"lr_g": 1e-3}, TrialState.COMPLETE, outcome())])
    assert (best.config.remedies, baseline.config.remedies) == ((FM,), ())


def test_remedies_that_are_switched_one_by_one_and_other_methods() -> None:
    switches = study_file().replace(
        'remedies = [[], ["feature_matching"], ["historical_averaging"]]', "r1 = [true]"
    )
    switches = switches.replace(
        '"historical_averaging.weight" = { low = 1e-3, high = 1.0, log = true }\n', ""
    )
    switches = switches.replace("[search.space]\n", '[search.space]\nmethod = ["gan", "vae"]\n')
    spec = parse_study(switches, "s.toml")
    gan = Candidate(
        0, {"method": "gan", "lr_g": 1e-3, "r1": True}, TrialState.COMPLETE, outcome(2.0)
    )
    vae = Candidate(1, {"method": "vae", "lr_g": 1e-3}, TrialState.COMPLETE, outcome(1.0))
    assert [
        (c.confirms, c.role, c.config.method, c.config.remedies) for c in select(spec, [gan, vae])
    ] == [
        (1, "best; best with vae", "vae", ()),
        (0, "best; best with r1", "gan", ("r1",)),
        (None, "twin of trial 0", "gan", ()),
    ]
    assert (spec.space.num_remedy_sets(), spec.space.includes_plain_gan) == (2, False)


@pytest.mark.parametrize(
    ("confirm", "expected"),
    [
        ("[confirm]\n", 3 + 2 + 1 - 1 + 2),
        ("[confirm]\ntop = 50\n", 8 + 2 + 1 - 1 + 2),
        ("[confirm]\ntop = 1\nremedy_sets = 1\n", 3 + 1),
        ("[confirm]\ntop = 1\nremedy_sets = 0\nbaseline = false\n", 2),
        ("[confirm]\ntop = 1\nremedy_sets = 0\nbaseline = false\ntwins = 0\n", 1),
        ("[confirm]\ntop = 2\nbaseline = false\n", 4 + 2),
        ("[confirm]\ntop = 2\nbaseline = false\ntwins = 1\n", 4 + 1),
    ],
)
def test_the_most_there_can_be_to_confirm(confirm: str, expected: int) -> None:
    spec = parse_study(study_file(confirm), "s.toml")
    assert max_trials(spec) == expected
    found = [candidate(n, float(n), (FM, HA, "none")[n % 3]) for n in range(8)]
    assert len(select(spec, found)) <= expected


@pytest.mark.parametrize(
    ("confirm", "messages"),
    [
        (
            "[confirm]\nseeds = [2, 100]\n",
            ["confirm.seeds must be other seeds than train.seeds, and [2] stand in both"],
        ),
        ("[confirm]\nseeds = [7, 7]\n", ["confirm.seeds: seeds must be distinct", "[7]"]),
        ("[confirm]\nseeds = []\n", ["confirm.seeds: at least one seed is needed"]),
        ("[confirm]\ntop = 0\n", ["confirm.top: must be >= 1, got 0"]),
        ("[confirm]\nremedy_sets = -1\n", ["confirm.remedy_sets: must be >= 0, got -1"]),
        (
            "[confirm]\ntopp = 3\n",
            [
                "confirm.topp: unknown key 'topp' (did you mean top?); known: top, remedy_sets, baseline, twins, seeds"
            ],
        ),
        ("[confirm]\ntwins = -1\n", ["confirm.twins: must be >= 0, got -1"]),
        ('[confirm]\nbaseline = "yes"\n', ["confirm.baseline: "]),
        ("confirm = 3\n", ["unknown"]),
    ],
)
def test_what_is_refused_at_the_door(confirm: str, messages: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        parse_study(study_file(confirm), "s.toml")
    assert all(message in str(caught.value) for message in messages), str(caught.value)


def test_cost_is_told_beforehand(tmp_path: Path) -> None:
    lines = cost_lines(parse_study(study_file(), "s.toml"))
    assert (
        "confirm: then up to 6 trials x 5 fresh seeds, each to the end of 100 updates: 30 trainings"
        in " ".join(lines)
    )
    lines = cost_lines(parse_study(study_file(""), "s.toml"))
    assert any("no confirm stage" in line for line in lines)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return Home(tmp_path).study("s").ledger


def search(ledger: Ledger, keep: int = 0) -> None:
    """Ends the search's trials, with scores that follow their numbers; `keep` stay open."""
    while ledger.search.remaining() > keep:
        number, _ = ledger.search.propose()
        ledger.search.record_end(number, outcome(10.0 - number), None)


def test_what_was_confirmed_survives_every_break(path: Path) -> None:
    """The ledger is closed and opened again before each step; every configuration is proposed once."""
    search(create(path, study_file()))
    proposed: list[tuple[int, dict[str, Any]]] = []
    while (stage := Ledger.open(path).confirm).left():
        assert stage.interrupted() == [], "none is open"
        planned = stage.planned()
        proposed.append(stage.propose())
        again = Ledger.open(path).confirm
        assert again.interrupted() == [proposed[-1]] and again.planned() == planned
        assert again.config(proposed[-1][1]).seeds == (10, 11, 12, 13, 14)
        again.record_evaluation(proposed[-1][0], 3.0, 50.0)
        assert Ledger.open(path).confirm.intermediate_values(proposed[-1][0]) == {50: 3.0}
        Ledger.open(path).confirm.record_end(proposed[-1][0], outcome(2.0, converged=5), None)
    assert [number for number, _ in proposed] == [FIRST_CONFIRM + k for k in range(len(proposed))]
    assert len(proposed) == planned == stage.counts()["complete"] and stage.verdicts() == {
        "converged": 5 * planned
    }
    first = stage.place(FIRST_CONFIRM).to_json()
    assert (first["stage"], first["confirms"]) == ("confirm", 7) and first["role"].startswith(
        "best"
    )


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_the_search_is_the_same_with_it_and_without(sampler: str, tmp_path: Path) -> None:
    draws = []
    for name, confirm in (("with", CONFIRM), ("without", "")):
        path = tmp_path / name / "ledger.db"
        text = study_file(confirm, sampler)
        ledger = create(path, text)
        search(ledger)
        stage = ledger.confirm
        while stage is not None and stage.left():
            stage.record_end(stage.propose()[0], outcome(0.001), None)
        best, counts = ledger.search.best(), ledger.search.counts()
        assert best is not None and best.number == 7 and sum(counts.values()) == 8
        more = create(path, text.replace("trials = 8", "trials = 14"))
        assert (more.search.remaining(), len(list(more.search.ended()))) == (6, 8)
        search(more)
        draws.append([row.params for row in more.trials()])
    assert draws[0] == draws[1] and len(draws[0]) == 14


def test_a_search_that_goes_on_confirms_what_is_new_alone(path: Path) -> None:
    text = study_file(CONFIRM + "remedy_sets = 0\nbaseline = false\ntwins = 0\n")
    ledger = create(path, text)
    search(ledger)
    stage = ledger.confirm
    while stage.left() > 1:
        stage.record_end(stage.propose()[0], outcome(2.0), None)
    open_one = stage.propose()
    before = {row.number: row for row in stage.rows()}
    more = create(path, text.replace("trials = 8", "trials = 9"))
    assert more.confirm.remaining() == 0, "not before the search is over"
    assert more.left() == 2 and more.confirm.interrupted() == [open_one], "what is open goes on"
    search(more)
    stage = more.confirm
    assert stage.remaining() == 1, "the new winner"
    stage.propose()
    after = {row.number: row for row in stage.rows()}
    assert all(after[number].params == row.params for number, row in before.items())
    assert [(row.confirms, row.role) for row in before.values()] == [(7, "best"), (6, "best")]
    assert [(row.confirms, row.role) for row in after.values()] == [
        *((7, "best"), (6, "chosen earlier"), (8, "best")),
    ]


def test_looking_at_a_stage_that_has_not_begun_writes_nothing(path: Path) -> None:
    ledger = create(path, study_file())
    search(ledger, keep=1)
    assert ledger.confirm.left() == 0
    ledger.search.record_end(ledger.search.propose()[0], outcome(1.0), None)
    assert ledger.confirm.left() > 0 and ledger.left() > 0
    assert [study.study_name for study in ledger.search._storage.get_all_studies()] == ["s"]


def test_the_table_may_change_but_for_the_seeds_of_what_has_begun(path: Path) -> None:
    ledger = create(path, study_file(""))
    assert ledger.confirm is None and ledger.left() == 8
    search(ledger)
    other = study_file(CONFIRM.replace("10, ", "9, "))
    assert create(path, other).confirm.left() > 0, "a study of before may have it"
    stage = create(path, study_file()).confirm
    stage.record_end(stage.propose()[0], outcome(2.0), None)
    create(path, study_file(CONFIRM.replace("top = 2", "top = 4")))
    for changed in (other, study_file("")):
        with pytest.raises(
            UserError,
            match=r"confirm\.seeds: \[10, 11, 12, 13, 14\] -> .*the confirm stage has begun",
        ):
            create(path, changed)


def without_seeds(path: Path) -> None:
    """Turn the stage into one that an older version began: no seeds stored, six by default."""
    with closing(sqlite3.connect(path)) as database, database:
        gone = database.execute("delete from trial_user_attributes where key = 'seeds'")
    assert gone.rowcount


def test_a_stage_that_was_begun_with_six_seeds_by_default_goes_on_with_them(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = study_file("[confirm]\ntop = 2\n")
    six = tuple(range(100, 106))
    stated = study_file(f"[confirm]\ntop = 2\ntwins = 0\nseeds = {list(six)}\n")
    search(create(path, stated))
    stage = Ledger.open(path).confirm
    while stage.left():
        stage.record_end(stage.propose()[0], outcome(2.0, converged=6), None)
    rows = stage.rows()
    with closing(sqlite3.connect(path)) as database, database:
        key = "study_document"
        database.execute(
            "update study_user_attributes set value_json = ? where key = ?",
            (json.dumps(parse_study(text, "s.toml").document), key),
        )
    without_seeds(path)
    for again in (Ledger.open(path), create(path, text)):
        assert again.spec.confirm is not None and again.spec.confirm.seeds == six
        assert again.confirm.left() == 0, "over before, over now"
        assert again.confirm.rows() == rows
    more = create(path, study_file("[confirm]\ntop = 2\ntwins = 1\n"))
    assert more.confirm.left() == 1, "a twin may be asked for"
    assert more.confirm.config(more.confirm.propose()[1]).seeds == six
    eight = study_file("[confirm]\nseeds = [100, 101, 102, 103, 104, 105, 106, 107]\n")
    with pytest.raises(UserError, match=r"confirm\.seeds: \[100, .*105\] -> \[100, .*107\] "):
        create(path, eight)


def test_another_default_of_seeds_does_not_change_what_has_begun(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = study_file("[confirm]\ntop = 1\n")
    search(create(path, text))
    stage = Ledger.open(path).confirm
    stage.record_end(stage.propose()[0], outcome(2.0, converged=8), None)
    monkeypatch.setattr(tables, "NUM_FRESH_SEEDS", 12)
    assert len(parse_study(text, "s.toml").confirm.seeds) == 12
    for again in (Ledger.open(path), create(path, text)):
        assert again.spec.confirm is not None
        assert again.spec.confirm.seeds == tuple(range(100, 108))


def test_seeds_by_default_are_none_of_the_searchs() -> None:
    def seeds(train: str) -> tuple[int, ...]:
        text = study_file("[confirm]\n", **{"evaluations = 2": f"evaluations = 2\nseeds = {train}"})
        confirm = parse_study(text, "s.toml").confirm
        assert confirm is not None
        return confirm.seeds

    assert seeds("[0, 1, 2]") == tuple(range(100, 108))
    assert seeds("[106, 100]") == (101, 102, 103, 104, 105, 107, 108, 109)


@pytest.mark.parametrize(
    ("confirm", "needed"),
    [
        ("[confirm]\n", None),  # two twins, eight seeds
        ("[confirm]\nseeds = [10, 11, 12, 13, 14, 15]\n", 7),  # 2 / 2^6 for either of two
        ("[confirm]\nseeds = [10, 11, 12, 13, 14, 15]\ntwins = 1\n", None),
        ("[confirm]\nseeds = [10, 11, 12, 13, 14]\ntwins = 1\n", 6),
        # Without twins the first choice is compared with the second.
        ("[confirm]\nseeds = [10]\ntwins = 0\n", 6),
        ("[confirm]\nseeds = [10]\ntwins = 0\ntop = 1\n", None),
    ],
)
def test_seeds_that_can_tell_nothing_are_named_beforehand(confirm: str, needed: int | None) -> None:
    notes = confirm_notes(parse_study(study_file(confirm), "s.toml"))
    assert len(notes) == (needed is not None)
    assert needed is None or f"{needed} seeds or more can" in notes[0]


def test_status_tells_of_both_stages(path: Path, tmp_path: Path) -> None:
    ledger = create(path, study_file())
    search(ledger, keep=2)
    found = json.loads(json.dumps(study_status(Home(tmp_path), "s").to_json(), allow_nan=False))
    assert (found["left"], found["confirm"]["known"], found["confirm"]["planned"]) == (2, False, 6)
    search(ledger)
    stage = ledger.confirm
    stage.record_end(stage.propose()[0], None, "out of memory")
    found = json.loads(
        json.dumps(study_status(Home(tmp_path), "s", with_trials=True).to_json(), allow_nan=False)
    )
    assert (
        found["trials"] == {"running": 0, "complete": 8, "pruned": 0, "failed": 0}
        and found["left"] >= 1
    )
    assert found["confirm"]["trials"]["failed"] == 1 and found["confirm"]["left"] == found["left"]
    (row,) = found["confirm"]["trial_list"]
    assert (row["error"], row["confirms"], row["number"]) == ("out of memory", 7, FIRST_CONFIRM)
    assert len(found["trial_list"]) == 8


def test_the_stage_begins_when_the_search_is_over_and_not_when_the_study_is_to_stop(
    path: Path, tmp_path: Path
) -> None:
    ledger, outbox, stop = (
        create(path, study_file()),
        Outbox(tmp_path / "spool"),
        StopRequest(tmp_path / "stop"),
    )

    def stages() -> list[Stage]:
        return [stage.stage for stage in stages_in_order(ledger, outbox, stop, str)]

    assert stages() == [Stage.SEARCH]
    search(ledger)
    stop.ask("so")
    assert stages() == [Stage.SEARCH]
    stop.clear()
    assert stages() == [Stage.SEARCH, Stage.CONFIRM] and outbox.pending() == []
    stage = ledger.confirm
    stage.record_end(stage.propose()[0], outcome(2.0), None)
    assert stages() == [Stage.SEARCH, Stage.CONFIRM]
    (message,) = outbox.pending()
    assert (message.number, message.order, message.read()["role"]) == (
        FIRST_CONFIRM,
        START,
        stage.selected[0].role,
    )


def test_nothing_is_stopped_early_in_it() -> None:
    spec = parse_study(study_file(), "s.toml")
    kinds = [type(scheduler(spec, stage)) for stage in (Stage.SEARCH, Stage.CONFIRM)]
    assert kinds == [AsyncHyperBandScheduler, FIFOScheduler]


def test_a_confirmed_generator_is_exported_with_its_own_configuration(tmp_path: Path) -> None:
    """Also that of a baseline which the search never drew; what MLflow has under another digest is refused."""
    text = study_file(**{"remedies = [[], ": "remedies = ["})
    ledger = create(tmp_path / "ledger.db", text)
    for _ in range(8):
        ledger.search.record_end(ledger.search.propose()[0], outcome(2.0), None)
    stage = ledger.confirm
    assert stage is not None
    numbers = [stage.propose() for _ in range(stage.remaining())]
    exported = [
        configuration(ledger, number, stage.config(params).digest) for number, params in numbers
    ]
    assert {config.seeds for config in exported} == {(10, 11, 12, 13, 14)}
    assert any(not config.remedies for config in exported), "the baseline"
    with pytest.raises(ValueError, match="its configuration in the ledger is"):
        configuration(ledger, FIRST_CONFIRM, "other")
    with pytest.raises(ValueError, match="has no such trial"):
        configuration(ledger, FIRST_CONFIRM + 99, "other")


def end_all(ledger: Ledger) -> None:
    for stage in (ledger.search, ledger.confirm):
        assert stage is not None
        while stage.remaining():
            number, _ = stage.propose()
            stage.record_end(number, outcome(float(number % 7 + 1)), None)


def test_reports_are_counted_once_per_size_of_the_study(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = create(path, study_file())
    number, _ = ledger.search.propose()
    ledger.search.record_end(number, outcome(), None)
    first = ledger.record_look()
    assert not first.present.finished and first.finished == ()
    assert (
        dict(first.present.ended) == {"search": 1, "confirm": 0, "design": 0}
        and first.present.planned == 8
    )
    assert Ledger.open(path).record_look() == first, "read again at the same size"
    end_all(ledger)
    over = Ledger.open(path).record_look()
    assert over.present.finished and len(over.all) == 2 and over.finished == (over.present,)
    # Raised after its end was reported.
    raised = create(path, study_file(**{"trials = 8": "trials = 12"}))
    again = raised.record_look()
    assert not again.present.finished and again.finished == over.finished
    end_all(raised)
    looks = Ledger.open(path).record_look()
    assert [each.planned for each in looks.finished] == [8, 12] and len(looks.all) == 4


def test_two_reports_at_one_time_lose_no_look(tmp_path: Path) -> None:
    """Both have read the ledger before either writes."""
    path = tmp_path / "ledger.db"
    one = create(path, study_file())
    other = Ledger.open(path)
    assert one._looks() == other._looks() == []
    one.record_look()
    number, _ = one.search.propose()
    one.search.record_end(number, outcome(), None)
    other.record_look()
    assert len(Ledger.open(path)._looks()) == 2
