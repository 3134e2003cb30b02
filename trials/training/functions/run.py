"""What a training function is given: its parameters, its data, and how it is counted and evaluated.

    def train(run):
        p = run.params
        G, D = Generator(p["width"]).to(run.device), Discriminator().to(run.device)
        oG, oD = Adam(G.parameters(), p["lr_g"]), Adam(D.parameters(), p["lr_d"])
        run.keep(G=G, D=D, oG=oG, oD=oD)
        for step in run.steps():
            ...
            run.count(discriminator_steps=1, images=64, loss_d=loss_d, loss_g=loss_g)
            if run.due():
                run.evaluate(lambda z: G(z), latent_dim=100)

docs/training-function.md describes every name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganstudy.trials.config.global_streams import kept_streams, seed_all
from ganstudy.trials.config.trial import Budget
from ganstudy.trials.data.dataset import as_float
from ganstudy.trials.ensemble.streams import Batches, Flips, LatentKind, Latents, derive, mirrored
from ganstudy.trials.training.functions.inputs import TrainingData
from ganstudy.trials.training.functions.kept import KeptObjects
from ganstudy.trials.training.functions.samples import SampleRequest, Samples, samples_of
from ganstudy.trials.training.functions.seed_state import SeedState
from ganstudy.trials.training.functions.seed_thread import SeedThread
from ganstudy.trials.training.prefetch import HostImages
from ganstudy.trials.training.training_loop import PROGRESS_SECONDS

REHEARSED_SAMPLES = 8
MOST_IDLE = 10_000
"""Steps in which nothing is counted on the budget's axis."""


class RunError(ValueError):
    """A training function does not keep to what `Run` asks of it."""


@dataclass(frozen=True)
class ToScore:
    """Handed over by run.evaluate: what to score and to show."""

    samples: Samples
    finite: bool
    """Whether all parameters of the networks kept are finite."""


class Begin:
    """Handed over before the first step: all is built, and the random streams may go on."""


class Boundary:
    """Handed over between two steps: the state is whole, and may be saved."""


@dataclass(frozen=True)
class Setting:
    """What is the same for all calls of a trial's function, but for the seed."""

    params: dict[str, Any]
    budget: Budget
    evaluations: int
    data: TrainingData
    device: torch.device
    num_samples: int
    """That are scored at an evaluation."""
    on_device: Callable[[], Tensor | HostImages]
    """Returns the training images, to be read by index where they are trained on."""
    rehearsed: int = 0
    """Passes of the loop between two evaluations of a rehearsal, whatever the budget; 0: none is."""


