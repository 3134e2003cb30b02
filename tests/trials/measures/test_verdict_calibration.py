"""How often the verdicts are right: samplers that behave by construction, through the real Evaluator.

Every state a sampler can be in is scored a few times; a trial is a draw from those scores, evaluation by evaluation.
`pytest tests/trials/measures/test_verdict_calibration.py -s` prints the table of docs/verdicts.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ganstudy.trials.config.data import Digits, Ring, StackedDigits
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.data import Dataset, as_float, load
from ganstudy.trials.measures.scoring.evaluator import Evaluator
from ganstudy.trials.measures.verdict import MIN_WINDOW, verdict
from ganstudy.trials.results.records import EvaluationRow, Verdict

pytestmark = pytest.mark.slow

DRAWS, PLANNED = 100, 10
EXHAUSTIVE = pytest.mark.exhaustive
SETTINGS = (
    "ring of 500",
    "digits of 200",
    "digits in bins of 500",
    pytest.param("ring of 2500", marks=EXHAUSTIVE),
    pytest.param("digits of 1000", marks=EXHAUSTIVE),
    pytest.param("digits in bins of 1000", marks=EXHAUSTIVE),
    "stacked digits of 500",
)
"""Data, and samples per evaluation."""
STAGES = (1.0, 0.7, 0.4, 0.15)
"""Shares of noise among the samples of a generator that improves."""
SHRUNK = tuple(0.03 * step for step in range(1, PLANNED + 1))
"""Distances from the mean, in units of real ones, of a generator that has hardly begun."""
CLEARER = (0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05)
"""Shares of noise of a generator that stays on one mode of the data and whose FID falls all the way."""
LOST = EvaluationRow(0, 1, finite=False, measures={}, histogram=None)


@dataclass
class Samplers:
    """Draws samples of one data set in a given state, and scores them."""

    evaluator: Evaluator
    labels: Tensor
    """Mode of every training sample [N]."""
    num_modes: int
    stream: torch.Generator

    @property
    def dataset(self) -> Dataset:
        return self.evaluator.dataset

    def of_modes(self, *modes: int) -> Tensor:
        return self._among(torch.isin(self.labels, torch.tensor(modes)).nonzero().flatten())

    def perfect(self) -> Tensor:
        return self._among(torch.arange(len(self.labels)))

    def memorised(self) -> Callable[[], Tensor]:
        """Draws from one training sample per mode."""
        order = torch.randperm(len(self.labels), generator=self.stream)
        found = [order[self.labels[order] == mode][:1] for mode in range(self.num_modes)]
        return lambda: self._among(torch.cat(found))

    def noise(self) -> Tensor:
        uniform = torch.rand(
            self.evaluator.num_generated, *self.dataset.shape, generator=self.stream
        )
        return 2 * uniform - 1 if self.dataset.is_images else 3 * uniform - 1.5

    def partly_noise(self, share: float) -> Tensor:
        good, bad = self.perfect(), self.noise()
        noisy = torch.rand(len(good), generator=self.stream) < share
        return torch.where(noisy.view(-1, *[1] * len(self.dataset.shape)), bad, good)

    def shrunk(self, share: float) -> Tensor:
        """Samples around the mean, as a generator that has only begun makes them; 1 is real data."""
        mean = as_float(self.dataset.train).mean(dim=0, keepdim=True)
        return mean + share * (self.perfect() - mean)

    def noisy_mode(self, share: float) -> Tensor:
        """One mode, and noise instead of a share of its samples."""
        noisy = torch.rand(self.evaluator.num_generated, generator=self.stream) < share
        noisy = noisy.view(-1, *[1] * len(self.dataset.shape))
        return torch.where(noisy, self.noise(), self.of_modes(0))

    def scored(self, draw: Callable[[], Tensor], times: int) -> list[EvaluationRow]:
        rows = []
        for _ in range(times):
            ((scores, histogram),) = self.evaluator.measure(draw().unsqueeze(0))
            rows.append(EvaluationRow(0, 1, True, scores, histogram))
        return rows

    def _among(self, indices: Tensor) -> Tensor:
        chosen = torch.randint(len(indices), (self.evaluator.num_generated,), generator=self.stream)
        return as_float(self.dataset.train[indices[chosen]])


def make_samplers(setting: str, classifier: Any) -> Samplers:
    name, num = setting.split(" of ")
    options = {
        "ring": Ring(),
        "stacked digits": StackedDigits(num_stacks=5000, held_out_stacks=1000),
    }
    dataset = load(options.get(name, Digits()))
    binned = {"extractor": "pixels", "modes": "bins"} if name == "digits in bins" else {}
    evaluator = Evaluator(
        dataset, classifier, torch.device("cpu"), MeasuresConfig(samples=int(num), **binned)
    )
    if dataset.mixture is not None:
        labels, num_modes = (
            torch.cdist(dataset.train, dataset.mixture.means).argmin(dim=1),
            len(dataset.mixture.means),
        )
    else:
        assert dataset.train_labels is not None and dataset.class_names is not None
        labels, num_modes = dataset.train_labels, len(dataset.class_names)
    return Samplers(evaluator, labels, num_modes, torch.Generator().manual_seed(0))


class Trials:
    """Trials of samplers on one data set: rows in the order of the evaluations."""

    def __init__(self, samplers: Samplers) -> None:
        half = samplers.num_modes // 2
        self.rng = np.random.default_rng(0)
        self.perfect = samplers.scored(samplers.perfect, 16)
        self.modes = [
            samplers.scored(lambda m=m: samplers.of_modes(m), 2)
            for m in range(min(10, samplers.num_modes))
        ]
        self.halves = [
            samplers.scored(lambda: samplers.of_modes(*range(half)), 4),
            samplers.scored(lambda: samplers.of_modes(*range(half, samplers.num_modes)), 4),
        ]
        self.memorised = [samplers.scored(samplers.memorised(), 2) for _ in range(4)]
        self.noise = samplers.scored(samplers.noise, 4)
        self.stages = [samplers.scored(lambda s=s: samplers.partly_noise(s), 2) for s in STAGES]
        self.shrunk = [samplers.scored(lambda s=s: samplers.shrunk(s), 2) for s in SHRUNK]
        self.clearer = [samplers.scored(lambda s=s: samplers.noisy_mode(s), 2) for s in CLEARER]
        self.floor = samplers.evaluator.floor

    def of(self, *pools: list[EvaluationRow]) -> list[EvaluationRow]:
        return [pool[self.rng.integers(len(pool))] for pool in pools]

    def one_mode(self) -> list[EvaluationRow]:
        return self.of(*[self.modes[self.rng.integers(len(self.modes))]] * PLANNED)

    def memorising(self) -> list[EvaluationRow]:
        return self.of(*[self.memorised[self.rng.integers(len(self.memorised))]] * PLANNED)

    def moving(self) -> list[EvaluationRow]:
        """Every evaluation another mode."""
        steps = self.rng.integers(1, len(self.modes), size=PLANNED)
        return self.of(*(self.modes[at % len(self.modes)] for at in np.cumsum(steps)))

    def improving(self) -> list[EvaluationRow]:
        return self.of(*self.stages, *[self.perfect] * (PLANNED - len(STAGES)))

    def still_improving(self) -> list[EvaluationRow]:
        return self.of(*[self.noise] * (PLANNED - len(STAGES)), *self.stages)

    def begun(self) -> list[EvaluationRow]:
        """The first evaluations of a training that takes three times as many."""
        return self.of(*self.shrunk)

    def stuck_from_the_start(self) -> list[EvaluationRow]:
        return self.of(*self.shrunk[:2], *[self.shrunk[2]] * (PLANNED - 2))

    def collapsing(self) -> list[EvaluationRow]:
        mode = self.modes[self.rng.integers(len(self.modes))]
        return self.of(*self.stages, self.perfect, *[mode] * (PLANNED - len(STAGES) - 1))

    def named(self) -> Iterator[tuple[str, Callable[[], list[EvaluationRow]], set[Verdict]]]:
        """(sampler, trial, verdicts that are right at its end)"""
        first, second = self.halves
        yield "perfect", lambda: self.of(*[self.perfect] * PLANNED), {Verdict.CONVERGED}
        yield "improving, then perfect", self.improving, {Verdict.CONVERGED}
        yield "still improving", self.still_improving, {Verdict.UNSETTLED}
        yield "hardly begun", self.begun, {Verdict.NOT_TRAINED}
        yield (
            "begun, then no further",
            self.stuck_from_the_start,
            {Verdict.COLLAPSED, Verdict.UNSETTLED},
        )
        yield "broad, then one mode", self.collapsing, {Verdict.COLLAPSED}
        yield "one mode, less and less noise", lambda: self.of(*self.clearer), {Verdict.COLLAPSED}
        yield "one mode", self.one_mode, {Verdict.COLLAPSED}
        yield "one mode, then another", self.hop, {Verdict.COLLAPSED}
        yield "half the modes", lambda: self.of(*[first] * PLANNED), {Verdict.COLLAPSED}
        yield "one sample per mode", self.memorising, {Verdict.COLLAPSED}
        yield "one mode, moving", self.moving, {Verdict.CYCLING}
        yield (
            "halves in turn",
            lambda: self.of(*[first, second] * (PLANNED // 2)),
            {Verdict.CYCLING},
        )
        yield (
            "noise",
            lambda: self.of(*[self.noise] * PLANNED),
            {Verdict.UNSETTLED, Verdict.COLLAPSED},
        )
        yield (
            "perfect, then NaN",
            lambda: [*self.of(*[self.perfect] * (PLANNED - 1)), LOST],
            {Verdict.DIVERGED},
        )

    def hop(self) -> list[EvaluationRow]:
        before, after = self.rng.choice(len(self.modes), size=2, replace=False)
        at = self.rng.integers(1, PLANNED)
        return self.of(*[self.modes[before]] * at, *[self.modes[after]] * (PLANNED - at))


TOO_FEW = {
    "half the modes": {Verdict.UNSETTLED},
    "halves in turn": {Verdict.UNSETTLED},
    "one sample per mode": {Verdict.CONVERGED},
}
"""500 samples of 1000 modes fall on 394 of them, and on 316 where there are only 500: that shows, but is no proof of
collapse. One sample per mode is as good as new ones where a mode is drawn every other time."""


IN_BINS = {"hardly begun": {Verdict.COLLAPSED}}
"""Compared by their pixels, samples near the mean of all pictures lie where real ones are densest: such a beginning
looks like a collapse onto one mode."""
LIMITS = {"stacked digits": TOO_FEW, "digits in bins": IN_BINS}
"""By data, samplers whose verdict is another one than `Trials.named` says."""


@pytest.fixture(scope="module")
def trials_of(classifier) -> Callable[[str], Trials]:
    made: dict[str, Trials] = {}

    def make(setting: str) -> Trials:
        if setting not in made:
            made[setting] = Trials(make_samplers(setting, classifier))
        return made[setting]

    return make


@pytest.mark.parametrize("setting", SETTINGS)
def test_verdicts_are_right(setting: str, trials_of: Callable[[str], Trials]) -> None:
    trials = trials_of(setting)
    limits = LIMITS.get(setting.split(" of ")[0], {})
    print(f"\n{setting}: {DRAWS} trials of {PLANNED} evaluations each")
    for sampler, trial, right in trials.named():
        right = limits.get(sampler, right)
        counts = Counter(verdict(trial(), PLANNED, trials.floor) for _ in range(DRAWS))
        print(f"  {sampler:26s}", ", ".join(f"{n} {found}" for found, n in counts.most_common()))
        assert sum(counts[one] for one in right) >= 95, (sampler, counts)


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_evaluation_calls_them_anything_else(
    setting: str, trials_of: Callable[[str], Trials]
) -> None:
    """A perfect sampler is never called collapsed or cycling, one mode always collapsed, a moving mode cycling."""
    trials = trials_of(setting)
    for _ in range(DRAWS // 4):
        perfect, one_mode, moving = (
            trials.of(*[trials.perfect] * PLANNED),
            trials.one_mode(),
            trials.moving(),
        )
        for seen in range(MIN_WINDOW, PLANNED + 1):
            assert verdict(perfect[:seen], PLANNED, trials.floor) in (
                Verdict.CONVERGED,
                Verdict.UNSETTLED,
            )
            assert verdict(one_mode[:seen], PLANNED, trials.floor) is Verdict.COLLAPSED
            assert verdict(moving[:seen], PLANNED, trials.floor) is Verdict.CYCLING
