"""The ledger's database says nothing of an interruption, and keeps saying what is wrong with it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import event

from ganstudy.study.ledger.storage import open_storage


@pytest.mark.parametrize(("error", "logged"), [(KeyboardInterrupt, 0), (RuntimeError, 1)])
def test_an_interruption_within_a_transaction_leaves_no_traceback(
    error: type[BaseException],
    logged: int,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = open_storage(tmp_path / "ledger.db").engine
    interrupted = []

    @event.listens_for(engine, "reset")
    def _rolled_back(*_arguments: object) -> None:
        if not interrupted:
            interrupted.append(True)
            raise error

    connection = engine.connect()
    connection.exec_driver_sql("select 1")
    with suppress(error):
        connection.close()
    assert interrupted
    assert [record.exc_info is not None for record in caplog.records] == [True] * logged
