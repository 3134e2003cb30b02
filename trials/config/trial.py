"""The complete configuration of one trial; free of torch, so that `ganstudy check` answers at once.

The names that a configuration may use and their options are in the other files of trials/config/;
each options class says where its implementation lies (trials/networks/, trials/losses/,
trials/remedies/, trials/data/).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Annotated, Any, Self, TypeVar

from pydantic import Field, SerializeAsAny, ValidationInfo, field_validator, model_validator

from ganstudy.trials.config.base import (
    FILLED_IN,
    ImplementedOptions,
    LaneNumber,
    StrictModel,
    is_plugin,
    one_of,
    short_repr,
)
from ganstudy.trials.config.compatibility import IncompatibleError, incompatibilities
from ganstudy.trials.config.data import DataConfig
from ganstudy.trials.config.k_ratio import Ratio, as_schedule
from ganstudy.trials.config.losses import LossOptions
from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.config.networks import MLP, ModelConfig
from ganstudy.trials.config.own_parts import (
    OwnPart,
    check_part_name,
    losses_of,
    optimisers_of,
    remedies_of,
)
from ganstudy.trials.config.plugins import split
from ganstudy.trials.config.remedies import RemedyOptions
from ganstudy.trials.config.training_function import TrainingFunction, is_own_training

METHODS = ("gan", "autoencoder", "vae")
"""What ganstudy trains by itself; a method of another kind is a user's own function."""
BUDGET_UNITS = ("generator_steps", "discriminator_steps", "updates", "images", "seconds")

LEAST_AMOUNT = 1e-3
"""Smallest budget or part of one, in any unit."""
LARGEST_SEED = 2**32 - 1
"""The largest that numpy's RandomState takes, and with it Optuna's samplers."""

Options = TypeVar("Options", bound=ImplementedOptions)


class Budget(StrictModel):
    """Length of a trial: an amount on one axis. All counters are recorded whatever the axis."""

    unit: str
    amount: float = Field(gt=0, le=1e15, allow_inf_nan=False)

    @field_validator("unit")
    @classmethod
    def _known(cls, value: str) -> str:
        return one_of("budget unit", value, BUDGET_UNITS)

    @field_validator("amount")
    @classmethod
    def _measurable(cls, value: float) -> float:
        return measurable("a budget", value)


