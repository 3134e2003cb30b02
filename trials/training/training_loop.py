"""The training loop of one trial: whose turn it is, on which batch, and what it costs."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data.dataset import Dataset, as_float
from ganstudy.trials.ensemble.memory import is_scarce, release
from ganstudy.trials.ensemble.step_context import Batch, Player, StepContext
from ganstudy.trials.ensemble.streams import Batches, Flips, Latents, mirrored
from ganstudy.trials.gan.cuda_graphs import CudaGraphStepper
from ganstudy.trials.gan.trainer import GanTrainer
from ganstudy.trials.gan.trainer_protocol import Trainer, make_trainer
from ganstudy.trials.results.records import Counters
from ganstudy.trials.training.prefetch import PinnedCopies, PrefetchedBatches, stays_on_host

PROGRESS_SECONDS = 1.0
"""Between two calls of `on_progress`: often enough for a stop to feel immediate, and rare beside
steps of milliseconds."""
PLAYERS: tuple[Player, ...] = ("discriminator", "generator")
LOSSES: dict[Player, str] = {"discriminator": "loss_d", "generator": "loss_g"}
"""Column of either player's loss."""


class TrainingLoop:
    """Trains all seeds of a configuration, one step after the other."""

    def __init__(
        self,
        config: TrialConfig,
        dataset: Dataset,
        device: torch.device,
        lanes: Sequence[TrialConfig] = (),
    ) -> None:
        """Build networks, optimisers and streams.

        lanes: the configuration of every lane, as of GanTrainer. Raise ValueError where the
        networks cannot take the data or a remedy cannot work on them.
        """
        self.config = config
        self.device = device
        self.trainer: Trainer = make_trainer(config, dataset.shape, dataset.bounded, device, lanes)
        self.stepper: Trainer | CudaGraphStepper = self.trainer
        if isinstance(self.trainer, GanTrainer) and self.trainer.recordable:
            self.stepper = CudaGraphStepper(self.trainer)
        self.counters = Counters()
        on_host = stays_on_host(dataset.train, device)
        # As they are, often uint8: as_float of a batch is cheap, and four times less memory is
        # held.
        self.train = dataset.train if on_host else dataset.train.to(device)
        seeds, batch_size, model = config.seeds, config.batch_size, config.model
        self.latents = {
            player: Latents(
                seeds, f"latents/{player}", batch_size, model.latent_dim, device, model.latent
            )
            for player in PLAYERS
        }
        self.batches = {
            player: Batches(
                seeds, f"batches/{player}", len(self.train), batch_size, self.train.device
            )
            for player in PLAYERS
        }
        self.prefetched = {
            player: PrefetchedBatches(self.train, order, PinnedCopies(device))
            for player, order in self.batches.items()
            if on_host
        }
        self.flips = {
            player: Flips(seeds, f"batches/{player}", len(self.train), batch_size, device)
            for player in PLAYERS
            if dataset.mirror
        }
        self.loss_sums = {name: torch.zeros(len(seeds)) for name in LOSSES.values()}
        """[S] each, over the steps since the last evaluation."""
        self.loss_counts = dict.fromkeys(LOSSES.values(), 0)

    def train_until(self, amount: float, on_progress: Callable[[], None]) -> None:
        """Train until `amount` is spent on the budget's axis; count time and memory.

        on_progress: called about once every PROGRESS_SECONDS between two steps. It may save, and
        what it raises ends this call; the next one goes on where this one was.
        """
        counters, unit = self.counters, self.config.budget.unit
        start = time.perf_counter() - counters.seconds
        due = time.perf_counter() + PROGRESS_SECONDS
        while counters.on(unit) < amount:
            self.train_step()
            now = time.perf_counter()
            # Other axes need the time only where it may be saved.
            if unit == "seconds" or now >= due:
                counters.seconds = now - start
            if now >= due:
                on_progress()
                due = time.perf_counter() + PROGRESS_SECONDS
                start += due - PROGRESS_SECONDS - now  # the time of on_progress is no training
        if self.device.type == "cuda":
            # Kernels run behind Python; without waiting, their time would count as evaluation.
            torch.cuda.synchronize(self.device)
        counters.seconds = time.perf_counter() - start
        if self.device.type == "cuda":
            counters.device_seconds = counters.seconds
        counters.peak_memory_bytes = max(counters.peak_memory_bytes, peak_memory(self.device))

    def train_step(self) -> None:
        """Make one step of the player whose turn it is."""
        counters = self.counters
        # k says how many discriminator steps come before the next generator step, counted from the
        # beginning, so that fractions of k carry over exactly.
        due = 0
        if self.trainer.adversarial:
            due = self.config.k.discriminator_steps_due(counters.generator_steps + 1)
        if counters.discriminator_steps < due:
            loss = self.stepper.discriminator_step(self.next_batch("discriminator"))
            self.accumulate_loss("discriminator", loss)
            counters.discriminator_steps += 1
            counters.images += self.config.batch_size
        else:
            loss = self.stepper.generator_step(self.next_batch("generator"))
            self.accumulate_loss("generator", loss)
            counters.generator_steps += 1
            # Real images in a GAN's generator step are a remedy's business, not shown data.
            if not self.trainer.adversarial:
                counters.images += self.config.batch_size

    def next_batch(self, player: Player) -> Batch:
        """Return the input of the player's next step: a function of its number alone."""
        counters, budget = self.counters, self.config.budget
        discriminator = player == "discriminator"
        step = counters.discriminator_steps if discriminator else counters.generator_steps
        real = None
        if discriminator or self.trainer.generator_needs_real:
            real = as_float(self._real(player, step))
            if player in self.flips:
                real = mirrored(real, self.flips[player].at(step))
        # A budget in seconds may be passed by the last step.
        progress = min(1.0, counters.on(budget.unit) / budget.amount)
        context = StepContext(player, step, progress, self.config.seeds, self.device)
        return Batch(real, self.latents[player].at(step), context)

    def _real(self, player: Player, step: int) -> Tensor:
        """Return the real images [S, B, ...] of a player's step, as they are held."""
        if player in self.prefetched:
            return self.prefetched[player].at(step)
        return self.train[self.batches[player].at(step)]

    def accumulate_loss(self, player: Player, loss: Tensor) -> None:
        """Add a step's loss [S] to the sum that the next evaluation reports the mean of."""
        # Summed on the device: reading a number there would wait for the GPU at every step.
        name = LOSSES[player]
        self.loss_sums[name] = self.loss_sums[name].to(loss.device) + loss
        self.loss_counts[name] += 1

    def mean_losses(self) -> dict[str, Tensor]:
        """Return the mean losses since the last evaluation by column, [S] each."""
        return {
            name: total / max(1, self.loss_counts[name]) for name, total in self.loss_sums.items()
        }

    def start_interval(self) -> None:
        """Forget the losses and gradient norms that an evaluation has reported."""
        self.loss_sums = {name: torch.zeros_like(total) for name, total in self.loss_sums.items()}
        self.loss_counts = dict.fromkeys(self.loss_counts, 0)
        for norms in self.trainer.gradient_norms.values():
            norms.clear()

    def free_graphs(self) -> None:
        """Free captured CUDA graphs where an evaluation may need their memory."""
        if isinstance(self.stepper, CudaGraphStepper) and is_scarce(self.device):
            self.stepper.forget()
            release()

    def notes(self) -> list[str]:
        """Return what a reader should know of how the steps are made, one sentence each."""
        graphs = self.stepper.notes() if isinstance(self.stepper, CudaGraphStepper) else []
        return [*self.trainer.fallbacks(), *graphs]


def peak_memory(device: torch.device) -> int:
    """Return the largest memory so far, in bytes: of the GPU, or of this process on the CPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    # Linux reports kilobytes.
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
