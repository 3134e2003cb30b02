"""[data]: which data are trained on. The loaders lie in trials/data/.

A new data set needs a class here, in DATA too, and a loader in trials/data/.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from ganstudy.trials.config.base import (
    FilledInText,
    ImplementedOptions,
    NamedChoice,
    is_plugin,
    short_repr,
)

PATH_FIELDS = ("path", "root")
"""Fields that hold a file or folder; a relative one counts from the study file, a leading ~ is the
home folder.
"""


def held_out_rule(value: float) -> float:
    """Return `value`, a share between 0 and 1 or a whole number of at least 1.

    Raise ValueError for any other number.
    """
    if not (0 < value < 1 or (value >= 1 and value.is_integer())):
        raise ValueError(
            f"held_out must be a share between 0 and 1 or a whole number >= 1, got {value:g}"
        )
    return value


HeldOut = Annotated[float, AfterValidator(held_out_rule)]
"""Held-out part of the data: below 1 a share, from 1 on a number of images."""


def as_tuple(value: Any) -> Any:
    """Return a list as a tuple, and anything else as it is."""
    # TOML has lists only, and strict validation refuses them where a tuple is meant.
    return tuple(value) if isinstance(value, list) else value


Pair = Annotated[tuple[float, float], BeforeValidator(as_tuple)]


class DataOptions(ImplementedOptions):
    """Options of every data set."""

    name: str

    points: ClassVar[bool] = False
    """Whether the data are known, before they are loaded, to be points rather than images."""
    labelled: ClassVar[bool] = False
    """Whether they are known to be images with labels, which the in-domain classifier learns."""
    tiny: ClassVar[bool] = False
    """Whether a sample is known to be a point or to have at most 8 x 8 pixels, so that a step of one
    configuration leaves a CPU idle between operations.
    """


class ImageOptions(DataOptions):
    """Options of every data set of images."""

    mirror: bool = False
    """Flip each training image left to right with probability 1/2."""

    @model_serializer(mode="wrap")
    def _as_before(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is off: digests of configurations without it stand on disk."""
        values: dict[str, Any] = handler(self)
        if not self.mirror:
            values.pop("mirror", None)
        return values


class Digits(ImageOptions):
    """Scikit-learn's handwritten digits: 8 x 8, grey, 10 classes, 1,000 images, 797 held out."""

    implementation = "ganstudy.trials.data.digits:digits"
    labelled = True
    tiny = True

    name: Literal["digits"] = "digits"


class Ring(DataOptions):
    """Eight Gaussians on a circle."""

    implementation = "ganstudy.trials.data.points:ring"
    points = True
    tiny = True

    name: Literal["ring"] = "ring"


class Grid(DataOptions):
    """25 Gaussians on a square grid."""

    implementation = "ganstudy.trials.data.points:grid"
    points = True
    tiny = True

    name: Literal["grid"] = "grid"


class Downloaded(ImageOptions):
    """Data that torchvision reads, and downloads where they are not there yet."""

    root: str = Field("~/.cache/ganstudy", min_length=1)
    """Folder with the files, as torchvision lays them out (ROOT/MNIST/raw/)."""
    download: bool = True
    """Whether missing files are downloaded."""
    size: int | None = Field(None, ge=4, le=1024)
    """Pixels per side; absent: as in the files."""


class OfficialSplit(Downloaded):
    """Data with a training and a test split of their own.

    What is held out comes from the test split.
    """

    implementation = "ganstudy.trials.data.torchvision_sets:torchvision_set"
    labelled = True

    train_images: int | None = Field(None, ge=2)
    """Images to train on, the first of a fixed shuffle."""
    held_out_images: int | None = Field(None, ge=1)
    """The same of the test split, which is held out."""


class MNIST(OfficialSplit):
    """Handwritten digits: 28 x 28, grey, 60,000 images."""

    name: Literal["mnist"] = "mnist"


class FashionMNIST(OfficialSplit):
    """Articles of clothing, otherwise the same."""

    name: Literal["fashion_mnist"] = "fashion_mnist"


class CIFAR10(OfficialSplit):
    """Photographs: 32 x 32, colour, 50,000 images."""

    name: Literal["cifar10"] = "cifar10"


class StackedDigits(ImageOptions):
    """Stacks of scikit-learn's digits, 8 x 8."""

    implementation = "ganstudy.trials.data.stacked:stacked_digits"
    tiny = True

    name: Literal["stacked_digits"] = "stacked_digits"
    num_stacks: int = Field(50_000, ge=2, le=100_000_000)
    """Fixed images to train on."""
    held_out_stacks: int = Field(10_000, ge=1, le=100_000_000)
    """Fixed images held out, of held-out digits."""


class StackedMNIST(Downloaded):
    """Stacks of MNIST's."""

    implementation = "ganstudy.trials.data.stacked:stacked_mnist"

    name: Literal["stacked_mnist"] = "stacked_mnist"
    num_stacks: int = Field(128_000, ge=2, le=100_000_000)
    """Fixed images to train on."""
    held_out_stacks: int = Field(26_000, ge=1, le=100_000_000)
    """Fixed images held out, of held-out digits."""


