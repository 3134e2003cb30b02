"""The catalogue of measures: every number that a trial reports, with its meaning and source.

The single place where a measure is named: MLflow's metric names, the analysis, the figures, the
report and docs/measures.md all read it, without torch. Scores of generated samples name the
`SampleMeasure` that computes them (trials/measures/base.py); the others are measured where they
arise.
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
    """Which way is better; "none" where neither is."""
    meaning: str
    source: str
    is_ratio: bool = False
    """Whether two scores are compared by their ratio: 0 is the best there is, and scores of studies
    span factors. Of all others the difference is reported.
    """
    of_histogram: bool = False
    """Whether it is computed from the histogram over modes alone, where a sample belongs to the nearest mode
    however far it is: what is off the data costs nothing.
    """
    at_end: bool = False
    """Measured once, at the end of the budget, since it costs training steps."""
    implementation: str | None = None
    """MODULE:NAME of the `SampleMeasure` that computes it from generated samples; None where it is
    measured elsewhere. It is text because the catalogue is read without torch.
    """

    @property
    def sign(self) -> int:
        """Sign with which smaller is better: -1 where larger values are, else 1."""
        return -1 if self.direction == "up" else 1

    @property
    def is_share(self) -> bool:
        """Whether no two values are farther than 1 apart."""
        return self.unit.startswith("share of")

    @property
    def better(self) -> str:
        """Which values are better, in a word: "lower" or "higher"; '' where neither are."""
        return {"down": "lower", "up": "higher", "none": ""}[self.direction]


QUALITY, MODES, CYCLING, COPYING, GAME = "Quality", "Modes", "Cycling", "Copying", "The game"

_ALL = (
    Measure(
        name="fid",
        label="FID",
        group=QUALITY,
        unit="squared feature distance",
        direction="down",
        is_ratio=True,
        meaning="Fréchet distance of Gaussians fitted to generated and held-out features.",
        source="Heusel et al. 2017, eq. 6; torch-fidelity",
        implementation="ganstudy.trials.measures.features.fidelity:FID",
    ),
    Measure(
        name="kid",
        label="KID",
        group=QUALITY,
        unit="squared kernel distance",
        direction="down",
        meaning="Unbiased squared maximum mean discrepancy under a cubic kernel; may be slightly "
        "negative.",
        source="Bińkowski et al. 2018, sec. 3.1",
        implementation="ganstudy.trials.measures.kid:KID",
    ),
    Measure(
        name="inception_score",
        label="IS",
        group=QUALITY,
        unit="score >= 1",
        direction="up",
        meaning="exp of the mean divergence of an image's classification from the mean one; blind to "
        "all but classes.",
        source="Salimans et al. 2016, sec. 4; torch-fidelity",
        implementation="ganstudy.trials.measures.features.fidelity:INCEPTION_SCORE",
    ),
    Measure(
        name="precision",
        label="Precision",
        group=QUALITY,
        unit="share of generated",
        direction="up",
        meaning="Generated samples within the real samples' balls to the 3rd neighbour.",
        source="Kynkäänniemi et al. 2019; torch-fidelity",
        implementation="ganstudy.trials.measures.features.fidelity:PRECISION_RECALL",
    ),
    Measure(
        name="recall",
        label="Recall",
        group=QUALITY,
        unit="share of real",
        direction="up",
        meaning="Real samples within the generated samples' balls to the 3rd neighbour.",
        source="Kynkäänniemi et al. 2019; torch-fidelity",
        implementation="ganstudy.trials.measures.features.fidelity:PRECISION_RECALL",
    ),
    Measure(
        name="density",
        label="Density",
        group=QUALITY,
        unit="expected 1",
        direction="up",
        meaning="Real samples' balls (5th neighbour) that hold a generated sample, over the "
        "number expected; above 1 where samples crowd dense regions.",
        source="Naeem et al. 2020, eq. 3",
        implementation="ganstudy.trials.measures.density_coverage:DENSITY_COVERAGE",
    ),
    Measure(
        name="coverage",
        label="Coverage",
        group=QUALITY,
        unit="share of real",
        direction="up",
        meaning="Real samples whose ball (5th neighbour) holds a generated sample.",
        source="Naeem et al. 2020, eq. 4",
        implementation="ganstudy.trials.measures.density_coverage:DENSITY_COVERAGE",
    ),
    Measure(
        name="sharpness",
        label="Sharpness",
        group=QUALITY,
        unit="ratio to real",
        direction="none",
        meaning="Mean variance of the images' Laplacian over that of held-out ones; below 1 blurred, "
        "above 1 noisy.",
        source="Pech-Pacheco et al. 2000",
        implementation="ganstudy.trials.measures.sharpness:SHARPNESS",
    ),
    Measure(
        name="modes_covered",
        label="Modes covered",
        group=MODES,
        unit="modes",
        direction="up",
        meaning="Modes with at least one high-quality sample.",
        source="Lin et al. 2018, sec. 4.1",
        implementation="ganstudy.trials.measures.modes:MODES",
    ),
    Measure(
        name="high_quality",
        label="High quality",
        group=MODES,
        unit="share of generated",
        direction="up",
        meaning="Points within 3 sigma of the nearest mean; images that the classifier is surer of "
        "than of 5% of held-out ones; samples no farther from their bin's centre than 95% of real "
        "ones.",
        source="Lin et al. 2018, sec. 4.1 (points)",
        implementation="ganstudy.trials.measures.modes:MODES",
    ),
    Measure(
        name="reverse_kl",
        label="Reverse KL",
        group=MODES,
        unit="nats",
        direction="down",
        is_ratio=True,
        meaning="KL divergence of the generated histogram over modes from the real one; about (K - "
        "1) / 2n for n perfect samples of K modes.",
        of_histogram=True,
        source="Lin et al. 2018, sec. 4.1",
        implementation="ganstudy.trials.measures.modes:MODES",
    ),
    Measure(
        name="effective_modes",
        label="Effective modes",
        group=MODES,
        unit="modes",
        direction="up",
        meaning="exp of the generated histogram's entropy.",
        of_histogram=True,
        source="Hill 1973, order 1",
        implementation="ganstudy.trials.measures.modes:MODES",
    ),
    Measure(
        name="ndb",
        label="NDB",
        group=MODES,
        unit="share of bins",
        direction="down",
        meaning="Modes whose share differs from the real one (two-proportion z-test at 5%); about "
        "0.05 for a perfect sampler.",
        of_histogram=True,
        source="Richardson & Weiss 2018, sec. 3",
        implementation="ganstudy.trials.measures.ndb_jsd:NDB_JSD",
    ),
    Measure(
        name="jsd",
        label="JSD",
        group=MODES,
        unit="nats",
        direction="down",
        is_ratio=True,
        meaning="Jensen-Shannon divergence of the two histograms over modes.",
        of_histogram=True,
        source="Richardson & Weiss 2018, sec. 3",
        implementation="ganstudy.trials.measures.ndb_jsd:NDB_JSD",
    ),
    Measure(
        name="movement",
        label="Movement",
        group=CYCLING,
        unit="total variation, 0 to 1",
        direction="none",
        meaning="Between the mode histograms of this evaluation and the last.",
        source="ganstudy",
    ),
    Measure(
        name="dominant_switches",
        label="Dominant switches",
        group=CYCLING,
        unit="switches so far",
        direction="none",
        meaning="Changes of the dominant mode, beyond chance.",
        source="ganstudy",
    ),
    Measure(
        name="returns",
        label="Returns",
        group=CYCLING,
        unit="returns so far",
        direction="none",
        meaning="How often a mode became dominant again.",
        source="ganstudy",
    ),
    Measure(
        name="hidden_coverage",
        label="Hidden coverage",
        group=CYCLING,
        unit="effective modes",
        direction="none",
        meaning="Effective modes of the window's samples together, less this evaluation's: high where "
        "modes are forgotten.",
        source="ganstudy",
    ),
    Measure(
        name="copying",
        label="Copying C_T",
        group=COPYING,
        unit="z",
        direction="none",
        meaning="Whether generated samples lie nearer to training samples than held-out ones do (rank "
        "test within cells): far below 0 copies, above 0 off the data.",
        source="Meehan et al. 2020, sec. 3",
        implementation="ganstudy.trials.measures.copying:COPYING",
    ),
    Measure(
        name="duplicates",
        label="Duplicates",
        group=COPYING,
        unit="share of generated",
        direction="none",
        meaning="Samples so much nearer to one training sample than to the second nearest as only 1% "
        "of held-out ones are; about 0.01 for fresh data.",
        source="ganstudy",
        implementation="ganstudy.trials.measures.copying:COPYING",
    ),
    Measure(
        name="loss_d",
        label="Discriminator loss",
        group=GAME,
        unit="loss units",
        direction="none",
        meaning="Mean since the last evaluation.",
        source="ganstudy",
    ),
    Measure(
        name="loss_g",
        label="Generator loss",
        group=GAME,
        unit="loss units",
        direction="none",
        meaning="The same; an autoencoder's reconstruction loss, a VAE's negative bound.",
        source="ganstudy",
    ),
    Measure(
        name="d_real",
        label="D(x)",
        group=GAME,
        unit="probability",
        direction="none",
        meaning="Mean on training data; 1/2 at the optimum. Cross-entropy losses only.",
        source="Goodfellow et al. 2014, sec. 4",
    ),
    Measure(
        name="d_fake",
        label="D(G(z))",
        group=GAME,
        unit="probability",
        direction="none",
        meaning="The same on generated samples.",
        source="Goodfellow et al. 2014, sec. 4",
    ),
    Measure(
        name="d_auc",
        label="Discriminator AUC",
        group=GAME,
        unit="probability",
        direction="none",
        meaning="Chance that the discriminator ranks a training sample above a generated one; 1/2 at "
        "the optimum.",
        source="Hanley & McNeil 1982",
    ),
    Measure(
        name="gradient_norm_d",
        label="Gradient norm D",
        group=GAME,
        unit="loss units per parameter unit",
        direction="none",
        meaning="L2 norm of the discriminator's gradient, mean of every tenth step since the last "
        "evaluation.",
        source="ganstudy",
    ),
    Measure(
        name="gradient_norm_g",
        label="Gradient norm G",
        group=GAME,
        unit="loss units per parameter unit",
        direction="none",
        meaning="The same of the generator.",
        source="ganstudy",
    ),
    Measure(
        name="mismatch",
        label="Objective mismatch",
        group=GAME,
        unit="rank correlation, -1 to 1",
        direction="none",
        meaning="Spearman correlation of the generator's loss with FID so far: near 1 the loss "
        "shows the quality, below 0 it misleads.",
        source="ganstudy",
    ),
    Measure(
        name="duality_gap",
        label="Duality gap",
        group=GAME,
        unit="loss units",
        direction="down",
        meaning="What a player's best answer would still gain, at least; 0 at an equilibrium.",
        source="Grnarova et al. 2019",
        at_end=True,
    ),
    Measure(
        name="path_attraction",
        label="Path attraction",
        group=GAME,
        unit="cosine, -1 to 1",
        direction="none",
        meaning="1 where the game is pulled towards the last point, below 0 where it is pushed "
        "away.",
        source="Berard et al. 2020",
        at_end=True,
    ),
    Measure(
        name="path_rotation",
        label="Path rotation",
        group=GAME,
        unit="cosine, -1 to 1",
        direction="none",
        meaning="1 where the game turns around the last point, at most 0 where it follows a "
        "single loss.",
        source="Berard et al. 2020 (the bump), taken on both sides",
        at_end=True,
    ),
)

MEASURES: dict[str, Measure] = {measure.name: measure for measure in _ALL}
"""By name. Those of a study's own files are added when it is read (trials/results/own_measures.py)."""
