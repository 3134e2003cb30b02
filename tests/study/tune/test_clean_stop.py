"""What a trial's log says of a stop that was asked for: one line, and no traceback."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ganstudy.study.tune.trainable import Paused, TrialTrainable
from ganstudy.study.tune.trial_log import TrialLog, path
from ganstudy.study.tune.trial_task import REPORT
from ganstudy.trials.config.plugins import ChangedError


@pytest.mark.parametrize(
    "error",
    [
        Paused("SIGINT"),
        ChangedError("train.py has changed"),
        OSError(28, "No space left"),
        ValueError("x"),
    ],
)
def test_a_clean_stop_leaves_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr("sys.stdout", None)
    monkeypatch.setattr("sys.stderr", None)
    log = TrialLog(tmp_path)
    log.begin(3)

    def advance(_: Any) -> None:
        raise error

    monkeypatch.setattr(TrialTrainable, "_advance", advance)
    trainable = object.__new__(TrialTrainable)
    ended: list[tuple[str, bool]] = []
    trainable._log = log
    trainable._retries = SimpleNamespace(  # type: ignore[assignment]
        end=lambda text, harmless: ended.append((text, harmless)), failures=["one"], unwatch=int
    )
    trainable._study = SimpleNamespace(resources=SimpleNamespace(retries=0))  # type: ignore[assignment]
    result = trainable.step()
    text = path(tmp_path, 3).read_text()
    if isinstance(error, Paused | ChangedError):
        # Neither a failure of the trial's nor one that is tried again: the study waits.
        assert result[REPORT].paused == str(error) and [harmless for _, harmless in ended] == [True]
        assert "Traceback" not in text and len(text.splitlines()) == 1 and str(error) in text
    else:
        assert "Traceback" in text