class PictureOptions(ImageOptions):
    """Options that turn pictures of any kind into images of one shape, and hold some out."""

    size: int | None = Field(None, ge=4, le=1024)
    """Pixels per side; absent: all pictures must have one size."""
    crop: Literal["centre", "none"] = "centre"
    """Cut the middle square out before resizing; none: stretch what is not square."""
    channels: Literal["colour", "grey"] = "colour"
    """3 channels or 1. Transparent parts are laid on white."""
    held_out: HeldOut = 0.2
    """Share or number held out, the first of a fixed shuffle."""
    limit: int | None = Field(None, ge=3)
    """Most images used, the first of a fixed shuffle."""


class PictureFiles(PictureOptions):
    """Options of pictures that are decoded one by one."""

    bad_files: Literal["refuse", "skip"] = "refuse"
    """What to do about unreadable pictures, which are named."""


ZIP = ".zip"


class Images(PictureFiles):
    """A folder or zip of pictures, such as a StyleGAN data set."""

    implementation = "ganstudy.trials.data.images:images"

    name: Literal["images"] = "images"
    path: str = Field(min_length=1)
    """The folder, sub-folders included, or the zip."""
    labels: Literal["none", "folders", "file"] = "none"
    """folders: the first-level sub-folder. file: what dataset.json says; a zip's default."""

    @model_validator(mode="before")
    @classmethod
    def _labels_of_zip(cls, values: Any) -> Any:
        if isinstance(values, dict) and str(values.get("path", "")).lower().endswith(ZIP):
            return {"labels": "file", **values}
        return values


class Parquet(PictureFiles):
    """Pictures in Parquet files, as data sets on the Hugging Face hub have them."""

    implementation = "ganstudy.trials.data.parquet:parquet"

    name: Literal["parquet"] = "parquet"
    path: str = Field(min_length=1)
    """The file, or a folder of them, sub-folders included."""
    split: str | None = Field(None, min_length=1)
    """Only files or folders whose names begin with it, such as train."""
    image_column: str | None = Field(None, min_length=1)
    """Column with picture files; absent: image, img, or the only such one."""
    label_column: str | None = Field(None, min_length=1)
    """Column with labels (whole numbers or text); absent: label, if there is one; none: no labels."""


class Arrays(ImageOptions):
    """Images or points in an npz file."""

    implementation = "ganstudy.trials.data.arrays:arrays"

    name: Literal["arrays"] = "arrays"
    path: str = Field(min_length=1)
    """The npz file."""
    images_key: str | None = None
    """Its images or points; absent: x or images."""
    labels_key: str | None = None
    """Its labels (whole numbers or text); absent: y or labels, unless held-out images are named."""
    held_out_images_key: str | None = None
    """Its held-out ones; absent: a part of the others."""
    held_out_labels_key: str | None = None
    """Their labels."""
    range: Pair | None = None
    """The values that become -1 and 1; required unless images are uint8."""
    layout: Literal["auto", "channels_first", "channels_last"] = "auto"
    """Where the channels are; auto: where there are 1 or 3."""
    size: int | None = Field(None, ge=4, le=1024)
    """Pixels per side, after a cut to the middle square; absent: as in the file."""
    held_out: HeldOut | None = None
    """Share or number held out; absent: 0.2."""
    limit: int | None = Field(None, ge=3)
    """Most images used, the first of a fixed shuffle."""

    @model_validator(mode="after")
    def _consistent(self) -> Arrays:
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError(f"range must be [low, high] with low < high, got {list(self.range)}")
        # Either would have to be ignored without a word.
        if self.held_out is not None and self.held_out_images_key is not None:
            raise ValueError(
                f"name one of held_out and held_out_images_key, got held_out={self.held_out} and "
                f"held_out_images_key={short_repr(self.held_out_images_key)}"
            )
        if self.held_out_labels_key is not None and self.held_out_images_key is None:
            raise ValueError(
                f"held_out_labels_key={short_repr(self.held_out_labels_key)} needs "
                "held_out_images_key"
            )
        if self.held_out_images_key is not None and (self.labels_key is None) != (
            self.held_out_labels_key is None
        ):
            raise ValueError(
                "with held_out_images_key, name both labels_key and held_out_labels_key, or "
                f"neither, got {short_repr(self.labels_key)} and "
                f"{short_repr(self.held_out_labels_key)}"
            )
        return self


class PluginData(PictureOptions):
    """User's own data set.

    The options size and crop apply to pictures and arrays of images, channels to pictures alone.
    """

    implementation = "ganstudy.trials.data.plugin:plugin"

    name: str
    """FILE.py:CALLABLE."""
    digest: FilledInText = ""
    """Digest of the file; filled in when the study file is read."""
    options: dict[str, Any] = {}
    """Keyword arguments of the callable."""

    @model_validator(mode="after")
    def _reference(self) -> PluginData:
        if not is_plugin(self.name):
            raise ValueError(
                f"a reference has the form my_data.py:Dataset, got {short_repr(self.name)}"
            )
        return self


DATA: dict[str, type[DataOptions]] = {
    options.model_fields["name"].default: options
    for options in (
        Digits,
        Ring,
        Grid,
        MNIST,
        FashionMNIST,
        CIFAR10,
        StackedDigits,
        StackedMNIST,
        Images,
        Parquet,
        Arrays,
    )
}
"""All data sets by name; in this order users read them."""

DataConfig = Annotated[DataOptions, NamedChoice("data", DATA, PluginData, "my_data.py:Dataset")]
