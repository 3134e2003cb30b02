"""What trials cost, by how they ended, counted by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd

from ganstudy.analysis.tables.cost_by_state import cost_by_state


def test_seconds_are_summed_by_state() -> None:
    trials = pd.DataFrame({"state": ["complete", "pruned", "complete"], "seconds": [1.0, 0.5, 2.0]})
    study: Any = SimpleNamespace(trials=trials)
    table = cost_by_state(study).set_index("state")
    assert table["trials"].to_dict() == {"complete": 2, "pruned": 1}
    assert table["seconds"].to_dict() == {"complete": 3.0, "pruned": 0.5}
