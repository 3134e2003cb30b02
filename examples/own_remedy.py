"""A regulariser, a loss and a measure of one's own: examples/own_remedy.toml, line by line."""

import torch.nn.functional as F
from pydantic import Field

from ganstudy.trials.own import LaneNumber, Loss, Remedy, RemedyOptions, gradients, measure


class FlatEverywhereOptions(RemedyOptions):
    """Options of FlatEverywhere."""

    gamma: LaneNumber = Field(10.0, ge=0)


class FlatEverywhere(Remedy):
    """R1 and R2 at once: half of the penalty on real, half on generated samples."""

    gradients_at = frozenset({"real", "fake"})
    options: FlatEverywhereOptions

    def discriminator_term(self, step):
        """Return the penalty [S] that is added to the discriminator's loss."""
        real = gradients(step.logits_real, step.real).square().sum(-1)  # [S, B]
        fake = gradients(step.logits_fake, step.fake).square().sum(-1)
        return self.number("gamma") / 4 * (real + fake).mean(-1)  # [S]: one number per seed


class Logistic(Loss):
    """The non-saturating loss, written out."""

    log_odds = True

    def discriminator(self, real, fake, target=1.0):
        """Return the discriminator's loss [S] of its outputs [S, B]."""
        return F.softplus(-real).mean(-1) + F.softplus(fake).mean(-1)

    def generator(self, fake, real):
        """Return the generator's loss [S] of outputs [S, B]."""
        return F.softplus(-fake).mean(-1)


@measure(label="Spread gap", better="smaller", unit="units of the data", ratio=True)
def spread_gap(generated, real):
    """Distance of the standard deviations of generated and real samples."""
    return (generated.std(0) - real.std(0)).norm()
