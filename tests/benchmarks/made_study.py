"""A made-up study of any size, in a real MLflow store: for benchmarks, and for tests that look at whole reports.

What is true of it: FID falls over the budget to a level that k, the learning rates and the remedy set, with
noise between configurations and between seeds; high learning rates lose seeds; two thirds are pruned early.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy
from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlParam, SqlRun, SqlTag
from PIL import Image

from ganstudy.trials.results.catalogue import MEASURES
from ganstudy.trials.results.mlflow_tags import Tag
from ganstudy.trials.results.records import HISTORY_FILE

BUDGET, MODES = 3000, 10
REMEDIES = ["none", "feature_matching", "historical_averaging", "minibatch_discrimination"]
SPACE = {
    "k": [0.5, 1, 2, 5],
    "lr_d": {"low": 1e-4, "high": 3e-3, "log": True},
    "lr_g": {"low": 1e-4, "high": 3e-3, "log": True},
    "remedies": [[] if name == "none" else [name] for name in REMEDIES],
}
PROVENANCE = {
    "extractor": "digits-classifier",
    "extractor_digest": "e1c0ffee",
    "extractor_accuracy": 0.97,
    "data_digest": "d1c0ffee",
    "num_generated": 500,
    "num_real": 500,
    "split": "held_out",
    "modes": f"classes ({MODES})",
}
BETTER = {
    "feature_matching": 0.75,
    "historical_averaging": 1.0,
    "minibatch_discrimination": 1.4,
    "none": 1.0,
}
SLOWER = {0.5: 1.3, 1.0: 1.0, 2.0: 1.05, 5.0: 1.6}


def configurations(trials: int, rng: np.random.Generator) -> pd.DataFrame:
    """One row per trial: number, k, lr_d, lr_g, remedies, level (its FID in the end) and risk (of losing a seed)."""
    frame = pd.DataFrame(
        {
            "number": range(trials),
            "k": rng.choice([0.5, 1.0, 2.0, 5.0], trials),
            "lr_d": 10 ** rng.uniform(-4, np.log10(3e-3), trials),
            "lr_g": 10 ** rng.uniform(-4, np.log10(3e-3), trials),
            "remedies": rng.choice(REMEDIES, trials),
        }
    )
    distance = np.log10(frame["lr_d"] / 4e-4) ** 2 + np.log10(frame["lr_g"] / 8e-4) ** 2
    level = (
        40
        * frame["k"].map(SLOWER)
        * frame["remedies"].map(BETTER)
        * np.exp(distance + 0.15 * rng.normal(size=trials))
    )
    return frame.assign(level=level, risk=np.clip(0.9 * np.log10(frame["lr_g"] / 4e-4), 0.02, 0.8))


def histories(
    drawn: pd.DataFrame, seeds: int, evaluations: int, rng: np.random.Generator
) -> pd.DataFrame:
    """One row per trial, seed and evaluation that was reached, with every column of a real history."""
    trials = len(drawn)
    reached = np.where(
        drawn["level"] <= drawn["level"].quantile(1 / 3), evaluations, max(1, evaluations * 3 // 10)
    )
    shape = (trials, evaluations, seeds)
    number, evaluation, seed = (axis.ravel() for axis in np.indices(shape))
    evaluation = evaluation + 1
    level = drawn["level"].to_numpy()[number] * np.exp(
        0.08 * rng.normal(size=(trials, 1, seeds))
    ).repeat(evaluations, axis=1).reshape(-1)
    lost = (
        (rng.random((trials, 1, seeds)) < drawn["risk"].to_numpy()[:, None, None])
        .repeat(evaluations, 1)
        .ravel()
    )
    kind = rng.choice(["collapsed", "cycling", "diverged"], (trials, 1, seeds), p=[0.7, 0.2, 0.1])
    kind = kind.repeat(evaluations, 1).ravel()
    late = evaluation >= 3
    verdict = np.where(lost & late, kind, np.where(evaluation >= 8, "converged", "unsettled"))
    finite = verdict != "diverged"
    fid = (
        level
        * (1 + 6 * np.exp(-4 * evaluation / evaluations))
        * np.exp(0.03 * rng.normal(size=len(level)))
    )
    fid = np.where(lost & late, 4 * fid, fid)
    columns: dict[str, Any] = {name: rng.random(len(fid)) for name in MEASURES}
    columns |= {
        "fid": fid,
        "modes_covered": np.where(lost & late, 3.0, 10.0),
        "duality_gap": np.full(len(fid), np.nan),
    }
    frame = pd.DataFrame(columns).where(pd.Series(finite), np.nan)
    counts = rng.multinomial(500, [1 / MODES] * MODES, size=len(fid))
    narrow = rng.multinomial(500, [0.6, 0.3, 0.1, *[0.0] * (MODES - 3)], size=len(fid))
    histogram = pd.Series(
        list(np.where((lost & late)[:, None], narrow, counts)), dtype=object
    ).where(finite, None)
    steps = evaluation * BUDGET // evaluations
    frame = frame.assign(
        number=number,
        seed=seed,
        evaluation=evaluation,
        finite=finite,
        verdict=verdict,
        histogram=histogram,
        generator_steps=steps,
        discriminator_steps=(steps * drawn["k"].to_numpy()[number]).astype(int),
        updates=2 * steps,
        images=64 * steps,
        seconds=steps / 300.0,
        evaluation_seconds=evaluation * 0.2,
        device_seconds=0.0,
        peak_memory_bytes=2.0e8,
    )
    return frame[evaluation <= reached[number]].reset_index(drop=True)


def sample_grid() -> bytes:
    """A small picture."""
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (64, 192), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()


def spec(name: str, trials: int, seeds: int, evaluations: int) -> dict[str, Any]:
    """As much of a study's specification as the analysis reads."""
    return {
        "name": name,
        "data": {"name": "digits"},
        "train": {
            "seeds": list(range(seeds)),
            "budget": {"unit": "generator_steps", "amount": BUDGET},
            "evaluations": evaluations,
        },
        "search": {"sampler": "random", "trials": trials, "space": SPACE},
        "objective": {"minimize": "fid", "require": {"collapsed": 0, "cycling": 0, "diverged": 0}},
    }


