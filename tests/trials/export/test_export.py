"""An exported generator draws what its trial drew, by its own file alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ganstudy.trials.config import plugins
from ganstudy.trials.config.code_folder import CodeFolder
from ganstudy.trials.config.data import Digits
from ganstudy.trials.config.networks import MODELS
from ganstudy.trials.config.trial import Budget, TrialConfig
from ganstudy.trials.ensemble.step_context import Batch, StepContext
from ganstudy.trials.export import standalone
from ganstudy.trials.export.export import description, trained_generators
from ganstudy.trials.gan.trainer_protocol import make_trainer
from ganstudy.trials.results.records import Counters
from ganstudy.trials.training.checkpoint import write_checkpoint
from ganstudy.trials.training.trial_state import TrialPosition

ROOT = Path(__file__).resolve().parents[3]
CPU = torch.device("cpu")
SEEDS = (3, 5)
TOLERANCE = 1e-5
"""Largest difference, relative to the largest value: a pack multiplies stacked matrices, a network alone its own."""
NARROW = {"width": 4, "latent_dim": 5}
CASES: dict[str, tuple[dict[str, Any], tuple[int, ...], dict[str, Any]]] = {
    "mlp on images": ({"name": "mlp", **NARROW, "batch_norm": True}, (1, 8, 8), {}),
    "mlp on points": ({"name": "mlp", **NARROW}, (2,), {}),
    "dcgan": ({"name": "dcgan", **NARROW}, (1, 28, 28), {}),
    "dcgan of 64 pixels": ({"name": "dcgan", **NARROW}, (3, 64, 64), {}),
    "sndcgan": ({"name": "sndcgan", **NARROW}, (3, 28, 28), {}),
    "sndcgan that crops": ({"name": "sndcgan", **NARROW}, (1, 27, 31), {}),
    "resnet": ({"name": "resnet", **NARROW}, (3, 32, 32), {}),
    "resnet of 64 pixels": ({"name": "resnet", **NARROW}, (1, 64, 64), {}),
    "stacked_mnist": ({"name": "stacked_mnist", **NARROW}, (3, 28, 28), {}),
    "pacgan_points": ({"name": "pacgan_points", "latent_dim": 3}, (2,), {}),
    "averaged": ({"name": "dcgan", **NARROW}, (1, 8, 8), {"remedies": ("generator_ema",)}),
    "spectral": (
        {"name": "sndcgan", **NARROW},
        (1, 8, 8),
        {
            "remedies": ("generator_ema", "spectral_normalisation"),
            "remedy_options": {"spectral_normalisation": {"generator": True}},
        },
    ),
    "virtual batch": (
        {"name": "dcgan", **NARROW},
        (1, 8, 8),
        {"remedies": ("virtual_batch_normalisation",)},
    ),
    "virtual batch on points": (
        {"name": "pacgan_points", "latent_dim": 3},
        (2,),
        {"remedies": ("spectral_normalisation", "virtual_batch_normalisation")},
    ),
    "vae": ({"name": "mlp", **NARROW}, (1, 8, 8), {"method": "vae"}),
}


def trained(config: TrialConfig, shape: tuple[int, ...], folder: Path, steps: int = 3):
    """Players after a few steps on noise, and their checkpoint as trials.trial.Trial writes it."""
    players = make_trainer(config, shape, len(shape) == 3, CPU)
    stream = torch.Generator().manual_seed(0)
    for step in range(steps):
        for player in ("discriminator", "generator"):
            if player == "discriminator" and config.method != "gan":
                continue
            real = (
                torch.rand(len(config.seeds), config.batch_size, *shape, generator=stream) * 2 - 1
            )
            z = torch.randn(
                len(config.seeds), config.batch_size, config.model.latent_dim, generator=stream
            )
            batch = Batch(real, z, StepContext(player, step, 0.5, config.seeds, CPU))
            getattr(players, f"{player}_step")(batch)
    tensors = {
        f"{p}.{n}": v
        for p, ensemble in players.players.items()
        for n, v in ensemble.state().items()
    }
    for name, remedy in zip(config.remedies, players.remedies, strict=True):
        tensors |= {f"remedy.{name}.{key}": value for key, value in remedy.state().items()}
    state = TrialPosition(config.digest, Counters(), 0, [], {}).to_json()
    write_checkpoint(folder, 2 * steps, tensors, state)
    return players


def config_of(model: dict[str, Any], **more: Any) -> TrialConfig:
    budget = Budget(unit="generator_steps", amount=3)
    return TrialConfig(
        data=Digits(), model=model, batch_size=8, seeds=SEEDS, budget=budget, evaluations=1, **more
    )


def exported(config: TrialConfig, shape: tuple[int, ...], checkpoints: Path, out: Path) -> None:
    """As study/cli/best.py writes it, without what surrounds it."""
    out.mkdir(exist_ok=True)
    made = trained_generators(checkpoints, config, shape, len(shape) == 3)
    for seed, weights in made.weights.items():
        save_file(weights, out / f"generator-seed-{seed}.safetensors")
    settings = {
        "generator": made.described.to_json(),
        "seeds": list(made.weights),
        "default_seed": SEEDS[0],
        "latent": config.model.latent,
        "latent_dim": config.model.latent_dim,
    }
    (out / "config.json").write_text(json.dumps(settings))
    for name, content in made.own_files.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(content)
    shutil.copy(standalone.__file__, out / "model.py")


@pytest.mark.parametrize("case", CASES)
def test_what_is_exported_draws_what_the_trial_drew(case: str, tmp_path: Path) -> None:
    model, shape, more = CASES[case]
    config = config_of(model, **more)
    players = trained(config, shape, tmp_path / "checkpoints")
    exported(config, shape, tmp_path / "checkpoints", tmp_path / "out")
    latents = torch.randn(
        len(SEEDS), 20, config.model.latent_dim, generator=torch.Generator().manual_seed(1)
    )
    expected = players.sample(latents)
    for place, seed in enumerate(SEEDS):
        network = standalone.load(seed, tmp_path / "out")
        with torch.no_grad():
            drawn = network(latents[place])
        assert drawn.shape == (20, *shape)
        deviation = float((drawn - expected[place]).abs().max())
        assert deviation <= TOLERANCE * float(expected.abs().max()), deviation / float(
            expected.abs().max()
        )
    assert float((expected[0] - expected[1]).abs().max()) > 100 * TOLERANCE, "the seeds differ"


def test_every_network_of_the_catalogue_is_tried() -> None:
    assert {model["name"] for model, _, _ in CASES.values()} == set(MODELS)


@pytest.mark.parametrize("remedies", [(), ("virtual_batch_normalisation",)])
def test_a_users_own_generator_is_loaded_from_the_file_beside(
    tmp_path: Path, remedies: tuple[str, ...]
) -> None:
    file = tmp_path / "my_gan.py"
    file.write_bytes((ROOT / "examples" / "my_gan.py").read_bytes())
    model = {
        "name": "my_gan.py:build",
        "digest": plugins.register(file),
        "latent_dim": 6,
        "options": {"width": 4},
    }
    config = config_of(model, remedies=remedies)
    players = trained(config, (1, 8, 8), tmp_path / "checkpoints")
    exported(config, (1, 8, 8), tmp_path / "checkpoints", tmp_path / "out")
    latents = torch.randn(2, 20, 6)
    with torch.no_grad():
        drawn = standalone.load(SEEDS[1], tmp_path / "out")(latents[1])
    assert float((drawn - players.sample(latents)[1]).abs().max()) <= TOLERANCE
    (tmp_path / "out" / "my_gan.py").write_text("raise SystemExit('changed')")
    with pytest.raises(ValueError, match="not the file that was exported"):
        standalone.load(SEEDS[1], tmp_path / "out")


def test_a_generator_whose_files_import_one_another_is_loaded_from_their_folder(
    tmp_path: Path,
) -> None:
    source = (ROOT / "examples" / "my_gan.py").read_text()
    files = {
        "nets/gan.py": "import model\n\ndef build(**given):\n    import late\n    return model.build(**given)\n",
        "model.py": source,  # the name of the loader itself
        "late.py": "",
    }
    folder = CodeFolder(tmp_path, {name: text.encode() for name, text in files.items()})
    digest = plugins.register_folder(folder)
    model = {
        "name": "nets/gan.py:build",
        "digest": digest,
        "latent_dim": 6,
        "options": {"width": 4},
    }
    config = config_of(model)
    players = trained(config, (1, 8, 8), tmp_path / "checkpoints")
    exported(config, (1, 8, 8), tmp_path / "checkpoints", tmp_path / "out")
    latents = torch.randn(2, 20, 6)
    path, loader = list(sys.path), sys.modules.get("model")
    with torch.no_grad():
        drawn = standalone.load(SEEDS[1], tmp_path / "out")(latents[1])
    assert float((drawn - players.sample(latents)[1]).abs().max()) <= TOLERANCE
    assert sys.path == path and sys.modules.get("model") is loader
    (tmp_path / "out" / "code" / "late.py").write_text("raise SystemExit('changed')")
    with pytest.raises(ValueError, match=r"late\.py is not the file that was exported"):
        standalone.load(SEEDS[1], tmp_path / "out")


PARAMETRISED = """
import torch
from torch import nn
from torch.nn.utils import parametrizations as p

