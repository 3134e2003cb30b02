"""What a trial reports: verdicts, states, counters and one record per evaluation. Free of torch.

The measures themselves are in trials/results/catalogue.py.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from ganstudy.trials.results.documents import JsonObject

HISTORY_SCHEMA = 1
"""Version of `EvaluationRow` as it is on disk, stored with every history; raised when a column
changes its meaning."""


class Verdict(StrEnum):
    """State of one seed of a trial, by the rules of trials/measures/verdict.py.

    From the best to the worst.
    """

    is_failure: bool
    """Whether a seed with this verdict is a failed one, which constraints and failure rates count.
    """
    colour: str
    """Of figures and MLflow's charts: Okabe and Ito's palette, which the colour-blind can read."""
    past: str
    """Of a failure, what a seed did: "it cycled"."""
    clause: str
    """The state of seeds at an evaluation, where a report counts them: "3 were cycling"."""
    earliest: int
    """The evaluation at which a seed can first have it. Two cannot tell a trend from a
    fluctuation, and before three most verdicts are still to come."""

    # Defaults, so that a look-up by name, Verdict("cycling"), type-checks too.
    def __new__(
        cls,
        name: str,
        is_failure: bool = False,
        colour: str = "#CCCCCC",
        past: str = "",
        clause: str = "",
        earliest: int = 1,
    ) -> Verdict:
        """Make one row of the table: the verdict's name is its value, on disk and everywhere."""
        verdict = str.__new__(cls, name)
        verdict._value_ = name
        verdict.is_failure = is_failure
        verdict.colour = colour
        verdict.past = past
        verdict.clause = clause
        verdict.earliest = earliest
        return verdict

    CONVERGED = "converged", False, "#0072B2", "", "", 3
    UNSETTLED = "unsettled", False, "#999999"
    NOT_TRAINED = "not trained yet", False, "#56B4E9", "", "were not trained yet", 3
    CYCLING = "cycling", True, "#E69F00", "cycled", "were cycling", 3
    COLLAPSED = "collapsed", True, "#D55E00", "collapsed", "had collapsed", 3
    DIVERGED = "diverged", True, "#000000", "diverged", "had diverged"
    UNKNOWN = "unknown"
    """Of imported histories alone: what the rules read was not measured. Never a verdict of a trial
    trained here.
    """


FAILURE_VERDICTS = tuple(sorted(verdict for verdict in Verdict if verdict.is_failure))
"""In alphabetical order, in which study documents list them as constraints."""
FAILURES = ", ".join(v.past for v in FAILURE_VERDICTS[:-1]) + f" or {FAILURE_VERDICTS[-1].past}"
"""What failed seeds did, in words: "collapsed, cycled or diverged"."""
WORST_FIRST = tuple(verdict for verdict in reversed(Verdict) if verdict is not Verdict.UNKNOWN)
"""The verdicts that trials trained here can have, the worst first."""


class TrialState(StrEnum):
    """How a trial ended. `pruned` was stopped by the scheduler, `failed` by an error."""

    RUNNING = "running"
    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"


class Stage(StrEnum):
    """What a trial is for.

    The design compares settings at equal amounts of training; the search finds good configurations;
    the confirm stage trains the best again on fresh seeds.
    """

    DESIGN = "design"
    SEARCH = "search"
    CONFIRM = "confirm"


OWN_SEEDS = (Stage.DESIGN, Stage.SEARCH)
"""Stages whose trials are trained on the study's own seeds, which all of them share."""
FIRST_CONFIRM = 1_000_000
"""Number of the first confirm trial: far beyond those of the search, which may be extended any
time."""


def trial_name(number: int) -> str:
    """Return a trial's name in texts: 'trial 7', or 'confirm 3'."""
    return f"trial {number}" if number < FIRST_CONFIRM else f"confirm {number - FIRST_CONFIRM}"


def confirm_name(number: int, confirms: int | None) -> str:
    """Return a confirm trial's name: 'confirm of 14', the trial whose configuration it repeats.

    'confirm 3' where no trial of the search drew the configuration.
    """
    return trial_name(number) if confirms is None else f"confirm of {confirms}"


COUNTERS = (
    "generator_steps",
    "discriminator_steps",
    "updates",
    "images",
    "seconds",
    "evaluation_seconds",
    "device_seconds",
    "peak_memory_bytes",
)
"""Cost columns of every row, see Counters."""


NO_REMEDIES = "none"
"""Label of the empty set of remedies."""


def remedy_label(names: Iterable[str]) -> str:
    """Return the names in alphabetical order: 'feature_matching+r1', or 'none'."""
    return "+".join(sorted(names)) or NO_REMEDIES


def remedies_of(label: str) -> list[str]:
    """Return the names in a label: the inverse of `remedy_label`."""
    return [] if label == NO_REMEDIES else label.split("+")


SAMPLES_KEY = "samples"
"""Key of the sample grids among a run's images; their step is the number of generator steps."""
NEAREST_KEY = "nearest"
"""Key of the pictures of the training images nearest to those of the last sample grid."""
REAL_SAMPLES_FILE = "real_samples.png"
"""Artifact of the parent run: held-out images, laid out as one seed's band of a sample grid. Where it
is there, all sample grids of images are made from the same latents, whatever the seed."""
HISTORY_FILE = "history.parquet"
"""Artifact of every trial's run: all rows of all its evaluations."""
STUDY_FILE = "study.toml"
"""Artifact of the parent run: the study file as it was written."""
IMPORTED_FILE = "import.json"
"""The same of a study that was trained elsewhere: what is known of it in the form of a study file."""
FLOOR_PREFIX = "floor/"
"""Metrics of the parent run: every measure of real training data scored as if generated."""


