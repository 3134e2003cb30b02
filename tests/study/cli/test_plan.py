"""What a study will tell, and the design that tells an effect: against exact and simulated power."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ganstudy.analysis.frames import selection
from ganstudy.analysis.stats.crossed.design import Design
from ganstudy.analysis.stats.crossed.effect import MIN_POINTS, Variances
from ganstudy.analysis.stats.crossed.power import made_studies, upper_limits
from ganstudy.study.cli.main import main
from ganstudy.study.home import Home
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.outcome import Outcome
from ganstudy.study.outlook import detectable_effects
from ganstudy.study.outlook.detectable_effects import designed, questions, with_design
from ganstudy.study.outlook.outlook_lines import outlook_lines
from ganstudy.study.outlook.planning import Wanted, proposal
from ganstudy.study.outlook.promise import promise
from ganstudy.study.outlook.spread import ON_DIGITS, spread_of
from ganstudy.study.outlook.time_estimate import AROUND
from ganstudy.study.spec.reader import parse_study, read_study
from ganstudy.study.spec.study_spec import StudySpec

SPACE = """k = [1, 2, 5]
lr_d = { low = 1e-4, high = 3e-3, log = true }
remedies = [[], ["feature_matching"], ["r1"]]
"""
RANDOM = ("random", 60)
GRID = ("grid", 24)
GRID_SPACE = """k = [1, 2, 5]
lr_d = [1e-4, 3e-4, 1e-3, 3e-3]
remedies = [[], ["feature_matching"]]
"""


def text(
    sampler: tuple[str, int] = RANDOM, space: str = SPACE, seeds: int = 6, more: str = ""
) -> str:
    return f"""# Mine.
name = "mine"

[data]
name = "digits"

[train]
budget = {{ generator_steps = 1000 }}
seeds = {list(range(seeds))}  # few

[search]
sampler = "{sampler[0]}"
trials = {sampler[1]}

[search.space]
{space}
[schedule]
name = "fifo"
{more}
"""


def study(*arguments: object, **options: object) -> StudySpec:
    return parse_study(text(*arguments, **options), "s.toml")  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def a_wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are wrapped at the width of the terminal that the tests run in."""
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANSTUDY_HOME", raising=False)


