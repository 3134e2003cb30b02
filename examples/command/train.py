# ruff: noqa: D103, N806
"""A training script that knows nothing of ganstudy: a GAN on points, with StyleGAN's way of leaving things.

    python train.py --outdir=runs --data=points.npy --gamma=1 --kimg=40 --snap=8 --seed=0

It writes fakesNNNNNN.npy (samples), network-snapshot-NNNNNN.pt and stats.jsonl, NNNNNN in thousands of
real images shown, and goes on from a snapshot with --resume. The loss is the non-saturating one with R1.
"""

import argparse
import json
import re
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

LATENTS = 8


def networks(width, dim):
    generator = nn.Sequential(
        nn.Linear(LATENTS, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, dim),
    )
    discriminator = nn.Sequential(
        nn.Linear(dim, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1)
    )
    return generator, discriminator


def r1(logits, real):
    (gradient,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
    return gradient.square().sum(1).mean()


def save(folder, kimg, parts, latents):
    with torch.no_grad():
        np.save(folder / f"fakes{kimg:06d}.npy", parts["G"](latents).numpy())
    state = {name: part.state_dict() for name, part in parts.items()}
    torch.save(state, folder / f"network-snapshot-{kimg:06d}.pt")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--outdir", type=Path, required=True)
    options.add_argument("--data", type=Path, required=True)
    options.add_argument("--gamma", type=float, default=1.0, help="weight of R1")
    options.add_argument("--lr", type=float, default=1e-3)
    options.add_argument("--batch", type=int, default=64)
    options.add_argument("--width", type=int, default=64)
    options.add_argument("--kimg", type=int, default=40, help="thousands of real images shown")
    options.add_argument("--snap", type=int, default=8, help="kimg between snapshots")
    options.add_argument("--fakes", type=int, default=1000, help="samples at each snapshot")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--resume", type=Path)
    options.add_argument(
        "-n", "--dry-run", action="store_true", help="say what would be done, and end"
    )
    args = options.parse_args()
    print(f"gamma {args.gamma:g}, lr {args.lr:g}, {args.kimg} kimg, seed {args.seed}")
    data = torch.from_numpy(np.load(args.data))
    if args.dry_run:
        return

    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    args.outdir.mkdir(parents=True, exist_ok=True)
    G, D = networks(args.width, data.shape[1])
    parts = {
        "G": G,
        "D": D,
        "opt_G": torch.optim.Adam(G.parameters(), args.lr, (0.5, 0.99)),
        "opt_D": torch.optim.Adam(D.parameters(), args.lr, (0.5, 0.99)),
    }
    latents = torch.randn(args.fakes, LATENTS)
    images = 0
    if args.resume:
        state = torch.load(args.resume, weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        images = 1000 * int(re.findall(r"\d+", args.resume.name)[-1])
        torch.manual_seed(args.seed + images)

    snapped = images // 1000
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
            save(args.outdir, kimg, parts, latents)
            row = {
                "Progress/kimg": {"mean": images / 1000},
                "Loss/G/loss": {"mean": loss_g.item()},
                "Loss/D/loss": {"mean": loss_d.item()},
            }
            with (args.outdir / "stats.jsonl").open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(f"kimg {kimg}, loss G {loss_g.item():.3f}, loss D {loss_d.item():.3f}")


if __name__ == "__main__":
    main()
