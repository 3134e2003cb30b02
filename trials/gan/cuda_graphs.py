"""Capture training steps on a GPU once as a CUDA graph, and replay them.

Replaying spares Python and the launching of kernels one by one.

A step of small networks is hundreds of kernels of a few microseconds each, and launching them takes
far longer than running them; a CUDA graph launches them at once. What is captured must be a
function of tensors that stay in place: batches and random numbers are copied to where the graph
reads them, parameters and moments are updated in place. So a replayed step gives the numbers of an
eager one, and a checkpoint may be written or read between any two.

Graphs keep the memory of a step for themselves, which an evaluation may need: the training loop
frees them first where memory is scarce.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakMethod

import torch
from torch import Tensor

from ganstudy.trials.ensemble.memory import is_out_of_memory, release
from ganstudy.trials.ensemble.step_context import Batch, Player, StepContext
from ganstudy.trials.gan.trainer import NORM_EVERY, GanTrainer

StepResult = tuple[Tensor, Tensor | None]
"""The loss [S] and the gradient's norm [S] of a step, in tensors that every replay overwrites."""
Step = Callable[[], StepResult]
Recorder = Callable[[Step], Step]
"""Captures a step; returns its replay."""
EAGER_FIRST = 3
"""Eager steps of a player before the capture: cuBLAS, cuDNN and the optimiser set themselves up in
them, which may not happen in a capture. torch's own examples take as many."""


class StaticContext(StepContext):
    """Random numbers of a captured step: each in one tensor, which `refill` draws anew."""

    current: StepContext
    """Of the step that is being made."""
    tensors: dict[str, tuple[Tensor, Any, tuple[int, ...]]]
    """By name: the numbers, the function that draws them, and their shape."""

    def __init__(self, context: StepContext) -> None:
        super().__init__(
            context.player, context.step, context.progress, context.seeds, context.device
        )
        self.__dict__.update(current=context, tensors={})  # a StepContext is frozen

    def _drawn(self, draw: Any, name: str, shape: tuple[int, ...]) -> Tensor:
        if name not in self.tensors:
            self.tensors[name] = (self.current._drawn(draw, name, shape), draw, shape)
        return self.tensors[name][0]

    def refill(self, context: StepContext) -> None:
        """Draw all numbers anew, from the streams of `context`."""
        self.__dict__.update(current=context)
        for name, (tensor, draw, shape) in self.tensors.items():
            tensor.copy_(context._drawn(draw, name, shape))


class CudaGraphStepper:
    """Makes the steps of a trainer whose `recordable` holds; takes its place in the training loop.

    `fallback_reason` is why the steps run eagerly after all, or None.
    """

    def __init__(
        self, trainer: GanTrainer, make_recorder: Callable[[], Recorder] | None = None
    ) -> None:
        """Hold the steps of one training.

        make_recorder: returns a recorder whose graphs share their memory; GraphRecorder, unless a
        test says otherwise.
        """
        self._trainer = trainer
        self._make_recorder = make_recorder or GraphRecorder
        self._record = self._make_recorder()
        self.fallback_reason: str | None = None
        self._batches: dict[Player, Batch] = {}
        self._eager_steps: dict[Player, int] = {}
        self._replays: dict[Player, Step] = {}
        # Weakly: in a reference cycle, the GPU's memory would outlive the trial until Python
        # collects garbage.
        forget = WeakMethod(self.forget)

        def forget_graphs(_: torch.optim.Optimizer) -> None:
            if (found := forget()) is not None:
                found()

        for optimiser in trainer.optimisers.values():
            # Reading a checkpoint replaces the very tensors of moments that a graph updates.
            optimiser.register_load_state_dict_post_hook(forget_graphs)

    def notes(self) -> list[str]:
        """Return why steps run eagerly, one sentence; empty if they do not."""
        if self.fallback_reason is None:
            return []
        return [f"the GPU's steps run eagerly, without CUDA graphs: {self.fallback_reason}"]

    def discriminator_step(self, batch: Batch) -> Tensor:
        """Make one step of the discriminators; return the loss per seed [S]."""
        return self._step("discriminator", batch)

    def generator_step(self, batch: Batch) -> Tensor:
        """Make one step of the generators; return the loss per seed [S]."""
        return self._step("generator", batch)

    def _step(self, player: Player, batch: Batch) -> Tensor:
        static = self._copy_to_static(player, batch)
        eager_steps = self._eager_steps.get(player, 0)
        if (
            player not in self._replays
            and eager_steps >= EAGER_FIRST
            and self.fallback_reason is None
        ):
            self._try_to_capture(player, static)
        with_norm = batch.context.step % NORM_EVERY == 0
        replay = self._replays.get(player)
        if replay is not None:
            loss, norm = replay()
        else:
            # `forget` may have emptied the counts since they were read.
            self._eager_steps[player] = self._eager_steps.get(player, 0) + 1
            loss, norm = self._trainer.train_step(player, static, with_norm)
        # Copies: the next replay writes into the same tensors.
        if with_norm and norm is not None:
            self._trainer.gradient_norms[player].append(norm.clone())
        return loss.clone()

    def forget(self) -> None:
        """Free all graphs; the next steps run eagerly, and then they are captured anew."""
        self._replays.clear()
        self._eager_steps.clear()
        self._record = self._make_recorder()

    def _copy_to_static(self, player: Player, batch: Batch) -> Batch:
        """Copy the step's batch and random numbers to where the graph reads them; return those."""
        static = self._batches.get(player)
        if static is None:
            real = None if batch.real is None else batch.real.clone()
            static = Batch(real, batch.latents.clone(), StaticContext(batch.context))
            self._batches[player] = static
            return static
        static.latents.copy_(batch.latents)
        assert (static.real is None) == (batch.real is None), (
            "a player's steps read real images always or never"
        )
        if static.real is not None and batch.real is not None:
            static.real.copy_(batch.real)
        assert isinstance(static.context, StaticContext)
        static.context.refill(batch.context)
        return static

    def _try_to_capture(self, player: Player, static: Batch) -> None:
        try:
            # With the norm at every step: what a graph computes cannot depend on the step.
            self._replays[player] = self._record(
                lambda: self._trainer.train_step(player, static, with_norm=True)
            )
            return
        except RuntimeError as error:
            # Nothing of a capture has been carried out, so the step can still be made eagerly. If
            # memory is short it says so then, and what cannot be captured goes on as it began.
            self.fallback_reason = _first_cause(error)
        # Not in the handler, where the traceback keeps alive all that the capture had.
        self.forget()
        release()


class GraphRecorder:
    """Recorder of CUDA graphs that share their memory.

    Sharing is safe since one runs at a time and its results are copied before the next one runs.
    """

    def __init__(self) -> None:
        self._first: torch.cuda.CUDAGraph | None = None

    def __call__(self, step: Step) -> Step:
        """Capture `step` without carrying it out; return its replay."""
        graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.current_stream()
        pool = None if self._first is None else self._first.pool()
        try:
            with torch.cuda.graph(graph, pool=pool):
                result = step()
        finally:
            # Where ending the capture fails, torch leaves its own stream in place.
            torch.cuda.set_stream(stream)
        self._first = self._first or graph

        def replay() -> StepResult:
            graph.replay()
            return result

        return replay


def _first_cause(error: BaseException) -> str:
    """Return in one line why a capture failed."""
    # A failed capture cannot be ended either: that later error is of no interest.
    while error.__context__ is not None:
        error = error.__context__
    if is_out_of_memory(error):
        return "memory is short"
    return (str(error) or type(error).__name__).splitlines()[0]
