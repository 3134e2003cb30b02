"""[model]: the two networks. The implementations lie in trials/networks/.

New networks need a class here, in MODELS too, and a file in trials/networks/.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from ganstudy.trials.config.base import FilledInText, ImplementedOptions, NamedChoice
from ganstudy.trials.config.plugins import split


class ModelOptions(ImplementedOptions):
    """Options of every pair of networks."""

    name: str
    latent_dim: int = Field(32, ge=1, le=100_000)
    """Dimensions of z."""
    latent: Literal["normal", "uniform"] = "normal"
    """Distribution of z: N(0, I), or uniform on [-1, 1]."""

    images_only: ClassVar[bool] = True
    """Whether the networks take images only, or points of any dimension too."""

    @property
    def generator_batch_norm(self) -> bool:
        """Whether the generator has batch normalisation."""
        return True


class MLP(ModelOptions):
    """Fully connected players."""

    implementation = "ganstudy.trials.networks.mlp:mlp"
    images_only = False

    name: Literal["mlp"] = "mlp"
    width: int = Field(128, ge=1, le=100_000)
    """Units per hidden layer."""
    depth: int = Field(2, ge=1, le=1000)
    """Hidden layers."""
    batch_norm: bool = False
    """Batch normalisation in the generator."""

    @property
    def generator_batch_norm(self) -> bool:
        """Whether the generator has batch normalisation, as configured."""
        return self.batch_norm


class DCGAN(ModelOptions):
    """The deep convolutional GAN of Radford et al. 2015."""

    implementation = "ganstudy.trials.networks.dcgan:dcgan"

    name: Literal["dcgan"] = "dcgan"
    latent_dim: int = Field(100, ge=1, le=100_000)
    """Dimensions of z."""
    latent: Literal["normal", "uniform"] = "uniform"
    """Distribution of z: N(0, I), or uniform on [-1, 1]."""
    width: int = Field(64, ge=1, le=100_000)
    """Channels at half the image's resolution; they double with every further halving."""
    discriminator_batch_norm: bool = True
    """Except in its first layer; gradient_penalty, r1 and r2 suppose that there is none."""


class SNDCGAN(ModelOptions):
    """The convolutional GAN of Miyato et al. 2018 and Kurach et al. 2019.

    It comes without spectral normalisation, which is a remedy.
    """

    implementation = "ganstudy.trials.networks.sndcgan:sndcgan"

    name: Literal["sndcgan"] = "sndcgan"
    latent_dim: int = Field(128, ge=1, le=100_000)
    """Dimensions of z."""
    width: int = Field(64, ge=1, le=100_000)
    """Channels at the image's own resolution; they double with every halving."""


class ResNet(ModelOptions):
    """The residual GAN of Miyato et al. 2018; without spectral normalisation, which is a remedy."""

    implementation = "ganstudy.trials.networks.resnet:resnet"

    name: Literal["resnet"] = "resnet"
    latent_dim: int = Field(128, ge=1, le=100_000)
    """Dimensions of z."""
    width: int = Field(128, ge=2, le=100_000, multiple_of=2)
    """Channels of the discriminator, half of the generator's (128: as published); from 64 pixels on
    both have width / 2 to 8 width."""


class PacGANPoints(ModelOptions):
    """The networks of PacGAN (Lin et al. 2018) for two-dimensional points."""

    implementation = "ganstudy.trials.networks.pacgan_points:pacgan_points"
    images_only = False

    name: Literal["pacgan_points"] = "pacgan_points"
    latent_dim: int = Field(2, ge=1, le=100_000)
    """Dimensions of z."""


class StackedMNIST(ModelOptions):
    """The networks of PacGAN (Lin et al. 2018) for stacked MNIST."""

    implementation = "ganstudy.trials.networks.stacked_mnist:stacked_mnist"

    name: Literal["stacked_mnist"] = "stacked_mnist"
    latent_dim: int = Field(100, ge=1, le=100_000)
    """Dimensions of z."""
    latent: Literal["normal", "uniform"] = "uniform"
    """Distribution of z: N(0, I), or uniform on [-1, 1]."""
    width: int = Field(64, ge=1, le=100_000)
    """Channels at half the image's resolution; they double with every further halving."""


class OwnModel(ModelOptions):
    """User's own networks, "my_gan.py:build".

    trials/networks/plugin.py says what is expected of them.
    """

    implementation = "ganstudy.trials.networks.plugin:plugin"
    images_only = False

    digest: FilledInText = ""
    """Digest of the file's bytes; filled in when the study file is read."""
    options: dict[str, Any] = {}
    """Its further keyword arguments; searched as "model.options.NAME"."""

    @field_validator("name")
    @classmethod
    def _reference(cls, value: str) -> str:
        split(value)
        return value

    @field_validator("options")
    @classmethod
    def _not_ours(cls, value: dict[str, Any]) -> dict[str, Any]:
        # Here rather than by Python when the function is called, in the middle of a study.
        taken = sorted({"shape", "latent_dim"} & value.keys())
        if taken:
            raise ValueError(
                f"model.options must not hold {', '.join(taken)}: ganstudy gives it itself"
            )
        return value


MODELS: dict[str, type[ModelOptions]] = {
    model.model_fields["name"].default: model
    for model in (MLP, DCGAN, SNDCGAN, ResNet, PacGANPoints, StackedMNIST)
}
"""All networks by name; in this order users read them."""

ModelConfig = Annotated[
    ModelOptions, NamedChoice("model", MODELS, OwnModel, "my_gan.py:build", default="mlp")
]
