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
    """Features behind FID, KID, precision and recall. auto: a classifier trained on the images'
    labels; without labels Inception. pixels: principal components of the real images' pixels."""
    weights: str | None = Field(None, min_length=1)
    """File with Inception's weights; absent: torch-fidelity's are downloaded."""
    weights_digest: str | None = Field(None, pattern="^[0-9a-f]{16}$")
    """Digest that this file must have, as the results' provenance states it."""
    samples: int | None = Field(None, ge=1, le=100_000_000)
    """Images generated per seed and evaluation; by default the data set's own number."""
    modes: Literal["auto", "classes", "bins"] = "auto"
    """What a mode is. auto: a class where there are labels, else a k-means bin."""
    bins: int = Field(100, ge=2, le=100_000)
    """k-means bins, at most."""
    game_steps: int = Field(100, ge=0, le=10**9)
    """Steps of either player in the search for the duality gap at the end of a trial; the path
    angle takes as many gradients again. 0: neither."""
    own: dict[str, OwnMeasure] = {}
    """Your own measures by name; in the study file a list of references."""

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
