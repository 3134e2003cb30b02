"""A few steps with a loss or remedy of the user's own before a study starts: does it keep its contract?

    its terms                          one finite number per lane, [S]
    a lane in a pack, and alone        equal losses at every step, in double precision where it can be
    a lane of other numbers in a pack  as alone: every LaneNumber is read by self.number(NAME)
    straight on, and from a checkpoint equal to the bit: all that it keeps is in state()

What would otherwise end a trial, or train to numbers that are not a seed's own, is found with the
file and the line.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import torch
from pydantic import ValidationError
from torch import Tensor

from ganstudy.trials.config.base import ImplementedOptions
from ganstudy.trials.config.lanes import together
from ganstudy.trials.config.own_parts import OwnOptions, OwnPart
from ganstudy.trials.config.plugins import described, source, where
from ganstudy.trials.config.trial import TrialConfig
from ganstudy.trials.data.dataset import Dataset, as_float
from ganstudy.trials.ensemble.lane_options import HasLaneOptions
from ganstudy.trials.ensemble.memory import is_out_of_memory
from ganstudy.trials.ensemble.own_class import line_of, loaded, loaded_options
from ganstudy.trials.gan.own_networks import double_precision
from ganstudy.trials.gan.trainer import GanTrainer
from ganstudy.trials.remedies.base import Remedy
from ganstudy.trials.training.training_loop import TrainingLoop
from ganstudy.trials.training.trial_state import gather_tensors, restore_tensors

SEEDS = (0, 1)
STEPS = 2
"""Of either player."""
MOST_STEPS = 20
"""Of both together, where k is far from 1."""
TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-2}
"""Largest difference, relative to the largest number compared: rounding, enlarged by Adam."""
OTHER: tuple[Callable[[float], float], ...] = (
    lambda v: v / 2,
    lambda v: 2 * v,
    lambda v: v + 0.1,
    lambda v: v - 0.1,
    lambda v: v + 1,
)
"""Numbers beside an option's own, of which the first that its class allows is another lane's."""
TERMS = ("discriminator_term", "generator_objective", "generator_term", "penalty")
"""Hooks of a remedy that give one number per lane, or None."""
HINTS = {
    "does not require grad": 'say gradients_at = frozenset({"real"}), or "fake", in the class, for '
    "images that are differentiated",
    "NoneType": "say generator_needs_real = True in the class, for real images in generator steps",
}
"""By a part of torch's and Python's messages."""


class OwnPartError(ValueError):
    """A loss or remedy of the user's own that breaks its contract."""


class _FailureError(OwnPartError):
    """It raised; perhaps in double precision only."""


def own_parts_of(config: TrialConfig) -> list[OwnPart]:
    """Return the user's own losses, remedies and optimiser that a configuration uses."""
    options = [config.loss_options, *config.remedy_options.values()]
    optimiser = [config.own[config.optimiser]] if config.optimiser in config.own else []
    return [*(each.part for each in options if isinstance(each, OwnOptions)), *optimiser]


def rehearse_own_parts(config: TrialConfig, dataset: Dataset, whole: bool = True) -> None:
    """Train a few steps with the own parts of `config`.

    whole: whether a lane is compared with the same alone, and an interrupted training with one that
    is not. Raise ValueError, with the user's file and line, where a part breaks its contract.
    """
    try:
        with double_precision():
            _Rehearsal(config, dataset, torch.float64).run(whole)
            return
    except Exception as error:
        if is_out_of_memory(error) or isinstance(error, OwnPartError) != isinstance(
            error, _FailureError
        ):
            raise
    # Networks of the user's, or the part itself, may know single precision alone.
    _Rehearsal(config, dataset, torch.float32).run(whole)


class _InPrecision:
    """Training images that are floats of one precision when they are read."""

    def __init__(self, images: Tensor, dtype: torch.dtype) -> None:
        self._images, self._dtype = images, dtype

    def __getitem__(self, index: Tensor) -> Tensor:
        return as_float(self._images[index]).to(self._dtype)


