"""Rows on disk: one flat object each, as history.parquet and checkpoints have always held them."""

from __future__ import annotations

import json

from ganstudy.trials.results.records import Counters, Evaluation, EvaluationRow, Verdict
from ganstudy.trials.training.trial_state import TrialPosition

ON_DISK = """
{"seed": 3, "evaluation": 2, "finite": true, "fid": 0.25, "kid": null, "histogram": [4, 6],
 "generator_steps": 20, "discriminator_steps": 40, "updates": 60, "images": 640, "seconds": 1.5,
 "evaluation_seconds": 0.5, "device_seconds": 0.0, "peak_memory_bytes": 1024,
 "verdict": "cycling"}
"""


def test_a_row_on_disk_is_read_and_written_as_it_was() -> None:
    """Key by key in the same order, which is that of the columns of history.parquet."""
    row = EvaluationRow.from_json(json.loads(ON_DISK))
    assert (row.seed, row.evaluation, row.finite, row.histogram) == (3, 2, True, [4, 6])
    assert row.measures == {"fid": 0.25, "kid": None} and row.verdict is Verdict.CYCLING
    assert row.cost["updates"] == 60 and len(row.cost) == 8
    assert json.dumps(row.to_json()) == json.dumps(json.loads(ON_DISK))


def test_a_row_of_another_version_keeps_what_is_unknown_here() -> None:
    values = json.loads(ON_DISK) | {"a_measure_of_another_version": 1.5}
    del values["verdict"], values["device_seconds"]
    row = EvaluationRow.from_json(values)
    assert row.verdict is None and "device_seconds" not in row.cost
    assert row.to_json() == values | {"verdict": None}


def test_an_evaluation_counts_verdicts_and_reads_measures() -> None:
    row = EvaluationRow.from_json(json.loads(ON_DISK))
    evaluation = Evaluation(2, Counters(), [row, row], None)
    assert evaluation.verdicts() == {"cycling": 2}
    assert evaluation.values("fid") == [0.25, 0.25] and evaluation.values("recall") == [None, None]


def test_the_position_in_a_checkpoint_of_before_is_read() -> None:
    """Counters without `updates`, rows as flat objects, no notes."""
    counters = {"generator_steps": 20, "discriminator_steps": 40, "images": 640, "seconds": 1.5}
    state = {
        "config": "0a1b",
        "counters": counters,
        "evaluations_done": 2,
        "history": [json.loads(ON_DISK)],
        "loss_counts": {"loss_d": 4, "loss_g": 2},
    }
    position = TrialPosition.from_json(state)
    assert position.counters.updates == 60 and position.history[0].seed == 3
    again = TrialPosition.from_json(json.loads(json.dumps(position.to_json())))
    assert again == position and position.to_json()["history"] == [json.loads(ON_DISK)]
