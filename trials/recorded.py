"""A game whose steps a GPU records once and replays, which spares Python and the launching of kernels one by one.

A step of small networks is hundreds of kernels of a few microseconds each, and issuing them takes far longer than
running them. A CUDA graph issues them at once. What is recorded must be a function of tensors that stay in place:
batches and random numbers are copied to where the recording reads them, parameters and moments are updated where
they stand. So a replayed step gives the numbers of a step that was issued, and a checkpoint may be made or read
between any two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakMethod

import torch
from torch import Tensor

from trials.memory import release
from trials.remedies.contract import Batch, Moment, Player
from trials.step import Game

Made = tuple[Tensor, Tensor | None]
"""The loss [S] and the gradient's norm [S] of a step, where the recording leaves them."""
ISSUED_FIRST = 3
"""Steps of a player that are issued before one is recorded: libraries set themselves up in them."""


class HeldMoment(Moment):
    """The random numbers of a recorded step, each kept in one place and drawn anew by `refill`."""

    def __init__(self, moment: Moment) -> None:
        super().__init__(moment.player, moment.step, moment.progress, moment.seeds, moment.device)
        self.__dict__.update(now=moment, held={})

    def _drawn(self, draw: Any, name: str, shape: tuple[int, ...]) -> Tensor:
        held: dict[str, tuple[Tensor, Any, tuple[int, ...]]] = self.__dict__["held"]
        if name not in held:
            held[name] = (self.__dict__["now"]._drawn(draw, name, shape), draw, shape)
        return held[name][0]

    def refill(self, moment: Moment) -> None:
        """The same draws by the streams of `moment`."""
        self.__dict__["now"] = moment
        for name, (place, draw, shape) in self.__dict__["held"].items():
            place.copy_(moment._drawn(draw, name, shape))


class Recorded:
    """The steps of a game whose `recordable` holds; in use like the game itself.

    `refused` says why the steps are issued one by one after all, or is None.
    """

    def __init__(self, game: Game, record: Callable[[Callable[[], Made]], Callable[[], Made]] | None = None) -> None:
        """record: makes a replay of a step; a CUDA graph, unless a test says otherwise."""
        self._game, self._record = game, record or _as_graph
        self.refused: str | None = None
        self._batches: dict[Player, Batch] = {}
        self._issued: dict[Player, int] = {}
        self._replays: dict[Player, Callable[[], Made]] = {}
        forget = WeakMethod(self._forget)  # no cycle: what a trial holds of a GPU goes when the trial does

        def moments_replaced(_: torch.optim.Optimizer) -> None:
            if (found := forget()) is not None:
                found()

        for optimiser in game.optimisers.values():
            # Reading a checkpoint puts other moments in the place of those that a recording updates.
            optimiser.register_load_state_dict_post_hook(moments_replaced)

    def notes(self) -> list[str]:
        """What a reader should know: why steps are issued one by one, where they are."""
        return [] if self.refused is None else [f"the GPU's steps are issued one by one: {self.refused}"]

    def discriminator_step(self, batch: Batch) -> Tensor:
        """One step of the discriminators; the loss per seed [S]."""
        return self._step("discriminator", batch)

    def generator_step(self, batch: Batch) -> Tensor:
        """One step of the generators; the loss per seed [S]."""
        return self._step("generator", batch)

    def _step(self, player: Player, batch: Batch) -> Tensor:
        self._hold(player, batch)
        if player not in self._replays and self._issued.get(player, 0) >= ISSUED_FIRST and self.refused is None:
            self._try_to_record(player)
        replay = self._replays.get(player)
        if replay is None:
            self._issued[player] = self._issued.get(player, 0) + 1
        loss, norm = self._make(player) if replay is None else replay()
        if norm is not None:
            self._game.note_norm(player, batch.moment.step, norm.clone())
        return loss.clone()

    def _hold(self, player: Player, batch: Batch) -> None:
        """Puts the step's batch and random numbers where the recording reads them."""
        held = self._batches.get(player)
        if held is None:
            real = None if batch.real is None else batch.real.clone()
            self._batches[player] = Batch(real, batch.latents.clone(), HeldMoment(batch.moment))
            return
        held.latents.copy_(batch.latents)
        if held.real is not None and batch.real is not None:
            held.real.copy_(batch.real)
        assert isinstance(held.moment, HeldMoment)
        held.moment.refill(batch.moment)

    def _make(self, player: Player) -> Made:
        return self._game.make_step(player, self._batches[player], norm=True)

    def _try_to_record(self, player: Player) -> None:
        try:
            self._replays[player] = self._record(lambda: self._make(player))
        except RuntimeError as error:
            # Nothing of a recording has been carried out, so the step can still be issued. What is short of memory
            # then says so, and what cannot be recorded goes on as it began.
            self.refused = str(error).splitlines()[0]
            self._forget()
            release()

    def _forget(self) -> None:
        self._replays.clear()
        self._issued.clear()


def _as_graph(make: Callable[[], Made]) -> Callable[[], Made]:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        made = make()

    def replay() -> Made:
        graph.replay()
        return made

    return replay