class _Rehearsal:
    """One configuration in one precision."""

    def __init__(self, config: TrialConfig, dataset: Dataset, dtype: torch.dtype) -> None:
        self.parts = own_parts_of(config)
        self._tolerance = TOLERANCE[dtype]
        self._dataset, self._dtype = dataset, dtype
        self._terms: list[Tensor] = []
        """What the hooks of the loop that is trained have returned, of the last lane."""
        first = config.model_copy(update={"seeds": SEEDS[:1]})
        self._other = _with_other_numbers(config).model_copy(update={"seeds": SEEDS[1:]})
        self._common = together([first, self._other])
        self._lanes = [first, self._other]

    @property
    def _names(self) -> str:
        return " or ".join(part.name for part in self.parts)

    def run(self, whole: bool) -> None:
        """Make the steps; raise OwnPartError."""
        pack = self._loop(self._common, self._lanes)
        losses = self._trained(pack)
        if not whole:
            return
        terms = self._terms
        alone = self._trained(self._loop(self._other, []))
        self._compare(terms, self._terms)
        self._compare(losses, alone)
        self._compare_resumed(pack)

    def _loop(self, config: TrialConfig, lanes: list[TrialConfig]) -> TrainingLoop:
        device = torch.device("cpu")
        loop: TrainingLoop = self._located(
            lambda: TrainingLoop(config, self._dataset, device, lanes)
        )
        loop.train = cast("Tensor", _InPrecision(loop.train, self._dtype))  # read by index alone
        self._terms = []
        if isinstance(loop.trainer, GanTrainer):
            _watch(loop.trainer, self.parts, len(config.seeds), self._terms)
        return loop

    def _trained(self, loop: TrainingLoop) -> list[Tensor]:
        """Make steps of both players, and return the last lane's losses."""
        losses: list[Tensor] = []
        counters, sums = loop.counters, dict(loop.loss_sums)
        until = counters.discriminator_steps + STEPS, counters.generator_steps + STEPS
        for _ in range(MOST_STEPS):
            self._located(loop.train_step)
            if not bool(loop.trainer.finite().all()):
                raise OwnPartError(
                    f"{_line(self.parts[0])}: gradients are not finite with {self._names}, though its terms "
                    "are: a root has none at 0, nor a logarithm"
                )
            losses += [total[-1:] - sums[name][-1:] for name, total in loop.loss_sums.items()]
            sums = dict(loop.loss_sums)
            if counters.discriminator_steps >= until[0] and counters.generator_steps >= until[1]:
                break
        return losses

    def _located(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except OwnPartError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> Exception:
        files = {part.name: source(part.digest, part.reference) for part in self.parts}
        passed = {frame.filename for frame in traceback.extract_tb(error.__traceback__)}
        # Of parts in one folder, first the one whose own file it passed.
        for part in sorted(self.parts, key=lambda each: str(files[each.name]) not in passed):
            file = files[part.name]
            line = where(error, file)
            if line == file.name:
                continue
            hint = next((f"; {text}" for sign, text in HINTS.items() if sign in str(error)), "")
            return _FailureError(f"{line}: {part.name} fails: {described(error)}{hint}")
        if isinstance(error, ValueError):
            return error  # such as networks that have no features
        part = self.parts[0]
        return _FailureError(f"{_line(part)}: training with {part.name} fails: {described(error)}")

    def _compare(self, pack: list[Tensor], alone: list[Tensor]) -> None:
        largest = max((float(loss.abs()) for loss in alone), default=0.0)
        found = max((float((a - b).abs()) for a, b in zip(pack, alone, strict=True)), default=0.0)
        if not found <= self._tolerance * largest:
            raise OwnPartError(
                f"{_line(self.parts[0])}: with {self._names} a seed in a pack does not train as it does alone "
                f"(its terms differ by {found / largest:.1e} of the largest): take means and norms over "
                "the axes behind the first, which is that of the lanes, and read an option by "
                'self.number("NAME")'
            )

    def _compare_resumed(self, pack: TrainingLoop) -> None:
        names = self._common.remedies
        self._check_state(pack)
        resumed = self._loop(self._common, self._lanes)
        saved = {name: value.clone() for name, value in gather_tensors(pack, names).items()}
        self._located(lambda: restore_tensors(resumed, names, saved))
        resumed.counters = replace(pack.counters)
        resumed.loss_counts = dict(pack.loss_counts)
        for loop in (pack, resumed):
            self._trained(loop)
        straight, again = gather_tensors(pack, names), gather_tensors(resumed, names)
        unlike = [
            name
            for name, value in straight.items()
            if name not in again or not torch.equal(value.nan_to_num(), again[name].nan_to_num())
        ]
        if unlike:
            raise OwnPartError(
                f"{_line(self.parts[0])}: after an interruption {self._names} trains to other numbers "
                f"({unlike[0]} differs, {len(unlike)} in all): {_kept_in(self.parts)}"
            )

    def _check_state(self, pack: TrainingLoop) -> None:
        lanes = len(self._common.seeds)
        for part, built in _built_parts(pack.trainer, self.parts):
            state: Any = built.state() if hasattr(built, "state") else {}
            values = state.values() if isinstance(state, dict) else [state]
            for value in values:
                if not (isinstance(value, Tensor) and (not value.dim() or len(value) == lanes)):
                    raise OwnPartError(
                        f"{_line(part, 'state')}: {part.name}.state must return a dict of tensors, each "
                        f"with the lanes on its first axis or without axes, got {_described(value)}"
                    )


def _with_other_numbers(config: TrialConfig) -> TrialConfig:
    """Return `config` with another value of every LaneNumber of its own parts, where there is one."""

    def other(options: ImplementedOptions) -> ImplementedOptions:
        if not isinstance(options, OwnOptions):
            return options
        values, judge = options.model_dump(), loaded_options(options.part)
        for name, option in options.part.options.items():
            for change in OTHER if option.per_lane else ():
                tried = {**values, name: change(values[name])}
                try:
                    judge.model_validate(tried)
                except ValidationError:
                    continue
                if tried[name] != values[name]:
                    values = tried
                    break
        return type(options).model_validate(values)

    remedies = {name: other(options) for name, options in config.remedy_options.items()}
    return config.model_copy(
        update={"loss_options": other(config.loss_options), "remedy_options": remedies}
    )


def _built_parts(trainer: Any, parts: list[OwnPart]) -> list[tuple[OwnPart, HasLaneOptions]]:
    """Return the user's own parts with what a trainer made of them."""
    classes = {loaded(part): part for part in parts if part.kind != "optimiser"}
    if not classes:
        return []
    return [
        (classes[type(built)], built)
        for built in (trainer.loss, *trainer.remedies)
        if type(built) in classes
    ]


def _watch(trainer: GanTrainer, parts: list[OwnPart], lanes: int, terms: list[Tensor]) -> None:
    """Let the hooks of own parts judge what they return, and keep the last lane's in `terms`."""
    for part, built in _built_parts(trainer, parts):
        names = ("discriminator", "generator") if part.kind == "loss" else TERMS
        for name in names:
            setattr(built, name, _judged(part, name, getattr(built, name), lanes, terms))
        if isinstance(built, Remedy) and type(built).view is not Remedy.view:
            built.view = _judged_view(part, built.view)  # type: ignore[method-assign]


def _judged(
    part: OwnPart, name: str, hook: Callable[..., Any], lanes: int, terms: list[Tensor]
) -> Callable[..., Any]:
    def judged(*given: Any) -> Any:
        value = hook(*given)
        if value is None and part.kind == "remedy":
            return None
        if not isinstance(value, Tensor) or value.shape != (lanes,):
            raise OwnPartError(
                f"{_line(part, name)}: {part.name}.{name} must return one number per lane, a tensor "
                f"[{lanes}] here, got {_described(value)}: take the mean over the images of each "
                "lane, .mean(-1)"
            )
        terms.append(value.detach()[-1:])
        return _finite(part, name, value)

    return judged


def _judged_view(part: OwnPart, hook: Callable[..., Any]) -> Callable[..., Any]:
    def judged(images: Tensor, kind: Any, context: Any) -> Any:
        value = hook(images, kind, context)
        if not isinstance(value, Tensor) or value.shape[:2] != images.shape[:2]:
            raise OwnPartError(
                f"{_line(part, 'view')}: {part.name}.view must return as many images, "
                f"{list(images.shape)} here, got {_described(value)}"
            )
        return _finite(part, "view", value)

    return judged


def _finite(part: OwnPart, name: str, value: Tensor) -> Tensor:
    if not bool(torch.isfinite(value).all()):
        raise OwnPartError(
            f"{_line(part, name)}: {part.name}.{name} returns NaN or infinity in the first steps"
        )
    return value


def _kept_in(parts: list[OwnPart]) -> str:
    if all(part.kind == "optimiser" for part in parts):
        return (
            "keep what lasts from step to step in self.state[parameter], or as numbers in the parameter "
            "group"
        )
    return "return from state() every tensor that it keeps from step to step, made in start()"


def _line(part: OwnPart, hook: str | None = None) -> str:
    """Return FILE:LINE of a hook of the user's class, or of the class."""
    made, file = loaded(part), source(part.digest, part.reference)
    return line_of(vars(made).get(hook or "", made), file)


def _described(value: Any) -> str:
    return f"a tensor {list(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
