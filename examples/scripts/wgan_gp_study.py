# ruff: noqa: D103, N816
"""WGAN-GP on digits in one file: a script as people have it, and beside it the same in a study."""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.utils import save_image

parser = argparse.ArgumentParser()
parser.add_argument("--n_epochs", type=int, default=200, help="epochs of training")
parser.add_argument("--batch_size", type=int, default=64, help="images per batch")
parser.add_argument("--lr", type=float, default=0.0002, help="Adam's step size")
parser.add_argument("--b1", type=float, default=0.5, help="Adam's first beta")
parser.add_argument("--b2", type=float, default=0.9, help="Adam's second beta")
parser.add_argument("--latent_dim", type=int, default=32, help="numbers per latent")
parser.add_argument("--n_critic", type=int, default=5, help="critic steps per generator step")
parser.add_argument("--lambda_gp", type=float, default=10.0, help="weight of the gradient penalty")
parser.add_argument("--sample_interval", type=int, default=400, help="batches between samples")
parser.add_argument("--data", required=True, help="training images, an .npy file")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--samples", type=int, default=1000, help="images that a study scores")
opt = parser.parse_args()
torch.manual_seed(opt.seed)
print(opt)

img_shape = (1, 8, 8)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
Path("images").mkdir(exist_ok=True)

generator = nn.Sequential(
    nn.Linear(opt.latent_dim, 128),
    nn.LeakyReLU(0.2),
    nn.Linear(128, 256),
    nn.BatchNorm1d(256),
    nn.LeakyReLU(0.2),
    nn.Linear(256, int(np.prod(img_shape))),
    nn.Tanh(),
    nn.Unflatten(1, img_shape),
).to(device)
critic = nn.Sequential(
    nn.Flatten(),
    nn.Linear(int(np.prod(img_shape)), 256),
    nn.LeakyReLU(0.2),
    nn.Linear(256, 128),
    nn.LeakyReLU(0.2),
    nn.Linear(128, 1),
).to(device)
opt_G = torch.optim.Adam(generator.parameters(), lr=opt.lr, betas=(opt.b1, opt.b2))
opt_D = torch.optim.Adam(critic.parameters(), lr=opt.lr, betas=(opt.b1, opt.b2))

digits = torch.from_numpy(np.load(opt.data))
dataset = TensorDataset(digits)
dataloader = DataLoader(dataset, batch_size=opt.batch_size, shuffle=True, drop_last=True)


def gradient_penalty(real, fake):
    share = torch.rand(len(real), 1, 1, 1, device=device)
    between = (share * real + (1 - share) * fake).requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return ((slope.flatten(1).norm(2, dim=1) - 1) ** 2).mean()


z = torch.randn(opt.samples, opt.latent_dim, device=device)
batches_done = 0
for epoch in range(opt.n_epochs):
    for (batch,) in dataloader:
        real = batch.to(device)
        opt_D.zero_grad()
        fake = generator(torch.randn(len(real), opt.latent_dim, device=device)).detach()
        d_loss = critic(fake).mean() - critic(real).mean()
        d_loss += opt.lambda_gp * gradient_penalty(real, fake)
        d_loss.backward()
        opt_D.step()
        batches_done += 1

        if batches_done % opt.n_critic == 0:
            opt_G.zero_grad()
            fake = generator(torch.randn(len(real), opt.latent_dim, device=device))
            g_loss = -critic(fake).mean()
            g_loss.backward()
            opt_G.step()

        if batches_done % opt.sample_interval == 0:
            print(f"epoch {epoch}, batch {batches_done}, D {d_loss:.3f}, G {g_loss:.3f}")
            save_image(fake[:25], f"images/{batches_done}.png", nrow=5, normalize=True)
            np.save(f"samples-{batches_done}.npy", generator(z).detach().cpu().numpy())
            said = {"discriminator_steps": batches_done, "samples": f"samples-{batches_done}.npy"}
            said |= {"loss_d": d_loss.item(), "loss_g": g_loss.item()}
            print("[ganstudy]", json.dumps(said))