def ganstudy(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


# Which comparisons, and how many pairs


def test_a_grid_has_its_twins_as_pairs() -> None:
    k, remedies = questions(study(GRID, GRID_SPACE))
    assert (k.pairs, k.comparisons, remedies.pairs, remedies.comparisons) == (8, 3, 12, 1)
    assert k.together == remedies.together == 4, "one primary family"


def test_the_confirmed_are_the_primary_family() -> None:
    more = "[confirm]\ntop = 1\nseeds = [90, 91]"
    k, remedies = questions(study(GRID, GRID_SPACE, more=more))
    assert (k.together, remedies.together) == (3, 1)


def test_part_of_a_grid_has_as_many_pairs_as_it_matches() -> None:
    k, remedies = questions(study(("grid", 12), GRID_SPACE))
    assert 1 <= k.pairs <= 4 and 1 <= remedies.pairs <= 6
    assert k.together == 3


def test_a_random_search_has_as_many_pairs_as_it_draws() -> None:
    """60 trials in 9 combinations: about 20 for each value, nearly all of which find a partner."""
    k, remedies = questions(study())
    assert 8 <= k.pairs <= 20 and 8 <= remedies.pairs <= 20
    assert (k.together, remedies.together) == (3, 2)


def test_points_are_the_units_of_a_design() -> None:
    k, remedies = designed(with_design(study(), 7))
    assert (k.pairs, k.twins, k.comparisons) == (7, 3, 3)
    assert (remedies.pairs, remedies.twins, remedies.comparisons) == (7, 3, 2)
    assert k.together == remedies.together == 5
    own = study(("tpe", 0), more="[design]\npoints = 7\nfactors = ['k', 'remedies']")
    assert questions(own) == [k, remedies]


def test_every_factor_of_a_design_is_a_question_and_what_is_none_is_not() -> None:
    space = f'{SPACE}loss = ["hinge", "non_saturating", "least_squares", "wasserstein"]\n'
    of = "[design]\npoints = 7\nfactors = {}\n"
    k, loss = questions(study(("tpe", 0), space, more=of.format('["loss", "k"]')))
    assert (k.setting, k.comparisons, loss.setting, loss.comparisons) == ("k", 3, "loss", 6)
    assert k.together == loss.together == 9 and (k.twins, loss.twins) == (4, 3)
    settings = [each.setting for each in questions(study(("tpe", 0), space, more="[design]\n"))]
    assert settings == ["k", "remedies", "loss"]


def test_of_a_design_the_rest_is_a_mean_over_the_twins() -> None:
    spread = spread_of(study(), Home(Path("nowhere")))
    assert spread is not None
    (k, _) = designed(with_design(study(), 8))
    alike = Variances(ON_DIGITS.pairs, ON_DIGITS.seeds, ON_DIGITS.rest / 3)
    right = made_studies(alike, Design(8, 6), 0.99)
    assert right is not None and k.smallest(spread, 6) == right.smallest()
    few = designed(with_design(study(), MIN_POINTS - 1))[0]
    assert few.smallest(spread, 6) is None


def test_single_configurations_where_a_grid_has_no_pairs() -> None:
    (remedies,) = questions(study(("grid", 3), 'remedies = [[], ["r1"], ["feature_matching"]]'))
    assert remedies.single and remedies.comparisons == 2
    spread = spread_of(study(), Home(Path("nowhere")))
    assert spread is not None
    assert remedies.smallest(spread, 4) is None and remedies.smallest(spread, 5) is not None


def test_as_many_groups_as_the_report_makes() -> None:
    assert detectable_effects.MAX_GROUPS == selection.MAX_GROUPS
    many = "k = [1, 2, 3, 4, 5, 6, 7, 8, 9]\nlr_d = { low = 1e-4, high = 1e-3 }"
    (k,) = questions(study(("random", 90), many))
    assert (k.values, k.comparisons) == (3, 3)


def test_neither_k_nor_remedies() -> None:
    spec = study(("grid", 2), "lr_d = [1e-4, 1e-3]")
    assert questions(spec) == []
    Path("s.toml").write_text(text(("grid", 2), "lr_d = [1e-4, 1e-3]"))
    checked = " ".join(ganstudy("check", "s.toml", "--no-time").stdout.split())
    assert "neither k nor remedies vary" in checked
    assert "exploratory effects of other settings ([design] would plan for them)" in checked
    # A design crosses what is a list, whatever it is; of the two learning rates together no two
    # values are compared.
    planned = ganstudy("plan", "s.toml", "--tell", "0.8", "--no-time")
    assert planned.exit_code == 0 and "lr_d" in planned.stdout
    both = "lr_d = [1e-4, 1e-3]\nlr_g = [1e-4, 1e-3]"
    Path("s.toml").write_text(text(("grid", 4), both))
    result = ganstudy("plan", "s.toml", "--tell", "0.8", "--no-time")
    assert result.exit_code == 2 and "nothing to plan" in result.stderr


# How effects spread


def told_before(home: Path, rows: list[dict[str, object]]) -> None:
    """An earlier study, and the table of contrasts of its report."""
    spec = study(GRID, GRID_SPACE)
    folder = Home(home).study("before")
    Ledger.create(folder.ledger, spec, "")
    (folder.path / "tables").mkdir()
    columns = ["question", "axis", "scale", "n", "seeds", "sd_pairs", "sd_seeds", "sd_rest"]
    lines = [",".join([*columns, "no_claim"])]
    lines += [
        ",".join(str(row.get(column, "")) for column in [*columns, "no_claim"]) for row in rows
    ]
    (folder.path / "tables" / "contrasts.csv").write_text("\n".join(lines))


ROW = {
    "question": "k",
    "axis": "generator_steps",
    "scale": "ratio",
    "n": 8,
    "seeds": 6,
    "sd_pairs": 0.1,
    "sd_seeds": 0.2,
    "sd_rest": 0.3,
}


def test_earlier_studies_say_how_effects_spread() -> None:
    other_axis = ROW | {"axis": "images", "sd_rest": 9.0}
    unclaimed = ROW | {"question": "remedies", "no_claim": "fewer than 3 seeds"}
    twice = ROW | {"sd_pairs": 0.2}
    told_before(Path("home"), [ROW, other_axis, unclaimed, twice])
    found = spread_of(study(), Home(Path("home")))
    assert found is not None and "before" in found.source and "80%" in found.source
    mean = Variances((0.1**2 + 0.2**2) / 2, 0.2**2, 0.3**2)
    assert found.of("k") == upper_limits(mean, Design(8, 6))
    assert found.of("remedies") == found.of("k"), "nothing else is known of them"
    assert found.of("k").rest > 0.3**2


@pytest.mark.parametrize("data", ['name = "digits"', 'name = "ring"'])
def test_of_other_data_it_is_assumed(data: str) -> None:
    spec = parse_study(text().replace('name = "digits"', data), "s.toml")
    found = spread_of(spec, Home(Path("nowhere")))
    assert found is not None and "assumed" in found.source and found.of("k") == ON_DIGITS


def test_a_damaged_table_says_nothing() -> None:
    told_before(Path("home"), [ROW | {"sd_rest": "much"}])
    found = spread_of(study(), Home(Path("home")))
    assert found is not None and "assumed" in found.source


def test_of_a_measure_that_grows_nothing_is_assumed() -> None:
    more = "[objective]\nmaximize = 'recall'"
    assert spread_of(study(more=more), Home(Path("nowhere"))) is None
    Path("s.toml").write_text(text(more=more))
    assert "differences of recall" in ganstudy("check", "s.toml", "--no-time").stdout
    result = ganstudy("plan", "s.toml", "--tell", "0.8", "--no-time")
    assert result.exit_code == 2 and "how effects on recall spread" in result.stderr


# What check says


def told(*arguments: object, **options: object) -> str:
    Path("s.toml").write_text(text(*arguments, **options))  # type: ignore[arg-type]
    result = ganstudy("check", "s.toml", "--no-time")
    assert result.exit_code == 0, result.output
    return result.stdout.partition("What it will be able to tell\n")[2].partition("\n\n")[0]


def test_check_says_what_six_seeds_would_find() -> None:
    few = told(GRID, GRID_SPACE, 3)
    level = 1 - 0.05 / 4
    now, then = (made_studies(ON_DIGITS, Design(8, n), level) for n in (3, 6))
    assert now is not None and then is not None
    factors = [math.exp(-made.smallest()) for made in (now, then)]
    assert f"k:        a factor of {factors[0]:.2f} in fid or stronger, 80% power" in few
    # Student's quantile at 1 - 0.05 / 8, two-sided of four comparisons: 8.86 and 4.00 (tables of t).
    assert "Student's quantile is 8.9 with 3 seeds, 3.8 with 6" in few
    assert f"k {factors[1]:.2f} instead of {factors[0]:.2f}" in few
    assert "Student's quantile" not in told(GRID, GRID_SPACE, 6)


def test_check_of_an_adaptive_search() -> None:
    lines = told(("tpe", 24))
    assert "an adaptive search leaves even fewer matched pairs" in lines
    assert "exploratory" in lines or "no effect" in lines
    assert "a [design] of 8 points on 6 seeds would find k 0." in " ".join(lines.split())


def test_check_of_one_seed() -> None:
    lines = told(GRID, GRID_SPACE, 1)
    assert lines.count("no effect can be found: 1 seed, where 3 are needed") == 2


# The plan


def test_a_plan_tells_what_was_asked_and_is_the_cheapest() -> None:
    Path("s.toml").write_text(text(seeds=3))
    result = ganstudy("plan", "s.toml", "--tell", "0.7", "--no-time", "--write", "out.toml")
    assert result.exit_code == 0, result.output
    out, _ = read_study(Path("out.toml"))
    spread = spread_of(out, Home(Path("nowhere")))
    assert spread is not None and out.design is not None and out.search.trials == 0
    points, seeds = out.design.points, len(out.train.seeds)
    assert points is not None
    asked = questions(out)
    assert all((q.smallest(spread, seeds) or 9) <= -math.log(0.7) for q in asked)
    # By trial of all others: no design with fewer trainings tells it.
    for fewer in range(MIN_POINTS, points * seeds // 3):
        most = min(30, (points * seeds - 1) // fewer)
        for question in designed(with_design(out, fewer)):
            size = question.smallest(spread, most) if most >= 3 else None
            if size is None or size > -math.log(0.7):
                break
        else:
            pytest.fail(f"{fewer} points on {most} seeds tell it too")
    assert f"{points} points x 9 combinations on {seeds} seeds" in result.stdout


def test_what_is_written_is_the_file_with_its_comments() -> None:
    Path("s.toml").write_text(text(seeds=3))
    result = ganstudy("plan", "s.toml", "--tell", "0.6", "--no-time", "--write", "out.toml")
    made = Path("out.toml").read_text()
    assert made.startswith("# Mine.\n") and "# few" in made
    before, after = tomllib.loads(text(seeds=3)), tomllib.loads(made)
    seeds, points = after["train"]["seeds"], after["design"]["points"]
    before["train"]["seeds"], before["design"] = seeds, {"points": points}
    before["search"]["trials"] = 0
    assert after == before and seeds == list(range(len(seeds)))
    for line in (
        f"[train] seeds = {seeds} (was [0, 1, 2])",
        f"[design] points = {points}",
        "[search] trials = 0 (was 60)",
    ):
        assert line in result.stdout


def test_no_file_is_replaced() -> None:
    Path("s.toml").write_text(text())
    Path("out.toml").write_text("mine")
    result = ganstudy("plan", "s.toml", "--tell", "0.6", "--no-time", "--write", "out.toml")
    assert result.exit_code == 2 and "out.toml exists already" in result.stderr
    assert Path("out.toml").read_text() == "mine"


def test_seeds_of_the_confirm_stage_stay_fresh() -> None:
    more = "[confirm]\ntop = 1\nseeds = [3, 4, 5]"
    Path("s.toml").write_text(text(seeds=3, more=more))
    ganstudy("plan", "s.toml", "--tell", "0.6", "--no-time", "--write", "out.toml")
    spec, _ = read_study(Path("out.toml"))
    assert spec.confirm is not None and not {*spec.train.seeds} & {*spec.confirm.seeds}


def timed(home: str = "ganstudy-data") -> None:
    """Let an earlier study of these data and seeds have taken 10 ms per step."""
    spec = study(seeds=6)
    ledger = Ledger.create(Home(Path(home)).study("mine").ledger, spec, "")
    counters = {"updates": 1000, "seconds": 10.0, "evaluation_seconds": 0.0}
    number = ledger.search.propose()[0]
    ledger.search.record_end(number, Outcome(True, 1.0, 1000.0, {}, counters), None)


def test_a_plan_within_a_time() -> None:
    """Fewer steps where they fit; where a fifth would not, what the time would tell."""
    timed()
    Path("s.toml").write_text(text().replace('"mine"', '"other"'))
    plan = ("plan", "s.toml", "--tell", "0.7", "--no-time")
    whole = ganstudy(*plan)
    assert "1000 generator steps each: about" in whole.stdout
    assert ganstudy(*plan, "--time", "9d").stdout == whole.stdout
    spec, _ = read_study(Path("s.toml"))
    best = proposal(spec, Wanted(0.7), Home(Path("ganstudy-data")), may_measure=False).best
    assert best is not None
    limit = f"{0.6 * best.cost:.0f}s"
    shorter = ganstudy(*plan, "--time", limit, "--write", "out.toml")
    assert shorter.exit_code == 0, shorter.output
    out, _ = read_study(Path("out.toml"))
    assert 200 <= out.train.budget.amount < 1000 and out.train.budget.amount % 10 == 0
    assert "that shorter trainings spread alike" in shorter.stdout.lower()
    assert "generator_steps" in shorter.stdout
    limit = f"{0.1 * best.cost:.0f}s"
    none = ganstudy(*plan, "--time", limit, "--write", "none.toml")
    assert "would tell a factor of" in none.stdout and not Path("none.toml").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tell", "1"], "--tell must be a factor other than 1"),
        (["--tell", "-0.5"], "--tell must be a factor other than 1"),
        (["--tell", "nan"], "--tell must be a factor other than 1"),
        (["--tell", "0.8", "--time", "soon"], "--time must be a number with s, m, h or d"),
        (["--tell", "0.8", "--time", "0m"], "--time must be a number with s, m, h or d"),
    ],
)
def test_what_is_asked_has_rules(arguments: list[str], message: str) -> None:
    Path("s.toml").write_text(text())
    result = ganstudy("plan", "s.toml", "--no-time", *arguments)
    assert result.exit_code == 2 and message in result.stderr, result.output


def test_lists_alone_have_one_point() -> None:
    Path("s.toml").write_text(text(GRID, GRID_SPACE))
    output = ganstudy("plan", "s.toml", "--tell", "0.8", "--no-time").stdout
    assert "Give a setting a range (lr_d, lr_g)" in " ".join(output.split())


def test_the_same_effect_either_way() -> None:
    Path("s.toml").write_text(text())
    one, other = (
        ganstudy("plan", "s.toml", "--tell", tell, "--no-time").stdout.splitlines()[1:]
        for tell in ("0.5", "2")
    )
    assert one == other


def test_what_is_kept_at_the_start_is_what_check_prints(tmp_path: Path) -> None:
    home = Home(tmp_path)
    spec = parse_study(text(("random", 0), more="\n[design]\npoints = 6\n"), "mine.toml")
    kept = promise(spec, home)
    assert kept is not None and kept.seconds is None and kept.trials == 6 * 9
    printed = "\n".join(outlook_lines(spec, home))
    for effect in kept.effects:
        assert effect.smallest is not None and (effect.unit, effect.n) == ("points", 6)
        factor = f"{effect.setting + ':':<10}a factor of {math.exp(-effect.smallest):.2f} in fid"
        assert factor in printed and f"{effect.n} points on {effect.seeds} seeds" in printed
        # Three twins at a point share what is left among them.
        assert effect.sd_rest == pytest.approx(math.sqrt(ON_DIGITS.rest / 3))


def test_a_design_that_is_compared_early_is_planned_so() -> None:
    """A plan keeps `at` and `promote`, which the file that it writes has too, and counts with them."""
    timed()
    found = {}
    for at in ("", "at = 0.5\npromote = 4"):
        made = text(("random", 0), more=f"[design]\npoints = 9\n{at}").replace('"mine"', '"other"')
        Path("s.toml").write_text(made)
        result = ganstudy("plan", "s.toml", "--tell", "0.7", "--no-time")
        assert result.exit_code == 0, result.output
        spec, _ = read_study(Path("s.toml"))
        best = proposal(spec, Wanted(0.7), Home(Path("ganstudy-data")), may_measure=False).best
        assert best is not None
        found[at] = best, result.stdout
    (whole, long), (half, short) = found.values()
    assert (whole.points, whole.seeds) == (half.points, half.seeds)
    # AROUND around the trials, which train half and four of which train the other half too.
    share = 0.5 + 0.5 * 4 / half.trials
    assert half.cost - AROUND == pytest.approx(share * (whole.cost - AROUND))
    assert "1000 generator steps each" in long
    assert "500 generator steps each, the best 4 on to 1000" in " ".join(short.split())
    assert "trials = 0 (was 0)" not in short


def test_a_plan_of_a_fraction_has_whole_turns_of_its_parts() -> None:
    """What is written can be run: its points are a multiple of the fraction, whatever is asked."""
    space = SPACE + 'loss = ["non_saturating", "hinge", "least_squares"]\n'
    Path("s.toml").write_text(text(("random", 0), space, more="[design]\npoints = 9\nfraction = 3"))
    for tell in ("0.5", "0.7", "0.8"):
        made = f"{tell}.toml"
        result = ganstudy("plan", "s.toml", "--tell", tell, "--no-time", "--write", made)
        assert result.exit_code == 0, result.output
        assert parse_study(Path(made).read_text(), made).design.points % 3 == 0  # type: ignore[union-attr]
    checked = " ".join(ganstudy("check", "s.toml", "--no-time").stdout.split())
    assert "81 trials (9 combinations at 9 points)" in checked
    assert "(in k x remedies x loss, each factor with that of the others)" in checked


def test_check_says_what_an_objective_of_histograms_does_not_see() -> None:
    note = "counts the nearest mode of each sample, however far it is"
    for measure, said in (("reverse_kl", True), ("jsd", True), ("fid", False), ("kid", False)):
        Path("s.toml").write_text(text(more=f'[objective]\nminimize = "{measure}"'))
        checked = " ".join(ganstudy("check", "s.toml", "--no-time").stdout.split())
        assert (f"{measure} {note}" in checked) == said