@dataclass
class Counters:
    """Cost of a trial so far; all of it is counted, whatever the unit of its budget."""

    generator_steps: int = 0
    discriminator_steps: int = 0
    images: int = 0
    """Real images shown to the discriminator (of a baseline: the encoder), per seed."""
    seconds: float = 0.0
    """Training time of all seeds together, without evaluations."""
    evaluation_seconds: float = 0.0
    device_seconds: float = 0.0
    """Training time on a GPU; 0 on the CPU."""
    peak_memory_bytes: int = 0
    """Largest so far, of the GPU, or of the worker's process on the CPU."""

    @property
    def updates(self) -> int:
        """Steps of both players together."""
        return self.generator_steps + self.discriminator_steps

    def on(self, unit: str) -> float:
        """Return the amount spent in `unit`, one of a budget's units."""
        return float(getattr(self, unit))

    def as_columns(self) -> dict[str, float]:
        """Return one value per name in COUNTERS."""
        return {name: getattr(self, name) for name in COUNTERS}

    @classmethod
    def from_columns(cls, columns: Mapping[str, Any]) -> Counters:
        """Return the counters that `as_columns` was called on."""
        # `updates` is the sum of two others.
        return cls(**{name: value for name, value in columns.items() if name != "updates"})


@dataclass(frozen=True)
class Provenance:
    """What a score was measured with and against. Scores of unlike provenance are not comparable."""

    extractor: str
    extractor_digest: str
    extractor_accuracy: float | None
    """Held-out accuracy of an in-domain classifier, share of images; None where there is no
    classifier.
    """
    data_digest: str
    num_generated: int
    num_real: int
    split: str
    """The real images compared with: 'held_out' images are never trained on."""
    modes: str = ""
    """What a mode is, and how many there are: "classes (10)"."""

    def to_json(self) -> JsonObject:
        """Return the provenance as plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class EvaluationRow:
    """One seed at one evaluation: a row of a trial's history."""

    seed: int
    evaluation: int
    """1 is the first."""
    finite: bool
    """Whether every parameter, sample and score is finite."""
    measures: Mapping[str, float | None]
    """By the catalogue's names; None where one could not be measured."""
    histogram: list[int] | None
    """Generated samples per mode; None where they were not sorted into modes."""
    cost: Mapping[str, float | None] = field(default_factory=dict)
    """By the names in COUNTERS; None where an imported file does not say."""
    verdict: Verdict | None = None
    """None before the verdict is known."""

    def to_json(self) -> JsonObject:
        """Return one flat object, as checkpoints, the outbox and history.parquet hold it."""
        return {
            "seed": self.seed,
            "evaluation": self.evaluation,
            "finite": self.finite,
            **self.measures,
            "histogram": self.histogram,
            **self.cost,
            "verdict": None if self.verdict is None else self.verdict.value,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> EvaluationRow:
        """Return the row that `to_json` was called on.

        Rows of older versions may lack measures, and may have others.
        """
        rest = dict(values)
        verdict = rest.pop("verdict", None)
        return cls(
            seed=rest.pop("seed"),
            evaluation=rest.pop("evaluation"),
            finite=rest.pop("finite"),
            histogram=rest.pop("histogram", None),
            cost={name: rest.pop(name) for name in COUNTERS if name in rest},
            verdict=None if verdict is None else Verdict(verdict),
            measures=rest,
        )


@dataclass
class Evaluation:
    """Result of a trial's evaluation at one point of its training, for all seeds."""

    index: int
    """1 is the first evaluation; the last equals the configured number of evaluations unless
    stopped.
    """
    counters: Counters
    rows: list[EvaluationRow]
    """One per seed, in the order of the seeds."""
    provenance: Provenance | None
    grid_png: bytes | None = None
    """Samples of every seed from latents that stay the same over the trial, as one picture."""
    start_png: bytes | None = None
    """With the first evaluation only: the same picture before any training."""
    nearest_png: bytes | None = None
    """With the last evaluation of images only: the training image nearest to each of the samples."""
    notes: list[str] = field(default_factory=list)

    def values(self, measure: str) -> list[float | None]:
        """Return the measure per seed, in the order of the seeds."""
        return [row.measures.get(measure) for row in self.rows]

    def verdicts(self) -> dict[str, int]:
        """Return the number of seeds per verdict; verdicts that no seed has are absent."""
        return dict(Counter(row.verdict.value for row in self.rows if row.verdict is not None))


def median_over_seeds(values: list[float | None], direction: str) -> float | None:
    """Return the median over seeds, where a missing value ranks as the worst.

    None if the median itself is such a value.

    direction: "down" where small values are better, "up" where large ones are.
    """
    # A diverged seed has no FID: leaving it out would reward divergence.
    worst = -math.inf if direction == "up" else math.inf
    median = statistics.median(worst if value is None else value for value in values)
    return median if math.isfinite(median) else None
