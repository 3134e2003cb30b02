# ruff: noqa: D102, D103
"""A GAN as a LightningModule, and the callback by which a study trains it. See docs/training-function.md.

pip install lightning
ganstudy run examples/frameworks/lightning.toml
"""

import sys

import lightning as L
import torch
import torch.nn.functional as F
from torch import nn


class Study(L.Callback):
    """Lets a study count, evaluate, save and end the training of a module with a `generator`."""

    def __init__(self, run, latent_dim):
        self.run, self.latent_dim = run, latent_dim

    def on_train_start(self, trainer, module):
        optimisers = {f"optimiser_{i}": each for i, each in enumerate(trainer.optimizers)}
        self.run.keep(module=module, **optimisers)
        self.steps = self.run.steps()
        next(self.steps)

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.run.count(discriminator_steps=1, images=len(batch), **outputs)
        if self.run.due():
            self.run.evaluate(module.generator, latent_dim=self.latent_dim)
        trainer.should_stop = next(self.steps, None) is None


class Batches:
    """The seed's batches as a loader. It has a length, so Lightning draws none ahead of its step."""

    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return self.batches

    def __len__(self):
        return sys.maxsize


class GAN(L.LightningModule):
    """As it is in other Lightning projects: nothing in it knows of the study."""

    def __init__(self, width, lr_d, lr_g, latent_dim=8):
        super().__init__()
        self.save_hyperparameters()
        self.automatic_optimization = False
        self.generator = nn.Sequential(nn.Linear(latent_dim, width), nn.ReLU(), nn.Linear(width, 2))
        self.discriminator = nn.Sequential(nn.Linear(2, width), nn.ReLU(), nn.Linear(width, 1))

    def training_step(self, real, batch_idx):
        opt_g, opt_d = self.optimizers()
        z = torch.randn(len(real), self.hparams.latent_dim, device=self.device)
        fake = self.generator(z)

        loss_d = F.softplus(-self.discriminator(real)) + F.softplus(
            self.discriminator(fake.detach())
        )
        opt_d.zero_grad()
        self.manual_backward(loss_d.mean())
        opt_d.step()

        loss_g = F.softplus(-self.discriminator(fake))
        opt_g.zero_grad()
        self.manual_backward(loss_g.mean())
        opt_g.step()
        return {"loss_d": loss_d.mean().detach(), "loss_g": loss_g.mean().detach()}

    def configure_optimizers(self):
        opt_g = torch.optim.Adam(self.generator.parameters(), self.hparams.lr_g, (0.5, 0.999))
        opt_d = torch.optim.Adam(self.discriminator.parameters(), self.hparams.lr_d, (0.5, 0.999))
        return opt_g, opt_d


def train(run):
    module = GAN(**run.params)
    trainer = L.Trainer(
        max_epochs=-1,  # the study says when it is over
        callbacks=[Study(run, module.hparams.latent_dim)],
        accelerator="gpu" if run.device.type == "cuda" else "cpu",
        devices=1,
        default_root_dir=run.folder,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, Batches(run.batches(64)))
