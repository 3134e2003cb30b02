"""The complete configuration of one trial, and the names that a configuration may use.

Free of torch, so that `ganstudy check` answers at once. What a name means lies beside its
implementation (trials/networks.py, trials/losses.py, trials/remedies/, trials/data.py); a test
holds the two lists together.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, field_validator

BUDGET_UNITS = ("generator_steps", "discriminator_steps", "updates", "images", "seconds")
DATA = ("digits", "ring")
NETWORKS = ("mlp",)
RATIO = re.compile(r"-?\d{1,12}(\.\d{1,12}|/\d{1,12})?")
MAX_RATIO = 1000
LOSSES = ("non_saturating", "minimax")


class Frozen(BaseModel):
    """Immutable, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def known(kind: str, value: str, names: Iterable[str]) -> str:
    """`value`, if it is one of `names`; otherwise a ValueError that lists them."""
    names = tuple(names)
    if value not in names:
        raise ValueError(f"unknown {kind} {value!r}; known: {', '.join(names)}")
    return value


def as_ratio(value: Any) -> Fraction:
    """k as an exact fraction: a number (0.5 is 1/2, read as its decimal digits) or text such as "1/3"."""
    rule = "k must be a number from 1/1000 to 1000 or a fraction such as '1/3' (discriminator steps per generator step)"
    if isinstance(value, bool) or not isinstance(value, int | float | str | Fraction):
        raise ValueError(f"{rule}, got {value!r}")
    if isinstance(value, str) and not RATIO.fullmatch(value):
        raise ValueError(f"{rule}, got {value!r}")
    try:
        ratio = Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{rule}, got {value!r}") from None
    if ratio <= 0:
        raise ValueError(f"k must be > 0 (discriminator steps per generator step), got k={value}")
    if not Fraction(1, MAX_RATIO) <= ratio <= MAX_RATIO:
        raise ValueError(f"{rule}, got {value!r}")
    return ratio


def ratio_as_json(ratio: Fraction) -> str:
    """'2', '1/2': the exact value, in a form that `as_ratio` reads back."""
    return str(ratio)


Ratio = Annotated[Fraction, BeforeValidator(as_ratio), PlainSerializer(ratio_as_json, return_type=str)]


class FeatureMatchingOptions(Frozen):
    """Options of trials/remedies/feature_matching.py."""

    norm: Literal["l2_squared", "l1"] = "l2_squared"
    """Distance of the feature means: squared L2 as in the paper's equation, or the released code's mean L1."""


class HistoricalAveragingOptions(Frozen):
    """Options of trials/remedies/historical_averaging.py."""

    weight: float = Field(0.1, ge=0, allow_inf_nan=False)
    """lambda of the penalty (dimensionless). The paper publishes none."""


class MinibatchDiscriminationOptions(Frozen):
    """Options of trials/remedies/minibatch_discrimination.py."""

    kernels: int = Field(16, ge=1)
    """B: similarity features appended per image."""
    kernel_dim: int = Field(8, ge=1)
    """C: dimensions in which one kernel compares two images."""
    reduction: Literal["sum", "mean"] = "sum"
    """Sum over the other images of the batch (the paper's equation) or their mean (its ImageNet code)."""


REMEDIES: dict[str, type[Frozen]] = {
    "feature_matching": FeatureMatchingOptions,
    "historical_averaging": HistoricalAveragingOptions,
    "minibatch_discrimination": MinibatchDiscriminationOptions,
}


class DataConfig(Frozen):
    """Which data are trained on."""

    name: str

    @field_validator("name")
    @classmethod
    def _known(cls, value: str) -> str:
        return known("data", value, DATA)


class ModelConfig(Frozen):
    """The two networks."""

    name: str = "mlp"
    latent_dim: int = Field(32, ge=1)
    """Dimensions of z ~ N(0, I)."""
    width: int = Field(128, ge=1)
    """Units per hidden layer, in both players."""
    depth: int = Field(2, ge=1)
    """Hidden layers, in both players."""

    @field_validator("name")
    @classmethod
    def _known(cls, value: str) -> str:
        return known("model", value, NETWORKS)


class Budget(Frozen):
    """How long a trial trains: an amount on one axis. All counters are recorded whatever the axis."""

    unit: str
    amount: float = Field(gt=0, allow_inf_nan=False)

    @field_validator("unit")
    @classmethod
    def _known(cls, value: str) -> str:
        return known("budget unit", value, BUDGET_UNITS)


class TrialConfig(Frozen):
    """Everything that decides the numbers of a trial. Equal configurations have equal digests."""

    data: DataConfig
    model: ModelConfig = ModelConfig()
    loss: str = "non_saturating"
    k: Ratio = Fraction(1)
    """Discriminator steps per generator step; below 1: several generator steps per discriminator step."""
    lr_d: float = Field(2e-4, gt=0, allow_inf_nan=False)
    """Adam step size of the discriminator."""
    lr_g: float = Field(2e-4, gt=0, allow_inf_nan=False)
    """Adam step size of the generator."""
    beta1: float = Field(0.5, ge=0, lt=1)
    """Adam's decay of the first moment, both players."""
    beta2: float = Field(0.999, ge=0, lt=1)
    """Adam's decay of the second moment, both players."""
    batch_size: int = Field(64, ge=2)
    """Images per batch, real and generated alike."""
    remedies: tuple[str, ...] = ()
    remedy_options: dict[str, dict[str, Any]] = {}
    """Complete options of each remedy that is on."""
    seeds: tuple[int, ...] = (0, 1, 2)
    budget: Budget
    evaluations: int = Field(10, ge=1)
    """Evaluations per trial, equally spaced on the budget's axis; the last one is at the end."""

    @field_validator("loss")
    @classmethod
    def _known_loss(cls, value: str) -> str:
        return known("loss", value, LOSSES)

    @field_validator("remedies")
    @classmethod
    def _known_remedies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            known("remedy", name, REMEDIES)
        if len(set(value)) != len(value):
            raise ValueError(f"a remedy may be named once, got {list(value)}")
        return tuple(sorted(value))

    @field_validator("seeds")
    @classmethod
    def _distinct_seeds(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        return distinct_seeds(value)

    def model_post_init(self, _context: Any) -> None:
        """Fills in the defaults of the remedies that are on, so that the digest sees every number."""
        options = {name: REMEDIES[name](**self.remedy_options.get(name, {})).model_dump() for name in self.remedies}
        object.__setattr__(self, "remedy_options", options)

    @property
    def digest(self) -> str:
        """Hex digest of the complete resolved configuration."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def distinct_seeds(seeds: tuple[int, ...]) -> tuple[int, ...]:
    """`seeds`, if there is at least one, none is negative and none is repeated; otherwise a ValueError."""
    if not seeds:
        raise ValueError("at least one seed is needed, got an empty list")
    if min(seeds) < 0:
        raise ValueError(f"seeds must be >= 0, got {min(seeds)}")
    repeated = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if repeated:
        raise ValueError(f"seeds must be distinct, but {repeated} stand more than once in {list(seeds)}")
    return seeds