class Run:
    """One seed of a trial, as its training function sees it."""

    def __init__(
        self,
        setting: Setting,
        seed: int,
        folder: Path,
        state: SeedState,
        thread: SeedThread,
    ) -> None:
        self.params: dict[str, Any] = dict(setting.params)
        self.seed = seed
        self.device = setting.device
        self.data = setting.data
        self.folder = folder
        self.budget = setting.budget
        self.num_samples = setting.num_samples
        self._setting = setting
        self._position = state.position
        self._kept = state.kept
        self._streams = state.streams
        self._losses = state.losses
        self._own = state.own
        self._thread = thread
        self._begun_steps = False
        self._stepped = False
        """Whether this pass of the loop has counted its generator step."""
        self._evaluated = False
        """Whether this pass of the loop has evaluated."""
        self._since = 0.0
        """Time since which seconds are not counted yet; 0 where they are not."""

    # --- what goes on after an interruption

    def keep(self, **objects: Any) -> None:
        """Keep objects with a state in every checkpoint, and restore them here after an interruption.

        Name all that the training depends on: networks, optimisers, schedulers, averages.
        """
        self._thread.check_open()
        if self._begun_steps:
            raise RunError("run.keep must be called before the loop over run.steps()")
        _as_run_error(self._kept.add, objects)

    def steps(self) -> Iterator[int]:
        """Iterate over the steps that are left, counted from 0: pass by pass to the budget's end."""
        self._thread.check_open()
        if self._begun_steps:
            raise RunError("run.steps() must be gone through once, and this is a second loop")
        if not self._kept:
            raise RunError(
                "run.keep(...) must name networks and optimisers before the loop over run.steps(): "
                "what it does not name begins anew after an interruption"
            )
        _as_run_error(self._kept.check_complete)
        self._begun_steps = True
        self._hand_over(Begin())
        position = self._position
        idle, amount, tick = 0, self._amount(), time.perf_counter() + PROGRESS_SECONDS
        self._since = time.perf_counter()
        while position.evaluations < self._setting.evaluations:
            self._stepped = self._evaluated = False
            position.iterations += 1
            yield position.iterations - 1
            self._settle()
            now = self._amount()
            idle = 0 if now > amount else idle + 1
            amount = now
            self._check_pass(idle)
            if self._evaluated or time.perf_counter() >= tick:
                # After the last one, what stands behind the loop is done at once.
                if position.evaluations < self._setting.evaluations:
                    self._hand_over(Boundary())
                tick = time.perf_counter() + PROGRESS_SECONDS

    # --- counting

    def count(
        self,
        *,
        generator_steps: int | None = None,
        discriminator_steps: int = 0,
        images: int = 0,
        loss_d: Any = None,
        loss_g: Any = None,
    ) -> None:
        """Count what this pass of the loop has made; one generator step unless said.

        images: real ones shown to the discriminator. loss_d, loss_g: numbers or tensors, of which
        evaluations report the means.
        """
        self._check_loop("count")
        counters = self._position.counters
        if generator_steps is None:
            generator_steps = 0 if self._stepped else 1
        self._stepped = True
        if generator_steps < 0 or discriminator_steps < 0 or images < 0:
            raise RunError(
                "run.count takes amounts >= 0, got "
                f"generator_steps={generator_steps}, discriminator_steps={discriminator_steps}, "
                f"images={images}"
            )
        counters.generator_steps += int(generator_steps)
        counters.discriminator_steps += int(discriminator_steps)
        counters.images += int(images)
        if loss_d is not None:
            _as_run_error(self._losses.add, "loss_d", loss_d)
        if loss_g is not None:
            _as_run_error(self._losses.add, "loss_g", loss_g)

    def log(self, **metrics: Any) -> None:
        """Report metrics of your own by name: numbers, or tensors with one element.

        Each evaluation has the last value since the one before, as own/NAME; nothing is decided by it.
        """
        self._check_loop("log")
        for name, value in metrics.items():
            _as_run_error(self._own.put, name, value)

    def due(self) -> bool:
        """Return whether an evaluation is due."""
        self._check_loop("due")
        self._settle()
        return self._amount() >= self._due_at()

    @property
    def progress(self) -> float:
        """Share of the budget that is spent, from 0 to 1."""
        return min(1.0, self._amount() / self._total())

    def _check_loop(self, name: str) -> None:
        if not self._begun_steps:
            raise RunError(f"run.{name} must be called in the loop over run.steps()")

    def _settle(self) -> None:
        """Count the generator step of a pass that has counted nothing."""
        if not self._stepped:
            self._position.counters.generator_steps += 1
            self._stepped = True

    def _amount(self) -> float:
        """Return what is spent on the budget's axis."""
        if self._setting.rehearsed:
            return self._position.iterations
        if self.budget.unit == "seconds":
            self._take_time()
        return self._position.counters.on(self.budget.unit)

    def _due_at(self) -> float:
        """Return where on the budget's axis the next evaluation is due."""
        done = self._position.evaluations
        return self._total() * (done + 1) / self._setting.evaluations

    def _spent(self, amount: float) -> str:
        """Return an amount on the budget's axis in words."""
        if self._setting.rehearsed:
            return f"{amount:g} steps of a rehearsal"
        return f"{amount:g} {self.budget.unit.replace('_', ' ')}"

    def _total(self) -> float:
        """Return the length of the budget's axis."""
        setting = self._setting
        return setting.rehearsed * setting.evaluations or self.budget.amount

    def _take_time(self) -> None:
        """Count the time since the last call, where training goes on."""
        if self._since:
            now = time.perf_counter()
            self._position.counters.seconds += now - self._since
            self._since = now

    def _check_pass(self, idle: int) -> None:
        """Raise RunError where the pass that ended should have done something else."""
        unit = self.budget.unit
        if idle >= MOST_IDLE:
            raise RunError(
                f"the budget counts {unit}, and {MOST_IDLE} steps have counted none: say "
                f"run.count({unit if unit != 'updates' else 'discriminator_steps'}=...)"
            )
        if self.due():
            raise RunError(
                f"an evaluation was due at {self._spent(self._due_at())}, and run.evaluate was not "
                "called: call it in every pass of the loop in which run.due() is true"
            )

    # --- evaluating

    def evaluate(
        self,
        sampler: Callable[[Tensor], Any] | None = None,
        *,
        latent_dim: int | None = None,
        latent: LatentKind = "normal",
        images: Any = None,
    ) -> None:
        """Score samples of this seed as the study does; due where run.due() is true.

        sampler: maps latents [n, latent_dim] to images or points [n, *shape], called without
        gradients, with the networks kept in evaluation mode. latent: of latents that stay the same
        over the training: N(0, I), or "uniform" on [-1, 1]. images: in place of the two, a tensor or
        an array of run.num_samples images or points, or a folder of pictures.
        """
        self._thread.check_open()
        self._check_loop("evaluate")
        if not self.due():
            raise RunError(
                f"run.evaluate comes before it is due, at {self._spent(self._amount())}, and the next "
                f"evaluation is at {self._due_at():g}; call it where run.due() is true"
            )
        if self.device.type == "cuda":
            # Kernels run behind Python; without waiting, their time would count as evaluation.
            torch.cuda.synchronize(self.device)
        self._take_time()
        self._since = 0.0
        begun = time.perf_counter()
        sampled = REHEARSED_SAMPLES if self._setting.rehearsed else self.num_samples
        num = sampled if images is None else self.num_samples
        request = SampleRequest(sampler, latent_dim, latent, images, num)
        with _evaluating(self._kept):
            samples = _as_run_error(samples_of, request, self.data, self.seed, self.device)
        self._position.counters.evaluation_seconds += time.perf_counter() - begun
        self._hand_over(ToScore(samples, self._kept.finite()))
        self._evaluated = True
        self._since = time.perf_counter()

    # --- streams of the seed's own

    def batches(self, n: int, stream: str = "discriminator") -> Iterator[Tensor]:
        """Return the seed's batches of n training images: each once per epoch, drawn anew by epoch.

        On run.device, as floats, mirrored at random where [data] says mirror = true. They are those
        of built-in training with batches of n, by the number drawn.
        """
        self._thread.check_open()
        name = f"batches/{stream}"

        def make() -> Callable[[int], Tensor]:
            drawn = (self.seed,), name, len(self.data), n, self.device
            order, flips = Batches(*drawn), Flips(*drawn)
            images = self._setting.on_device()
            if self.data.mirror:
                return lambda step: mirrored(as_float(images[order.at(step)[0]]), flips.at(step)[0])
            return lambda step: as_float(images[order.at(step)[0]])

        _as_run_error(_whole, "n", n)
        found: Iterator[Tensor] = _as_run_error(self._streams.stream, name, (n,), make)
        return found

    def latents(
        self, n: int, dim: int, stream: str = "generator", latent: LatentKind = "normal"
    ) -> Iterator[Tensor]:
        """Return the seed's batches of latents [n, dim], on run.device.

        stream: "generator" and "discriminator" are those of the players' steps in built-in training.
        """
        self._thread.check_open()
        name = f"latents/{stream}"

        def make() -> Callable[[int], Tensor]:
            drawn = Latents((self.seed,), name, n, dim, self.device, latent)
            return lambda step: drawn.at(step)[0]

        _as_run_error(_whole, "n", n)
        _as_run_error(_whole, "dim", dim)
        asked = (n, dim, latent)
        found: Iterator[Tensor] = _as_run_error(self._streams.stream, name, asked, make)
        return found

    @contextmanager
    def initialisation(self, player: str) -> Iterator[None]:
        """Context manager under whose random numbers built-in training builds that player.

        player: "generator" or "discriminator", or any other name. Outside of it all random streams
        stay where they were.
        """
        devices = [self.device] if self.device.type == "cuda" else []
        with kept_streams(), torch.random.fork_rng(devices=devices):
            seed_all(derive(self.seed, "initialisation", player))
            yield

    def _hand_over(self, what: Any) -> None:
        self._take_time()
        self._since = 0.0
        self._thread.hand_over(what)
        self._since = time.perf_counter()


def _whole(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be a whole number >= 1, got {value!r}")


def _as_run_error(call: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a call returns; what it refuses is a mistake of the training function."""
    try:
        return call(*arguments)
    except RunError:
        raise
    except ValueError as error:
        raise RunError(str(error)) from error


@contextmanager
def _evaluating(kept: KeptObjects) -> Iterator[None]:
    """Context manager in which the networks kept are in evaluation mode."""
    modes = [(part, part.training) for module in kept.modules() for part in module.modules()]
    for module in kept.modules():
        module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