def fill_store(
    folder: Path,
    trials: int,
    seeds: int = 3,
    evaluations: int = 10,
    name: str = "made-up",
    seed: int = 0,
) -> str:
    """Writes a study to a new MLflow store under `folder`, past MLflow's own slow door; returns its tracking URI."""
    rng = np.random.default_rng(seed)
    drawn = configurations(trials, rng)
    rows = histories(drawn, seeds, evaluations, rng)
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = mlflow.MlflowClient(uri)
    artifacts = folder / "artifacts" / name
    experiment = client.create_experiment(name, artifacts.as_uri())
    parent_tags = {
        Tag.KIND: "study",
        Tag.STUDY: name,
        Tag.SPEC: json.dumps(spec(name, trials, seeds, evaluations)),
        Tag.QUESTION: "Which k, learning rates and remedy train without collapse?",
        Tag.MODES: json.dumps([str(mode) for mode in range(MODES)]),
        Tag.PROVENANCE: json.dumps(PROVENANCE),
        Tag.REAL_MODES: "9.9",
        Tag.SOURCE: "5c0ffee5",
        Tag.PYTHON: "3.11",
    }
    parent = client.create_run(experiment, tags=parent_tags).info.run_id
    client.log_metric(parent, "floor/fid", 8.5)
    client.log_text(parent, f'name = "{name}"\n', "study.toml")
    runs, tags, params, metrics = [], [], [], []
    names = [*MEASURES, "generator_steps", "seconds"]
    grid = folder / "grid.png"
    grid.write_bytes(sample_grid())
    table = pa.Table.from_pandas(
        rows.assign(**PROVENANCE).drop(columns="number"), preserve_index=False
    )
    for number, group in rows.groupby("number"):
        config, last = (
            drawn.iloc[int(number)],
            group[group["evaluation"] == group["evaluation"].max()],
        )
        run_id = f"{number:032x}"
        home = artifacts / run_id / "artifacts"
        (home / "images").mkdir(parents=True)
        for step in sorted({0, *group["generator_steps"]}):
            os.link(grid, home / "images" / f"samples+step+{step}+1+a.png")
        pq.write_table(table.slice(group.index[0], len(group)), home / HISTORY_FILE)
        complete = last["evaluation"].iloc[0] == evaluations
        verdicts = last["verdict"].value_counts().to_dict()
        median = last["fid"].fillna(np.inf).median()
        feasible = complete and not {"collapsed", "cycling", "diverged"} & set(verdicts)
        runs.append(
            {
                **{
                    "run_uuid": run_id,
                    "name": f"trial-{number:04d}",
                    "experiment_id": int(experiment),
                    "user_id": "",
                },
                **{
                    "status": "FINISHED" if complete else "KILLED",
                    "start_time": int(number),
                    "end_time": int(number),
                },
                **{
                    "source_type": "UNKNOWN",
                    "lifecycle_stage": "active",
                    "artifact_uri": home.as_uri(),
                },
            }
        )
        kept = {
            Tag.KIND: "trial",
            Tag.STUDY: name,
            Tag.TRIAL: str(number),
            Tag.STATE: "complete" if complete else "pruned",
            Tag.OBJECTIVE: json.dumps(median if np.isfinite(median) else None),
            Tag.FEASIBLE: json.dumps(bool(feasible)),
            Tag.VERDICTS: json.dumps(verdicts),
            Tag.CONFIG: f"c{number}",
            Tag.PUBLISHED: str(last["evaluation"].iloc[0]),
            "mlflow.parentRunId": parent,
            "mlflow.runName": f"trial-{number:04d}",
        }
        tags += [
            {"run_uuid": run_id, "key": str(key), "value": value} for key, value in kept.items()
        ]
        asked = {
            **config[["k", "lr_d", "lr_g", "remedies"]].to_dict(),
            "seeds": "0,1,2",
            "loss": "non_saturating",
        }
        params += [
            {"run_uuid": run_id, "key": key, "value": str(value)} for key, value in asked.items()
        ]
        medians = last[names].median()
        metrics += [
            {
                "run_uuid": run_id,
                "key": key,
                "value": value,
                "timestamp": 1,
                "step": BUDGET,
                "is_nan": False,
            }
            for key, value in medians.dropna().items()
        ]
    engine = sqlalchemy.create_engine(uri)
    with engine.begin() as connection:
        for model, made in (
            (SqlRun, runs),
            (SqlTag, tags),
            (SqlParam, params),
            (SqlLatestMetric, metrics),
        ):
            if made:
                connection.execute(sqlalchemy.insert(model.__table__), made)
    return uri
