"""MLflow is asked for no telemetry before it is imported, whichever module of analysis comes first."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

CODE = """
import os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "mlflow":
            print(os.environ.get("MLFLOW_DISABLE_TELEMETRY"))
sys.meta_path.insert(0, Watch())
import MODULE
"""


@pytest.mark.parametrize(
    "module", ["ganstudy.analysis.frames.load", "ganstudy.analysis.frames.study"]
)
def test_telemetry_is_off_when_mlflow_is_imported(module: str) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
    command = [sys.executable, "-c", CODE.replace("MODULE", module)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == "true\n"