class Generator(nn.Module):
    def __init__(self, shape, latent_dim):
        super().__init__()
        self.shape = shape
        self.first = p.spectral_norm(nn.Linear(latent_dim, 8))
        self.second = p.weight_norm(nn.Linear(8, 8))
        self.third = p.orthogonal(nn.Linear(8, 8))
        self.tied, self.free = nn.Linear(8, 8), nn.Embedding(8, 8)
        self.free.weight = self.tied.weight
        self.out = nn.Linear(8, shape[0])
        self.scale = nn.Parameter(torch.tensor(0.5))
        self.register_buffer("drawn", torch.randn(8), persistent=False)

    def forward(self, latents):
        hidden = self.second(torch.relu(self.first(latents))) + self.drawn
        hidden = self.tied(torch.tanh(self.third(hidden))) + self.free(torch.tensor([3]))
        return self.out(self.scale * hidden)

def build(shape, latent_dim):
    return Generator(shape, latent_dim), nn.Sequential(nn.Linear(*shape, 8), nn.ReLU(), nn.Linear(8, 1))
"""
"""Every kind of tensor that a generator can keep under a name."""


@pytest.mark.parametrize("normalised", [False, True])
def test_own_parametrisations_and_drawn_buffers_are_exported(
    tmp_path: Path, normalised: bool
) -> None:
    (tmp_path / "my_gan.py").write_text(PARAMETRISED)
    digest = plugins.register(tmp_path / "my_gan.py")
    more = {
        "remedies": ("spectral_normalisation",),
        "remedy_options": {"spectral_normalisation": {"generator": True}},
    }
    config = config_of(
        {"name": "my_gan.py:build", "digest": digest, "latent_dim": 6},
        **(more if normalised else {}),
    )
    players = trained(config, (2,), tmp_path / "checkpoints")
    exported(config, (2,), tmp_path / "checkpoints", tmp_path / "out")
    latents = torch.randn(2, 20, 6)
    expected = players.sample(latents)
    for index, seed in enumerate(SEEDS):
        with torch.no_grad():
            drawn = standalone.load(seed, tmp_path / "out")(latents[index])
        deviation = float((drawn - expected[index]).abs().max())
        assert deviation <= TOLERANCE * float(expected.abs().max()), deviation


def test_complex_parameters_are_refused(tmp_path: Path) -> None:
    text = PARAMETRISED.replace("torch.tensor(0.5)", "torch.tensor(0.5 + 0j)")
    (tmp_path / "my_gan.py").write_text(text)
    digest = plugins.register(tmp_path / "my_gan.py")
    config = config_of({"name": "my_gan.py:build", "digest": digest, "latent_dim": 6})
    with pytest.raises(ValueError, match=r"my_gan.py:24: .*parameter scale is torch.complex64"):
        make_trainer(config, (2,), False, CPU)


def test_the_file_needs_nothing_of_ganstudy(tmp_path: Path) -> None:
    """In a process in which none of our packages can be imported."""
    model, shape, more = CASES["averaged"]
    config = config_of(model, **more)
    trained(config, shape, tmp_path / "checkpoints")
    exported(config, shape, tmp_path / "checkpoints", tmp_path / "out")
    code = (
        "import sys\n"
        "for name in ('trials', 'study', 'analysis'): sys.modules[name] = None\n"
        "import model, numpy as np\n"
        "samples = model.sample(10, seed=4)\n"
        "model.picture(samples).save('grid.png')\n"
        "np.save('samples.npy', samples.numpy())\n"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "out",
        check=True,
        env={"PATH": ""},
        timeout=120,
    )
    here = standalone.sample(10, 4, folder=tmp_path / "out").numpy()
    assert np.allclose(np.load(tmp_path / "out" / "samples.npy"), here, atol=TOLERANCE)
    assert (tmp_path / "out" / "grid.png").stat().st_size > 200


def test_equal_seeds_draw_equal_samples_and_chunks_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of({"name": "mlp", **NARROW, "batch_norm": True})
    trained(config, (1, 8, 8), tmp_path / "checkpoints")
    exported(config, (1, 8, 8), tmp_path / "checkpoints", tmp_path / "out")
    first = standalone.sample(30, seed=1, folder=tmp_path / "out")
    assert torch.equal(first, standalone.sample(30, seed=1, folder=tmp_path / "out"))
    assert not torch.equal(first, standalone.sample(30, seed=2, folder=tmp_path / "out"))
    monkeypatch.setattr(standalone, "CHUNK", 7)
    assert torch.allclose(
        first, standalone.sample(30, seed=1, folder=tmp_path / "out"), atol=TOLERANCE
    )
    with pytest.raises(ValueError, match="no generator of seed 4; there are: 3, 5"):
        standalone.sample(3, trained_on=4, folder=tmp_path / "out")


def test_latents_are_of_the_trials_distribution() -> None:
    normal = standalone.latents(20_000, 0, {"latent": "normal", "latent_dim": 2})
    uniform = standalone.latents(20_000, 0, {"latent": "uniform", "latent_dim": 2})
    assert abs(float(normal.std()) - 1) < 0.02 and abs(float(normal.mean())) < 0.02
    assert (
        abs(float(uniform.std()) - 3**-0.5) < 0.01
        and float(uniform.min()) >= -1
        and float(uniform.max()) <= 1
    )


def test_layers_that_nobody_knows_are_refused() -> None:
    with pytest.raises(ValueError, match="GELU cannot be described"):
        description(torch.nn.Sequential(torch.nn.GELU()))
    with pytest.raises(ValueError, match=r"unknown layer .*; known: Linear"):
        standalone.build(["os.system", {"command": "true"}])


def test_pictures_of_images_and_points() -> None:
    images = torch.stack([torch.full((1, 8, 8), -1.0), torch.full((1, 8, 8), 1.0)])
    grid = standalone.picture(images)
    assert grid.size == (66, 32)
    assert grid.getpixel((0, 0)) == (0, 0, 0) and grid.getpixel((40, 10)) == (255, 255, 255)
    points = standalone.picture(torch.tensor([[0.0, 0.0], [1.0, 1.0], [9.0, 0.0]]), reach=2.0)
    dark = np.argwhere(np.asarray(points)[:, :, 0] == 30)
    assert len(dark) == 8, "two points of 2 x 2 pixels; the third lies outside"
    assert {tuple(p) for p in dark} >= {(240, 240), (120, 360)}
