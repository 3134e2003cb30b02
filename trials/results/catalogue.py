"""The catalogue of measures: name, meaning, unit, direction and source of every number that a trial
reports.

The single place where a measure is named. MLflow's metric names, the analysis, the figures, the
report and docs/measures.md all read it. Free of torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["down", "up", "none"]


@dataclass(frozen=True)
class Measure:
    """One number per seed and evaluation, or none where it does not apply."""

    name: str
    label: str
    group: str
    unit: str
    direction: Direction
    """Where better is; "none" where neither end is."""
    meaning: str
    source: str
    at_end: bool = False
    """Measured once, at the end of the budget, since it costs training steps."""


QUALITY, MODES, CYCLING, COPYING, GAME = "Quality", "Modes", "Cycling", "Copying", "The game"

_ALL = (
    Measure(
        *("fid", "FID", QUALITY, "squared feature distance", "down"),
        "Fréchet distance of Gaussians fitted to the features of generated and held-out real samples.",
        "Heusel et al. 2017, eq. 6; torch-fidelity",
    ),
    Measure(
        *("kid", "KID", QUALITY, "squared kernel distance", "down"),
        "Unbiased squared maximum mean discrepancy of the features under a cubic polynomial kernel; 0 for equal "
        "distributions at any n, so it may be slightly negative.",
        "Bińkowski et al. 2018, sec. 3.1",
    ),
    Measure(
        *("inception_score", "IS", QUALITY, "score >= 1", "up"),
        "exp of the mean divergence of the classifier's choice for one image from its choice over all; blind to "
        "everything but the classes. Mean over 10 splits.",
        "Salimans et al. 2016, sec. 4; torch-fidelity",
    ),
    Measure(
        *("precision", "Precision", QUALITY, "share of generated", "up"),
        "Generated samples inside the real samples' manifold, the union of balls to the 3rd neighbour.",
        "Kynkäänniemi et al. 2019; torch-fidelity",
    ),
    Measure(
        *("recall", "Recall", QUALITY, "share of real", "up"),
        "Real samples inside the generated samples' manifold, the union of balls to the 3rd neighbour.",
        "Kynkäänniemi et al. 2019; torch-fidelity",
    ),
    Measure(
        *("density", "Density", QUALITY, "expected 1", "up"),
        "How many real samples' balls (to the 5th neighbour) hold a generated sample, over the number expected; "
        "above 1 where samples crowd the dense regions.",
        "Naeem et al. 2020, eq. 3",
    ),
    Measure(
        *("coverage", "Coverage", QUALITY, "share of real", "up"),
        "Real samples whose ball (to the 5th neighbour) holds at least one generated sample.",
        "Naeem et al. 2020, eq. 4",
    ),
    Measure(
        *("sharpness", "Sharpness", QUALITY, "ratio to real", "none"),
        "Mean variance of the images' Laplacian over that of held-out images: 1 as sharp as real, below 1 blurred, "
        "above 1 noisy. Images only.",
        "Pech-Pacheco et al. 2000",
    ),
    Measure(
        *("modes_covered", "Modes covered", MODES, "modes", "up"),
        "Modes with at least one high-quality sample.",
        "Lin et al. 2018, sec. 4.1",
    ),
    Measure(
        *("high_quality", "High quality", MODES, "share of generated", "up"),
        "Points within 3 sigma (L2) of the nearest mean; images that the classifier is as sure of as of all but "
        "the least sure 5% of held-out images; samples no farther from their bin's centre than 95% of real ones.",
        "Lin et al. 2018, sec. 4.1 (points)",
    ),
    Measure(
        *("reverse_kl", "Reverse KL", MODES, "nats", "down"),
        "KL(p || q) of the generated samples' histogram over modes and the real one; about (K - 1) / 2n for a "
        "perfect sampler of n samples over K modes.",
        "Lin et al. 2018, sec. 4.1",
    ),
    Measure(
        *("effective_modes", "Effective modes", MODES, "modes", "up"),
        "exp of the entropy of the generated samples' histogram over modes.",
        "Hill 1973, order 1",
    ),
    Measure(
        *("ndb", "NDB", MODES, "share of bins", "down"),
        "Modes whose share of generated samples differs from the real share by a two-proportion z-test at 5%; "
        "about 0.05 for a perfect sampler.",
        "Richardson & Weiss 2018, sec. 3",
    ),
    Measure(
        *("jsd", "JSD", MODES, "nats", "down"),
        "Jensen-Shannon divergence of the two histograms over modes.",
        "Richardson & Weiss 2018, sec. 3",
    ),
    Measure(
        *("movement", "Movement", CYCLING, "total variation, 0 to 1", "none"),
        "Total variation between the mode histograms of this evaluation and the one before.",
        "ganstudy",
    ),
    Measure(
        *("dominant_switches", "Dominant switches", CYCLING, "switches so far", "none"),
        "How often the dominant mode has changed, chance apart.",
        "ganstudy",
    ),
    Measure(
        *("returns", "Returns", CYCLING, "returns so far", "none"),
        "How often a mode became dominant that had been dominant before and left: hopping in circles.",
        "ganstudy",
    ),
    Measure(
        *("hidden_coverage", "Hidden coverage", CYCLING, "effective modes", "none"),
        "Effective modes of the window's samples taken together beyond those of this evaluation: high where the "
        "generator can make a mode but forgets it.",
        "ganstudy",
    ),
    Measure(
        *("copying", "Copying C_T", COPYING, "z", "none"),
        "Whether generated samples lie nearer to training samples than held-out ones do (rank test within cells): "
        "far below 0 copies, about 0 like fresh data, above 0 off the data.",
        "Meehan et al. 2020, sec. 3",
    ),
    Measure(
        *("duplicates", "Duplicates", COPYING, "share of generated", "none"),
        "Samples so much nearer to one training sample than to the second nearest as only 1% of held-out samples "
        "are; about 0.01 for fresh data, the share of copies where there are any.",
        "ganstudy",
    ),
    Measure(
        *("loss_d", "Discriminator loss", GAME, "loss units", "none"),
        "Mean since the last evaluation.",
        "trials/losses/",
    ),
    Measure(
        *("loss_g", "Generator loss", GAME, "loss units", "none"),
        "Mean since the last evaluation; the reconstruction loss of an autoencoder, the negative bound of a VAE.",
        "trials/losses/, trials/gan/autoencoder.py",
    ),
    Measure(
        *("d_real", "D(x)", GAME, "probability", "none"),
        "Mean of the discriminator on a batch of training data; 1/2 at the optimum. Cross-entropy losses only.",
        "Goodfellow et al. 2014, sec. 4",
    ),
    Measure(
        *("d_fake", "D(G(z))", GAME, "probability", "none"),
        "Mean of the discriminator on a batch of generated samples; 1/2 at the optimum. Cross-entropy losses only.",
        "Goodfellow et al. 2014, sec. 4",
    ),
    Measure(
        *("d_auc", "Discriminator AUC", GAME, "probability", "none"),
        "Chance that the discriminator ranks a training sample above a generated one, whatever the loss; 1/2 at the "
        "optimum, 1 where the generator is beaten.",
        "Hanley & McNeil 1982",
    ),
    Measure(
        *("gradient_norm_d", "Gradient norm D", GAME, "loss units per parameter unit", "none"),
        "L2 norm of the gradient of the discriminator's own loss, mean of every tenth step since the last evaluation.",
        "ganstudy",
    ),
    Measure(
        *("gradient_norm_g", "Gradient norm G", GAME, "loss units per parameter unit", "none"),
        "L2 norm of the gradient of the generator's own loss, mean of every tenth step since the last evaluation.",
        "ganstudy",
    ),
    Measure(
        *("mismatch", "Objective mismatch", GAME, "rank correlation, -1 to 1", "none"),
        "Spearman correlation of the generator's loss with FID over the evaluations so far: near 1 the loss tells "
        "the quality, near 0 it says nothing, below 0 it misleads.",
        "ganstudy",
    ),
    Measure(
        *("duality_gap", "Duality gap", GAME, "loss units", "down"),
        "What a best answer of either player to the other would still gain, sought for a limited number of steps on "
        "half of the held-out data and scored on the rest; 0 at an equilibrium. A lower bound, so noise can make it "
        "slightly negative; compare equal losses and steps.",
        "Grnarova et al. 2019",
        at_end=True,
    ),
    Measure(
        *("path_attraction", "Path attraction", GAME, "cosine, -1 to 1", "none"),
        "Half the fall of the path angle's cosine across the last point: 1 where the game is pulled towards it, "
        "below 0 where it is pushed away, near 0 where it turns or is far from any equilibrium.",
        "Berard et al. 2020",
        at_end=True,
    ),
    Measure(
        *("path_rotation", "Path rotation", GAME, "cosine, -1 to 1", "none"),
        "Half the difference of the path angle's cosine on the two sides of the last point: 1 where the game turns "
        "around it, at most 0 where it follows a single loss.",
        "Berard et al. 2020 (the bump), taken on both sides",
        at_end=True,
    ),
)

MEASURES: dict[str, Measure] = {measure.name: measure for measure in _ALL}
