"""A made-up study as frames, without MLflow: fast enough for simulations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ganstudy.analysis.frames.study import Study
from ganstudy.trials.results.facts import Origin

STEPS = 100.0
"""Generator steps between two evaluations."""


def made_frames(
    scores: Any,
    settings: Any,
    space: dict[str, Any] | None = None,
    failed: Any = None,
    reached: Any = None,
    states: Any = None,
    measure: str = "fid",
    seeds: Any = None,
    **objective: Any,
) -> Study:
    """Build a Study from scores [C, S] or [C, S, E] and settings (column -> C values).

    scores: FID by configuration, seed and evaluation (NaN: diverged from then on); failed: [C, S] of
    booleans, seeds that had collapsed from the first evaluation on; reached: [C] evaluations made
    of E; states: [C]; other measures and counters are absent, as in an imported study.
    """
    scores = np.asarray(scores, dtype=float)
    scores = scores[:, :, None] if scores.ndim == 2 else scores
    configurations, num_seeds, evaluations = scores.shape
    table = pd.DataFrame({"number": range(configurations), **settings})
    reached = np.full(configurations, evaluations) if reached is None else np.asarray(reached)
    states = ["complete"] * configurations if states is None else states
    c, s, e = (axis.ravel() for axis in np.indices(scores.shape))
    rows = pd.DataFrame(
        {"number": c, "seed": np.asarray(seeds or range(num_seeds))[s], "evaluation": e + 1}
    )
    rows[measure] = scores.ravel()
    rows["finite"] = rows[measure].notna()
    gone = (
        np.zeros(scores.shape, dtype=bool)
        if failed is None
        else np.broadcast_to(np.asarray(failed)[:, :, None], scores.shape)
    )
    rows["verdict"] = np.where(
        ~rows["finite"], "diverged", np.where(gone.ravel(), "collapsed", "unsettled")
    )
    k = pd.to_numeric(table["k"], errors="coerce").to_numpy()[c] if "k" in table else 1.0
    rows["generator_steps"] = STEPS * (e + 1)
    rows["discriminator_steps"] = k * rows["generator_steps"]
    rows["updates"] = rows["generator_steps"] + rows["discriminator_steps"]
    rows["images"] = 64 * rows["discriminator_steps"]
    rows["seconds"] = rows["updates"] / STEPS
    rows = rows[rows["evaluation"] <= reached[c]].reset_index(drop=True)
    table = table.assign(
        state=states,
        config_digest=[f"c{i}" for i in range(configurations)],
        num_seeds=num_seeds,
    )
    table = table.assign(evaluations=reached, feasible=True, run_id="", error="")
    spec = {
        "name": "made",
        "train": {
            "budget": {"unit": "generator_steps", "amount": STEPS * evaluations},
            "evaluations": evaluations,
        },
        "search": {"sampler": "random", "space": space or {}},
        "objective": objective or {"minimize": measure},
    }
    return Study("made", spec, "", {}, {}, [], float("nan"), Origin(), table, rows, None)
