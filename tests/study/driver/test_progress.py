"""What the terminal says while a study prepares and trains, at any width and without a terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from ganstudy.study.driver.progress import RunProgress
from ganstudy.study.driver.terminal import say, wrap
from ganstudy.study.driver.time_left import TimeLeft
from ganstudy.study.ledger.ledger import Ledger
from ganstudy.study.ledger.outcome import Outcome, amount
from ganstudy.study.spec.reader import parse_study
from ganstudy.study.tune.preparation_note import PreparationNote, read_note
from ganstudy.trials.results.records import TrialState

CONFIRM = """
[confirm]
top = 1
remedy_sets = 0
baseline = false
twins = 0
seeds = [7, 8]
"""


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def reached(progress: float, objective: float | None = 12.3456, **verdicts: int) -> Outcome:
    return Outcome(False, objective, progress, verdicts, {})


def console(width: int, terminal: bool = True) -> Console:
    return Console(
        file=io.StringIO(),
        force_terminal=terminal,
        width=width,
        color_system=None,
        legacy_windows=False,
    )


def shown(renderable: object, width: int) -> list[str]:
    screen = console(width)
    screen.print(renderable)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue().splitlines()


@pytest.fixture
def ledger(tmp_path: Path, small_study) -> Ledger:
    text = small_study() + CONFIRM
    return Ledger.create(tmp_path / "ledger.db", parse_study(text, "test.toml"), text)


@pytest.mark.parametrize("width", [30, 80, 120])
def test_words_and_paths_stay_whole_at_any_width(width: int) -> None:
    path = "/a/long/path/that/is/wider/than/the/terminal-is/report.html"
    text = f"Nothing has started for 45 seconds on this machine, see {path}\nOne line more"
    screen = console(width)
    say(screen, text)
    assert isinstance(screen.file, io.StringIO)
    lines = screen.file.getvalue().splitlines()
    assert " ".join(" ".join(lines).split()) == " ".join(text.split())
    assert all(len(line) < width or line.strip() == path for line in lines)
    plain = console(width, terminal=False)
    say(plain, text)
    assert isinstance(plain.file, io.StringIO)
    assert plain.file.getvalue().splitlines() == text.split("\n"), "a line of a log is one line"


def test_markup_in_a_message_is_text() -> None:
    screen = console(80)
    say(screen, "[1/2] trial 3 :tada: [bold]")
    assert isinstance(screen.file, io.StringIO)
    assert screen.file.getvalue() == "[1/2] trial 3 :tada: [bold]\n"
    assert wrap("", 80) == ""


@pytest.mark.parametrize("width", [80, 120])
def test_every_running_trial_has_a_line_with_its_settings_step_and_score(
    ledger: Ledger, width: int
) -> None:
    stage, spec = ledger.search, ledger.spec
    progress = RunProgress(spec, stage, console(width))
    half = spec.train.budget.amount / 2
    first, params = stage.propose()
    progress.observe(first, TrialState.RUNNING, None, None)
    lines = shown(progress._render(), width)
    assert any("trial 0" in line and "no score yet" in line for line in lines)
    assert not any("left" in line for line in lines), "nothing was measured yet"
    progress.observe(first, TrialState.RUNNING, reached(half, converged=3), None)
    lines = shown(progress._render(), width)
    (own,) = [line for line in lines if "trial 0" in line]
    assert f"lr_g={params['lr_g']:.3g}" in "".join(lines)
    assert f"{half:,.0f} of {2 * half:,.0f}" in own and own.rstrip().endswith("FID 12.3")
    assert "left" in " ".join(lines) and all(len(line) <= width for line in lines)


def test_a_finished_trial_says_what_it_was_and_failed_seeds_are_counted(ledger: Ledger) -> None:
    stage, screen = ledger.search, console(120, terminal=False)
    progress = RunProgress(ledger.spec, stage, screen)
    number, params = stage.propose()
    progress.observe(number, TrialState.RUNNING, None, None)
    end = Outcome(True, 12.3456, 1200.0, {"converged": 2, "cycling": 1}, {})
    progress.observe(number, TrialState.COMPLETE, end, None)
    assert isinstance(screen.file, io.StringIO)
    (line,) = screen.file.getvalue().splitlines()
    assert line.startswith(f"[1/{stage.planned}] trial 0 complete: FID 12.3 after 1,200 ")
    assert "seeds: 2 converged, 1 cycling" in line and f"lr_g = {params['lr_g']:.3g}" in line
    assert "best so far" not in progress.summary(), "of a trial with a seed that failed"
    other, _ = stage.propose()
    progress.observe(other, TrialState.RUNNING, None, None)
    progress.observe(other, TrialState.COMPLETE, reached(1200.0, 15.0, converged=3), None)
    summary = progress.summary()
    assert "1 of 6 seeds failed (1 cycling)" in summary
    assert "best so far FID 15, trial 1" in summary


def test_a_confirm_trial_is_named_by_what_it_confirms(ledger: Ledger) -> None:
    for place in range(ledger.search.planned):
        score = Outcome(True, 50.0 - place, 80.0, {"converged": 3}, {})
        ledger.search.record_end(ledger.search.propose()[0], score, None)
    stage, screen = ledger.confirm, console(120, terminal=False)
    assert stage is not None
    progress = RunProgress(ledger.spec, stage, screen)
    number, _ = stage.propose()
    progress.observe(number, TrialState.RUNNING, None, None)
    end = Outcome(True, 60.0, 80.0, {"converged": 2}, {})
    progress.observe(number, TrialState.COMPLETE, end, None)
    assert isinstance(screen.file, io.StringIO)
    best = ledger.search.planned - 1
    assert screen.file.getvalue().startswith(f"[1/1] confirm of {best} complete: FID 60 after 80 ")
    assert f"best so far FID 60, confirm of {best}" in progress.summary()


def test_the_time_left_is_that_of_the_training_left() -> None:
    clock = Clock()
    left = TimeLeft(4, clock)
    left.begin(0, 0.0)
    left.begin(1, 0.5)  # half of it by an earlier run
    assert left.seconds() is None
    clock.now += 60
    left.reach(0, 0.5)
    left.reach(1, 0.75)
    # 0.75 trials in 60 s; 0.5 + 0.25 + 2 are left.
    assert left.seconds() == pytest.approx(60 / 0.75 * 2.75)
    assert left.share == pytest.approx((0.5 + 0.75) / 4)
    left.reach(0, 1.0)
    left.end(0)
    left.end(1)  # stopped early, at 0.75: trials take 0.875 on average
    clock.now += 40
    assert left.seconds() == pytest.approx(100 / 1.25 * 2 * 0.875)
    assert left.share == pytest.approx(0.5)


def test_the_preparation_says_what_it_does_and_how_long(tmp_path: Path) -> None:
    clock = Clock()
    note = PreparationNote(tmp_path / "study" / "preparing.txt", clock)
    assert read_note(tmp_path / "study" / "preparing.txt") == ""
    note.say("loading the data")
    assert read_note(tmp_path / "study" / "preparing.txt") == "loading the data"
    clock.now += 54
    note.epoch(3, 10, 0.881)
    assert read_note(tmp_path / "study" / "preparing.txt") == (
        "training the classifier that FID looks through: epoch 3 of 10, 88%, about 2 min left, "
        "once per data set"
    )
    PreparationNote(None).say("nobody listens")


def test_amounts_have_their_unit() -> None:
    assert amount(1200.0, "generator_steps") == "1,200 generator steps"
    assert amount(37.46, "seconds") == "37.5 seconds"