class TrainingSettings(StrictModel):
    """How trials train: what [train] of a study file and a TrialConfig have in common."""

    own: Annotated[dict[str, OwnPart], FILLED_IN] = {}
    """Losses and remedies of the user's own by the name of their class; filled in when the study file
    is read, from the references in it. First, as the other fields are read by it."""
    method: str = "gan"
    """A GAN, or a baseline of the same size: the generator as decoder, the discriminator's trunk as
    encoder. Or a training function of the user's own, "my_trainer.py:train".
    """
    loss: str = "non_saturating"
    k: Ratio = as_schedule(1)
    """Discriminator steps per generator step; below 1: several generator steps per discriminator
    step.
    """
    optimiser: str = "adam"
    """Of both players: adam, sgd, rmsprop, or the user's own."""
    # Step size and beta1 of DCGAN (Radford et al. 2015), which much of the literature starts from.
    lr_d: LaneNumber = Field(2e-4, gt=0, allow_inf_nan=False)
    """Step size of the discriminator's optimiser."""
    lr_g: LaneNumber = Field(2e-4, gt=0, allow_inf_nan=False)
    """Step size of the generator's optimiser."""
    beta1: LaneNumber = Field(0.5, ge=0, lt=1)
    """Adam's decay of the first moment, both players."""
    beta2: LaneNumber = Field(0.999, ge=0, lt=1)
    """Adam's and rmsprop's decay of the second moment, both players."""
    # Two at least: a single image has no variance for batch normalisation.
    batch_size: int = Field(64, ge=2, le=1_000_000)
    """Images per batch, real and generated alike."""
    remedies: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2)
    budget: Budget
    evaluations: int = Field(10, ge=1, le=10_000)
    """Evaluations per trial, equally spaced on the budget's axis; the last one is at the end."""

    @field_validator("method")
    @classmethod
    def _known_method(cls, value: str) -> str:
        if is_own_training(value):
            if is_plugin(value):
                split(value)
            return value
        return one_of("method", value, (*METHODS, "my_trainer.py:train"))

    @field_validator("loss")
    @classmethod
    def _known_loss(cls, value: str, info: ValidationInfo) -> str:
        own = info.data.get("own", {})
        return check_part_name("loss", value, losses_of(own), own)

    @field_validator("optimiser")
    @classmethod
    def _known_optimiser(cls, value: str, info: ValidationInfo) -> str:
        own = info.data.get("own", {})
        return check_part_name("optimiser", value, optimisers_of(own), own)

    @field_validator("remedies")
    @classmethod
    def _known_remedies(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        own = info.data.get("own", {})
        for name in value:
            check_part_name("remedy", name, remedies_of(own), own)
        if len(set(value)) != len(value):
            raise ValueError(f"a remedy may be named once, got {short_repr(list(value))}")
        return value

    @field_validator("seeds")
    @classmethod
    def _distinct_seeds(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        return distinct_seeds(value)


class TrialConfig(TrainingSettings):
    """Everything that decides the numbers of a trial. Equal configurations have equal digests."""

    data: DataConfig
    model: ModelConfig = MLP()
    loss_options: SerializeAsAny[LossOptions] = Field(
        default_factory=LossOptions, validate_default=True
    )
    """Complete options of the loss."""
    remedy_options: dict[str, SerializeAsAny[RemedyOptions]] = Field({}, validate_default=True)
    """Complete options of each remedy that is on, in alphabetical order."""
    measures: MeasuresConfig = MeasuresConfig()
    function: TrainingFunction | None = None
    """Of a training function of the user's own; None where ganstudy trains."""

    @field_validator("remedies")
    @classmethod
    def _in_alphabetical_order(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        # Remedies act in this order, so that equal sets of them give equal numbers and digests.
        return tuple(sorted(value))

    # The defaults of the loss and of the remedies that are on are filled in, so that the digest
    # sees every number. pydantic validates fields in the order of their declaration, so that `loss`
    # and `remedies`, which the base class declares, are in `info.data` by then.

    @field_validator("loss_options", mode="before")
    @classmethod
    def _of_the_loss(cls, value: Any, info: ValidationInfo) -> LossOptions:
        # An unknown loss is absent here, and reported by its own validator.
        known = losses_of(info.data.get("own", {}))
        return _filled(known.get(info.data.get("loss", ""), LossOptions), value)

    @field_validator("remedy_options", mode="before")
    @classmethod
    def _of_the_remedies(cls, value: Any, info: ValidationInfo) -> dict[str, RemedyOptions]:
        names, known = info.data.get("remedies", ()), remedies_of(info.data.get("own", {}))
        return {name: _filled(known[name], value.get(name, {})) for name in names}

    @model_validator(mode="after")
    def _function_of_method(self) -> Self:
        if is_own_training(self.method) != (self.function is not None):
            raise ValueError(
                f"a training function is named in [train], method, alone, got {self.method!r}"
            )
        return self

    @model_validator(mode="after")
    def _compatible(self) -> Self:
        problems = incompatibilities(self)
        if problems:
            raise IncompatibleError("; ".join(problems))
        return self

    @property
    def digest(self) -> str:
        """Hex digest of the complete configuration."""
        values = self.model_dump(mode="json")
        if self.function is None:  # as it was before there were any: digests stand on disk
            del values["function"]
        elif self.function.command is None:
            del values["function"]["command"]
        if not self.own:
            del values["own"]
        if not self.measures.own:
            del values["measures"]["own"]
        # Sorted: options of a user's own networks come in the order of the study file.
        text = json.dumps(values, sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _filled(model: type[Options], stated: Any) -> Options:
    """Return `stated`, options of this model or a table of some of them, as complete options."""
    return model.model_validate(
        stated.model_dump() if isinstance(stated, ImplementedOptions) else stated
    )


def measurable(what: str, amount: float) -> float:
    """Return `amount` on a budget's axis; raise a ValueError if it is too small to count with."""
    if amount < LEAST_AMOUNT:
        raise ValueError(f"{what} must be >= {LEAST_AMOUNT:g}, got {amount:g}")
    return amount


def distinct_seeds(seeds: tuple[int, ...]) -> tuple[int, ...]:
    """Return `seeds`: at least one, each in 0..2**32 - 1, none repeated.

    Raise ValueError otherwise.
    """
    if not seeds:
        raise ValueError("at least one seed is needed, got an empty list")
    if min(seeds) < 0:
        raise ValueError(f"seeds must be >= 0, got {short_repr(min(seeds))}")
    if max(seeds) > LARGEST_SEED:
        raise ValueError(f"seeds must be <= {LARGEST_SEED}, got {short_repr(max(seeds))}")
    repeated = sorted(seed for seed, times in Counter(seeds).items() if times > 1)
    if repeated:
        raise ValueError(
            f"seeds must be distinct, but {short_repr(repeated)} stand more than once in "
            f"{short_repr(list(seeds))}"
        )
    return seeds
