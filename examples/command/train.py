# ruff: noqa: D103, N806
"""A training script with StyleGAN's command line, and its way of leaving things; the GAN itself is tiny.

    python train.py --outdir=runs --data=FOLDER --gamma=1 --kimg=40 --snap=8 --seed=0

It makes a folder for the run, as runs/00000-gamma1, and writes fakesNNNNNN.png (a grid), stats.jsonl,
metric-fid50k_full.jsonl and network-snapshot-NNNNNN.pkl there, NNNNNN in thousands of real images shown.
With --resume it goes on from a snapshot, and counts from 0. Nothing but the lines between the two marks
is for a study: StyleGAN has none like them.
"""

import argparse
import json
import pickle
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torchvision.utils import save_image

LATENTS = 16


def images_of(folder):
    names = sorted(folder.glob("*.png"))
    images = np.stack([np.asarray(Image.open(name).convert("L")) for name in names])
    return torch.from_numpy(images).float()[:, None] / 127.5 - 1


def networks(width, shape):
    size = shape.numel()
    G = nn.Sequential(nn.Linear(LATENTS, width), nn.ReLU(), nn.Linear(width, size), nn.Tanh())
    D = nn.Sequential(nn.Flatten(), nn.Linear(size, width), nn.ReLU(), nn.Linear(width, 1))
    return nn.Sequential(*G, nn.Unflatten(1, shape)), D


def r1(logits, real):
    (gradient,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def distance(fakes, data):
    """Return the Fréchet distance of pixels taken one by one, in the place of FID's features."""
    off = (fakes.mean(0) - data.mean(0)).square() + (fakes.std(0) - data.std(0)).square()
    return off.sum().item()


def add_line(path, row):
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def save(folder, kimg, parts, data, samples):
    with torch.no_grad():
        fakes = parts["G"](torch.randn(max(1000, samples), LATENTS))
    save_image(fakes[:64], folder / f"fakes{kimg:06d}.png", nrow=8, normalize=True)
    # --- for a study
    if samples:
        np.save(folder / f"fakes{kimg:06d}.npy", fakes[:samples].numpy())
    # --- for a study, end
    name = f"network-snapshot-{kimg:06d}.pkl"
    with (folder / name).open("wb") as file:
        pickle.dump({key: part.state_dict() for key, part in parts.items()}, file)
    row = {"results": {"fid50k_full": distance(fakes, data)}, "metric": "fid50k_full"}
    row |= {"snapshot_pkl": name, "timestamp": time.time()}
    add_line(folder / "metric-fid50k_full.jsonl", row)


def new_run(outdir, gamma):
    outdir.mkdir(parents=True, exist_ok=True)
    numbers = [int(each.name[:5]) for each in outdir.glob("[0-9]" * 5 + "-*")]
    folder = outdir / f"{max(numbers, default=-1) + 1:05d}-gamma{gamma:g}"
    folder.mkdir()
    return folder


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--outdir", type=Path, required=True)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--gamma", type=float, required=True, help="weight of R1")
    options.add_argument("--lr", type=float, default=1e-3)
    options.add_argument("--batch", type=int, default=64)
    options.add_argument("--width", type=int, default=64)
    options.add_argument("--kimg", type=int, default=40, help="thousands of real images shown")
    options.add_argument("--snap", type=int, default=8, help="kimg between snapshots")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--resume", type=Path)
    options.add_argument("-n", "--dry-run", action="store_true", help="say what would be done")
    # --- for a study
    options.add_argument("--samples", type=int, default=0, help="at each snapshot, as an array")
    # --- for a study, end
    args = options.parse_args()
    print(f"gamma {args.gamma:g}, lr {args.lr:g}, {args.kimg} kimg, seed {args.seed}")
    data = images_of(args.data)
    if args.dry_run:
        return

    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    folder = new_run(args.outdir, args.gamma)
    G, D = networks(args.width, data.shape[1:])
    parts = {
        "G": G,
        "D": D,
        "opt_G": torch.optim.Adam(G.parameters(), args.lr, (0.5, 0.99)),
        "opt_D": torch.optim.Adam(D.parameters(), args.lr, (0.5, 0.99)),
    }
    if args.resume:
        with args.resume.open("rb") as file:
            state = pickle.load(file)
        for name, part in parts.items():
            part.load_state_dict(state[name])

    images = snapped = 0
    while images < 1000 * args.kimg:
        real = data[torch.randint(len(data), (args.batch,))].requires_grad_()
        fake = G(torch.randn(args.batch, LATENTS)).detach()
        logits = D(real)
        loss_d = F.softplus(-logits).mean() + F.softplus(D(fake)).mean()
        parts["opt_D"].zero_grad()
        (loss_d + args.gamma / 2 * r1(logits, real)).backward()
        parts["opt_D"].step()
        loss_g = F.softplus(-D(G(torch.randn(args.batch, LATENTS)))).mean()
        parts["opt_G"].zero_grad()
        loss_g.backward()
        parts["opt_G"].step()
        images += args.batch
        kimg = images // 1000
        if kimg >= snapped + args.snap or images >= 1000 * args.kimg:
            snapped = kimg
            save(folder, kimg, parts, data, args.samples)
            row = {
                "Progress/kimg": {"mean": images / 1000},
                "Loss/G/loss": {"mean": loss_g.item()},
                "Loss/D/loss": {"mean": loss_d.item()},
            }
            add_line(folder / "stats.jsonl", row)
            print(f"kimg {kimg}, loss G {loss_g.item():.3f}, loss D {loss_d.item():.3f}")


if __name__ == "__main__":
    main()
