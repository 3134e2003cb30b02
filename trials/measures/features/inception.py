"""Inception-v3's features, the standard for natural images.

They are those of torch-fidelity's network and a file of weights.

Szegedy et al. 2015 as trained for TensorFlow on 2015-12-05, the network that FID was defined on
(Heusel et al. 2017); 2,048 features and, for IS, the logits of 1,008 classes. Images are resized to
299 x 299 inside.

torch-fidelity unpickles whatever the file contains. Here nothing but arrays is read, their names
and shapes must be the network's own, and the digest of the file's bytes travels with every score. A
file that the study does not name must be the published one, by its SHA-256.
"""

from __future__ import annotations

import hashlib
import http.client
import io
from pathlib import Path

import torch
from torch import Tensor

from ganstudy.trials.measures.features.classifier import to_uint8
from ganstudy.trials.measures.features.feature_space import Identity
from ganstudy.trials.measures.features.fidelity import (
    INCEPTION,
    INCEPTION_CLASSIFIER,
    INCEPTION_SHA256,
    INCEPTION_URL,
    inception_extractor,
)

ALTERNATIVES = "take extractor 'pixels', or 'classifier' where the images have labels"
NO_CLASSIFIER = f"IS is not available: the weights of {INCEPTION} have no classifier (fc)"


class InceptionFeatures:
    """Inception as a feature space."""

    def __init__(
        self, weights: str | None, device: torch.device, expected_digest: str | None = None
    ) -> None:
        """Read the weights.

        weights: a file with a state dict of torch-fidelity's network; None: the published one is
        downloaded. Without the classifier (fc missing, or not finite) there are no logits, which
        `notes` says. Raise ValueError where the file cannot be downloaded or read, where its digest
        is not the one expected (or, without `weights`, the published one), or where its weights are
        those of another network.
        """
        path = _downloaded() if weights is None else Path(weights).expanduser()
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ValueError(
                f"weights must be a file that can be read, and {path} is not: {error.strerror}"
            ) from None
        if weights is None and hashlib.sha256(data).hexdigest() != INCEPTION_SHA256:
            raise ValueError(
                f"{path} is not the published file; remove it, or name it as weights if it is meant"
            )
        digest = hashlib.blake2b(data, digest_size=8).hexdigest()
        if expected_digest not in (None, digest):
            raise ValueError(
                f"weights_digest is {expected_digest}, but {path} has the digest {digest}"
            )
        arrays = _arrays(data, path)
        broken = {name for name, array in arrays.items() if not torch.isfinite(array).all()}
        if broken - set(INCEPTION_CLASSIFIER):
            raise ValueError(
                f"{path}: Inception's weights must be finite, but {len(broken)} arrays hold NaN or "
                f"infinity, such as {min(broken)}"
            )
        with_classifier = not broken and all(name in arrays for name in INCEPTION_CLASSIFIER)
        try:
            self._extractor = inception_extractor(arrays, with_classifier, device)
        except ValueError as error:
            raise ValueError(f"{path} does not hold the weights of {INCEPTION}: {error}") from None
        self.identity = Identity(INCEPTION, digest)
        self.notes: tuple[str, ...] = () if with_classifier else (NO_CLASSIFIER,)

    def __call__(self, samples: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return features [n, 2048] and logits [n, 1008], or None.

        samples: images [n, C, H, W]; a single channel is taken thrice.
        """
        if samples.shape[1] not in (1, 3):
            raise ValueError(
                f"{INCEPTION} needs images of 1 or 3 channels, got {samples.shape[1]}; {ALTERNATIVES}"
            )
        # expand makes a view: grey images are not held three times.
        return self._extractor(to_uint8(samples).expand(-1, 3, -1, -1))


def _downloaded() -> Path:
    """Return the path of the published file, downloaded to where torch-fidelity would put it."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / INCEPTION_URL.rpartition("/")[2]
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # The hash is checked before the file gets its name: half a download is never read.
            torch.hub.download_url_to_file(
                INCEPTION_URL, str(path), hash_prefix=INCEPTION_SHA256, progress=False
            )
        except (OSError, http.client.HTTPException, RuntimeError) as error:
            raise ValueError(
                f"Inception's weights cannot be downloaded ({error}); get {INCEPTION_URL} some other "
                f"way and name the file as weights, or {ALTERNATIVES}"
            ) from None
    return path


def _arrays(data: bytes, path: Path) -> dict[str, Tensor]:
    """Return the state dict in a file's bytes; nothing else in it is run or constructed."""
    try:
        arrays = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # torch's reader raises almost any type on damaged bytes
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"{path} cannot be read as weights (a dictionary of arrays written by torch.save): "
            f"{reason}"
        ) from None
    if not isinstance(arrays, dict) or not all(
        isinstance(array, Tensor) for array in arrays.values()
    ):
        raise ValueError(
            f"{path} must hold a dictionary of arrays (a state dict), got a {type(arrays).__name__}"
        )
    return arrays
