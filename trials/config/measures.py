"""[measures]: how samples are scored. The implementations lie in trials/measures/."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from ganstudy.trials.config.base import StrictModel
from ganstudy.trials.results.own_measures import declare_own


class OwnMeasure(StrictModel):
    """A measure of the user's own, as its file declares it (trials/measures/own.py)."""

    reference: str
    digest: str
    """Of the bytes of the file."""
    label: str
    direction: Literal["down", "up", "none"]
    unit: str = ""
    is_ratio: bool = False
    meaning: str = ""


class MeasuresConfig(StrictModel):
    """Settings of the measures; equal for all trials of a study."""

    extractor: Literal["auto", "classifier", "inception-v3-compat", "pixels"] = "auto"
    """[Features behind the scores](score.md#which-extractor). auto: a classifier trained on the
    images' labels; without labels Inception. pixels: principal components of real pixels."""
    weights: str | None = Field(None, min_length=1)
    """File with Inception's weights; absent: torch-fidelity's are downloaded."""
    weights_digest: str | None = Field(None, pattern="^[0-9a-f]{16}$")
    """Digest that this file must have."""
    samples: int | None = Field(None, ge=1, le=100_000_000)
    """Images generated per seed and evaluation; absent: the data set's own number."""
    modes: Literal["auto", "classes", "bins"] = "auto"
    """What a mode is. auto: a class with labels, else a k-means bin."""
    bins: int = Field(100, ge=2, le=100_000)
    """k-means bins, at most."""
    game_steps: int = Field(100, ge=0, le=10**9)
    """Steps towards the [duality gap](game.md), and gradients of the path angle; 0: neither."""
    own: dict[str, OwnMeasure] = {}
    """A list of [your own measures](own-losses-and-remedies.md#a-measure)."""

    @field_validator("own")
    @classmethod
    def _in_the_catalogue(cls, value: dict[str, OwnMeasure]) -> dict[str, OwnMeasure]:
        declare_own({name: each.model_dump() for name, each in value.items()})
        return value

    def __hash__(self) -> int:
        """Return a hash, which the dictionary of own measures has not."""
        return hash(self.model_dump_json())

    def __setstate__(self, state: dict[Any, Any]) -> None:
        """Declare own measures in a process that is sent the settings, such as a worker."""
        super().__setstate__(state)
        declare_own({name: each.model_dump() for name, each in self.own.items()})
