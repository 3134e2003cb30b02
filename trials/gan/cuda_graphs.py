"""A game whose steps a GPU records once and replays, which spares Python and the launching of
kernels one by one.

A step of small networks is hundreds of kernels of a few microseconds each, and issuing them takes
far longer than running them. A CUDA graph issues them at once. What is recorded must be a function
of tensors that stay in place: batches and random numbers are copied to where the recording reads
them, parameters and moments are updated where they stand. So a replayed step gives the numbers of a
step that was issued, and a checkpoint may be made or read between any two.

Recordings keep the memory of a step for themselves, which an evaluation could do with; `Trial`
gives it up first where there is little.
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

Made = tuple[Tensor, Tensor | None]
"""The loss [S] and the gradient's norm [S] of a step, where the recording leaves them."""
Make = Callable[[], Made]
ISSUED_FIRST = 3
"""Steps of a player that are issued before one is recorded: libraries set themselves up in them."""


class StaticContext(StepContext):
    """The random numbers of a recorded step, each kept in one place and drawn anew by `refill`."""

    now: StepContext
    """The step's own."""
    held: dict[str, tuple[Tensor, Any, tuple[int, ...]]]
    """By name: the numbers, and what draws them."""

    def __init__(self, context: StepContext) -> None:
        super().__init__(
            context.player, context.step, context.progress, context.seeds, context.device
        )
        self.__dict__.update(now=context, held={})  # a StepContext is frozen

    def _drawn(self, draw: Any, name: str, shape: tuple[int, ...]) -> Tensor:
        if name not in self.held:
            self.held[name] = (self.now._drawn(draw, name, shape), draw, shape)
        return self.held[name][0]

    def refill(self, context: StepContext) -> None:
        """The same draws by the streams of `context`."""
        self.__dict__.update(now=context)
        for name, (place, draw, shape) in self.held.items():
            place.copy_(context._drawn(draw, name, shape))


class CudaGraphStepper:
    """The steps of a game whose `recordable` holds; in use like the game itself.

    `refused` says why the steps are issued one by one after all, or is None.
    """

    def __init__(
        self, trainer: GanTrainer, record: Callable[[], Callable[[Make], Make]] | None = None
    ) -> None:
        """record: gives what makes replays of steps that share their memory; of CUDA graphs, unless
        a test says otherwise."""
        self._game, self._recorder = trainer, record or GraphRecorder
        self._record = self._recorder()
        self.refused: str | None = None
        self._batches: dict[Player, Batch] = {}
        self._issued: dict[Player, int] = {}
        self._replays: dict[Player, Make] = {}
        forget = WeakMethod(
            self.forget
        )  # no cycle: what a trial holds of a GPU goes when the trial does

        def moments_replaced(_: torch.optim.Optimizer) -> None:
            if (found := forget()) is not None:
                found()

        for optimiser in trainer.optimisers.values():
            # Reading a checkpoint puts other moments in the place of those that a recording
            # updates.
            optimiser.register_load_state_dict_post_hook(moments_replaced)

    def notes(self) -> list[str]:
        """What a reader should know: why steps are issued one by one, where they are."""
        return (
            []
            if self.refused is None
            else [f"the GPU's steps are issued one by one: {self.refused}"]
        )

    def discriminator_step(self, batch: Batch) -> Tensor:
        """One step of the discriminators; the loss per seed [S]."""
        return self._step("discriminator", batch)

    def generator_step(self, batch: Batch) -> Tensor:
        """One step of the generators; the loss per seed [S]."""
        return self._step("generator", batch)

    def _step(self, player: Player, batch: Batch) -> Tensor:
        self._hold(player, batch)
        if (
            player not in self._replays
            and self._issued.get(player, 0) >= ISSUED_FIRST
            and self.refused is None
        ):
            self._try_to_record(player)
        replay = self._replays.get(player)
        if replay is None:
            self._issued[player] = self._issued.get(player, 0) + 1
        due = batch.context.step % NORM_EVERY == 0
        loss, norm = self._make(player, norm=due) if replay is None else replay()
        if due and norm is not None:
            self._game.gradient_norms[player].append(norm.clone())
        return loss.clone()

    def forget(self) -> None:
        """The next steps are issued, and then recorded anew; until then the recordings take no
        memory.
        """
        self._replays.clear()
        self._issued.clear()
        self._record = self._recorder()

    def _hold(self, player: Player, batch: Batch) -> None:
        """Puts the step's batch and random numbers where the recording reads them."""
        held = self._batches.get(player)
        if held is None:
            real = None if batch.real is None else batch.real.clone()
            self._batches[player] = Batch(real, batch.latents.clone(), StaticContext(batch.context))
            return
        held.latents.copy_(batch.latents)
        assert (held.real is None) == (batch.real is None), (
            "a player's steps read real images always or never"
        )
        if held.real is not None and batch.real is not None:
            held.real.copy_(batch.real)
        assert isinstance(held.context, StaticContext)
        held.context.refill(batch.context)

    def _make(self, player: Player, norm: bool) -> Made:
        return self._game.make_step(player, self._batches[player], norm)

    def _try_to_record(self, player: Player) -> None:
        try:
            self._replays[player] = self._record(lambda: self._make(player, norm=True))
            return
        except RuntimeError as error:
            # Nothing of a recording has been carried out, so the step can still be issued. What is
            # short of memory then says so, and what cannot be recorded goes on as it began.
            self.refused = _first_cause(error)
        # Not in the handler, where the traceback holds on to all that the recording had.
        self.forget()
        release()


class GraphRecorder:
    """Makes CUDA graphs that share their memory, which is safe since one runs at a time and what
    they return is copied before the next one runs."""

    def __init__(self) -> None:
        self._first: torch.cuda.CUDAGraph | None = None

    def __call__(self, make: Make) -> Make:
        """A replay of what `make` does, which is recorded and not carried out."""
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        try:
            with torch.cuda.graph(graph, pool=None if self._first is None else self._first.pool()):
                made = make()
        finally:
            torch.cuda.set_stream(
                stream
            )  # where the end of a recording fails, torch leaves its own stream in place
        self._first = self._first or graph

        def replay() -> Made:
            graph.replay()
            return made

        return replay


def _first_cause(error: BaseException) -> str:
    """In a line: what went wrong in a recording; that it could then not be ended either is of no
    interest.
    """
    while error.__context__ is not None:
        error = error.__context__
    return (
        "memory is short"
        if is_out_of_memory(error)
        else (str(error) or type(error).__name__).splitlines()[0]
    )
